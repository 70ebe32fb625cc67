using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Codexctl.Settings;

namespace Codexctl.Auth;

/// <summary>
/// How the host itself reaches OpenAI: through the host's proxy where there is one, and with the certificates that Codex would take
/// (`CODEX_CA_CERTIFICATE`, a company's) besides the system's.
/// </summary>
public static class OpenAiHttp
{
    /// <summary>Codex's own variable: a PEM file with further certificate authorities.</summary>
    public const string CertificateVariable = "CODEX_CA_CERTIFICATE";

    public static SocketsHttpHandler Handler(HostEnvironment environment)
    {
        var proxy = environment.WebProxy;
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(15),
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            UseProxy = proxy is not null,
            Proxy = proxy is null ? null : new HostProxy(proxy),
        };
        if (environment[CertificateVariable] is { } file)
        {
            var more = Certificates(file);
            handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
                errors == SslPolicyErrors.None
                || (errors == SslPolicyErrors.RemoteCertificateChainErrors && IsSignedBy(more, certificate, chain));
        }
        return handler;
    }

    private static X509Certificate2Collection Certificates(string file)
    {
        var found = new X509Certificate2Collection();
        try
        {
            found.ImportFromPem(Read(file));
        }
        catch (CryptographicException error)
        {
            throw Unusable(file, error.Message);
        }
        return found.Count > 0 ? found : throw Unusable(file, "It holds no certificate.");
    }

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unusable(file, error.Message);
        }
    }

    private static UserError Unusable(string file, string why) =>
        new($"The certificates in {file} cannot be used.", why, $"Correct or unset {CertificateVariable}.");

    private static bool IsSignedBy(X509Certificate2Collection authorities, X509Certificate? certificate, X509Chain? sent)
    {
        if (certificate is not X509Certificate2 server)
        {
            return false;
        }
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        foreach (var element in sent?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
        {
            chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        }
        return chain.Build(server);
    }

    /// <summary>The host's proxy, but not for addresses of this machine.</summary>
    private sealed class HostProxy : IWebProxy
    {
        private readonly Uri _address;

        public HostProxy(string text)
        {
            var whole = text.Contains("://", StringComparison.Ordinal) ? text : "http://" + text;
            if (!Uri.TryCreate(whole, UriKind.Absolute, out var uri) || uri.Scheme != "http")
            {
                // The text may hold a password: it is not repeated.
                throw new UserError(
                    "The proxy that HTTPS_PROXY or HTTP_PROXY names cannot be used.",
                    "It must be an http:// address.",
                    "Set it to http://HOST:PORT, or unset it for codexctl."
                );
            }
            if (uri.UserInfo.Split(':', 2) is [{ Length: > 0 } user, ..] parts)
            {
                Credentials = new NetworkCredential(Uri.UnescapeDataString(user), parts.Length > 1 ? Uri.UnescapeDataString(parts[1]) : "");
            }
            _address = new UriBuilder(uri) { UserName = "", Password = "" }.Uri;
        }

        public ICredentials? Credentials { get; set; }

        public Uri GetProxy(Uri destination) => _address;

        public bool IsBypassed(Uri host) => host.IsLoopback;
    }
}
