using Codexctl.Models;
using Codexctl.Settings;

namespace Codexctl.Tests.Models;

public sealed class ModelChoiceTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("codexctl-test-").FullName;
    private readonly Dictionary<string, string> _environment = [];

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private ModelChoice Choose(string settings, string? profile = null, string? model = null, string? url = null, string? server = null)
    {
        _environment["HOME"] = _root;
        var environment = new HostEnvironment(_environment);
        var paths = new Paths(environment);
        Directory.CreateDirectory(paths.Config);
        File.WriteAllText(paths.ConfigFile, settings);
        return ModelChoice.From(new SettingsLoader(environment, paths).Load(_root), environment, profile, model, url, server);
    }

    [Fact]
    public void With_nothing_said_it_is_the_seeds_model_on_Ollama()
    {
        var choice = Choose("");
        (choice.Model, choice.Url.AbsoluteUri, choice.Profile.Name).ShouldBe(("gpt-oss:20b", "http://127.0.0.1:11434/", "gpt-oss"));
    }

    [Theory]
    [InlineData("model.name = \"m\"", null, null, "m")]
    [InlineData("model.name = \"m\"", null, "flag", "flag")]
    [InlineData("model.name = \"m\"", "fast", null, "f")]
    [InlineData("model.name = \"m\"", "plain", null, "m")]
    [InlineData("model.name = \"m\"", "fast", "flag", "flag")]
    [InlineData("default_codex_profile = \"fast\"", null, null, "f")]
    [InlineData("", "plain", null, "gpt-oss:20b")]
    public void The_model_is_the_flags_then_the_named_profiles_then_the_settings(
        string settings,
        string? profile,
        string? model,
        string expected
    ) =>
        Choose($"{settings}\n[profiles]\nfast = {{ model = \"f\" }}\nplain = {{ effort = \"low\" }}\n", profile, model)
            .Model.ShouldBe(expected);

    [Theory]
    [InlineData("", null, null, "http://127.0.0.1:11434/")]
    [InlineData("model.server = \"vllm\"", null, null, "http://127.0.0.1:8000/")]
    [InlineData("model.url = \"http://h:1/v1\"", null, null, "http://h:1/")]
    [InlineData("model.url = \"http://h:1\"\nmodel.server = \"vllm\"", null, null, "http://h:1/")]
    [InlineData("model.url = \"http://h:1\"", null, "big", "http://big:9/")]
    [InlineData("model.url = \"http://h:1\"", "http://f:2", "big", "http://f:2/")]
    public void The_server_is_the_flags_then_the_settings(string settings, string? url, string? server, string expected) =>
        Choose($"{settings}\n[servers.big]\nurl = \"http://big:9/v1\"\n", url: url, server: server).Url.AbsoluteUri.ShouldBe(expected);

    [Fact]
    public void A_profile_brings_its_server_and_the_key_that_belongs_to_it()
    {
        var choice = Choose(
            "[profiles.far]\nmodel = \"x\"\nserver = \"big\"\n[servers.big]\nurl = \"http://big:9\"\napi_key_env = \"BIG_KEY\"\n",
            "far"
        );
        (choice.Server, choice.Url.Host, choice.ApiKeyVariable).ShouldBe(("big", "big", "BIG_KEY"));
    }

    [Fact]
    public void OLLAMA_HOST_says_where_Ollama_is_and_nothing_about_others()
    {
        _environment["OLLAMA_HOST"] = "0.0.0.0:7777";
        Choose("").Url.AbsoluteUri.ShouldBe("http://127.0.0.1:7777/");
        Choose("model.server = \"lmstudio\"").Url.Port.ShouldBe(1234);
        Choose("servers.ollama.url = \"http://o:5\"").Url.Port.ShouldBe(5);
    }

    [Fact]
    public void An_unknown_profile_or_server_is_told_with_those_that_exist()
    {
        var profile = Should.Throw<UserError>(() => Choose("", "gpt-os"));
        profile.Message.ShouldBe("There is no profile gpt-os. Did you mean gpt-oss?");
        profile.Why.ShouldBe("Known are: gpt-oss.");
        Should.Throw<UserError>(() => Choose("", server: "nope")).Why.ShouldBe("Known are: ollama, llamacpp, lmstudio, vllm.");
    }
}
