using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.Auth;

/// <summary>Chooses the store, and remembers which one has the login: a desktop that is not there for once must not hide it.</summary>
public sealed class CredentialStores(HostEnvironment environment, IProcesses processes, string folder, TimeProvider clock)
{
    private static readonly string[] _names = ["keychain", "secret-service", "file"];

    private string Mark => Path.Combine(folder, "store");

    /// <param name="name">Of the setting `auth.store`; `auto` takes the one that has the login, or the best that is here.</param>
    /// <exception cref="UserError">There is no store of that name.</exception>
    public async Task<ICredentialStore> ChooseAsync(string name)
    {
        if (name == "auto")
        {
            name = Remembered() ?? await DetectAsync();
        }
        return name switch
        {
            "keychain" => new Keychain(processes),
            "secret-service" => new SecretService(clock),
            "file" => new EncryptedFile(Path.Combine(folder, "login"), environment["CODEXCTL_AUTH_PASSPHRASE"]),
            _ => throw new UserError(
                $"There is no store for logins named '{name}'.",
                $"There are: {string.Join(", ", _names)}; auto chooses.",
                environment["CODEXCTL_AUTH_STORE"] is null
                    ? "Correct the setting auth.store."
                    : "Correct the variable CODEXCTL_AUTH_STORE.",
                ExitCodes.Usage
            ),
        };
    }

    /// <summary>After a login was stored.</summary>
    public void Remember(ICredentialStore store) => PrivateFile.Write(Mark, store.Name);

    /// <summary>After it was removed; a login in another store is still remembered.</summary>
    public void Forget(ICredentialStore store)
    {
        if (Remembered() == store.Name)
        {
            File.Delete(Mark);
        }
    }

    private string? Remembered()
    {
        var name = File.Exists(Mark) ? File.ReadAllText(Mark).Trim() : null;
        return _names.Contains(name, StringComparer.Ordinal) ? name : null;
    }

    private async Task<string> DetectAsync() =>
        OperatingSystem.IsMacOS() ? "keychain"
        : await SecretService.AnswersAsync(environment, clock) ? "secret-service"
        : "file";
}
