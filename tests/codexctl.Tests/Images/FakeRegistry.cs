using System.Formats.Tar;
using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Codexctl.Images;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Codexctl.Tests.Images;

/// <summary>An npm registry on loopback that serves one archive, and misbehaves as told.</summary>
internal sealed class FakeRegistry : IAsyncDisposable
{
    private readonly WebApplication _app;

    private FakeRegistry(WebApplication app) => _app = app;

    public byte[] Archive { get; set; } = TestArchive.Good;

    /// <summary>Answers before anything else does; returns true when it did.</summary>
    public Func<HttpContext, int, Task<bool>> Before { get; set; } = (_, _) => Task.FromResult(false);

    public List<(string Path, string? Range, string? Authorization)> Requests { get; } = [];

    public Uri Address { get; private set; } = null!;

    public static async Task<FakeRegistry> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var registry = new FakeRegistry(app);
        app.Run(registry.AnswerAsync);
        await app.StartAsync();
        var bound = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        registry.Address = new Uri(bound + "/");
        return registry;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        int number;
        lock (Requests)
        {
            var authorization = context.Request.Headers.Authorization;
            Requests.Add((context.Request.Path, context.Request.Headers.Range, authorization.Count > 0 ? authorization.ToString() : null));
            number = Requests.Count;
        }
        if (!await Before(context, number))
        {
            await SendArchiveAsync(context, Archive.Length);
        }
    }

    /// <summary>Serves the archive from where the client asks, and cuts the connection when the client has got so many bytes of it.</summary>
    public async Task SendArchiveAsync(HttpContext context, int cutAfter, RecordedProgress? client = null)
    {
        var start = 0;
        if (context.Request.GetTypedHeaders().Range?.Ranges.Single().From is { } from)
        {
            start = (int)from;
            if (start >= Archive.Length)
            {
                context.Response.StatusCode = 416;
                context.Response.Headers.ContentRange = $"bytes */{Archive.Length}";
                return;
            }
            context.Response.StatusCode = 206;
            context.Response.Headers.ContentRange = $"bytes {start}-{Archive.Length - 1}/{Archive.Length}";
        }
        context.Response.ContentLength = Archive.Length - start;
        var count = Math.Min(cutAfter, Archive.Length - start);
        await context.Response.Body.WriteAsync(Archive.AsMemory(start, count));
        await context.Response.Body.FlushAsync();
        if (count < Archive.Length - start)
        {
            while (client is not null && client.Done < start + count)
            {
                await Task.Delay(1);
            }
            context.Abort();
        }
    }
}

/// <summary>Archives in the layout of Codex's package.</summary>
internal static class TestArchive
{
    public const string Root = "package/vendor/test-target/";

    public static byte[] Good { get; } = Make(_ => { });

    public static byte[] Make(Action<TarWriter> more, Func<string, bool>? keep = null)
    {
        using var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.NoCompression, leaveOpen: true))
        using (var tar = new TarWriter(gzip, TarEntryFormat.Pax))
        {
            Add(tar, "package/package.json", "{}");
            foreach (var name in CodexStore.Wanted.Where(keep ?? (_ => true)))
            {
                Add(tar, Root + name, new string('x', 40_000) + name);
            }
            Add(tar, Root + "codex-resources/voice/big", "not wanted");
            more(tar);
        }
        return bytes.ToArray();
    }

    public static void Add(TarWriter tar, string name, string content) =>
        tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(content)) });

    public static CodexRelease Release(byte[] archive) =>
        new("@openai/codex", "9.9.9", "linux-x64", "9.9.9-linux-x64", "test-target", Integrity.Of(SHA512.HashData(archive)));
}

/// <summary>Remembers what a download said.</summary>
internal sealed class RecordedProgress : IDownloadProgress
{
    private readonly TaskCompletionSource _waiting = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public List<(long Done, long? Total)> Reports { get; } = [];

    public List<string> Notes { get; } = [];

    public long Done
    {
        get
        {
            lock (Reports)
            {
                return Reports.Count == 0 ? 0 : Reports[^1].Done;
            }
        }
    }

    /// <summary>Done when the first note is there.</summary>
    public Task FirstNote => _waiting.Task;

    public void Report(long done, long? total)
    {
        lock (Reports)
        {
            Reports.Add((done, total));
        }
    }

    public void Note(string line)
    {
        lock (Notes)
        {
            Notes.Add(line);
        }
        _waiting.TrySetResult();
    }
}
