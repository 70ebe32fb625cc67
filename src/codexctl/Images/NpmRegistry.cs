using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Codexctl.Settings;

namespace Codexctl.Images;

/// <summary>
/// The person's npm settings as far as a download needs them: registry, credentials, proxies, certificates. Files of the
/// project are not read: a repository must not be able to send the download elsewhere. Credentials are never printed.
/// </summary>
public sealed class NpmRegistry
{
    private const string PublicRegistry = "https://registry.npmjs.org/";

    private readonly Dictionary<string, string> _settings;
    private readonly HostEnvironment _environment;

    private NpmRegistry(Dictionary<string, string> settings, HostEnvironment environment, Uri registry)
    {
        _settings = settings;
        _environment = environment;
        Registry = registry;
    }

    /// <summary>Where the packages come from; ends with a slash.</summary>
    public Uri Registry { get; }

    /// <summary>False when the person told npm not to check certificates. What is downloaded is checked by its hash anyway.</summary>
    public bool StrictTls => Setting("strict-ssl") is not ("false" or "0");

    /// <summary>The scope of a package's name, with its @; "" when it has none.</summary>
    public static string ScopeOf(string package) =>
        package.StartsWith('@') ? package[..package.IndexOf('/', StringComparison.Ordinal)] : "";

    /// <summary>Reads variables first, then ~/.npmrc, then the machine's npmrc.</summary>
    /// <param name="scope">Whose packages are wanted: a scope can have a registry of its own.</param>
    /// <exception cref="UserError">A setting that cannot be used.</exception>
    public static NpmRegistry Load(HostEnvironment environment, string scope = "@openai")
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        NpmRc.AddVariables(settings, environment.All);
        var user = settings.GetValueOrDefault("userconfig") ?? Path.Combine(environment.Home, ".npmrc");
        var prefix = settings.GetValueOrDefault("prefix") ?? environment["PREFIX"];
        IEnumerable<string> machine = settings.GetValueOrDefault("globalconfig") is { } file
            ? [file]
            : new[] { prefix, "/usr/local", "/opt/homebrew", "/usr", "/" }.OfType<string>().Select(root => Path.Combine(root, "etc/npmrc"));
        foreach (var path in machine.Prepend(user))
        {
            if (ReadIfThere(path) is { } text)
            {
                NpmRc.AddFile(settings, text, environment.All);
            }
        }
        var address = settings.GetValueOrDefault($"{scope}:registry") ?? settings.GetValueOrDefault("registry") ?? PublicRegistry;
        if (!Uri.TryCreate(address.TrimEnd('/') + "/", UriKind.Absolute, out var registry) || registry.Scheme is not ("http" or "https"))
        {
            throw new UserError(
                "The npm registry in your settings is not an http or https address.",
                "It comes from npm_config_registry, ~/.npmrc or the machine's npmrc.",
                "See what is set: npm config get registry"
            );
        }
        return new NpmRegistry(settings, environment, registry);
    }

    /// <summary>The credentials for an address: only those that the person gave for its host and path.</summary>
    public AuthenticationHeaderValue? CredentialsFor(Uri address)
    {
        if (address.UserInfo.Length > 0)
        {
            return Basic(Uri.UnescapeDataString(address.UserInfo));
        }
        // npm's own rule: the longest //host/path/ that the address begins with; a package's address on the registry's own
        // host has the registry's credentials too.
        return CredentialsBelow(address)
            ?? (
                Uri.Compare(address, Registry, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) is 0
                    ? RegistryCredentials()
                    : null
            );
    }

    /// <summary>The proxy for an address; null to go directly.</summary>
    /// <exception cref="UserError">The proxy setting is not an address.</exception>
    public WebProxy? ProxyFor(Uri address)
    {
        var secure = address.Scheme is "https";
        var proxy = secure
            ? Setting("https-proxy") ?? Setting("proxy") ?? Variable("HTTPS_PROXY") ?? Variable("ALL_PROXY")
            : Setting("proxy") ?? Variable("HTTP_PROXY") ?? Variable("ALL_PROXY");
        if (proxy is null || address.IsLoopback || IsExcluded(address, Setting("noproxy") ?? Setting("no-proxy") ?? Variable("NO_PROXY")))
        {
            return null;
        }
        var text = proxy.Contains("://", StringComparison.Ordinal) ? proxy : "http://" + proxy;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Host.Length == 0)
        {
            throw new UserError(
                "The proxy in your settings is not an address.",
                "It comes from npm's settings or from HTTPS_PROXY, HTTP_PROXY or ALL_PROXY.",
                "Write it as http://HOST:PORT."
            );
        }
        var result = new WebProxy(new UriBuilder(uri) { UserName = "", Password = "" }.Uri);
        if (uri.UserInfo.Split(':', 2) is [{ Length: > 0 } name, .. var rest])
        {
            result.Credentials = new NetworkCredential(
                Uri.UnescapeDataString(name),
                rest is [var secret] ? Uri.UnescapeDataString(secret) : ""
            );
        }
        return result;
    }

    /// <summary>The proxies that some address may go through.</summary>
    public IEnumerable<WebProxy> Proxies =>
        new[] { ProxyFor(new Uri("https://registry.invalid/")), ProxyFor(new Uri("http://registry.invalid/")) }.OfType<WebProxy>();

    /// <summary>Certificates that the person trusts beside the system's; null when there are none.</summary>
    /// <exception cref="UserError">A file that cannot be read.</exception>
    public X509Certificate2Collection? ExtraAuthorities()
    {
        var result = new X509Certificate2Collection();
        foreach (
            var (origin, path) in new[]
            {
                ("npm's cafile", Setting("cafile")),
                ("NODE_EXTRA_CA_CERTS", _environment["NODE_EXTRA_CA_CERTS"]),
                ("SSL_CERT_FILE", _environment["SSL_CERT_FILE"]),
            }
        )
        {
            if (path is null)
            {
                continue;
            }
            try
            {
                result.ImportFromPem(File.ReadAllText(path));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException)
            {
                throw new UserError($"The certificates in {path} cannot be read.", $"{origin} names that file. {error.Message}");
            }
        }
        try
        {
            if (Setting("ca") is { } inline && inline is not ("null" or "true"))
            {
                result.ImportFromPem(inline.Replace("\\n", "\n", StringComparison.Ordinal));
            }
        }
        catch (CryptographicException error)
        {
            throw new UserError("The certificate in npm's setting `ca` cannot be read.", error.Message);
        }
        return result.Count > 0 ? result : null;
    }

    private AuthenticationHeaderValue? RegistryCredentials() => CredentialsBelow(Registry);

    private AuthenticationHeaderValue? CredentialsBelow(Uri address)
    {
        var path = $"//{address.Authority.ToLowerInvariant()}{address.AbsolutePath}";
        for (var end = path.LastIndexOf('/'); end > 1; end = path.LastIndexOf('/', end - 1))
        {
            var prefix = path[..(end + 1)];
            if ((CredentialsAt(prefix) ?? CredentialsAt(prefix.TrimEnd('/'))) is { } found)
            {
                return found;
            }
        }
        return null;
    }

    private AuthenticationHeaderValue? CredentialsAt(string prefix)
    {
        if (Setting(prefix + ":_authToken") is { } token)
        {
            return new AuthenticationHeaderValue("Bearer", token);
        }
        if (Setting(prefix + ":_auth") is { } auth)
        {
            return new AuthenticationHeaderValue("Basic", auth);
        }
        if (Setting(prefix + ":username") is { } user && Setting(prefix + ":_password") is { } password)
        {
            try
            {
                return Basic($"{user}:{Encoding.UTF8.GetString(Convert.FromBase64String(password))}");
            }
            catch (FormatException)
            {
                throw new UserError($"npm's setting {prefix}:_password is not base64.", "npm keeps passwords in that form.", "npm login");
            }
        }
        return null;
    }

    private static AuthenticationHeaderValue Basic(string text) => new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(text)));

    /// <summary>NO_PROXY: hosts, .domains, host:port, `*`, addresses; separated by commas or spaces.</summary>
    private static bool IsExcluded(Uri address, string? list)
    {
        foreach (var entry in (list ?? "").Split([',', ' ', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (entry is "*")
            {
                return true;
            }
            var host = entry.TrimStart('*').TrimStart('.');
            var colon = host.LastIndexOf(':');
            if (colon > 0 && host.IndexOf(':', StringComparison.Ordinal) == colon && int.TryParse(host[(colon + 1)..], out var port))
            {
                if (port != address.Port)
                {
                    continue;
                }
                host = host[..colon];
            }
            if (
                string.Equals(address.Host, host, StringComparison.OrdinalIgnoreCase)
                || address.Host.EndsWith("." + host, StringComparison.OrdinalIgnoreCase)
                || (
                    IPNetwork.TryParse(host, out var network)
                    && IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip)
                    && network.Contains(ip)
                )
            )
            {
                return true;
            }
        }
        return false;
    }

    private string? Setting(string key) =>
        _settings.TryGetValue(key, out var value) && value.Length > 0 && value is not "null" ? value : null;

    private string? Variable(string name) => _environment[name.ToLowerInvariant()] ?? _environment[name];

    private static string? ReadIfThere(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllText(path) : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserError($"npm's settings in {path} cannot be read.", error.Message);
        }
    }
}
