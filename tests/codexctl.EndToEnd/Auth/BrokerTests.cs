using System.Text;
using Codexctl.Auth;
using Codexctl.EndToEnd.Faults;
using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd.Auth;

/// <summary>`run --openai --broker`: Codex works, and nothing of the login is in the box, ever.</summary>
public class BrokerTests
{
    [Theory, BothEngines("chatgpt"), BothEngines("apikey")]
    public async Task Codex_works_without_a_login_in_its_box(Engine engine, string kind)
    {
        await using var online = await OnlineScene.CreateAsync(engine);
        await SignInAsync(online, kind);

        var outcome = await online.Scene.RunAsync("run", "--openai", "--broker", "--", "exec", "say hi");

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldBe("online ok\n");
        outcome.Error.ShouldContain("1 model call, 13 tokens (11 in, 2 out); reached nothing but the model");
        var request = online.OpenAi.Responses.ShouldHaveSingleItem();
        request.Target.ShouldBe(kind == "apikey" ? "/v1/responses" : "/backend-api/codex/responses");
        (await online.SearchInsideAsync(online.OpenAi.Secrets, "--openai", "--broker")).ShouldBe("");
        (await online.SearchOutsideAsync(online.OpenAi.Secrets)).ShouldBeEmpty();
        await online.Scene.NothingIsLeftAsync();
    }

    [Fact]
    public async Task A_token_that_openai_refuses_is_renewed_on_the_host()
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap);
        await SignInAsync(online, "chatgpt");
        online.OpenAi.RefusedUpTo = 1;

        var outcome = await online.Scene.RunAsync("run", "--openai", "--broker", "--", "exec", "say hi");

        outcome.Output.ShouldBe("online ok\n", outcome.ToString());
        online.OpenAi.Refreshes.Count().ShouldBe(1);
        online.OpenAi.Reused.ShouldBe(0);
        (await online.StoredAsync())!.RefreshToken.ShouldBe(online.OpenAi.RefreshTokens.Order().Last());
    }

    [Theory, BothEngines]
    public async Task The_box_gets_nothing_else_through_the_broker(Engine engine)
    {
        await using var online = await OnlineScene.CreateAsync(engine);
        await SignInAsync(online, "apikey");
        const string Ask =
            "ask() { echo \"$(curl -s -o /dev/null -w '%{http_code}' -H \"Authorization: Bearer $2\" --path-as-is $3 http://127.0.0.1:11434$1) $1\"; }; "
            + "ask /v1/models $CODEXCTL_RUN_KEY; ask /v1/models wrong; ask /v1/files $CODEXCTL_RUN_KEY; "
            + "ask /v1/models/../files $CODEXCTL_RUN_KEY; ask /backend-api/me $CODEXCTL_RUN_KEY; ask /codexctl/login/token $CODEXCTL_RUN_KEY; "
            + "ask /v1/responses $CODEXCTL_RUN_KEY '-H Upgrade:websocket'; "
            + "curl -s -o /dev/null -w '%{http_code}' -x http://127.0.0.1:3128 http://api.openai.com/";
        await online.Scene.RunAsync("run", "--openai", "--broker", "--cmd", "true");
        if ((await online.Scene.RunAsync("run", "--openai", "--broker", "--cmd", "sh", "-c", "command -v curl")).ExitCode != 0)
        {
            throw new InvalidOperationException("The box has no curl.");
        }

        var outcome = await online.Scene.RunAsync("run", "--openai", "--broker", "--cmd", "sh", "-c", Ask);

        outcome.Output.ShouldBe(
            "200 /v1/models\n401 /v1/models\n403 /v1/files\n403 /v1/models/../files\n403 /backend-api/me\n403 /codexctl/login/token\n426 /v1/responses\n403",
            outcome.ToString()
        );
        online.OpenAi.Seen.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_login_of_another_kind_is_refused_before_anything_is_made()
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap);
        var file = new EncryptedFile(Path.Combine(online.Scene.Paths.Login, "login"), passphrase: null);
        await file.WriteAsync(Encoding.UTF8.GetBytes("{\"auth_mode\":\"agentIdentity\",\"agent\":\"x\"}"));

        var outcome = await online.Scene.RunAsync("run", "--openai", "--broker", "--", "exec", "say hi");

        outcome.ExitCode.ShouldBe(4, outcome.ToString());
        outcome.Error.ShouldContain("cannot be used by the broker");
        (await online.Scene.ContainersAsync()).ShouldBeEmpty();
    }

    private static async Task SignInAsync(OnlineScene online, string kind)
    {
        if (kind == "chatgpt")
        {
            await online.SignedInAsync();
            return;
        }
        var kept = await online.Scene.RunAsync(new Call("auth", "--with-api-key") { Text = online.OpenAi.ApiKey });
        kept.ExitCode.ShouldBe(0, kept.ToString());
    }
}
