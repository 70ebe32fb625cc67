using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Codexctl.Processes;

namespace Codexctl.Auth;

/// <summary>
/// The macOS Keychain by the system's own `security`: it owns the item, so no prompt follows an upgrade of ours. The secret goes in as hex on
/// its standard input, never as an argument, where every process could see it.
/// </summary>
/// <remarks>
/// `security -i` takes lines of at most 4095 bytes. A login that does not fit is stored in parts, in items of their own; the item that the
/// seed knew then says which. It is written last: until then the old login is the one that counts.
/// </remarks>
public sealed class Keychain(IProcesses processes, TimeSpan? limit = null) : ICredentialStore
{
    /// <summary>Bytes of a value that fit into a line as hex, with the command around it.</summary>
    internal const int LongestPart = 1900;

    /// <summary>Before each part: a text of nothing but hexadecimal digits could not be told from the hexadecimal form of another.</summary>
    private const byte PartMark = (byte)':';

    private const int NotFound = 44;
    private const int NoInteraction = 36;
    private const int Denied = 51;
    private const int Cancelled = 128;
    private const int MostParts = 200;

    /// <summary>For one call: the person may have to type the keychain's password first.</summary>
    private readonly TimeSpan _limit = limit ?? TimeSpan.FromMinutes(1);

    public string Name => "keychain";

    public string Display => "the macOS Keychain";

    private static string Program => OperatingSystem.IsMacOS() ? "/usr/bin/security" : "security";

    public async Task<byte[]?> ReadAsync(CancellationToken cancel = default)
    {
        if (await FindAsync(LoginItem.Account, cancel) is not { } value)
        {
            return null;
        }
        if (Parts.Read(value) is not { } parts)
        {
            return value;
        }
        var whole = new List<byte>();
        for (var i = 0; i < parts.Count; i++)
        {
            whole.AddRange(await FindAsync(parts.Account(i), cancel) is [PartMark, .. var part] ? part : throw Damaged());
        }
        return SHA256.HashData([.. whole]).AsSpan().SequenceEqual(parts.Hash) ? [.. whole] : throw Damaged();
    }

