using System.Text.Json.Nodes;

namespace Codexctl.AppleContainer;

/// <summary>The options that run, create and exec share, for Docker and for the JSON.</summary>
internal static class ProcessOptions
{
    /// <summary>
    /// For docker's --env: a name whose value is inherited stays a name, so that the value never stands on a command line; one that is
    /// not set here is dropped.
    /// </summary>
    public static IEnumerable<string> Environment(ParsedCommand command) =>
        FromFiles(command)
            .Concat(command.All("--env"))
            .Where(variable =>
                variable.Contains('=', StringComparison.Ordinal) || System.Environment.GetEnvironmentVariable(variable) is not null
            );

    /// <summary>With every value, for the JSON of the container: whoever may ask can read them there.</summary>
    public static IEnumerable<string> ResolvedEnvironment(ParsedCommand command) =>
        Environment(command)
            .Select(variable =>
                variable.Contains('=', StringComparison.Ordinal)
                    ? variable
                    : $"{variable}={System.Environment.GetEnvironmentVariable(variable)}"
            );

    public static IEnumerable<string> UserAndFolder(ParsedCommand command)
    {
        if ((command.Value("--user") ?? NumericUser(command)) is { } user)
        {
            yield return "--user";
            yield return user;
        }
        if (command.Value("--cwd") is { } folder)
        {
            yield return "--workdir";
            yield return folder;
        }
    }

    public static JsonObject User(ParsedCommand command, string imageUser)
    {
        if (command.Value("--user") is null && NumericUser(command) is not null)
        {
            return new JsonObject
            {
                ["id"] = new JsonObject { ["gid"] = command.Number("--gid") ?? 0, ["uid"] = command.Number("--uid") ?? 0 },
            };
        }
        return new JsonObject { ["raw"] = new JsonObject { ["userString"] = command.Value("--user") ?? imageUser } };
    }

    private static string? NumericUser(ParsedCommand command) =>
        command.Has("--uid") || command.Has("--gid") ? $"{command.Number("--uid") ?? 0}:{command.Number("--gid") ?? 0}" : null;

    private static IEnumerable<string> FromFiles(ParsedCommand command)
    {
        foreach (var file in command.All("--env-file"))
        {
            if (!File.Exists(file))
            {
                throw new ContainerException($"failed to read envfile at {file}");
            }
            foreach (var line in File.ReadLines(file).Select(line => line.Trim()))
            {
                if (line.Length > 0 && line[0] != '#')
                {
                    yield return line;
                }
            }
        }
    }
}
