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

public sealed class BubblewrapReport() : EngineReport(Engine.Bubblewrap);

public class BubblewrapTests(BubblewrapReport report)
    : PromiseTests(report, "missing-image", "limits", "su-exec"),
        IClassFixture<BubblewrapReport>;
