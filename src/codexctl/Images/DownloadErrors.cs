using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;

namespace Codexctl.Images;

/// <summary>What went wrong with a download, in words, and whether it is worth another try.</summary>
internal static class DownloadErrors
{
    /// <summary>Throws for every answer that is not a success: final ones as <see cref="UserError"/>, passing ones as <see cref="HttpRequestException"/>.</summary>
    public static void ThrowUnlessOk(HttpResponseMessage response, Uri address)
    {
        var status = (int)response.StatusCode;
        if (response.IsSuccessStatusCode)
        {
            return;
        }
        throw response.StatusCode switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => new UserError(
                $"The npm registry {address.Host} refused the download ({status}).",
                "It wants credentials that npm's settings do not have, or does not allow this package.",
                "Sign in and try again: npm login"
            ),
            HttpStatusCode.ProxyAuthenticationRequired => ProxyRefused(),
            HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests => Passing(response),
            _ when status >= 500 => Passing(response),
            _ => new UserError(
                $"The npm registry {address.Host} answered {status} {response.ReasonPhrase}.",
                "That is not an answer to a download.",
                "Check: npm config get registry"
            ),
        };
    }

    /// <summary>Worth another try: connections that were cut, servers that are busy. Not: names, certificates' trust, proxies that refuse.</summary>
    public static bool IsTransient(Exception error) =>
        error switch
        {
            HttpRequestException { HttpRequestError: HttpRequestError.ProxyTunnelError or HttpRequestError.UserAuthenticationError } =>
                false,
            HttpRequestException { InnerException: AuthenticationException } => false,
            HttpRequestException or HttpIOException => true,
            IOException { InnerException: SocketException } => true,
            _ => false,
        };

    /// <summary>One sentence for the line that says it is tried again.</summary>
    public static string Reason(Exception error) =>
        error switch
        {
            HttpRequestException { StatusCode: { } status } => $"The npm registry answered {(int)status}.",
            HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError } =>
                "The npm registry's name cannot be resolved.",
            HttpRequestException => "The npm registry cannot be reached.",
            HttpIOException { HttpRequestError: HttpRequestError.ResponseEnded } stalled
                when stalled.Message.StartsWith("Nothing came", StringComparison.Ordinal) => "Nothing came for a minute.",
            _ => "The connection was cut.",
        };

    public static UserError Explain(Exception error, Uri address, WebProxy? proxy)
    {
        var through = proxy is null ? "" : $" through the proxy {proxy.Address?.Host}:{proxy.Address?.Port}";
        const string check = "Check the network, and `npm config get registry`; what is downloaded already is kept.";
        return error switch
        {
            HttpRequestException
            {
                HttpRequestError: HttpRequestError.ProxyTunnelError,
                StatusCode: HttpStatusCode.ProxyAuthenticationRequired
            } => ProxyRefused(),
            HttpRequestException { HttpRequestError: HttpRequestError.ProxyTunnelError } => new UserError(
                $"The proxy {proxy?.Address?.Host}:{proxy?.Address?.Port} did not open a way to {address.Host}.",
                error.Message,
                "Check HTTPS_PROXY and npm's https-proxy, or exclude the host by NO_PROXY."
            ),
            HttpRequestException { InnerException: AuthenticationException inner } => new UserError(
                $"The certificate of {address.Host} is not trusted{through}.",
                inner.Message,
                "Behind a company's proxy, name its certificate: NODE_EXTRA_CA_CERTS=FILE, or npm config set cafile FILE"
            ),
            HttpRequestException { StatusCode: { } status } => new UserError(
                $"The npm registry {address.Host} answered {(int)status} several times.",
                "It is out of order or busy.",
                "Try again later; what is downloaded already is kept."
            ),
            HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError } => new UserError(
                $"The name of the npm registry, {address.Host}, cannot be resolved{through}.",
                "This machine may be offline.",
                check
            ),
            HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError } => new UserError(
                $"The npm registry {address.Host} cannot be reached{through}.",
                error.InnerException?.Message ?? error.Message,
                check
            ),
            _ => new UserError($"The download of Codex from {address.Host}{through} was cut off several times.", error.Message, check),
        };
    }

    private static HttpRequestException Passing(HttpResponseMessage response) =>
        new($"{(int)response.StatusCode} {response.ReasonPhrase}", null, response.StatusCode);

    private static UserError ProxyRefused() =>
        new("The proxy wants credentials (407).", null, "Put them into its address: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT");
}
