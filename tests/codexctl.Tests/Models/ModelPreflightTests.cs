using Codexctl.Models;
using Codexctl.ModelServers;

namespace Codexctl.Tests.Models;

public class ModelPreflightTests
{
    private static readonly string[] Tools = ["completion", "tools"];

    [Fact]
    public async Task A_good_model_passes_without_a_word()
    {
        var result = await CheckAsync(_ => { }, "gpt-oss:20b");

        result.Server.ShouldSatisfyAllConditions(
            server => server.Kind.ShouldBe(ModelServerKind.Ollama),
            server => server.Version.ShouldBe("0.32.15")
        );
        result.Model.EffectiveContext.ShouldBe(65536);
        result.Model.ContextMaximum.ShouldBe(131072);
        result.Model.Can("thinking").ShouldBe(true);
        result.Warnings.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_tag_latest_may_be_left_out()
    {
        (await CheckAsync(ollama => ollama.Models.Add(new FakeModel("mine:latest", Tools)), "mine")).Model.Name.ShouldBe("mine:latest");
    }

    [Fact]
    public async Task A_model_that_is_not_pulled_names_the_command()
    {
        (await FailAsync(_ => { }, "qwen3:8b")).Mend.ShouldBe("Get it with: codexctl models pull qwen3:8b (or: ollama pull qwen3:8b)");
    }

    [Fact]
    public async Task A_model_without_tools_is_refused()
    {
        (await FailAsync(ollama => ollama.Models.Add(new FakeModel("phi:3", ["completion"])), "phi:3")).Message.ShouldBe(
            "phi:3 cannot call tools."
        );
    }

    [Fact]
    public async Task A_model_that_is_missed_can_be_pulled_on_the_way()
    {
        await using var ollama = await FakeOllama.StartAsync();
        using var probe = new ModelServerProbe(TimeProvider.System);
        var preflight = new ModelPreflight(probe, memory: 64L << 30);

        var result = await preflight.CheckAsync(
            ollama.Address,
            "qwen3:8b",
            offerPull: server =>
            {
                ollama.Models.Add(new FakeModel("qwen3:8b", Tools, Loaded: 65536));
                return Task.FromResult(true);
            }
        );

        result.Model.Name.ShouldBe("qwen3:8b");
        await Should.ThrowAsync<UserError>(() => preflight.CheckAsync(ollama.Address, "other", offerPull: _ => Task.FromResult(false)));
    }

    [Fact]
    public async Task A_model_larger_than_the_memory_is_told()
    {
        await using var ollama = await FakeOllama.StartAsync();
        using var probe = new ModelServerProbe(TimeProvider.System);

        (await new ModelPreflight(probe, memory: 8_000_000_000).CheckAsync(ollama.Address, "gpt-oss:20b"))
            .Warnings.ShouldHaveSingleItem()
            .ShouldContain("takes 13 GB, and this machine has 8 GB");
    }

    [Theory]
    [InlineData("innocent")]
    [InlineData("anything:cloud")]
    [InlineData("anything:20b-cloud")]
    public async Task A_model_that_runs_elsewhere_is_refused(string name)
    {
        (await FailAsync(_ => { }, name)).Message.ShouldContain("does not run on this machine");
    }

    [Theory]
    [InlineData(4096, null)]
    [InlineData(null, 8192)]
    [InlineData(4096, 65536)]
    public async Task A_context_that_is_too_small_is_refused_with_the_mend(int? loaded, int? configured)
    {
        var error = await FailAsync(
            ollama => ollama.Models.Add(new FakeModel("small:1", Tools, Loaded: loaded, NumCtx: configured)),
            "small:1"
        );

        error.Mend.ShouldNotBeNull().ShouldContain("OLLAMA_CONTEXT_LENGTH=65536 ollama serve");
    }

    [Fact]
    public async Task A_context_under_64k_is_a_warning()
    {
        var result = await CheckAsync(ollama => ollama.Models.Add(new FakeModel("middle:1", Tools, Loaded: 32768)), "middle:1");

        result.Warnings.ShouldHaveSingleItem().ShouldContain("32768");
    }

    [Fact]
    public async Task An_unknown_context_is_found_out_by_loading_the_model()
    {
        var model = new FakeModel("cold:1", Tools);
        (await CheckAsync(ollama => ollama.Models.Add(model), "cold:1")).Model.EffectiveContext.ShouldBeNull();

        (await FailAsync(ollama => ollama.Models.Add(model), "cold:1", load: true)).Message.ShouldContain("4096");
    }

    [Theory]
    [InlineData("0.13.3", true, 0)]
    [InlineData("0.13.4", false, 1)]
    [InlineData("0.32.6", false, 1)]
    [InlineData("0.32.7", false, 0)]
    [InlineData("0.33.0-rc2", false, 0)]
    [InlineData("0.0.0", false, 0)]
    [InlineData("a build of my own", false, 0)]
    public void Old_versions_of_Ollama_are_refused_or_warned_of(string version, bool refused, int warnings)
    {
        var server = new ModelServer(ModelServerKind.Ollama, new Uri("http://x"), version);
        if (refused)
        {
            Should.Throw<UserError>(() => ModelPreflight.CheckVersion(server));
            return;
        }
        ModelPreflight.CheckVersion(server);
        new ModelPreflight(null!).Warnings(server, new LocalModel("m")).Count.ShouldBe(warnings);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_named()
    {
        using var probe = new ModelServerProbe(TimeProvider.System);

        var error = await Should.ThrowAsync<UserError>(
            new ModelPreflight(probe, memory: 64L << 30).CheckAsync(
                new Uri("http://127.0.0.1:1"),
                "m",
                cancel: TestContext.Current.CancellationToken
            )
        );

        error.Message.ShouldContain("http://127.0.0.1:1");
    }

    [Theory]
    [InlineData("temperature 1\nnum_ctx                        65536\n", 65536L)]
    [InlineData("num_ctx x", null)]
    [InlineData("", null)]
    [InlineData(null, null)]
    public void The_configured_context_is_read_from_the_parameters(string? parameters, long? expected)
    {
        ModelServerProbe.NumCtx(parameters).ShouldBe(expected);
    }

    private static async Task<PreflightResult> CheckAsync(Action<FakeOllama> arrange, string model, bool load = false)
    {
        await using var ollama = await FakeOllama.StartAsync();
        arrange(ollama);
        using var probe = new ModelServerProbe(TimeProvider.System);
        return await new ModelPreflight(probe, memory: 64L << 30).CheckAsync(ollama.Address, model, load);
    }

    private static Task<UserError> FailAsync(Action<FakeOllama> arrange, string model, bool load = false) =>
        Should.ThrowAsync<UserError>(CheckAsync(arrange, model, load));
}
