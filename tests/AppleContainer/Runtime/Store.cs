using System.Text.Json.Nodes;

namespace Codexctl.AppleContainer;

/// <summary>The original's own memory of its objects: one JSON file each, below the state folder.</summary>
internal sealed class Store(Settings settings)
{
    public string Home => settings.Home;

    /// <summary>Held while something is created, changed or removed.</summary>
    public FileStream Lock() => OpenAlone("lock");

    public IEnumerable<(string Name, JsonObject Value)> All(string kind)
    {
        var folder = Path.Combine(Home, kind);
        if (!Directory.Exists(folder))
        {
            yield break;
        }
        foreach (var file in Directory.GetFiles(folder, "*.json"))
        {
            var name = FromFileName(Path.GetFileNameWithoutExtension(file));
            if (Read(kind, name) is { } value)
            {
                yield return (name, value);
            }
        }
    }

    public JsonObject? Read(string kind, string name)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(FilePath(kind, name)))!.AsObject();
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    public void Write(string kind, string name, JsonObject value)
    {
        Directory.CreateDirectory(Path.Combine(Home, kind));
        var file = FilePath(kind, name);
        var temporary = $"{file}.{Environment.ProcessId}";
        File.WriteAllText(temporary, value.ToJsonString());
        File.Move(temporary, file, overwrite: true);
    }

    public void Delete(string kind, string name)
    {
        if (Directory.Exists(Path.Combine(Home, kind)))
        {
            File.Delete(FilePath(kind, name));
        }
    }

    /// <summary>One line at the end of a file that several calls write.</summary>
    public void Append(string file, string line)
    {
        using var stream = OpenAlone(file);
        stream.Seek(0, SeekOrigin.End);
        stream.Write(System.Text.Encoding.UTF8.GetBytes(line + "\n"));
    }

    private FileStream OpenAlone(string file)
    {
        Directory.CreateDirectory(Home);
        while (true)
        {
            try
            {
                return new FileStream(Path.Combine(Home, file), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException e) when (e is not (DirectoryNotFoundException or PathTooLongException))
            {
                Thread.Sleep(2);
            }
        }
    }

    private string FilePath(string kind, string name) => Path.Combine(Home, kind, Uri.EscapeDataString(name) + ".json");

    private static string FromFileName(string name) => Uri.UnescapeDataString(name);
}
