using Codexctl.Engines;

namespace Codexctl.Sessions;

/// <summary>From a request to what the engine is told. Pure.</summary>
public static class ContainerSpecs
{
    public static ContainerSpec For(RunRequest request, string name, ContainerPaths files, TcpDoor? door = null) =>
        new(
            name,
            request.Image,
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                [ContainerLabels.Workdir] = WorkdirLabel.Write(request.Workdir.Path),
                [ContainerLabels.State] = request.StateId,
                [ContainerLabels.Image] = request.Image,
                [ContainerLabels.Version] = Product.Version,
                [ContainerLabels.Network] = request.Network == BoxNetwork.Full ? "full" : "none",
                [ContainerLabels.ReadOnly] = request.ReadOnly ? "true" : "false",
                [ContainerLabels.Door] = DoorLabel.Write(door),
                [ContainerLabels.Temporary] = request.Temporary ? "true" : "false",
            },
            [
                new Mount(request.Workdir.Path, Box.Workdir, request.ReadOnly),
                new Mount(files.Door, Box.Door, ReadOnly: true),
                new Mount(files.CodexConfig, Box.CodexConfig, ReadOnly: true),
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
}
