using Codexctl.Settings;

namespace Codexctl.Auth;

/// <summary>The desktop's own store on Linux (GNOME Keyring, KWallet, KeePassXC), over D-Bus, by libsecret.</summary>
public sealed class SecretService(TimeProvider clock) : ICredentialStore
{
    /// <summary>The person may have to type the keyring's password first.</summary>
    private static readonly TimeSpan _limit = TimeSpan.FromMinutes(1);

    /// <summary>As `secret-tool lookup service codex-OpenAI-auth account device-auth-openAI` finds it.</summary>
    private static readonly Dictionary<string, string> _attributes = new(StringComparer.Ordinal)
    {
        ["service"] = LoginItem.Service,
        ["account"] = LoginItem.Account,
    };

    public string Name => "secret-service";

    public string Display => "the Secret Service (the desktop's keyring)";

    /// <summary>Whether one answers on this person's session bus. Costs some milliseconds.</summary>
    public static async Task<bool> AnswersAsync(HostEnvironment environment, TimeProvider clock)
    {
        var bus =
            environment["DBUS_SESSION_BUS_ADDRESS"] is not null
            || environment["XDG_RUNTIME_DIR"] is { } runtime && File.Exists(Path.Combine(runtime, "bus"));
        if (!OperatingSystem.IsLinux() || !bus || !LibSecret.IsInstalled)
        {
            return false;
        }
        try
        {
            _ = await Blocking(() => LibSecret.Search(_attributes), TimeSpan.FromSeconds(5), clock, CancellationToken.None);
            return true;
        }
        catch (Exception error) when (error is LibSecretException or DllNotFoundException or TimeoutException)
        {
            return false;
        }
    }

    public Task<byte[]?> ReadAsync(CancellationToken cancel = default) =>
        RunAsync(
            () =>
            {
                var (count, locked) = LibSecret.Search(_attributes);
                if (count == 0)
                {
                    return null;
                }
                // A locked one is unlocked by this, if the person answers.
                return LibSecret.Lookup(_attributes) ?? throw (locked ? Locked() : new LibSecretException("the item cannot be read"));
            },
            cancel
        );

    public Task WriteAsync(ReadOnlyMemory<byte> value, CancellationToken cancel = default) =>
        RunAsync(
            () =>
            {
                LibSecret.Store(_attributes, "Codex OpenAI login (codexctl)", value.Span);
                return true;
            },
            cancel
        );

    public Task<bool> RemoveAsync(CancellationToken cancel = default) => RunAsync(() => LibSecret.Clear(_attributes), cancel);

    private async Task<T> RunAsync<T>(Func<T> work, CancellationToken cancel)
    {
        try
        {
            return await Blocking(work, _limit, clock, cancel);
        }
        catch (DllNotFoundException)
        {
            throw new UserError(
                "The Secret Service cannot be used on this machine.",
                "The library libsecret is not installed.",
                "Install it (Debian, Ubuntu: sudo apt-get install libsecret-1-0), or keep the login in a file: CODEXCTL_AUTH_STORE=file"
            );
        }
        catch (TimeoutException)
        {
            throw new UserError(
                $"The Secret Service did not answer within {_limit.TotalSeconds:0} seconds.",
                "It may be asking for a password somewhere.",
                "Unlock the keyring, then run the command again."
            );
        }
        catch (LibSecretException error) when (error.Message.Contains("locked", StringComparison.OrdinalIgnoreCase))
        {
            throw Locked();
        }
        catch (LibSecretException error)
        {
            throw new UserError(
                "The Secret Service did not do what was asked.",
                error.Message,
                "Check that the keyring runs and is unlocked; or keep the login in a file: CODEXCTL_AUTH_STORE=file"
            );
        }
    }

    private static UserError Locked() =>
        new(
            "The Secret Service is locked.",
            "The desktop's keyring holds the login and was not opened.",
            "Unlock the keyring (log in to the desktop, or use its keyring program), then run the command again."
        );

    private static Task<T> Blocking<T>(Func<T> work, TimeSpan limit, TimeProvider clock, CancellationToken cancel) =>
        Task
            .Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)
            .WaitAsync(limit, clock, cancel);
}
