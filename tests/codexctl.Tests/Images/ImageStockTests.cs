using Codexctl.Engines;
using Codexctl.Images;

namespace Codexctl.Tests.Images;

public sealed class ImageStockTests
{
    private static readonly DateTimeOffset _noon = new(2026, 1, 2, 12, 0, 0, TimeSpan.Zero);

    private static ImageInfo Image(string id, int hours, params string[] tags) =>
        new(tags.FirstOrDefault() ?? id, id, new Dictionary<string, string> { [ImageLabels.Name] = "codex" }, 1, _noon.AddHours(hours))
        {
            Tags = tags,
        };

    private static ContainerInfo Container(string name, string image) =>
        new(name, ContainerState.Stopped, "codex", new Dictionary<string, string>(), null, null) { ImageId = image };

    private static readonly ImageStock _stock = ImageStock.From(
        [
            Image("sha256:aaaaaaaa", 5, "codex:latest", "codex:20260102T170000Z"),
            Image("sha256:bbbbbbbb", 4),
            Image("sha256:cccccccc", 3),
            Image("sha256:dddddddd", 2),
            Image("sha256:eeeeeeee", 1, "codex:20260102T130000Z"),
        ],
        [Container("codex-app", "sha256:cccccccc"), Container("codex-new", "sha256:aaaaaaaa")]
    );

    [Fact]
    public void Prune_keeps_names_what_is_used_and_the_newest()
    {
        _stock
            .Prunable(0)
            .Select(image => image.Reference)
            .ShouldBe(["codex:20260102T170000Z", "sha256:bbbbbbbb", "sha256:dddddddd", "codex:20260102T130000Z"]);
        _stock.Prunable(2).Select(image => image.Reference).ShouldBe(["sha256:dddddddd", "codex:20260102T130000Z"]);
        _stock.Prunable(9).ShouldBeEmpty();
    }

    [Fact]
    public void Names_that_a_person_gave_are_never_pruned_and_trials_always()
    {
        var stock = ImageStock.From(
            [
                Image("sha256:aaaaaaaa", 5, "codex:latest"),
                Image("sha256:bbbbbbbb", 4, "registry.example/codex:v1"),
                Image("sha256:cccccccc", 3, "my-codex:latest"),
                Image("sha256:dddddddd", 2, "codex:before"),
                Image("sha256:eeeeeeee", 1, "codex-canary:latest"),
            ],
            []
        );

        stock.Prunable(0).Select(image => image.Reference).ShouldBe(["codex-canary:latest"]);
        stock.Prunable(1).Select(image => image.Reference).ShouldBe(["codex-canary:latest"]);
        stock.Images.Count(image => image.Kind == StockKind.Named).ShouldBe(1);
    }

    [Theory]
    [InlineData("localhost/"), InlineData("docker.io/library/")]
    public void Names_are_known_with_what_an_engine_puts_in_front(string prefix)
    {
        var stock = ImageStock.From(
            [Image("sha256:aaaaaaaa", 5, prefix + "codex:latest", prefix + "codex:20260102T170000Z"), Image("sha256:bbbbbbbb", 4)],
            []
        );

        stock.Find("codex").Kind.ShouldBe(StockKind.Named);
        stock.Find("codex:20260102T170000Z").Kind.ShouldBe(StockKind.Snapshot);
        stock.Find(prefix + "codex:latest").Kind.ShouldBe(StockKind.Named);
    }

    [Fact]
    public void An_image_is_found_by_name_tag_and_short_id()
    {
        _stock.Find("codex:20260102T130000Z").Info.Id.ShouldBe("sha256:eeeeeeee");
        _stock.Find("dddddd").Reference.ShouldBe("sha256:dddddddd");
        // Another name is left, so the container loses nothing.
        _stock.Find("codex").Reference.ShouldBe("codex:latest");
        Should.Throw<UserError>(() => _stock.Find("debian:12")).Message.ShouldContain("built no image debian:12");
    }

    [Fact]
    public void An_image_in_use_is_not_removed_and_its_containers_are_named() =>
        Should.Throw<UserError>(() => _stock.Find("cccccccc")).Why.ShouldNotBeNull().ShouldContain("codex-app");
}
