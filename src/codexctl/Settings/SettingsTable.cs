using System.Globalization;
using System.Text.RegularExpressions;
using Codexctl.Policy;

namespace Codexctl.Settings;

/// <summary>Every setting there is. Files, variables, `config`, validation, the reference and completions are all made from this table.</summary>
public static partial class SettingsTable
{
    private const string Tighten = "may only tighten";
    private const string Free = "yes";

    /// <summary>In the order in which they are shown.</summary>
    public static IReadOnlyList<Setting> All { get; } =
    [
        Text("default_image", "codex", "the image of `run`", Name),
        Text("default_name_prefix", "codex-", "how the names of containers begin", Prefix),
        Text("auth_name_prefix", "codex-openai-auth-", "how the names of sign-in containers begin", Prefix),
        Text("default_shell", "bash", "the shell of `run --shell`, `exec` and of command lines", Word) with
        {
            Variables = ["CODEXCTL_DEFAULT_SHELL", "CODEX_SHELL"],
        },
        Text("default_codex_profile", "gpt-oss", "the profile of local runs", ProfileName),
        List("default_codex_cmd", ["codex"], "how Codex is started: the program in the box and flags for every run", Command),
        Text("engine", "auto", "what runs the boxes") with
        {
            Choices = ["auto", "apple", "docker", "podman", "bubblewrap"],
        },
        Text("network", "none", "`none`: the door alone; `full`: the engine's ordinary network, without a guard", null, Tighten) with
        {
            Choices = ["none", "full"],
            Judge = (_, proposed) => proposed.Text == "none" ? Effect.Tightens : Effect.Loosens,
        },
        List("allow", [], "hosts and presets that boxes may reach; `--allow` adds to them", Hosts, Tighten) with
        {
            Judge = Allow,
        },
        Flag("strict", false, "refuse engines that cannot give every guarantee", tightWhen: true),
        Flag("read_only", false, "mount the folder read-only", tightWhen: true),
        List(
            "mounts",
            [],
            "further folders of this machine in boxes, each `SOURCE:TARGET`, read-only, or `SOURCE:TARGET:rw`; `--mount` adds to them",
            MountTexts,
            Tighten
        ) with
        {
            Judge = Mounts,
            Separators = "\n",
        },
        new("cpus", SettingKind.Number, null, "processors for a box", Tighten)
        {
            Variables = Usual("cpus"),
            Check = value => Fits(() => Sizes.Cpus(value.Text)),
            Judge = (current, proposed) =>
                current is null || Sizes.Cpus(proposed.Text) <= Sizes.Cpus(current.Text) ? Effect.Tightens : Effect.Loosens,
            DefaultWords = "no limit",
        },
        Text("memory", null, "memory for a box, for example `8G`", value => Fits(() => Sizes.Memory(value.Text)), Tighten) with
        {
            Judge = (current, proposed) =>
                current is null || Sizes.Memory(proposed.Text) <= Sizes.Memory(current.Text) ? Effect.Tightens : Effect.Loosens,
            DefaultWords = "no limit",
        },
        Text("ca_file", null, "certificates (PEM) that boxes and downloads trust besides the usual ones", AbsolutePath),
        // Neither way before trust: bodies are the person's to keep, and evidence against the agent.
        new("record", SettingKind.Flag, SettingValue.Of(false), "keep the bodies of all exchanges, not only what happened")
        {
            Variables = Usual("record"),
        },
        Text(
            "record_keep",
            "90d",
            "how long records stay after their last line: a number with `h`, `d` or `w`, or `forever`",
            value => Fits(() => Sizes.Time(value.Text))
        ),
        Text(
            "record_max_size",
            "10G",
            "how large all records together may grow before the oldest go, or `unlimited`",
            value => Fits(() => Sizes.Storage(value.Text))
        ),
        Flag("receipt", true, "show the receipt's line at the end of a run", tightWhen: true),
        Text(
            "model.server",
            "ollama",
            "the model server: one of `servers`, or ollama, llamacpp, lmstudio, vllm at their usual ports",
            ServerName
        ),
        Text("model.name", null, "the model", ModelName, Free) with
        {
            Judge = (_, _) => Effect.None,
            DefaultWords = "the profile's",
        },
        Text("model.url", null, "the model server's address; wins over `model.server`", Url) with
        {
            DefaultWords = "the server's",
        },
        Text("servers.*.kind", null, "what the server is") with
        {
            Choices = ["ollama", "llamacpp", "lmstudio", "vllm", "openai-compatible"],
            DefaultWords = "found out by asking it",
        },
        Text("servers.*.url", null, "its address", Url),
        Text("servers.*.api_key_env", null, "the variable that holds its key", VariableName),
        Text("profiles.*.model", null, "the model of `--profile NAME`", ModelName),
        Text("profiles.*.server", null, "the profile's model server", ServerName) with
        {
            DefaultWords = "that of `model.server`",
        },
        new("profiles.*.context", SettingKind.Number, null, "tokens that Codex may fill, where the server's own answer is wrong")
        {
            Check = value =>
                long.TryParse(value.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var tokens)
                && tokens is >= 16384 and <= 100_000_000
                    ? null
                    : "it is a whole number of tokens, 16384 or more",
            DefaultWords = "what the server runs with",
        },
        Text("profiles.*.effort", null, "how long the model thinks") with
        {
            Choices = ["none", "minimal", "low", "medium", "high", "xhigh"],
            DefaultWords = "the model's",
        },
        Text(
            "auth.mode",
            "access-only",
            "what of the sign-in a box gets: `broker` nothing, `access-only` the short-lived half, `full` all",
            null,
            Tighten
        ) with
        {
            Choices = ["broker", "access-only", "full"],
            Judge = (current, proposed) => Rank(proposed) <= Rank(current) ? Effect.Tightens : Effect.Loosens,
        },
        Text("auth.store", "auto", "where the sign-in is kept") with
        {
            Choices = ["auto", "keychain", "secret-service", "file"],
        },
        Text("build.base", null, "another base image: any Alpine, Debian or Ubuntu", Word) with
        {
            Variables = ["CODEXCTL_BUILD_BASE", "CODEXCTL_BASE_IMAGE"],
            DefaultWords = "the recipe's",
        },
        Text("build.network", null, "the network of image builds, for example `host`", Word) with
        {
            DefaultWords = "the engine's",
        },
    ];

