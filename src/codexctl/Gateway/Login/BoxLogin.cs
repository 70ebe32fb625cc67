using System.Globalization;
using System.Text;
using Codexctl.Auth;
using Codexctl.Engines;
using Codexctl.Processes;

namespace Codexctl.Gateway.Login;

/// <summary>
/// The auth.json in a running box. It goes in and out by `exec`, on standard input and output, as the box's own user; never as an argument,
/// and never as a mounted file, which Codex could not replace.
/// </summary>
/// <param name="path">In the box; the online home's by default.</param>
public sealed class BoxLogin(IContainerEngine engine, string container, ContainerPaths? files = null, string path = BoxLogin.DefaultPath)
{
    public const string DefaultPath = Box.OnlineCodexHome + "/auth.json";

    /// <summary>Where Codex in a box renews its tokens, at the door.</summary>
    public const string TokenPath = "/codexctl/login/token";

    private const int NotThere = 66;

    // The search path of the box may begin with folders of the agent's.
    private const string Safe = "PATH=/usr/local/bin:/usr/bin:/bin; umask 077; set -eu; ";

    private const string ReadScript = Safe + "[ -f \"$1\" ] || exit 66; head -c \"$2\" \"$1\"";

    // Nothing replaces the old file but a whole new one: when we are killed, the rest of standard input is missing.
    private const string WriteScript =
        Safe
        + "folder=${1%/*}; mkdir -p \"$folder\"; [ ! -d \"$1\" ]; new=$(mktemp \"$folder/.auth.XXXXXX\"); trap 'rm -f \"$new\"' EXIT; "
        + "cat >\"$new\"; [ \"$(wc -c <\"$new\")\" -eq \"$2\" ]; chmod 600 \"$new\"; mv -f \"$new\" \"$1\"";

    private const string RemoveScript = Safe + "rm -f \"$1\" \"${1%/*}\"/.auth.??????; [ ! -e \"$1\" ]";

    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(20);

    public string Container => container;

    /// <summary>The bytes; null when there is no such file.</summary>
    /// <exception cref="UserError">The box cannot be asked.</exception>
    public async Task<byte[]?> ReadAsync(CancellationToken cancel = default)
    {
        var most = (AuthDocument.Largest + 1).ToString(CultureInfo.InvariantCulture);
        var result = await RunAsync(ReadScript, most, null, cancel);
        return result.ExitCode switch
        {
            0 => Encoding.UTF8.GetBytes(result.Output),
            NotThere => null,
            _ => throw Failed("read", result),
        };
    }

    /// <summary>The login; null when there is none that is whole.</summary>
    public async Task<AuthDocument?> FindAsync(CancellationToken cancel = default) =>
        await ReadAsync(cancel) is { } bytes ? AuthDocument.TryParse(bytes, out _) : null;

    public async Task WriteAsync(AuthDocument login, CancellationToken cancel = default)
    {
        if (files is not null)
        {
            // First: a login in a box that nobody remembers would stay there.
            PrivateFile.Write(files.LoginInside, "");
        }
        var length = login.Bytes.Length.ToString(CultureInfo.InvariantCulture);
        var result = await RunAsync(WriteScript, length, Encoding.UTF8.GetString(login.Bytes.Span), cancel);
        if (result.ExitCode != 0)
        {
            throw Failed("written", result);
        }
    }

    public async Task RemoveAsync(CancellationToken cancel = default)
    {
        var result = await RunAsync(RemoveScript, "", null, cancel);
        if (result.ExitCode != 0)
        {
            throw Failed("removed", result);
        }
        if (files is not null)
        {
            File.Delete(files.LoginInside);
        }
    }

    private async Task<ProcessResult> RunAsync(string script, string argument, string? input, CancellationToken cancel)
    {
        var spec = new ExecSpec(
            container,
            ["/bin/sh", "-c", script, "sh", path, argument],
            new BoxUser(Libc.GetUserId(), Libc.GetGroupId()),
            Root: false,
            Terminal: false,
            new Dictionary<string, string>(StringComparer.Ordinal),
            $"login-{Guid.NewGuid().ToString("N")[..8]}"
        );
        var result = await engine.CaptureAsync(spec, _limit, input, cancel);
        return result.ExitCode == Box.DoorSilent ? throw new BoxDoorSilentException() : result;
    }

    // Its output may be the login: only what it says on standard error is told.
    private UserError Failed(string what, ProcessResult result) =>
        new(
            $"{path} in the container {container} could not be {what}.",
            result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault()
                ?? $"The command in the container ended with exit code {result.ExitCode}.",
            $"Check that the container runs: codexctl ls"
        );
}

/// <summary>The box runs nothing, because its door has not answered yet.</summary>
public sealed class BoxDoorSilentException() : Exception("The door of the box does not answer.");
