using Codexctl.Auth;
using Codexctl.Engines;
using Codexctl.Images;
using Codexctl.Sessions;
using Codexctl.Settings;

namespace Codexctl.Commands;

/// <summary>Takes over what was found, one thing at a time. Nothing of the old is changed or removed, and doing it again adds nothing.</summary>
public sealed class ImportTaking(App app)
{
    public ImportsDone Done { get; } = new(app.Paths);

    /// <summary>The name that another program's image keeps when codexctl builds its own of that name.</summary>
    public static string KeptName(string name, ImageInfo image) =>
        $"{name}-before-codexctl:{string.Concat(image.Id.Replace("sha256:", "", StringComparison.Ordinal).Take(12))}";

    public string Setting(string name, SettingValue value) =>
        $"set in {SettingsChange.Write(app, project: false, (path, text) => SettingsEditor.Set(path, text, name.Split('.'), value))}";

    public async Task<string> ImageAsync(IExportingEngine engine, string name, ImageInfo theirs, CancellationToken cancel)
    {
        var kept = KeptName(name, theirs);
        await engine.TagImageAsync(name, kept, cancel);
        var (_, results) = await ImageMaking.BuildAsync(app, engine, new BuildRequest { Names = [name], Rebuild = true }, cancel);
        ImageMaking.ThrowIfFailed(results);
        return $"theirs is {kept} now, and {name} is codexctl's";
    }

    public async Task<string> LoginAsync(IExportingEngine engine, string container, CancellationToken cancel)
    {
        var bytes =
            await WithFilesAsync(engine, container, tar => Task.FromResult(CodexHomeArchive.Login(tar, AuthDocument.Largest)), cancel)
            ?? throw new UserError($"There is no login in {container}.", null, "Sign in: codexctl auth");
        var vault = await LoginTaking.StoreAsync(app, bytes, container, force: false, cancel);
        return $"stored in {vault.Store.Display}";
    }

    public Task<string> SessionsAsync(IExportingEngine engine, ContainerInfo old, string folder, string image, CancellationToken cancel) =>
        WithFilesAsync(
            engine,
            old.Name,
            async tar =>
            {
                List<string> tooLong = [];
                if (!CodexHomeArchive.Files(tar, tooLong.Add).Any())
                {
                    return "there are no sessions in it";
                }
                tar.Position = 0;
                // As `run` in that folder would make it, by that folder's settings.
                var there = app.For(folder);
                var request = Run.Request(
                    there,
                    new Run.Options
                    {
                        Workdir = folder,
                        Image = image,
                        ReadOnly = old.WorkdirReadOnly == true,
                    }
                );
                await using var session = await there.Sessions(engine).OpenAsync(request, cancel);
                var count = await HomeImport.PutAsync(session, CodexHomeArchive.Files(tar, tooLong.Add), cancel);
                await session.FinishAsync(cancel);
                Done.Remember(engine.Name, old, session.Container);
                var left = tooLong.Distinct(StringComparer.Ordinal).ToList();
                return $"{count} files into {session.Container}"
                    + (left.Count == 0 ? "" : $"; too large, and left there: {string.Join(", ", left)}");
            },
            cancel
        );

    private async Task<T> WithFilesAsync<T>(IExportingEngine engine, string container, Func<Stream, Task<T>> use, CancellationToken cancel)
    {
        // Ours alone: a login may be among the files.
        var folder = app.Paths.ImportFolder;
        Clear(folder);
        Paths.MakeOwn(app.Paths.State);
        Paths.MakePrivate(folder);
        try
        {
            var file = Path.Combine(folder, "files.tar");
            using (var progress = new Terminal.Progress(app.Terminal, $"reading {container}", app.Clock))
            {
                progress.Report("");
                await engine.ExportAsync(container, file, cancel);
                progress.Succeeded();
            }
            await using var tar = File.OpenRead(file);
            return await use(tar);
        }
        finally
        {
            Clear(folder);
        }
    }

    private static void Clear(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
