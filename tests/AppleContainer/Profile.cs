namespace Codexctl.AppleContainer;

/// <summary>A release of Apple's `container` that the emulator can play: its grammar and the shapes of its JSON.</summary>
public sealed record Profile(Version Version, string Commit)
{
    public static readonly Profile V0_12 = new(new Version(0, 12, 0), "0000012");
    public static readonly Profile V1_0 = new(new Version(1, 0, 0), "0000100");
    public static readonly Profile V1_2_2 = new(new Version(1, 2, 2), "0190097");
    public static readonly Profile V1_4_1 = new(new Version(1, 4, 1), "0000141");

    public static IReadOnlyList<Profile> All { get; } = [V0_12, V1_0, V1_2_2, V1_4_1];

    /// <summary>1.0 reshaped the JSON of containers, images and networks, and made `inspect` of what is missing an error.</summary>
    public bool NestedJson => Version >= new Version(1, 0);

    /// <summary>1.4.1 reshaped `system status`.</summary>
    public bool StatusOf141 => Version >= new Version(1, 4, 1);

    public string VersionLine => $"container CLI version {Version} (build: release, commit: {Commit})";

    /// <summary>The release with that number ("1.2.2", "0.12"); null when there is none.</summary>
    public static Profile? Find(string version) =>
        All.FirstOrDefault(profile => $"{profile.Version}" == version || $"{profile.Version.Major}.{profile.Version.Minor}" == version);

    public override string ToString() => Version.ToString();
}
