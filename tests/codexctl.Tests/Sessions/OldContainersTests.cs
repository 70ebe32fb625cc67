using Codexctl.Engines;
using Codexctl.Sessions;

namespace Codexctl.Tests.Sessions;

public class OldContainersTests
{
    private static ContainerInfo Container(string name, bool ours = false, string? folder = "/home/me/app") =>
        new(
            name,
            ContainerState.Stopped,
            "codex",
            ours ? new Dictionary<string, string> { [ContainerLabels.Workdir] = "/home/me/app" } : new Dictionary<string, string>(),
            false,
            null
        )
        {
            WorkdirSource = folder,
        };

    [Theory]
    [InlineData("codex-app", OldKind.Folder)]
    [InlineData("agent-app", OldKind.Folder)]
    [InlineData("codex-openai-auth-app", OldKind.SignIn)]
    [InlineData("box-app", OldKind.None)]
    [InlineData("postgres", OldKind.None)]
    public void They_are_known_by_their_names(string name, OldKind kind) => OldContainers.KindOf(Container(name)).ShouldBe(kind);

    [Fact]
    public void Ours_and_others_of_such_a_name_are_none_of_them()
    {
        OldContainers.KindOf(Container("codex-app", ours: true)).ShouldBe(OldKind.None);
        OldContainers.KindOf(Container("codex-app", folder: null)).ShouldBe(OldKind.None);
        OldContainers.KindOf(Container("box-app"), "box-").ShouldBe(OldKind.Folder);
    }

    [Theory]
    [InlineData("codex:latest", "codex")]
    [InlineData("localhost/codex-python:latest", "codex-python")]
    [InlineData("agent-plain:20260518", "codex")]
    [InlineData("docker.io/library/agent-office", "codex-office")]
    [InlineData("debian:12", null)]
    public void Their_images_have_ours_that_do_the_same(string image, string? ours) =>
        OldContainers.OurImage(image, name => name is "codex" or "codex-python" or "codex-office").ShouldBe(ours);
}
