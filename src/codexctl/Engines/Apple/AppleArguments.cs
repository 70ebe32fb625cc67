using System.Globalization;

namespace Codexctl.Engines.Apple;

/// <summary>
/// From specifications to the argument lists of Apple's `container`. Pure, so that every list is checked against its grammar
/// without a Mac. Options stand before the first positional: all that follows belongs to the box's command.
/// </summary>
public static class AppleArguments
{
    /// <summary>Apple's own default of 1 GiB kills agents.</summary>
    public const long DefaultMemory = 4L << 30;

    /// <summary>Tells codexctl-init that the box is a virtual machine of its own (see there what it does about that).</summary>
    public const string MachineVariable = "CODEXCTL_VM";

    /// <summary>The folders that must be empty file systems, one a line; codexctl-init ends the box where one is not.</summary>
    public const string HiddenVariable = "CODEXCTL_HIDDEN";

    /// <summary>All containers: the client can neither filter nor inspect two of which one may be missing.</summary>
    public static List<string> List() => ["ls", "--all", "--format", "json"];

    /// <param name="links">Where links to folders lie whose paths the grammar cannot express (<see cref="AppleMounts"/>).</param>
    /// <exception cref="UserError">Apple's `container` cannot express something of the specification.</exception>
    public static List<string> Create(ContainerSpec spec, string links)
    {
        List<string> arguments = ["create", "--name", spec.Name, "--init"];
        if (spec is { Network: BoxNetwork.None, Door: null })
        {
            // Not an --internal network: those let connections out.
            arguments.AddRange(["--network", "none"]);
        }
        arguments.AddRange(["--cap-drop", "ALL"]);
        foreach (var capability in Box.Capabilities)
        {
            arguments.AddRange(["--cap-add", capability]);
        }
        if (spec.Door is not null)
        {
            // For process 1 alone, to close the network but for the door; nothing that is run later gets it, su-exec neither.
            arguments.AddRange(["--cap-add", "NET_ADMIN"]);
        }
        if (spec.Cpus is { } cpus)
        {
            arguments.AddRange(["--cpus", Whole(cpus)]);
        }
        // A bare number would be bytes; the engine rounds down to megabytes by itself.
        var megabytes = (spec.MemoryBytes ?? DefaultMemory) >> 20;
        arguments.AddRange(["--memory", string.Create(CultureInfo.InvariantCulture, $"{megabytes}m")]);
        foreach (var (key, value) in spec.Labels.OrderBy(label => label.Key, StringComparer.Ordinal))
        {
            arguments.AddRange(["--label", Label(key, value)]);
        }
        foreach (var mount in spec.Mounts)
        {
            arguments.AddRange(AppleMounts.Option(mount, links, socketDoor: spec.Door is null));
        }
        foreach (var hidden in spec.Hidden)
        {
            arguments.AddRange(AppleMounts.Cover(hidden));
        }
        if (spec.Hidden.Count > 0)
        {
            arguments.AddRange(["--env", $"{HiddenVariable}={string.Join('\n', spec.Hidden)}"]);
        }
        arguments.AddRange(["--env", $"CODEXCTL_UID={spec.User.UserId}", "--env", $"CODEXCTL_GID={spec.User.GroupId}"]);
        arguments.AddRange(["--env", $"{MachineVariable}=1"]);
        if (spec.Door is { } door)
        {
            arguments.AddRange(["--env", $"{Box.DoorHostVariable}={door.Host}"]);
            arguments.AddRange(["--env", $"{Box.DoorFilterVariable}={(spec.Network == BoxNetwork.None ? "1" : "0")}"]);
        }
        var init = spec.Door is null ? Box.Init : Box.TcpInit;
        arguments.AddRange(["--user", "0:0", "--workdir", Box.Workdir, "--entrypoint", init, spec.Image]);
        return arguments;
    }

    public static List<string> Start(string name) => ["start", name];

    // Process 1 ends at once on SIGTERM; two seconds are for a machine under load.
    public static List<string> Stop(string name) => ["stop", "--time", "2", name];

    public static List<string> Remove(string name, bool force) => force ? ["rm", "--force", name] : ["rm", name];

