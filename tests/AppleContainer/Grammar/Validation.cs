namespace Codexctl.AppleContainer;

/// <summary>The original's validate(): what is checked between the parser and the work, mostly with exit code 1 and no usage lines.</summary>
internal static class Validation
{
    private static readonly string[] _dns = ["--dns", "--dns-domain", "--dns-option", "--dns-search"];

    public static Refusal Failure(string text) => new(1, $"Error: {text}");

    /// <param name="noun">In "no containers specified".</param>
    /// <param name="conflict">In "explicitly supplied container IDs conflict".</param>
    public static Func<ParsedCommand, Refusal?> IdsOrAll(string noun, string conflict) =>
        command =>
            (command.Positionals.Count, command.Has("--all")) switch
            {
                (0, false) => Failure($"no {noun} specified and --all not supplied"),
                (> 0, true) when noun == "containers" || noun == "images" || noun == "networks" || noun == "volumes" => Failure(
                    $"explicitly supplied {conflict} conflict with the --all flag"
                ),
                _ => null,
            };

    public static Refusal? NoDns(ParsedCommand command) =>
        command.Has("--no-dns") && _dns.Any(command.Has)
            ? Grammar.UsageError(
                command.Table,
                "`--no-dns` cannot be used with DNS configuration flags (`--dns`, `--dns-domain`, `--dns-option`, `--dns-search`)"
            )
            : null;

    /// <summary>What build refuses without looking at the disk; the rest is in <see cref="BuildFiles"/>.</summary>
    public static Func<ParsedCommand, Refusal?> Build(Profile profile) =>
        command =>
        {
            foreach (var secret in command.All("--secret"))
            {
                if (!secret.StartsWith("id=", StringComparison.Ordinal) || secret.Split(',')[0].Length == "id=".Length)
                {
                    return Grammar.UsageError(command.Table, $"secret must start with id=<key> {secret}");
                }
                var rest = secret.Split(',')[1..];
                if (
                    rest.Length > 1
                    || rest.Any(part =>
                        !part.StartsWith("env=", StringComparison.Ordinal) && !part.StartsWith("src=", StringComparison.Ordinal)
                    )
                )
                {
                    return Grammar.UsageError(command.Table, $"secret bad value {secret}");
                }
            }
            if (command.All("--ssh").Any(ssh => ssh != "default"))
            {
                return Grammar.UsageError(command.Table, "only --ssh default is currently supported");
            }
            foreach (var tag in command.All("--tag"))
            {
                if (ImageReference.Parse(tag) is null)
                {
                    return Grammar.UsageError(command.Table, $"invalid reference {tag}");
                }
            }
            _ = profile;
            return null;
        };
}
