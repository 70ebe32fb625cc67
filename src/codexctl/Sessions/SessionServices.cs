using Codexctl.Engines;
using Codexctl.Gateway;
using Codexctl.Gateway.Login;
using Codexctl.Gateway.Recording;

namespace Codexctl.Sessions;

/// <summary>What a run needs from the rest of the program; one place, so that tests can give their own.</summary>
/// <param name="MakeImage">Makes an image that is missing; the person sees its progress.</param>
/// <param name="PrepareFiles">Writes what the box mounts: Codex's configuration; for engines without images also Codex itself.</param>
/// <param name="Say">A sentence for the person.</param>
/// <param name="Logins">Moves the OpenAI login in and out; asked only where there is one to move.</param>
public sealed record SessionServices(
    Paths Paths,
    IContainerEngine Engine,
    GatewayLauncher Gateways,
    Func<string, CancellationToken, Task> MakeImage,
    Action<RunRequest, ContainerPaths> PrepareFiles,
    Action<string> Say,
    Func<Task<LoginSync>> Logins
)
{
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>What is wrong with an image that a new container would be made from; null when nothing is.</summary>
    public Func<string, ImageInfo, string?> ImageProblem { get; init; } = (_, _) => null;

    /// <summary>Tells the person about that and offers to build it anew; gets the image's name and the problem. Throws where nothing can go on.</summary>
    public Func<string, string, CancellationToken, Task> OfferImage { get; init; } = (_, _, _) => Task.CompletedTask;

    /// <summary>What the person should know about the image of a container that is there; null for nothing.</summary>
    public Func<ContainerInfo, string?> ContainerNotice { get; init; } = _ => null;

    /// <summary>The setting `strict`: a door over TCP is refused.</summary>
    public bool Strict { get; init; }
}

/// <summary>How a run ended.</summary>
public sealed record SessionResult(int ExitCode, string Container, Receipt Receipt);
