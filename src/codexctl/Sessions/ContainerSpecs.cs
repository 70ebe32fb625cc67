using Codexctl.Engines;

namespace Codexctl.Sessions;

/// <summary>From a request to what the engine is told. Pure.</summary>
public static class ContainerSpecs
{
    public static ContainerSpec For(RunRequest request, string name, ContainerPaths files, TcpDoor? door = null) =>
        new(
            name,
            request.Image,
            Labels(request, door),
            [
                new Mount(request.Workdir.Path, Box.Workdir, request.ReadOnly),
                new Mount(files.Door, Box.Door, ReadOnly: true),
                new Mount(files.CodexConfig, Box.CodexConfig, ReadOnly: true),
                .. request.Mounts,
            ],
            request.Workdir.Hidden,
            request.Network,
            request.User,
            request.Cpus,
            request.MemoryBytes
        )
        {
            Door = door,
        };

    private static Dictionary<string, string> Labels(RunRequest request, TcpDoor? door)
    {
        var labels = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [ContainerLabels.Workdir] = WorkdirLabel.Write(request.Workdir.Path),
            [ContainerLabels.State] = request.StateId,
            [ContainerLabels.Image] = request.Image,
            [ContainerLabels.Version] = Product.Version,
            [ContainerLabels.Network] = request.Network == BoxNetwork.Full ? "full" : "none",
            [ContainerLabels.ReadOnly] = request.ReadOnly ? "true" : "false",
            [ContainerLabels.Door] = DoorLabel.Write(door),
            [ContainerLabels.Temporary] = request.Temporary ? "true" : "false",
        };
        if (request.Mounts.Count > 0)
        {
            labels[ContainerLabels.Mounts] = MountsLabel.Write(request.Mounts);
        }
        return labels;
    }
}
