using System.Formats.Tar;
using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Codexctl.Images;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Codexctl.EndToEnd.Harness;

/// <summary>An npm registry on loopback with releases of Codex that do not exist: the real one's files under other versions.</summary>
public sealed class CodexRegistry : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly string _folder;
    private readonly Dictionary<string, (string Archive, Integrity Integrity)> _releases = new(StringComparer.Ordinal);

    private CodexRegistry(WebApplication app, string folder) => (_app, _folder) = (app, folder);

    /// <summary>The variable of npm's that leads to it.</summary>
    public (string Name, string Value) Setting { get; private set; }

    /// <param name="folder">For the archives.</param>
    public static async Task<CodexRegistry> StartAsync(string folder)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var registry = new CodexRegistry(app, folder);
        app.Run(registry.AnswerAsync);
        await app.StartAsync();
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        registry.Setting = ($"npm_config_{CodexLock.Embedded.Package.Split('/')[0]}:registry", address);
        return registry;
    }

    /// <summary>Publishes the files of the pinned release under another version.</summary>
    /// <param name="program">What stands for Codex itself; null for the real one.</param>
    /// <param name="damaged">The archive is not the one that the hash is of.</param>
    public async Task PublishAsync(string version, string? program = null, bool damaged = false)
    {
        var files = await Machine.CodexAsync();
        var archive = Path.Combine(_folder, $"{version}.tgz");
        await using (var file = File.Create(archive))
        {
            // Nothing is gained by squeezing 370 MB for a way of no length.
            await using var gzip = new GZipStream(file, CompressionLevel.NoCompression);
            await using var tar = new TarWriter(gzip, TarEntryFormat.Pax);
            foreach (var path in Directory.EnumerateFiles(files.Root, "*", SearchOption.AllDirectories))
            {
                var name = Path.GetRelativePath(files.Root, path);
                if (name.StartsWith('.'))
                {
                    continue;
                }
                await using Stream content =
                    program is not null ? new MemoryStream(Encoding.UTF8.GetBytes(path == files.Codex ? program : "#!/bin/sh\n"))
                    : path == files.Codex ? await OfVersionAsync(path, version)
                    : File.OpenRead(path);
                var entry = new PaxTarEntry(TarEntryType.RegularFile, $"package/vendor/{files.Release.Target}/{name}")
                {
                    Mode = (UnixFileMode)0b111_101_101,
                    DataStream = content,
                };
                await tar.WriteEntryAsync(entry);
            }
        }
        await using var whole = File.OpenRead(archive);
        var hash = await SHA512.HashDataAsync(whole);
        if (damaged)
        {
            hash[0] ^= 1;
        }
        _releases[version] = (archive, Integrity.Of(hash));
    }

    /// <summary>The real Codex, which says that it is another one; the two versions are of one length.</summary>
    private static async Task<MemoryStream> OfVersionAsync(string program, string version)
    {
        var (from, to) = (Encoding.ASCII.GetBytes(CodexLock.Embedded.Version), Encoding.ASCII.GetBytes(version));
        to.Length.ShouldBe(from.Length);
        var bytes = await File.ReadAllBytesAsync(program);
        for (int at = 0, found; (found = bytes.AsSpan(at).IndexOf(from)) >= 0; at += found + to.Length)
        {
            to.CopyTo(bytes, at + found);
        }
        return new MemoryStream(bytes);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var platform = CodexLock.Embedded.ForThisMachine().Platform;
        var path = Uri.UnescapeDataString(context.Request.Path.Value ?? "");
        if (path == $"/{CodexLock.Embedded.Package}")
        {
            var versions = new JsonObject();
            foreach (var (version, (_, integrity)) in _releases)
            {
                versions[$"{version}-{platform}"] = new JsonObject { ["dist"] = new JsonObject { ["integrity"] = integrity.Text } };
            }
            var answer = new JsonObject
            {
                ["dist-tags"] = new JsonObject { ["latest"] = _releases.Keys.Order(StringComparer.Ordinal).LastOrDefault() },
                ["versions"] = versions,
            };
            await context.Response.WriteAsync(answer.ToJsonString());
            return;
        }
        var wanted = _releases.FirstOrDefault(release => path.EndsWith($"/-/codex-{release.Key}-{platform}.tgz", StringComparison.Ordinal));
        if (wanted.Key is null)
        {
            context.Response.StatusCode = 404;
            return;
        }
        await context.Response.SendFileAsync(wanted.Value.Archive);
    }
}
