using System.Buffers;
using System.Text;
using Codexctl.Gateway.Recording;
using CsCheck;

namespace Codexctl.Tests.Gateway.Recording;

public class RedactionTests
{
    [Theory]
    [InlineData("sk-proj-abcdefghijklmnop1234")]
    [InlineData("sk-abcdefghijklmnopqrstuvwx")]
    [InlineData("ghp_abcdefghijklmnopqrstuvwxyz0123456789")]
    [InlineData("github_pat_11ABCDEFG0abcdefghijkl")]
    [InlineData("glpat-abcdefghijklmnopqrst")]
    [InlineData("xoxb-123456789012-abcdefghijkl")]
    [InlineData("npm_abcdefghijklmnopqrstuvwxyz0123456789")]
    [InlineData("hf_abcdefghijklmnopqrstuvwxyz")]
    [InlineData("AKIAIOSFODNN7EXAMPLE")]
    [InlineData("AIzaSyA1234567890abcdefghijklmnop")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl")]
    [InlineData("d41d8cd98f00b204e9800998ecf8427e")]
    public void What_looks_like_a_token_is_not_written(string token)
    {
        foreach (var text in (string[])[token, $"/a/{token}/b", $"Incorrect API key provided: {token}.", $"{token}.evil.org", $"x={token}"])
        {
            Redaction.Text(text).ShouldNotContain(token);
        }
        Redaction.Path($"/a?key={token}#{token}").ShouldBe("/a");
    }

    [Theory]
    [InlineData("registry.npmjs.org")]
    [InlineData("/v1/responses")]
    [InlineData("gpt-oss:120b")]
    [InlineData("hf.co/unsloth/Qwen3-Coder-30B-A3B-Instruct-GGUF:Q4_K_M")]
    [InlineData("release-assets.githubusercontent.com")]
    [InlineData("it is not on the allow list")]
    [InlineData("example.com leads to 2001:4860:4860::8888, and that address is private")]
    public void Ordinary_words_stay(string text) => Redaction.Text(text).ShouldBe(text);

    [Theory]
    [InlineData("see http://user:pass@host/path?q=1", "see http://[redacted]@host/path?[redacted]")]
    [InlineData("Authorization: Bearer abcdefgh12", "Authorization: [redacted]")]
    public void Passwords_queries_and_bearers_go(string text, string redacted) => Redaction.Text(text).ShouldBe(redacted);

    [Fact]
    public void No_query_string_reaches_a_record() =>
        Gen.Select(Gen.String, Gen.String)
            .Sample(
                (before, after) =>
                {
                    var output = new ArrayBufferWriter<byte>();
                    RecordLine.Write(
                        output,
                        new ModelCall(default, "GET", before + "?marker=" + after, "refused", null, 403, null, null, null, default, null)
                    );
                    return !Encoding.UTF8.GetString(output.WrittenSpan).Contains("marker", StringComparison.Ordinal);
                }
            );

    [Fact]
    public void A_very_long_text_takes_no_time() =>
        Redaction.Text(string.Concat(Enumerable.Repeat("?a?a=://", 1_000_000))).Length.ShouldBeLessThan(20_000);
}
