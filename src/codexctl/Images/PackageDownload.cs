using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

namespace Codexctl.Images;

/// <summary>
/// Fetches a package's archive into a file. Goes on where an earlier attempt stopped; gives up when nothing comes any more,
/// never because it takes long.
/// </summary>
internal sealed class PackageDownload : IDisposable
{
    /// <summary>Longer than any package of Codex; a server that sends more is broken or hostile.</summary>
    private const long LargestArchive = 1L << 30;
    private const long LargestMetadata = 64L << 20;
    private const int MostRedirects = 5;

    /// <summary>Attempts in a row that bring nothing.</summary>
    private const int MostFailures = 4;

    /// <summary>Nothing came for so long: the connection is dead.</summary>
    internal static readonly TimeSpan StallLimit = TimeSpan.FromSeconds(60);

    private readonly NpmRegistry _registry;
    private readonly TimeProvider _time;
    private readonly HttpClient _client;

    public PackageDownload(NpmRegistry registry, TimeProvider time)
    {
        _registry = registry;
        _time = time;
        var handler = new SocketsHttpHandler
        {
            // Followed by hand, so that credentials go only where they belong.
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = true,
            Proxy = new ProxyOf(registry),
            ConnectTimeout = TimeSpan.FromSeconds(30),
            SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = Trust(registry) },
        };
        _client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        _client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("codexctl", null));
    }

    public void Dispose() => _client.Dispose();

    /// <summary>Fills the file, which may hold the beginning already.</summary>
    /// <exception cref="UserError">In the words of each cause: credentials, not found, network, proxy, certificates, disk.</exception>
    public async Task FetchAsync(NpmPackage package, string file, IDownloadProgress progress, CancellationToken cancel)
    {
        var name = package.Name[(package.Name.IndexOf('/', StringComparison.Ordinal) + 1)..];
        var address = new Uri(_registry.Registry, $"{package.Name}/-/{name}-{package.Version}.tgz");
        var asked = false;
        var failures = 0;
        while (true)
        {
            var before = LengthOf(file);
            try
            {
                if (await AttemptAsync(address, file, progress, cancel))
                {
                    return;
                }
                if (asked)
                {
                    throw NotThere(package, address);
                }
                // A registry may keep its archives elsewhere; then its description of the package says where.
                asked = true;
                address = await LocateAsync(package, cancel) ?? throw NotThere(package, address);
            }
            catch (Exception error) when (DownloadErrors.IsTransient(error) && !cancel.IsCancellationRequested)
            {
                failures = LengthOf(file) > before ? 1 : failures + 1;
                if (failures >= MostFailures)
                {
                    throw DownloadErrors.Explain(error, address, _registry.ProxyFor(address));
                }
                var pause = TimeSpan.FromSeconds(0.5 * Math.Pow(2, failures - 1));
                progress.Note($"{DownloadErrors.Reason(error)} Trying again.");
                await Task.Delay(pause, _time, cancel);
            }
            catch (Exception error) when (error is HttpRequestException or IOException)
            {
                throw DownloadErrors.Explain(error, address, _registry.ProxyFor(address));
            }
        }
    }

    /// <summary>One request; false when the archive is not at that address.</summary>
    private async Task<bool> AttemptAsync(Uri address, string file, IDownloadProgress progress, CancellationToken cancel)
    {
        using var stall = new Stall(_time, cancel);
        try
        {
            await using var target = Disk.Open(file);
            var start = target.Length;
            using var response = await SendAsync(address, start, null, stall);
            switch (response.StatusCode)
            {
                case HttpStatusCode.NotFound:
                    return false;
                case HttpStatusCode.RequestedRangeNotSatisfiable:
                    // Either everything is here already, which the hash will tell, or the file is longer than the archive.
                    if (response.Content.Headers.ContentRange?.Length == start)
                    {
                        return true;
                    }
                    target.SetLength(0);
                    throw new HttpIOException(HttpRequestError.InvalidResponse, "The registry does not know the rest of the file.");
                case HttpStatusCode.PartialContent when response.Content.Headers.ContentRange?.From == start:
                    break;
                default:
                    DownloadErrors.ThrowUnlessOk(response, address);
                    start = 0;
                    target.SetLength(0);
                    break;
            }
            target.Position = start;
            var total = response.Content.Headers.ContentRange?.Length ?? start + response.Content.Headers.ContentLength;
            await CopyAsync(response, target, total, progress, stall);
            return true;
        }
        catch (OperationCanceledException) when (stall.Happened)
        {
            throw new HttpIOException(HttpRequestError.ResponseEnded, $"Nothing came for {StallLimit.TotalSeconds} seconds.");
        }
    }

    private static async Task CopyAsync(
        HttpResponseMessage response,
        FileStream target,
        long? total,
        IDownloadProgress progress,
        Stall stall
    )
    {
        await using var source = await response.Content.ReadAsStreamAsync(stall.Token);
        var buffer = new byte[128 * 1024];
        progress.Report(target.Position, total);
        while (await source.ReadAsync(buffer, stall.Token) is var count and > 0)
        {
            stall.Restart();
            if (target.Position + count > LargestArchive)
            {
                throw new UserError("The npm registry sends a file that is far larger than Codex.", null, "Check: npm config get registry");
            }
            await Disk.WriteAsync(target, buffer.AsMemory(0, count));
            progress.Report(target.Position, total);
        }
        if (target.Position < total)
        {
            throw new HttpIOException(HttpRequestError.ResponseEnded, "The connection was cut.");
        }
    }

    /// <summary>The registry's description of a package: its versions, their hashes and addresses; null when it does not know it.</summary>
    /// <exception cref="UserError">As with a download.</exception>
    public async Task<JsonDocument?> DescribeAsync(string package, CancellationToken cancel)
    {
        var address = new Uri(_registry.Registry, package.Replace("/", "%2f", StringComparison.Ordinal));
        try
        {
            return await AskAsync(address, cancel);
        }
        catch (Exception error) when (error is HttpRequestException or IOException)
        {
            throw DownloadErrors.Explain(error, address, _registry.ProxyFor(address));
        }
    }

    private async Task<JsonDocument?> AskAsync(Uri address, CancellationToken cancel)
    {
        using var stall = new Stall(_time, cancel);
        try
        {
            using var response = await SendAsync(address, 0, "application/vnd.npm.install-v1+json", stall);
            if (response.StatusCode == HttpStatusCode.NotFound)
            {
                return null;
            }
            DownloadErrors.ThrowUnlessOk(response, address);
            await response.Content.LoadIntoBufferAsync(LargestMetadata, stall.Token);
            var document = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(stall.Token));
            return document.RootElement.ValueKind == JsonValueKind.Object ? document : throw new JsonException("not an object");
        }
        catch (JsonException)
        {
            throw new UserError(
                $"{address.Host} does not answer like an npm registry.",
                "Its description of the package is not the JSON that npm's registries send.",
                "Check: npm config get registry"
            );
        }
        catch (OperationCanceledException) when (stall.Happened)
        {
            throw new HttpIOException(HttpRequestError.ResponseEnded, $"Nothing came for {StallLimit.TotalSeconds} seconds.");
        }
    }

    /// <summary>Where the registry says the archive of a version is; null when it does not know the version.</summary>
    private async Task<Uri?> LocateAsync(NpmPackage package, CancellationToken cancel)
    {
        using var document = await AskAsync(
            new Uri(_registry.Registry, package.Name.Replace("/", "%2f", StringComparison.Ordinal)),
            cancel
        );
        return
            document is not null
            && Child(Child(Child(Child(document.RootElement, "versions"), package.Version), "dist"), "tarball")
                is { ValueKind: JsonValueKind.String } tarball
            && Uri.TryCreate(tarball.GetString(), UriKind.Absolute, out var found)
            && found.Scheme is "http" or "https"
            ? found
            : null;
    }

    internal static JsonElement Child(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var child) ? child : default;

    /// <summary>Sends a GET and follows redirects; each address gets the credentials that are meant for it, and no others.</summary>
    private async Task<HttpResponseMessage> SendAsync(Uri address, long start, string? accept, Stall stall)
    {
        for (var redirects = 0; ; redirects++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            request.Headers.Authorization = _registry.CredentialsFor(address);
            if (accept is not null)
            {
                request.Headers.Accept.ParseAdd(accept);
            }
            if (start > 0)
            {
                request.Headers.Range = new RangeHeaderValue(start, null);
            }
            var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stall.Token);
            stall.Restart();
            if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308) || response.Headers.Location is not { } location)
            {
                return response;
            }
            response.Dispose();
            var next = new Uri(address, location);
            if (
                redirects == MostRedirects
                || next.Scheme is not ("http" or "https")
                || (address.Scheme is "https" && next.Scheme is "http")
            )
            {
                throw new UserError(
                    $"{address.Host} redirects the download in a way that is not safe to follow.",
                    redirects == MostRedirects ? "There are too many redirects." : "It leads from an encrypted address to one that is not.",
                    "Check: npm config get registry"
                );
            }
            address = next;
        }
    }

    private static UserError NotThere(NpmPackage package, Uri address) =>
        new(
            $"The npm registry {address.Host} does not have {package.Name} {package.Version}.",
            "A mirror may not carry it, or may need some time for new versions.",
            "Use another registry: npm_config_registry=https://… codexctl …"
        );

    private static long LengthOf(string file) => new FileInfo(file) is { Exists: true } info ? info.Length : 0;

    /// <summary>The system's judgement; where only the issuer is unknown, that of the authorities the person added.</summary>
    private static RemoteCertificateValidationCallback? Trust(NpmRegistry registry)
    {
        if (!registry.StrictTls)
        {
            // The person asked for it in npm's settings and is told; the hash decides what is used.
#pragma warning disable CA5359
            return (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        return registry.ExtraAuthorities() is not { } authorities
            ? null
            : (_, certificate, presented, errors) =>
            {
                if (errors == SslPolicyErrors.None)
                {
                    return true;
                }
                if (errors != SslPolicyErrors.RemoteCertificateChainErrors || certificate is not X509Certificate2 leaf)
                {
                    return false;
                }
                using var chain = new X509Chain();
                chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
                chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
                chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
                if (presented is not null)
                {
                    foreach (var element in presented.ChainElements)
                    {
                        chain.ChainPolicy.ExtraStore.Add(element.Certificate);
                    }
                }
                return chain.Build(leaf);
            };
    }

    private sealed class ProxyOf(NpmRegistry registry) : IWebProxy
    {
        public ICredentials? Credentials { get; set; } = new CredentialsOf(registry);

        public Uri? GetProxy(Uri destination) => registry.ProxyFor(destination)?.Address;

        public bool IsBypassed(Uri host) => registry.ProxyFor(host) is null;
    }

    /// <summary>A proxy's own credentials: asked for with the proxy's address, whatever is fetched through it.</summary>
    private sealed class CredentialsOf(NpmRegistry registry) : ICredentials
    {
        public NetworkCredential? GetCredential(Uri uri, string authType) =>
            registry.Proxies.FirstOrDefault(proxy => proxy.Address == uri)?.Credentials?.GetCredential(uri, authType);
    }

    /// <summary>Cancels when nothing came for <see cref="StallLimit"/>.</summary>
    private sealed class Stall : IDisposable
    {
        private readonly CancellationTokenSource _limit;
        private readonly CancellationTokenSource _both;

        public Stall(TimeProvider time, CancellationToken cancel)
        {
            _limit = new CancellationTokenSource(StallLimit, time);
            _both = CancellationTokenSource.CreateLinkedTokenSource(_limit.Token, cancel);
        }

        public CancellationToken Token => _both.Token;

        public bool Happened => _limit.IsCancellationRequested;

        public void Restart() => _limit.CancelAfter(StallLimit);

        public void Dispose()
        {
            _both.Dispose();
            _limit.Dispose();
        }
    }
}
