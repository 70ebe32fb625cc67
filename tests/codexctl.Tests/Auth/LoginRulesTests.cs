using System.Text;
using Codexctl.Auth;

namespace Codexctl.Tests.Auth;

public class LoginRulesTests
{
    private static readonly AuthDocument _stored = Logins.ChatGpt();
    private static readonly AuthDocument _key = AuthDocument.ForApiKey("sk-1");

    [Fact]
    public void A_box_without_a_login_gets_the_stored_one() => LoginRules.ForBox(_stored, null, LoginMode.Full).ShouldBe(_stored);

    [Fact]
    public void A_box_that_has_it_gets_nothing() => LoginRules.ForBox(_stored, Logins.ChatGpt(), LoginMode.Full).ShouldBeNull();

    [Fact]
    public void Another_token_or_another_time_is_replaced()
    {
        LoginRules.ForBox(_stored, Logins.ChatGpt(refresh: "rt_0"), LoginMode.Full).ShouldBe(_stored);
        LoginRules.ForBox(_stored, Logins.ChatGpt(time: "2026-11-22T09:00:00Z"), LoginMode.Full).ShouldBe(_stored);
        LoginRules.ForBox(_stored, _key, LoginMode.Full).ShouldBe(_stored);
    }

    [Fact]
    public void In_host_mode_the_refresh_token_never_goes_in()
    {
        var sent = LoginRules.ForBox(_stored, _stored, LoginMode.AccessOnly)!;

        sent.Text().ShouldNotContain("rt_1");
        sent.AccessToken.ShouldBe(_stored.AccessToken);
        LoginRules.ForBox(_stored, sent, LoginMode.AccessOnly).ShouldBeNull();
    }

    [Fact]
    public void A_login_that_was_refreshed_in_the_box_comes_out() =>
        LoginRules.FromBox(_stored, Logins.ChatGpt("rt_2", "2026-11-22T10:00:01Z"), Logins.Now).Save!.RefreshToken.ShouldBe("rt_2");

    [Fact]
    public void A_stored_login_without_a_time_is_older_than_any() =>
        LoginRules.FromBox(Logins.ChatGpt(time: "unknown"), Logins.ChatGpt("rt_2"), Logins.Now).Save!.RefreshToken.ShouldBe("rt_2");

    [Theory]
    [InlineData("2026-11-22T10:00:00.928131933Z")]
    [InlineData("2026-11-22T09:59:59Z")]
    [InlineData("no time")]
    public void An_older_one_never_replaces_a_newer_one(string time) =>
        LoginRules.FromBox(_stored, Logins.ChatGpt("rt_2", time), Logins.Now).ShouldBe(new SaveDecision(null));

    [Fact]
    public void An_issuer_that_an_old_document_does_not_name_is_openai()
    {
        var old = AuthDocument.Parse("{\"tokens\":{\"refresh_token\":\"rt_1\"},\"last_refresh\":\"2026-11-22T10:00:00Z\"}"u8);

        AuthDocument Refreshed(string issuer, string client) =>
            AuthDocument.Parse(
                Encoding.UTF8.GetBytes(
                    $$$"""{"tokens":{"refresh_token":"rt_2","oauth_provenance":{"issuer":"{{{issuer}}}","client_id":"{{{client}}}"}},"last_refresh":"2026-11-22T11:00:00Z"}"""
                )
            );
        const string Client = "app_EMoamEEZ73f0CkXaXp7hrann";
        LoginRules.FromBox(old, Refreshed("https://auth.openai.com/", Client), Logins.Now).Save!.RefreshToken.ShouldBe("rt_2");
        LoginRules.FromBox(old, Refreshed("https://evil.example.com", Client), Logins.Now).Save.ShouldBeNull();
        LoginRules.FromBox(old, Refreshed("https://auth.openai.com", "another"), Logins.Now).Save.ShouldBeNull();
    }

    [Fact]
    public void A_box_without_a_token_changes_nothing()
    {
        LoginRules.FromBox(_stored, null, Logins.Now).ShouldBe(new SaveDecision(null));
        LoginRules.FromBox(_stored, Logins.ChatGpt("", "2026-11-22T11:00:00Z"), Logins.Now).ShouldBe(new SaveDecision(null));
        LoginRules.FromBox(_stored, _key, Logins.Now).ShouldBe(new SaveDecision(null));
    }

    [Fact]
    public void Without_a_stored_login_nothing_is_stored_and_the_person_hears_of_it()
    {
        var decision = LoginRules.FromBox(null, Logins.ChatGpt(), Logins.Now);

        decision.Save.ShouldBeNull();
        decision.Notice!.ShouldContain("none is stored");
    }

    [Fact]
    public void What_an_agent_could_have_put_there_is_not_stored()
    {
        const string Later = "2026-11-22T11:00:00Z";
        AuthDocument[] planted =
        [
            Logins.ChatGpt("rt_2", Later, account: "acct-evil"),
            Logins.ChatGpt("rt_2", Later, issuer: "https://evil.example"),
            Logins.ChatGpt("rt_2", "2099-01-01T00:00:00Z"),
        ];

        foreach (var login in planted)
        {
            var decision = LoginRules.FromBox(_stored, login, Logins.Now);
            decision.Save.ShouldBeNull();
            decision.Notice.ShouldNotBeNull();
        }
        LoginRules.FromBox(_key, Logins.ChatGpt("rt_2", Later), Logins.Now).Save.ShouldBeNull();
    }

    [Theory]
    [InlineData(5, true)]
    [InlineData(7, false)]
    public void A_token_that_codex_would_renew_at_once_is_renewed_before(int minutes, bool soon) =>
        LoginRules.EndsSoon(Logins.ChatGpt(ends: Logins.Now.AddMinutes(minutes)), Logins.Now).ShouldBe(soon);

    [Fact]
    public void A_key_does_not_end() => LoginRules.EndsSoon(_key, Logins.Now).ShouldBeFalse();

    [Fact]
    public void Legacy_documents_with_their_token_at_the_top_follow_the_same_rules()
    {
        static AuthDocument Old(string token, int hour) =>
            AuthDocument.Parse(Encoding.UTF8.GetBytes($"{{\"refresh_token\":\"{token}\",\"last_refresh\":\"2026-11-22T{hour}:00:00Z\"}}"));

        LoginRules.FromBox(Old("a", 10), Old("b", 11), Logins.Now).Save!.RefreshToken.ShouldBe("b");
        LoginRules.FromBox(Old("a", 11), Old("b", 10), Logins.Now).Save.ShouldBeNull();
    }
}
