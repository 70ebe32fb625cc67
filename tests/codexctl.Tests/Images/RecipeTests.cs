using System.Text.RegularExpressions;
using Codexctl.Images;

namespace Codexctl.Tests.Images;

/// <summary>
/// The rules that every recipe and script of images/ keeps, so that four builders and two families of distributions take
/// them. Those of hadolint that can be wrong here, by their numbers, and what only our builders demand.
/// </summary>
public sealed partial class RecipeTests
{
    public static TheoryData<string, bool> Recipes
    {
        get
        {
            var all = new TheoryData<string, bool>();
            foreach (var recipe in ImageCatalogue.BuiltIn.All)
            {
                all.Add(recipe.Name, true);
                all.Add(recipe.Name, false);
            }
            return all;
        }
    }

    private static string Text(string name, bool whole) => ImageCatalogue.Dockerfile(ImageCatalogue.BuiltIn.Find(name)!, whole);

    private static List<(string Word, string Text)> Instructions(string dockerfile) =>
        [
            .. Continued()
                .Replace(CommentLine().Replace(dockerfile, ""), " ")
                .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Select(line =>
                    (
                        line.Split(' ')[0],
                        line.Contains(' ', StringComparison.Ordinal) ? line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..].Trim() : ""
                    )
                ),
        ];

    /// <summary>What is wrong with a recipe, a sentence each.</summary>
    private static List<string> Problems(string dockerfile)
    {
        var problems = new List<string>();
        var instructions = Instructions(dockerfile);
        void Expect(bool right, string problem)
        {
            if (!right)
            {
                problems.Add(problem);
            }
        }
        Expect(dockerfile.Length < 16384, "Apple's builder takes less than 16384 bytes");
        Expect(!dockerfile.Contains("<<", StringComparison.Ordinal), "the classic builder knows no heredocs");
        Expect(!dockerfile.Contains("# syntax=", StringComparison.Ordinal), "a syntax line makes BuildKit fetch an image");
        string[] known = ["ARG", "FROM", "COPY", "RUN", "ENV", "USER", "WORKDIR", "ENTRYPOINT", "CMD"];
        foreach (var (word, rest) in instructions)
        {
            Expect(known.Contains(word, StringComparer.Ordinal), $"{word}: not used here (DL3020 for ADD, DL4000 for MAINTAINER)");
            Expect(word != "RUN" || !rest.StartsWith("--", StringComparison.Ordinal), "RUN --mount and --network are BuildKit's alone");
            Expect(
                word != "COPY" || !Regex.IsMatch(rest, "--(?!chown=|from=)", RegexOptions.None, TimeSpan.FromSeconds(1)),
                "COPY --chmod and --link are BuildKit's alone"
            );
            Expect(word != "FROM" || !rest.Contains(":latest", StringComparison.Ordinal), "DL3007: latest");
            Expect(word != "WORKDIR" || rest.StartsWith('/'), "DL3000: WORKDIR is absolute");
            Expect(word is not ("CMD" or "ENTRYPOINT") || rest.StartsWith('['), "DL3025: CMD and ENTRYPOINT as lists");
            Expect(word != "RUN" || !rest.Contains("sudo ", StringComparison.Ordinal), "DL3004: sudo");
            Expect(word != "RUN" || !Regex.IsMatch(rest, @"\bcd\b", RegexOptions.None, TimeSpan.FromSeconds(1)), "DL3003: cd");
            Expect(
                word != "RUN"
                    || !Regex.IsMatch(rest, @"\b(apt|apt-get|apk|pip|npm) ", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1)),
                "packages come by packages.sh, which knows both families and pins and cleans up (DL3008, DL3009, DL3018, DL3013, DL3016)"
            );
        }
        foreach (var (word, rest) in instructions)
        {
            var places = rest.Split(' ').Where(part => !part.StartsWith("--", StringComparison.Ordinal)).ToList();
            Expect(
                word != "COPY" || places.Count == 2 || places[^1].EndsWith('/'),
                "DL3021: COPY of several into what does not end with /"
            );
            Expect(word != "COPY" || places[^1].StartsWith('/'), "DL3045: COPY to a relative place");
            Expect(
                word != "RUN" || !Regex.IsMatch(rest, @"[^|]\|[^|]", RegexOptions.None, TimeSpan.FromSeconds(1)),
                "DL4006: a pipe hides failures"
            );
            Expect(
                word != "ENV"
                    || !Regex
                        .Matches(rest, @"(?<name>\w+)=", RegexOptions.None, TimeSpan.FromSeconds(1))
                        .Any(name =>
                            Regex.IsMatch(rest, $@"\$\{{?{name.Groups["name"].Value}\b", RegexOptions.None, TimeSpan.FromSeconds(1))
                        ),
                "DL3044: ENV that uses what it sets"
            );
        }
        foreach (var word in (string[])["CMD", "ENTRYPOINT"])
        {
            Expect(instructions.Count(i => i.Word == word) <= 1, "DL4003, DL4004: only the last one counts");
        }
        var stages = instructions.Where(i => i.Word == "FROM").Select(i => i.Text.Split(' ')).Where(from => from.Length == 3).ToList();
        Expect(stages.Select(from => from[2]).Distinct().Count() == stages.Count, "DL3024: two stages of one name");
        Expect(instructions.Last(i => i.Word == "USER").Text == "coder", "DL3002: the last user is root");
        Expect(instructions.SkipWhile(i => i.Word == "ARG").First().Word == "FROM", "FROM comes first");
        return problems;
    }

    [Theory]
    [MemberData(nameof(Recipes))]
    public void A_recipe_keeps_within_what_all_builders_take(string name, bool whole) => Problems(Text(name, whole)).ShouldBeEmpty();

    [Theory]
    [InlineData("FROM a\nRUN --mount=type=cache x\nUSER coder", "RUN --mount")]
    [InlineData("FROM a\nCOPY --chmod=755 x /\nUSER coder", "COPY --chmod")]
    [InlineData("FROM a\nRUN cat <<E\nUSER coder", "heredocs")]
    [InlineData("FROM a:latest\nUSER coder", "DL3007")]
    [InlineData("FROM a\nUSER root", "DL3002")]
    [InlineData("FROM a\nRUN apt-get install x\nUSER coder", "packages.sh")]
    [InlineData("FROM a\nADD x /\nUSER coder", "DL3020")]
    [InlineData("FROM a\nCMD codex\nUSER coder", "DL3025")]
    [InlineData("FROM a\nCOPY a b /c\nUSER coder", "DL3021")]
    [InlineData("FROM a\nCOPY a b\nUSER coder", "DL3045")]
    [InlineData("FROM a\nRUN a | b\nUSER coder", "DL4006")]
    [InlineData("FROM a\nENV A=1 B=$A\nUSER coder", "DL3044")]
    [InlineData("FROM a\nCMD [\"a\"]\nCMD [\"b\"]\nUSER coder", "DL4003")]
    [InlineData("FROM a AS x\nFROM b AS x\nUSER coder", "DL3024")]
    public void The_rules_find_what_they_are_for(string dockerfile, string expected) =>
        Problems(dockerfile).ShouldHaveSingleItem().ShouldContain(expected);

    /// <summary>What the recipes leave to their scripts is held to the rules, too (DL3014, DL3015, DL3019, DL3042).</summary>
    [Fact]
    public void Scripts_install_without_asking_without_recommendations_and_without_caches()
    {
        var packages = EmbeddedFiles.ReadText("images/common/build/packages.sh");
        packages.ShouldContain("apk add --no-cache ");
        packages.ShouldContain("--no-install-recommends");
        packages.ShouldContain("set -- -q -y ");
        packages.ShouldContain("/var/lib/apt/lists/*");
        EmbeddedFiles
            .ReadText("images/codex-office/office.sh")
            .Split('\n')
            .Where(line => line.Contains("pip install", StringComparison.Ordinal))
            .ShouldAllBe(line => line.Contains("--no-cache-dir", StringComparison.Ordinal));
    }

    /// <summary>The names given to packages.sh, as one family gets them.</summary>
    private static List<string> Packages(string name, bool alpine)
    {
        var commands = Instructions(Text(name, whole: false)).Where(i => i.Word == "RUN").SelectMany(i => i.Text.Split("&&"));
        return
        [
            .. commands
                .Where(command => command.Contains("packages.sh", StringComparison.Ordinal))
                .SelectMany(command =>
                    command[(command.IndexOf("packages.sh", StringComparison.Ordinal) + "packages.sh".Length)..].Split(' ')
                )
                .Select(word => word.Contains(':', StringComparison.Ordinal) ? word.Split(':')[alpine ? 0 : 1] : word)
                .SelectMany(names => names.Split(','))
                .Select(package => package.Trim())
                .Where(package => package.Length > 0),
        ];
    }

    [Theory]
    [InlineData(
        "codex",
        "bash nodejs file curl git jq util-linux setpriv socat nftables ca-certificates",
        "bash nodejs file curl git jq util-linux socat nftables ca-certificates"
    )]
    [InlineData("codex-python", "python3 py3-pip", "python3 python3-pip python3-venv")]
    [InlineData("codex-swift", "make python3 gnupg", "make python-is-python3 gnupg")]
    public void Each_family_gets_its_own_names(string image, string alpine, string debian)
    {
        string.Join(' ', Packages(image, alpine: true)).ShouldBe(alpine);
        string.Join(' ', Packages(image, alpine: false)).ShouldBe(debian);
    }

    [Fact]
    public void The_office_image_has_what_the_script_had_in_both_families()
    {
        var alpine = Packages("codex-office", alpine: true);
        var debian = Packages("codex-office", alpine: false);

        alpine.ShouldBeSubsetOf(alpine.Distinct());
        foreach (
            var library in new[] { "numpy", "pandas", "matplotlib", "pypdf", "pdfminer", "reportlab", "openpyxl", "xlsxwriter", "pytest" }
        )
        {
            alpine.ShouldContain($"py3-{library}");
            debian.ShouldContain($"python3-{library}");
        }
        alpine.ShouldContain("build-base");
        debian.ShouldContain("build-essential");
        // Alpine has no packages of these two; they come by hash.
        EmbeddedFiles.ReadText("images/codex-office/requirements.txt").ShouldContain("python-docx==");
        debian.ShouldContain("python3-docx");
        debian.ShouldContain("python3-xlrd");
    }

    /// <summary>One name in both families is possible, a family's own prefix in the other's list is a mistake.</summary>
    [Theory]
    [InlineData("codex"), InlineData("codex-python"), InlineData("codex-swift"), InlineData("codex-office")]
    public void No_family_gets_the_others_names(string image)
    {
        Packages(image, alpine: true)
            .ShouldNotContain(package =>
                package.StartsWith("python3-", StringComparison.Ordinal) || package.StartsWith("fonts-", StringComparison.Ordinal)
            );
        Packages(image, alpine: false)
            .ShouldNotContain(package =>
                package.StartsWith("py3-", StringComparison.Ordinal) || package.StartsWith("font-", StringComparison.Ordinal)
            );
    }

    /// <summary>What plain runs of an image read: Codex takes profiles from files of their own, and tables of the old kind not at all.</summary>
    [Fact]
    public void The_profile_of_plain_runs_asks_nobody_but_the_models_server()
    {
        var profile = EmbeddedFiles.ReadText("images/common/home/.codex/gpt-oss.config.toml");
        profile.ShouldContain("model_provider = \"myollama\"");
        profile.ShouldContain("web_search = \"disabled\"");
        profile.ShouldContain("[analytics]\nenabled = false");
        profile.ShouldContain("plugins = false");
        var settings = EmbeddedFiles.ReadText("images/common/home/.codex/config.toml");
        settings.ShouldContain("base_url = \"http://192.168.64.1:11434/v1\"");
        settings.ShouldNotContain("[profiles");
    }

    [Fact]
    public void Every_package_of_npm_is_pinned_by_its_hash()
    {
        var all = ImageCatalogue.BuiltIn.All.SelectMany(recipe => PlacedPackage.Of(recipe.Name)).ToList();

        all.Select(package => package.Package.Name).ShouldBeSubsetOf(all.Select(package => Path.GetFileName(package.Place)));
        all.ShouldContain(package => package.Place == "npm");
        all.ShouldContain(package => package.Place == "pptxgenjs");
        all.Select(package => package.Place).Distinct().Count().ShouldBe(all.Count);
    }

    [Fact]
    public void Everything_from_pypi_is_pinned_by_its_hash() =>
        EmbeddedFiles
            .ReadText("images/codex-office/requirements.txt")
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => !line.StartsWith('#'))
            .ShouldAllBe(line =>
                Regex.IsMatch(line, "^[a-z-]+==[0-9.]+ --hash=sha256:[0-9a-f]{64}$", RegexOptions.None, TimeSpan.FromSeconds(1))
            );

    [GeneratedRegex(@"^\s*#.*$", RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex CommentLine();

    [GeneratedRegex(@"\\\n", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Continued();
}
