namespace Codexctl.AppleContainer;

/// <summary>The rules about values that need nothing but the values, for all commands.</summary>
internal static class ValueRules
{
    public static void Check(ParsedCommand command)
    {
        switch (command.Path)
        {
            case "create" or "run":
                CreateRequest.Parse(command);
                break;
            case "exec":
                Ulimit.ParseAll(command.All("--ulimit"));
                break;
            case "build":
                CheckBuild(command);
                break;
            case "network create":
                Names.CheckNetwork(command.Positionals[0]);
                foreach (var label in command.All("--label"))
                {
                    Labels.ParseNetwork(label);
                }
                break;
            case "volume create":
                Names.CheckVolume(command.Positionals[0]);
                break;
            case "image pull" or "image push":
                CheckScheme(command);
                ImageReference.Require(command.Positionals[0]);
                break;
            case "image tag":
                ImageReference.Require(command.Positionals[0]);
                ImageReference.Require(command.Positionals[1]);
                break;
            case "copy":
                CopyRequest.Parse(command);
                break;
            default:
                break;
        }
    }

    /// <summary>1.3 took `auto` away.</summary>
    public static void CheckScheme(ParsedCommand command)
    {
        var auto = command.Profile.Version < new Version(1, 3);
        if (command.Value("--scheme") is { } scheme && scheme is not ("http" or "https") && !(auto && scheme == "auto"))
        {
            throw new ContainerException($"unsupported scheme {scheme}");
        }
    }

    private static void CheckBuild(ParsedCommand command)
    {
        foreach (var label in command.All("--label"))
        {
            Labels.ParseContainer(label);
        }
        foreach (var argument in command.All("--build-arg"))
        {
            // What a name alone means is not known.
            if (argument.IndexOf('=', StringComparison.Ordinal) < 1)
            {
                throw new ContainerException($"invalid build argument {argument}");
            }
        }
        foreach (var output in command.All("--output"))
        {
            if (output.Split(',')[0] is not ("type=oci" or "type=tar" or "type=local"))
            {
                throw new ContainerException($"invalid output {output}");
            }
        }
        if (command.Value("--memory") is { } memory && Sizes.Parse(memory) is null)
        {
            throw new ContainerException($"invalid memory value {memory}");
        }
    }
}
