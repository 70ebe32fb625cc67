using System.Text;
using System.Text.Json.Nodes;
using Codexctl.Auth;
using CsCheck;

namespace Codexctl.Tests.Auth;

public class AuthDocumentTests
{
    [Fact]
    public void What_codex_writes_is_read()
    {
        var login = Logins.ChatGpt();

        login.Kind.ShouldBe(LoginKind.ChatGpt);
        login.RefreshToken.ShouldBe("rt_1");
        login.AccountId.ShouldBe("acct-1");
        login.IssuedBy.ShouldBe(("https://auth.openai.com", "client-1"));
        login.LastRefresh!.Value.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss").ShouldBe("2026-11-22T10:00:00");
        Jwt.Read(login.AccessToken)!.Expires.ShouldBe(Logins.Now.AddHours(2));
        Jwt.Read(login.IdToken)!.Email.ShouldBe("dev@example.com");
    }

    [Theory]
    [InlineData("{\"refresh_token\":\"r\",\"last_refresh\":\"2026-01-01T00:00:00Z\"}", LoginKind.ChatGpt)]
    [InlineData("{\"OPENAI_API_KEY\":\"sk-1\"}", LoginKind.ApiKey)]
    [InlineData("{\"auth_mode\":\"apikey\",\"OPENAI_API_KEY\":\"sk-1\"}", LoginKind.ApiKey)]
    [InlineData("{\"auth_mode\":\"chatgpt\",\"tokens\":{\"refresh_token\":\"\",\"access_token\":\"a\"}}", LoginKind.None)]
    [InlineData("{}", LoginKind.None)]
    public void The_kind_of_a_login_is_seen(string text, LoginKind kind) =>
        AuthDocument.Parse(Encoding.UTF8.GetBytes(text)).Kind.ShouldBe(kind);

    [Theory]
    [InlineData("", "it is empty")]
    [InlineData("  \n", "it is empty")]
    [InlineData("[]", "it is not a JSON object")]
    [InlineData("\"x\"", "it is not a JSON object")]
    [InlineData("{\"a\":", "it is not whole")]
    [InlineData("{} {}", "it is not whole")]
    [InlineData("{\"x\":\"\\ud800\"}", "it is not whole")]
    [InlineData("{\"\\udc00\":1}", "it is not whole")]
    [InlineData("\ufeff{\"refresh_token\":\"r\"}", "it is not whole")]
    [InlineData("{\"a\":1}//", "it is not whole")]
    [InlineData("<html>", "it is not whole")]
    [InlineData("{\"tokens\":{\"refresh_token\":\"a\",\"refresh_token\":\"b\"}}", "'tokens.refresh_token' is there twice")]
    public void What_is_no_login_is_said_without_repeating_it(string text, string why)
    {
        AuthDocument.TryParse(Encoding.UTF8.GetBytes(text), out var problem).ShouldBeNull();
        problem.ShouldBe(why);
    }

    [Fact]
    public void What_is_too_large_or_no_text_is_no_login()
    {
        AuthDocument
            .TryParse(Encoding.UTF8.GetBytes($"{{\"a\":\"{new string('x', AuthDocument.Largest)}\"}}"), out var problem)
            .ShouldBeNull();
        problem.ShouldBe("it is too large to be a login");
        AuthDocument.TryParse([(byte)'{', (byte)'"', 0xff, (byte)'"', (byte)':', (byte)'1', (byte)'}'], out problem).ShouldBeNull();
        problem.ShouldBe("it is not whole");
        var deep = string.Concat(Enumerable.Repeat("{\"a\":", 5000)) + "1" + new string('}', 5000);
        AuthDocument.TryParse(Encoding.UTF8.GetBytes(deep), out problem).ShouldBeNull();
        problem.ShouldBe("it is not whole");
    }

    [Theory]
    [InlineData("2026-11-22T10:00:00.928131933Z", "2026-11-22T10:00:00.9281319Z")]
    [InlineData("2026-11-22T10:00:00Z", "2026-11-22T10:00:00.0000000Z")]
    [InlineData("2026-11-22t10:00:00z", "2026-11-22T10:00:00.0000000Z")]
    [InlineData("2026-11-22 10:00:00", "2026-11-22T10:00:00.0000000Z")]
    [InlineData("2026-11-22T10:00Z", "2026-11-22T10:00:00.0000000Z")]
    [InlineData("2026-11-22T12:30:00+02:30", "2026-11-22T10:00:00.0000000Z")]
    [InlineData("2026-11-21T23:00:00-1100", "2026-11-22T10:00:00.0000000Z")]
    [InlineData("12:00", null)]
    [InlineData("11/22/2026 10:00:00", null)]
    [InlineData("Sun, 22 Nov 2026 10:00:00 GMT", null)]
    [InlineData("2026-11-22", null)]
    [InlineData("2026-13-45T99:99:99Z", null)]
    [InlineData("1795341600", null)]
    [InlineData("tomorrow", null)]
    public void A_time_of_refresh_is_of_iso_8601_or_none(string text, string? utc) =>
        Logins.ChatGpt(time: text).LastRefresh?.UtcDateTime.ToString("O").ShouldBe(utc);

