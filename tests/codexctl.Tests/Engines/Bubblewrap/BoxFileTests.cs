using Codexctl.Engines;
using Codexctl.Engines.Bubblewrap;

namespace Codexctl.Tests.Engines.Bubblewrap;

public sealed class BoxFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("codexctl-").FullName;

    [Fact]
    public void A_specification_comes_back_whole_and_only_its_owner_can_read_it()
    {
        var paths = new ContainerPaths(Path.Combine(_folder, "one"));
        var spec = new ContainerSpec(
            "one",
            "codex",
            new Dictionary<string, string> { [ContainerLabels.Workdir] = "%2Fx" },
            [new Mount("/a b\n🙂", Box.Workdir, true)],
            ["/workdir/.cache"],
            BoxNetwork.Full,
            new BoxUser(1, 2),
            null,
            null
        );
        var created = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

        new BoxFile(spec, created).Write(paths);

        var read = BoxFile.Read(paths).ShouldNotBeNull();
        read.Created.ShouldBe(created);
        read.Spec.Mounts.ShouldBe(spec.Mounts);
        read.Spec.Labels.ShouldBe(spec.Labels);
        (read.Spec with { Mounts = spec.Mounts, Labels = spec.Labels, Hidden = spec.Hidden }).ShouldBe(spec);
        read.Spec.Hidden.ShouldBe(spec.Hidden);
        if (!OperatingSystem.IsWindows())
        {
            File.GetUnixFileMode(BoxFile.PathIn(paths)).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("rubbish")]
    public void A_damaged_specification_is_an_error_and_a_missing_one_is_none(string text)
    {
        var paths = new ContainerPaths(_folder);
        BoxFile.Read(paths).ShouldBeNull();
        Directory.CreateDirectory(paths.Box);
        File.WriteAllText(BoxFile.PathIn(paths), text);

        Should.Throw<UserError>(() => BoxFile.Read(paths)).Mend.ShouldNotBeNull();
    }

    [Fact]
    public void A_process_is_told_by_its_start_time_whatever_its_name_holds()
    {
        var rest = string.Join(' ', Enumerable.Range(4, 18)) + " 777 5 6";

        BoxProcess.ParseStartTime($"42 (a) b) c) S {rest}").ShouldBe(777ul);
        BoxProcess.ParseStartTime($"42 (bwrap) Z {rest}").ShouldBeNull();
        BoxProcess.ParseStartTime("42 (bwrap) S 1").ShouldBeNull();
        BoxProcess.ParseStartTime("").ShouldBeNull();
    }

    [Fact]
    public void Our_own_process_is_alive_and_one_with_another_start_time_is_not()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Reads /proc.");
        var self = BoxProcess.Observe(Environment.ProcessId).ShouldNotBeNull();

        self.IsAlive().ShouldBeTrue();
        (self with { StartTime = self.StartTime + 1 }).IsAlive().ShouldBeFalse();
        (self with { Boot = "another" }).IsAlive().ShouldBeFalse();
        (self with { StartTime = self.StartTime + 1 }).Kill(TimeSpan.FromSeconds(1));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
