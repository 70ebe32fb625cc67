using Codexctl.Engines.Bubblewrap;

namespace Codexctl.Tests.Engines.Bubblewrap;

public class BwrapTroubleTests
{
    [Theory]
    [InlineData("kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0")]
    [InlineData("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1")]
    [InlineData("user/max_user_namespaces", "0", "user.max_user_namespaces=15000")]
    public void A_switch_that_is_off_is_named_with_the_command_that_turns_it_on(string name, string value, string mend)
    {
        foreach (
            var said in (string[])
                [
                    "bwrap: setting up uid map: Permission denied",
                    "bwrap: No permissions to create new namespace, likely because the kernel does not allow non-privileged user namespaces.",
                    "bwrap: Creating new namespace failed: Operation not permitted",
                    "bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted",
                ]
        )
        {
            var error = BwrapTrouble.Explain(said, setting => setting == name ? value : null);

            error.Mend!.ShouldContain(mend);
            error.Mend!.ShouldContain("Docker");
        }
    }

    [Fact]
    public void A_container_that_forbids_namespaces_is_told_apart()
    {
        BwrapTrouble
            .Explain("bwrap: Creating new namespace failed: Operation not permitted", _ => null)
            .Mend!.ShouldContain("--security-opt");
    }

    [Fact]
    public void Another_failure_is_told_in_bwraps_own_words()
    {
        var error = BwrapTrouble.Explain("bwrap: Can't find source path /nowhere: No such file or directory\n", _ => "0");

        error.Why.ShouldBe("bwrap: Can't find source path /nowhere: No such file or directory");
        BwrapTrouble.IsAboutUserNamespaces(error.Why!).ShouldBeFalse();
    }

    [Fact]
    public void An_old_bwrap_is_tried_without_the_seal() =>
        BwrapTrouble.IsAboutUserNamespaces("bwrap: Unknown option --disable-userns").ShouldBeTrue();
}
