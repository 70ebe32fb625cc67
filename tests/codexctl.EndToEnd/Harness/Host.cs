using System.Globalization;

namespace Codexctl.EndToEnd.Harness;

/// <summary>A process on the host.</summary>
/// <param name="Environment">As the kernel shows it; empty for processes of others.</param>
public sealed record HostProcess(int Id, int Parent, IReadOnlyList<string> Arguments, string Environment)
{
    public override string ToString() => $"{Id}: {string.Join(' ', Arguments)}";
}

/// <summary>Looks at the processes of the host.</summary>
public static class Host
{
    public static List<HostProcess> Processes()
    {
        var found = new List<HostProcess>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            {
                continue;
            }
            try
            {
                var status = File.ReadAllText($"{folder}/stat");
                var fields = status[(status.LastIndexOf(')') + 2)..].Split(' ');
                if (fields[0] is "Z" or "X")
                {
                    continue;
                }
                var arguments = File.ReadAllText($"{folder}/cmdline").TrimEnd('\0').Split('\0');
                found.Add(new HostProcess(id, int.Parse(fields[1], CultureInfo.InvariantCulture), arguments, ReadEnvironment(folder)));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // It ended while we looked.
            }
        }
        return found;
    }

    /// <summary>Bytes that a process has for itself; what it shares with its file is not among them.</summary>
    public static long AnonymousMemory(int id)
    {
        const string Field = "RssAnon:";
        var line = File.ReadLines($"/proc/{id}/status").First(line => line.StartsWith(Field, StringComparison.Ordinal));
        return long.Parse(line[Field.Length..^2], CultureInfo.InvariantCulture) * 1024;
    }

    /// <summary>Returns when it is gone: its locks are free then, and not as soon as the signal is sent.</summary>
    public static void Kill(int id)
    {
        Machine.Run("kill", "-KILL", id.ToString(CultureInfo.InvariantCulture));
        for (var i = 0; i < 500 && IsThere(id); i++)
        {
            Thread.Sleep(10);
        }
    }

    private static bool IsThere(int id)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{id}/stat");
            // One that nobody has waited for yet holds nothing, once its last thread has ended.
            return stat[stat.LastIndexOf(')') + 2] is not ('Z' or 'X') || Directory.GetDirectories($"/proc/{id}/task").Length > 1;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static string ReadEnvironment(string folder)
    {
        try
        {
            return File.ReadAllText($"{folder}/environ");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
