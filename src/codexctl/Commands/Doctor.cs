using System.CommandLine;

namespace Codexctl.Commands;

/// <summary>`codexctl doctor`.</summary>
public static class Doctor
{
    public static Command Create(App app)
    {
        var command = new Command("doctor", "Look at this machine and say what to mend");
        var engine = ContainerOptions.EngineOption();
        var json = new Option<bool>("--json") { Description = "As JSON" };
        var fix = new Option<bool>("--fix") { Description = "Mend what can be mended" };
        var quick = new Option<bool>("--quick") { Description = "Without the canary: a turn of the real Codex in a real box" };
        var conformance = new Option<bool>("--conformance")
        {
            Description = "Try every promise on the engine; prints a report for an issue",
        };
        var only = new Option<string[]>("--only") { Description = "With --conformance: these promises alone", HelpName = "ID" };
        command.Options.Add(engine);
        command.Options.Add(json);
        command.Options.Add(fix);
        command.Options.Add(quick);
        command.Options.Add(conformance);
        command.Options.Add(only);
        command.SetAction(
            (parsed, cancel) =>
                parsed.GetValue(conformance) || parsed.GetValue(only) is { Length: > 0 }
                    ? ConformanceCommand.RunAsync(app, parsed.GetValue(engine), parsed.GetValue(json), parsed.GetValue(only) ?? [], cancel)
                    : new DoctorShow(app, parsed.GetValue(engine)).RunAsync(
                        parsed.GetValue(fix),
                        parsed.GetValue(json),
                        parsed.GetValue(quick),
                        cancel
                    )
        );
        return command.WithExamples(
            ("codexctl doctor", "Look at everything and try a turn of the real Codex"),
            ("codexctl doctor --fix", "Mend what can be mended"),
            ("codexctl doctor --conformance --engine podman", "Try every promise on one engine")
        );
    }
}
