using Codexctl.Settings;
using CsCheck;

namespace Codexctl.Tests.Settings;

public class SettingsEditorTests
{
    private static string Set(string text, string name, SettingValue value) => SettingsEditor.Set("/c.toml", text, name.Split('.'), value);

    private static Gen<string> One(params string[] texts) => Gen.Int[0, texts.Length - 1].Select(i => texts[i]);

    private static string Add(string text, string entry) => SettingsEditor.Add("/c.toml", text, ["allow"], entry);

    [Theory]
    [InlineData("", "engine", "engine = \"docker\"\n")]
    [InlineData("# mine\n", "engine", "# mine\nengine = \"docker\"\n")]
    [InlineData("# mine", "engine", "# mine\nengine = \"docker\"\n")]
    [InlineData("# a\nengine = \"podman\" # why\nstrict = true\n", "engine", "# a\nengine = \"docker\" # why\nstrict = true\n")]
    [InlineData("strict = true # s\n\n# models\n[model]\n", "engine", "strict = true # s\nengine = \"docker\"\n\n# models\n[model]\n")]
    [InlineData(
        "# head\n\n# models\n[model]\nname = \"m\"\n",
        "engine",
        "# head\n\nengine = \"docker\"\n\n# models\n[model]\nname = \"m\"\n"
    )]
    [InlineData("[model]\n", "engine", "engine = \"docker\"\n\n[model]\n")]
    public void A_value_goes_where_it_belongs_and_the_rest_stays(string before, string name, string after) =>
        Set(before, name, SettingValue.Of("docker")).ShouldBe(after);

    [Theory]
    [InlineData("", "[model]\nname = \"m\"\n")]
    [InlineData("strict = true", "strict = true\n\n[model]\nname = \"m\"\n")]
    [InlineData("[model] # t\n\n[auth]\n", "[model] # t\nname = \"m\"\n\n[auth]\n")]
    [InlineData("[model]\nserver = \"ollama\" # s\n[auth]\n", "[model]\nserver = \"ollama\" # s\nname = \"m\"\n[auth]\n")]
    [InlineData("model.server = \"ollama\"\n", "model.server = \"ollama\"\nmodel.name = \"m\"\n")]
    [InlineData("model = { server = \"ollama\" }\n", "model = { server = \"ollama\", name = \"m\" }\n")]
    [InlineData("model = { name = \"old\" } # c\n", "model = { name = \"m\" } # c\n")]
    public void A_value_in_a_table_too(string before, string after) => Set(before, "model.name", SettingValue.Of("m")).ShouldBe(after);

    [Theory]
    [InlineData("servers = { box = { url = \"http://x\" } }\n", "servers = { box = { url = \"http://x\", kind = \"vllm\" } }\n")]
    [InlineData("[servers]\nbox = { url = \"http://x\" } # c\n", "[servers]\nbox = { url = \"http://x\", kind = \"vllm\" } # c\n")]
    [InlineData("servers.box = {}\n", "servers.box = { kind = \"vllm\" }\n")]
    [InlineData("servers = { other = { url = \"http://x\" } }\n", "servers = { other = { url = \"http://x\" }, box.kind = \"vllm\" }\n")]
    public void And_in_tables_within_a_line(string before, string after) =>
        Set(before, "servers.box.kind", SettingValue.Of("vllm")).ShouldBe(after);

    [Theory]
    [InlineData("", "allow = [\"npm\"]\n")]
    [InlineData("allow = []\n", "allow = [\"npm\"]\n")]
    [InlineData("allow = [\"a.org\"] # c\n", "allow = [\"a.org\", \"npm\"] # c\n")]
    [InlineData("allow = [\"a.org\",]\n", "allow = [\"a.org\", \"npm\",]\n")]
    [InlineData("allow = [\n  \"a.org\", # ours\n]\n", "allow = [\n  \"a.org\", # ours\n  \"npm\",\n]\n")]
    [InlineData("allow = [\n  # first\n  \"a.org\"\n]\n", "allow = [\n  # first\n  \"a.org\",\n  \"npm\"\n]\n")]
    [InlineData("allow = [\"npm\"]", "allow = [\"npm\"]")]
    public void An_entry_is_added_to_a_list_in_its_layout(string before, string after) => Add(before, "npm").ShouldBe(after);

    [Theory]
    [InlineData("# a\nengine = \"docker\" # b\n# c\n", "engine", "# a\n# c\n")]
    [InlineData("engine = \"docker\"", "engine", "")]
    [InlineData("[model]\nname = \"m\"\nserver = \"vllm\"\n", "model.name", "[model]\nserver = \"vllm\"\n")]
    [InlineData("model = { name = \"m\", server = \"vllm\" }\n", "model.name", "model = { server = \"vllm\" }\n")]
    [InlineData("allow = [\n \"a.org\",\n]\nstrict = true\n", "allow", "strict = true\n")]
    public void A_value_is_taken_out_with_its_line(string before, string name, string after) =>
        SettingsEditor.Unset("/c.toml", before, name.Split('.')).ShouldBe(after);

    [Fact]
    public void What_is_not_there_cannot_be_taken_out() => SettingsEditor.Unset("/c.toml", "strict = true", ["engine"]).ShouldBeNull();

    [Fact]
    public void A_broken_file_is_not_touched() =>
        Should.Throw<UserError>(() => Set("strict = \"x\"\n", "engine", SettingValue.Of("docker"))).Message.ShouldStartWith("/c.toml:1:");

    [Fact]
    public void Whatever_is_set_is_read_back_and_nothing_else_changes() =>
        Check.Sample(
            Gen.Select(
                One("", "# c\n", "strict = true\n", "[model]\nname = \"m\"\n", "[servers.a]\nurl = \"http://a\"\n[auth]\nmode = 'full'\n"),
                One("engine", "model.name", "auth.store", "servers.a.kind", "servers.b.kind", "profiles.x.effort", "memory")
            ),
            (text, name) =>
            {
                var value = SettingValue.Of(
                    name switch
                    {
                        "memory" => "4G",
                        "engine" => "docker",
                        "auth.store" => "file",
                        "profiles.x.effort" => "low",
                        "model.name" => "n:1",
                        _ => "vllm",
                    }
                );
                var before = SettingsFile.Parse("/c.toml", text).Entries.Where(entry => entry.Name != name);
                var after = SettingsFile.Parse("/c.toml", Set(text, name, value)).Entries;

                after.Single(entry => entry.Name == name).Value.Same(value).ShouldBeTrue();
                after
                    .Where(entry => entry.Name != name)
                    .Select(entry => (entry.Name, entry.Value.Text))
                    .ShouldBe(before.Select(entry => (entry.Name, entry.Value.Text)));
            }
        );
}
