using System.Diagnostics;
using Codexctl.Doctor.Conformance;
using Codexctl.EndToEnd.Harness;

namespace Codexctl.Conformance;

/// <summary>
/// Every promise on every engine. A class an engine, so that the engines are tried side by side. What an engine cannot give
/// stands here by name: a promise that stops being possible is a failure, and so is one that begins to be.
/// </summary>
public abstract class PromiseTests(EngineReport report, params string[] notPossible)
{
    public static TheoryData<string> Ids => [.. Promises.All.Select(promise => promise.Id)];

    [Theory]
    [MemberData(nameof(Ids))]
    public void Holds(string id)
    {
        var result = report.Result(id);
        var expected = notPossible.Contains(id, StringComparer.Ordinal) ? Verdict.NotPossible : Verdict.Held;
        result.Verdict.ShouldBe(expected, $"{result.Promise}: {result.Detail}");
    }
}

public sealed class DockerReport() : EngineReport(Engine.Docker);

public class DockerTests(DockerReport report) : PromiseTests(report), IClassFixture<DockerReport>;

public sealed class PodmanReport() : EngineReport(Engine.Podman);

public class PodmanTests(PodmanReport report) : PromiseTests(report), IClassFixture<PodmanReport>;

/// <summary>By the emulator: what only a Mac can show is not shown here.</summary>
public sealed class AppleReport() : EngineReport(Engine.Apple)
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cx-apple-").FullName;

    private string Home => Path.Combine(_folder, "home");

    protected override void Prepare(ProcessStartInfo start)
    {
        Directory.CreateDirectory(Home);
        File.WriteAllText(Path.Combine(Home, "config"), "IMAGES=codex\n");
        File.CreateSymbolicLink(Path.Combine(_folder, "container"), Path.Combine(AppContext.BaseDirectory, "container"));
        start.Environment["PATH"] = $"{_folder}:{Machine.Variable("PATH")}";
        start.Environment["FAKE_CONTAINER_HOME"] = Home;
        start.Environment.Remove("CODEXCTL_BUILD_NETWORK");
    }

    public override async ValueTask DisposeAsync()
    {
        var label = $"label=fake.container={Codexctl.Paths.Hash(Home, 12)}";
        var left = Machine.Run("docker", "ps", "--all", "--quiet", "--filter", label).Output;
        if (left.Split('\n', StringSplitOptions.RemoveEmptyEntries) is { Length: > 0 } boxes)
        {
            Machine.Run("docker", ["rm", "--force", "--volumes", .. boxes]);
        }
        Directory.Delete(_folder, recursive: true);
        await base.DisposeAsync();
    }
}

public class AppleTests(AppleReport report) : PromiseTests(report, "killed-gateway"), IClassFixture<AppleReport>;

public sealed class BubblewrapReport() : EngineReport(Engine.Bubblewrap);

public class BubblewrapTests(BubblewrapReport report)
    : PromiseTests(report, "missing-image", "limits", "su-exec"),
        IClassFixture<BubblewrapReport>;
