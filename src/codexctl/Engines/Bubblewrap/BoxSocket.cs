using System.Net.Sockets;
using Codexctl.Processes;
using Microsoft.Win32.SafeHandles;

namespace Codexctl.Engines.Bubblewrap;

/// <summary>Unix sockets whose paths may be of any length: they are named through a descriptor of their folder.</summary>
internal static class BoxSocket
{
    public static Socket Listen(string folder, string name)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            // .NET deletes a bound socket's file when our copy is closed; under its final name it must stay.
            var temporary = $"{name}.{Environment.ProcessId}";
            File.Delete(Path.Combine(folder, temporary));
            using (var directory = OpenFolder(folder))
            {
                socket.Bind(new UnixDomainSocketEndPoint($"/proc/self/fd/{directory.DangerousGetHandle()}/{temporary}"));
            }
            socket.Listen(512);
            File.Move(Path.Combine(folder, temporary), Path.Combine(folder, name), overwrite: true);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <exception cref="SocketException">Nothing listens there.</exception>
    public static Socket Connect(string folder, string name)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            using var directory = OpenFolder(folder);
            socket.Connect(new UnixDomainSocketEndPoint($"/proc/self/fd/{directory.DangerousGetHandle()}/{name}"));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static SafeFileHandle OpenFolder(string folder)
    {
        const int pathOnly = 0x200000;
        var file = Libc.OpenFile(folder, pathOnly);
        return file >= 0 ? new SafeFileHandle(file, ownsHandle: true) : throw new SocketException((int)SocketError.AddressNotAvailable);
    }
}
