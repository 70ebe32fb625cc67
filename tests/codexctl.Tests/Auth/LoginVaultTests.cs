using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Codexctl.Auth;
using Codexctl.Settings;
using Microsoft.Extensions.Time.Testing;

namespace Codexctl.Tests.Auth;

public sealed class LoginVaultTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly MemoryStore _store = new();
    private readonly FakeTimeProvider _clock = new(Logins.Now);
    private readonly Issuer _issuer = new();

    public LoginVaultTests() => _store.Value = Logins.ChatGpt().Bytes.ToArray();

    private LoginVault Vault => new(_store, _folder.Path, TimeProvider.System);

    private TokenRefresher Refresher(LoginVault vault, params (string Name, string Value)[] environment) =>
        new(vault, new HostEnvironment(environment.ToDictionary(pair => pair.Name, pair => pair.Value)), _clock, () => _issuer);

    public void Dispose()
    {
        _issuer.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_locked_store_is_an_error_and_is_not_written_to()
    {
        _store.Locked = true;

        await Should.ThrowAsync<UserError>(() => Vault.ReadAsync());
        await Should.ThrowAsync<UserError>(() => Vault.ReplaceAsync(AuthDocument.ForApiKey("sk-1")));

        _store.Writes.ShouldBe(0);
    }

    [Fact]
    public async Task A_store_that_fails_at_a_new_login_keeps_the_old_one()
    {
        _store.FailsToWrite = true;

        await Should.ThrowAsync<UserError>(() => Vault.ReplaceAsync(AuthDocument.ForApiKey("sk-1")));

        (await Vault.ReadAsync())!.RefreshToken.ShouldBe("rt_1");
    }

    [Fact]
    public async Task A_login_that_lasts_is_not_renewed()
    {
        using var refresher = Refresher(Vault);

        (await refresher.EnsureAsync(null, default)).RefreshToken.ShouldBe("rt_1");

        _issuer.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_login_that_ends_is_renewed_at_its_issuer_and_stored()
    {
        _clock.Advance(TimeSpan.FromHours(2) - TimeSpan.FromMinutes(5));
        using var refresher = Refresher(Vault);

        var login = await refresher.EnsureAsync(null, default);

        var (address, body) = _issuer.Requests.ShouldHaveSingleItem();
        address.ShouldBe("https://auth.openai.com/oauth/token");
        ((string?)body["refresh_token"]).ShouldBe("rt_1");
        ((string?)body["client_id"]).ShouldBe("client-1");
        login.RefreshToken.ShouldBe("rt_new_1");
        (await Vault.ReadAsync())!.SameBytes(login).ShouldBeTrue();
    }

    [Fact]
    public async Task Of_many_that_want_a_new_token_at_once_one_renews_and_all_get_it()
    {
        var refused = (await Vault.ReadAsync())!.AccessToken;
        _issuer.Delay = TimeSpan.FromMilliseconds(50);

        var logins = await Task.WhenAll(
            Enumerable
                .Range(0, 8)
                .Select(async _ =>
                {
                    using var refresher = Refresher(Vault);
                    return await refresher.EnsureAsync(refused, default);
                })
        );

        _issuer.Requests.Count.ShouldBe(1);
        logins.Select(login => login.RefreshToken).Distinct().ShouldBe(["rt_new_1"]);
    }

    [Fact]
    public async Task A_renewed_login_that_the_store_does_not_take_is_kept_until_it_does()
    {
        var vault = Vault;
        using var refresher = Refresher(vault);
        _store.FailsToWrite = true;

        await refresher.EnsureAsync((await vault.ReadAsync())!.AccessToken, default);

        vault.Trouble.ShouldNotBeNull();
        Encoding.UTF8.GetString(_store.Value!).ShouldContain("rt_1");
        (await Vault.ReadAsync())!.RefreshToken.ShouldBe("rt_new_1");

        _store.FailsToWrite = false;
        await Vault.UpdateAsync((stored, _) => Task.FromResult(stored));
        Encoding.UTF8.GetString(_store.Value!).ShouldContain("rt_new_1");
        Directory.EnumerateFiles(_folder.Path).Select(Path.GetFileName).ShouldBe(["lock"]);
    }

    [Fact]
    public async Task Of_a_login_that_never_said_when_it_was_renewed_the_renewed_one_counts()
    {
        _store.Value = Logins.ChatGpt(time: "").Bytes.ToArray();
        _store.FailsToWrite = true;
        var vault = Vault;
        using var refresher = Refresher(vault);

        await refresher.EnsureAsync((await vault.ReadAsync())!.AccessToken, default);

        // The old one's refresh token is used: to go on with it would lose the login.
        (await Vault.ReadAsync())!.RefreshToken.ShouldBe("rt_new_1");
    }

    [Theory]
    [InlineData("refresh_token_reused", "used before")]
    [InlineData("refresh_token_expired", "too old")]
    [InlineData("refresh_token_invalidated", "revoked")]
    public async Task A_refusal_tells_the_person_to_sign_in_and_leaves_the_login(string code, string words)
    {
        _issuer.Status = HttpStatusCode.Unauthorized;
        _issuer.Answer = $"{{\"error\":{{\"code\":\"{code}\",\"message\":\"rt_1 …\"}}}}";
        using var refresher = Refresher(Vault);

        var error = await Should.ThrowAsync<UserError>(() => refresher.EnsureAsync(Logins.ChatGpt().AccessToken, default));

        error.ExitCode.ShouldBe(ExitCodes.SignInNeeded);
        error.Why!.ShouldContain(words);
        $"{error.Message}{error.Why}{error.Mend}".ShouldNotContain("rt_1");
        (await Vault.ReadAsync())!.RefreshToken.ShouldBe("rt_1");
    }

    [Theory]
    [InlineData("http://issuer.example")]
    [InlineData("file:///tmp/x")]
    public async Task A_refresh_token_goes_to_no_issuer_that_cannot_prove_who_it_is(string issuer)
    {
        _store.Value = Logins.ChatGpt(issuer: issuer).Bytes.ToArray();
        using var refresher = Refresher(Vault);

        await Should.ThrowAsync<UserError>(() => refresher.EnsureAsync(Logins.ChatGpt().AccessToken, default));

        _issuer.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task Codex_own_variable_moves_the_token_endpoint()
    {
        using var refresher = Refresher(Vault, (TokenRefresher.AddressVariable, "http://127.0.0.1:1/token"));

        await refresher.EnsureAsync(Logins.ChatGpt().AccessToken, default);

        _issuer.Requests.Single().Address.ShouldBe("http://127.0.0.1:1/token");
    }

    private sealed class Issuer : HttpMessageHandler
    {
        public List<(string Address, JsonObject Body)> Requests { get; } = [];
        public HttpStatusCode Status { get; set; } = HttpStatusCode.OK;
        public string? Answer { get; set; }
        public TimeSpan Delay { get; set; }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var body = (JsonObject)JsonNode.Parse(await request.Content!.ReadAsStringAsync(cancellationToken))!;
            int number;
            lock (Requests)
            {
                Requests.Add((request.RequestUri!.AbsoluteUri, body));
                number = Requests.Count;
            }
            await Task.Delay(Delay, cancellationToken);
            var token = Logins.Token(Logins.Now.AddHours(10), $"new {number}");
            return new HttpResponseMessage(Status)
            {
                Content = new StringContent(
                    Answer ?? $"{{\"access_token\":\"{token}\",\"id_token\":\"{token}\",\"refresh_token\":\"rt_new_{number}\"}}"
                ),
            };
        }
    }
}
