using System.CommandLine;
using System.Globalization;
using System.Net;
using Codexctl.Gateway.Log;
using Codexctl.Gateway.Recording;

namespace Codexctl.Commands;

/// <summary>`codexctl log replay`: a recorded session as a model server.</summary>
public static class LogReplay
{
    public static Command Create(App app)
    {
        var command = new Command("replay", "Serve a recorded session as a model server, with its timing");
        var wanted = Log.SessionArgument();
        var session = new Option<string?>("--session") { Description = "The session: the beginning of its name", HelpName = "ID" };
        var listen = new Option<string?>("--listen")
        {
            Description = "Where to listen (default: 127.0.0.1 and any port)",
            HelpName = "ADDRESS:PORT",
        };
        var speed = new Option<string?>("--speed")
        {
            Description = "2 is twice as fast, 0 does not wait at all (default: 1)",
            HelpName = "N",
        };
        command.Arguments.Add(wanted);
        command.Options.Add(session);
        command.Options.Add(listen);
        command.Options.Add(speed);
        command.SetAction(
            (parsed, cancel) =>
                RunAsync(
                    app,
                    parsed.GetValue(session) ?? parsed.GetValue(wanted),
                    Endpoint(parsed.GetValue(listen)),
                    Speed(parsed.GetValue(speed)),
                    cancel
                )
        );
        return command.WithExamples(
            ("codexctl log replay", "Serve the latest recorded session as a model server"),
            ("codexctl log replay --listen 127.0.0.1:11500 --speed 0", "At this address, without waiting")
        );
    }

    private static async Task<int> RunAsync(App app, string? wanted, IPEndPoint listen, double speed, CancellationToken cancel)
    {
        var session = new SessionFinder(app.Paths).Find(wanted, Log.Folder());
        var read = await RecordFile.ReadAsync(session.Record, cancel);
        await using var server = new ReplayServer(read.Exchanges, speed, app.Clock);
        var address = (await server.StartAsync(listen)).AbsoluteUri.TrimEnd('/');
        if (!IPAddress.IsLoopback(listen.Address))
        {
            app.Terminal.Say($"warning: {listen} can be reached from other machines; the session's answers are for whoever asks.");
        }
        app.Terminal.WriteLine(address);
        var model = server.Models is [var name, ..] ? $" --model {name}" : "";
        app.Terminal.Say(
            $"replaying {session.Id} ({server.Turns} answer{(server.Turns == 1 ? "" : "s")}); use it with: codexctl run --model-url {address}{model}. Ctrl-C ends it."
        );
        await Task.Delay(Timeout.Infinite, cancel);
        return ExitCodes.Ok;
    }

    private static IPEndPoint Endpoint(string? text)
    {
        if (text is null)
        {
            return new IPEndPoint(IPAddress.Loopback, 0);
        }
        var address = text.StartsWith("localhost:", StringComparison.OrdinalIgnoreCase) ? "127.0.0.1" + text["localhost".Length..] : text;
        return address.Contains(':', StringComparison.Ordinal) && IPEndPoint.TryParse(address, out var endpoint)
            ? endpoint
            : throw new UserError($"{text} is no address with a port.", null, "For example: --listen 127.0.0.1:11434", ExitCodes.Usage);
    }

    private static double Speed(string? text)
    {
        if (text is null)
        {
            return 1;
        }
        return double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var speed) && speed <= 1000
            ? speed
            : throw new UserError($"{text} is no speed.", null, "For example: --speed 4, or --speed 0 for no waiting.", ExitCodes.Usage);
    }
}
