using System.Net;
using System.Net.Sockets;
using Codexctl.Gateway;
using Microsoft.Extensions.Time.Testing;

namespace Codexctl.Tests.Gateway;

public sealed class DoorListenerTests : IDisposable
{
    // For documentation only: no machine has it.
    private static readonly IPAddress _absent = IPAddress.Parse("192.0.2.77");

    private readonly string _file = Path.Combine(Directory.CreateTempSubdirectory("codexctl-").FullName, "port");

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_file)!, recursive: true);

    private int Port(IPAddress address) =>
        DoorListener.For(address, _file, new DoorGuard(DoorGuard.NewToken(), new FakeTimeProvider())).Port;

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("192.0.2.77")]
    public void The_port_is_known_before_anybody_listens_and_before_the_address_is_there(string address) =>
        Port(IPAddress.Parse(address)).ShouldBeInRange(1024, 65535);

    [Fact]
    public void The_last_port_is_kept_and_another_one_taken_where_somebody_has_it()
    {
        using var other = new TcpListener(IPAddress.Any, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;
        File.WriteAllText(_file, $"{port}\n");

        Port(IPAddress.Loopback).ShouldNotBe(port);
        Port(_absent).ShouldNotBe(port);

        other.Stop();
        Port(IPAddress.Loopback).ShouldBe(port);
        Port(_absent).ShouldBe(port);
    }
}
