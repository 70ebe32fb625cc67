using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Codexctl.Models;

/// <summary>The list of models in the form that Codex 0.169 reads, made from what the model server has.</summary>
public static class CodexCatalog
{
    /// <summary>Taken where the effective context is not known before the model is loaded.</summary>
    public const long AssumedContext = 32768;

    /// <summary>The instructions that Codex gives to every local model.</summary>
    public static string BaseInstructions { get; } = ReadInstructions();

    /// <summary>The catalogue with every model that runs here and can call tools.</summary>
    /// <returns>JSON: an object with the array `models`.</returns>
    public static byte[] Render(IReadOnlyList<LocalModel> models)
    {
        var usable = models
            .Where(model => model.RemoteHost is null && !OllamaNames.IsCloud(model.Name) && model.Can("tools") != false)
            .ToList();
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteStartArray("models");
            var priority = 0;
            foreach (var model in usable)
            {
                Write(json, model, model.Name, priority++, listed: true);
                // Codex compares names exactly; a person leaves ":latest" out.
                if (model.Name.EndsWith(":latest", StringComparison.Ordinal))
                {
                    Write(json, model, model.Name[..^":latest".Length], priority++, listed: false);
                }
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return memory.ToArray();
    }

    /// <summary>
    /// The window that Codex may fill. Never under the smallest that works: Codex would compact for ever, and preflight has
    /// refused such a model already.
    /// </summary>
    public static long ContextWindow(LocalModel model)
    {
        var context = model.EffectiveContext ?? Math.Min(model.ContextMaximum ?? AssumedContext, AssumedContext);
        return Math.Max(context, ModelPreflight.SmallestContext);
    }

    private static void Write(Utf8JsonWriter json, LocalModel model, string slug, int priority, bool listed)
    {
        json.WriteStartObject();
        json.WriteString("slug", slug);
        json.WriteString("display_name", slug);
        json.WriteString("description", "Runs on this machine.");
        var window = ContextWindow(model);
        json.WriteNumber("context_window", window);
        json.WriteNumber("max_context_window", Math.Max(window, model.ContextMaximum ?? window));
        json.WriteStartArray("supported_reasoning_levels");
        if (HasLevels(model))
        {
            WriteLevel(json, "low", "Answers quickly");
            WriteLevel(json, "medium", "Thinks where it helps");
            WriteLevel(json, "high", "Thinks longest");
        }
        json.WriteEndArray();
        if (HasLevels(model))
        {
            json.WriteString("default_reasoning_level", "medium");
        }
        json.WriteString("shell_type", "unified_exec");
        json.WriteString("visibility", listed ? "list" : "hide");
        json.WriteBoolean("supported_in_api", true);
        json.WriteNumber("priority", priority);
        json.WriteBoolean("support_verbosity", false);
        json.WriteStartObject("truncation_policy");
        json.WriteString("mode", "tokens");
        // One tool output may not take more than a sixth of a small window.
        json.WriteNumber("limit", Math.Clamp(window / 6, 2000, 10000));
        json.WriteEndObject();
        json.WriteStartArray("experimental_supported_tools");
        json.WriteEndArray();
        json.WriteStartArray("input_modalities");
        json.WriteStringValue("text");
        if (model.Can("vision") == true)
        {
            json.WriteStringValue("image");
        }
        json.WriteEndArray();
        json.WriteString("base_instructions", BaseInstructions);
        json.WriteEndObject();
    }

    private static void WriteLevel(Utf8JsonWriter json, string effort, string description)
    {
        json.WriteStartObject();
        json.WriteString("effort", effort);
        json.WriteString("description", description);
        json.WriteEndObject();
    }

    // Other thinking models only think or do not; for them Codex sends no effort and the model does as it was trained.
    private static bool HasLevels(LocalModel model) =>
        model.Can("thinking") == true
        && (
            model.Family?.StartsWith("gptoss", StringComparison.Ordinal) == true || model.Name.Contains("gpt-oss", StringComparison.Ordinal)
        );

    private static string ReadInstructions()
    {
        using var stream =
            typeof(CodexCatalog).Assembly.GetManifestResourceStream("models/base-instructions.txt")
            ?? throw new InvalidOperationException("The base instructions are not in the program.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
