using Codexctl.Models;
using Codexctl.ModelServers;
using Codexctl.Terminal;
using Microsoft.Extensions.Time.Testing;

namespace Codexctl.Tests.Models;

public class ModelPullTests
{
    private readonly List<PullProgress> _seen = [];
    private readonly List<string> _broken = [];

    private async Task PullAsync(FakeOllama ollama, string name, ModelServerKind kind = ModelServerKind.Ollama)
    {
        using var http = ModelServerProbe.Client(null);
        await new ModelPull(http, TimeProvider.System).RunAsync(new ModelServer(kind, ollama.Address), name, _seen.Add, _broken.Add);
    }

    [Fact]
    public async Task It_tells_how_far_it_is_and_ends_when_the_model_is_there()
    {
        await using var ollama = await FakeOllama.StartAsync();

        await PullAsync(ollama, "qwen3:8b");

        ollama.Models.ShouldContain(model => model.Name == "qwen3:8b");
        _seen.Where(progress => progress.Total is not null).Select(progress => progress.Done).ShouldBeInOrder();
        _seen[^1].ShouldSatisfyAllConditions(last => last.Done.ShouldBe(8_000_000), last => last.Total.ShouldBe(8_000_000));
    }

    [Fact]
    public async Task A_broken_connection_goes_on_where_it_stopped()
    {
        await using var ollama = await FakeOllama.StartAsync();
        ollama.BrokenPulls = 1;

        await PullAsync(ollama, "qwen3:8b");

        _broken.Count.ShouldBe(1);
        ollama.Models.ShouldContain(model => model.Name == "qwen3:8b");
        // The second request began with what the first had got.
        _seen.Where(progress => progress.Total is not null).Select(progress => progress.Done).ShouldBeInOrder();
    }

    [Fact]
    public async Task The_servers_refusal_is_told_in_its_words_and_made_harmless()
    {
        await using var ollama = await FakeOllama.StartAsync();
        ollama.PullError = "pull model manifest: file does not exist \u001b[31m";

        var error = await Should.ThrowAsync<UserError>(() => PullAsync(ollama, "nope"));

        error.Message.ShouldContain("cannot pull nope");
        error.Why.ShouldBe("pull model manifest: file does not exist \\u001B[31m");
    }

    [Theory]
    [InlineData("gpt-oss:120b-cloud")]
    [InlineData("x:CLOUD")]
    public async Task A_model_that_would_run_elsewhere_is_not_pulled_and_nobody_is_asked(string name)
    {
        await using var ollama = await FakeOllama.StartAsync();

        await Should.ThrowAsync<UserError>(() => PullAsync(ollama, name));

        ollama.Seen.ShouldBeEmpty();
    }

    [Fact]
    public async Task Other_servers_get_their_models_in_their_own_way()
    {
        await using var ollama = await FakeOllama.StartAsync();

        (await Should.ThrowAsync<UserError>(() => PullAsync(ollama, "m", ModelServerKind.LmStudio))).Mend.ShouldBe(
            "Get it there: lms get m"
        );
    }

    [Fact]
    public void The_bar_shows_part_size_speed_and_what_is_left()
    {
        var clock = new FakeTimeProvider();
        var bar = new Bar(clock);

        bar.Draw(2_000_000_000, 10_000_000_000).ShouldBe("[####----------------]  20 %  2.0 GB of 10.0 GB");
        clock.Advance(TimeSpan.FromSeconds(10));
        // What was there at the beginning was not downloaded now.
        bar.Draw(3_000_000_000, 10_000_000_000).ShouldBe("[######--------------]  30 %  3.0 GB of 10.0 GB  100 MB/s  2 min left");
        clock.Advance(TimeSpan.FromSeconds(70));
        bar.Draw(10_000_000_000, 10_000_000_000).ShouldBe("[####################] 100 %  10.0 GB of 10.0 GB  100 MB/s  0 s left");
    }

    [Theory]
    [InlineData(13_800_000_000, 24, MemoryFit.Yes)]
    [InlineData(13_800_000_000, 16, MemoryFit.Tight)]
    [InlineData(13_800_000_000, 8, MemoryFit.No)]
    [InlineData(null, 8, MemoryFit.Unknown)]
    public void A_model_fits_when_there_is_room_to_work(long? size, long gigabytes, MemoryFit fit) =>
        ModelOverview.Fit(size, gigabytes << 30).ShouldBe(fit);
}
