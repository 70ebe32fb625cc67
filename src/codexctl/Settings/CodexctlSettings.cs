using System.Globalization;

namespace Codexctl.Settings;

/// <summary>The layers, the weaker first.</summary>
public enum OriginKind
{
    Default,
    User,
    Project,
    Environment,
}

/// <summary>Where a value comes from.</summary>
/// <param name="Source">The file or the variable; null for defaults.</param>
/// <param name="Line">In the file, counted from 1.</param>
public sealed record SettingOrigin(OriginKind Kind, string? Source = null, int? Line = null)
{
    public static SettingOrigin Default { get; } = new(OriginKind.Default);

    public override string ToString() =>
        Kind switch
        {
            OriginKind.Default => "default",
            OriginKind.Environment => Source!,
            _ => $"{Source}:{Line}",
        };
}

/// <param name="Name">With the person's own names in it.</param>
/// <param name="Value">Null where nothing is set and there is no default.</param>
public sealed record ResolvedSetting(Setting Setting, string Name, SettingValue? Value, SettingOrigin Origin);

/// <summary>A model server that the person named; what is not said is null.</summary>
public sealed record ServerSettings(string Name, string? Kind, Uri? Url, string? ApiKeyVariable);

/// <summary>A profile; what is not said is null.</summary>
/// <param name="Context">Tokens.</param>
public sealed record ProfileSettings(string Name, string? Model, string? Server = null, long? Context = null, string? Effort = null);

/// <summary>All settings of one run of the program, put together from defaults, files and the environment; flags win over them, in the commands.</summary>
public sealed record CodexctlSettings(IReadOnlyDictionary<string, ResolvedSetting> Values, string UserFile, ProjectFile Project)
{
    /// <summary>Always there; a person may give it another model.</summary>
    public static ProfileSettings GptOss { get; } = new("gpt-oss", "gpt-oss:20b");

    public string DefaultImage => Need("default_image").Text;

    public string DefaultNamePrefix => Need("default_name_prefix").Text;

    public string AuthNamePrefix => Need("auth_name_prefix").Text;

    public string DefaultShell => Need("default_shell").Text;

    public string DefaultCodexProfile => Need("default_codex_profile").Text;

    /// <summary>The program and the flags of every run.</summary>
    public IReadOnlyList<string> DefaultCodexCommand => Need("default_codex_cmd").Words;

    /// <summary>Null to take the first engine that answers.</summary>
    public string? Engine => Need("engine").Text is var name && name == "auto" ? null : name;

    public bool FullNetwork => Need("network").Text == "full";

    /// <summary>Allow list entries as typed; `--allow` adds to them.</summary>
    public IReadOnlyList<string> Allow => Need("allow").Words;

    public bool Strict => Need("strict").IsTrue;

    public bool ReadOnly => Need("read_only").IsTrue;

    /// <summary>As <see cref="Policy.MountText"/>; `--mount` adds to them.</summary>
    public IReadOnlyList<string> Mounts => Need("mounts").Words;

    public string? Cpus => Value("cpus")?.Text;

    public string? Memory => Value("memory")?.Text;

    /// <summary>An absolute path, or one that begins with ~/.</summary>
    public string? CaFile => Value("ca_file")?.Text;

    public bool Record => Need("record").IsTrue;

    /// <summary>How long records stay; null for ever.</summary>
    public TimeSpan? RecordKeep => Sizes.Time(Need("record_keep").Text);

    /// <summary>Bytes of all records together; null for any number.</summary>
    public long? RecordMaxSize => Sizes.Storage(Need("record_max_size").Text);

    public bool Receipt => Need("receipt").IsTrue;

    public string ModelServer => Need("model.server").Text;

    public string? ModelName => Value("model.name")?.Text;

    /// <summary>The address that wins over the server's; null where the server counts.</summary>
    public Uri? ModelUrl =>
        Value("model.url") is { } url && Values["model.url"].Origin.Kind >= Values["model.server"].Origin.Kind ? new Uri(url.Text) : null;

    /// <summary>broker, access-only or full.</summary>
    public string AuthMode => Need("auth.mode").Text;

    /// <summary>auto, keychain, secret-service or file.</summary>
    public string AuthStore => Need("auth.store").Text;

    public string? BuildBase => Value("build.base")?.Text;

    public string? BuildNetwork => Value("build.network")?.Text;

    public IReadOnlyDictionary<string, ServerSettings> Servers =>
        Named("servers")
            .ToDictionary(
                name => name,
                name => new ServerSettings(
                    name,
                    Value($"servers.{name}.kind")?.Text,
                    Value($"servers.{name}.url") is { } url ? new Uri(url.Text) : null,
                    Value($"servers.{name}.api_key_env")?.Text
                ),
                StringComparer.Ordinal
            );

    /// <summary>By name; `gpt-oss` is always there.</summary>
    public IReadOnlyDictionary<string, ProfileSettings> Profiles =>
        Named("profiles")
            .Append(GptOss.Name)
            .Distinct(StringComparer.Ordinal)
            .ToDictionary(
                name => name,
                name => new ProfileSettings(
                    name,
                    Value($"profiles.{name}.model")?.Text ?? (name == GptOss.Name ? GptOss.Model : null),
                    Value($"profiles.{name}.server")?.Text,
                    Value($"profiles.{name}.context") is { } context ? long.Parse(context.Text, CultureInfo.InvariantCulture) : null,
                    Value($"profiles.{name}.effort")?.Text
                ),
                StringComparer.Ordinal
            );

    public SettingOrigin OriginOf(string name) => Values.TryGetValue(name, out var found) ? found.Origin : SettingOrigin.Default;

    private IEnumerable<string> Named(string table) =>
        Values
            .Keys.Select(name => name.Split('.'))
            .Where(path => path.Length == 3 && path[0] == table)
            .Select(path => path[1])
            .Distinct(StringComparer.Ordinal);

    private SettingValue? Value(string name) => Values.TryGetValue(name, out var found) ? found.Value : null;

    private SettingValue Need(string name) => Value(name) ?? throw new InvalidOperationException($"{name} has neither value nor default.");
}
