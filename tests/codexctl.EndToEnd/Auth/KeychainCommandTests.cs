using System.Text;
using Codexctl.Auth;
using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd.Auth;

/// <summary>`codexctl keychain …` on real containers.</summary>
public class KeychainCommandTests
{
    [Theory, BothEngines]
    public async Task A_login_goes_into_a_container_and_comes_out_of_it(Engine engine)
    {
        await using var online = await OnlineScene.CreateAsync(engine);
        var login = await online.SignedInAsync();
        await online.Scene.HoldAsync();
        var name = (await online.Scene.StatesAsync()).Keys.Single();

        (await online.Scene.RunAsync("keychain", "load-to-container", name)).ExitCode.ShouldBe(0);
        var inside = await online.Scene.RunAsync(
            "exec",
            "sh",
            "-c",
            "stat -c %a ~/.codex/auth.json; [ -O ~/.codex/auth.json ] && echo own; cat ~/.codex/auth.json"
        );
        inside.Output.ShouldBe("600\nown\n" + Encoding.UTF8.GetString(login.Bytes.Span));

        (await online.Scene.RunAsync("auth", "logout")).ExitCode.ShouldBe(0);
        (await online.Scene.RunAsync("keychain", "verify")).ExitCode.ShouldBe(1);
        (await online.Scene.RunAsync("keychain", "load-to-container", name)).ExitCode.ShouldBe(1);
        (await online.Scene.RunAsync("keychain", "store-from-container", name)).ExitCode.ShouldBe(0);
        (await online.StoredAsync())!.SameBytes(login).ShouldBeTrue();
        (await online.Scene.RunAsync("keychain", "verify")).ExitCode.ShouldBe(0);
        (await online.Scene.RunAsync("keychain", "read")).Output.ShouldBe(Encoding.UTF8.GetString(login.Bytes.Span) + "\n");
    }

    [Theory]
    [InlineData("printf '' >", "it is empty")]
    [InlineData("printf '{\"tokens\":{\"refresh' >", "it is not whole")]
    [InlineData("printf '{}' >", "no refresh token and no API key")]
    [InlineData("rm -f", "There is no")]
    public async Task What_is_no_login_is_not_stored(string does, string words)
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap);
        var login = await online.SignedInAsync();
        await online.Scene.HoldAsync();
        var name = (await online.Scene.StatesAsync()).Keys.Single();
        await online.Scene.RunAsync("exec", "sh", "-c", $"mkdir -p ~/.codex; {does} ~/.codex/auth.json");

        var outcome = await online.Scene.RunAsync("keychain", "store-from-container", name);

        outcome.ExitCode.ShouldBe(1, outcome.ToString());
        outcome.Error.ShouldContain(words);
        (await online.StoredAsync())!.SameBytes(login).ShouldBeTrue();
    }

    [Fact]
    public async Task Local_homes_and_containers_that_do_not_run_are_refused()
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap);
        await online.SignedInAsync();
        await online.Scene.RunAsync("run", "--cmd", "true");
        var name = (await online.Scene.StatesAsync()).Keys.Single();

        (await online.Scene.RunAsync("keychain", "load-to-container", name)).Error.ShouldContain("is not running");
        var local = await online.Scene.RunAsync("keychain", "load-to-container", name, "/home/coder/.codex-local/auth.json");
        local.Error.ShouldContain("never holds a login");
        (await online.Scene.RunAsync("keychain", "store-from-container", "no-such-one")).ExitCode.ShouldBe(1);
    }

    [Fact]
    public async Task Read_shows_nothing_on_a_terminal_unless_asked_to()
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap);
        var login = await online.SignedInAsync();
        using var terminal = online.Scene.OpenTerminal();

        var (code, output) = terminal.Shell("codexctl keychain read");
        code.ShouldBe(1);
        output.ShouldContain("--show");
        output.ShouldNotContain("rt_fake_");
        terminal.Shell("codexctl keychain read --show").Output.ReplaceLineEndings("").ShouldContain(login.RefreshToken!);
        terminal.Shell("codexctl keychain read | wc -c").ExitCode.ShouldBe(0);
    }
}
