using System.Text;

namespace Codexctl.AppleSecurity;

/// <summary>What goes wrong on purpose.</summary>
public enum Fault
{
    None,

    /// <summary>The keychain is locked and nobody can be asked.</summary>
    Locked,

    /// <summary>The person, or the item's access list, refuses.</summary>
    Denied,

    /// <summary>The person closes the question.</summary>
    Cancelled,

    /// <summary>The question stays open for ever.</summary>
    Hang,
}

/// <summary>
/// The three commands about generic passwords. Exit codes are the low byte of the original's status: 44 not found, 45 there already, 36 no
/// interaction allowed, 51 refused, 128 cancelled; 2 is a usage error. Anything else is refused: the emulator is never kinder.
/// </summary>
internal sealed class Commands(Keychain keychain, Fault fault, TextReader input, Stream output, TextWriter error)
{
    private const int UsageError = 2;
    private const int NotFound = 44;
    private const int AlreadyThere = 45;
    private const int PromptLimit = 128;

    /// <summary>Commands may be shortened.</summary>
    private static readonly string[] _names = ["add-generic-password", "find-generic-password", "delete-generic-password"];

    private static readonly Dictionary<Fault, (int Code, string Text)> _faults = new()
    {
        [Fault.Locked] = (36, "User interaction is not allowed."),
        [Fault.Denied] = (51, "The user name or passphrase you entered is not correct."),
        [Fault.Cancelled] = (128, "User canceled the operation."),
    };

    public int Run(IReadOnlyList<string> words)
    {
        if (words.Count == 0)
        {
            return 0;
        }
        var matches = _names.Where(name => name.StartsWith(words[0], StringComparison.Ordinal)).ToList();
        if (words[0].Length == 0 || matches.Count != 1)
        {
            error.WriteLine($"security: unknown command \"{words[0]}\"");
            return 1;
        }
        if (Options.Parse(matches[0], words) is not { } options)
        {
            error.WriteLine($"Usage: {matches[0]} [-a account] [-s service] [options...]");
            return UsageError;
        }
        return matches[0] switch
        {
            "add-generic-password" => Add(options),
            "find-generic-password" => Find(options),
            _ => Delete(options),
        };
    }

    private int Add(Options options)
    {
        if (options.Account is null || options.Service is null)
        {
            error.WriteLine("Usage: add-generic-password [-a account] [-s service] [-w password] [options...]");
            return UsageError;
        }
        var password = options.Password;
        if (options.Prompt && ReadPrompted() is { } typed)
        {
            password = typed;
        }
        if (Fails("SecKeychainItemCreateFromContent (<default>)") is { } code)
        {
            return code;
        }
        return keychain.Locked<int>(items =>
        {
            var existing = items.Find(item => item.Service == options.Service && item.Account == options.Account);
            if (existing is not null && !options.Update)
            {
                error.WriteLine(
                    "security: SecKeychainItemCreateFromContent (<default>): The specified item already exists in the keychain."
                );
                return (null, AlreadyThere);
            }
            // Without any of -w, -X and -p: an item with nothing in it, and success.
            var item = new Item(options.Service, options.Account, options.Label ?? existing?.Label ?? options.Service, password ?? []);
            return ([.. items.Where(other => other != existing), item], 0);
        });
    }

    private int Find(Options options) =>
        keychain.Locked<int>(items =>
        {
            if (items.Find(options.Matches) is not { } item)
            {
                error.WriteLine("security: SecKeychainSearchCopyNext: The specified item could not be found in the keychain.");
                return (null, NotFound);
            }
            if ((options.PasswordOnly || options.ShowPassword) && Fails("SecKeychainItemCopyContent") is { } code)
            {
                return (null, code);
            }
            if (options.PasswordOnly)
            {
                Print(Encoding.Latin1.GetBytes(Plain(item.Password)));
            }
            else
            {
                PrintAttributes(item);
                if (options.ShowPassword)
                {
                    error.WriteLine("password: " + Shown(item.Password));
                }
            }
            return (null, 0);
        });

    private int Delete(Options options) =>
        keychain.Locked<int>(items =>
        {
            if (items.Find(options.Matches) is not { } item)
            {
                error.WriteLine("security: SecKeychainSearchCopyNext: The specified item could not be found in the keychain.");
                return (null, NotFound);
            }
            if (Fails("SecKeychainItemDelete") is { } code)
            {
                return (null, code);
            }
            PrintAttributes(item);
            error.WriteLine("password has been deleted.");
            return ([.. items.Where(other => other != item)], 0);
        });

    private int? Fails(string call)
    {
        if (fault == Fault.Hang)
        {
            Thread.Sleep(Timeout.Infinite);
        }
        if (!_faults.TryGetValue(fault, out var failure))
        {
            return null;
        }
        error.WriteLine($"security: {call}: {failure.Text}");
        return failure.Code;
    }

