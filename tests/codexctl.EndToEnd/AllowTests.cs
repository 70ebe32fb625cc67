using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd;

/// <summary>
/// `codexctl allow` and `codexctl deny` on a running box. The host has a proxy, as in a company, which leads every name to one server of
/// this machine: the box itself never gets to loopback.
/// </summary>
public class AllowTests
{
    private const string Name = "files.example.org";

    [Theory, BothEngines]
    public async Task What_is_allowed_can_be_reached_at_once_and_what_is_denied_no_more(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        using var company = new CompanyProxy();
        scene.Environment["HTTPS_PROXY"] = company.Address;
        await using var holding = await scene.HoldAsync();

        (await AskAsync(scene)).ShouldContain("403");
        company.Asked.ShouldBeEmpty();

        var allowed = await scene.RunAsync("allow", Name);
        allowed.ExitCode.ShouldBe(0, allowed.ToString());
        allowed.Output.ShouldContain(Name);
        (await AskAsync(scene)).ShouldContain("200");
        company.Asked.ShouldBe([$"{Name}:443"]);

        (await scene.RunAsync("deny", Name)).ExitCode.ShouldBe(0);
        (await AskAsync(scene)).ShouldContain("403");
        company.Asked.Count.ShouldBe(1);
    }

    [Theory, BothEngines]
    public async Task Denying_a_host_cuts_the_tunnels_that_lead_to_it(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        using var company = new CompanyProxy();
        scene.Environment["HTTPS_PROXY"] = company.Address;
        await using var holding = await scene.HoldAsync("--allow", Name);
        // A tunnel in which nothing moves; its end is written down.
        var tunnel = scene.Start(
            "run",
            "--cmd",
            "bash",
            "-c",
            $"exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT {Name}:443 HTTP/1.1\\r\\nHost: {Name}:443\\r\\n\\r\\n' >&3; "
                + "head -n 1 <&3; echo > /workdir/open; cat <&3 >/dev/null; echo cut"
        );
        await Scene.EventuallyAsync(() => File.Exists(Path.Combine(scene.Work, "open")), "the tunnel is open");
        tunnel.Process.HasExited.ShouldBeFalse();

        (await scene.RunAsync("deny", Name)).ExitCode.ShouldBe(0);

        var outcome = await tunnel.EndAsync();
        outcome.Output.ShouldContain("200");
        outcome.Output.ShouldEndWith("cut\n");
    }

    [Theory, BothEngines]
    public async Task The_next_gateway_of_the_box_knows_what_was_allowed(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        using var company = new CompanyProxy();
        scene.Environment["HTTPS_PROXY"] = company.Address;
        await using var holding = await scene.HoldAsync();
        (await scene.RunAsync("allow", Name)).ExitCode.ShouldBe(0);
        var first = scene.Gateways().ShouldHaveSingleItem();

        Host.Kill(first);
        await Scene.EventuallyAsync(() => scene.Gateways() is [var next] && next != first, "there is another gateway");

        await Scene.EventuallyAsync(async () => (await AskAsync(scene)).Contains("200", StringComparison.Ordinal), "it is still allowed");
        (await scene.RunAsync("allow", "--list")).Output.ShouldContain(Name);
    }

    [Theory, BothEngines]
    public async Task Saved_it_holds_for_later_boxes_and_not_saved_it_does_not(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        using var company = new CompanyProxy();
        scene.Environment["HTTPS_PROXY"] = company.Address;
        await using (await scene.HoldAsync())
        {
            (await scene.RunAsync("allow", "other.example.org")).ExitCode.ShouldBe(0);
            (await scene.RunAsync("allow", Name, "--save")).ExitCode.ShouldBe(0);
        }
        (await scene.RunAsync("stop")).ExitCode.ShouldBe(0);

        await using var later = await scene.HoldAsync();
        var list = (await scene.RunAsync("allow", "--list")).Output;
        list.ShouldContain(Name);
        list.ShouldNotContain("other.example.org");
    }

    [Theory, BothEngines]
    public async Task What_is_no_host_changes_nothing(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        await using var holding = await scene.HoldAsync();

        foreach (var wrong in (string[])["127.0.0.1", "http://x.example/", "*", "a..b"])
        {
            var outcome = await scene.RunAsync("allow", wrong, "--save");
            outcome.ExitCode.ShouldBe(2, outcome.ToString());
            outcome.Error.ShouldContain(wrong);
        }
        (await scene.RunAsync("allow", "--list")).Output.ShouldBe("");
    }

    /// <summary>The status that the gateway's proxy gives for a tunnel to the name.</summary>
    private static async Task<string> AskAsync(Scene scene)
    {
        var asked = await scene.RunAsync(
            "run",
            "--cmd",
            "bash",
            "-c",
            $"exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT {Name}:443 HTTP/1.1\\r\\nHost: {Name}:443\\r\\n\\r\\n' >&3; head -n 1 <&3"
        );
        return asked.Output;
    }

    /// <summary>Takes every CONNECT and then says nothing, until the other side ends.</summary>
    private sealed class CompanyProxy : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

        public CompanyProxy()
        {
            _listener.Start();
            _ = AcceptAsync();
        }

        public string Address => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

        public ConcurrentQueue<string> Asked { get; } = [];

        public void Dispose() => _listener.Dispose();

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                {
                    var client = await _listener.AcceptTcpClientAsync();
                    _ = Task.Run(() => ServeAsync(client));
                }
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // The test is over.
                return;
            }
        }

        private async Task ServeAsync(TcpClient client)
        {
            using (client)
            {
                try
                {
                    using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);
                    var words = (await reader.ReadLineAsync() ?? "").Split(' ');
                    Asked.Enqueue(words.Length > 1 ? words[1] : "");
                    while (await reader.ReadLineAsync() is { Length: > 0 }) { }
                    await client.GetStream().WriteAsync("HTTP/1.1 200 OK\r\n\r\n"u8.ToArray());
                    await reader.ReadToEndAsync();
                }
                catch (IOException)
                {
                    // Cut.
                    return;
                }
            }
        }
    }
}
