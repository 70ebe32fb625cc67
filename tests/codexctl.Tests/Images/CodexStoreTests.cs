using System.Formats.Tar;
using Codexctl.Images;
using Codexctl.Settings;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace Codexctl.Tests.Images;

public sealed class CodexStoreTests : IAsyncLifetime
{
    private readonly string _home = Directory.CreateTempSubdirectory("codexctl-test-").FullName;
    private readonly RecordedProgress _progress = new();
    private FakeRegistry _registry = null!;

    public async ValueTask InitializeAsync() => _registry = await FakeRegistry.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _registry.DisposeAsync();
        Directory.Delete(_home, recursive: true);
    }

    private CodexStore Store(CodexRelease? release = null, string? registry = null, TimeProvider? time = null)
    {
        var environment = new HostEnvironment(
            new Dictionary<string, string>
            {
                ["HOME"] = _home,
                ["CODEXCTL_CACHE_DIR"] = Path.Combine(_home, "cache"),
                ["npm_config_registry"] = registry ?? _registry.Address.ToString(),
                ["npm_config_globalconfig"] = Path.Combine(_home, "none"),
            }
        );
        // Pauses between attempts pass at once.
        return new CodexStore(
            new Paths(environment),
            environment,
            time ?? new FakeTimeProvider { AutoAdvanceAmount = TimeSpan.Zero },
            release ?? TestArchive.Release(TestArchive.Good)
        );
    }

    private string[] Left() =>
        [.. Directory.EnumerateFileSystemEntries(Path.Combine(_home, "cache/codex")).Select(Path.GetFileName).Order()!];

    [Fact]
    public async Task A_release_is_downloaded_verified_and_unpacked()
    {
        var files = await Store().EnsureAsync(_progress);

        File.ReadAllText(files.Codex).ShouldEndWith("bin/codex");
        foreach (var file in new[] { files.Codex, files.CodeModeHost, files.Ripgrep, files.Bubblewrap })
        {
            ((int)File.GetUnixFileMode(file)).ShouldBe(0b111_101_101);
        }
        Directory.Exists(Path.Combine(files.Root, "codex-resources/voice")).ShouldBeFalse();
        _registry.Requests.Single().Path.ShouldBe("/@openai/codex/-/codex-9.9.9-linux-x64.tgz");
        _progress.Reports[^1].ShouldBe((TestArchive.Good.Length, TestArchive.Good.Length));
        Left().ShouldBe([".9.9.9-linux-x64.lock", "9.9.9-linux-x64"]);
    }

    [Fact]
    public async Task A_cached_release_needs_no_network()
    {
        await Store().EnsureAsync(_progress);
        await _registry.DisposeAsync();

        (await Store(registry: "http://127.0.0.1:1/").EnsureAsync(_progress)).Codex.ShouldNotBeNull();
    }

    [Fact]
    public async Task A_damaged_release_is_not_used_but_made_again()
    {
        var files = await Store().EnsureAsync(_progress);
        File.WriteAllText(files.Ripgrep, "cut");
        Store().Find().ShouldBeNull();

        await Store().EnsureAsync(_progress);

        _registry.Requests.Count.ShouldBe(2);
        new FileInfo(files.Ripgrep).Length.ShouldBeGreaterThan(1000);
    }

    [Fact]
    public async Task A_folder_without_its_mark_is_not_used()
    {
        var files = await Store().EnsureAsync(_progress);
        File.Delete(Path.Combine(files.Root, ".verified"));

        Store().Find().ShouldBeNull();
        (await Store().EnsureAsync(_progress)).Root.ShouldBe(files.Root);
    }

    [Fact]
    public async Task A_file_with_another_hash_is_an_error_and_nothing_is_kept()
    {
        _registry.Archive = TestArchive.Make(tar => TestArchive.Add(tar, "package/extra", "evil"));
        var release = TestArchive.Release(TestArchive.Good);

        var error = await Should.ThrowAsync<UserError>(() => Store(release).EnsureAsync(_progress));

        error.Why.ShouldNotBeNull().ShouldContain(release.Integrity.Text);
        error.Why.ShouldContain(TestArchive.Release(_registry.Archive).Integrity.Text);
        Left().ShouldBe([".9.9.9-linux-x64.lock"]);
    }

    [Fact]
    public async Task A_cut_download_goes_on_where_it_stopped()
    {
        _registry.Before = async (context, number) =>
        {
            if (number < 3)
            {
                await _registry.SendArchiveAsync(context, 70_000, _progress);
                return true;
            }
            return false;
        };

        await Advancing(time => Store(time: time).EnsureAsync(_progress));

        _registry.Requests.Count.ShouldBe(3);
        _registry.Requests.Skip(1).ShouldAllBe(request => request.Range != null);
        _progress.Notes.ShouldContain("The connection was cut. Trying again.");
    }

    [Fact]
    public async Task An_interrupted_download_goes_on_in_the_next_run()
    {
        using (var stop = new CancellationTokenSource())
        {
            _registry.Before = async (context, _) =>
            {
                await context.Response.Body.WriteAsync(_registry.Archive.AsMemory(0, 70_000));
                await context.Response.Body.FlushAsync();
                await stop.CancelAsync();
                return true;
            };
            await Should.ThrowAsync<OperationCanceledException>(() => Store().EnsureAsync(_progress, stop.Token));
        }
        // Whatever part had come is there; make it certain.
        var partial = Path.Combine(_home, "cache/codex/9.9.9-linux-x64.tgz.partial");
        await File.WriteAllBytesAsync(partial, TestArchive.Good[..50_000]);
        _registry.Before = (_, _) => Task.FromResult(false);

        await Store().EnsureAsync(_progress);

        _registry.Requests[^1].Range.ShouldBe("bytes=50000-");
    }

    [Fact]
    public async Task A_beginning_that_does_not_fit_is_thrown_away_and_fetched_anew()
    {
        Directory.CreateDirectory(Path.Combine(_home, "cache/codex"));
        await File.WriteAllBytesAsync(Path.Combine(_home, "cache/codex/9.9.9-linux-x64.tgz.partial"), new byte[1000]);

        await Store().EnsureAsync(_progress);

        _registry.Requests.Select(request => request.Range).ShouldBe(["bytes=1000-", null]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    public async Task A_part_that_is_already_whole_or_too_long_ends_well(int tooMuch)
    {
        Directory.CreateDirectory(Path.Combine(_home, "cache/codex"));
        await File.WriteAllBytesAsync(
            Path.Combine(_home, "cache/codex/9.9.9-linux-x64.tgz.partial"),
            [.. TestArchive.Good, .. new byte[tooMuch]]
        );

        (await Advancing(time => Store(time: time).EnsureAsync(_progress))).Codex.ShouldNotBeNull();
    }

    [Fact]
    public async Task A_server_without_ranges_sends_the_whole_again()
    {
        Directory.CreateDirectory(Path.Combine(_home, "cache/codex"));
        await File.WriteAllBytesAsync(Path.Combine(_home, "cache/codex/9.9.9-linux-x64.tgz.partial"), new byte[1000]);
        _registry.Before = async (context, _) =>
        {
            await context.Response.Body.WriteAsync(_registry.Archive);
            return true;
        };

        await Store().EnsureAsync(_progress);

        _registry.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_server_that_goes_silent_is_given_up_after_a_minute_each_time()
    {
        _registry.Before = async (context, _) =>
        {
            await context.Response.Body.WriteAsync(new byte[10]);
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
            return true;
        };

        var error = await Should.ThrowAsync<UserError>(() => Advancing(time => Store(time: time).EnsureAsync(_progress)));

        error.Message.ShouldContain("cut off several times");
        _progress.Notes.ShouldContain("Nothing came for a minute. Trying again.");
    }

    [Theory]
    [InlineData(401, "refused the download (401)")]
    [InlineData(403, "refused the download (403)")]
    [InlineData(404, "does not have @openai/codex 9.9.9-linux-x64")]
    [InlineData(418, "answered 418")]
    [InlineData(503, "answered 503 several times")]
    public async Task Each_refusal_has_its_own_error(int status, string expected)
    {
        _registry.Before = (context, _) =>
        {
            context.Response.StatusCode = status;
            return Task.FromResult(true);
        };

        var error = await Should.ThrowAsync<UserError>(() => Advancing(time => Store(time: time).EnsureAsync(_progress)));

        error.Message.ShouldContain(expected);
        error.Mend.ShouldNotBeNull();
    }

    [Fact]
    public async Task A_registry_that_is_not_there_is_named()
    {
        var error = await Should.ThrowAsync<UserError>(() =>
            Advancing(time => Store(registry: "http://127.0.0.1:1/", time: time).EnsureAsync(_progress))
        );

        error.Message.ShouldContain("127.0.0.1 cannot be reached");
    }

    [Fact]
    public async Task A_registry_that_keeps_archives_elsewhere_is_asked_where()
    {
        _registry.Before = async (context, _) =>
        {
            var path = context.Request.Path.Value!;
            if (path.StartsWith("/@openai/codex/-/", StringComparison.Ordinal))
            {
                context.Response.StatusCode = 404;
                return true;
            }
            if (path.Contains("openai%2fcodex", StringComparison.OrdinalIgnoreCase) || path == "/@openai/codex")
            {
                await context.Response.WriteAsync(
                    "{\"versions\":{\"9.9.9-linux-x64\":{\"dist\":{\"tarball\":\"" + _registry.Address + "files/c.tgz\"}}}}"
                );
                return true;
            }
            return false;
        };

        await Store().EnsureAsync(_progress);

        _registry.Requests[^1].Path.ShouldBe("/files/c.tgz");
    }

    [Fact]
    public async Task Credentials_go_to_the_registry_but_not_where_it_redirects()
    {
        await using var elsewhere = await FakeRegistry.StartAsync();
        File.WriteAllText(Path.Combine(_home, ".npmrc"), $"//{_registry.Address.Authority}/:_authToken=secret\n");
        _registry.Before = (context, _) =>
        {
            context.Response.Redirect(elsewhere.Address + "blob");
            return Task.FromResult(true);
        };

        await Store().EnsureAsync(_progress);

        _registry.Requests.Single().Authorization.ShouldBe("Bearer secret");
        elsewhere.Requests.Single().Authorization.ShouldBeNull();
    }

    [Fact]
    public async Task Endless_redirects_are_refused()
    {
        _registry.Before = (context, _) =>
        {
            context.Response.Redirect("/again");
            return Task.FromResult(true);
        };

        (await Should.ThrowAsync<UserError>(() => Store().EnsureAsync(_progress))).Why.ShouldBe("There are too many redirects.");
    }

    [Fact]
    public async Task Two_that_want_it_at_once_download_it_once()
    {
        var arrived = new TaskCompletionSource();
        var go = new TaskCompletionSource();
        _registry.Before = async (_, _) =>
        {
            arrived.TrySetResult();
            await go.Task;
            return false;
        };
        var second = new RecordedProgress();

        var one = Store(time: TimeProvider.System).EnsureAsync(_progress);
        await arrived.Task;
        var two = Store(time: TimeProvider.System).EnsureAsync(second);
        // Not only the note: a failure must end the test, too.
        await Task.WhenAny(second.FirstNote, one, two);
        go.SetResult();

        (await two).Root.ShouldBe((await one).Root);
        second.Notes.ShouldBe(["Another codexctl is downloading Codex; waiting for it."]);
        _registry.Requests.Count.ShouldBe(1);
    }

    public static TheoryData<string, Action<TarWriter>> Hostile() =>
        new()
        {
            { "outside", tar => TestArchive.Add(tar, "package/../../evil", "x") },
            { "outside", tar => TestArchive.Add(tar, "/etc/evil", "x") },
            { "SymbolicLink", tar => tar.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, "package/l") { LinkName = "/etc/passwd" }) },
            {
                "HardLink",
                tar => tar.WriteEntry(new PaxTarEntry(TarEntryType.HardLink, "package/l") { LinkName = "package/package.json" })
            },
            { "Fifo", tar => tar.WriteEntry(new PaxTarEntry(TarEntryType.Fifo, "package/f")) },
            { "twice", tar => TestArchive.Add(tar, TestArchive.Root + "bin/codex", "x") },
        };

    [Theory]
    [MemberData(nameof(Hostile))]
    public async Task An_archive_with_anything_but_files_of_the_package_is_refused(string expected, Action<TarWriter> add)
    {
        _registry.Archive = TestArchive.Make(add);

        var error = await Should.ThrowAsync<UserError>(() => Store(TestArchive.Release(_registry.Archive)).EnsureAsync(_progress));

        error.Message.ShouldContain(expected);
        Left().ShouldNotContain("9.9.9-linux-x64");
        Left().ShouldAllBe(name => !name.Contains("unpack"));
    }

    [Fact]
    public async Task An_archive_that_lacks_a_file_or_is_no_archive_is_refused()
    {
        _registry.Archive = TestArchive.Make(_ => { }, name => name != "codex-path/rg");
        (
            await Should.ThrowAsync<UserError>(() => Store(TestArchive.Release(_registry.Archive)).EnsureAsync(_progress))
        ).Message.ShouldContain("has no codex-path/rg");

        Directory.Delete(Path.Combine(_home, "cache"), recursive: true);
        _registry.Archive = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        await Should.ThrowAsync<UserError>(() => Store(TestArchive.Release(_registry.Archive)).EnsureAsync(_progress));
    }

    /// <summary>Runs something with a clock that moves on whenever everybody waits.</summary>
    private static async Task<T> Advancing<T>(Func<TimeProvider, Task<T>> run)
    {
        var time = new FakeTimeProvider();
        var task = run(time);
        while (await Task.WhenAny(task, Task.Delay(20)) != task)
        {
            time.Advance(TimeSpan.FromSeconds(5));
        }
        return await task;
    }
}
