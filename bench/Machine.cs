namespace Codexctl.Bench;

/// <summary>What every section needs.</summary>
/// <param name="Root">The checkout.</param>
/// <param name="Program">The binary that is measured, without the launcher.</param>
/// <param name="State">An own state directory, so that nobody's containers are touched.</param>
internal sealed record Machine(string Root, string Program, string State, bool Quick)
{
    public Dictionary<string, string> Environment { get; } = MakeEnvironment(State);

    public int Rounds(int many) => Quick ? Math.Max(3, many / 5) : many;

    public string Folder(string name) => Directory.CreateDirectory(Path.Combine(State, name)).FullName;

    private static Dictionary<string, string> MakeEnvironment(string state)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (System.Collections.DictionaryEntry entry in System.Environment.GetEnvironmentVariables())
        {
            variables[(string)entry.Key] = (string?)entry.Value ?? "";
        }
        variables["CODEXCTL_STATE_DIR"] = Path.Combine(state, "state");
        variables.Remove("CODEXCTL_ENGINE");
        variables.Remove("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS");
        return variables;
    }
}
