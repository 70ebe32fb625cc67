using System.Text.RegularExpressions;
using Codexctl.Engines;
using Codexctl.Engines.Docker;
using Codexctl.Tests.Fakes;

namespace Codexctl.Tests.Docs;

/// <summary>docs/behind-the-scenes.md shows the calls of docker that are made, and none that is not.</summary>
public sealed class BehindTheScenesTests
{
    private const string Name = "codex-my-project";

    [Fact]
    public async Task The_lines_of_docker_on_the_page_are_those_that_the_engine_is_called_with()
    {
        var page = DocCommands
            .Of(Path.Combine(DocCommands.Root, "docs", "behind-the-scenes.md"))
            .Select(command => command.Line)
            .Where(line => line.StartsWith("docker ", StringComparison.Ordinal) && line.Contains(Name, StringComparison.Ordinal))
            .ToList();

        var calls = await CallsAsync();

        page.Count.ShouldBe(calls.Count);
        foreach (var (line, call) in page.Zip(calls))
        {
            var pattern = $"^{Regex.Escape(line).Replace("…", ".+", StringComparison.Ordinal)}$";
            Regex.IsMatch(call, pattern, RegexOptions.NonBacktracking).ShouldBeTrue($"the page: {line}\nthe call: {call}");
        }
    }

    /// <summary>A new container's life, as a run and its gateway live it.</summary>
    private static async Task<List<string>> CallsAsync()
    {
        using var processes = new FakeProcesses();
        foreach (var _ in Enumerable.Range(0, 6))
        {
            processes.Expect("docker ", "[]");
        }
        var engine = new DockerEngine(processes, DockerDialect.Docker(), EngineDoor.SocketOnly);
        var spec = new ContainerSpec(
            Name,
            "codex",
            new Dictionary<string, string> { ["codexctl.version"] = "0.1.0", ["codexctl.workdir"] = "/home/me/my-project" },
            [new Mount("/home/me/my-project", Box.Workdir, false), new Mount("/home/me/state/door", Box.Door, true)],
            [],
            BoxNetwork.None,
            new BoxUser(1000, 1000),
            null,
            null
        );
        var codex = new ExecSpec(
            Name,
            ["codex", "--profile", "gpt-oss"],
            new BoxUser(1000, 1000),
            Root: false,
            Terminal: true,
            new Dictionary<string, string> { ["TERM"] = "xterm" },
            "s1"
        );
        await engine.InspectWithImageAsync([Name, $"{Name}-1a2b3c4d"], "codex");
        await engine.CreateAsync(spec);
        await engine.StartAsync(Name);
        await engine.ExecAsync(codex);
        await engine.StopAsync(Name);
        await engine.RemoveAsync(Name, force: false);
        return [.. processes.Calls.Select(call => call.Display)];
    }
}
