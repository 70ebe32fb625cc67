namespace Codexctl.AppleContainer;

/// <summary>
/// The host's side of the network `default`. With VMNET=1 it is a network of Docker's that is there from the start of its first
/// container to the stop of its last one, as the original's bridge is, and the gateway is an address of this machine as long.
/// </summary>
internal sealed class Vmnet(Settings settings, Docker docker)
{
    private const string BuiltIn = "default";

    /// <summary>The first three numbers of its addresses. The real ones are those of this state folder, so that two folders never meet.</summary>
    public string Prefix =>
        settings.RealNetwork
            ? $"10.{64 + Convert.ToInt32(settings.Key[..2], 16) % 64}.{Convert.ToInt32(settings.Key[2..4], 16)}"
            : "192.168.64";

    private string Name => $"fake-container-{settings.Key}-{BuiltIn}";

    /// <summary>Before a start: the container gets its new address, and the network comes to life if it is the first.</summary>
    public void Attach(ContainerEntry entry)
    {
        if (!settings.RealNetwork || Address(entry) is not { } address)
        {
            return;
        }
        if (!docker.Capture("network", "inspect", Name).Ok)
        {
            docker.Require(
                "network",
                "create",
                "--subnet",
                $"{Prefix}.0/24",
                "--gateway",
                $"{Prefix}.1",
                "--label",
                $"fake.container={settings.Key}",
                Name
            );
        }
        // What it was made with, and what a start that failed left. The one that it is not on is an error that means nothing.
        docker.Capture("network", "disconnect", "--force", settings.DockerNetwork, entry.Docker);
        docker.Capture("network", "disconnect", "--force", Name, entry.Docker);
        docker.Require("network", "connect", "--ip", address, Name, entry.Docker);
    }

    /// <summary>After a stop: the network goes with its last container.</summary>
    public void Release(ContainerEntry entry)
    {
        if (!settings.RealNetwork || Address(entry) is null)
        {
            return;
        }
        docker.Capture("network", "disconnect", "--force", Name, entry.Docker);
        // Refused while others are on it.
        docker.Capture("network", "rm", Name);
    }

    /// <summary>The container's address on the network at its latest start; null when it is on none.</summary>
    private static string? Address(ContainerEntry entry) =>
        entry
            .Hidden["networks"]
            ?.AsArray()
            .FirstOrDefault(network => network!["network"]!.GetValue<string>() == BuiltIn)
            ?["ipv4Address"]?.GetValue<string>()
            .Split('/')[0];
}
