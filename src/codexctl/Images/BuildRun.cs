using Codexctl.Engines;
using Codexctl.Processes;

namespace Codexctl.Images;

/// <summary>What became of one image.</summary>
/// <param name="Problem">Null when it was built.</param>
/// <param name="Tail">The last lines of the engine's log, where it failed.</param>
/// <param name="Log">The file with all of the log.</param>
public sealed record BuildResult(BuildStep Step, string? Problem, string? Tail, string Log, TimeSpan Time)
{
    /// <summary>What went wrong before or beside the engine's build, in words for the person.</summary>
    public UserError? Cause { get; init; }
}

/// <summary>Watches one image being built.</summary>
public interface IBuildView : IDownloadProgress
{
    /// <summary>It is its turn now.</summary>
    void Started();

    /// <summary>A line of the engine's log.</summary>
    void Line(string line);

    void Ended(BuildResult result);
}

/// <summary>Carries out a plan: side by side where images do not need each other, each with a log file of its own.</summary>
public sealed class BuildRun(ImageBuilder builder, string logs, TimeProvider clock)
{
    private const int TailLines = 20;

    /// <param name="jobs">How many at once at most.</param>
    /// <param name="view">Gives each image its view, in the order of the plan.</param>
    /// <returns>One result a step, in the plan's order. An image whose parent failed is not tried.</returns>
    public async Task<IReadOnlyList<BuildResult>> RunAsync(
        ImagePlan plan,
        ImageOptions options,
        int jobs,
        Func<BuildStep, IBuildView> view,
        CancellationToken cancel
    )
    {
        using var places = new SemaphoreSlim(Math.Max(1, jobs));
        var running = new Dictionary<string, Task<BuildResult>>(StringComparer.Ordinal);
        foreach (var (step, itsView) in plan.Steps.Select(step => (step, view(step))).ToList())
        {
            var needed = step.After.Select(name => running[name]).ToList();
            running[step.Recipe.Name] = StepAsync(step, needed, options, places, itsView, cancel);
        }
        return await Task.WhenAll(running.Values);
    }

    private async Task<BuildResult> StepAsync(
        BuildStep step,
        IReadOnlyList<Task<BuildResult>> needed,
        ImageOptions options,
        SemaphoreSlim places,
        IBuildView view,
        CancellationToken cancel
    )
    {
        var log = Path.Combine(logs, $"{step.Recipe.Name}.log");
        foreach (var one in needed)
        {
            if ((await one).Problem is not null)
            {
                var result = new BuildResult(
                    step,
                    $"not built, because {(await one).Step.Recipe.Name} could not be built",
                    null,
                    log,
                    TimeSpan.Zero
                );
                view.Ended(result);
                return result;
            }
        }
        await places.WaitAsync(cancel);
        try
        {
            return await BuildAsync(step, options, log, view, cancel);
        }
        finally
        {
            places.Release();
        }
    }

    private async Task<BuildResult> BuildAsync(BuildStep step, ImageOptions options, string log, IBuildView view, CancellationToken cancel)
    {
        using var alone = await AloneAsync(log, step.Recipe.Name, view, cancel);
        var started = clock.GetTimestamp();
        view.Started();
        var tail = new Queue<string>();
        BuildResult Result(string? problem, string? words) => new(step, problem, words, log, clock.GetElapsedTime(started));
        BuildResult result;
        try
        {
            // Each line at once: who looks while it goes on sees it, and what a killed program leaves is all there was.
            await using var file = new StreamWriter(log) { AutoFlush = true };
            await builder.BuildAsync(
                step,
                options,
                view,
                line =>
                {
                    file.WriteLine(line);
                    tail.Enqueue(line);
                    if (tail.Count > TailLines)
                    {
                        tail.Dequeue();
                    }
                    view.Line(line);
                },
                cancel
            );
            result = Result(null, null);
        }
        catch (ProcessError error)
        {
            result = Result("could not be built", tail.Count > 0 ? string.Join('\n', tail) : error.Tail);
        }
        catch (UserError error)
        {
            // A download that failed, an engine that does not answer: the other images are no worse for it.
            result = Result("could not be built", error.Message) with
            {
                Cause = error,
            };
        }
        view.Ended(result);
        return result;
    }

    /// <summary>Two programs that build one image would write one log; the second finds most of its work done by the first.</summary>
    private async Task<FileLock> AloneAsync(string log, string image, IBuildView view, CancellationToken cancel)
    {
        var file = log + ".lock";
        if (FileLock.TryTake(file) is { } taken)
        {
            return taken;
        }
        view.Note($"Another codexctl is building {image}; waiting for it.");
        return (await FileLock.TakeAsync(file, shared: false, TimeSpan.MaxValue, clock, cancel))!;
    }
}
