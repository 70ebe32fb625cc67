using Codexctl.Engines;
using Codexctl.Images;

namespace Codexctl.Tests.Images;

public sealed class ImagePlanTests : IDisposable
{
    private static readonly CodexRelease _release = TestArchive.Release(TestArchive.Good);
    private readonly string _folder = Directory.CreateTempSubdirectory("codexctl-test-").FullName;
    private readonly Dictionary<string, ImageInfo> _there = [];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private ImageCatalogue Catalogue => ImageCatalogue.Load(_folder);

    private void Own(string name, string dockerfile)
    {
        Directory.CreateDirectory(Path.Combine(_folder, name));
        File.WriteAllText(Path.Combine(_folder, name, "Dockerfile"), dockerfile);
    }

    /// <summary>An image as this codexctl would build it.</summary>
    private void There(string name, string @base = "alpine:3.22", bool current = true) =>
        _there[name] = new ImageInfo(
            name,
            "id",
            new Dictionary<string, string>
            {
                [ImageLabels.Name] = name,
                [ImageLabels.Base] = @base,
                [ImageLabels.Recipe] = current ? Catalogue.Fingerprint(Catalogue.Find(name)!, _release, @base) : "old",
            },
            null,
            null
        );

    private string Plan(string[] wanted, string? @base = null, bool rebuild = false)
    {
        var plan = ImagePlan.Make(Catalogue, _release, wanted, _there, @base, rebuild);
        return string.Join(
            "; ",
            plan.Steps.Select(step =>
                    $"{step.Recipe.Name}{(step.Whole ? $" on {step.Base}" : "")}{(step.After.Count > 0 ? $" after {string.Join(' ', step.After)}" : "")}{(step.NoCache ? " anew" : "")}"
                )
                .Concat(plan.Skipped.Select(skipped => $"not {skipped.Name}"))
        );
    }

    private static readonly string[] _four = ["codex", "codex-python", "codex-swift", "codex-office"];

    [Fact]
    public void All_four_are_built_with_codex_first_and_swift_on_a_base_of_its_own() =>
        Plan(_four).ShouldBe("codex on alpine:3.22; codex-python after codex; codex-swift on swift:6.2-noble; codex-office after codex");

    [Fact]
    public void On_one_base_all_share_codex() =>
        Plan(_four, "debian:12")
            .ShouldBe("codex on debian:12; codex-python after codex; codex-swift after codex; codex-office after codex");

    [Fact]
    public void What_an_image_is_built_on_is_built_first_although_nobody_named_it() =>
        Plan(["codex-office"]).ShouldBe("codex on alpine:3.22; codex-office after codex");

    [Fact]
    public void What_exists_is_left_out()
    {
        There("codex");

        Plan(["codex"]).ShouldBe("not codex");
        Plan(["codex-office"]).ShouldBe("codex-office");
        Plan(["codex", "codex-office"]).ShouldBe("codex-office; not codex");
    }

    [Fact]
    public void What_is_of_another_recipe_is_built_with_what_depends_on_it()
    {
        There("codex", current: false);
        There("codex-office", current: false);

        Plan(["codex", "codex-office"]).ShouldBe("codex on alpine:3.22; codex-office after codex");
    }

    [Fact]
    public void Rebuild_is_for_the_named_ones_only()
    {
        There("codex");
        There("codex-office");

        Plan(["codex-office"], rebuild: true).ShouldBe("codex-office anew");
        Plan(["codex", "codex-office"], rebuild: true).ShouldBe("codex on alpine:3.22 anew; codex-office after codex anew");
    }

    [Fact]
    public void An_image_stays_on_the_base_that_it_has()
    {
        There("codex", "debian:12", current: false);

        Plan(["codex"]).ShouldBe("codex on debian:12");
        Plan(["codex-office"]).ShouldBe("codex on debian:12; codex-office after codex");
        Plan(["codex"], "ubuntu:24.04").ShouldBe("codex on ubuntu:24.04");
    }

    [Fact]
    public void An_image_on_another_base_than_codex_does_without_it()
    {
        There("codex");

        Plan(["codex-office"], "debian:12").ShouldBe("codex-office on debian:12");
        Plan(["codex", "codex-office"], "debian:12").ShouldBe("codex-office on debian:12; not codex");
    }

    [Fact]
    public void An_image_of_somebody_elses_with_that_name_is_left_alone_unless_asked()
    {
        _there["codex"] = new ImageInfo("codex", "id", new Dictionary<string, string>(), null, null);

        Plan(["codex"]).ShouldBe("not codex");
        Plan(["codex-python"]).ShouldBe("codex-python on alpine:3.22");
        Plan(["codex"], rebuild: true).ShouldBe("codex on alpine:3.22 anew");
    }

