namespace Codexctl.Auth;

/// <summary>
/// Where the operating system, or we, keep the login: one value. A store that is locked or denies access throws a <see cref="UserError"/>
/// and changes nothing; it never says "none" when it cannot know.
/// </summary>
public interface ICredentialStore
{
    /// <summary>The word in settings: keychain, secret-service, file.</summary>
    string Name { get; }

    /// <summary>For people: `the macOS Keychain`.</summary>
    string Display { get; }

    /// <summary>The value; null when there is none.</summary>
    Task<byte[]?> ReadAsync(CancellationToken cancel = default);

    /// <summary>Replaces the value; after an error the old one is still there.</summary>
    Task WriteAsync(ReadOnlyMemory<byte> value, CancellationToken cancel = default);

    /// <summary>Removes the value; false when there was none.</summary>
    Task<bool> RemoveAsync(CancellationToken cancel = default);
}

/// <summary>The item's names, as the seed of this program stored it: its users keep their login.</summary>
public static class LoginItem
{
    public const string Service = "codex-OpenAI-auth";
    public const string Account = "device-auth-openAI";
}
