using Codexctl.Settings;

namespace Codexctl.Tests.Settings;

public class OldScriptTests
{
    private static OldConstant One(string text) => OldScript.Read(text).ShouldHaveSingleItem();

    [Theory]
    [InlineData("DEFAULT_IMAGE=\"codex-python\"", "default_image", "codex-python")]
    [InlineData("  readonly DEFAULT_IMAGE='codex-swift' # mine", "default_image", "codex-swift")]
    [InlineData("export DEFAULT_SHELL=zsh", "default_shell", "zsh")]
    [InlineData("DEFAULT_SHELL=\"${CODEX_SHELL:-fish}\"", "default_shell", "fish")]
    [InlineData("declare -r DEFAULT_CODEX_PROFILE=${P:-gpt-oss}", "default_codex_profile", "gpt-oss")]
    [InlineData("DEFAULT_CODEX_CMD=\"codex --search\"", "default_codex_cmd", "codex --search")]
    [InlineData("DEFAULT_CODEX_CMD=(codex '--no-alt-screen' \"--search\")", "default_codex_cmd", "codex --no-alt-screen --search")]
    [InlineData("DEFAULT_NAME_PREFIX=\"box\"\nname=\"${DEFAULT_NAME_PREFIX}-$dir\"", "default_name_prefix", "box-")]
    [InlineData("DEFAULT_NAME_PREFIX=\"box-\"\nname=\"${DEFAULT_NAME_PREFIX}$dir\"", "default_name_prefix", "box-")]
    [InlineData("DEFAULT_IMAGE=one\nDEFAULT_IMAGE=two", "default_image", "one")]
    public void A_constant_is_a_setting(string script, string name, string value)
    {
        var found = One(script);
        found.Setting.Name.ShouldBe(name);
        found.Problem.ShouldBeNull();
        found.Value!.Text.ShouldBe(value);
        found.Line.ShouldBe(1);
    }

    [Theory]
    [InlineData("DEFAULT_IMAGE=\"$(curl evil)\"")]
    [InlineData("DEFAULT_IMAGE=`id`")]
    [InlineData("DEFAULT_IMAGE=\"a$b\"")]
    [InlineData("DEFAULT_IMAGE=")]
    [InlineData("DEFAULT_IMAGE=a; rm -rf /")]
    [InlineData("DEFAULT_IMAGE=\"a\"b")]
    [InlineData("DEFAULT_IMAGE=(a b)")]
    [InlineData("DEFAULT_CODEX_CMD=(codex")]
    [InlineData("DEFAULT_IMAGE=\"not an image\"")]
    public void What_the_shell_would_have_to_work_out_is_left(string script)
    {
        var found = One(script);
        if (found.Value is { } value)
        {
            // What follows a command's end is another command, and not read.
            value.Text.ShouldBe("a");
        }
        else
        {
            found.Problem.ShouldNotBeNullOrEmpty();
        }
    }

    [Fact]
    public void Other_lines_mean_nothing() =>
        OldScript
            .Read("#!/bin/bash\n# DEFAULT_IMAGE=a\nif [ \"$DEFAULT_IMAGE\" = b ]; then echo; fi\nMY_DEFAULT_IMAGE=c\n")
            .ShouldBeEmpty();
}
