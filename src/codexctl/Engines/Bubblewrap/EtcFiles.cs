using System.Text;

namespace Codexctl.Engines.Bubblewrap;

/// <summary>The files of the box's /etc that are made for it, instead of the host's.</summary>
internal static class EtcFiles
{
    /// <summary>Their names in /etc and their text. Pure.</summary>
    public static IReadOnlyList<(string Name, string Text)> For(
        string name,
        uint userId,
        uint groupId,
        BoxNetwork network,
        string? hostResolver
    )
    {
        var root = userId == 0 ? "" : "root:x:0:0:root:/root:/usr/sbin/nologin\n";
        var rootGroup = groupId == 0 ? "" : "root:x:0:\n";
        return
        [
            (
                "passwd",
                $"{root}coder:x:{userId}:{groupId}:Codex:{Box.Home}:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
            ),
            ("group", $"{rootGroup}coder:x:{groupId}:\nnogroup:x:65534:\n"),
            ("hosts", $"127.0.0.1 localhost {name}\n::1 localhost ip6-localhost ip6-loopback\n"),
            ("hostname", $"{name}\n"),
            ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n"),
            ("resolv.conf", network == BoxNetwork.Full ? hostResolver ?? "" : ""),
            (
                "gitconfig",
                $"[user]\n\tname = Codex CLI\n\temail = codex@localhost\n[init]\n\tdefaultBranch = main\n[safe]\n\tdirectory = {Box.Workdir}\n"
            ),
        ];
    }

    public static void Write(string folder, IReadOnlyList<(string Name, string Text)> files)
    {
        foreach (var (name, text) in files)
        {
            PrivateFile.Write(Path.Combine(folder, name), Encoding.UTF8.GetBytes(text));
        }
    }
}
