using System.Collections.Concurrent;
using System.Diagnostics;
using System.IO.Compression;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using Codexctl.ModelServers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Codexctl.EndToEnd.Harness;

/// <summary>
/// What stands for the web: GitHub's git over https and API, PyPI, and a host of its own with an echo by WebSocket. The host reaches it
/// by a company's proxy, which looks into TLS; every other name goes on to the real one.
/// </summary>
public sealed class ToolServer : IAsyncDisposable
{
    public const string Own = "echo.example.org";

    private readonly WebApplication _app;
    private readonly string _repository;
    private readonly ConcurrentQueue<string> _seen = new();

    private ToolServer(WebApplication app, string repository) => (_app, _repository) = (app, repository);

    public CompanyProxy Proxy { get; private set; } = null!;

    /// <summary>Hosts and paths, in order.</summary>
    public IReadOnlyList<string> Seen => [.. _seen];

    /// <summary>Starts it and tells the scene's codexctl of the proxy and its certificates.</summary>
    public static async Task<ToolServer> StartAsync(Scene scene)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var server = new ToolServer(app, MakeRepository(scene.NewFolder("repository")));
        app.UseWebSockets();
        app.Run(server.HandleAsync);
        await app.StartAsync();
        server.Proxy = new CompanyProxy(
            ["github.com", "api.github.com", "pypi.org", "files.pythonhosted.org", Own],
            new Uri(app.Urls.First()).Port,
            passOn: true
        );
        scene.Later(() => server.DisposeAsync().AsTask());
        var authority = Path.Combine(scene.Root, "company.pem");
        await File.WriteAllTextAsync(authority, server.Proxy.Certificates);
        scene.Environment["HTTPS_PROXY"] = server.Proxy.Address;
        scene.Environment["CODEXCTL_CA_FILE"] = authority;
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        await Proxy.DisposeAsync();
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }

    private Task HandleAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        _seen.Enqueue(context.Request.Host.Host + path);
        return (context.Request.Host.Host, path) switch
        {
            ("github.com", "/someone/thing.git/info/refs") => GitAsync(context, "--advertise-refs"),
            ("github.com", "/someone/thing.git/git-upload-pack") => GitAsync(context),
            ("api.github.com", "/zen") => context.Response.WriteAsync("Keep it simple.\n"),
            ("pypi.org", "/simple/tinything/") => HtmlAsync(
                context,
                """<a href="https://files.pythonhosted.org/packages/tinything-1.0-py3-none-any.whl">tinything-1.0-py3-none-any.whl</a>"""
            ),
            ("files.pythonhosted.org", "/packages/tinything-1.0-py3-none-any.whl") => context.Response.Body.WriteAsync(Wheel()).AsTask(),
            (Own, "/echo") when context.WebSockets.IsWebSocketRequest => EchoAsync(context),
            _ => NotFoundAsync(context),
        };
    }

    private static Task HtmlAsync(HttpContext context, string body)
    {
        context.Response.ContentType = "text/html";
        return context.Response.WriteAsync(body);
    }

    private static Task NotFoundAsync(HttpContext context)
    {
        context.Response.StatusCode = 404;
        return context.Response.WriteAsync("There is nothing.\n");
    }

    private static async Task EchoAsync(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[1000];
        while (await socket.ReceiveAsync(buffer, context.RequestAborted) is { MessageType: not WebSocketMessageType.Close } got)
        {
            await socket.SendAsync(buffer.AsMemory(0, got.Count), got.MessageType, got.EndOfMessage, context.RequestAborted);
        }
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
    }

    /// <summary>Git's own server, as behind every host of repositories.</summary>
    private async Task GitAsync(HttpContext context, params string[] options)
    {
        var advertises = options.Length > 0;
        context.Response.ContentType = advertises ? "application/x-git-upload-pack-advertisement" : "application/x-git-upload-pack-result";
        if (advertises)
        {
            await context.Response.WriteAsync("001e# service=git-upload-pack\n0000");
        }
        using var git = Process.Start(
            new ProcessStartInfo("git", ["upload-pack", "--stateless-rpc", .. options, _repository])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                UseShellExecute = false,
            }
        )!;
        Stream asked =
            context.Request.Headers.ContentEncoding == "gzip"
                ? new GZipStream(context.Request.Body, CompressionMode.Decompress)
                : context.Request.Body;
        await asked.CopyToAsync(git.StandardInput.BaseStream);
        git.StandardInput.Close();
        await git.StandardOutput.BaseStream.CopyToAsync(context.Response.Body);
        await git.WaitForExitAsync();
    }

    private static string MakeRepository(string folder)
    {
        File.WriteAllText(Path.Combine(folder, "README"), "cloned through the door\n");
        string[] who = ["-c", "user.name=Someone", "-c", "user.email=someone@example.org"];
        foreach (
            var words in (string[][])
                [
                    ["init", "-q"],
                    ["add", "README"],
                    [.. who, "commit", "-q", "-m", "first"],
                ]
        )
        {
            Machine.Run("git", ["-C", folder, .. words]).ExitCode.ShouldBe(0);
        }
        return folder;
    }

    /// <summary>The smallest package that pip takes.</summary>
    private static byte[] Wheel()
    {
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        {
            void Add(string name, string text)
            {
                using var entry = zip.CreateEntry(name).Open();
                entry.Write(Encoding.UTF8.GetBytes(text));
            }
            Add("tinything.py", "said = 'installed through the door'\n");
            Add("tinything-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tinything\nVersion: 1.0\n");
            Add("tinything-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n");
            Add("tinything-1.0.dist-info/RECORD", "tinything.py,,\ntinything-1.0.dist-info/METADATA,,\n");
        }
        return bytes.ToArray();
    }
}
