using Codexctl.Processes;

namespace Codexctl.Auth;

/// <summary>
/// The stored login. Every change reads, decides and writes under one lock, so that of several runs that refresh at once none overwrites
/// what another one has just got; and is read back, because a login that was not stored is lost.
/// </summary>
public sealed class LoginVault(ICredentialStore store, string folder, TimeProvider clock)
{
    /// <summary>Longer than a refresh over a slow network, and a person who types the keychain's password.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(3);

    /// <summary>Keeps what the store did not take, until it does: a refresh token that was used once is worth nothing, its successor all.</summary>
    private readonly EncryptedFile _unsaved = new(UnsavedFile(folder), passphrase: null);

    public ICredentialStore Store { get; } = store;

    /// <summary>Why the last change is kept beside the store for now; null when the store has it.</summary>
    public string? Trouble { get; private set; }

    /// <summary>A login that the store did not take is kept beside it.</summary>
    public bool HasUnsaved => File.Exists(UnsavedFile(folder));

    /// <summary>The login; null when none is stored.</summary>
    /// <exception cref="UserError">The store is locked or denies access, or what it holds is no login.</exception>
    public async Task<AuthDocument?> ReadAsync(CancellationToken cancel = default)
    {
        if (await Store.ReadAsync(cancel) is not { } bytes)
        {
            return null;
        }
        var stored =
            AuthDocument.TryParse(bytes, out var problem)
            ?? throw new UserError(
                $"What {Store.Display} holds is no login: {problem}.",
                null,
                "Forget it (codexctl auth logout) and sign in again: codexctl auth"
            );
        var kept = await _unsaved.ReadAsync(cancel) is { } unsaved ? AuthDocument.TryParse(unsaved, out _) : null;
        // A stored one that does not say when it was renewed is the one before its renewal.
        return kept is not null && kept.AccountId == stored.AccountId && (stored.LastRefresh is not { } before || kept.LastRefresh > before)
            ? kept
            : stored;
    }

    /// <summary>Changes the login. Returns what is stored in the end.</summary>
    /// <param name="change">Gets what is stored; its answer is stored, null leaves all as it is.</param>
    public async Task<AuthDocument?> UpdateAsync(
        Func<AuthDocument?, CancellationToken, Task<AuthDocument?>> change,
        CancellationToken cancel = default
    )
    {
        using var alone = await LockAsync(cancel);
        var stored = await ReadAsync(cancel);
        var wanted = await change(stored, cancel) ?? stored;
        var unsaved = await _unsaved.ReadAsync(cancel) is not null;
        if (wanted is null || (wanted.SameBytes(stored) && !unsaved))
        {
            return stored;
        }
        // Not given up half-way: what is to be stored may be the only copy there is.
        try
        {
            await WriteAsync(wanted);
        }
        catch (Exception error) when (error is UserError or IOException or UnauthorizedAccessException)
        {
            await _unsaved.WriteAsync(wanted.Bytes, CancellationToken.None);
            Trouble = error.Message;
            return wanted;
        }
        await _unsaved.RemoveAsync(CancellationToken.None);
        Trouble = null;
        return wanted;
    }

    /// <summary>Stores a new login in the place of whatever was there.</summary>
    public async Task ReplaceAsync(AuthDocument login, CancellationToken cancel = default)
    {
        using var alone = await LockAsync(cancel);
        // A store that cannot be read is not written to.
        _ = await Store.ReadAsync(cancel);
        await WriteAsync(login);
        await _unsaved.RemoveAsync(CancellationToken.None);
    }

    /// <summary>Forgets the login; false when there was none.</summary>
    public async Task<bool> RemoveAsync(CancellationToken cancel = default)
    {
        using var alone = await LockAsync(cancel);
        await _unsaved.RemoveAsync(cancel);
        return await Store.RemoveAsync(cancel);
    }

    private static string UnsavedFile(string folder) => Path.Combine(folder, "unsaved");

    private async Task WriteAsync(AuthDocument login)
    {
        await Store.WriteAsync(login.Bytes);
        if (await Store.ReadAsync() is not { } written || !written.AsSpan().SequenceEqual(login.Bytes.Span))
        {
            throw new UserError(
                "The login could not be stored.",
                $"{Store.Display} gives back something else than it was given.",
                "Use another store, for example CODEXCTL_AUTH_STORE=file"
            );
        }
    }

    private async Task<FileLock> LockAsync(CancellationToken cancel)
    {
        Paths.MakeOwn(folder);
        var file = Path.Combine(folder, "lock");
        return await FileLock.TakeAsync(file, shared: false, _patience, clock, cancel)
            ?? throw new UserError(
                "Another codexctl has been changing the stored login for minutes.",
                $"It holds {file}.",
                "If the operating system asks for a password somewhere, answer it; then run the command again."
            );
    }
}
