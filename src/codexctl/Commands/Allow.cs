using System.CommandLine;
using Codexctl.Engines;
using Codexctl.Policy;
using Codexctl.Settings;

namespace Codexctl.Commands;

/// <summary>`codexctl allow` and `codexctl deny`: what a running box may reach, changed at once.</summary>
public static class Allow
{
    public static Command Create(App app, bool deny)
    {
        var hosts = new Argument<string[]>("hosts")
        {
            Description = $"Hosts or presets ({string.Join(", ", Presets.Names)})",
            HelpName = "HOST[:PORT]|PRESET…",
            Arity = ArgumentArity.ZeroOrMore,
        }.CompleteFrom(Presets.Names);
        var save = new Option<bool>("--save") { Description = "Keep it in your settings, for every later run" };
        var project = new Option<bool>("--project") { Description = "With --save: in this folder's settings instead" };
        var list = new Option<bool>("--list") { Description = "Show what the box may reach" };
        var container = new ContainerOptions(app);
        container.Name.Aliases.Add("--container");
        var command = new Command(
            deny ? "deny" : "allow",
            deny ? "Take a host from what the running box may reach; open connections are cut" : "Let the running box reach a host, at once"
        )
        {
            hosts,
            save,
            project,
        };
        container.AddTo(command);
        if (!deny)
        {
            command.Options.Add(list);
        }
        command.SetAction(
            (parsed, cancel) =>
            {
                var typed = parsed.GetValue(hosts) ?? [];
                if (typed.Length == 0 && !parsed.GetValue(list))
                {
                    throw new UserError(
                        $"codexctl {command.Name} needs a host or a preset.",
                        null,
                        $"For example: codexctl {command.Name} npm{(deny ? "" : "; codexctl allow --list shows what is allowed")}",
                        ExitCodes.Usage
                    );
                }
                return RunAsync(app, container, parsed, Entries(typed, deny), parsed.GetValue(save), parsed.GetValue(project), cancel);
            }
        );
        return deny
            ? command.WithExamples(
                ("codexctl deny github", "Take GitHub's hosts back at once"),
                ("codexctl deny api.example.com --save", "And from every later run")
            )
            : command.WithExamples(
                ("codexctl allow npm", "Let the running box reach the npm registry"),
                ("codexctl allow api.example.com:8443 --save", "A host and port, now and in every later run"),
                ("codexctl allow --list", "What the box may reach")
            );
    }

    private static string[] Entries(IReadOnlyList<string> typed, bool deny)
    {
        try
        {
            // Read here, so that a wrong one changes nothing, neither in the box nor in the settings.
            _ = AllowList.Parse(typed.Select(host => host.TrimStart('!')));
        }
        catch (UserError error)
        {
            throw new UserError(error.Message, error.Why, error.Mend, ExitCodes.Usage);
        }
        return [.. typed.Select(host => (deny ? "!" : "") + host.TrimStart('!'))];
    }

    private static async Task<int> RunAsync(
        App app,
        ContainerOptions options,
        ParseResult parsed,
        IReadOnlyList<string> entries,
        bool save,
        bool project,
        CancellationToken cancel
    )
    {
        IReadOnlyList<string>? now = null;
        string name;
        try
        {
            var (engine, container) = await options.FindAsync(app, parsed, cancel);
            name = container.Name;
            if (container.State == ContainerState.Running)
            {
                now = await app.Gateways.AllowAsync(engine.Name, name, entries, cancel);
            }
        }
        catch (UserError) when (save)
        {
            // The settings hold for boxes that are still to come.
            name = "";
        }
        if (now is null && !save)
        {
            throw new UserError(
                $"The container {name} is not running, or its door is open to everything.",
                "What a box may reach can be changed while it runs.",
                $"For every later run: codexctl {parsed.CommandResult.Command.Name} HOST --save; for one run: codexctl run --allow HOST"
            );
        }
        foreach (var entry in now ?? [])
        {
            app.Terminal.WriteLine(entry);
        }
        if (now is { Count: 0 })
        {
            app.Terminal.Say("the box may reach nothing but its model.");
        }
        foreach (var entry in save ? entries : [])
        {
            app.Terminal.Say(
                $"{entry.TrimStart('!')} is {(entry[0] == '!' ? "no longer allowed by" : "allowed from now on by")} {Keep(app, entry, project)}."
            );
        }
        return ExitCodes.Ok;
    }

    /// <summary>Puts the entry last, where it decides; what it makes needless goes.</summary>
    private static string Keep(App app, string entry, bool project) =>
        SettingsChange.Write(
            app,
            project,
            (path, text) =>
            {
                string[] names = ["allow"];
                var before = SettingsFile.Parse(path, text).Entries.FirstOrDefault(found => found.Path is ["allow"])?.Value.Words ?? [];
                return entry[0] == '!' || before.Contains("!" + entry, StringComparer.Ordinal)
                    ? SettingsEditor.Set(path, text, names, SettingValue.Of(AllowList.Parse([.. before, entry]).Entries))
                    : SettingsEditor.Add(path, text, names, entry);
            }
        );
}
