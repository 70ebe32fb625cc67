using System.Reflection;

namespace Codexctl.Images;

/// <summary>The files of images/, which are part of the program.</summary>
internal static class EmbeddedFiles
{
    private static readonly Assembly s_assembly = typeof(EmbeddedFiles).Assembly;

    /// <summary>The names of all files below a folder, such as `images/common/`, in a stable order.</summary>
    public static IEnumerable<string> Below(string folder) =>
        s_assembly
            .GetManifestResourceNames()
            .Where(name => name.StartsWith(folder, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

    public static string ReadText(string name)
    {
        using var reader = new StreamReader(Open(name));
        return reader.ReadToEnd();
    }

    public static byte[] ReadBytes(string name)
    {
        using var stream = Open(name);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static Stream Open(string name) =>
        s_assembly.GetManifestResourceStream(name) ?? throw new FileNotFoundException($"{name} is not part of this program");
}
