using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Codexctl.ModelServers;

/// <summary>
/// An HTTP proxy as companies have it, on loopback: it opens the TLS of the names that it was given with a certificate authority of its own
/// (<see cref="Certificates"/>) and leads them, over TLS or not, to one web server. All other names are refused, or go on to the real ones.
/// </summary>
public sealed class CompanyProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentQueue<string> _asked = new();
    private readonly string[] _names;
    private readonly int _webPort;
    private readonly bool _passOn;
    private readonly X509Certificate2 _server;

    /// <param name="names">Hosts that lead to the web server.</param>
    /// <param name="webPort">The web server's port on 127.0.0.1, for plain http.</param>
    /// <param name="passOn">Whether other hosts are reached too, by this machine's own proxy where it has one.</param>
    public CompanyProxy(IEnumerable<string> names, int webPort, bool passOn = false)
    {
        _names = [.. names];
        (_webPort, _passOn) = (webPort, passOn);
        (Certificates, _server) = MakeCertificates(_names);
        _listener.Start();
        _ = AcceptAsync();
    }

    /// <summary>For HTTPS_PROXY.</summary>
    public string Address => $"http://{_listener.LocalEndpoint}";

    /// <summary>The certificate authority, as PEM.</summary>
    public string Certificates { get; }

    /// <summary>Hosts and ports that tunnels were asked to, and whole addresses of plain requests.</summary>
    public IReadOnlyList<string> Asked => [.. _asked];

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Dispose();
        _server.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            try
            {
                _ = ServeAsync(await _listener.AcceptTcpClientAsync(_end.Token));
            }
            catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                await ServeAsync(client.GetStream());
            }
            catch (Exception error) when (error is IOException or SocketException or OperationCanceledException or AuthenticationException)
            {
                // The client left, or does not trust us: it says so itself.
                return;
            }
        }
    }

    private async Task ServeAsync(NetworkStream stream)
    {
        var head = await ReadHeadAsync(stream);
        var words = head.Split(' ');
        var target = words.Length > 1 ? words[1] : "";
        _asked.Enqueue(target);
        var tunnel = words[0] == "CONNECT";
        if (!Uri.TryCreate(tunnel ? $"tcp://{target}" : target, UriKind.Absolute, out var uri))
        {
            return;
        }
        using var inner = new TcpClient();
        if (_names.Contains(uri.Host, StringComparer.Ordinal))
        {
            await inner.ConnectAsync(IPAddress.Loopback, _webPort, _end.Token);
            if (tunnel)
            {
                await AnswerAsync(stream, "200 OK");
            }
            else
            {
                await inner.GetStream().WriteAsync(Encoding.Latin1.GetBytes(head), _end.Token);
            }
            if (tunnel && uri.Port == 443)
            {
                await using var tls = new SslStream(stream);
                await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = _server }, _end.Token);
                await SpliceAsync(tls, inner.GetStream());
                return;
            }
        }
        else if (!_passOn)
        {
            await AnswerAsync(stream, "502 Bad Gateway");
            return;
        }
        else if (MachinesProxy() is { } proxy)
        {
            await inner.ConnectAsync(proxy.Host, proxy.Port, _end.Token);
            await inner.GetStream().WriteAsync(Encoding.Latin1.GetBytes(head), _end.Token);
        }
        else
        {
            await inner.ConnectAsync(uri.Host, uri.Port, _end.Token);
            if (tunnel)
            {
                await AnswerAsync(stream, "200 OK");
            }
            else
            {
                var relative = head.Replace($" {target} ", $" {uri.PathAndQuery} ", StringComparison.Ordinal);
                await inner.GetStream().WriteAsync(Encoding.Latin1.GetBytes(relative), _end.Token);
            }
        }
        await SpliceAsync(stream, inner.GetStream());
    }

    private static Uri? MachinesProxy() =>
        (Environment.GetEnvironmentVariable("https_proxy") ?? Environment.GetEnvironmentVariable("HTTPS_PROXY")) is { Length: > 0 } proxy
            ? new Uri(proxy)
            : null;

    private async Task AnswerAsync(NetworkStream stream, string status) =>
        await stream.WriteAsync(
            Encoding.Latin1.GetBytes($"HTTP/1.1 {status}\r\n{(status[0] == '2' ? "" : "Content-Length: 0\r\n")}\r\n"),
            _end.Token
        );

    private async Task<string> ReadHeadAsync(NetworkStream stream)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await stream.ReadAsync(one, _end.Token) == 1)
        {
            head.Append((char)one[0]);
        }
        return head.ToString();
    }

    private async Task SpliceAsync(Stream client, NetworkStream server) =>
        await Task.WhenAny(client.CopyToAsync(server, _end.Token), server.CopyToAsync(client, _end.Token));

    private static (string Authority, X509Certificate2 Server) MakeCertificates(string[] hosts)
    {
        var (from, to) = (DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var rootRequest = new CertificateRequest("CN=codexctl test authority", rootKey, HashAlgorithmName.SHA256);
        rootRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        rootRequest.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        rootRequest.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(rootRequest.PublicKey, false));
        using var root = rootRequest.CreateSelfSigned(from, to);

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={hosts[0]}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        foreach (var name in hosts)
        {
            names.AddDnsName(name);
        }
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        using var signed = request.Create(root, from, to, RandomNumberGenerator.GetBytes(8));
        using var withKey = signed.CopyWithPrivateKey(key);
        return (root.ExportCertificatePem(), X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), null));
    }
}
