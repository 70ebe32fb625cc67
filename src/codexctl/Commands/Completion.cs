using System.CommandLine;
using System.CommandLine.Completions;
using Codexctl.Images;
using Codexctl.Models;
using Codexctl.Settings;

namespace Codexctl.Commands;

/// <summary>`codexctl completion SHELL`, and the values that complete.</summary>
public static class Completion
{
    /// <summary>Nobody who presses the tab key waits longer for a model server.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromMilliseconds(300);

    private static readonly string[] _shells = ["bash", "zsh", "fish", "pwsh"];

    public static Command Create(App app)
    {
        var shell = new Argument<string>("shell") { Description = "bash, zsh, fish or pwsh" };
        shell.AcceptOnlyFromAmong(_shells);
        var command = new Command("completion", "Print the script that makes a shell complete codexctl's words") { shell };
        command.SetAction(parsed =>
        {
            app.Terminal.WriteLine(EmbeddedFiles.ReadText($"completions/codexctl.{parsed.GetRequiredValue(shell)}").TrimEnd());
            return ExitCodes.Ok;
        });
        return command.WithExamples(
            ("source <(codexctl completion bash)", "Complete in this bash; put the line into ~/.bashrc for all"),
            ("codexctl completion zsh > ~/.zfunc/_codexctl", "Complete in zsh, where ~/.zfunc is in fpath"),
            ("codexctl completion fish > ~/.config/fish/completions/codexctl.fish", "Complete in fish")
        );
    }

    /// <summary>
    /// Names of containers that codexctl knows, from its own files: asking an engine takes longer than a person at the tab key
    /// wants to wait.
    /// </summary>
    public static Option<string?> CompleteContainers(this Option<string?> option, App app) =>
        option.With(option.CompletionSources, _ => Containers(app.Paths));

    public static Argument<T> CompleteContainers<T>(this Argument<T> argument, App app) =>
        argument.With(argument.CompletionSources, _ => Containers(app.Paths));

    public static Option<T> CompleteImages<T>(this Option<T> option, App app) => option.With(option.CompletionSources, _ => Images(app));

    public static Option<string?> CompleteModels(this Option<string?> option, App app) =>
        option.With(option.CompletionSources, context => Models(app, context));

    public static Argument<string> CompleteModels(this Argument<string> argument, App app) =>
        argument.With(argument.CompletionSources, context => Models(app, context));

    public static Option<T> CompleteServers<T>(this Option<T> option, App app) =>
        option.With(
            option.CompletionSources,
            _ => FromSettings(app, settings => ModelChoice.Servers(settings, app.Environment).Select(server => server.Name))
        );

    public static Option<T> CompleteProfiles<T>(this Option<T> option, App app) =>
        option.With(option.CompletionSources, _ => FromSettings(app, settings => settings.Profiles.Keys));

    public static Option<T> CompleteFrom<T>(this Option<T> option, params IEnumerable<string> words)
    {
        option.CompletionSources.Add([.. words]);
        return option;
    }

    public static Argument<T> CompleteFrom<T>(this Argument<T> argument, params IEnumerable<string> words)
    {
        argument.CompletionSources.Add([.. words]);
        return argument;
    }

    internal static IEnumerable<string> Containers(Paths paths) =>
        Folders(paths.State)
            .SelectMany(Folders)
            .Where(folder => File.Exists(new ContainerPaths(folder).GatewayOrder))
            .Select(folder => Path.GetFileName(folder))
            .Order(StringComparer.Ordinal)
            .Distinct(StringComparer.Ordinal);

    private static T With<T>(
        this T symbol,
        List<Func<CompletionContext, IEnumerable<CompletionItem>>> sources,
        Func<CompletionContext, IEnumerable<string>> words
    )
    {
        sources.Add(context => words(context).Select(word => new CompletionItem(word)));
        return symbol;
    }

    private static IEnumerable<string> Images(App app)
    {
        try
        {
            return [.. app.Images.All.Select(image => image.Name)];
        }
        catch (UserError)
        {
            // A recipe of the person's own that cannot be read: build says so.
            return [];
        }
    }

    private static IEnumerable<string> FromSettings(App app, Func<CodexctlSettings, IEnumerable<string>> names)
    {
        try
        {
            return [.. names(app.Settings)];
        }
        catch (UserError)
        {
            // Settings that cannot be read: every other command says so.
            return [];
        }
    }

    private static IEnumerable<string> Models(App app, CompletionContext context)
    {
        try
        {
            var choice = ModelChoice.From(
                app.Settings,
                app.Environment,
                profile: Typed(context, "--profile"),
                url: Typed(context, "--model-url"),
                server: Typed(context, "--server")
            );
            using var limit = new CancellationTokenSource(_patience, app.Clock);
            // Completion sources are asked synchronously, and the program ends right afterwards.
            return ModelsAsync(app, choice, limit.Token).GetAwaiter().GetResult();
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException or UserError)
        {
            // No server, no names: the tab key is no place for an explanation.
            return [];
        }
    }

    private static async Task<IEnumerable<string>> ModelsAsync(App app, ModelChoice choice, CancellationToken cancel)
    {
        using var probe = choice.Probe(app.Environment, app.Clock);
        var server = await probe.DetectAsync(choice.Url, cancel);
        return (await probe.ListAsync(server, cancel)).Select(model => model.Name);
    }

    /// <summary>The value of an option that was typed already; null when it was not.</summary>
    private static string? Typed(CompletionContext context, string option)
    {
        var words = context.ParseResult.Tokens.Select(token => token.Value).ToList();
        var at = words.IndexOf(option);
        return at >= 0 && at + 1 < words.Count ? words[at + 1] : null;
    }

    private static string[] Folders(string path) => Directory.Exists(path) ? Directory.GetDirectories(path) : [];
}
