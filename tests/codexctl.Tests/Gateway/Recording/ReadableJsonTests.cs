using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Codexctl.Gateway.Recording;
using CsCheck;

namespace Codexctl.Tests.Gateway.Recording;

public sealed class ReadableJsonTests
{
    private static string Mend(string json) => Encoding.UTF8.GetString(ReadableJson.From(Encoding.Latin1.GetBytes(json)));

    [Theory]
    [InlineData("{\"a\":\"plain\"}")]
    [InlineData("\"\\ud83d\\ude00 whole, \\u00e4, \\\\ud800 is no escape\"")]
    [InlineData("\"\\uD83D\\uDE00\"")]
    [InlineData("\"broken off \\ud8")]
    [InlineData("\\")]
    public void What_can_be_read_stays(string json) => Mend(json).ShouldBe(json);

    [Theory]
    [InlineData("\"\\ud83d\"", "\"\\ufffd\"")]
    [InlineData("\"\\ude00\\ud83d\"", "\"\\ufffd\\ufffd\"")]
    [InlineData("\"\\ud83d\\ud83d\\ude00\"", "\"\\ufffd\\ud83d\\ude00\"")]
    [InlineData("\"\\\\\\uDBFFx\"", "\"\\\\\\ufffdx\"")]
    [InlineData("\"\u00f0\u009f\"", "\"\ufffd\"")]
    public void What_cannot_is_replaced(string json, string mended) => Mend(json).ShouldBe(mended);

    [Fact]
    public void Whatever_comes_can_be_read_or_is_no_json()
    {
        string[] bits = ["\\ud83d", "\\uDE00", "\\", "\\\\", "\\\"", "\"", "\u00ff", "x", "\\u00e4", "ud800", "\\n"];
        Gen.Int[0, bits.Length - 1]
            .Array[0, 8]
            .Sample(found =>
            {
                JsonNode? node;
                try
                {
                    node = BodyRedaction.Parse(Encoding.Latin1.GetBytes($"[\"{string.Concat(found.Select(at => bits[at]))}\"]"));
                }
                catch (JsonException)
                {
                    return;
                }
                node?.AsArray().ToList().ForEach(one => one!.GetValue<string>().ShouldNotBeNull());
            });
    }
}
