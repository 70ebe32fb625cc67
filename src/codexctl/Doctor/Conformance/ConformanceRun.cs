using System.Runtime.InteropServices;
using Codexctl.Engines;
using Codexctl.Processes;

namespace Codexctl.Doctor.Conformance;

/// <summary>
/// Tries every promise on one engine with this very program: the same list for the tests of this project and for a person
/// whose machine nobody else has (`codexctl doctor --conformance`).
/// </summary>
internal sealed class ConformanceRun(IContainerEngine engine, TrialOptions options, TimeProvider clock)
{
    private static readonly TimeSpan _limit = TimeSpan.FromMinutes(3);

    /// <param name="only">The promises to try, by id; empty for all.</param>
    /// <param name="onResult">Each result as it comes.</param>
    public async Task<ConformanceReport> RunAsync(
        string version,
        IReadOnlyList<string> only,
        Action<PromiseResult> onResult,
        CancellationToken cancel
    )
    {
        var results = new List<PromiseResult>();
        IReadOnlyList<string> seen;
        await using (var trial = Trial.Begin(engine.Name, options, clock))
        {
            foreach (var promise in Promises.All.Where(promise => only.Count == 0 || only.Contains(promise.Id, StringComparer.Ordinal)))
            {
                cancel.ThrowIfCancellationRequested();
                var result = await TryAsync(promise, trial, cancel);
                results.Add(result);
                onResult(result);
            }
            seen = only.Count == 0 ? await LookAsync(trial) : [];
        }
        return new ConformanceReport(
            version,
            engine.Name,
            await EngineVersion.TellAsync(options.Processes, engine.Name, cancel),
            $"{RuntimeInformation.OSDescription} {RuntimeInformation.OSArchitecture}",
            results.TrueForAll(result => result.Verdict != Verdict.Broken),
            results
        )
        {
            Seen = seen,
        };
    }

    /// <summary>What engines differ in where nothing is promised: who owns the folder, as whom commands run, which kernel it is.</summary>
    private static async Task<IReadOnlyList<string>> LookAsync(Trial trial)
    {
        const string Script = """
            echo "in the box: kernel $(uname -r), packet filter $(grep -qs ' nft_do_chain' /proc/kallsyms && echo yes || echo 'not seen')"
            echo "in the box: /workdir ($(stat -f -c %T /workdir)) belongs to $(stat -c '%u:%g, mode %a' /workdir); commands run as $(id -u):$(id -g)"
            """;
        try
        {
            var said = await trial.LookAsync(Script);
            return said.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (BrokenPromiseException error)
        {
            return [$"no box to look into: {error.Message.ReplaceLineEndings(" ")}"];
        }
    }

    private async Task<PromiseResult> TryAsync(Promise promise, Trial trial, CancellationToken cancel)
    {
        var started = clock.GetTimestamp();
        var (verdict, detail) = promise.NotPossible(engine.Capabilities) is { } why
            ? (Verdict.NotPossible, why)
            : await JudgeAsync(promise, trial, cancel);
        return new PromiseResult(
            promise.Group,
            promise.Id,
            promise.Text,
            verdict,
            detail,
            Math.Round(clock.GetElapsedTime(started).TotalSeconds, 2)
        );
    }

    private static async Task<(Verdict, string?)> JudgeAsync(Promise promise, Trial trial, CancellationToken cancel)
    {
        try
        {
            await promise.Try(trial).WaitAsync(_limit, cancel);
            return (Verdict.Held, null);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            throw;
        }
        // Whatever went wrong while a promise was tried means that nobody has seen it hold.
        catch (Exception error)
        {
            return (Verdict.Broken, error is BrokenPromiseException ? error.Message : $"{error.GetType().Name}: {error.Message}");
        }
        finally
        {
            await trial.ClearAsync();
        }
    }
}