    [Fact]
    public void Own_images_come_after_what_they_are_built_on()
    {
        Own("tools", "ARG FROM=mine\nFROM ${FROM}:latest\n");
        Own("mine", "FROM codex-office AS stage\nFROM stage\n");

        Plan(["tools"]).ShouldBe("codex on alpine:3.22; codex-office after codex; mine after codex-office; tools after mine");
    }

    [Fact]
    public void Own_images_are_built_again_when_they_changed_or_what_is_below_them()
    {
        Own("mine", "FROM codex\n");
        There("codex");
        There("mine");
        Plan(["mine"]).ShouldBe("not mine");

        File.AppendAllText(Path.Combine(_folder, "mine/Dockerfile"), "RUN true\n");
        Plan(["mine"]).ShouldBe("mine");

        There("mine");
        There("codex", current: false);
        Plan(["mine"]).ShouldBe("codex on alpine:3.22; mine after codex");
    }

    [Fact]
    public void Images_that_need_each_other_are_an_error_that_names_the_circle()
    {
        Own("one", "FROM two\n");
        Own("two", "FROM debian:12\nCOPY --from=three / /\n");
        Own("three", "FROM one\n");

        var error = Should.Throw<UserError>(() => Plan(["two"]));

        error.Why.ShouldBe("two → three → one → two");
        error.ExitCode.ShouldBe(ExitCodes.Usage);
    }

    [Fact]
    public void A_folder_that_would_hide_an_image_of_ours_is_an_error()
    {
        Own("codex", "FROM codex\n");

        Should.Throw<UserError>(() => Catalogue).Message.ShouldContain("is an image of codexctl's own");
    }

    /// <summary>Copies and backups lie about in folders; they must not stand in the way of every other image.</summary>
    [Theory]
    [InlineData("Big Name"), InlineData("mine~"), InlineData("mine (copy)"), InlineData(".git"), InlineData("grün"), InlineData("-x")]
    public void A_folder_whose_name_cannot_be_an_images_is_none(string name)
    {
        Own(name, "FROM codex\n");
        Own("mine", "FROM codex\n");

        Catalogue.All.Where(recipe => !recipe.IsBuiltIn).Select(recipe => recipe.Name).ShouldBe(["mine"]);
    }

    [Fact]
    public void A_link_in_a_recipes_folder_counts_as_itself_wherever_it_leads()
    {
        Own("mine", "FROM codex\n");
        var folder = Path.Combine(_folder, "mine");
        var plain = Print();
        File.CreateSymbolicLink(Path.Combine(folder, "round"), folder);
        File.CreateSymbolicLink(Path.Combine(folder, "all"), "/");
        var linked = Print();
        File.Delete(Path.Combine(folder, "all"));
        File.CreateSymbolicLink(Path.Combine(folder, "all"), "/nowhere");

        UserImages.Content(folder).Count().ShouldBe(3);
        new[] { plain, linked, Print() }.Distinct().Count().ShouldBe(3);

        string Print() => string.Join('|', UserImages.Content(folder).Select(file => $"{file.Path}={Convert.ToHexString(file.Content)}"));
    }

    [Fact]
    public void A_folder_without_a_recipe_is_no_image()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "notes"));

        Catalogue.Find("notes").ShouldBeNull();
    }

    [Theory]
    [InlineData("FROM codex", "codex")]
    [InlineData("from --platform=linux/amd64 codex:latest as x\nFROM x", "codex")]
    [InlineData("# FROM other\nFROM \\\n  codex", "codex")]
    [InlineData("ARG A=codex\nFROM $A", "codex")]
    [InlineData("FROM ${A:-codex-office}", "codex-office")]
    [InlineData("FROM ${A-codex-office}", "codex-office")]
    [InlineData("FROM codex\nCOPY --chown=coder --from=codex-office /a /b", "codex codex-office")]
    [InlineData("FROM codex\nFROM codex-swift\nCOPY --from=0 /a /b", "codex codex-swift")]
    [InlineData("FROM codex AS codex\nFROM codex\nCOPY --from=codex /a /b", "codex")]
    [InlineData("FROM codex\nRUN --mount=type=bind,from=codex-office,target=/o true", "codex codex-office")]
    [InlineData("FROM codex\nRUN echo --from=codex-office", "codex")]
    [InlineData("FROM codex\r\nRUN true\r\n", "codex")]
    [InlineData("FROM debian:12\nCOPY --from=codex /usr/local/bin/codex /", "debian:12 codex")]
    public void What_a_recipe_starts_from_is_read(string dockerfile, string expected) =>
        string.Join(' ', UserImages.Sources(dockerfile)).ShouldBe(expected);
}
