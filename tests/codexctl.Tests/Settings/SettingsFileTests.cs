using Codexctl.Settings;
using CsCheck;

namespace Codexctl.Tests.Settings;

public class SettingsFileTests
{
    private static IReadOnlyList<SettingEntry> Read(string text) => SettingsFile.Parse("/c.toml", text).Entries;

    [Fact]
    public void Every_way_to_write_a_name_is_the_same_setting()
    {
        Read("model.name = \"m\"").Single().Name.ShouldBe("model.name");
        Read("[model]\nname = 'm'").Single().Name.ShouldBe("model.name");
        Read("model = { name = \"m\" }").Single().Name.ShouldBe("model.name");
        Read("\"net\\u0077ork\" = \"full\"").Single().Name.ShouldBe("network");
        Read("[servers.home]\nurl = \"http://h:1\"").Single().Name.ShouldBe("servers.home.url");
        Read("servers = { home = { url = \"http://h:1\" } }").Single().Name.ShouldBe("servers.home.url");
    }

    [Fact]
    public void Values_keep_their_kind_and_line()
    {
        var entries = Read("# head\nstrict = true\ncpus = 2\nallow = [\n \"npm\",\n]\nmemory = '8G'");

        entries
            .Select(entry => (entry.Name, entry.Value.Text, entry.Line))
            .ShouldBe([("strict", "true", 2), ("cpus", "2", 3), ("allow", "npm", 4), ("memory", "8G", 7)]);
    }

    [Theory]
    [InlineData("engin = \"docker\"", 1, "There is no setting engin.", "Did you mean engine?")]
    [InlineData("\nNetwork = \"full\"", 2, "There is no setting Network.", "Did you mean network?")]
    [InlineData("[profiles.fast]\nmodle = \"m\"", 2, "There is no setting profiles.fast.modle.", "Did you mean profiles.fast.model?")]
    [InlineData("strict = \"yes\"", 1, "strict must be true or false", null)]
    [InlineData("memory = 8", 1, "memory must be a text in quotes", null)]
    [InlineData("allow = \"npm\"", 1, "allow must be a list", null)]
    [InlineData("allow = [1]", 1, "allow must be a list", null)]
    [InlineData("cpus = \"2\"", 1, "cpus must be a number", null)]
    [InlineData("model = \"m\"", 1, "model is a table", null)]
    [InlineData("engine = { name = \"docker\" }", 1, "There is no setting engine.name.", null)]
    [InlineData("engine = \"dokcer\"", 1, "did you mean docker?", null)]
    [InlineData("cpus = 0", 1, "is no number of processors", null)]
    [InlineData("memory = \"lots\"", 1, "is no memory size", null)]
    [InlineData("allow = [\"not a host\"]", 1, "not a host", null)]
    [InlineData("model.url = \"ftp://x\"", 1, "an address such as", null)]
    [InlineData("model.url = \"http://user:secret@x\"", 1, "without user name", null)]
    [InlineData("engine = \"docker\"\nengine = \"podman\"", 2, "already defined", null)]
    [InlineData("network = \"none\"\n[model]\nname = \"m\"\n[model]\n", 4, "already defined", null)]
    [InlineData("a = ", 1, "Unexpected token", null)]
    [InlineData("[[servers.x]]\nurl = \"http://x\"", 1, "begins a list of tables", null)]
    [InlineData("model.name = \"a\"\n[model]\nname = \"b\"", 3, "", null)]
    public void What_is_wrong_is_told_with_file_line_and_the_nearest_name(string text, int line, string says, string? mend)
    {
        var error = Should.Throw<UserError>(() => Read(text));

        error.Message.ShouldStartWith($"/c.toml:{line}: ");
        error.Message.ShouldContain(says);
        if (mend is not null)
        {
            error.Mend.ShouldBe(mend);
        }
    }

    [Theory]
    [InlineData("../../etc/x")]
    [InlineData("--config")]
    [InlineData("A")]
    [InlineData("a b")]
    [InlineData("")]
    [InlineData("a.b")]
    public void A_profiles_name_can_be_neither_path_nor_option_nor_differ_by_case(string name) =>
        Should
            .Throw<UserError>(() => Read($"[profiles.\"{name}\"]\nmodel = \"m\""))
            .Message.ShouldContain("names of profiles are lower-case");

    [Theory]
    [InlineData("model.name", "--sandbox")]
    [InlineData("model.name", "a b")]
    [InlineData("default_codex_profile", "../x")]
    [InlineData("default_shell", "-c")]
    [InlineData("default_image", "-v/:/host")]
    [InlineData("build.network", "--privileged")]
    [InlineData("build.base", "")]
    public void A_text_that_becomes_an_argument_cannot_be_an_option(string name, string value) =>
        Should.Throw<UserError>(() => Read($"{name} = \"{value}\"")).Message.ShouldContain("cannot be");

    [Fact]
    public void Escapes_for_the_terminal_are_refused_and_shown_harmless()
    {
        var error = Should.Throw<UserError>(() => Read("default_shell = \"\\u001b]0;owned\\u0007\""));

        error.Message.ShouldNotContain("\u001b");
        error.Message.ShouldContain("\\u001B");
    }

    [Fact]
    public void Nesting_without_end_is_an_error_and_no_crash() => Should.Throw<UserError>(() => Read("x = " + new string('[', 20000)));

    [Fact]
    public void No_text_makes_anything_but_entries_or_a_clear_error()
    {
        string[] parts =
        [
            "allow",
            "=",
            "[",
            "]",
            "\"",
            "'",
            "\n",
            "model",
            ".",
            "{",
            "}",
            "true",
            "1",
            "#",
            "\\",
            ",",
            " ",
            "\u0000",
            "npm",
        ];
        Check.Sample(
            Gen.Int[0, parts.Length - 1].Array[0, 30],
            picks =>
            {
                try
                {
                    _ = Read(string.Concat(picks.Select(i => parts[i])));
                }
                catch (UserError error)
                {
                    error.Message.ShouldStartWith("/c.toml:");
                }
            }
        );
    }
}
