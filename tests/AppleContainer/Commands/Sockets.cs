using System.Net.Sockets;

namespace Codexctl.AppleContainer;

/// <summary>Host sockets that are given to a container with -v.</summary>
internal static class Sockets
{
    public static bool Listens(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>A socket file that nobody listens at.</summary>
    public static string MakeDead(Store store)
    {
        Directory.CreateDirectory(store.Home);
        var path = Path.Combine(store.Home, Guid.NewGuid().ToString("N")[..8]);
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        // .NET removes the file with the socket: under another name it stays.
        File.Move(path, path + ".sock");
        return path + ".sock";
    }
}
