using System.CommandLine;
using Codexctl.Gateway.Log;
using Codexctl.Gateway.Recording;

namespace Codexctl.Commands;

/// <summary>`codexctl log export --har [FILE]`.</summary>
public static class LogExport
{
    public static Command Create(App app)
    {
        var command = new Command("export", "Write a session in a form that other programs read");
        var wanted = Log.SessionArgument();
        var har = new Option<string?>("--har")
        {
            Description = "HTTP Archive 1.2, to the file or to standard output",
            HelpName = "FILE",
            Arity = ArgumentArity.ZeroOrOne,
            Required = true,
        };
        var session = new Option<string?>("--session") { Description = "The session: the beginning of its name", HelpName = "ID" };
        command.Arguments.Add(wanted);
        command.Options.Add(har);
        command.Options.Add(session);
        command.SetAction(
            (parsed, cancel) => RunAsync(app, parsed.GetValue(session) ?? parsed.GetValue(wanted), parsed.GetValue(har), cancel)
        );
        return command.WithExamples(("codexctl log export --har session.har", "Write the latest session for a browser's network view"));
    }

    private static async Task<int> RunAsync(App app, string? wanted, string? file, CancellationToken cancel)
    {
        var session = new SessionFinder(app.Paths).Find(wanted, Log.Folder());
        var read = await RecordFile.ReadAsync(session.Record, cancel);
        using var har = new MemoryStream();
        Har.Write(har, read.Exchanges, Product.Version);
        if (file is null or "-")
        {
            var text = System.Text.Encoding.UTF8.GetString(har.GetBuffer(), 0, (int)har.Length);
            app.Terminal.Data.Write(app.Terminal.DrawsOutput ? VisibleText.Json(text) : text);
            return ExitCodes.Ok;
        }
        // Like the record: only its owner may read what was said.
        PrivateFile.WriteBeside(Path.GetFullPath(file), har.GetBuffer().AsSpan(0, (int)har.Length));
        return ExitCodes.Ok;
    }
}
