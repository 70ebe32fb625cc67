using System.CommandLine;
using Codexctl;
using Codexctl.Commands;
using Codexctl.Engines.Bubblewrap.InBox;
using Codexctl.Processes;
using Codexctl.Settings;
using Codexctl.Terminal;

if (args is ["box-init", ..])
{
    // The one child of a bubblewrap box's init: nothing of the host's settings or commands is wanted there.
    return await BoxInit.RunAsync(args[1..]);
}
Libc.EnsureStandardStreams();
var terminal = Terminal.FromConsole();
var environment = HostEnvironment.FromProcess();
var line = Passthrough.Split(args.Length == 0 ? ["--help"] : args);
var talk = new TalkOptions(line.Parsed, terminal, TimeProvider.System);
var app = new App(environment, terminal, talk.Watch(new ProcessRunner(environment)), TimeProvider.System, line);
try
{
    var parsed = Root.Create(app, app.Line.Parsed).Parse([.. app.Line.Parsed]);
    if (parsed.Errors.Count > 0)
    {
        var wrong = Root.Wrong(parsed);
        terminal.Fail(wrong.Message, wrong.Why, wrong.Mend);
        return ExitCodes.Usage;
    }
    // A null limit: the library's own handling of Ctrl-C would end us while the child still owns the terminal.
    return await parsed.InvokeAsync(
        new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }
    );
}
catch (UserError error)
{
    terminal.Fail(error.Message, error.Why, error.Mend);
    return error.ExitCode ?? Root.FailureCode(app.Line);
}
catch (ProcessError error)
{
    terminal.Fail(error.Message, error.Tail, null);
    return Root.FailureCode(app.Line);
}
catch (OperationCanceledException)
{
    terminal.Say("interrupted.");
    return ExitCodes.Interrupted;
}
catch (Exception error) when (error is IOException or UnauthorizedAccessException)
{
    terminal.Fail(error.Message, null, $"Check the disk's free space and the permissions of {app.Paths.State}");
    return Root.FailureCode(app.Line);
}
catch (Exception error)
{
    terminal.Fail(
        $"this is a bug: {error.GetType().Name}: {error.Message}",
        CrashLog.Write(app.Paths, error),
        "Please report it, with the file."
    );
    return Root.FailureCode(app.Line);
}
finally
{
    talk.Finish();
}
