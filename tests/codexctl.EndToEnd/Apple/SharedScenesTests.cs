using Codexctl.EndToEnd.Bubblewrap;
using Codexctl.EndToEnd.Faults;
using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd.Apple;

/// <summary>What every engine promises, played with the engine for Apple's `container` and the emulator of it.</summary>
public class SharedScenesTests
{
    private static readonly Dictionary<string, Func<Task>> _scenes = new(StringComparer.Ordinal)
    {
        ["a full screen takes a prompt and leaves the terminal as it was"] = () =>
            new TerminalTests().The_interactive_screen_starts_at_once_takes_a_prompt_answers_and_leaves_the_terminal_as_it_was(
                Engine.Apple,
                repository: true
            ),
        ["a full screen follows the window's size and Ctrl-C is Codex's"] = () =>
            new TerminalTests().The_interactive_screen_follows_the_windows_size_and_ctrl_c_is_codexs(Engine.Apple),
        ["a shell has a terminal with job control"] = () =>
            new TerminalTests().A_shell_has_a_real_terminal_with_job_control_and_its_size(Engine.Apple),
        ["Ctrl-C ends a plain command"] = () => new TerminalTests().Ctrl_C_ends_a_plain_command(Engine.Apple),
        ["Ctrl-C ends a command whose output goes to a pipe"] = () =>
            new TerminalTests().Ctrl_C_ends_a_command_whose_output_goes_to_a_pipe(Engine.Apple),
        ["the terminal is sane after the box died"] = () =>
            new TerminalTests().The_terminal_is_sane_again_when_the_box_dies_under_the_interactive_screen(Engine.Apple),
        ["a closed terminal ends Codex and its box"] = () =>
            new TerminalTests().A_terminal_that_is_closed_ends_codex_and_its_box(Engine.Apple),
        ["exit codes"] = () => new ExitCodeTests().A_commands_own_code_is_the_code_of_run_and_exec(Engine.Apple),
        ["programs that are not there"] = () =>
            new ExitCodeTests().Programs_that_are_not_there_or_not_executable_have_the_shells_codes(Engine.Apple),
        ["SIGINT"] = () => new ExitCodeTests().A_signal_ends_the_command_and_everything_with_it(Engine.Apple, "INT", 130),
        ["SIGTERM"] = () => new ExitCodeTests().A_signal_ends_the_command_and_everything_with_it(Engine.Apple, "TERM", 143),
        ["SIGHUP"] = () => new ExitCodeTests().A_signal_ends_the_command_and_everything_with_it(Engine.Apple, "HUP", 129),
        ["Codex writes the person's files"] = () =>
            new CodexRunTests().A_tool_call_writes_a_file_that_belongs_to_the_person_and_only_the_answer_is_on_standard_output(
                Engine.Apple,
                Person.Self
            ),
        ["Codex writes an ordinary person's files"] = () =>
            new CodexRunTests().A_tool_call_writes_a_file_that_belongs_to_the_person_and_only_the_answer_is_on_standard_output(
                Engine.Apple,
                Person.Ordinary
            ),
        ["any standard input"] = () => new CodexRunTests().Codex_works_whatever_standard_input_is(Engine.Apple),
        ["pipes carry every byte"] = () => new CodexRunTests().Pipes_carry_every_byte_of_both_directions(Engine.Apple),
        ["only loopback is in the box"] = () =>
            new IsolationTests().Only_loopback_is_in_the_box_and_nothing_else_can_be_reached(Engine.Apple),
        ["the proxy refuses in words"] = () => new IsolationTests().The_proxy_refuses_with_words_that_name_the_flag(Engine.Apple),
        ["the door is local only"] = () =>
            new IsolationTests().The_door_lets_nothing_change_the_model_server_and_no_remote_model_answer(Engine.Apple),
        ["a read-only folder"] = () =>
            new IsolationTests().A_read_only_folder_cannot_be_written_and_a_run_that_would_is_refused(Engine.Apple),
        ["two folders of one name"] = () => new SessionTests().Two_folders_with_one_base_name_have_two_containers(Engine.Apple),
        ["runs share a container"] = () =>
            new SessionTests().Runs_in_one_folder_share_the_container_and_the_last_one_stops_it(Engine.Apple),
        ["a temporary container leaves nothing"] = () => new SessionTests().A_temporary_container_leaves_nothing(Engine.Apple),
        ["start, stop, restart, rm"] = () => new SessionTests().Start_stop_restart_and_rm_do_what_they_say(Engine.Apple),
        ["rm --force under a run"] = () => new SessionTests().Rm_force_ends_a_run_that_is_on(Engine.Apple),
        ["exec and su-exec"] = () => new SessionTests().Exec_joins_as_the_person_and_su_exec_as_root_where_the_engine_can(Engine.Apple),
        ["ls"] = () => new SessionTests().Ls_shows_name_state_mode_and_folder(Engine.Apple),
        ["bad input"] = () => new BadInputTests().Bad_input_is_refused_with_a_sentence_and_nothing_is_created(Engine.Apple),
        ["the home directory, own files hidden"] = () =>
            new BadInputTests().The_home_directory_can_be_allowed_and_codexctls_own_files_stay_hidden(Engine.Apple),
        ["folders of any name"] = () => new BadInputTests().A_folder_may_have_any_name(Engine.Apple),
        ["a killed front end"] = () =>
            new KilledFrontEndTests().Killed_while_its_command_runs_it_leaves_nothing_but_its_recording_and_receipt(Engine.Apple),
        ["a killed front end of two"] = () =>
            new KilledFrontEndTests().Of_two_runs_in_one_container_only_the_one_that_ended_loses_its_processes(Engine.Apple, "KILL"),
        ["front end and gateway killed"] = () =>
            new KilledGatewayTests().When_front_end_and_gateway_are_killed_the_next_run_recovers(Engine.Apple, temporary: false),
    };

    public static TheoryData<string> Scenes => [.. _scenes.Keys];

    [Theory, MemberData(nameof(Scenes))]
    public Task Holds_on_apples_container(string scene) => _scenes[scene]();
}
