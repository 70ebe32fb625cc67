using Codexctl.Sessions;
using CsCheck;

namespace Codexctl.Tests.Sessions;

public class ContainerNamesTests
{
    [Theory]
    [InlineData("/home/me/app", "codex-app")]
    [InlineData("/home/me/My Project", "codex-My-Project")]
    [InlineData("/home/me/a.b_c-d", "codex-a.b_c-d")]
    [InlineData("/home/me/  spaced  ", "codex-spaced")]
    [InlineData("/home/me/a,b:c=d", "codex-a-b-c-d")]
    [InlineData("/home/me/äöü", "codex-workdir")]
    [InlineData("/home/me/🙂", "codex-workdir")]
    [InlineData("/home/me/x🙂🙂y", "codex-x-y")]
    [InlineData("/home/me/---", "codex-workdir")]
    [InlineData("/home/me/-lead-", "codex-lead")]
    [InlineData("/home/me/line\nbreak", "codex-line-break")]
    [InlineData("/home/me/app/", "codex-app")]
    public void A_folder_names_its_container_as_in_the_seed(string folder, string expected) =>
        ContainerNames.ForFolder("codex-", folder).ShouldBe(expected);

    [Fact]
    public void Folders_with_one_base_name_get_different_names_that_stay_the_same()
    {
        var one = ContainerNames.WithHash("codex-app", "/a/app");
        one.ShouldNotBe(ContainerNames.WithHash("codex-app", "/b/app"));
        one.ShouldBe(ContainerNames.WithHash("codex-app", "/a/app"));
    }

    [Fact]
    public void Whatever_a_folder_is_called_every_engine_takes_the_name() =>
        Gen
            .String.Where(text => !text.Contains('/') && !text.Contains('\0'))
            .Sample(text =>
            {
                var name = ContainerNames.ForFolder("codex-", "/x/" + text);
                ContainerNames.Check(name);
                ContainerNames.Check(ContainerNames.WithHash(name, "/x/" + text));
            });

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("-a")]
    [InlineData("a b")]
    [InlineData("a/b")]
    [InlineData("../../etc")]
    [InlineData("a\n")]
    [InlineData("ä1")]
    public void A_name_that_some_engine_would_refuse_is_a_usage_error(string name) =>
        Should.Throw<UserError>(() => ContainerNames.Check(name)).ExitCode.ShouldBe(ExitCodes.Usage);

    [Fact]
    public void A_name_longer_than_apple_takes_is_refused() => Should.Throw<UserError>(() => ContainerNames.Check(new string('x', 64)));
}
