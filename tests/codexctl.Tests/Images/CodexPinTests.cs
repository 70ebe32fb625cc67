using Codexctl.Images;
using Codexctl.Settings;

namespace Codexctl.Tests.Images;

public sealed class CodexPinTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("codexctl-test-").FullName;
    private readonly Paths _paths;

    public CodexPinTests() =>
        _paths = new Paths(new HostEnvironment(new Dictionary<string, string> { ["HOME"] = _home, ["CODEXCTL_STATE_DIR"] = _home }));

    public void Dispose() => Directory.Delete(_home, recursive: true);

    private static CodexLock Version(string version) => CodexLock.Embedded with { Version = version };

    [Fact]
    public void Without_a_choice_it_is_codexctls_own()
    {
        var pin = CodexPin.Load(_paths);

        pin.Lock.ShouldBe(CodexLock.Embedded);
        pin.IsChosen.ShouldBeFalse();
        pin.Back().ShouldBeNull();
    }

    [Fact]
    public void Choices_are_kept_and_gone_back_to_one_by_one()
    {
        CodexPin.Load(_paths).Choose(Version("1.0.0")).Save(_paths);
        CodexPin.Load(_paths).Choose(Version("2.0.0")).Save(_paths);
        var pin = CodexPin.Load(_paths);
        pin.Lock.Version.ShouldBe("2.0.0");
        pin.Lock.Platforms["linux-x64"].Integrity.ShouldBe(CodexLock.Embedded.Platforms["linux-x64"].Integrity);

        pin.Back()!.Save(_paths);
        CodexPin.Load(_paths).Lock.Version.ShouldBe("1.0.0");
        CodexPin.Load(_paths).Back()!.Save(_paths);

        CodexPin.Load(_paths).IsChosen.ShouldBeFalse();
        File.Exists(_paths.CodexPin).ShouldBeFalse();
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData(
        "[{\"package\":\"p\",\"version\":\"1\",\"platforms\":{\"linux-x64\":{\"version\":\"1\",\"target\":\"t\",\"integrity\":\"md5-x\"}}}]"
    )]
    public void A_pin_that_cannot_be_understood_is_an_error_and_nothing_else_is_used(string text)
    {
        File.WriteAllText(_paths.CodexPin, text);

        Should.Throw<UserError>(() => CodexPin.Load(_paths)).Mend.ShouldNotBeNull().ShouldContain("Remove it");
    }
}
