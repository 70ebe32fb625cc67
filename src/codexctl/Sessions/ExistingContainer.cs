using Codexctl.Engines;
using Codexctl.Gateway;
using Codexctl.Models;
using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.Sessions;

/// <summary>A request that asks for a container exactly as it is, read back from its labels.</summary>
internal static class ExistingContainer
{
    public static RunRequest Request(ContainerInfo container, GatewayOrder? last, HostEnvironment environment, CodexctlSettings settings) =>
        From(container, last, environment, settings, ModelChoice.From(settings, environment));

    private static RunRequest From(
        ContainerInfo container,
        GatewayOrder? last,
        HostEnvironment environment,
        CodexctlSettings settings,
        ModelChoice model
    ) =>
        new()
        {
            Workdir = new Workdir(WorkdirLabel.Read(container)!, []),
            StateId = container.Label(ContainerLabels.State) ?? "",
            Name = container.Name,
            Image = container.Label(ContainerLabels.Image) ?? container.Image,
            User = new BoxUser(Libc.GetUserId(), Libc.GetGroupId()),
            ReadOnly = container.WorkdirReadOnly ?? container.Label(ContainerLabels.ReadOnly) == "true",
            Network = Network(container),
            ModelUrl = last is not null ? new Uri(last.ModelUrl) : model.Url,
            Allow = last?.Allow ?? [],
            Command = [],
            Environment = BoxEnvironment.For(environment, Network(container)),
            Model = model.Model,
            Profiles = [.. settings.Profiles.Values],
        };

    private static BoxNetwork Network(ContainerInfo container) =>
        container.Label(ContainerLabels.Network) == "full" ? BoxNetwork.Full : BoxNetwork.None;
}
