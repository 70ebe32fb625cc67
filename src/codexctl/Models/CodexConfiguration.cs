using System.Globalization;
using System.Text;
using Codexctl.Settings;

namespace Codexctl.Models;

/// <summary>What a local run's Codex configuration depends on.</summary>
/// <param name="BaseUrl">The model route as the box sees it, with /v1.</param>
/// <param name="Workdir">The folder that is trusted.</param>
/// <param name="SqliteHome">A folder off shared file systems, which damage SQLite files.</param>
/// <param name="Vision">Whether the model takes pictures.</param>
/// <param name="Context">Tokens; null to take the catalogue's.</param>
/// <param name="CatalogFile">A rendered catalogue in the box; null to let Codex ask the model route, which knows the context of now.</param>
public sealed record LocalCodex(
    string Model,
    string BaseUrl = "http://127.0.0.1:11434/v1",
    string Workdir = "/workdir",
    string? SqliteHome = null,
    bool Vision = false,
    long? Context = null,
    string? CatalogFile = null
);

/// <summary>
/// Renders Codex's configuration for the pinned version (0.169). Pure text: the caller writes it to the system layer
/// (/etc/codex), so that a person's own config.toml still wins.
/// </summary>
public static class CodexConfiguration
{
    /// <summary>The provider's id; built-in ids such as ollama cannot be redefined.</summary>
    public const string Provider = "codexctl";

    /// <summary>config.toml of the system layer for local mode: nothing in it makes Codex talk to anyone but the model route.</summary>
    public static string Local(LocalCodex options)
    {
        var toml = new Toml();
        toml.Comment("Written by codexctl for local mode. Your own config.toml and -c win over this.");
        toml.Set("model", options.Model);
        toml.Set("model_provider", Provider);
        if (options.CatalogFile is { } catalog)
        {
            toml.Set("model_catalog_json", catalog);
        }
        if (options.Context is { } context)
        {
            toml.Set("model_context_window", context);
        }
        toml.Set("sandbox_mode", "danger-full-access", "The container is the sandbox.");
        toml.Set("approval_policy", "never");
        toml.Set("web_search", "disabled");
        toml.Set("check_for_update_on_startup", false);
        if (options.SqliteHome is { } sqlite)
        {
            toml.Set("sqlite_home", sqlite);
        }
        toml.Table("analytics");
        toml.Set("enabled", false);
        toml.Table("feedback");
        toml.Set("enabled", false);
        toml.Table("history");
        toml.Set("persistence", "save-all");
        toml.Table("features");
        toml.Set("plugins", false, "Else it asks github.com and chatgpt.com at every start.");
        toml.Set("daemon_auto_start", false, "Else it copies itself (400 MB) and leaves two processes behind.");
        toml.Set("unbounded_connection_retries", false, "Else it waits for ever when the door is closed.");
        toml.Set("goals", false);
        if (!options.Vision)
        {
            toml.Set("view_image", false);
        }
        toml.Table("agents");
        toml.Set("enabled", false);
        toml.Table("skills", "bundled");
        toml.Set("enabled", false);
        toml.Table("tui");
        toml.Set("screen_reader_detection_done", true);
        toml.Set("show_tooltips", false);
        Trust(toml, options.Workdir);
        toml.Table("model_providers", Provider);
        toml.Set("name", Provider);
        toml.Set("base_url", options.BaseUrl);
        toml.Set("wire_api", "responses");
        toml.Set(
            "request_max_retries",
            3,
            "The door tells every error in words, finally: these are for the moment in which a gateway follows one that died."
        );
        toml.Set("stream_max_retries", 3);
        toml.Set("stream_idle_timeout_ms", 1800000);
        if (options.CatalogFile is null)
        {
            var root = options.BaseUrl.TrimEnd('/');
            root = root.EndsWith("/v1", StringComparison.Ordinal) ? root[..^3] : root;
            toml.Set("model_catalog_url", root + "/codexctl/catalog");
            toml.Set("experimental_bearer_token", Provider, "No secret: Codex asks for the catalogue only when it has one to send.");
        }
        return toml.ToString();
    }

