using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Serialization;
using Codexctl.Processes;

namespace Codexctl.Engines.Bubblewrap;

/// <summary>What the host asks box-init to run.</summary>
/// <param name="Columns">Width of the terminal to make; null for pipes.</param>
internal sealed record ExecRequest(
    IReadOnlyList<string> Command,
    IReadOnlyDictionary<string, string> Environment,
    string WorkingDirectory,
    ushort? Columns,
    ushort? Rows,
    string Session
)
{
    /// <summary>Said first by the box; another text means another version.</summary>
    public static ReadOnlySpan<byte> Hello => "codexctl-exec/1"u8;

    /// <summary>How much input may be on its way before the program has read it.</summary>
    public const int FirstGrant = 256 * 1024;

    public TerminalSize? Terminal => Columns is { } columns && Rows is { } rows ? new TerminalSize(columns, rows) : null;

    public byte[] Encode() => JsonSerializer.SerializeToUtf8Bytes(this, BoxJson.Default.ExecRequest);

    /// <exception cref="InvalidDataException">It is not a request.</exception>
    public static ExecRequest Decode(ReadOnlySpan<byte> content)
    {
        try
        {
            return JsonSerializer.Deserialize(content, BoxJson.Default.ExecRequest) is { Command.Count: > 0, Environment: not null } request
                ? request
                : throw new InvalidDataException("An exec request without a command.");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("An exec request that is not one.", error);
        }
    }

    public static byte[] EncodeSize(TerminalSize size)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, size.Columns);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), size.Rows);
        return bytes;
    }

    public static TerminalSize? DecodeSize(ReadOnlySpan<byte> content) =>
        content.Length == 4
            ? new TerminalSize(BinaryPrimitives.ReadUInt16BigEndian(content), BinaryPrimitives.ReadUInt16BigEndian(content[2..]))
            : null;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(ExecRequest))]
[JsonSerializable(typeof(BoxFile))]
[JsonSerializable(typeof(BoxProcess))]
internal sealed partial class BoxJson : JsonSerializerContext;
