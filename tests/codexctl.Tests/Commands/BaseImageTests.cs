using Codexctl.Commands;

namespace Codexctl.Tests.Commands;

public class BaseImageTests
{
    [Theory]
    [InlineData("debian")]
    [InlineData("debian:12-slim")]
    [InlineData("docker.io/library/alpine:3.22")]
    [InlineData("localhost:5000/team"), InlineData("registry.example:5000/team/base_image:V1.2")]
    [InlineData("alpine@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]
    [InlineData(null)]
    public void A_name_of_an_image_is_taken(string? name) => Should.NotThrow(() => ImageMaking.CheckBase(name));

    [Theory]
    [InlineData(""), InlineData(" "), InlineData("Bad Ref"), InlineData("--privileged"), InlineData("-f"), InlineData("debian:12\n")]
    [InlineData("$(id)"), InlineData("debian:"), InlineData("debian@sha256:12")]
    public void Anything_else_is_an_error_before_something_is_built(string name) =>
        Should.Throw<UserError>(() => ImageMaking.CheckBase(name)).ExitCode.ShouldBe(ExitCodes.Usage);
}