    /// <summary>
    /// Files for the Codex home, by name. A profile is a file of its own since 0.134: `--profile gpt-oss` reads
    /// gpt-oss.config.toml. No context window but the person's own: it would override what the catalogue knows about the server as it runs now, also
    /// for a model that `--model` names, and then the server cuts the conversation's beginning off in silence.
    /// </summary>
    public static IReadOnlyDictionary<string, string> Profiles(IEnumerable<ProfileSettings> profiles) =>
        profiles.ToDictionary(profile => $"{profile.Name}.config.toml", Profile, StringComparer.Ordinal);

    private static string Profile(ProfileSettings profile)
    {
        var toml = new Toml();
        if (profile.Model is { } model)
        {
            toml.Set("model", model);
        }
        toml.Set("model_provider", Provider);
        if (profile.Context is { } context)
        {
            toml.Set("model_context_window", context);
        }
        if (profile.Effort is { } effort)
        {
            toml.Set("model_reasoning_effort", effort);
        }
        return toml.ToString();
    }

    /// <summary>config.toml of the system layer for `--openai`: OpenAI's own provider, and nobody else is asked.</summary>
    public static string Online(string workdir = "/workdir", string? sqliteHome = null)
    {
        var toml = new Toml();
        toml.Comment("Written by codexctl for runs with an OpenAI account. Your own config.toml and -c win over this.");
        toml.Set("model_provider", "openai");
        toml.Set("sandbox_mode", "danger-full-access", "The container is the sandbox.");
        toml.Set("approval_policy", "never");
        toml.Set("check_for_update_on_startup", false);
        toml.Set("cli_auth_credentials_store", "file");
        if (sqliteHome is not null)
        {
            toml.Set("sqlite_home", sqliteHome);
        }
        toml.Table("analytics");
        toml.Set("enabled", false);
        toml.Table("feedback");
        toml.Set("enabled", false);
        toml.Table("features");
        toml.Set("plugins", false);
        toml.Set("daemon_auto_start", false);
        toml.Set("unbounded_connection_retries", false);
        toml.Table("tui");
        toml.Set("screen_reader_detection_done", true);
        Trust(toml, workdir);
        return toml.ToString();
    }

    private static void Trust(Toml toml, string folder)
    {
        toml.Table("projects", folder);
        toml.Set("trust_level", "trusted");
    }

    /// <summary>Just enough TOML: tables, strings, numbers, booleans.</summary>
    private sealed class Toml
    {
        private readonly StringBuilder _text = new();

        public void Comment(string text) => _text.Append("# ").Append(text).Append('\n');

        public void Table(params ReadOnlySpan<string> names)
        {
            _text.Append("\n[");
            for (var i = 0; i < names.Length; i++)
            {
                _text.Append(i == 0 ? "" : ".").Append(names[i].All(IsBare) ? names[i] : Quote(names[i]));
            }
            _text.Append("]\n");
        }

        public void Set(string key, string value, string? why = null) => Line(key, Quote(value), why);

        public void Set(string key, bool value, string? why = null) => Line(key, value ? "true" : "false", why);

        public void Set(string key, long value, string? why = null) => Line(key, value.ToString(CultureInfo.InvariantCulture), why);

        public override string ToString() => _text.ToString();

        private void Line(string key, string value, string? why) =>
            _text.Append(key).Append(" = ").Append(value).Append(why is null ? "" : "  # " + why).Append('\n');

        private static bool IsBare(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '-';

        private static string Quote(string text)
        {
            var quoted = new StringBuilder("\"");
            foreach (var c in text)
            {
                _ = c switch
                {
                    '"' => quoted.Append("\\\""),
                    '\\' => quoted.Append("\\\\"),
                    '\n' => quoted.Append("\\n"),
                    _ when char.IsControl(c) => quoted.Append("\\u").Append(((int)c).ToString("X4", CultureInfo.InvariantCulture)),
                    _ => quoted.Append(c),
                };
            }
            return quoted.Append('"').ToString();
        }
    }
}
