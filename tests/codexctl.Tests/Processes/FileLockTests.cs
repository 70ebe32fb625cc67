using System.Diagnostics;
using Codexctl.Processes;

namespace Codexctl.Tests.Processes;

public sealed class FileLockTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("codexctl-lock-").FullName;

    private string File1 => Path.Combine(_folder, "lock");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void An_exclusive_lock_keeps_everybody_out()
    {
        using (FileLock.Take(File1))
        {
            FileLock.TryTake(File1).ShouldBeNull();
            FileLock.TryTake(File1, shared: true).ShouldBeNull();
        }
        using var free = FileLock.TryTake(File1);
        free.ShouldNotBeNull();
    }

    [Fact]
    public void Shared_locks_live_together_and_keep_an_exclusive_one_out()
    {
        using var one = FileLock.Take(File1, shared: true);
        using (var two = FileLock.TryTake(File1, shared: true))
        {
            two.ShouldNotBeNull();
        }
        FileLock.TryTake(File1).ShouldBeNull();
    }

    [Fact]
    public async Task A_waiting_exclusive_lock_does_not_keep_new_shared_ones_out()
    {
        using var one = FileLock.Take(File1, shared: true);
        var waiting = FileLock.TakeAsync(File1);
        using (var two = FileLock.TryTake(File1, shared: true))
        {
            two.ShouldNotBeNull();
        }
        one.Dispose();
        (await waiting.WaitAsync(TimeSpan.FromSeconds(20))).Dispose();
    }

    [Fact]
    public void A_child_does_not_inherit_the_lock()
    {
        var held = FileLock.Take(File1);
        using var child = Process.Start("sleep", "30");
        try
        {
            held.Dispose();
            using var again = FileLock.TryTake(File1);
            again.ShouldNotBeNull();
        }
        finally
        {
            child.Kill();
        }
    }

    [Fact]
    public void The_file_is_for_its_owner_alone()
    {
        using (FileLock.Take(File1))
        {
            File.GetUnixFileMode(File1).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
    }
}