    /// <summary>A bare -w at the end asks twice, and keeps no more than 128 bytes of an answer.</summary>
    private byte[] ReadPrompted()
    {
        error.Write("password data for new item: ");
        var first = input.ReadLine() ?? "";
        error.Write("retype password for new item: ");
        var second = input.ReadLine() ?? "";
        error.WriteLine();
        if (first != second)
        {
            error.WriteLine("password mismatch");
            return [];
        }
        var bytes = Encoding.Latin1.GetBytes(first);
        return bytes.Length > PromptLimit ? bytes[..PromptLimit] : bytes;
    }

    /// <summary>As -w prints it: hexadecimal, in lower case, when one byte of it is not printable ASCII.</summary>
    private static string Plain(byte[] password) =>
        password.All(IsPrintable) ? Encoding.Latin1.GetString(password) : Convert.ToHexStringLower(password);

    /// <summary>As -g prints it: in quotes, and with its hexadecimal form before it when needed.</summary>
    private static string Shown(byte[] password)
    {
        if (password.Length == 0)
        {
            return "";
        }
        var text = string.Concat(
            password.Select(b =>
                IsPrintable(b) && b is not ((byte)'"' or (byte)'\\') ? $"{(char)b}" : $"\\{Convert.ToString(b, 8).PadLeft(3, '0')}"
            )
        );
        return password.All(IsPrintable) ? $"\"{Encoding.Latin1.GetString(password)}\"" : $"0x{Convert.ToHexString(password)}  \"{text}\"";
    }

    private static bool IsPrintable(byte b) => b is >= 0x20 and < 0x7f;

    private void PrintAttributes(Item item)
    {
        var text = $"""
            keychain: "/Users/me/Library/Keychains/login.keychain-db"
            version: 512
            class: "genp"
            attributes:
                0x00000007 <blob>="{item.Label}"
                0x00000008 <blob>=<NULL>
                "acct"<blob>="{item.Account}"
                "svce"<blob>="{item.Service}"
            """;
        Print(Encoding.Latin1.GetBytes(text));
    }

    private void Print(byte[] line)
    {
        output.Write(line);
        output.WriteByte((byte)'\n');
        output.Flush();
    }
}

/// <summary>The options of one command, as getopt reads them.</summary>
internal sealed record Options
{
    public string? Account { get; private set; }

    public string? Service { get; private set; }

    public string? Label { get; private set; }

    public byte[]? Password { get; private set; }

    /// <summary>-w as the last word of `add`: ask.</summary>
    public bool Prompt { get; private set; }

    public bool Update { get; private set; }

    /// <summary>-w of `find`.</summary>
    public bool PasswordOnly { get; private set; }

    /// <summary>-g of `find`.</summary>
    public bool ShowPassword { get; private set; }

    public bool Matches(Item item) =>
        (Account is null || item.Account == Account)
        && (Service is null || item.Service == Service)
        && (Label is null || item.Label == Label);

    /// <summary>Null is a usage error. A keychain by name is one too: there is only the default one here.</summary>
    public static Options? Parse(string command, IReadOnlyList<string> words)
    {
        var add = command == "add-generic-password";
        var options = new Options();
        for (var at = 1; at < words.Count; at++)
        {
            if (words[at] is not ['-', var letter, .. var glued])
            {
                return null;
            }
            string? value = null;
            if (letter is 'a' or 's' or 'l' || (add && letter is 'w' or 'X' or 'p' or 'T' or 'D' or 'j'))
            {
                if (glued.Length > 0)
                {
                    value = glued;
                }
                else if (at + 1 < words.Count)
                {
                    value = words[++at];
                }
                else if (letter != 'w')
                {
                    return null;
                }
            }
            else if (glued.Length > 0)
            {
                return null;
            }
            if (!options.Take(add, command, letter, value))
            {
                return null;
            }
        }
        return options;
    }

    private bool Take(bool add, string command, char letter, string? value)
    {
        switch (letter)
        {
            case 'a':
                Account = value;
                return true;
            case 's':
                Service = value;
                return true;
            case 'l':
                Label = value;
                return true;
            case 'w' when add:
                Prompt = value is null;
                Password = value is null ? null : Encoding.Latin1.GetBytes(value);
                return true;
            case 'p' when add:
                Password = Encoding.Latin1.GetBytes(value!);
                return true;
            case 'X' when add:
                if (value!.Length % 2 != 0 || !value.All(char.IsAsciiHexDigit))
                {
                    return false;
                }
                Password = Convert.FromHexString(value);
                return true;
            case 'U' when add:
                Update = true;
                return true;
            case 'A' or 'T' or 'D' or 'j' when add:
                return true;
            case 'w' when command == "find-generic-password":
                PasswordOnly = true;
                return true;
            case 'g' when command == "find-generic-password":
                ShowPassword = true;
                return true;
            default:
                return false;
        }
    }
}
