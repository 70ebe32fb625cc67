using System.Reflection;

namespace Codexctl;

/// <summary>What this program is called and which version it is.</summary>
public static class Product
{
    /// <summary>Where the sources are; null in a build that was not told (the property RepositoryUrl).</summary>
    public static string? Source { get; } =
        typeof(Product)
            .Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .FirstOrDefault(data => data.Key == "RepositoryUrl")
            ?.Value;

    public static string Version { get; } =
        typeof(Product).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";
}
