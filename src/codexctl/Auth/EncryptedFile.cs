using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Codexctl.Auth;

/// <summary>
/// The login in a file of our own, encrypted and authenticated (AES-256-GCM), where the operating system has no place for secrets. The key
/// comes from a passphrase, or from a key file beside it: then whoever can read the folder can read the login, and the encryption only helps
/// where the file alone gets away (a backup, a mistake).
/// </summary>
/// <remarks>
/// Format: `codexctl-login` and a zero byte, version (1), kind of key (0 file, 1 passphrase), iterations (4 bytes, big-endian), salt (16),
/// nonce (12), ciphertext, tag (16). All before the ciphertext is authenticated too.
/// </remarks>
/// <param name="passphrase">Of CODEXCTL_AUTH_PASSPHRASE; null to use the key file.</param>
public sealed class EncryptedFile(string path, string? passphrase) : ICredentialStore
{
    private const int Salt = 16;
    private const int Nonce = 12;
    private const int Tag = 16;
    private const int Key = 32;
    private const byte ByKeyFile = 0;
    private const byte ByPassphrase = 1;

    /// <summary>Of PBKDF2 with SHA-256: about a third of a second on a usual machine.</summary>
    private const int Iterations = 600_000;

    private static readonly byte[] _magic = Encoding.ASCII.GetBytes("codexctl-login\0\x01");
    private static readonly int _header = _magic.Length + 1 + 4 + Salt + Nonce;

    public string Name => "file";

    public string Display => $"the encrypted file {path}";

    private string KeyFile => path + ".key";

    public Task<byte[]?> ReadAsync(CancellationToken cancel = default) => Task.FromResult(IsThere() ? Decrypt() : null);

    public Task WriteAsync(ReadOnlyMemory<byte> value, CancellationToken cancel = default)
    {
        if (IsThere())
        {
            // Whoever cannot open what is there (another passphrase) must not replace it.
            CryptographicOperations.ZeroMemory(Decrypt());
        }
        var file = new byte[_header + value.Length + Tag];
        _magic.CopyTo(file, 0);
        var at = _magic.Length;
        file[at++] = passphrase is null ? ByKeyFile : ByPassphrase;
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(at), passphrase is null ? 0 : Iterations);
        var salt = file.AsSpan(at + 4, Salt);
        RandomNumberGenerator.Fill(salt);
        var nonce = file.AsSpan(at + 4 + Salt, Nonce);
        RandomNumberGenerator.Fill(nonce);
        var key = passphrase is null ? MakeKeyFile() : Derive(passphrase, salt, Iterations);
        using (var cipher = new AesGcm(key, Tag))
        {
            cipher.Encrypt(
                nonce,
                value.Span,
                file.AsSpan(_header, value.Length),
                file.AsSpan(_header + value.Length),
                file.AsSpan(0, _header)
            );
        }
        CryptographicOperations.ZeroMemory(key);
        PrivateFile.Write(path, file, durable: true);
        return Task.CompletedTask;
    }

    public Task<bool> RemoveAsync(CancellationToken cancel = default)
    {
        var there = IsThere();
        File.Delete(path);
        File.Delete(KeyFile);
        return Task.FromResult(there);
    }

    private byte[] Decrypt()
    {
        var file = Content(path);
        if (file.Length < _header + Tag || !file.AsSpan().StartsWith(_magic))
        {
            throw Damaged("It is damaged, or was written by a newer version.");
        }
        var kind = file[_magic.Length];
        var iterations = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(_magic.Length + 1));
        var key = kind switch
        {
            ByKeyFile => ReadKeyFile(),
            ByPassphrase when iterations is > 0 and <= 100_000_000 => Derive(
                passphrase
                    ?? throw new UserError(
                        "The stored login cannot be opened.",
                        $"{path} is locked with a passphrase.",
                        "Set CODEXCTL_AUTH_PASSPHRASE."
                    ),
                file.AsSpan(_magic.Length + 5, Salt),
                iterations
            ),
            _ => throw Damaged("It is damaged, or was written by a newer version."),
        };
        var value = new byte[file.Length - _header - Tag];
        try
        {
            using var cipher = new AesGcm(key, Tag);
            cipher.Decrypt(
                file.AsSpan(_header - Nonce, Nonce),
                file.AsSpan(_header, value.Length),
                file.AsSpan(_header + value.Length),
                value,
                file.AsSpan(0, _header)
            );
            return value;
        }
        catch (CryptographicException)
        {
            throw kind == ByPassphrase
                ? new UserError(
                    "The stored login cannot be opened.",
                    $"CODEXCTL_AUTH_PASSPHRASE is not the one that {path} was locked with, or the file is damaged.",
                    "Set the right passphrase; or forget the login (codexctl auth logout) and sign in again."
                )
                : Damaged($"It is damaged, or {KeyFile} is not its key.");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>False only where there is none: a folder that cannot be looked into, or something else of that name, is no "none".</summary>
    private bool IsThere()
    {
        try
        {
            return !File.GetAttributes(path).HasFlag(FileAttributes.Directory) ? true : throw Unreadable(path, "It is a folder.");
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, error.Message);
        }
    }

    private static byte[] Content(string file)
    {
        try
        {
            return File.ReadAllBytes(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(file, error.Message);
        }
    }

    private byte[] ReadKeyFile()
    {
        var key = File.Exists(KeyFile) ? Content(KeyFile) : [];
        return key.Length == Key ? key : throw Damaged($"Its key is missing: {KeyFile}");
    }

    private byte[] MakeKeyFile()
    {
        if (File.Exists(KeyFile))
        {
            return ReadKeyFile();
        }
        var key = RandomNumberGenerator.GetBytes(Key);
        PrivateFile.Write(KeyFile, key, durable: true);
        return key;
    }

    private static byte[] Derive(string passphrase, ReadOnlySpan<byte> salt, int iterations) =>
        Rfc2898DeriveBytes.Pbkdf2(passphrase, salt, iterations, HashAlgorithmName.SHA256, Key);

    private static UserError Unreadable(string file, string why) =>
        new("The stored login cannot be read.", $"{file}: {why}", $"Look whose it is: ls -ld {file}");

    private UserError Damaged(string why) =>
        new(
            "The stored login cannot be opened.",
            $"{path}: {why}",
            "Put the files back from a backup; or forget the login (codexctl auth logout) and sign in again."
        );
}
