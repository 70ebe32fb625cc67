using Codexctl.Settings;

namespace Codexctl.Tests;

public class PathsTests
{
    [Fact]
    public void A_long_state_directory_moves_the_sockets_where_their_path_fits()
    {
        var paths = new Paths(new HostEnvironment(new Dictionary<string, string> { ["CODEXCTL_STATE_DIR"] = "/" + new string('x', 120) }));
        var container = paths.Container("docker", "codex-app");

        container.DoorSocket.Length.ShouldBeLessThanOrEqualTo(Paths.LongestSocketPath);
        container.ControlSocket.Length.ShouldBeLessThanOrEqualTo(Paths.LongestSocketPath);
        container.Door.ShouldNotBe(Path.GetDirectoryName(container.ControlSocket));
    }
}
