using System.Buffers.Text;
using System.Text;
using Codexctl.Auth;

namespace Codexctl.Tests.Auth;

/// <summary>Logins as Codex writes them.</summary>
internal static class Logins
{
    public static readonly DateTimeOffset Now = new(2026, 11, 22, 12, 0, 0, TimeSpan.Zero);

    public static string Token(DateTimeOffset ends, string mark = "a") =>
        $"e30.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes($"{{\"exp\":{ends.ToUnixTimeSeconds()},\"email\":\"dev@example.com\",\"mark\":\"{mark}\"}}"))}.c2ln";

    public static string ChatGptText(
        string refresh = "rt_1",
        string time = "2026-11-22T10:00:00.928131933Z",
        string account = "acct-1",
        string issuer = "https://auth.openai.com",
        DateTimeOffset? ends = null
    ) =>
        $$"""
            {
              "auth_mode": "chatgpt",
              "OPENAI_API_KEY": null,
              "some_field" : [1.50, {"x": "é\u00e9"}],
              "tokens": {
                "id_token": "{{Token(ends ?? Now.AddHours(2), "id")}}",
                "access_token": "{{Token(ends ?? Now.AddHours(2))}}",
                "refresh_token": "{{refresh}}",
                "oauth_provenance": {"issuer":"{{issuer}}","client_id":"client-1"},
                "login_owner_id": "owner",
                "account_id": "{{account}}"
              },
              "last_refresh": "{{time}}"
            }

            """;

    public static AuthDocument ChatGpt(
        string refresh = "rt_1",
        string time = "2026-11-22T10:00:00.928131933Z",
        string account = "acct-1",
        string issuer = "https://auth.openai.com",
        DateTimeOffset? ends = null
    ) => AuthDocument.Parse(Encoding.UTF8.GetBytes(ChatGptText(refresh, time, account, issuer, ends)));

    public static string Text(this AuthDocument login) => Encoding.UTF8.GetString(login.Bytes.Span);
}

/// <summary>A store in memory that can be told to fail.</summary>
internal sealed class MemoryStore : ICredentialStore
{
    public byte[]? Value { get; set; }
    public bool Locked { get; set; }
    public bool FailsToWrite { get; set; }
    public int Writes { get; private set; }
    public string Name => "memory";
    public string Display => "the test's store";

    public Task<byte[]?> ReadAsync(CancellationToken cancel = default) =>
        Locked ? throw new UserError("The store is locked.") : Task.FromResult(Value);

    public Task WriteAsync(ReadOnlyMemory<byte> value, CancellationToken cancel = default)
    {
        if (Locked || FailsToWrite)
        {
            throw new UserError("The store does not take it.");
        }
        Writes++;
        Value = value.ToArray();
        return Task.CompletedTask;
    }

    public Task<bool> RemoveAsync(CancellationToken cancel = default)
    {
        var there = Value is not null;
        Value = null;
        return Task.FromResult(there);
    }
}

/// <summary>A folder that is gone at the end.</summary>
internal sealed class TestFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("codexctl-auth-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
