using System.Net;
using System.Net.Sockets;
using Codexctl.Gateway.Egress;
using Codexctl.Policy;

namespace Codexctl.Tests.Gateway.Egress;

public class EgressRefusalTests
{
    [Fact]
    public async Task A_refused_tunnel_tells_the_flag_in_the_body_and_in_the_status_line()
    {
        using var world = new World();
        var answer = await world.AskAsync("CONNECT registry.npmjs.org:443 HTTP/1.1\r\nHost: registry.npmjs.org:443\r\n\r\n");
        answer.ShouldStartWith("HTTP/1.1 403 Refused by codexctl: use --allow npm\r\n");
        answer.ShouldContain("X-Codexctl-Refused: registry.npmjs.org:443; it is not on the allow list\r\n");
        answer.ShouldContain("Content-Type: text/plain");
        answer.ShouldEndWith(
            "\r\n\r\ncodexctl: registry.npmjs.org:443 is not allowed from this box. Allow it with: codexctl run --allow npm (or --allow registry.npmjs.org); now, in another terminal: codexctl allow npm\n"
        );
        world.Network.Lookups.ShouldBeEmpty();
        var call = world.Sink.Only;
        (call.Host, call.Port, call.Allowed, call.Reason).ShouldBe(("registry.npmjs.org", 443, false, "it is not on the allow list"));
    }

    [Fact]
    public async Task A_refused_plain_request_gets_the_same_words()
    {
        using var world = new World();
        var answer = await world.AskAsync("GET http://deb.debian.org/debian/ HTTP/1.1\r\nHost: deb.debian.org\r\n\r\n");
        answer.ShouldStartWith("HTTP/1.1 403 ");
        answer.ShouldContain("codexctl: deb.debian.org:80 is not allowed from this box. Allow it with: codexctl run --allow debian");
    }

    [Theory]
    [InlineData("127.0.0.1:443")]
    [InlineData("2130706433:443")]
    [InlineData("0x7f.1:443")]
    [InlineData("0177.0.0.1:443")]
    [InlineData("[::1]:443")]
    [InlineData("[::ffff:7f00:1]:443")]
    [InlineData("8.8.8.8:443")]
    [InlineData("localhost:443")]
    [InlineData("a.localhost:443")]
    [InlineData("host.docker.internal:11434")]
    [InlineData("example.com:22")]
    [InlineData("example.com.:8443")]
    [InlineData("evilexample.com:443")]
    [InlineData("example.com%2eevil.org:443")]
    [InlineData("..:443")]
    public async Task What_is_not_allowed_is_refused_without_a_lookup(string authority)
    {
        using var world = new World();
        (await world.AskAsync($"CONNECT {authority} HTTP/1.1\r\n\r\n")).ShouldStartWith("HTTP/1.1 403 ");
        world.Network.Lookups.ShouldBeEmpty();
        world.Sink.Only.Allowed.ShouldBeFalse();
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("10.1.2.3")]
    [InlineData("169.254.169.254")]
    [InlineData("100.64.1.1")]
    [InlineData("::1")]
    [InlineData("::ffff:93.184.215.14")]
    [InlineData("64:ff9b::5db8:d70e")]
    [InlineData("fd00::1")]
    [InlineData("fe80::1%3")]
    public async Task A_name_that_leads_to_a_forbidden_address_is_refused_even_among_public_ones(string address)
    {
        using var world = new World();
        world.Network.Resolve = (_, _) => Task.FromResult(new[] { FakeNetwork.Public, IPAddress.Parse(address) });
        var answer = await world.AskAsync("CONNECT example.com:443 HTTP/1.1\r\n\r\n");
        answer.ShouldStartWith("HTTP/1.1 403 Refused by codexctl: not a public address");
        world.Network.Connections.ShouldBeEmpty();
        world.Sink.Only.Allowed.ShouldBeFalse();
    }

