using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Codexctl.EndToEnd.Harness;

/// <summary>A headless Chromium with one page, driven by its debugging protocol.</summary>
public sealed class Browser : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _profile;
    private readonly ClientWebSocket _socket = new();
    private int _last;

    private Browser(Process process, string profile) => (_process, _profile) = (process, profile);

    public static async Task<Browser> OpenAsync(Scene scene, string address)
    {
        var profile = scene.NewFolder("browser");
        var process = Process.Start(
            new ProcessStartInfo(
                "chromium",
                [
                    "--headless",
                    // Tests may run as root, where Chromium's own sandbox cannot be used.
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-dev-shm-usage",
                    "--no-first-run",
                    "--disable-background-networking",
                    $"--user-data-dir={profile}",
                    "--remote-debugging-port=0",
                    address,
                ]
            )
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
                UseShellExecute = false,
            }
        )!;
        process.ErrorDataReceived += (_, _) => { };
        process.OutputDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        var browser = new Browser(process, profile);
        scene.Later(() => browser.DisposeAsync().AsTask());
        await browser.ConnectAsync();
        return browser;
    }

    /// <summary>The value of an expression in the page, as JSON.</summary>
    public async Task<JsonNode?> EvaluateAsync(string expression)
    {
        var id = ++_last;
        var message = new JsonObject
        {
            ["id"] = id,
            ["method"] = "Runtime.evaluate",
            ["params"] = new JsonObject { ["expression"] = expression, ["returnByValue"] = true },
        };
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await _socket.SendAsync(Encoding.UTF8.GetBytes(message.ToJsonString()), WebSocketMessageType.Text, true, limit.Token);
        while (true)
        {
            using var answer = new MemoryStream();
            var buffer = new byte[64 << 10];
            ValueWebSocketReceiveResult received;
            do
            {
                received = await _socket.ReceiveAsync(buffer.AsMemory(), limit.Token);
                answer.Write(buffer, 0, received.Count);
            } while (!received.EndOfMessage);
            var json = JsonNode.Parse(answer.ToArray())!;
            if ((int?)json["id"] == id)
            {
                json["result"]?["exceptionDetails"].ShouldBeNull(json.ToJsonString());
                // While a page is being loaded there is nothing that could answer.
                return json["result"]?["result"]?["value"]?.DeepClone();
            }
        }
    }

    public async Task<string> TextAsync(string selector) =>
        (string?)await EvaluateAsync($"document.querySelector({JsonSerializer.Serialize(selector)})?.innerText ?? ''") ?? "";

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }
    }

    private async Task ConnectAsync()
    {
        var file = Path.Combine(_profile, "DevToolsActivePort");
        await Scene.EventuallyAsync(() => File.Exists(file) && File.ReadAllLines(file).Length > 1, "chromium starts", 40);
        using var http = new HttpClient();
        string? page = null;
        await Scene.EventuallyAsync(
            async () =>
            {
                var pages = JsonNode
                    .Parse(await http.GetStringAsync($"http://127.0.0.1:{File.ReadAllLines(file)[0]}/json/list"))!
                    .AsArray();
                page = (string?)pages.FirstOrDefault(one => (string?)one!["type"] == "page")?["webSocketDebuggerUrl"];
                return page is not null;
            },
            "chromium has a page"
        );
        await _socket.ConnectAsync(new Uri(page!), CancellationToken.None);
    }
}
