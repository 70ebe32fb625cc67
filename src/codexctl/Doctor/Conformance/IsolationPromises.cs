using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using static Codexctl.Doctor.Conformance.Trial;

namespace Codexctl.Doctor.Conformance;

/// <summary>What the box cannot do.</summary>
internal static class IsolationPromises
{
    private const string Group = "Isolation";

    public static IReadOnlyList<Promise> All { get; } =
    [
        new(Group, "loopback-only", "The box has no network interface but loopback, and no route", LoopbackAsync),
        new(Group, "no-way-out", "Nothing outside can be reached or resolved, the host's own addresses included", NoWayOutAsync),
        new(Group, "no-privileges", "The command has no capability and cannot gain one", NoPrivilegesAsync),
        new(Group, "no-environment", "Variables of the host stay on the host", NoEnvironmentAsync),
        new(Group, "no-kernel", "The kernel's and the devices' files cannot be written", NoKernelAsync),
        new(Group, "no-neighbours", "Processes outside the box cannot be seen", NoNeighboursAsync),
    ];

    private static async Task LoopbackAsync(Trial trial)
    {
        const string Script = """
            tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '
            tail -n +2 /proc/net/route
            grep -v ' lo$' /proc/net/ipv6_route 2>/dev/null
            echo end
            """;
        Expect(await trial.LookAsync(Script), s => s.Output == "lo\nend\n", "interfaces and routes");
    }

    private static async Task NoWayOutAsync(Trial trial)
    {
        // Something that really listens on every address of the host: a way out would be seen.
        using var listener = new TcpListener(IPAddress.IPv6Any, 0);
        listener.Server.DualMode = true;
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var addresses = NetworkInterface
            .GetAllNetworkInterfaces()
            .SelectMany(device => device.GetIPProperties().UnicastAddresses)
            .Select(address => address.Address.ToString().Split('%')[0])
            .Distinct(StringComparer.Ordinal)
            .ToList();
        // Some engines write the host's name into the box's hosts file, which opens nothing: what counts is that nobody is reached by it.
        string[] named = [$"host.docker.internal {port}", $"host.containers.internal {port}", $"gateway.docker.internal {port}"];
        string[] outside = ["192.0.2.1 443", "1.1.1.1 53", "169.254.169.254 80", "2001:db8::1 443"];
        var targets = addresses.Select(address => $"{address} {port}").Concat(named).Concat(outside).ToList();
        var said = await trial.LookAsync(
            $$"""
            try() { if timeout 3 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null; then echo "reached $1"; else echo failed; fi; }
            {{string.Join('\n', targets.Select(target => $"try {target} &"))}}
            wait
            for name in example.org localhost.example.net; do getent hosts $name >/dev/null && echo "resolved $name"; done
            echo end
            """
        );
        var lines = said.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Expect(
            lines.Count(line => line == "failed") == targets.Count && lines[^1] == "end" && lines.Length == targets.Count + 1,
            $"attempts to get out: {said}"
        );
        Expect(!listener.Pending(), "somebody connected to the host");
    }

    private static async Task NoPrivilegesAsync(Trial trial)
    {
        var said = await trial.LookAsync(
            "grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs)' /proc/self/status | tr -d '\\t'; su -c true root </dev/null >/dev/null 2>&1 && [ $(id -u) != 0 ] && echo su; echo end"
        );
        var lines = said.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var sets = lines.Where(line => line.StartsWith("Cap", StringComparison.Ordinal)).ToList();
        Expect(
            sets.Count == 5 && sets.TrueForAll(set => set.EndsWith(":0000000000000000", StringComparison.Ordinal)),
            $"the capability sets: {said}"
        );
        Expect(lines.Contains("NoNewPrivs:1", StringComparer.Ordinal), $"new privileges can be gained: {said}");
        Expect(!lines.Contains("su", StringComparer.Ordinal), "su worked");
    }

    private static async Task NoEnvironmentAsync(Trial trial)
    {
        var said = await trial.LookAsync($"grep -sal '{HostMark}' /proc/[0-9]*/environ; env | grep -c '{HostMark}'; echo end");
        Expect(said, s => s.Output == "0\nend\n", "a variable of the host in the box");
    }

    private static async Task NoKernelAsync(Trial trial)
    {
        const string Script = """
            for file in /proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname /sys/kernel/uevent_helper /proc/sys/vm/drop_caches /dev/mem /dev/kmsg /dev/sda /dev/vda; do
              [ -e $file ] && (echo x >$file) 2>/dev/null && echo "wrote $file"
            done
            mount -t tmpfs none /mnt 2>/dev/null && echo mounted
            unshare -Urm true 2>/dev/null && unshare -Urm sh -c 'mount -t proc proc /proc' 2>/dev/null && echo "mounted proc"
            mknod /tmp/device b 8 0 2>/dev/null && echo "made a device"
            echo end
            """;
        Expect(await trial.LookAsync(Script), s => s.Output == "end\n", "attempts on the kernel");
    }

    private static async Task NoNeighboursAsync(Trial trial)
    {
        var other = trial.NewFolder();
        var running = await trial.HoldAsync(other);
        // The other run's own words, split here so that the search does not find itself.
        var said = await trial.LookAsync("word=exec; word=\"$word sleep 600\"; grep -sal \"$word\" /proc/[0-9]*/cmdline; echo end");
        Expect(!running.HasEnded, "the other run ended");
        Expect(said, s => s.Output == "end\n", "processes of the host and of another box seen in this one");
    }
}
