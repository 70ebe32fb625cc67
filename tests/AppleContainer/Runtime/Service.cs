namespace Codexctl.AppleContainer;

/// <summary>The background service: up, or down in one of three ways until `system start`.</summary>
internal sealed class Service(Settings settings, Store store)
{
    private const string Kind = "service";
    private const string Unreachable = "XPC connection error: Connection invalid";

    private static readonly string[] _wrapped = ["list", "inspect", "start", "exec", "stop"];

    /// <summary>Null when it answers.</summary>
    public string? Down =>
        store.Read(Kind, "state")?["state"]?.GetValue<string>() switch
        {
            "running" => null,
            "stopped" => "unregistered",
            _ => settings.Down,
        };

    public void Set(bool running) => store.Write(Kind, "state", new() { ["state"] = running ? "running" : "stopped" });

    /// <summary>Fails as every command does that needs the service.</summary>
    public void Require(string path)
    {
        if (Down is null)
        {
            return;
        }
        var text = _wrapped.Contains(path)
            ? $"internalError: \"failed to list containers\" (cause: \"interrupted: \"{Unreachable}\"\")"
            : $"interrupted: \"{Unreachable}\"";
        throw new ContainerException($"{text}\nEnsure container system service has been started with `container system start`.");
    }
}
