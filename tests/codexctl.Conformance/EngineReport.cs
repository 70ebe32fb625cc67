using System.Diagnostics;
using System.Text.Json;
using Codexctl.Doctor.Conformance;
using Codexctl.EndToEnd.Harness;

namespace Codexctl.Conformance;

/// <summary>One run of `codexctl doctor --conformance` with the published program, shared by all tests of the engine.</summary>
public abstract class EngineReport(Engine engine) : IAsyncLifetime
{
    private static readonly TimeSpan _limit = TimeSpan.FromMinutes(15);

    private ConformanceReport? _report;
    private string _said = "";

    public string Name => engine.Word();

    public async ValueTask InitializeAsync()
    {
        await Machine.NeedAsync(engine);
        var start = new ProcessStartInfo(Machine.Program, ["doctor", "--conformance", "--json", "--engine", engine.Word()])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["CODEXCTL_BASE_IMAGE"] = Machine.BaseImage;
        start.Environment["CODEXCTL_BUILD_NETWORK"] = "host";
        Prepare(start);
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().WaitAsync(_limit);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
        }
        _said = await error;
        var report = await output;
        _report = report.Length == 0 ? null : JsonSerializer.Deserialize(report, ConformanceJson.Default.ConformanceReport);
        if (_report is not null)
        {
            await EnginesTable.AddAsync(_report);
        }
    }

    /// <summary>What the engine needs in the environment.</summary>
    protected virtual void Prepare(ProcessStartInfo start) { }

    public PromiseResult Result(string id) =>
        _report?.Results.SingleOrDefault(result => result.Id == id)
        ?? throw new InvalidOperationException($"{Name} was not asked for {id}:\n{_said}");

    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }
}
