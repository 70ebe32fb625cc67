using System.CommandLine;
using System.Globalization;
using System.Net;
using Codexctl.Gateway.Proxy;
using Codexctl.Gateway.Recording;
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
        var quiet = new Option<bool>("--quiet", "-q") { Description = "Print no line for each exchange" };
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
                var recorder = Recorder(app, parsed.GetResult(record) is { Implicit: false }, parsed.GetValue(record));
                await using (recorder)
                {
                    var sink = new Lines(app, recorder, parsed.GetValue(quiet));
                    await ProxyRun.RunAsync(settings, sink, app.Clock, app.Terminal.Say, cancel);
                }
                if (recorder?.Failure is { } failure)
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

    private static Recorder? Recorder(App app, bool asked, string? file)
    {
        var write = app.Environment["WRITE_FILE"] is { } value && value.Equals("true", StringComparison.OrdinalIgnoreCase);
        return file is not null ? Gateway.Recording.Recorder.OpenFile(Path.GetFullPath(file), app.Clock)
            : asked ? Gateway.Recording.Recorder.Open(Path.Combine(app.Paths.State, "proxy"), app.Clock)
            : write ? Gateway.Recording.Recorder.Open(Path.GetFullPath("Data"), app.Clock)
            : null;
    }

    /// <summary>One line for each exchange, and the record.</summary>
    private sealed class Lines(App app, Recorder? recorder, bool quiet) : IExchangeSink
    {
        public void Add(Exchange exchange)
        {
            recorder?.Add(exchange);
            if (!quiet && exchange is ModelCall call)
            {
                app.Terminal.WriteLine(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{call.At.ToLocalTime():HH:mm:ss} {Redaction.Text(call.Method)} {Redaction.Path(call.Path)} {(call.Status == 0 ? "-" : call.Status)} {call.Duration.TotalSeconds:0.000} s{(call.Error is { } error ? $" ({Redaction.Text(error)})" : "")}"
                    )
                );
            }
        }
    }
}
