using System.CommandLine;
using System.CommandLine.Completions;
using Codexctl.Images;
using Codexctl.Models;

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
    public static Option<string?> CompleteContainers(this Option<string?> option, App app)
    {
        option.CompletionSources.Add(_ => Containers(app.Paths));
        return option;
    }

    public static Option<T> CompleteImages<T>(this Option<T> option, App app)
    {
        option.CompletionSources.Add(_ => app.Images.All.Select(image => image.Name));
        return option;
    }

    public static Option<T> CompleteFrom<T>(this Option<T> option, params string[] words)
    {
        option.CompletionSources.Add(words);
        return option;
    }

    public static Option<string?> CompleteModels(this Option<string?> option, App app)
    {
        option.CompletionSources.Add(_ => Models(app));
        return option;
    }

    internal static IEnumerable<string> Containers(Paths paths) =>
        Folders(paths.State)
            .SelectMany(Folders)
            .Where(folder => File.Exists(new ContainerPaths(folder).GatewayOrder))
            .Select(folder => Path.GetFileName(folder))
            .Order(StringComparer.Ordinal)
            .Distinct(StringComparer.Ordinal);

    private static IEnumerable<string> Models(App app)
    {
        try
        {
            using var limit = new CancellationTokenSource(_patience, app.Clock);
            // Completion sources are asked synchronously, and the program ends right afterwards.
            return ModelsAsync(app, limit.Token).GetAwaiter().GetResult();
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException or UserError)
        {
            // No server, no names: the tab key is no place for an explanation.
            return [];
        }
    }

    private static async Task<IEnumerable<string>> ModelsAsync(App app, CancellationToken cancel)
    {
        using var probe = new ModelServerProbe(app.Clock);
        var server = await probe.DetectAsync(ModelServerAddress.Resolve(null, app.Environment), cancel);
        return (await probe.ListAsync(server, cancel)).Select(model => model.Name);
    }

    private static string[] Folders(string path) => Directory.Exists(path) ? Directory.GetDirectories(path) : [];
}
