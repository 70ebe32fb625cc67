using System.Text.Json;
using System.Text.Json.Nodes;

namespace Codexctl.AppleSecurity;

/// <summary>One generic password. All text is one character a byte.</summary>
public sealed record Item(string Service, string Account, string Label, byte[] Password);

/// <summary>The items, in one file of the state folder.</summary>
internal sealed class Keychain(string home)
{
    private string FilePath => Path.Combine(home, "keychain.json");

    /// <summary>Runs a change alone.</summary>
    public T Locked<T>(Func<List<Item>, (List<Item>? Changed, T Result)> change)
    {
        using var alone = OpenAlone(Path.Combine(home, "lock"));
        var (changed, result) = change(Read());
        if (changed is not null)
        {
            Write(changed);
        }
        return result;
    }

    public void Log(JsonObject entry)
    {
        using var stream = OpenAlone(Path.Combine(home, "calls.log"));
        stream.Seek(0, SeekOrigin.End);
        stream.Write(System.Text.Encoding.UTF8.GetBytes(entry.ToJsonString() + "\n"));
    }

    private List<Item> Read()
    {
        if (!File.Exists(FilePath))
        {
            return [];
        }
        using var document = JsonDocument.Parse(File.ReadAllText(FilePath));
        return
        [
            .. document
                .RootElement.EnumerateArray()
                .Select(item => new Item(
                    item.GetProperty("service").GetString()!,
                    item.GetProperty("account").GetString()!,
                    item.GetProperty("label").GetString()!,
                    Convert.FromHexString(item.GetProperty("password").GetString()!)
                )),
        ];
    }

    private void Write(List<Item> items)
    {
        var array = new JsonArray();
        foreach (var item in items)
        {
            array.Add(
                (JsonNode)
                    new JsonObject
                    {
                        ["service"] = item.Service,
                        ["account"] = item.Account,
                        ["label"] = item.Label,
                        ["password"] = Convert.ToHexStringLower(item.Password),
                    }
            );
        }
        File.WriteAllText(FilePath, array.ToJsonString());
    }

    private FileStream OpenAlone(string path)
    {
        Directory.CreateDirectory(home);
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException e) when (e is not (DirectoryNotFoundException or PathTooLongException))
            {
                Thread.Sleep(2);
            }
        }
    }
}
