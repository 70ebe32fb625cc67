using Codexctl.Auth;
using Codexctl.Engines;
using Codexctl.Gateway.Login;
using Codexctl.Settings;

namespace Codexctl.Sessions;

/// <summary>The variables that a command in the box gets: those named here, and nothing else of the host's.</summary>
public static class BoxEnvironment
{
    private static readonly string[] _fromHost = ["TERM", "COLORTERM", "NO_COLOR", "TZ"];

    /// <param name="certificates">Whether the box has certificates of the host's (<see cref="CaBundle"/>).</param>
    public static IReadOnlyDictionary<string, string> For(
        HostEnvironment host,
        BoxNetwork network,
        LoginMode? login = null,
        bool signsIn = false,
        bool certificates = false
    )
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["HOME"] = Box.Home,
            ["USER"] = "coder",
            ["LOGNAME"] = "coder",
            ["SHELL"] = "/bin/bash",
            ["LANG"] = "C.UTF-8",
            ["CODEX_HOME"] =
                signsIn ? Box.SignInCodexHome
                : login is null ? Box.LocalCodexHome
                : Box.OnlineCodexHome,
        };
        foreach (var name in _fromHost)
        {
            if (host[name] is { } value)
            {
                variables[name] = value;
            }
        }
        if (login is LoginMode.AccessOnly or LoginMode.Full)
        {
            // The host renews the tokens for all boxes: the refresh token is good for one use.
            variables[TokenRefresher.AddressVariable] = $"http://127.0.0.1:{Box.ModelPort}{BoxLogin.TokenPath}";
            variables[TokenRefresher.RevokeVariable] = $"http://127.0.0.1:{Box.ModelPort}{BoxLogin.RevokePath}";
        }
        if (network == BoxNetwork.None)
        {
            // Also where nothing is allowed: a program that tries gets the proxy's explanation instead of a riddle about DNS.
            var proxy = $"http://127.0.0.1:{Box.ProxyPort}";
            foreach (var name in (string[])["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"])
            {
                variables[name] = proxy;
            }
            variables["NO_PROXY"] = variables["no_proxy"] = "localhost,127.0.0.1,::1";
        }
        foreach (var name in certificates ? CaBundle.Variables : [])
        {
            variables[name] = CaBundle.InBox;
        }
        return variables;
    }
}
