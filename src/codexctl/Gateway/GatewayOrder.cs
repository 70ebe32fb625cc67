using System.Text.Json.Serialization;
using Codexctl.Gateway.Recording;

namespace Codexctl.Gateway;

/// <summary>What a gateway is told when it is launched; kept in gateway.json for the next front end that must launch it again.</summary>
/// <param name="Engine">The engine that stops the container at the end.</param>
/// <param name="ModelUrl">The model server's address on the host, without /v1.</param>
/// <param name="Allow">Allow list entries as typed.</param>
/// <param name="Temporary">The container is removed at the end.</param>
/// <param name="ApiKeyVariable">The variable that holds the model server's key, which itself is written nowhere.</param>
/// <param name="ModelKind">What the model server is, where the person said so.</param>
/// <param name="Scripted">The built-in scripted model answers instead of a server (`demo`).</param>
/// <param name="Listen">The address for a door over TCP, beside the socket; null for none.</param>
/// <param name="Record">Bodies are recorded too.</param>
/// <param name="Workdir">The folder on the host, by which its records are found.</param>
/// <param name="Login">How the box uses the OpenAI login (see <see cref="Auth.LoginModes"/>); null for the local model.</param>
/// <param name="Writable">The folders on the host that the box may write to.</param>
public sealed record GatewayOrder(
    string Engine,
    string Container,
    string ModelUrl,
    IReadOnlyList<string> Allow,
    bool Temporary,
    bool Scripted,
    string? Listen = null,
    bool Record = false,
    string? Workdir = null,
    string? ApiKeyVariable = null,
    string? ModelKind = null,
    string? Login = null,
    IReadOnlyList<string>? Writable = null
)
{
    /// <summary>As receipts tell it.</summary>
    [JsonIgnore]
    public string? DoorKind => Listen is null ? null : "tcp";
}

/// <summary>A line from a front end to its gateway.</summary>
/// <param name="Do">join, finish or stop; allow to change what the box may reach, or to ask with no entries.</param>
/// <param name="Allow">Entries of the allow list (join, allow); a leading `!` denies (allow).</param>
/// <param name="Session">The run's name (join).</param>
/// <param name="Kill">The front end ended by a signal; whatever is left of its command is to be ended too (finish).</param>
/// <param name="Login">As in the order (join): runs that use OpenAI and runs that do not are never in one box.</param>
/// <param name="Key">What the run's requests to the broker carry (join). A secret of the box, worth nothing outside of it.</param>
/// <param name="Record">Bodies are recorded from now on (join).</param>
/// <param name="Taken">Another program made a container of that name: it is left alone (finish).</param>
/// <param name="Again">The gateway that the run joined first has died: what went through it is not counted here (join).</param>
public sealed record ControlRequest(
    string Do,
    string? Session = null,
    string? ModelUrl = null,
    IReadOnlyList<string>? Allow = null,
    bool Kill = false,
    bool Again = false,
    bool Record = false,
    string? Login = null,
    string? Key = null,
    bool Taken = false
);

/// <summary>The gateway's answer, a line.</summary>
/// <param name="Last">Nobody else uses the container: it is stopped now, and the connection closes when that is done (finish).</param>
/// <param name="Kept">Somebody joined meanwhile, so the container stays: no need to wait.</param>
/// <param name="Stopping">The gateway is about to stop its container and end: no accident.</param>
/// <param name="Ended">
/// The last line: the container is stopped, or it could not be and <paramref name="Error"/> says why. A run that was still on gets its
/// receipt here.
/// </param>
/// <param name="Allow">What the box may reach now (allow).</param>
/// <param name="Notice">Something that the person should know, that is no failure of the run.</param>
public sealed record ControlReply(
    bool Ok,
    string? Error = null,
    bool Last = false,
    Receipt? Receipt = null,
    bool Kept = false,
    bool Stopping = false,
    bool Ended = false,
    IReadOnlyList<string>? Allow = null,
    string? Notice = null
);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(ControlRequest))]
[JsonSerializable(typeof(ControlReply))]
internal sealed partial class GatewayJson : JsonSerializerContext;

/// <summary>The order's file outlives versions and crashes: half of one is none.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true
)]
[JsonSerializable(typeof(GatewayOrder))]
internal sealed partial class OrderJson : JsonSerializerContext;
