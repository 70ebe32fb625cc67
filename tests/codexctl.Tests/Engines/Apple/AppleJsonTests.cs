using Codexctl.Engines;
using Codexctl.Engines.Apple;

namespace Codexctl.Tests.Engines.Apple;

/// <summary>What the releases print, and what they might print one day.</summary>
public class AppleJsonTests
{
    private static string Golden(string name) => File.ReadAllText(Path.Combine(Path.GetDirectoryName(ThisFile())!, "Golden", name));

    private static string ThisFile([System.Runtime.CompilerServices.CallerFilePath] string path = "") => path;

    [Theory]
    [InlineData("ls-1.2.2.json")]
    [InlineData("ls-1.4.1.json")]
    [InlineData("ls-0.12.json")]
    public void Containers_are_read_in_the_shape_of_every_release(string file)
    {
        var all = AppleJson.Containers(Golden(file)).ToDictionary(c => c.Name);

        var running = all["codex-app"];
        running.State.ShouldBe(ContainerState.Running);
        running.Image.ShouldBe("codex:latest");
        running.Label(ContainerLabels.Workdir).ShouldBe("/Users/me/app");
        running.IsOurs.ShouldBeTrue();
        running.WorkdirReadOnly.ShouldBe(false);
        var stopped = all["codex-old"];
        stopped.State.ShouldBe(ContainerState.Stopped);
        stopped.WorkdirReadOnly.ShouldBe(true);
        var builder = all["buildkit"];
        builder.IsOurs.ShouldBeFalse();
        builder.WorkdirReadOnly.ShouldBeNull();
        all.Count.ShouldBe(3);
    }

    [Fact]
    public void The_time_of_making_is_read_where_a_release_tells_it()
    {
        AppleJson.Containers(Golden("ls-1.2.2.json"))[0].Created.ShouldBe(new DateTimeOffset(2026, 8, 7, 20, 53, 20, TimeSpan.Zero));
        AppleJson.Containers(Golden("ls-0.12.json"))[0].Created.ShouldBeNull();
    }

    [Theory]
    [InlineData("running", ContainerState.Running)]
    [InlineData("stopped", ContainerState.Stopped)]
    [InlineData("stopping", ContainerState.Unknown)]
    [InlineData("unknown", ContainerState.Unknown)]
    [InlineData("dancing", ContainerState.Unknown)]
    public void States_are_read_as_what_they_mean(string word, ContainerState state)
    {
        AppleJson.Containers($$"""[{"id":"a","status":{"state":"{{word}}"} }]""")[0].State.ShouldBe(state);
        AppleJson.Containers($$"""[{"id":"a","status":"{{word}}"}]""")[0].State.ShouldBe(state);
    }

    [Theory]
    [InlineData("[{}]")]
    [InlineData("""[{"id":7,"configuration":[],"status":3}]""")]
    [InlineData("""[{"configuration":{"labels":{"a":1},"mounts":[{"destination":"/workdir"},5],"creationDate":"soon"}},null,3]""")]
    public void Missing_and_strange_fields_are_no_error(string json)
    {
        var one = AppleJson.Containers(json).ShouldHaveSingleItem();
        one.State.ShouldBe(ContainerState.Unknown);
        one.WorkdirReadOnly.ShouldBeNull();
        one.IsOurs.ShouldBeFalse();
    }

    [Theory]
    [InlineData("")]
    [InlineData("ID  IMAGE  OS")]
    [InlineData("{}")]
    [InlineData("[1,2")]
    [InlineData("\u0000\u0001")]
    public void Rubbish_is_a_clear_error(string output) =>
        Should.Throw<UserError>(() => AppleJson.Containers(output)).Message.ShouldContain("JSON");

    [Fact]
    public void An_images_labels_are_those_of_the_variant_that_runs_here()
    {
        var image = AppleJson.Image(Golden("image-1.2.2.json"), "codex", "arm64")!;
        image.Id.ShouldBe("0f6a6c1f3a");
        image.Labels["codexctl.recipe"].ShouldBe("arm");
        image.Size.ShouldBe(4192310);
        AppleJson.Image(Golden("image-1.2.2.json"), "codex", "amd64")!.Labels["codexctl.recipe"].ShouldBe("intel");
        AppleJson.Image("[\n\n]", "buildkit", "arm64").ShouldBeNull();
        AppleJson.Image("[{}]", "codex", "arm64")!.Labels.ShouldBeEmpty();
    }

    [Fact]
    public void A_list_of_images_gives_their_names_and_before_1_0_nothing_else()
    {
        var one = Golden("image-1.2.2.json");
        AppleJson.ImageNames(one).Complete.ShouldBeTrue();
        AppleJson.Images(one, "arm64").ShouldHaveSingleItem().Labels["codexctl.recipe"].ShouldBe("arm");

        const string old = """[{"reference":"codex:latest","fullSize":"600 MB","descriptor":{"digest":"sha256:ab"}}]""";
        AppleJson.ImageNames(old).Names.ShouldBe(["codex:latest"]);
        AppleJson.ImageNames(old).Complete.ShouldBeFalse();
        const string inspected = """[{"name":"codex:latest","index":{"digest":"sha256:ab"},"variants":[]}]""";
        var image = AppleJson.Images(inspected, "arm64").ShouldHaveSingleItem();
        (image.Name, image.Id).ShouldBe(("codex:latest", "ab"));
    }

    [Fact]
    public void The_builder_is_seen_running_or_not()
    {
        AppleJson.BuilderRuns("[]").ShouldBeFalse();
        AppleJson.BuilderRuns("""[{"id":"buildkit","status":{"state":"stopped"}}]""").ShouldBeFalse();
        AppleJson.BuilderRuns("""[{"id":"buildkit","status":{"state":"running"}}]""").ShouldBeTrue();
    }

    [Theory]
    [InlineData("container CLI version 1.2.2 (build: release, commit: 0190097)", "1.2.2")]
    [InlineData("container CLI version 2.0 (build: debug, commit: x)", "2.0.0")]
    [InlineData("Warning! Running debug build.\ncontainer CLI version 1.4.1", "1.4.1")]
    [InlineData("Docker version 28.2.2, build e6534b4", null)]
    [InlineData("container 1.2", null)]
    [InlineData("", null)]
    public void Versions_are_read(string said, string? version) => AppleVersion.Read(said)?.ToString().ShouldBe(version);

    [Fact]
    public void Another_program_of_that_name_is_told() =>
        Should.Throw<UserError>(() => AppleVersion.Check("/usr/bin/container", "box 3")).Message.ShouldContain("not Apple's container");
}
