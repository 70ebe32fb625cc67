using System.CommandLine;
using System.Net;
using Codexctl.Gateway.Log;
using Codexctl.Gateway.Proxy;
using Codexctl.Gateway.Recording;
using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.Commands;

/// <summary>`codexctl proxy`: the gateway standing alone.</summary>
public static class Proxy
{
    private const string DefaultTarget = "http://localhost:11434";

    public static Command Create(App app)
    {
        var listen = new Option<string[]>("--listen")
        {
            Description =
                "Where to listen (default: HOST:PORT of the environment, else 127.0.0.1:8080); can be repeated. The address need not exist yet",
            HelpName = "ADDRESS:PORT",
        };
        var unix = new Option<string?>("--listen-unix") { Description = "A Unix socket to listen on", HelpName = "PATH" };
        var target = new Option<string?>("--target")
        {
            Description = $"The model server (default: TARGET_URL or OLLAMA_HOST of the environment, else {DefaultTarget})",
            HelpName = "URL",
        };
        var local = new Option<bool>("--local-only")
        {
            Description = "Let through only what runs a local model, over the model bridge, as at the door of a box",
        };
        var record = new Option<string?>("--record")
        {
            Description = "Keep every exchange in a file (default: a new one below the state folder; WRITE_FILE=true: in ./Data)",
            HelpName = "FILE",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var hosts = new Option<string[]>("--allow-host")
        {
            Description = "A DNS name that clients use for this proxy; can be repeated. Addresses and local names may always be used",
            HelpName = "NAME",
        };
        var quiet = new Option<bool>("--quiet", "-q") { Description = "Do not show the conversation" };
        var command = new Command(
            "proxy",
            "Pass requests on to a model server and show them: for containers, other programs, and to look inside"
        )
        {
            listen,
            unix,
            target,
            local,
            record,
            hosts,
            quiet,
        };
        command.SetAction(
            async (parsed, cancel) =>
            {
                var socket = parsed.GetValue(unix);
                var settings = new ProxySettings(
                    Listen(app.Environment, parsed.GetValue(listen) ?? [], socket is not null),
                    socket is null ? null : Path.GetFullPath(socket),
                    Target(app.Environment, parsed.GetValue(target)),
                    parsed.GetValue(local),
                    parsed.GetValue(hosts) ?? []
                );
                var asked = parsed.GetResult(record) is { Implicit: false };
                var file = Recorder(app, asked, parsed.GetValue(record), settings.Target);
                var shown = parsed.GetValue(quiet) ? null : Show(app);
                // For `codexctl log`, which cannot tell otherwise whether the record goes on.
                var mark = asked && file?.Session is { } session ? LoggedSession.Mark(app.Paths.Proxy, session) : null;
                using (mark is null ? null : FileLock.TryTake(mark))
                await using (file)
                await using (shown)
                {
                    await ProxyRun.RunAsync(settings, new Both(app.Terminal, file, shown), app.Clock, app.Terminal.Say, cancel);
                }
                if (mark is not null)
                {
                    File.Delete(mark);
                }
                if (file?.Failure is { } failure)
                {
                    throw new UserError("The recording is not whole.", failure);
                }
                return ExitCodes.Ok;
            }
        );
        return command.WithExamples(
            ("codexctl proxy", "Record what a program says to the model server, on 127.0.0.1:8080"),
            ("codexctl proxy --listen 127.0.0.1:9000 --local-only", "On another port, letting through only what runs a local model")
        );
    }

    /// <summary>Flags over the environment over the default.</summary>
    internal static IReadOnlyList<IPEndPoint> Listen(HostEnvironment environment, IReadOnlyList<string> typed, bool hasSocket)
    {
        if (typed.Count > 0)
        {
            return [.. typed.Select(ListenAddress.Parse)];
        }
        var (host, port) = (environment["HOST"], environment["PORT"]);
        if (hasSocket && port is null)
        {
            return [];
        }
        try
        {
            return [ListenAddress.Parse($"{Bracketed(host ?? "127.0.0.1")}:{port ?? "8080"}")];
        }
        catch (UserError error)
        {
            throw new UserError(
                "HOST or PORT of the environment cannot be used.",
                $"HOST is {host ?? "not set"}, PORT is {port ?? "not set"}.",
                $"Set HOST to an IP address and PORT to a number, or say it by a flag: --listen 127.0.0.1:8080\n{error.Mend}",
                ExitCodes.Usage
            );
        }
    }

    internal static Uri Target(HostEnvironment environment, string? typed)
    {
        var text = typed ?? environment["TARGET_URL"];
        if (text is null)
        {
            return environment["OLLAMA_HOST"] is { } ollama ? Models.ModelServerAddress.FromOllamaHost(ollama) : new Uri(DefaultTarget);
        }
        return
            Uri.TryCreate(text.Contains("://", StringComparison.Ordinal) ? text : "http://" + text, UriKind.Absolute, out var uri)
            && uri is { Scheme: "http" or "https", UserInfo: "", Query: "", Fragment: "", Host.Length: > 0 }
            ? uri
            : throw new UserError(
                $"{(typed is null ? "TARGET_URL of the environment" : "--target")} is no address of a model server.",
                "It is an http:// or https:// address without a user name, query or fragment.",
                $"Write it as in {DefaultTarget}",
                ExitCodes.Usage
            );
    }

    private static string Bracketed(string host) => host.Contains(':') && !host.StartsWith('[') ? $"[{host}]" : host;

    private static Recorder? Recorder(App app, bool asked, string? file, Uri target)
    {
        if (file is not null)
        {
            return Gateway.Recording.Recorder.OpenFile(Path.GetFullPath(file), app.Clock);
        }
        var write = app.Environment["WRITE_FILE"] is { } value && value.Equals("true", StringComparison.OrdinalIgnoreCase);
        if (!asked && !write)
        {
            return null;
        }
        var folder = asked ? app.Paths.Proxy : Path.GetFullPath("Data");
        var recorder = Gateway.Recording.Recorder.Open(
            folder,
            app.Clock,
            new SessionInfo(Server: target.AbsoluteUri.TrimEnd('/')),
            bodies: true
        );
        if (recorder.Failure is { } failure)
        {
            throw new UserError($"Nothing can be recorded in {folder}.", failure, "Name a file: --record FILE");
        }
        app.Terminal.Say($"recording to {Path.Combine(folder, recorder.Session + ".jsonl")}");
        return recorder;
    }

    /// <summary>The conversation as it happens, on standard output. It goes through a recorder of its own, which writes nothing: what is shown has lost its
    /// secrets too, and a full disk or a slow terminal stops one of the two and not the other.</summary>
    private static Recorder Show(App app)
    {
        var renderer = new ConversationRenderer(app.Terminal.Data, LogView.Colours(app));
        return Gateway.Recording.Recorder.Watching(
            app.Clock,
            exchange =>
            {
                switch (exchange)
                {
                    case SessionStart:
                        break;
                    case SessionEnd end:
                        renderer.End(end.At);
                        break;
                    default:
                        renderer.Add(exchange);
                        break;
                }
            }
        );
    }

    /// <summary>The record and the screen; says once of each when it fails, the traffic goes on.</summary>
    private sealed class Both(Terminal.Terminal terminal, Recorder? file, Recorder? shown) : IExchangeSink
    {
        private int _told;

        public bool WantsBodies => file is { WantsBodies: true } || shown is { WantsBodies: true };

        public async ValueTask ReadyAsync(CancellationToken cancel)
        {
            foreach (var recorder in (Recorder?[])[file, shown])
            {
                await (recorder?.ReadyAsync(cancel) ?? default);
            }
        }

        public void Add(Exchange exchange)
        {
            file?.Add(exchange);
            shown?.Add(exchange);
            Check(file, 1, "nothing more is recorded");
            Check(shown, 2, "nothing more is shown");
        }

        private void Check(Recorder? recorder, int bit, string what)
        {
            if (recorder?.Failure is { } why && (Interlocked.Or(ref _told, bit) & bit) == 0)
            {
                terminal.Say($"warning: {what}: {why}. Requests go on.");
            }
        }
    }
}
