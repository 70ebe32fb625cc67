using System.Text.Json.Nodes;
using Codexctl.Auth;
using Codexctl.EndToEnd.Faults;
using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd.Auth;

/// <summary>`codexctl auth` with the real Codex and its device login.</summary>
public class SignInTests
{
    [Theory, BothEngines]
    public async Task A_device_login_is_stored_and_its_box_is_gone(Engine engine)
    {
        await using var online = await OnlineScene.CreateAsync(engine);

        var outcome = await online.Scene.RunAsync("auth");

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldContain("https://auth.openai.com/codex/device");
        outcome.Output.ShouldContain("ABCD-1234");
        var stored = (await online.StoredAsync())!;
        stored.Kind.ShouldBe(LoginKind.ChatGpt);
        online.OpenAi.RefreshTokens.ShouldBe([stored.RefreshToken!]);
        online.OpenAi.Connects.Distinct().ShouldBe(["auth.openai.com:443"]);
        (await online.Scene.ContainersAsync()).ShouldBeEmpty();
        await online.Scene.NothingIsLeftAsync();
        (await online.SearchOutsideAsync(online.OpenAi.Secrets)).ShouldBeEmpty();

        var status = JsonNode.Parse((await online.Scene.RunAsync("auth", "status", "--json")).Output)!;
        ((bool)status["signedIn"]!).ShouldBeTrue();
        ((string?)status["email"]).ShouldBe("dev@example.com");
        ((string?)status["store"]).ShouldBe("file");
        ((string?)status["mode"]).ShouldBe("access-only");
    }

    [Theory, BothEngines]
    public async Task A_login_that_fails_stores_nothing_and_leaves_nothing(Engine engine)
    {
        await using var online = await OnlineScene.CreateAsync(engine);
        online.OpenAi.UserCodeStatus = 404;
        var before = await online.SignedInAsync();

        var outcome = await online.Scene.RunAsync("auth");

        outcome.ExitCode.ShouldBe(1, outcome.ToString());
        outcome.Error.ShouldContain("nothing was stored");
        (await online.StoredAsync())!.SameBytes(before).ShouldBeTrue();
        (await online.Scene.ContainersAsync()).ShouldBeEmpty();
        await online.Scene.NothingIsLeftAsync();
    }

    [Theory]
    [InlineData(Engine.Docker, "KILL")]
    [InlineData(Engine.Docker, "INT")]
    [InlineData(Engine.Bubblewrap, "KILL")]
    [InlineData(Engine.Bubblewrap, "INT")]
    public async Task Ended_while_the_person_signs_in_it_leaves_nothing(Engine engine, string signal)
    {
        await using var online = await OnlineScene.CreateAsync(engine);
        online.OpenAi.Pending = int.MaxValue;
        var running = online.Scene.Start("auth");
        await Scene.EventuallyAsync(
            () => online.OpenAi.Seen.Any(request => request.Target.EndsWith("/deviceauth/token", StringComparison.Ordinal)),
            "Codex asks whether the person signed in"
        );

        running.Signal(signal);

        await online.Scene.NothingIsLeftAsync();
        (await online.Scene.ContainersAsync()).ShouldBeEmpty();
        (await online.StoredAsync()).ShouldBeNull();
    }

    [Theory, BothEngines]
    public async Task What_codex_wrote_is_on_no_disk_when_everybody_is_killed_before_it_is_stored(Engine engine)
    {
        await using var online = await OnlineScene.CreateAsync(engine);
        online.OpenAi.Pending = int.MaxValue;
        var client = $"client-{online.Scene.Id}";
        var running = online.Scene.Start("auth", "--issuer", "https://auth.openai.com", "--client-id", client);
        await Scene.EventuallyAsync(() => online.OpenAi.Seen.Any(IsPoll), "Codex asks whether the person signed in");

        // Nobody takes what Codex writes now.
        running.Signal("STOP");
        online.OpenAi.Pending = 0;
        await Scene.EventuallyAsync(() => online.OpenAi.Seen.Any(request => request.Target == "/oauth/token"), "Codex gets its tokens");
        await Scene.EventuallyAsync(
            () => !Host.Processes().Any(process => process.Arguments is [.., "--experimental_client-id", var id] && id == client),
            "Codex has written them and ended"
        );
        Host.Kill(online.Scene.Gateways().Single());
        running.Signal();

        (await online.StoredAsync()).ShouldBeNull();
        (await online.SearchOutsideAsync(online.OpenAi.Secrets)).ShouldBeEmpty();
        // Whoever comes next clears the box away.
        (await online.Scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
        (await online.Scene.ContainersAsync()).ShouldHaveSingleItem();
    }

    private static bool IsPoll(Codexctl.ModelServers.SeenRequest request) =>
        request.Target.EndsWith("/deviceauth/token", StringComparison.Ordinal);

    [Fact]
    public async Task An_api_key_comes_from_a_pipe_and_shows_nowhere()
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap);

        var outcome = await online.Scene.RunAsync(new Call("auth", "--with-api-key") { Text = online.OpenAi.ApiKey + "\n" });

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        (outcome.Output + outcome.Error).ShouldNotContain(online.OpenAi.ApiKey);
        (await online.StoredAsync())!.ApiKey.ShouldBe(online.OpenAi.ApiKey);
        (await online.Scene.RunAsync("auth", "logout")).ExitCode.ShouldBe(0);
        (await online.Scene.RunAsync("auth", "status")).ExitCode.ShouldBe(4);
    }

    [Theory, InlineData(""), InlineData("two words\n"), InlineData("a\u0007b\n")]
    public async Task What_is_no_key_is_not_stored(string text)
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap);

        (await online.Scene.RunAsync(new Call("auth", "--with-api-key") { Text = text })).ExitCode.ShouldBe(2);

        (await online.StoredAsync()).ShouldBeNull();
    }
}
