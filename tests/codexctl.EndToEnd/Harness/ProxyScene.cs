using System.Net;
using System.Net.Sockets;

namespace Codexctl.EndToEnd.Harness;

/// <summary>A scene in which `codexctl proxy` stands before the fake Ollama. It needs no container engine.</summary>
public sealed class ProxyScene : IAsyncDisposable
{
    private ProxyScene(Scene scene) => Scene = scene;

    public Scene Scene { get; }

    public int Port { get; } = FreePort();

    public string Address => $"http://127.0.0.1:{Port}";

    public string Record => Path.Combine(Scene.Work, "exchanges.jsonl");

    public Running Proxy { get; private set; } = null!;

    /// <summary>What the proxy has shown until now.</summary>
    public string Shown => Read(Path.Combine(Scene.Work, "shown"));

    /// <summary>Starts the proxy with these words and waits until it listens.</summary>
    public static async Task<ProxyScene> StartAsync(params string[] options)
    {
        var scene = new ProxyScene(await Scene.CreateAsync(Engine.Bubblewrap));
        try
        {
            await scene.BeginAsync(new Call(["proxy", "--listen", $"127.0.0.1:{scene.Port}", .. options]));
            return scene;
        }
        catch
        {
            await scene.DisposeAsync();
            throw;
        }
    }

    /// <summary>A scene in which nothing listens yet.</summary>
    public static async Task<ProxyScene> CreateAsync() => new(await Scene.CreateAsync(Engine.Bubblewrap));

    public async Task BeginAsync(Call call, IPAddress? address = null)
    {
        Proxy = Scene.Start(call with { OutputTo = "shown" });
        await Scene.EventuallyAsync(() => Listens(address ?? IPAddress.Loopback) || Proxy.Process.HasExited, "the proxy listens");
        if (Proxy.Process.HasExited)
        {
            throw new InvalidOperationException((await Proxy.EndAsync()).ToString());
        }
    }

    public bool Listens(IPAddress address)
    {
        try
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            socket.Connect(address, Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Waits until the proxy has shown a text.</summary>
    public Task ShowsAsync(string text) =>
        Scene.EventuallyAsync(() => Shown.Contains(text, StringComparison.Ordinal), $"the proxy shows {text}");

    /// <summary>Ctrl-C.</summary>
    public async Task<Outcome> InterruptAsync()
    {
        // Standard output goes to a file by a shell that has become the proxy.
        Proxy.Signal("INT");
        return await Proxy.EndAsync();
    }

    /// <summary>Installs packages from npm, as the person who runs the tests would.</summary>
    public string InstallFromNpm(params string[] packages)
    {
        var folder = Scene.NewFolder("node");
        File.WriteAllText(Path.Combine(folder, "package.json"), """{"type":"module"}""");
        var installed = Machine.Run("npm", ["install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts", .. packages]);
        installed.ExitCode.ShouldBe(0, installed.Error);
        return folder;
    }

    public ValueTask DisposeAsync() => Scene.DisposeAsync();

    public static string Read(string file) => File.Exists(file) ? File.ReadAllText(file) : "";

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
