using System.CommandLine;
using System.Text;
using System.Text.Json;
using Codexctl.Gateway.Log;
using Codexctl.Gateway.Recording;
using Codexctl.Processes;

namespace Codexctl.Commands;

/// <summary>`codexctl log`: what was said and done in a session.</summary>
public static class Log
{
    /// <summary>What was typed.</summary>
    private sealed record Options(string? Session, bool Follow, bool Json, bool Raw, bool Full, bool List, bool All, bool Web, int Port);

    public static Command Create(App app)
    {
        var command = new Command("log", "Show what was said and done: the conversation, the model's speed, refused hosts");
        var wanted = SessionArgument();
        var session = new Option<string?>("--session") { Description = "The session: the beginning of its name", HelpName = "ID" };
        var follow = Flag("--follow", "Go on as it happens, until Ctrl-C", "-f");
        var json = Flag("--json", "The conversation as JSON, an object a line");
        var raw = Flag("--raw", "The record's own lines");
        var full = Flag("--full", "Long tool outputs and instructions in full");
        var list = Flag("--list", "List the sessions of this folder");
        var all = Flag("--all", "With --list: of every folder");
        var web = Flag("--web", "Serve it as a page for this machine's browser");
        var port = new Option<int>("--port") { Description = "With --web: the port (default: any)", HelpName = "PORT" };
        command.Arguments.Add(wanted);
        foreach (var option in (Option[])[session, follow, json, raw, full, list, all, web, port])
        {
            command.Options.Add(option);
        }
        command.Subcommands.Add(LogExport.Create(app));
        command.Subcommands.Add(LogReplay.Create(app));
        command.Subcommands.Add(LogPrune.Create(app));
        command.Subcommands.Add(LogRm.Create(app));
        command.SetAction(
            (parsed, cancel) =>
                RunAsync(
                    app,
                    new Options(
                        parsed.GetValue(session) ?? parsed.GetValue(wanted),
                        parsed.GetValue(follow),
                        parsed.GetValue(json),
                        parsed.GetValue(raw),
                        parsed.GetValue(full),
                        parsed.GetValue(list),
                        parsed.GetValue(all),
                        parsed.GetValue(web),
                        parsed.GetValue(port)
                    ),
                    cancel
                )
        );
        return command.WithExamples(
            ("codexctl log", "The latest session of this folder"),
            ("codexctl log -f", "Follow the one that runs"),
            ("codexctl log --web", "As a page in the browser")
        );
    }

    internal static Argument<string?> SessionArgument() =>
        new("SESSION")
        {
            Description = "A container, the beginning of a session's name, or a record's path (default: the latest of this folder)",
            Arity = ArgumentArity.ZeroOrOne,
        };

    internal static string Folder() => Libc.ResolvePath(Directory.GetCurrentDirectory()) ?? Directory.GetCurrentDirectory();

    internal static Option<bool> Flag(string name, string description, params string[] aliases) =>
        new(name, aliases) { Description = description };

    private static Task<int> RunAsync(App app, Options options, CancellationToken cancel)
    {
        if (options is { Json: true, Raw: true })
        {
            throw new UserError("--json and --raw cannot be used together.", null, "Use one of them.", ExitCodes.Usage);
        }
        return options switch
        {
            { List: true } => Task.FromResult(ListSessions(app, options)),
            { Web: true } => ServeAsync(app, options, cancel),
            _ => new LogView(app, options.Session, Folder(), options.Json, options.Raw, options.Full).ShowAsync(options.Follow, cancel),
        };
    }

    private static int ListSessions(App app, Options options)
    {
        var finder = new SessionFinder(app.Paths);
        var sessions = options.All ? finder.All() : finder.OfFolder(Folder());
        var rows = sessions.Reverse().Select(WebSession.From).ToList();
        if (options.Json)
        {
            app.Terminal.WriteLine(JsonSerializer.Serialize(rows, LogJson.Default.ListWebSession));
            return ExitCodes.Ok;
        }
        if (rows.Count == 0)
        {
            app.Terminal.Say("nothing is recorded for this folder yet; codexctl run makes a record.");
            return ExitCodes.Ok;
        }
        Terminal.Table.Write(
            app.Terminal,
            app.Terminal.DrawsOutput,
            ["SESSION", "CONTAINER", "ENGINE", "STATE", "WORKDIR"],
            [
                .. rows.Select(row =>
                    (IReadOnlyList<string>)
                        [
                            row.Id,
                            row.Container,
                            row.Engine,
                            row.Live ? "live"
                            : row.Complete ? "ended"
                            : "incomplete",
                            row.Workdir ?? "-",
                        ]
                ),
            ]
        );
        return ExitCodes.Ok;
    }

    private static async Task<int> ServeAsync(App app, Options options, CancellationToken cancel)
    {
        if (options.Port is < 0 or > 65535)
        {
            throw new UserError($"{options.Port} is no port.", null, "Use a number from 1 to 65535.", ExitCodes.Usage);
        }
        var finder = new SessionFinder(app.Paths);
        var first = options.Session is null
            ? finder.OfFolder(Folder()) is [.., var last]
                ? last
                : null
            : finder.Find(options.Session, Folder());
        await using var view = new WebView(finder, app.Clock);
        var address = await view.StartAsync(options.Port);
        app.Terminal.WriteLine(address.AbsoluteUri + (first is null ? "" : $"#{first.Id}"));
        app.Terminal.Say("open this address in a browser of this machine; whoever has it can read the sessions. Ctrl-C ends it.");
        await Task.Delay(Timeout.Infinite, cancel);
        return ExitCodes.Ok;
    }
}

[System.Text.Json.Serialization.JsonSourceGenerationOptions(
    PropertyNamingPolicy = System.Text.Json.Serialization.JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true
)]
[System.Text.Json.Serialization.JsonSerializable(typeof(List<WebSession>))]
internal sealed partial class LogJson : System.Text.Json.Serialization.JsonSerializerContext;
