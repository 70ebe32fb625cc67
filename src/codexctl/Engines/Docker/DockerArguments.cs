using System.Globalization;

namespace Codexctl.Engines.Docker;

/// <summary>From specifications to docker's argument lists. Pure, so that every rule is tested without an engine.</summary>
public static class DockerArguments
{
    public static List<string> Create(DockerDialect dialect, ContainerSpec spec)
    {
        // --pull never: an image that is missing is built by us or an error, never fetched from somewhere by surprise.
        List<string> arguments = ["create", "--pull", "never", "--name", spec.Name, "--hostname", HostName(spec.Name)];
        arguments.AddRange(dialect.Create);
        if ((spec is { Network: BoxNetwork.None, Door: null } ? "none" : dialect.FullNetwork) is { } network)
        {
            arguments.AddRange(["--network", network]);
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
        arguments.AddRange(["--security-opt", "no-new-privileges", "--pids-limit", "4096"]);
        if (spec.Cpus is { } cpus)
        {
            arguments.AddRange(["--cpus", cpus.ToString(CultureInfo.InvariantCulture)]);
        }
        if (spec.MemoryBytes is { } memory)
        {
            arguments.AddRange(["--memory", memory.ToString(CultureInfo.InvariantCulture)]);
        }
        foreach (var (key, value) in spec.Labels.OrderBy(label => label.Key, StringComparer.Ordinal))
        {
            arguments.AddRange(["--label", $"{key}={value}"]);
        }
        foreach (var mount in spec.Mounts)
        {
            arguments.AddRange(["--mount", MountOption(mount)]);
        }
        foreach (var hidden in spec.Hidden)
        {
            arguments.AddRange(["--mount", $"type=tmpfs,{Field("target", hidden)},tmpfs-mode=0700"]);
        }
        foreach (var name in Box.ProxyVariables)
        {
            // Empty: docker's client would fill them in from the settings of the person (`proxies` in config.json), podman from its own.
            arguments.AddRange(["--env", $"{name}="]);
        }
        arguments.AddRange(["--env", $"CODEXCTL_UID={spec.User.UserId}", "--env", $"CODEXCTL_GID={spec.User.GroupId}"]);
        if (spec.Door is { } door)
        {
            arguments.AddRange(["--env", $"{Box.DoorHostVariable}={door.Host}"]);
            arguments.AddRange(["--env", $"{Box.DoorFilterVariable}={(spec.Network == BoxNetwork.None ? "1" : "0")}"]);
        }
        var init = spec.Door is null ? Box.Init : Box.TcpInit;
        arguments.AddRange(["--user", "0:0", "--workdir", Box.Workdir, "--entrypoint", init, spec.Image]);
        return arguments;
    }

    public static List<string> Exec(DockerDialect dialect, ExecSpec spec)
    {
        List<string> arguments = ["exec", "--interactive", .. dialect.Exec];
        if (spec.Terminal)
        {
            arguments.Add("--tty");
        }
        arguments.AddRange(ExecVariables.Options(spec));
        // Root at first: only root can empty the bounding set. codexctl-enter drops everything before the command runs.
        arguments.AddRange(["--user", "0:0", "--workdir", Box.Workdir, spec.Container, Box.Enter]);
        arguments.Add(spec.Session);
        arguments.AddRange(spec.Command);
        return arguments;
    }

    public static List<string> Build(ImageBuild build)
    {
        // The recipe's whole path: a relative one is looked for in the context by some builders, in our own folder by others.
        // A build that fails would leave a stopped container behind (the classic builder).
        List<string> arguments = ["build", "--force-rm", "--tag", build.Tag, "--file", Path.Combine(build.Context, build.Recipe)];
        // Names only, as with exec: a proxy's address may hold a password.
        foreach (var key in build.Arguments.Keys)
        {
            arguments.AddRange(["--build-arg", key]);
        }
        foreach (var (key, value) in build.Labels)
        {
            arguments.AddRange(["--label", $"{key}={value}"]);
        }
        if (build.NoCache)
        {
            arguments.Add("--no-cache");
        }
        if (build.Pull)
        {
            arguments.Add("--pull");
        }
        if (build.Network is { } network)
        {
            arguments.AddRange(["--network", network]);
        }
        arguments.Add(build.Context);
        return arguments;
    }

    /// <summary>docker reads the value of --mount as one line of CSV, so that any path can be told, quotes doubled.</summary>
    internal static string MountOption(Mount mount)
    {
        var fields = new List<string> { "type=bind", Field("source", mount.Source), Field("target", mount.Target) };
        if (mount.ReadOnly)
        {
            fields.Add("readonly");
        }
        return string.Join(',', fields);
    }

    private static string Field(string key, string value) =>
        value.AsSpan().IndexOfAny("\",\r\n") < 0 ? $"{key}={value}" : $"\"{key}={value.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    // The kernel allows 64 bytes; the rest of a long name says nothing to a person anyway.
    private static string HostName(string name) => name.Length <= 63 ? name : name[..63].TrimEnd('-', '.', '_');
}
