using System.Globalization;
using System.Text;
using Codexctl.Auth;
using Codexctl.Engines;
using Codexctl.Processes;
using Codexctl.Settings;

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

    /// <summary>Where it signs out, at the door: that is about the box's copy, and must not end the login everywhere.</summary>
    public const string RevokePath = "/codexctl/login/revoke";

    private const int NotThere = 66;

    // The search path of the box may begin with folders of the agent's.
    private const string Safe = "PATH=/usr/local/bin:/usr/bin:/bin; umask 077; set -eu; ";

    // The agent may have put a pipe there, or something that cannot be read.
    private const string ReadScript = Safe + "[ -f \"$1\" ] && [ -r \"$1\" ] || exit 66; head -c \"$2\" \"$1\"";

    // A link in the place of the home's folder would carry the login elsewhere, into the project for one; a folder in the place of the file, or
    // one that cannot be written, would keep every later run from starting.
    private const string ClearScript =
        "folder=${1%/*}; { [ -d \"$folder\" ] && [ ! -L \"$folder\" ]; } || rm -f \"$folder\"; mkdir -p \"$folder\"; chmod u+rwx \"$folder\"; "
        + "{ [ -L \"$1\" ] || [ ! -d \"$1\" ]; } || chmod -R u+rwx \"$1\"; [ ! -d \"$1\" ] || rm -rf \"$1\"; ";

    private const string GivenScript = "folder=${1%/*}; mkdir -p \"$folder\"; [ ! -d \"$1\" ] || { echo 'it is a folder' >&2; exit 1; }; ";

    // Nothing replaces the old file but a whole new one: when we are killed, the rest of standard input is missing.
    private const string WriteScript =
        "new=$(mktemp \"$folder/.auth.XXXXXX\"); trap 'rm -f \"$new\"' EXIT; "
        + "cat >\"$new\"; [ \"$(wc -c <\"$new\")\" -eq \"$2\" ]; chmod 600 \"$new\"; mv -f \"$new\" \"$1\"";

    private const string RemoveScript = Safe + ClearScript + "rm -f \"$1\" \"$folder\"/.auth.??????; [ ! -e \"$1\" ] && [ ! -L \"$1\" ]";

    private const string Whole = "whole";

    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(20);

    public string Container => container;

    /// <summary>
    /// Whether the login that is in the box was put there with its refresh token: then what Codex made of it there counts. The mark is the
    /// host's; what the box says of itself the agent may have written.
    /// </summary>
    public bool HasWhole => files is not null && File.Exists(files.LoginInside) && File.ReadAllText(files.LoginInside) == Whole;

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
        // First: a login in a box that nobody remembers would stay there.
        Remember(login);
        var length = login.Bytes.Length.ToString(CultureInfo.InvariantCulture);
        var result = await RunAsync(
            Safe + (path == DefaultPath ? ClearScript : GivenScript) + WriteScript,
            length,
            Encoding.UTF8.GetString(login.Bytes.Span),
            cancel
        );
        if (result.ExitCode != 0)
        {
            throw Failed("written", result);
        }
    }

    /// <summary>A login of this kind is in the box, for whoever is to take it out.</summary>
    public void Remember(AuthDocument login)
    {
        if (files is not null)
        {
            PrivateFile.Write(files.LoginInside, login.RefreshToken is null ? "" : Whole);
        }
    }

    /// <summary>Only the login of the online home: what the agent put in its place goes too.</summary>
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
            result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault() is { } last
                ? Shown.Text(last)
                : $"The command in the container ended with exit code {result.ExitCode}.",
            $"Check that the container runs: codexctl ls"
        );
}

/// <summary>The box runs nothing, because its door has not answered yet.</summary>
public sealed class BoxDoorSilentException() : Exception("The door of the box does not answer.");
