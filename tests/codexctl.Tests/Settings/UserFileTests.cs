using Codexctl.Settings;

namespace Codexctl.Tests.Settings;

/// <summary>The person's own file: what cannot be understood stops everything, rather than the settings be left out.</summary>
public sealed class UserFileTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("codexctl-test-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private string File1 => Path.Combine(_root, "config.toml");

    private CodexctlSettings Load()
    {
        var environment = new HostEnvironment(new Dictionary<string, string> { ["HOME"] = _root, ["CODEXCTL_CONFIG"] = File1 });
        return new SettingsLoader(environment, new Paths(environment)).Load(_root);
    }

    [Fact]
    public void None_is_fine() => Load().FullNetwork.ShouldBeFalse();

    [Fact]
    public void A_mark_of_the_byte_order_is_fine()
    {
        File.WriteAllText(File1, "strict = true\n", new System.Text.UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
        Load().Strict.ShouldBeTrue();
    }

    [Fact]
    public void A_folder_is_an_error()
    {
        Directory.CreateDirectory(File1);
        Should.Throw<UserError>(Load).Why.ShouldBe("It is a folder.");
    }

    [Fact]
    public void A_link_that_leads_nowhere_is_an_error()
    {
        File.CreateSymbolicLink(File1, Path.Combine(_root, "nowhere"));
        Should.Throw<UserError>(Load).Why!.ShouldContain("which is not there");
    }

    [Fact]
    public void What_is_no_text_is_an_error_and_is_not_mended_by_leaving_it_out()
    {
        File.WriteAllBytes(File1, [.. "strict = true # "u8, 0xFF, .. "\n"u8]);
        Should.Throw<UserError>(Load).Why.ShouldBe("It is not UTF-8 text.");
    }

    [Fact]
    public void A_changed_file_keeps_its_mode_and_a_new_one_is_the_persons_alone()
    {
        PrivateFile.Change(File1, "a"u8);
        File.GetUnixFileMode(File1).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var open = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        File.SetUnixFileMode(File1, open);
        PrivateFile.Change(File1, "b"u8);
        File.GetUnixFileMode(File1).ShouldBe(open);
        File.ReadAllText(File1).ShouldBe("b");
    }
}