    public async Task WriteAsync(ReadOnlyMemory<byte> value, CancellationToken cancel = default)
    {
        var before = await FindAsync(LoginItem.Account, cancel);
        if (value.Length <= LongestPart)
        {
            await AddAsync(LoginItem.Account, value, cancel);
        }
        else
        {
            var count = (value.Length + LongestPart - 1) / LongestPart;
            var parts = new Parts(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4)), count, SHA256.HashData(value.Span));
            try
            {
                for (var i = 0; i < count; i++)
                {
                    var start = i * LongestPart;
                    var part = value[start..Math.Min(value.Length, start + LongestPart)];
                    await AddAsync(parts.Account(i), (byte[])[PartMark, .. part.Span], cancel);
                }
                await AddAsync(LoginItem.Account, parts.Write(), cancel);
            }
            catch (Exception error) when (error is UserError or OperationCanceledException)
            {
                await RemoveUnusedAsync(parts);
                throw;
            }
        }
        await RemovePartsAsync(before, cancel);
    }

    public async Task<bool> RemoveAsync(CancellationToken cancel = default)
    {
        var before = await FindAsync(LoginItem.Account, cancel);
        if (before is null)
        {
            return false;
        }
        await DeleteAsync(LoginItem.Account, cancel);
        await RemovePartsAsync(before, cancel);
        return true;
    }

    /// <summary>`security -w` prints what is not plain text as hex. A login is JSON and a part has its mark: neither is hex itself.</summary>
    internal static byte[] Decode(string printed)
    {
        var text = printed.EndsWith('\n') ? printed[..^1] : printed;
        return text.Length > 0 && text.Length % 2 == 0 && text.All(char.IsAsciiHexDigit)
            ? Convert.FromHexString(text)
            : Encoding.UTF8.GetBytes(text);
    }

    private async Task<byte[]?> FindAsync(string account, CancellationToken cancel)
    {
        var result = await RunAsync(["find-generic-password", "-s", LoginItem.Service, "-a", account, "-w"], null, cancel);
        return result.ExitCode switch
        {
            0 => Decode(result.Output),
            NotFound => null,
            _ => throw Explain(result),
        };
    }

    private async Task AddAsync(string account, ReadOnlyMemory<byte> value, CancellationToken cancel)
    {
        var hex = Convert.ToHexStringLower(value.Span);
        var line = $"add-generic-password -U -s {LoginItem.Service} -a {account} -X {hex}\n";
        var result = await RunAsync(["-i"], line, cancel);
        // In this mode its exit code need not tell, so the item itself is asked.
        if (result.ExitCode != 0 || await FindAsync(account, cancel) is not { } written || !written.AsSpan().SequenceEqual(value.Span))
        {
            throw Explain(result);
        }
    }

    private async Task DeleteAsync(string account, CancellationToken cancel)
    {
        var result = await RunAsync(["delete-generic-password", "-s", LoginItem.Service, "-a", account], null, cancel);
        if (result.ExitCode is not (0 or NotFound))
        {
            throw Explain(result);
        }
    }

    /// <summary>
    /// Parts of a login whose item of the old name was not written are secrets that nobody finds again. Not an item more is tried when the
    /// keychain says no to one, and the error that led here is the one to tell.
    /// </summary>
    private async Task RemoveUnusedAsync(Parts parts)
    {
        try
        {
            // The last step may have come through all the same.
            if (await FindAsync(LoginItem.Account, CancellationToken.None) is { } index && index.AsSpan().SequenceEqual(parts.Write()))
            {
                return;
            }
            await RemovePartsAsync(parts.Write(), CancellationToken.None);
        }
        catch (UserError)
        {
            // It is locked or refuses now; the caller tells what went wrong first.
        }
    }

    private async Task RemovePartsAsync(byte[]? index, CancellationToken cancel)
    {
        if (index is not null && Parts.Read(index) is { } parts)
        {
            for (var i = 0; i < parts.Count; i++)
            {
                await DeleteAsync(parts.Account(i), cancel);
            }
        }
    }

    private async Task<ProcessResult> RunAsync(IReadOnlyList<string> arguments, string? input, CancellationToken cancel)
    {
        if (processes.Find(Program) is null)
        {
            throw new UserError(
                "The macOS Keychain is not on this machine.",
                $"There is no program {Program}, by which it is used.",
                "Choose another store, for example CODEXCTL_AUTH_STORE=file"
            );
        }
        try
        {
            return await processes.CaptureAsync(new CommandLine(Program, arguments), _limit, input, cancel);
        }
        catch (UserError error)
        {
            throw new UserError(
                "The macOS Keychain did not answer.",
                $"{error.Message} macOS may be asking for a password or a permission somewhere.",
                "Answer it, or unlock the keychain (security unlock-keychain); then run the command again."
            );
        }
    }

    // What `security` says is shown only where it cannot hold the value: it repeats a line that it did not understand.
    private static UserError Explain(ProcessResult result) =>
        result.ExitCode switch
        {
            NoInteraction => new UserError(
                "The macOS Keychain is locked.",
                "It cannot ask for its password here (as over ssh).",
                "Unlock it: security unlock-keychain"
            ),
            Denied or Cancelled => new UserError(
                "The macOS Keychain denied access to the login.",
                null,
                "Allow it when macOS asks; or unlock the keychain first: security unlock-keychain"
            ),
            _ => new UserError(
                "The macOS Keychain did not do what was asked.",
                $"security ended with exit code {result.ExitCode}.",
                "Check the item codex-OpenAI-auth in Keychain Access; or keep the login in a file: CODEXCTL_AUTH_STORE=file"
            ),
        };

    private static UserError Damaged() =>
        new(
            "The stored login is not whole.",
            "Some of its parts are missing in the macOS Keychain.",
            "Forget it (codexctl auth logout) and sign in again: codexctl auth"
        );

    /// <summary>What the main item holds when the login is in several.</summary>
    private sealed record Parts(string Id, int Count, byte[] Hash)
    {
        public string Account(int number) => $"{LoginItem.Account}.{Id}.{number}";

        public byte[] Write() =>
            Encoding.UTF8.GetBytes(
                $"{{\"codexctl_parts\":{Count.ToString(CultureInfo.InvariantCulture)},\"id\":\"{Id}\",\"sha256\":\"{Convert.ToHexStringLower(Hash)}\"}}"
            );

        public static Parts? Read(byte[] value)
        {
            if (!value.AsSpan().StartsWith("{\"codexctl_parts\":"u8))
            {
                return null;
            }
            try
            {
                using var json = JsonDocument.Parse(value);
                var root = json.RootElement;
                var count = root.GetProperty("codexctl_parts").GetInt32();
                var id = root.GetProperty("id").GetString()!;
                return count is > 0 and <= MostParts && id.Length == 8 && id.All(char.IsAsciiHexDigit)
                    ? new Parts(id, count, Convert.FromHexString(root.GetProperty("sha256").GetString()!))
                    : throw Damaged();
            }
            catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
            {
                throw Damaged();
            }
        }
    }
}
