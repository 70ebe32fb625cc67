using Codexctl.Policy;

namespace Codexctl.Tests.Policy;

public class MountTextTests
{
    [Theory]
    [InlineData("/data:/mnt/data", "/data", "/mnt/data", true)]
    [InlineData("/data:/mnt/data:ro", "/data", "/mnt/data", true)]
    [InlineData("~/data:/mnt/data:rw", "~/data", "/mnt/data", false)]
    [InlineData("~/My data, 2:/srv/x y/", "~/My data, 2", "/srv/x y", true)]
    [InlineData("/a:b:/mnt/b", "/a:b", "/mnt/b", true)]
    [InlineData("/a:/b:/mnt/b", "/a:/b", "/mnt/b", true)]
    public void What_is_written_is_understood(string text, string source, string target, bool readOnly) =>
        MountText.Parse(text).ShouldBe(new MountText(source, target, readOnly));

    [Theory]
    [InlineData("")]
    [InlineData("/data")]
    [InlineData(":/mnt/data")]
    [InlineData("data:/mnt/data")]
    [InlineData("/data:mnt/data")]
    [InlineData("/data:/mnt/data:rx")]
    [InlineData("/data:/mnt/../etc")]
    [InlineData("/data:/mnt//etc")]
    [InlineData("/data:/mnt/./x")]
    [InlineData("/data:/mnt/a,readonly=false")]
    [InlineData("/data:/mnt/a\nb")]
    [InlineData("/da\u001bta:/mnt/a")]
    public void What_is_not_understood_is_refused(string text) =>
        Should.Throw<UserError>(() => MountText.Parse(text)).ExitCode.ShouldBe(ExitCodes.Usage);

    [Theory]
    [InlineData("/")]
    [InlineData("/workdir")]
    [InlineData("/workdir/data")]
    [InlineData("/etc")]
    [InlineData("/etc/codex")]
    [InlineData("/run/codexctl/door")]
    [InlineData("/home/coder")]
    [InlineData("/home/coder/.codex-local")]
    [InlineData("/usr/local/bin")]
    [InlineData("/opt/codex")]
    [InlineData("/proc")]
    [InlineData("/lib64/")]
    [InlineData("/tmp")]
    public void What_the_box_needs_is_not_covered(string target) => Should.Throw<UserError>(() => MountText.Parse($"/data:{target}"));

    [Theory]
    [InlineData("/mnt/a", "/mnt/a")]
    [InlineData("/mnt/a", "/mnt/a/b")]
    [InlineData("/mnt/a/b", "/mnt/a")]
    public void Two_that_meet_are_refused(string one, string other) =>
        Should.Throw<UserError>(() => MountText.ParseAll([$"/x:{one}", $"/y:{other}"]));

    [Fact]
    public void Neighbours_are_fine() => MountText.ParseAll(["/x:/mnt/a", "/y:/mnt/ab", "/x:/mnt/c:rw"]).Count.ShouldBe(3);
}
