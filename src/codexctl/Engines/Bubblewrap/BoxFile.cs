using System.Text.Json;

namespace Codexctl.Engines.Bubblewrap;

/// <summary>What is written about a box in `box/spec.json`: its specification, as other engines keep it themselves.</summary>
internal sealed record BoxFile(ContainerSpec Spec, DateTimeOffset Created)
{
    public static string PathIn(ContainerPaths paths) => Path.Combine(paths.Box, "spec.json");

    /// <summary>Null when there is no box.</summary>
    /// <exception cref="UserError">The file is damaged.</exception>
    public static BoxFile? Read(ContainerPaths paths)
    {
        var path = PathIn(paths);
        try
        {
            var file = JsonSerializer.Deserialize(File.ReadAllBytes(path), BoxJson.Default.BoxFile);
            return file is { Spec: { Name: not null, Image: not null, Labels: not null, Mounts: not null, User: not null } }
                ? file
                : throw new JsonException("Parts are missing.");
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (JsonException error)
        {
            throw new UserError($"{path} is damaged.", error.Message, $"Remove the folder {paths.Box}.");
        }
    }

    public void Write(ContainerPaths paths) =>
        PrivateFile.Write(PathIn(paths), JsonSerializer.SerializeToUtf8Bytes(this, BoxJson.Default.BoxFile));
}
