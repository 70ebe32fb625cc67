using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Codexctl.Gateway.Log;

/// <summary>A small server for people and programs of this machine.</summary>
internal sealed class LoopbackServer : IAsyncDisposable
{
    private readonly WebApplication _application;

    private LoopbackServer(WebApplication application, Uri address) => (_application, Address) = (application, address);

    public Uri Address { get; }

    /// <exception cref="UserError">The address cannot be listened on.</exception>
    public static async Task<LoopbackServer> StartAsync(IPEndPoint at, RequestDelegate handler)
    {
        // Empty for the same reason as the door: no settings from the environment or the working directory.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.AddServerHeader = false;
            options.Limits.MaxRequestBodySize = 256 << 20;
            options.Listen(at);
        });
        builder.Services.AddSingleton<IHostLifetime>(new NoSignals());
        var application = builder.Build();
        application.Run(context => IsForUs(context.Request.Host) ? handler(context) : RefuseAsync(context));
        try
        {
            await application.StartAsync();
        }
        catch (Exception error) when (error is IOException or SocketException)
        {
            await application.DisposeAsync();
            throw new UserError($"{at} cannot be listened on.", error.Message, "Choose another address or port.", ExitCodes.Failed);
        }
        var addresses = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        return new LoopbackServer(application, new Uri(addresses.Addresses.Single()));
    }

    public ValueTask DisposeAsync() => _application.DisposeAsync();

    // A page of somebody else's, whose name was made to lead here, says that name: only addresses and localhost are meant for us.
    private static bool IsForUs(HostString host) => host.Host is "localhost" || IPAddress.TryParse(host.Host.Trim('[', ']'), out _);

    private static Task RefuseAsync(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status421MisdirectedRequest;
        return context.Response.WriteAsync("Only by address or as localhost.\n", context.RequestAborted);
    }

    /// <summary>In place of the host's own, which takes Ctrl-C for itself, so that it would end the server and not the program.</summary>
    private sealed class NoSignals : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
