using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Codexctl.Gateway;

/// <summary>What the servers that pass everything on have in common: the door and `codexctl proxy`.</summary>
internal static class OwnServer
{
    /// <summary>An empty builder: it reads no settings from the environment or from files in the working directory, which a box could have written.</summary>
    public static WebApplicationBuilder Builder()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(1));
        builder.WebHost.UseKestrelCore();
        // Streams that begin at once by the thousand, on a machine that is busy: beyond it a Unix socket refuses.
        builder.Services.Configure<SocketTransportOptions>(options => options.Backlog = 4096);
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>, LargeBlocks>();
        return builder;
    }

    /// <summary>Any size and any pace of bodies.</summary>
    public static void PassEverything(this KestrelServerOptions options, int mostConnections)
    {
        options.AddServerHeader = false;
        options.Limits.MaxRequestBodySize = null;
        options.Limits.MinRequestBodyDataRate = null;
        options.Limits.MinResponseDataRate = null;
        options.Limits.MaxConcurrentConnections = mostConnections;
    }
}
