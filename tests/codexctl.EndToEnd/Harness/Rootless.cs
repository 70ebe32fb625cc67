namespace Codexctl.EndToEnd.Harness;

/// <summary>
/// Podman for an ordinary user needs an account and a range of subordinate ids. The machine is not changed for that: the commands run
/// in a mount namespace of their own, where the account files are others.
/// </summary>
public static class Rootless
{
    /// <summary>Kept from run to run: images are large.</summary>
    private const string Folder = "/var/tmp/codexctl-test-podman";

    private static readonly Lazy<bool> _made = new(Make);

    /// <summary>What a process of that user has in its environment.</summary>
    public static IReadOnlyDictionary<string, string> Environment { get; } =
        new Dictionary<string, string>
        {
            ["CONTAINERS_STORAGE_CONF"] = $"{Folder}/storage.conf",
            ["CONTAINERS_CONF"] = $"{Folder}/containers.conf",
            ["XDG_RUNTIME_DIR"] = $"{Folder}/run",
        };

    /// <summary>The words that run a command as that user; needs root.</summary>
    public static List<string> Words(IReadOnlyList<string> command)
    {
        _ = _made.Value;
        return [$"{Folder}/as-ordinary", .. command];
    }

    private static bool Make()
    {
        string[] files = ["passwd", "group", "subuid", "subgid"];
        Directory.CreateDirectory($"{Folder}/home");
        Directory.CreateDirectory($"{Folder}/run");
        File.SetUnixFileMode($"{Folder}/run", (UnixFileMode)0b111_000_000);
        var id = Machine.OrdinaryId;
        string[] lines =
        [
            $"ordinary:x:{id}:{id}::{Folder}/home:/bin/sh",
            $"ordinary:x:{id}:",
            "ordinary:1000000:65536",
            "ordinary:1000000:65536",
        ];
        foreach (var (file, line) in files.Zip(lines))
        {
            var all = File.Exists($"/etc/{file}") ? File.ReadAllText($"/etc/{file}") : "";
            File.WriteAllText($"{Folder}/{file}", $"{all.TrimEnd('\n')}\n{line}\n".TrimStart('\n'));
        }
        File.WriteAllText(
            $"{Folder}/storage.conf",
            $"[storage]\ndriver = \"vfs\"\ngraphroot = \"{Folder}/store\"\nrootless_storage_path = \"{Folder}/store\"\nrunroot = \"{Folder}/run/storage\"\n"
        );
        File.Copy(Machine.Variable("CONTAINERS_CONF") ?? "/dev/null", $"{Folder}/containers.conf", overwrite: true);
        File.WriteAllText(
            $"{Folder}/as-ordinary",
            $"""
            #!/bin/sh
            # Usage: as-ordinary COMMAND…
            if [ "$1" != --inside ]; then exec unshare --mount --propagation slave "$0" --inside "$@"; fi
            shift
            mount --make-rshared /
            for file in {string.Join(' ', files)}; do mount --bind {Folder}/$file /etc/$file || exit 125; done
            export {string.Join(' ', Environment.Select(pair => $"{pair.Key}={pair.Value}"))}
            # A home that root has is none for this user.
            [ -n "$HOME" ] && [ "$HOME" != /root ] || export HOME={Folder}/home
            [ -r . ] || cd /
            exec setpriv --reuid {id} --regid {id} --clear-groups -- "$@"

            """
        );
        Machine.Run("chown", "-R", $"{id}:{id}", $"{Folder}/home", $"{Folder}/run").ExitCode.ShouldBe(0);
        Machine.Run("chown", $"{id}:{id}", Folder).ExitCode.ShouldBe(0);
        Machine.Run("chmod", "755", $"{Folder}/as-ordinary").ExitCode.ShouldBe(0);
        return true;
    }
}
