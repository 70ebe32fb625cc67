using System.Text.Json.Nodes;
using Codexctl.Models;
using Tomlyn;
using Tomlyn.Model;

namespace Codexctl.Tests.Models;

public class CodexConfigurationTests
{
    [Fact]
    public void Local_mode_talks_to_the_model_route_and_nobody_else()
    {
        var toml = Read(CodexConfiguration.Local(new LocalCodex("gpt-oss:20b", SqliteHome: "/var/lib/codex")));

        toml["model"].ShouldBe("gpt-oss:20b");
        toml["web_search"].ShouldBe("disabled");
        toml["check_for_update_on_startup"].ShouldBe(false);
        toml["sqlite_home"].ShouldBe("/var/lib/codex");
        Table(toml, "analytics")["enabled"].ShouldBe(false);
        foreach (var feature in (string[])["plugins", "daemon_auto_start", "unbounded_connection_retries", "goals", "view_image"])
        {
            Table(toml, "features")[feature].ShouldBe(false);
        }
        Table(toml, "projects", "/workdir")["trust_level"].ShouldBe("trusted");
        var provider = Table(toml, "model_providers", (string)toml["model_provider"]);
        provider["base_url"].ShouldBe("http://127.0.0.1:11434/v1");
        provider["model_catalog_url"].ShouldBe("http://127.0.0.1:11434/codexctl/catalog");
        provider["experimental_bearer_token"].ShouldBe("codexctl");
    }

    [Fact]
    public void A_catalogue_file_replaces_the_address()
    {
        var toml = Read(CodexConfiguration.Local(new LocalCodex("m", CatalogFile: "/etc/codex/catalog.json")));

        toml["model_catalog_json"].ShouldBe("/etc/codex/catalog.json");
        Table(toml, "model_providers", "codexctl").ContainsKey("model_catalog_url").ShouldBeFalse();
    }

    [Theory]
    [InlineData("a\"b\\c\nd")]
    [InlineData("/folder with ünïcode 🙂/[x].y")]
    [InlineData("\u0001\u007f")]
    public void Any_text_survives_as_a_value_and_as_a_table(string text)
    {
        var toml = Read(CodexConfiguration.Local(new LocalCodex(text, Workdir: text)));

        toml["model"].ShouldBe(text);
        Table(toml, "projects", text)["trust_level"].ShouldBe("trusted");
    }

    [Fact]
    public void The_profile_of_the_seed_is_a_file_of_its_own()
    {
        var (name, text) = CodexConfiguration.Profiles([Codexctl.Settings.CodexctlSettings.GptOss]).ShouldHaveSingleItem();

        name.ShouldBe("gpt-oss.config.toml");
        var toml = Read(text);
        toml["model"].ShouldBe("gpt-oss:20b");
        // The catalogue knows the context of now.
        toml.ContainsKey("model_context_window").ShouldBeFalse();
    }

    [Fact]
    public void A_profile_of_the_settings_is_written_as_Codex_takes_it()
    {
        var files = CodexConfiguration.Profiles([new("fast", "qwen3:8b", Context: 65536, Effort: "low"), new("plain", null)]);

        var fast = Read(files["fast.config.toml"]);
        fast["model"].ShouldBe("qwen3:8b");
        fast["model_provider"].ShouldBe("codexctl");
        fast["model_context_window"].ShouldBe(65536L);
        fast["model_reasoning_effort"].ShouldBe("low");
        Read(files["plain.config.toml"]).ContainsKey("model").ShouldBeFalse();
    }

    [Fact]
    public void Online_mode_uses_the_provider_of_the_account()
    {
        var toml = Read(CodexConfiguration.Online());

        toml["model_provider"].ShouldBe("openai");
        toml.ContainsKey("model").ShouldBeFalse();
        Table(toml, "features")["daemon_auto_start"].ShouldBe(false);
    }

    [Theory]
    [InlineData(null, null, 32768)]
    [InlineData(null, 8192L, 16384)]
    [InlineData(65536L, 131072L, 65536)]
    [InlineData(4096L, 131072L, 16384)]
    public void The_window_is_the_effective_one_and_never_so_small_that_codex_loops(long? loaded, long? maximum, long expected)
    {
        CodexCatalog.ContextWindow(new LocalModel("m", ContextLoaded: loaded, ContextMaximum: maximum)).ShouldBe(expected);
    }

    [Fact]
    public void The_catalogue_leaves_out_what_codex_could_not_use()
    {
        var json = CodexCatalog.Render([
            new LocalModel("good:1", Capabilities: ["tools"]),
            new LocalModel("unknown:1"),
            new LocalModel("mute:1", Capabilities: ["completion"]),
            new LocalModel("away:1", Capabilities: ["tools"], RemoteHost: "https://ollama.com"),
            new LocalModel("away:cloud", Capabilities: ["tools"]),
        ]);

        var models = JsonNode.Parse(json)!["models"]!.AsArray();
        models.Select(model => (string)model!["slug"]!).ShouldBe(["good:1", "unknown:1"]);
        ((string)models[0]!["base_instructions"]!).ShouldContain("apply_patch");
    }

    private static TomlTable Read(string text) => TomlSerializer.Deserialize<TomlTable>(text)!;

    private static TomlTable Table(TomlTable toml, params string[] names) => names.Aggregate(toml, (table, name) => (TomlTable)table[name]);
}