    [Fact]
    public async Task A_public_address_of_this_very_machine_is_refused()
    {
        using var world = new World();
        world.Network.Own.Add(FakeNetwork.Public);
        (await world.AskAsync("CONNECT example.com:443 HTTP/1.1\r\n\r\n")).ShouldContain("this machine's own");
        world.Network.Connections.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_name_that_changes_its_address_after_the_check_gains_nothing()
    {
        using var world = new World();
        var answers = new Queue<IPAddress[]>([
            [FakeNetwork.Public],
            [IPAddress.Loopback],
        ]);
        world.Network.Resolve = (_, _) => Task.FromResult(answers.Dequeue());
        var box = await new Box(world.Proxy).SendAsync("CONNECT example.com:443 HTTP/1.1\r\n\r\n");
        using var server = await world.Server.AcceptAsync();
        await box.ReadAsync(World.Established.Length);
        world.Network.Lookups.Count.ShouldBe(1);
        world.Network.Connections.ShouldHaveSingleItem().Address.ShouldBe(FakeNetwork.Public);
        await box.Output.CompleteAsync();
        server.Dispose();
        await box.Done;

        (await world.AskAsync("CONNECT example.com:443 HTTP/1.1\r\n\r\n")).ShouldStartWith("HTTP/1.1 403 ");
        world.Network.Connections.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_name_without_address_is_a_bad_gateway_with_words()
    {
        using var world = new World();
        world.Network.Resolve = (_, _) => throw new SocketException((int)SocketError.HostNotFound);
        var answer = await world.AskAsync("CONNECT example.com:443 HTTP/1.1\r\n\r\n");
        answer.ShouldStartWith("HTTP/1.1 502 ");
        answer.ShouldContain("example.com cannot be looked up");
        answer.ShouldNotContain("X-Codexctl-Refused");
        world.Sink.Only.Allowed.ShouldBeTrue();
        world.Sink.Only.Reason.ShouldNotBeNull();
    }

    [Fact]
    public async Task A_host_that_takes_no_connection_is_a_bad_gateway_with_words()
    {
        using var world = new World();
        world.Network.Connect = (_, _) => throw new SocketException((int)SocketError.ConnectionRefused);
        var answer = await world.AskAsync("GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n");
        answer.ShouldStartWith("HTTP/1.1 502 ");
        answer.ShouldContain("example.com cannot be reached on port 80 (ConnectionRefused)");
    }

    [Fact]
    public async Task A_lookup_and_a_connection_that_hang_are_gateway_timeouts()
    {
        var limits = new EgressLimits { Resolve = TimeSpan.FromMilliseconds(20), Connect = TimeSpan.FromMilliseconds(20) };
        using var world = new World(limits: limits);
        world.Network.Connect = async (_, cancel) =>
        {
            await Task.Delay(Timeout.Infinite, cancel);
            throw new InvalidOperationException();
        };
        (await world.AskAsync("CONNECT example.com:443 HTTP/1.1\r\n\r\n")).ShouldStartWith("HTTP/1.1 504 ");
        world.Network.Resolve = async (_, cancel) =>
        {
            await Task.Delay(Timeout.Infinite, cancel);
            return [];
        };
        (await world.AskAsync("CONNECT example.com:443 HTTP/1.1\r\n\r\n")).ShouldStartWith("HTTP/1.1 504 ");
    }

    [Fact]
    public async Task When_the_first_address_is_dead_the_next_one_serves()
    {
        using var world = new World(limits: new EgressLimits { NextAddress = TimeSpan.FromMilliseconds(10) });
        var dead = IPAddress.Parse("2606:4700::1");
        var refusing = IPAddress.Parse("1.1.1.1");
        world.Network.Resolve = (_, _) => Task.FromResult(new[] { dead, refusing, FakeNetwork.Public });
        world.Network.Connect = async (endPoint, cancel) =>
        {
            if (endPoint.Address.Equals(dead))
            {
                await Task.Delay(Timeout.Infinite, cancel);
            }
            return endPoint.Address.Equals(refusing)
                ? throw new SocketException((int)SocketError.ConnectionRefused)
                : await new SystemNetwork().ConnectAsync((IPEndPoint)world.Server.EndPoint, cancel);
        };
        var box = await new Box(world.Proxy).SendAsync("CONNECT example.com:443 HTTP/1.1\r\n\r\n");
        (await box.ReadAsync(World.Established.Length)).ShouldBe(World.Established);
        await box.Output.CompleteAsync();
        (await world.Server.AcceptAsync()).Dispose();
        await box.Done;
    }

    [Fact]
    public async Task Too_many_connections_are_told_so()
    {
        using var world = new World(limits: new EgressLimits { Connections = 1 });
        var first = new Box(world.Proxy);
        await first.SendAsync("CONNECT example.com:443 HTTP/1.1\r\n");
        while (world.Proxy.Open < 1)
        {
            await Task.Yield();
        }
        (await world.AskAsync("CONNECT example.com:443 HTTP/1.1\r\n\r\n")).ShouldStartWith("HTTP/1.1 503 ");
        await first.Output.CompleteAsync();
        await first.ReadToEndAsync();
        await first.Done;
        world.Proxy.Open.ShouldBe(0);
    }

    [Fact]
    public async Task The_allow_list_of_the_moment_counts_and_a_denial_cuts_what_is_open()
    {
        using var world = new World("npm");
        (await world.AskAsync("CONNECT example.com:443 HTTP/1.1\r\n\r\n")).ShouldStartWith("HTTP/1.1 403 ");
        world.Allow = world.Allow.Allow("example.com");
        var box = await new Box(world.Proxy).SendAsync("CONNECT example.com:443 HTTP/1.1\r\n\r\n");
        await box.ReadAsync(World.Established.Length);
        using var server = await world.Server.AcceptAsync();

        world.Allow = world.Allow.Deny("example.com");
        world.Proxy.CutDenied();
        await box.Done.WaitAsync(TimeSpan.FromSeconds(20));
        world
            .Sink.Exchanges.Last()
            .ShouldBeOfType<Codexctl.Gateway.Recording.EgressCall>()
            .Reason.ShouldBe("it was denied while it was open");
    }
}
