namespace Codexctl.EndToEnd.Harness;

/// <summary>Counts the calls of an engine's client: a wrapper before the real program on the scene's search path.</summary>
public sealed class EngineCalls
{
    private readonly string _log;

    private EngineCalls(string log) => _log = log;

    /// <param name="program">The client's name.</param>
    /// <param name="real">Where it is.</param>
    public static async Task<EngineCalls> WatchAsync(Scene scene, string program, string real)
    {
        var log = Path.Combine(scene.Root, "calls");
        var folder = scene.NewFolder("wrapper");
        var wrapper = Path.Combine(folder, program);
        // Who calls is told by the parent's command line: the gateway stops the container, and nobody waits for that at a start.
        await File.WriteAllTextAsync(
            wrapper,
            $"#!/bin/bash\nprintf '%s|%s\\n' \"$(tr '\\0' ' ' </proc/$PPID/cmdline)\" \"$1 $2\" >> {log}\nexec {real} \"$@\"\n"
        );
        File.SetUnixFileMode(wrapper, (UnixFileMode)0b111_101_101);
        scene.Environment["PATH"] = $"{folder}:{scene.Environment["PATH"]}";
        return new EngineCalls(log);
    }

    /// <summary>The first two words of each call since the last question, without the gateway's.</summary>
    public List<string> Take()
    {
        var lines = File.ReadAllLines(_log);
        File.Delete(_log);
        return
        [
            .. lines
                .Where(line => !line.Split('|')[0].Contains("codexctl gateway", StringComparison.Ordinal))
                .Select(line => line.Split('|')[1].TrimEnd()),
        ];
    }
}
