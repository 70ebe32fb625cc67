using System.Globalization;
using System.Text;
using Codexctl.Processes;

namespace Codexctl.Engines.Bubblewrap.InBox;

/// <summary>Ends a command whose front end is gone, with everything that it started, also what left its process group or session.</summary>
internal static class SessionReaper
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    /// <summary>Hangs up, gives two seconds, kills. Blocks until nothing is left.</summary>
    public static void End(SpawnedProcess leader, string mark)
    {
        leader.Signal(Libc.SigHup, group: true);
        foreach (var process in Members(leader.Id, mark))
        {
            _ = Libc.Kill(process, Libc.SigHup);
        }
        leader.Exited.Wait(Grace);

        leader.Signal(Libc.SigKill, group: true);
        // A process that forks while it is looked for is found in the next round; each round leaves fewer to fork.
        for (var round = 0; round < 100; round++)
        {
            var members = Members(leader.Id, mark);
            if (members.Count == 0)
            {
                break;
            }
            foreach (var process in members)
            {
                _ = Libc.Kill(process, Libc.SigKill);
            }
            Thread.Sleep(5);
        }
        leader.Exited.Wait();
    }

    /// <summary>Who is in the session, descends from its leader, or carries its mark.</summary>
    private static List<int> Members(int leader, string mark)
    {
        var pattern = Encoding.UTF8.GetBytes($"{ExecSession.Marker}={mark}\0");
        var parents = new Dictionary<int, int>();
        var members = new HashSet<int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (
                !int.TryParse(Path.GetFileName(folder.AsSpan()), CultureInfo.InvariantCulture, out var id)
                || id == Environment.ProcessId
                || id == 1
                || !TryReadStat(id, out var parent, out var session)
            )
            {
                continue;
            }
            parents[id] = parent;
            if (id == leader || session == leader || HasMark(id, pattern))
            {
                members.Add(id);
            }
        }
        var grown = true;
        while (grown)
        {
            grown = false;
            foreach (var (id, parent) in parents)
            {
                grown |= members.Contains(parent) && members.Add(id);
            }
        }
        return [.. members];
    }

    private static bool TryReadStat(int id, out int parent, out int session)
    {
        parent = session = 0;
        try
        {
            var stat = File.ReadAllText($"/proc/{id}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return fields.Length > 3
                && fields[0] is not ("Z" or "X")
                && int.TryParse(fields[1], CultureInfo.InvariantCulture, out parent)
                && int.TryParse(fields[3], CultureInfo.InvariantCulture, out session);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static bool HasMark(int id, byte[] pattern)
    {
        try
        {
            return File.ReadAllBytes($"/proc/{id}/environ").AsSpan().IndexOf(pattern) >= 0;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