    public static List<string> Exec(ExecSpec spec)
    {
        List<string> arguments = ["exec", "--interactive"];
        if (spec.Terminal)
        {
            arguments.Add("--tty");
        }
        arguments.AddRange(ExecVariables.Options(spec));
        // Root at first, as with docker: codexctl-enter drops everything before the command runs.
        arguments.AddRange(["--user", "0:0", "--workdir", Box.Workdir, spec.Container, Box.Enter, spec.Session]);
        arguments.AddRange(spec.Command);
        return arguments;
    }

    public static List<string> Logs(string name) => ["logs", "-n", "5", name];

    public static List<string> KillSession(string container, string session) =>
        ["exec", "--user", "0:0", container, Box.Enter, "--kill", session];

    public static List<string> HasBegun(string container, string session) =>
        ["exec", "--user", "0:0", container, Box.Enter, "--begun", session];

    /// <exception cref="UserError">Apple's `container` cannot express something of the build.</exception>
    public static List<string> Build(ImageBuild build)
    {
        if (build.Network is { } network)
        {
            throw new UserError(
                $"Apple's container cannot build with another network ({network}).",
                "Its builder has one network of its own, and `container build` has no option for another.",
                "Take the setting build.network away (unset CODEXCTL_BUILD_NETWORK), then build again."
            );
        }
        List<string> arguments = ["build", "--progress", "plain", "--tag", build.Tag];
        // In full: a relative one would be looked for in the current folder.
        arguments.AddRange(["--file", Path.Combine(build.Context, build.Recipe)]);
        foreach (var (key, value) in build.Arguments.Where(argument => !HoldsPassword(argument.Value)))
        {
            arguments.AddRange(["--build-arg", $"{key}={value}"]);
        }
        foreach (var (key, value) in build.Labels)
        {
            arguments.AddRange(["--label", Label(key, value)]);
        }
        if (build.NoCache)
        {
            arguments.Add("--no-cache");
        }
        if (build.Pull)
        {
            arguments.Add("--pull");
        }
        arguments.Add(build.Context);
        return arguments;
    }

    /// <summary>The build arguments that are left out: their values would stand on a command line, and hold a password.</summary>
    public static IReadOnlyList<string> LeftOut(ImageBuild build) =>
        [.. build.Arguments.Where(argument => HoldsPassword(argument.Value)).Select(argument => argument.Key)];

    /// <summary>The one network that is always there, and that a box gets which asks for none.</summary>
    public static List<string> InspectNetwork() => ["network", "inspect", "default"];

    public static List<string> InspectImage(string image) => ["image", "inspect", image];

    public static List<string> InspectImages(IReadOnlyList<string> images) => ["image", "inspect", .. images];

    public static List<string> ListImages() => ["image", "list", "--format", "json"];

    public static List<string> TagImage(string image, string name) => ["image", "tag", image, name];

    public static List<string> Export(string container, string file) => ["export", "--output", file, container];

    public static List<string> PullImage(string image) => ["image", "pull", "--progress", "plain", image];

    public static List<string> RemoveImage(string image) => ["image", "rm", image];

    public static List<string> BuilderStatus() => ["builder", "status", "--format", "json"];

    public static List<string> BuilderStart() => ["builder", "start"];

    public static List<string> BuilderStop() => ["builder", "stop"];

    // Without the flag it may ask on standard input whether to install a kernel, where nobody would see the question.
    public static List<string> SystemStart() => ["system", "start", "--enable-kernel-install"];

    public static List<string> Version() => ["--version"];

    /// <summary>Processors: the engine gives its virtual machines whole ones.</summary>
    internal static string Whole(decimal cpus) =>
        cpus == decimal.Truncate(cpus) && cpus is > 0 and <= int.MaxValue
            ? ((int)cpus).ToString(CultureInfo.InvariantCulture)
            : throw new UserError(
                $"Apple's container gives a box whole processors, not {cpus.ToString(CultureInfo.InvariantCulture)}.",
                "Each box is a virtual machine of its own.",
                $"Write a whole number: --cpu {decimal.Ceiling(cpus).ToString("0", CultureInfo.InvariantCulture)}",
                ExitCodes.Usage
            );

    private static string Label(string key, string value) =>
        value.Contains('=', StringComparison.Ordinal)
            ? throw new UserError(
                $"Apple's container cannot keep the label {key}.",
                $"Its value holds a '=', which `container` does not take there: {value}",
                "Choose a name without '='."
            )
            : $"{key}={value}";

    // A proxy's address with user and password: http://user:password@host
    private static bool HoldsPassword(string value) => value.Contains('@', StringComparison.Ordinal);
}
