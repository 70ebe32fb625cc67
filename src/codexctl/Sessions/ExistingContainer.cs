using Codexctl.Auth;
using Codexctl.Engines;
using Codexctl.Gateway;
using Codexctl.Models;
using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.Sessions;

/// <summary>A request that asks for a container exactly as it is, read back from its labels.</summary>
internal static class ExistingContainer
{
    /// <summary>The same for a new container in its place: also what only counts when one is made.</summary>
    public static RunRequest Copy(
        ContainerInfo container,
        GatewayOrder? last,
        HostEnvironment environment,
        CodexctlSettings settings,
        Paths paths
    ) =>
        Request(container, last, environment, settings, starts: true) with
        {
            // Looked up anew: what must be hidden in it may lie elsewhere now. Whether the home may be mounted was decided then.
            Workdir = Workdir.Resolve(WorkdirLabel.Read(container)!, paths, environment.Home, allowHome: true),
            Cpus = container.Cpus,
            MemoryBytes = container.MemoryBytes,
        };

    /// <param name="starts">The container is to be started: always for the local model. Else it runs, as the last order says.</param>
    public static RunRequest Request(
        ContainerInfo container,
        GatewayOrder? last,
        HostEnvironment environment,
        CodexctlSettings settings,
        bool starts
    )
    {
        var login = starts ? null : LoginModes.Find(last?.Login);
        var model = ModelChoice.From(settings, environment);
        var certificates = CaBundle.Find(settings.CaFile, environment);
        return new()
        {
            Workdir = new Workdir(WorkdirLabel.Read(container)!, []),
            StateId = container.Label(ContainerLabels.State) ?? "",
            Name = container.Name,
            Image = container.Label(ContainerLabels.Image) ?? container.Image,
            User = new BoxUser(Libc.GetUserId(), Libc.GetGroupId()),
            ReadOnly = container.WorkdirReadOnly ?? container.Label(ContainerLabels.ReadOnly) == "true",
            Network = Network(container),
            Mounts = MountsLabel.Read(container),
            Choice = last is null
                ? model
                : model with
                {
                    Url = new Uri(last.ModelUrl),
                    ApiKeyVariable = last.ApiKeyVariable,
                    Kind = ModelServerKinds.Parse(last.ModelKind),
                },
            Allow = last?.Allow ?? [],
            Record = last?.Record ?? false,
            Command = [],
            Environment = BoxEnvironment.For(environment, Network(container), login, certificates: certificates is not null),
            Login = login,
            Certificates = certificates,
            Profiles = [.. settings.Profiles.Values],
        };
    }

    private static BoxNetwork Network(ContainerInfo container) =>
        container.Label(ContainerLabels.Network) == "full" ? BoxNetwork.Full : BoxNetwork.None;
}
