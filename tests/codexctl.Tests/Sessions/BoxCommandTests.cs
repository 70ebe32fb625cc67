using Codexctl.Engines;
using Codexctl.Sessions;
using Codexctl.Settings;

namespace Codexctl.Tests.Sessions;

public class BoxCommandTests
{
    private static IReadOnlyList<string> Codex(string? model, IReadOnlyList<string> arguments) =>
        BoxCommand.Codex(["codex"], "gpt-oss", model, arguments);

    [Fact]
    public void The_settings_name_the_program_its_flags_and_the_profile() =>
        BoxCommand
            .Codex(["codex", "--no-alt-screen"], "fast", null, ["exec", "x"])
            .ShouldBe(["codex", "--no-alt-screen", "--profile", "fast", "exec", "--skip-git-repo-check", "x"]);

    [Fact]
    public void Without_arguments_it_is_the_seeds_command() => Codex(null, []).ShouldBe(["codex", "--profile", "gpt-oss"]);

    [Fact]
    public void A_model_and_arguments_follow_the_profile() =>
        Codex("qwen3:8b", ["-c", "a=1"]).ShouldBe(["codex", "--profile", "gpt-oss", "--model", "qwen3:8b", "-c", "a=1"]);

    [Theory]
    [InlineData("--profile", "mine")]
    [InlineData("-p", "mine")]
    public void A_profile_of_the_persons_own_replaces_ours(string option, string value) =>
        Codex(null, [option, value]).ShouldBe(["codex", option, value]);

    [Fact]
    public void Exec_works_outside_a_git_repository() =>
        Codex(null, ["exec", "do it"]).ShouldBe(["codex", "--profile", "gpt-oss", "exec", "--skip-git-repo-check", "do it"]);

    [Fact]
    public void The_check_is_not_skipped_twice() =>
        Codex(null, ["exec", "--skip-git-repo-check", "x"]).Count(word => word == "--skip-git-repo-check").ShouldBe(1);

    [Fact]
    public void A_single_word_with_a_space_is_a_line_for_the_shell() =>
        BoxCommand.Typed(["ls -la | wc"], "zsh").ShouldBe(["zsh", "-lc", "ls -la | wc"]);

    [Fact]
    public void Several_words_are_taken_as_they_are() =>
        BoxCommand.Typed(["printf", "%s", "a b"], "bash").ShouldBe(["printf", "%s", "a b"]);

    [Fact]
    public void Nothing_of_the_hosts_environment_enters_but_what_is_named()
    {
        var host = new HostEnvironment(
            new Dictionary<string, string>
            {
                ["OPENAI_API_KEY"] = "sk-secret",
                ["AWS_SECRET_ACCESS_KEY"] = "x",
                ["TERM"] = "xterm-256color",
                ["HOME"] = "/home/me",
                ["PATH"] = "/evil",
            }
        );
        var box = BoxEnvironment.For(host, BoxNetwork.None);

        box.Keys.ShouldNotContain("OPENAI_API_KEY");
        box.Keys.ShouldNotContain("AWS_SECRET_ACCESS_KEY");
        box.Keys.ShouldNotContain("PATH");
        box["TERM"].ShouldBe("xterm-256color");
        box["HOME"].ShouldBe("/home/coder");
    }

    [Fact]
    public void The_proxy_is_named_in_both_cases_and_the_model_is_not_sent_through_it()
    {
        var box = BoxEnvironment.For(new HostEnvironment(new Dictionary<string, string>()), BoxNetwork.None);
        foreach (var name in (string[])["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"])
        {
            box[name].ShouldBe("http://127.0.0.1:3128");
        }
        box["NO_PROXY"].ShouldContain("127.0.0.1");
        box["no_proxy"].ShouldBe(box["NO_PROXY"]);
        BoxEnvironment.For(new HostEnvironment(new Dictionary<string, string>()), BoxNetwork.Full).Keys.ShouldNotContain("HTTP_PROXY");
    }
}
