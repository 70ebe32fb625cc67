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
        Host.Processes()
            .Where(process => online.OpenAi.Secrets.Any(secret => process.ToString().Contains(secret, StringComparison.Ordinal)))
            .ShouldBeEmpty();
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

    // The same account, later: by its words alone it cannot be told from what Codex writes.
    private const string Forge =
        "f=/home/coder/.codex/auth.json; sed -e 's/\"refresh_token\":\"[^\"]*\"/\"refresh_token\":\"rt_of_somebody_else\"/' "
        + "-e 's/\"last_refresh\":\"[^\"]*\"/\"last_refresh\":\"'$(date -u +%FT%TZ)'\"/' $f >$f.n && mv $f.n $f && grep -c rt_of_somebody_else $f";

    [Theory, BothEngines]
    public async Task A_box_that_never_had_the_whole_login_gives_none_back(Engine engine)
    {
        await using var online = await OnlineScene.CreateAsync(engine);
        var login = await online.SignedInAsync();

        var forged = await online.Scene.RunAsync("run", "--openai", "--cmd", "sh", "-c", Forge);
        forged.Output.ShouldBe("1\n", forged.ToString());

        (await online.StoredAsync())!.SameBytes(login).ShouldBeTrue();
        (await online.Scene.RunAsync("run", "--openai", "--", "exec", "say hi")).Output.ShouldBe("online ok\n");
        (await online.StoredAsync())!.SameBytes(login).ShouldBeTrue();
        (await online.SearchOutsideAsync(["rt_of_somebody_else"])).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("access-only")]
    [InlineData("full")]
    [InlineData("broker")]
    public async Task Whatever_an_agent_puts_in_the_place_of_the_login_the_next_run_works(string mode)
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap, mode);
        var login = await online.SignedInAsync();
        string[] plants =
        [
            "mkdir -p $f/x/y; chmod 0 $f/x",
            "mkfifo $f",
            "ln -s /workdir $f",
            "ln -s /dev/zero $f",
            "head -c 3000000 /dev/zero >$f",
            "printf '{\"x\":\"\\\\ud800\"}' >$f",
            "echo '{}' >$f; chmod 0 $f",
            "chmod 500 ${f%/*}",
            "rm -rf ${f%/*}; ln -s /workdir/elsewhere ${f%/*}",
            "rm -rf ${f%/*}; echo > ${f%/*}",
        ];
        Directory.CreateDirectory(Path.Combine(online.Scene.Work, "elsewhere"));
        // Each run works, and leaves the next one its plant.
        foreach (var plant in plants.Append("true"))
        {
            var outcome = await online.Scene.RunAsync(
                "run",
                "--openai",
                "--cmd",
                "sh",
                "-ec",
                $"codex exec --skip-git-repo-check 'say hi' </dev/null; f={AuthFile}; rm -rf $f; {plant}"
            );
            (outcome.ExitCode, outcome.Output).ShouldBe((0, "online ok\n"), $"before {plant}: {outcome}");
        }
        (await online.StoredAsync())!.SameBytes(login).ShouldBeTrue();
        Directory
            .EnumerateFileSystemEntries(Path.Combine(online.Scene.Work, "elsewhere"), "auth.json", SearchOption.AllDirectories)
            .ShouldBeEmpty();
        (await online.SearchOutsideAsync(online.OpenAi.Secrets)).ShouldBeEmpty();
    }

    [Theory, InlineData("access-only"), InlineData("full")]
    public async Task A_token_that_ends_in_the_middle_of_a_run_is_exchanged_at_the_door(string mode)
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap, mode);
        online.OpenAi.FirstLife = TimeSpan.FromSeconds(30);
        var ended = (string)online.OpenAi.Login()["tokens"]!["access_token"]!;
        online.OpenAi.FirstLife = TimeSpan.FromHours(1);
        var login = await online.SignedInAsync();
        // As if the run had gone on for an hour.
        await File.WriteAllTextAsync(
            Path.Combine(online.Scene.Work, "later"),
            $"f={AuthFile}; sed 's/\"access_token\":\"[^\"]*\"/\"access_token\":\"{ended}\"/' $f >$f.n && mv $f.n $f && exec codex exec --skip-git-repo-check 'say hi' </dev/null"
        );

        var outcome = await online.Scene.RunAsync("run", "--openai", "--cmd", "sh", "/workdir/later");

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldBe("online ok\n");
        online.OpenAi.Responses.Single().Headers["authorization"].ShouldBe($"Bearer {login.AccessToken}");
        // The one that is stored was good: nobody needed to ask OpenAI.
        online.OpenAi.Refreshes.ShouldBeEmpty();
    }

    [Theory, InlineData("access-only"), InlineData("full")]
    public async Task Signing_out_in_the_box_does_not_end_the_login(string mode)
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap, mode);
        var login = await online.SignedInAsync();

        var outcome = await online.Scene.RunAsync("run", "--openai", "--cmd", "codex", "logout");

        outcome.Error.ShouldContain("Successfully logged out");
        online.OpenAi.Seen.ShouldNotContain(request => request.Target.Contains("revoke"));
        (await online.StoredAsync())!.SameBytes(login).ShouldBeTrue();
        (await online.Scene.RunAsync("run", "--openai", "--", "exec", "say hi")).Output.ShouldBe("online ok\n");
    }

    [Theory, InlineData("access-only"), InlineData("full")]
    public async Task An_api_key_is_in_the_box_for_as_long_as_the_run(string mode)
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap, mode);
        (await online.Scene.RunAsync(new Call("auth", "--with-api-key") { Text = online.OpenAi.ApiKey + "\n" })).ExitCode.ShouldBe(0);

        var outcome = await online.Scene.RunAsync("run", "--openai", "--", "exec", "say hi");

        outcome.Output.ShouldBe("online ok\n", outcome.ToString());
        online.OpenAi.Responses.Single().Headers["authorization"].ShouldBe($"Bearer {online.OpenAi.ApiKey}");
        (await online.SearchInsideAsync([online.OpenAi.ApiKey], "--openai")).ShouldBe(AuthFile + "\n");
        (await online.SearchInsideAsync([online.OpenAi.ApiKey])).ShouldBe("");
        (await online.SearchOutsideAsync([online.OpenAi.ApiKey])).ShouldBeEmpty();
        (await online.StoredAsync())!.ApiKey.ShouldBe(online.OpenAi.ApiKey);
    }

    [Theory]
    [InlineData("access-only", "chatgpt")]
    [InlineData("full", "chatgpt")]
    [InlineData("broker", "chatgpt")]
    [InlineData("broker", "apikey")]
    public async Task Nothing_that_codexctl_says_records_or_exports_holds_a_secret(string mode, string kind)
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap, mode);
        online.Scene.Environment["CODEXCTL_AUTH_PASSPHRASE"] = "a passphrase of the test";
        if (kind == "apikey")
        {
            (await online.Scene.RunAsync(new Call("auth", "--with-api-key") { Text = online.OpenAi.ApiKey })).ExitCode.ShouldBe(0);
        }
        else
        {
            (await online.Scene.RunAsync("auth", "--verbose", "--timing")).ExitCode.ShouldBe(0);
        }
        string[] secrets = [.. online.OpenAi.Secrets, "a passphrase of the test"];

        var run = await online.Scene.RunAsync("run", "--openai", "--record", "--verbose", "--timing", "--", "exec", "say hi");
        var log = await online.Scene.RunAsync("log");
        var har = await online.Scene.RunAsync("log", "export", "--har", "-");
        var doctor = await online.Scene.RunAsync("doctor", "--quick", "--verbose");
        var inside = await online.SearchInsideAsync(["a passphrase of the test"], "--openai");

        run.Output.ShouldBe("online ok\n", run.ToString());
        // What goes through TLS is not recorded; what the broker passes on is.
        log.Output.Contains("online ok", StringComparison.Ordinal).ShouldBe(mode == "broker", log.ToString());
        inside.ShouldBe("");
        foreach (var said in (Outcome[])[run, log, har, doctor])
        {
            secrets.Where(secret => said.ToString().Contains(secret, StringComparison.Ordinal)).ShouldBeEmpty();
        }
        (await online.SearchOutsideAsync(secrets)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_store_that_does_not_exist_is_told_with_those_that_do()
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap);
        online.Scene.Environment["CODEXCTL_AUTH_STORE"] = "wallet";

        string[][] commands =
        [
            ["auth", "status"],
            ["auth"],
            ["keychain", "verify"],
            ["run", "--openai", "--cmd", "true"],
        ];
        foreach (var command in commands)
        {
            var outcome = await online.Scene.RunAsync(command);
            outcome.ExitCode.ShouldBe(2, outcome.ToString());
            outcome.Error.ShouldContain("keychain, secret-service, file");
            outcome.Error.ShouldContain("CODEXCTL_AUTH_STORE");
        }
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
        // Also where Codex is started by a shell; what is not Codex runs, with a word.
        (await online.Scene.RunAsync("run", "--cmd", "codex exec 'say hi'")).ExitCode.ShouldBe(125);
        var other = await online.Scene.RunAsync("run", "--cmd", "echo fine");
        (other.ExitCode, other.Output).ShouldBe((0, "fine\n"), other.ToString());
        other.Error.ShouldContain("local runs need none");
        (await online.Scene.RunAsync("run", "--cmd", "rm", Stray)).ExitCode.ShouldBe(0);
        (await online.Scene.RunAsync("run", "--", "exec", "say hi")).ExitCode.ShouldBe(0);
    }
}
