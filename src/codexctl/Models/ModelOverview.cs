using Codexctl.Settings;

namespace Codexctl.Models;

/// <summary>Whether a model fits into this machine's memory.</summary>
public enum MemoryFit
{
    Unknown,
    Yes,

    /// <summary>It may, if little else runs.</summary>
    Tight,
    No,
}

/// <summary>A server that was looked for.</summary>
/// <param name="Server">Null when nobody answers there, or nobody who is a model server.</param>
/// <param name="Problem">Why, then.</param>
public sealed record FoundServer(string Name, Uri Url, ModelServer? Server, UserError? Problem);

/// <summary>Looks at model servers for people.</summary>
public static class ModelOverview
{
    /// <summary>Looks at every server at once; one that is slow does not hold up the others.</summary>
    public static async Task<IReadOnlyList<FoundServer>> DetectAsync(
        IEnumerable<(string Name, Uri Url, string? ApiKeyVariable)> servers,
        HostEnvironment environment,
        TimeProvider clock,
        CancellationToken cancel
    )
    {
        return await Task.WhenAll(
            servers.Select(async server =>
            {
                try
                {
                    using var probe = new ModelServerProbe(clock, Authorization(environment, server.ApiKeyVariable));
                    return new FoundServer(server.Name, server.Url, await probe.DetectAsync(server.Url, cancel), null);
                }
                catch (UserError error)
                {
                    return new FoundServer(server.Name, server.Url, null, error);
                }
            })
        );
    }

    /// <summary>The header with a server's key; null when it needs none.</summary>
    /// <exception cref="UserError">The variable that should hold it is not set.</exception>
    public static string? Authorization(HostEnvironment environment, string? variable) =>
        variable is null ? null
        : environment[variable] is { } key ? $"Bearer {key}"
        : throw new UserError(
            $"The variable {variable} is not set.",
            "The settings say that it holds the model server's key.",
            $"Set it: export {variable}=…"
        );

    /// <summary>
    /// A model takes its file and about a quarter more for what it works with. What a graphics card holds is not known here, so
    /// that this is about the machine's memory alone.
    /// </summary>
    /// <param name="size">Bytes on disk; null when the server does not tell.</param>
    /// <param name="memory">Bytes of the machine.</param>
    public static MemoryFit Fit(long? size, long memory) =>
        size is not { } bytes || memory <= 0 ? MemoryFit.Unknown
        : bytes + bytes / 4 <= memory * 3 / 4 ? MemoryFit.Yes
        : bytes <= memory ? MemoryFit.Tight
        : MemoryFit.No;

    /// <summary>Bytes of memory that this machine (or what limits this process) has.</summary>
    public static long Memory => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
}
