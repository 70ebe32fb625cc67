using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Codexctl.Auth;
using Codexctl.Engines;
using Codexctl.Settings;

namespace Codexctl.Sessions;

/// <summary>
/// Certificates for the tools in a box, where a company looks into TLS: the usual authorities and the company's own. Made on the host, because
/// tools that are given a file believe that file alone.
/// </summary>
public static class CaBundle
{
    /// <summary>Where the box sees it.</summary>
    public const string InBox = Box.CodexConfig + "/ca-bundle.pem";

    // Debian and Alpine, Fedora, openSUSE, macOS.
    private static readonly string[] _systems =
    [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ];

    /// <summary>Variables by which OpenSSL, Node, curl, Python, git, pip, cargo, AWS's tools, Deno and Codex find their certificates.</summary>
    public static IReadOnlyList<string> Variables { get; } =
    [
        "SSL_CERT_FILE",
        "NODE_EXTRA_CA_CERTS",
        "CURL_CA_BUNDLE",
        "REQUESTS_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "PIP_CERT",
        "CARGO_HTTP_CAINFO",
        "AWS_CA_BUNDLE",
        "DENO_CERT",
        "CODEX_CA_CERTIFICATE",
    ];

    /// <summary>The bundle for boxes; null where the host has no certificates of its own, so that the box's usual ones are enough.</summary>
    /// <param name="file">The setting `ca_file`; else the host's own variables are asked.</param>
    /// <exception cref="UserError">The file that the setting names holds no certificates.</exception>
    public static byte[]? Find(string? file, HostEnvironment environment)
    {
        var usual = _systems.FirstOrDefault(File.Exists);
        var more = file is not null
            ? Named(file.StartsWith("~/", StringComparison.Ordinal) ? Path.Combine(environment.Home, file[2..]) : file)
            : new[] { environment["SSL_CERT_FILE"], environment["NODE_EXTRA_CA_CERTS"], environment[OpenAiHttp.CertificateVariable] }
                .Where(named => named is not null && named != usual)
                .Distinct(StringComparer.Ordinal)
                .SelectMany(Host)
                .ToList();
        // Every run comes by here, and the system's file is long: it is read only where there is something to add, and its certificates are not looked into.
        if (more.Count == 0)
        {
            return null;
        }
        var system = usual is null ? [] : Certificates(usual);
        var known = system.ToHashSet(StringComparer.Ordinal);
        var fresh = more.Where(certificate => known.Add(certificate) && IsGood(certificate)).ToList();
        return fresh.Count == 0 ? null : Encoding.ASCII.GetBytes(string.Join('\n', system.Concat(fresh)) + "\n");
    }

    private static List<string> Named(string file)
    {
        try
        {
            return Certificates(file).Where(IsGood).ToList() is { Count: > 0 } found
                ? found
                : throw new UserError(
                    $"{file} holds no certificates.",
                    "The setting ca_file names it.",
                    "It must be in PEM form: -----BEGIN CERTIFICATE-----"
                );
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserError($"{file} cannot be read.", error.Message, "Mend the setting: codexctl config set ca_file FILE");
        }
    }

    // A variable that names nothing is passed over by every other program too.
    private static List<string> Host(string? file)
    {
        try
        {
            return file is null ? [] : Certificates(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>The certificates of a file in one spelling, and nothing else of it: a private key beside them must not get into a box.</summary>
    private static List<string> Certificates(string file)
    {
        var text = File.ReadAllText(file);
        var found = new List<string>();
        var at = 0;
        while (PemEncoding.TryFind(text.AsSpan(at), out var fields))
        {
            var part = text.AsSpan(at);
            var certificate = part[fields.Label] switch
            {
                "CERTIFICATE" or "X509 CERTIFICATE" => PemEncoding.WriteString(
                    "CERTIFICATE",
                    Convert.FromBase64String(part[fields.Base64Data].ToString())
                ),
                // OpenSSL's own form, with words about trust behind the certificate.
                "TRUSTED CERTIFICATE" => Read(part[fields.Location]),
                _ => null,
            };
            if (certificate is not null)
            {
                found.Add(certificate);
            }
            at += fields.Location.End.GetOffset(part.Length);
        }
        return found;
    }

    // A damaged one among good ones is left out.
    private static bool IsGood(string pem) => Read(pem) is not null;

    private static string? Read(ReadOnlySpan<char> pem)
    {
        try
        {
            using var certificate = X509Certificate2.CreateFromPem(pem);
            return certificate.ExportCertificatePem();
        }
        catch (CryptographicException)
        {
            return null;
        }
    }
}
