using Codexctl.Auth;
using Codexctl.EndToEnd.Faults;
using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd.Auth;

/// <summary>`run --openai` with the real Codex: what it does, and where the login is meanwhile and afterwards.</summary>
public class OnlineRunTests
{
    private const string AuthFile = "/home/coder/.codex/auth.json";

    [Theory, BothEngines(), BothEngines("--temp")]
    public async Task Codex_works_with_openai_and_nothing_of_the_login_stays(Engine engine, params string[] options)
    {
        await using var online = await OnlineScene.CreateAsync(engine);
        await online.SignedInAsync();

        var outcome = await online.Scene.RunAsync(["run", "--openai", .. options ?? [], "--", "exec", "say hi"]);

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldBe("online ok\n");
        outcome.Error.ShouldContain("reached chatgpt.com; refused nothing");
        online.OpenAi.Responses.Single().Headers["chatgpt-account-id"].ShouldBe("acct-fake-1");
        online.OpenAi.Refreshes.ShouldBeEmpty();
        await online.Scene.NothingIsLeftAsync();
        (await online.SearchOutsideAsync(online.OpenAi.Secrets)).ShouldBeEmpty();
    }

    [Theory, BothEngines]
    public async Task In_the_mode_access_only_the_refresh_token_is_nowhere_in_the_box(Engine engine)
    {
        await using var online = await OnlineScene.CreateAsync(engine);
        var login = await online.SignedInAsync();

        (await online.SearchInsideAsync([login.RefreshToken!], "--openai")).ShouldBe("");
        (await online.SearchInsideAsync([login.AccessToken!], "--openai")).ShouldBe(AuthFile + "\n");
        var modes = await online.Scene.RunAsync(
            "run",
            "--openai",
            "--cmd",
            "sh",
            "-c",
            $"stat -c %a {AuthFile}; [ -O {AuthFile} ] && echo own"
        );
        modes.Output.ShouldBe("600\nown\n", modes.ToString());
        // A run of the local model finds nothing of it.
        (await online.SearchInsideAsync(online.OpenAi.Secrets)).ShouldBe("");
    }

