using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Codexctl.Gateway.Recording;
using Codexctl.Tests.Gateway.Log;
using CsCheck;

namespace Codexctl.Tests.Gateway.Recording;

/// <summary>The kinds of secrets that go about, each made up, wherever one can stand.</summary>
public sealed class SecretShapesTests
{
    private const string Hex = "0123456789abcdef0123456789abcdef";

    // In pieces, so that no scanner of this repository takes them for real ones.
    public static TheoryData<string> Secrets =>
        [
            "sk-" + "proj-" + "Ab12cd34Ef56gh78_ij-90KLmn",
            "sk-" + "ant-api03-" + "Ab12cd34Ef56gh78",
            "gh" + "p_" + "Ab12cd34Ef56gh78Ij90Kl12Mn34Op56Qr78",
            "github" + "_pat_" + "11ABCDEFG0abcdefghij_klmnop",
            "npm" + "_" + "Ab12cd34Ef56gh78Ij90Kl12Mn34Op56Qr78",
            "AK" + "IA" + "IOSFODNN7EXAMPLE",
            "xox" + "b-" + "123456789012-abcdefghij",
            "AI" + "za" + "SyA-1234567890abcdefghijklmnopqrstu",
            "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + "dBjftJeZ4CVP-mB92K27uhbU",
            "glpat" + "-" + "Ab12cd34Ef56gh78Ij90",
            "hf" + "_" + "Ab12cd34Ef56gh78Ij90Kl12",
        ];

    [Theory, MemberData(nameof(Secrets))]
    public void A_secret_is_written_nowhere(string secret)
    {
        var request = new JsonObject
        {
            ["input"] = new JsonArray(
                new JsonObject { ["role"] = "user", ["content"] = $"it is {secret}, keep it" },
                new JsonObject { ["type"] = "function_call", ["arguments"] = $"{{\"cmd\":\"curl -H 'X-Thing: {secret}' \"}}" },
                new JsonObject { ["type"] = "function_call_output", ["output"] = $"export TOKEN={secret}\nnext" }
            ),
            ["metadata"] = new JsonObject { [secret] = "as a name" },
        };
        var lines = Records.Lines(
            Records.Call("/v1/responses", request.ToJsonString(), "application/json", [$$"""{"output":[],"note":"{{secret}}"}"""])
        );
        lines.ShouldNotContain(secret[8..]);
        // Nor in what a server says about it, in a path, in the name of a model or a host.
        Records
            .Lines([
                new ModelCall(
                    Records.At,
                    "GET",
                    $"/x/{secret}",
                    "pass",
                    secret,
                    401,
                    null,
                    null,
                    null,
                    TimeSpan.Zero,
                    $"Incorrect API key provided: {secret}."
                ),
                new CallStart(Records.At, 1, "GET", $"/x/{secret}?key={secret}", "pass", secret),
            ])
            .ShouldNotContain(secret[8..]);
    }

    [Theory]
    [InlineData("X-Goog-Api-Key")]
    [InlineData("Private-Token")]
    [InlineData("X-Vault-Token")]
    [InlineData("x-amz-security-token")]
    [InlineData("Cookie")]
    [InlineData("Set-Cookie")]
    [InlineData("Proxy-Authorization")]
    [InlineData("X-Auth-Secret")]
    public void A_header_that_gives_access_keeps_its_name_and_loses_its_value(string name) =>
        BodyRedaction.Header(name, "short1").Value.ShouldBe(Redaction.Mask);