    /// <summary>Names that every installation has as servers, with their usual addresses.</summary>
    public static IReadOnlyDictionary<string, string> UsualServers { get; } =
        new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["ollama"] = "http://127.0.0.1:11434",
            ["llamacpp"] = "http://127.0.0.1:8080",
            ["lmstudio"] = "http://127.0.0.1:1234",
            ["vllm"] = "http://127.0.0.1:8000",
        };

    /// <summary>The setting of a dotted name, also of one with a person's name in it; null when there is none.</summary>
    public static Setting? Find(IReadOnlyList<string> path) => All.FirstOrDefault(setting => Matches(setting.Name.Split('.'), path));

    public static Setting? Find(string name) => Find(name.Split('.'));

    /// <summary>Whether the path leads to a table: other settings begin with it.</summary>
    public static bool IsTable(IReadOnlyList<string> path) =>
        All.Any(setting =>
        {
            var names = setting.Name.Split('.');
            return names.Length > path.Count && Matches(names[..path.Count], path);
        });

    /// <summary>The setting that was probably meant, with the person's own name in its place.</summary>
    public static string? NearestTo(IReadOnlyList<string> path) =>
        Nearest.Of(
            string.Join('.', path),
            All.Select(setting =>
                string.Join('.', setting.Name.Split('.').Select((part, i) => part == "*" ? (i < path.Count ? path[i] : "NAME") : part))
            )
        );

    /// <summary>What is wrong with a person's name in a path (servers.NAME, profiles.NAME); null when nothing is.</summary>
    public static string? ProblemWithNames(IReadOnlyList<string> path) =>
        path.Count > 1 && path[0] is "servers" or "profiles" && !IsName(path[1])
            ? $"names of {path[0]} are lower-case letters, digits, '-' and '_', at most 40"
            : null;

    public static bool IsName(string text) => Names().IsMatch(text);

    private static bool Matches(string[] names, IReadOnlyList<string> path) =>
        names.Length == path.Count && names.Select((name, i) => name == "*" || name == path[i]).All(same => same);

    private static Setting Text(
        string name,
        string? value,
        string help,
        Func<SettingValue, string?>? check = null,
        string project = Setting.AfterTrust
    ) =>
        new(name, SettingKind.Text, value is null ? null : SettingValue.Of(value), help, project)
        {
            Check = check,
            Variables = Usual(name),
        };

    private static Setting List(
        string name,
        IReadOnlyList<string> value,
        string help,
        Func<SettingValue, string?> check,
        string project = Setting.AfterTrust
    ) => new(name, SettingKind.List, SettingValue.Of(value), help, project) { Check = check, Variables = Usual(name) };

    private static Setting Flag(string name, bool value, string help, bool tightWhen) =>
        new(name, SettingKind.Flag, SettingValue.Of(value), help, Tighten)
        {
            Judge = (_, proposed) => proposed.IsTrue == tightWhen ? Effect.Tightens : Effect.Loosens,
            Variables = Usual(name),
        };

    private static IReadOnlyList<string> Usual(string name) =>
        name.Contains('*', StringComparison.Ordinal) ? [] : [$"CODEXCTL_{name.Replace('.', '_').ToUpperInvariant()}"];

    // Tighter: what is left of the list that holds, in its order, with everything that it takes away; more may be taken away.
    private static Effect Allow(SettingValue? current, SettingValue proposed)
    {
        var held = current?.Words ?? [];
        var kept = proposed.Words.Where(entry => entry[0] != '!' || held.Contains(entry, StringComparer.Ordinal)).ToList();
        var next = 0;
        foreach (var entry in held)
        {
            if (next < kept.Count && kept[next] == entry)
            {
                next++;
            }
            else if (entry[0] == '!')
            {
                return Effect.Loosens;
            }
        }
        return next == kept.Count ? Effect.Tightens : Effect.Loosens;
    }

    // Tighter: some of those that hold, none of them writable that was not.
    private static Effect Mounts(SettingValue? current, SettingValue proposed)
    {
        var held = (current?.Words ?? []).Select(MountText.Parse).ToList();
        return proposed
            .Words.Select(MountText.Parse)
            .All(mount => held.Contains(mount) || (mount.ReadOnly && held.Contains(mount with { ReadOnly = false })))
            ? Effect.Tightens
            : Effect.Loosens;
    }

    private static string? Fits<T>(Func<T> read)
    {
        _ = read();
        return null;
    }

    private static int Rank(SettingValue? mode) =>
        mode?.Text switch
        {
            "broker" => 0,
            "access-only" => 1,
            _ => 2,
        };

    private static string? Hosts(SettingValue value)
    {
        _ = AllowList.Parse(value.Words);
        return null;
    }

    private static string? MountTexts(SettingValue value)
    {
        _ = MountText.ParseAll(value.Words);
        return null;
    }

    private static string? Command(SettingValue value) =>
        value.Words.Count == 0 ? "it needs at least the program"
        : value.Words[0].StartsWith('-') ? "the program comes first"
        : null;

    private static string? Name(SettingValue value) => Images().IsMatch(value.Text) ? null : "it is the name of an image";

    private static string? Prefix(SettingValue value) =>
        Prefixes().IsMatch(value.Text) ? null : "it begins with a letter or digit; then letters, digits, '_', '.' and '-', at most 30";

    private static string? Word(SettingValue value) =>
        value.Text.Length > 0 && !value.Text.StartsWith('-') && !value.Text.Contains(' ', StringComparison.Ordinal)
            ? null
            : "it is one word and does not begin with '-'";

    private static string? ModelName(SettingValue value) =>
        Models().IsMatch(value.Text) ? null : "it is the name of a model, such as gpt-oss:20b";

    private static string? ProfileName(SettingValue value) =>
        IsName(value.Text) ? null : "names of profiles are lower-case letters, digits, '-' and '_', at most 40";

    private static string? ServerName(SettingValue value) =>
        IsName(value.Text) ? null : "names of servers are lower-case letters, digits, '-' and '_', at most 40";

    private static string? VariableName(SettingValue value) => Variables().IsMatch(value.Text) ? null : "it is the name of a variable";

    private static string? AbsolutePath(SettingValue value) =>
        value.Text.StartsWith('/') || value.Text.StartsWith("~/", StringComparison.Ordinal)
            ? null
            : "it is a path that begins with / or ~/";

    private static string? Url(SettingValue value) =>
        Uri.TryCreate(value.Text, UriKind.Absolute, out var uri)
        && uri.Scheme is "http" or "https"
        && uri.Host.Length > 0
        && uri.UserInfo.Length == 0
        && uri.Query.Length == 0
        && uri.Fragment.Length == 0
            ? null
            : "it is an address such as http://127.0.0.1:8080, without user name, query or fragment";

    [GeneratedRegex(@"^[a-z0-9][a-z0-9_-]{0,39}\z", RegexOptions.None, 1000)]
    private static partial Regex Names();

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9_./:@-]{0,199}\z", RegexOptions.None, 1000)]
    private static partial Regex Images();

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9_.-]{0,29}\z", RegexOptions.None, 1000)]
    private static partial Regex Prefixes();

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9_.:/@+-]{0,199}\z", RegexOptions.None, 1000)]
    private static partial Regex Models();

    [GeneratedRegex(@"^[A-Za-z_][A-Za-z0-9_]{0,99}\z", RegexOptions.None, 1000)]
    private static partial Regex Variables();
}