    [Theory]
    [InlineData("access-only")]
    [InlineData("full")]
    [InlineData("broker")]
    public async Task While_a_container_runs_not_even_root_and_the_engine_find_more_than_the_mode_says(string mode)
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Docker, mode);
        var login = await online.SignedInAsync();
        await online.Scene.HoldAsync("--openai");

        (await online.SearchAsRootAsync([login.RefreshToken!])).ShouldBe(mode == "full" ? [AuthFile] : []);
        (await online.SearchAsRootAsync([login.AccessToken!])).ShouldBe(mode == "broker" ? [] : [AuthFile]);
        (await online.SearchEngineAsync(online.OpenAi.Secrets)).ShouldBeEmpty();
        // They find what is there.
        (await online.SearchAsRootAsync(["LOGNAME=coder"])).ShouldContain(found => found.EndsWith("/environ"));
        (await online.SearchEngineAsync([(await online.Scene.StatesAsync()).Keys.Single()])).ShouldContain(found =>
            found.EndsWith("inspect")
        );
    }

    [Theory, BothEngines]
    public async Task In_the_mode_full_it_is_where_the_mode_says_and_gone_afterwards(Engine engine)
    {
        await using var online = await OnlineScene.CreateAsync(engine, "full");
        var login = await online.SignedInAsync();

        (await online.SearchInsideAsync([login.RefreshToken!], "--openai")).ShouldBe(AuthFile + "\n");

        (await online.SearchOutsideAsync(online.OpenAi.Secrets)).ShouldBeEmpty();
        (await online.StoredAsync())!.SameBytes(login).ShouldBeTrue();
    }

    [Theory]
    [InlineData(Engine.Docker, "access-only")]
    [InlineData(Engine.Bubblewrap, "access-only")]
    [InlineData(Engine.Bubblewrap, "full")]
    public async Task A_token_that_openai_refuses_is_renewed_on_the_host_without_losing_the_turn(Engine engine, string mode)
    {
        await using var online = await OnlineScene.CreateAsync(engine, mode);
        var login = await online.SignedInAsync();
        online.OpenAi.RefusedUpTo = 1;

        var outcome = await online.Scene.RunAsync("run", "--openai", "--", "exec", "say hi");

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldBe("online ok\n");
        online.OpenAi.Refreshes.Count().ShouldBe(1);
        online.OpenAi.Reused.ShouldBe(0);
        var stored = (await online.StoredAsync())!;
        stored.RefreshToken.ShouldNotBe(login.RefreshToken);
        online.OpenAi.RefreshTokens.ShouldContain(stored.RefreshToken!);
        (await online.SearchOutsideAsync(online.OpenAi.Secrets)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_token_that_ends_soon_is_renewed_before_the_run()
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap);
        online.OpenAi.FirstLife = TimeSpan.FromMinutes(1);
        await online.SignedInAsync();

        (await online.Scene.RunAsync("run", "--openai", "--", "exec", "say hi")).Output.ShouldBe("online ok\n");

        online.OpenAi.Refreshes.Count().ShouldBe(1);
    }

    [Theory, InlineData("access-only"), InlineData("full")]
    public async Task Runs_in_several_boxes_at_once_renew_one_after_the_other_and_none_loses_its_login(string mode)
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap, mode);
        await online.SignedInAsync();
        online.OpenAi.RefusedUpTo = 1;
        online.OpenAi.RefreshTime = TimeSpan.FromMilliseconds(300);
        string[] folders = [online.Scene.NewFolder("one"), online.Scene.NewFolder("two"), online.Scene.NewFolder("three")];

        var outcomes = await Task.WhenAll(
            folders.Select(folder => online.Scene.RunAsync(new Call("run", "--openai", "--", "exec", "say hi") { Folder = folder }))
        );

        outcomes.ShouldAllBe(outcome => outcome.Output == "online ok\n");
        online.OpenAi.Reused.ShouldBe(0);
        var stored = (await online.StoredAsync())!;
        // The next run goes on with what is stored.
        online.OpenAi.RefusedUpTo = 100;
        _ = await online.Scene.RunAsync("run", "--openai", "--", "exec", "say hi");
        online.OpenAi.Reused.ShouldBe(0);
        (await online.StoredAsync())!.RefreshToken.ShouldNotBe(stored.RefreshToken);
    }

    [Theory]
    [InlineData(Engine.Docker, false)]
    [InlineData(Engine.Bubblewrap, false)]
    [InlineData(Engine.Docker, true)]
    [InlineData(Engine.Bubblewrap, true)]
    public async Task What_codex_refreshed_in_the_box_is_stored_whoever_is_killed(Engine engine, bool gatewayToo)
    {
        await using var online = await OnlineScene.CreateAsync(engine, "full");
        var login = await online.SignedInAsync();
        // As Codex writes it: a new file in the place of the old one.
        const string Refresh =
            "f=/home/coder/.codex/auth.json; sed -e 's/rt_fake_1_[0-9a-f]*/rt_in_the_box/' -e 's/\"last_refresh\":\"[^\"]*\"/\"last_refresh\":\"'$(date -u +%FT%TZ)'\"/' $f >$f.n && mv $f.n $f; touch /workdir/done; sleep 300";
        var running = online.Scene.Start("run", "--openai", "--cmd", "sh", "-c", Refresh);
        await Scene.EventuallyAsync(() => File.Exists(Path.Combine(online.Scene.Work, "done")), "the box refreshes");

        if (gatewayToo)
        {
            // The front end first: it would launch the next gateway.
            running.Signal("STOP");
            Host.Kill(online.Scene.Gateways().Single());
        }
        running.Signal();

        if (gatewayToo)
        {
            // A run of any kind looks after it.
            var next = await online.Scene.RunAsync("run", "--cmd", "sh", "-c", "ls -A /home/coder/.codex | grep -c auth.json; true");
            next.Output.ShouldBe("0\n", next.ToString());
        }
        await Scene.EventuallyAsync(async () => (await online.StoredAsync())!.RefreshToken == "rt_in_the_box", "the login is stored");
        await online.Scene.NothingIsLeftAsync();
        (await online.SearchOutsideAsync(["rt_in_the_box", login.AccessToken!])).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("printf '' >")]
    [InlineData("printf '{\"auth_mode\":\"chatgpt\",\"tokens\":{\"refresh_token\":\"rt_torn' >")]
    [InlineData(
        "printf '{\"auth_mode\":\"chatgpt\",\"tokens\":{\"refresh_token\":\"rt_other\",\"account_id\":\"evil\"},\"last_refresh\":\"2099-01-01T00:00:00Z\"}' >"
    )]
    [InlineData("rm -f")]
    [InlineData("mkfifo /tmp/p; ln -sf /tmp/p")]
    public async Task What_an_agent_makes_of_its_auth_json_is_never_stored(string does)
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap, "full");
        var login = await online.SignedInAsync();

        var outcome = await online.Scene.RunAsync("run", "--openai", "--cmd", "sh", "-c", $"{does} {AuthFile}");

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        (await online.StoredAsync())!.SameBytes(login).ShouldBeTrue();
        await online.Scene.NothingIsLeftAsync();
    }

    [Fact]
    public async Task Without_a_login_a_script_is_told_to_sign_in()
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap);

        var outcome = await online.Scene.RunAsync("run", "--openai", "--", "exec", "say hi");

        outcome.ExitCode.ShouldBe(4, outcome.ToString());
        outcome.Error.ShouldContain("codexctl auth");
        (await online.Scene.ContainersAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task With_auth_the_sign_in_comes_first()
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap);

        var outcome = await online.Scene.RunAsync("run", "--openai", "--auth", "--", "exec", "say hi");

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldContain("ABCD-1234");
        outcome.Output.ShouldEndWith("online ok\n");
    }

    [Fact]
    public async Task A_login_that_was_revoked_is_said_before_anything_is_made()
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap);
        online.OpenAi.FirstLife = TimeSpan.FromMinutes(1);
        online.OpenAi.FailRefresh = "refresh_token_invalidated";
        await online.SignedInAsync();

        var outcome = await online.Scene.RunAsync("run", "--openai", "--", "exec", "say hi");

        outcome.ExitCode.ShouldBe(4, outcome.ToString());
        outcome.Error.ShouldContain("revoked");
        (await online.Scene.ContainersAsync()).ShouldBeEmpty();
    }

    [Theory, BothEngines]
    public async Task Local_and_online_runs_are_never_in_one_box(Engine engine)
    {
        await using var online = await OnlineScene.CreateAsync(engine);
        await online.SignedInAsync();
        await online.Scene.HoldAsync("--openai");

        var local = await online.Scene.RunAsync("run", "--cmd", "true");

        local.ExitCode.ShouldBe(125, local.ToString());
        local.Error.ShouldContain("in use with OpenAI's models");
    }

    [Theory, BothEngines]
    public async Task A_login_in_the_home_of_local_runs_is_refused_with_the_reason(Engine engine)
    {
        await using var online = await OnlineScene.CreateAsync(engine);
        const string Stray = "/home/coder/.codex-local/auth.json";
        (await online.Scene.RunAsync("run", "--cmd", "sh", "-c", $"echo '{{}}' > {Stray}")).ExitCode.ShouldBe(0);

        var refused = await online.Scene.RunAsync("run", "--", "exec", "say hi");

        refused.ExitCode.ShouldBe(125, refused.ToString());
        refused.Error.ShouldContain("local runs need none");
        (await online.Scene.RunAsync("run", "--cmd", "rm", Stray)).ExitCode.ShouldBe(0);
        (await online.Scene.RunAsync("run", "--", "exec", "say hi")).ExitCode.ShouldBe(0);
    }
}