    [Fact]
    public void A_time_that_is_no_text_is_none() =>
        AuthDocument.Parse("{\"refresh_token\":\"r\",\"last_refresh\":1795341600}"u8).LastRefresh.ShouldBeNull();

    [Fact]
    public void Every_torn_copy_is_refused()
    {
        var whole = Logins.ChatGpt().Bytes.ToArray();
        var end = whole.AsSpan().TrimEnd((byte)'\n').Length;

        for (var length = 0; length < end; length++)
        {
            AuthDocument.TryParse(whole.AsSpan(0, length), out _).ShouldBeNull($"the first {length} of {end} bytes");
        }
    }

    [Fact]
    public void Without_its_refresh_token_everything_else_stays_as_it_is() =>
        Logins.ChatGpt().WithoutRefreshToken().Text().ShouldBe(Logins.ChatGptText(refresh: ""));

    [Fact]
    public void A_refresh_token_is_taken_out_wherever_it_stands()
    {
        const string Text = """{"refresh_token":"secret","tokens":{"refresh_token":"secret"},"old":[{"refresh_token":"secret"}]}""";

        AuthDocument.Parse(Encoding.UTF8.GetBytes(Text)).WithoutRefreshToken().Text().ShouldNotContain("secret");
    }

    [Fact]
    public void New_tokens_change_nothing_but_themselves()
    {
        var before = Logins.ChatGpt();

        var after = before.WithTokens("new-access", "new-id", "rt_2", Logins.Now);

        after
            .Text()
            .ShouldBe(
                before
                    .Text()
                    .Replace(before.AccessToken!, "new-access")
                    .Replace(before.IdToken!, "new-id")
                    .Replace("rt_1", "rt_2")
                    .Replace("2026-11-22T10:00:00.928131933Z", "2026-11-22T12:00:00.0000000Z")
            );
    }

    [Theory]
    [InlineData("{\"refresh_token\":\"r\"}")]
    [InlineData("{\"refresh_token\":\"r\",\"tokens\":{\"id_token\":\"i\"}}")]
    [InlineData("{\"tokens\":{\"refresh_token\":\"r\"}}")]
    public void New_tokens_find_a_place_in_old_documents(string text)
    {
        var after = AuthDocument.Parse(Encoding.UTF8.GetBytes(text)).WithTokens("a", "i2", "r2", Logins.Now);

        after.AccessToken.ShouldBe("a");
        after.RefreshToken.ShouldBe("r2");
        after.LastRefresh.ShouldBe(Logins.Now);
    }

    [Fact]
    public void Whatever_stands_in_unknown_fields_survives_a_refresh() =>
        Gen
            .String.Select(Gen.String[0, 20], Gen.Int, Gen.Bool)
            .Sample(
                (name, value, number, pretty) =>
                {
                    var json = (JsonObject)JsonNode.Parse(Logins.ChatGptText())!;
                    json["x" + name] = new JsonArray(value, number, new JsonObject { ["refresh_tokens"] = value });
                    var text = json.ToJsonString(new System.Text.Json.JsonSerializerOptions { WriteIndented = pretty });
                    var login = AuthDocument.Parse(Encoding.UTF8.GetBytes(text));

                    var there = login.WithTokens("A", "I", "R", Logins.Now);
                    var back = JsonEdit.Replace(
                        there.Bytes.Span,
                        path =>
                            path switch
                            {
                                "tokens.access_token" => login.AccessToken,
                                "tokens.id_token" => login.IdToken,
                                "tokens.refresh_token" => login.RefreshToken,
                                "last_refresh" => "2026-11-22T10:00:00.928131933Z",
                                _ => null,
                            }
                    );

                    Encoding.UTF8.GetString(back).ShouldBe(text);
                },
                iter: 300
            );

    [Fact]
    public void Its_text_form_holds_no_secret() => Logins.ChatGpt().ToString().ShouldBe("auth.json (ChatGpt)");
}