    [Theory]
    [InlineData("User-Agent", "codex_cli_rs/0.169.0 (Debian 12; x86_64)")]
    [InlineData("Content-Type", "application/json; charset=utf-8")]
    [InlineData("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]
    public void Other_headers_stay(string name, string value) => BodyRedaction.Header(name, value).Value.ShouldBe(value);

    [Theory]
    [InlineData("""{"gitlab_token":"abc123def456ghi"}""", "abc123")]
    [InlineData("""{"tool":{"signingKey":"abc123def456ghi"}}""", "abc123")]
    [InlineData(
        """{"messages":[{"role":"user","content":"x","images":["iVBORw0KGgo/AAAA/NSUhEUgAA/AAEAAAABCAYAAAAf/FcSJAAAADUlEQVR42mNk+M9Q/DwADhgGAWjR9awAAAAASUVORK5CYII="]}]}""",
        "NSUhEUg"
    )]
    [InlineData("""{"url":"https://hook.example/run?a=1&api_key=zz9.yy8&b=2"}""", "zz9")]
    [InlineData("""{"url":"https://storage.example/f?sig=a%2Fb12"}""", "b12")]
    public void Fields_and_addresses_lose_what_gives_access(string json, string secret)
    {
        var clean = BodyRedaction.Body(Encoding.UTF8.GetBytes(json)).ToString();
        clean.ShouldNotContain(secret);
        clean.ShouldContain(Redaction.Mask);
    }

    [Theory]
    [InlineData("""{"logprobs":[{"token":"Hello","logprob":-0.1}]}""")]
    [InlineData("""{"max_tokens":100,"stop":null,"prompt_cache_key":"0199a213-81c0-7800-8aa1-bbab2a035a53"}""")]
    [InlineData("""{"images":["https://example.com/a.png"],"url":"https://example.com/search?q=tokens&page=2"}""")]
    public void Other_fields_stay(string json) => BodyRedaction.Body(Encoding.UTF8.GetBytes(json)).ToString().ShouldBe(json);

    [Fact]
    public void Private_keys_of_all_kinds_go_whole()
    {
        foreach (var kind in (string[])["PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "PGP PRIVATE KEY BLOCK"])
        {
            var text = $"-----BEGIN {kind}-----\nab/cd\n+short=\n-----END {kind}-----";
            Codexctl.Gateway.Recording.Secrets.Hide(text).ShouldBe($"-----BEGIN {kind}-----{Redaction.Mask}-----END {kind}-----");
        }
    }

    [Fact]
    public void Base64_in_one_run_goes_whole_and_a_long_path_stays()
    {
        var bytes = new byte[3000];
        new Random(4711).NextBytes(bytes);
        var picture = Convert.ToBase64String(bytes);
        Codexctl.Gateway.Recording.Secrets.Hide($"<img src=\"x:{picture}\">").ShouldBe($"<img src=\"x:{Redaction.Mask}\">");
        var path = string.Concat(Enumerable.Repeat("/node_modules/some-package/lib/internal", 6));
        Codexctl.Gateway.Recording.Secrets.Hide(path).ShouldBe(path);
    }

    [Theory, MemberData(nameof(Secrets))]
    public void Said_in_pieces_with_empty_ones_between_a_secret_does_not_come_through(string secret) =>
        Gen.Select(Gen.Int[1, 6].Array[30], Gen.Bool.Array[30])
            .Sample(
                (sizes, empty) =>
                {
                    var text = $"The key is {secret} and that is all there is to say.";
                    var next = 0;
                    var messages = new List<string>();
                    foreach (var piece in Records.Cut(text, () => sizes[next++ % sizes.Length]).Select(Encoding.UTF8.GetString))
                    {
                        messages.Add(Chat(piece));
                        if (empty[next % empty.Length])
                        {
                            messages.Add(Chat(""));
                        }
                    }
                    Said(messages).ShouldBe($"The key is {Redaction.Mask} and that is all there is to say.");
                },
                iter: 40
            );

    [Theory]
    [InlineData("")]
    [InlineData("-----BEGIN PRIVATE KEY-----\n")]
    [InlineData("Cookie: a=1; ")]
    public void A_secret_longer_than_what_is_held_is_hidden_to_its_end_and_takes_no_time(string before)
    {
        var random = new Random(4711);
        var bytes = new byte[30_000];
        random.NextBytes(bytes);
        var blob = Convert.ToBase64String(bytes);
        var began = Stopwatch.GetTimestamp();
        var said = Said(
            Records
                .Cut(before + blob + "\n-----END PRIVATE KEY-----\nand then some words follow.", () => random.Next(1, 9))
                .Select(Encoding.UTF8.GetString)
                .Select(Chat)
        );
        Stopwatch.GetElapsedTime(began).ShouldBeLessThan(TimeSpan.FromSeconds(60));
        said.ShouldContain(Redaction.Mask);
        said.ShouldEndWith("and then some words follow.");
        said.Length.ShouldBeLessThan(300);
        for (var at = 0; at + 24 < blob.Length; at += 24)
        {
            said.ShouldNotContain(blob.Substring(at, 24));
        }
    }

    [Fact]
    public void What_is_watched_has_lost_its_secrets_as_what_is_written()
    {
        var line = new ModelCall(
            Records.At,
            "GET",
            "/v1/models?key=abc",
            "pass",
            null,
            401,
            null,
            null,
            null,
            TimeSpan.Zero,
            $"Incorrect API key: sk-{Hex}"
        );
        var clean = (ModelCall)RecordLine.Clean(line);
        clean.ShouldBe((ModelCall)Records.Reread(line));
        clean.Error.ShouldBe($"Incorrect API key: {Redaction.Mask}");
        (
            (EgressCall)RecordLine.Clean(new EgressCall(Records.At, $"{Hex}.example.com", 443, false, null, 0, 0, TimeSpan.Zero))
        ).Host.ShouldNotContain(Hex);
    }

    private static string Chat(string piece) =>
        $"data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{JsonSerializer.Serialize(piece)}}}}}]}}\n\n";

    private static string Said(IEnumerable<string> messages) =>
        string.Concat(
            Records
                .Call("/v1/chat/completions", "{}", "text/event-stream", messages)
                .OfType<CallPart>()
                .Select(part => (string?)part.Data.Json!["choices"]![0]!["delta"]!["content"])
        );

    [Fact]
    public void The_look_whether_a_text_may_hide_something_misses_nothing()
    {
        string[] bits =
        [
            .. "sk- SG. ya29. ghp_ AKIA 0123456789ab A1b2C3d4E5f6G7h8I9j0+/ \" the pass PASSWORD word pwd key Key api- cookie basic Bearer".Split(
                ' '
            ),
            .. "= ? & sig nature code auth orization :// me:pw@ PRIVATE KEY----- hunter2! é".Split(' '),
            " ",
            " ",
            "\n",
            ": ",
            "-----BEGIN ",
            // Letters that are like others where case does not matter.
            "to\u212Aen",
            "\u017Fecret",
            "bas\u0131c ",
            "BAS\u0130C ",
        ];
        Gen.Int[0, bits.Length - 1]
            .Array[1, 12]
            .Select(found => string.Concat(found.Select(at => bits[at])))
            .Sample(text => Codexctl.Gateway.Recording.Secrets.Find(text).ShouldBe(Codexctl.Gateway.Recording.Secrets.Search(text)));
    }
}
