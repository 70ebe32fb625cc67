namespace Codexctl.AppleContainer;

/// <summary>A release of Apple's `container` that the emulator can play: its grammar and the shapes of its JSON.</summary>
public sealed record Profile(Version Version, string Commit)
{
    public static readonly Profile V0_6 = new(new Version(0, 6, 0), "0000006");
    public static readonly Profile V0_12 = new(new Version(0, 12, 0), "0000012");
    public static readonly Profile V1_0 = new(new Version(1, 0, 0), "0000100");
    public static readonly Profile V1_2_2 = new(new Version(1, 2, 2), "0190097");
    public static readonly Profile V1_4_1 = new(new Version(1, 4, 1), "0000141");

    public static IReadOnlyList<Profile> All { get; } = [V0_6, V0_12, V1_0, V1_2_2, V1_4_1];

    /// <summary>1.0 reshaped the JSON of containers, images and networks, and made `inspect` of what is missing an error.</summary>
    public bool NestedJson => Version >= new Version(1, 0);

    /// <summary>0.8 renamed the addresses (`address` became `ipv4Address`) and told when a container was started.</summary>
    public bool Has08Json => Version >= new Version(0, 8);

    /// <summary>0.10 took the code away from the front of an error, and gave `system status` its --format.</summary>
    public bool BareErrors => Version >= new Version(0, 10);

    /// <summary>1.4.1 reshaped `system status`.</summary>
    public bool StatusOf141 => Version >= new Version(1, 4, 1);

    public string VersionLine => $"container CLI version {Version} (build: release, commit: {Commit})";

    /// <summary>The release with that number ("1.2.2", "0.12"); null when there is none.</summary>
    public static Profile? Find(string version) =>
        All.FirstOrDefault(profile => $"{profile.Version}" == version || $"{profile.Version.Major}.{profile.Version.Minor}" == version);

    /// <summary>An error as this release says it.</summary>
    public string Says(ContainerException error)
    {
        string[] known = ["internalError: ", "interrupted: ", "unknown: ", "notFound: ", "exists: ", "invalidState: ", "invalidArgument: "];
        if (BareErrors || error.ExitCode != 1 || known.Any(code => error.Message.StartsWith(code, StringComparison.Ordinal)))
        {
            return error.Message;
        }
        var code =
            error.Message.Contains("not found", StringComparison.Ordinal) ? "notFound"
            : error.Message.Contains("already exist", StringComparison.Ordinal) ? "exists"
            : error.Message.Contains("is not running", StringComparison.Ordinal) ? "invalidState"
            : "invalidArgument";
        return $"{code}: \"{error.Message}\"";
    }

    public override string ToString() => Version.ToString();
}
