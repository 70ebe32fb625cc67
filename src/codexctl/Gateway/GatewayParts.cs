using Codexctl.Auth;
using Codexctl.Gateway.Egress;
using Codexctl.Gateway.Login;
using Codexctl.Gateway.ModelRoute;
using Codexctl.Gateway.Recording;
using Codexctl.Gateway.ScriptedModel;
using Codexctl.Models;
using Codexctl.Policy;
using Codexctl.Settings;
using Microsoft.AspNetCore.Http;

namespace Codexctl.Gateway;

/// <summary>What a gateway is made of, put together from its order.</summary>
internal sealed class GatewayParts : IAsyncDisposable
{
    private readonly Recorder _recorder;
    private readonly IDisposable _model;
    private readonly Func<Task<LoginParts>> _makeLogin;
    private LoginParts? _login;
    private readonly ScriptedServer? _scripted;

    private GatewayParts(
        GatewayOrder order,
        ContainerPaths files,
        HostEnvironment environment,
        LoginParts? login,
        Func<Task<LoginVault>> vault,
        TimeProvider clock,
        ScriptedServer? scripted,
        bool again
    )
    {
        _login = login;
        _makeLogin = async () => LoginParts.Make(await vault(), environment, clock);
        var mode = LoginModes.Find(order.Login);
        _scripted = scripted;
        var info = new SessionInfo(null, order.Engine, order.Container, order.Workdir, order.ModelUrl);
        _recorder = Recorder.Open(files.Records, clock, info, order.Record, again);
        var sinks = new Sinks(_recorder, Tally);
        RequestDelegate model;
        switch (mode)
        {
            case null:
                var local = new LazyModelRoute(
                    scripted?.Address ?? new Uri(order.ModelUrl),
                    ModelOverview.Authorization(environment, order.ApiKeyVariable),
                    ModelServerKinds.Parse(order.ModelKind),
                    sinks,
                    clock
                );
                (_model, model) = (local, local.HandleAsync);
                break;
            case LoginMode.Broker:
                var broker = new BrokerRoute(login!.Refresher, Keys, sinks, clock, OpenAiHttp.Handler(environment));
                (_model, model) = (broker, broker.HandleAsync);
                break;
            default:
                var token = new TokenRoute(login!.Vault, login.Refresher, mode.Value, sinks, clock);
                (_model, model) = (token, token.HandleAsync);
                break;
        }
        DoorHost? door = null;
        var egress = new EgressProxy(() => door!.AllowList, sinks, clock, new SystemNetwork(), HostProxy(environment));
        Door = door = new DoorHost(
            async context =>
            {
                await sinks.ReadyAsync(context.RequestAborted);
                await model(context);
            },
            egress,
            clock
        );
        Door.Allow(order.Allow);
        if (mode is LoginMode.AccessOnly or LoginMode.Full)
        {
            Door.Allow(["openai"]);
        }
    }

    public Tally Tally { get; } = new();

    public DoorHost Door { get; }

    /// <summary>Of the runs that are on, for the broker.</summary>
    public BrokerKeys Keys { get; } = new();

    /// <summary>Made at the first need: a gateway of the local model asks no store for anything.</summary>
    public async Task<LoginSync> LoginsAsync() => (_login ??= await _makeLogin()).Sync;

    /// <summary>Why the recording is not whole; null while it is.</summary>
    public string? RecordingFailure => _recorder.Failure;

    public static async Task<GatewayParts> MakeAsync(
        GatewayOrder order,
        ContainerPaths files,
        HostEnvironment environment,
        Func<Task<LoginVault>> vault,
        TimeProvider clock,
        bool again
    ) =>
        new(
            order,
            files,
            environment,
            order.Login is null ? null : LoginParts.Make(await vault(), environment, clock),
            vault,
            clock,
            order.Scripted ? await ScriptedServer.StartAsync() : null,
            again
        );

    /// <summary>The name of the record; null where there is none.</summary>
    public string? RecordSession => _recorder.Session;

    /// <summary>A run asks for the bodies; they are recorded for as long as the gateway lives.</summary>
    public void RecordBodies() => _recorder.RecordBodies();

    /// <summary>The state of the record now; null where nothing is recorded any more.</summary>
    public Task<RecordSeal?> SealAsync() => _recorder.SealAsync();

    public async ValueTask DisposeAsync()
    {
        await Door.DisposeAsync();
        _model.Dispose();
        _login?.Refresher.Dispose();
        await _recorder.DisposeAsync();
        if (_scripted is not null)
        {
            await _scripted.DisposeAsync();
        }
    }

    private static UpstreamProxy? HostProxy(HostEnvironment environment) =>
        environment.WebProxy is { } proxy
            ? UpstreamProxy.Parse(proxy) with
            {
                Except = (environment["no_proxy"] ?? environment["NO_PROXY"] ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries),
            }
            : null;

    private sealed record LoginParts(LoginVault Vault, TokenRefresher Refresher, LoginSync Sync)
    {
        public static LoginParts Make(LoginVault vault, HostEnvironment environment, TimeProvider clock)
        {
            var refresher = new TokenRefresher(vault, environment, clock, () => OpenAiHttp.Handler(environment));
            return new LoginParts(vault, refresher, new LoginSync(vault, refresher, clock));
        }
    }

    private sealed class Sinks(params IExchangeSink[] sinks) : IExchangeSink
    {
        public bool WantsBodies => sinks.Any(sink => sink.WantsBodies);

        public async ValueTask ReadyAsync(CancellationToken cancel)
        {
            foreach (var sink in sinks)
            {
                await sink.ReadyAsync(cancel);
            }
        }

        public void Add(Exchange exchange)
        {
            foreach (var sink in sinks)
            {
                sink.Add(exchange);
            }
        }
    }
}

/// <summary>
/// The model route for a server that need not be there yet when the gateway starts: what kind it is is found out at the first
/// request that it answers. Until then the strictest rules hold, Ollama's.
/// </summary>
internal sealed class LazyModelRoute(Uri address, string? authorization, ModelServerKind? kind, IExchangeSink sink, TimeProvider clock)
    : IDisposable
{
    private readonly SemaphoreSlim _detecting = new(1);
    private readonly ModelRouteHandler _strictest = new(
        new ModelServer(ModelServerKind.Ollama, address),
        sink,
        clock,
        Options(authorization)
    );
    private ModelRouteHandler? _handler;

    public async Task HandleAsync(HttpContext context) =>
        await (Volatile.Read(ref _handler) ?? await DetectAsync(context.RequestAborted)).HandleAsync(context);

    public void Dispose()
    {
        _detecting.Dispose();
        _strictest.Dispose();
        _handler?.Dispose();
    }

    private static ModelRouteOptions Options(string? authorization) => ModelRouteOptions.Default with { Authorization = authorization };

    private async Task<ModelRouteHandler> DetectAsync(CancellationToken cancel)
    {
        try
        {
            await _detecting.WaitAsync(cancel);
        }
        catch (OperationCanceledException)
        {
            return _strictest;
        }
        try
        {
            using var probe = new ModelServerProbe(clock, authorization, kind);
            return _handler ??= new ModelRouteHandler(await probe.DetectAsync(address, cancel), sink, clock, Options(authorization));
        }
        catch (Exception error) when (error is UserError or OperationCanceledException)
        {
            // It tells the box in words that nobody answers; the next request looks again.
            return _strictest;
        }
        finally
        {
            _detecting.Release();
        }
    }
}
