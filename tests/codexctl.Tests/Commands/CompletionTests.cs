using Codexctl.Commands;
using Codexctl.ModelServers;

namespace Codexctl.Tests.Commands;

/// <summary>What the tab key offers.</summary>
public sealed class CompletionTests : IDisposable
{
    private readonly Tree _tree = new();

    public void Dispose() => _tree.Dispose();

    private void Config(string text)
    {
        Directory.CreateDirectory(_tree.App.Paths.Config);
        File.WriteAllText(_tree.App.Paths.ConfigFile, text);
    }

    [Fact]
    public void Commands_but_not_the_hidden_ones()
    {
        var words = _tree.Suggest("");

        words.ShouldContain("run");
        words.ShouldContain("uninstall");
        words.ShouldNotContain("gateway");
        words.ShouldNotContain("reference");
        _tree.Suggest("res").ShouldBe(["restart"]);
    }

    [Theory]
    [InlineData("run --engine ", "bubblewrap")]
    [InlineData("ls --engine ", "podman")]
    [InlineData("run --image ", "codex-python")]
    [InlineData("build --image ", "codex-swift")]
    [InlineData("upgrade --image ", "codex-office")]
    [InlineData("run --profile ", "gpt-oss")]
    [InlineData("run --server ", "lmstudio")]
    [InlineData("run --allow ", "pypi")]
    [InlineData("allow ", "npm")]
    [InlineData("run --network ", "full")]
    [InlineData("completion ", "fish")]
    [InlineData("config get ", "default_image")]
    public void Values_that_codexctl_knows(string line, string expected) => _tree.Suggest(line).ShouldContain(expected);

    [Fact]
    public void The_beginning_of_a_value_narrows_what_is_offered()
    {
        _tree.Suggest("run --engine bu").ShouldBe(["bubblewrap"]);
        _tree.Suggest("run --mod").ShouldBe(["--model", "--model-url"], ignoreOrder: true);
    }

    [Fact]
    public void Profiles_and_servers_of_the_settings()
    {
        Config("[profiles.fast]\nmodel = \"small\"\n[servers.attic]\nurl = \"http://192.0.2.7:8000\"\n");

        _tree.Suggest("run --profile ").ShouldBe(["fast", "gpt-oss"], ignoreOrder: true);
        _tree.Suggest("run --server ").ShouldContain("attic");
        _tree.Suggest("models --server ").ShouldContain("attic");
    }

    [Theory]
    [InlineData("exec --name ")]
    [InlineData("stop --name ")]
    [InlineData("upgrade ")]
    public void Containers_that_have_a_gateway_order(string line)
    {
        var files = _tree.App.Paths.Container("bubblewrap", "codex-mine");
        Directory.CreateDirectory(files.Root);
        File.WriteAllText(files.GatewayOrder, "{}");
        Directory.CreateDirectory(_tree.App.Paths.Container("bubblewrap", "codex-gone").Receipts);

        var words = _tree.Suggest(line);

        words.ShouldContain("codex-mine");
        words.ShouldNotContain("codex-gone");
    }

    [Fact]
    public async Task Models_of_the_server_that_the_settings_name()
    {
        await using var usual = await FakeOllama.StartAsync();
        await using var chosen = await FakeOllama.StartAsync();
        chosen.Models.Clear();
        chosen.Models.Add(FakeModel.GptOss with { Name = "in-the-attic" });
        using var tree = new Tree(("OLLAMA_HOST", usual.Address.AbsoluteUri.TrimEnd('/')));
        var config = tree.App.Paths.ConfigFile;
        Directory.CreateDirectory(Path.GetDirectoryName(config)!);

        tree.Suggest("run --model ").ShouldContain("gpt-oss:20b");
        await File.WriteAllTextAsync(
            config,
            $"[model]\nserver = \"attic\"\n[servers.attic]\nurl = \"{chosen.Address}\"\n",
            TestContext.Current.CancellationToken
        );
        tree.Suggest("run --model ").ShouldBe(["in-the-attic"]);
        tree.Suggest("models use ").ShouldContain("in-the-attic");
        // A server that was typed before wins.
        tree.Suggest("run --server ollama --model ").ShouldContain("gpt-oss:20b");
    }

    [Fact]
    public void Settings_that_cannot_be_read_and_servers_that_do_not_answer_offer_nothing()
    {
        Config("engine = 3\n");
        _tree.Suggest("run --profile ").ShouldNotContain("gpt-oss");
        _tree.Suggest("run --model ").ShouldNotContain("gpt-oss:20b");
    }
}
