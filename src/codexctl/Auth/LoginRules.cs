namespace Codexctl.Auth;

/// <summary>How much of the login a box gets.</summary>
public enum LoginMode
{
    /// <summary>The refresh token stays on the host; the box gets access tokens, which the gateway renews. The default.</summary>
    AccessOnly,

    /// <summary>The whole auth.json, as the seed of this program did it; saved back when it changed.</summary>
    Full,

    /// <summary>Nothing: the gateway puts the authorization on the requests.</summary>
    Broker,
}

/// <summary>The words for modes in settings and in a gateway's order.</summary>
public static class LoginModes
{
    private static readonly Dictionary<string, LoginMode> _words = new(StringComparer.Ordinal)
    {
        ["access-only"] = LoginMode.AccessOnly,
        ["full"] = LoginMode.Full,
        ["broker"] = LoginMode.Broker,
    };

    public static string Word(this LoginMode mode) => _words.First(pair => pair.Value == mode).Key;

    public static LoginMode? Find(string? word) => word is not null && _words.TryGetValue(word, out var mode) ? mode : null;

    /// <exception cref="UserError">There is no mode of that name.</exception>
    public static LoginMode Parse(string word, string source) =>
        Find(word)
        ?? throw new UserError(
            $"There is no way to use a login named '{word}'.",
            $"There are: {string.Join(", ", _words.Keys)}.",
            $"Correct {source}.",
            ExitCodes.Usage
        );
}

/// <summary>What is to be done with the login that a box has.</summary>
/// <param name="Save">To be stored; null to leave the store alone.</param>
/// <param name="Notice">What the person should know; null when all is as usual.</param>
public sealed record SaveDecision(AuthDocument? Save, string? Notice = null);

/// <summary>The rules by which logins go into boxes and come out of them. Pure.</summary>
public static class LoginRules
{
    /// <summary>Clocks of boxes and hosts differ a little; a login from a farther future was made up.</summary>
    private static readonly TimeSpan _clockDifference = TimeSpan.FromMinutes(10);

    /// <summary>Codex asks for a new token five minutes before the end.</summary>
    public static readonly TimeSpan LeastLife = TimeSpan.FromMinutes(6);

    /// <summary>
    /// What goes into the box: null when what it has is right already. Without a token there, or with another one or another time, the
    /// stored copy is written.
    /// </summary>
    public static AuthDocument? ForBox(AuthDocument stored, AuthDocument? inBox, LoginMode mode)
    {
        if (mode == LoginMode.AccessOnly && stored.Kind == LoginKind.ChatGpt)
        {
            var wanted = stored.WithoutRefreshToken();
            return wanted.SameBytes(inBox) ? null : wanted;
        }
        var same =
            inBox is not null
            && inBox.Kind == stored.Kind
            && inBox.RefreshToken == stored.RefreshToken
            && inBox.LastRefresh == stored.LastRefresh
            && inBox.ApiKey == stored.ApiKey;
        return same ? null : stored;
    }

    /// <summary>
    /// What comes out of a box: its login is stored only when it was refreshed later than the stored one. The agent can write what it likes
    /// into its home, so it must be the same login besides.
    /// </summary>
    public static SaveDecision FromBox(AuthDocument? stored, AuthDocument? inBox, DateTimeOffset now)
    {
        if (inBox is not { RefreshToken: not null, LastRefresh: { } refreshed } || inBox.Kind != LoginKind.ChatGpt)
        {
            return new SaveDecision(null);
        }
        if (stored is null)
        {
            return new SaveDecision(null, "The container has a login, but none is stored on this machine any more: it was not kept.");
        }
        if (stored.LastRefresh is { } before && refreshed <= before)
        {
            return new SaveDecision(null);
        }
        if (refreshed > now + _clockDifference)
        {
            return Refused("its time of refresh lies in the future");
        }
        if (stored.Kind != LoginKind.ChatGpt || (stored.AccountId is not null && stored.AccountId != inBox.AccountId))
        {
            return Refused("it is another account's");
        }
        if (stored.IssuedBy != inBox.IssuedBy)
        {
            return Refused("it names another issuer");
        }
        return new SaveDecision(inBox);

        static SaveDecision Refused(string why) =>
            new(null, $"The login in the container was changed, and {why}: the stored one stays as it is.");
    }

    /// <summary>Whether the access token ends so soon that it should be renewed before a run. One that does not say is taken as good.</summary>
    public static bool EndsSoon(AuthDocument login, DateTimeOffset now) =>
        login.Kind == LoginKind.ChatGpt
        && (login.AccessToken is null || Jwt.Read(login.AccessToken)?.Expires is { } end && end - now < LeastLife);
}
