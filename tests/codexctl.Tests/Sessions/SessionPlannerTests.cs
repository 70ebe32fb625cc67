using Codexctl.Engines;
using Codexctl.Models;
using Codexctl.Sessions;
using Codexctl.Settings;

namespace Codexctl.Tests.Sessions;

public class SessionPlannerTests
{
    private const string Folder = "/home/me/app";
    private static readonly string Hashed = ContainerNames.WithHash("codex-app", Folder);

    private static RunRequest Request(Func<RunRequest, RunRequest>? change = null)
    {
        var request = new RunRequest
        {
            Workdir = new Workdir(Folder, []),
            StateId = "mine",
            Image = "codex",
            User = new BoxUser(1000, 1000),
            Choice = new ModelChoice(new Uri("http://127.0.0.1:11434"), "m", CodexctlSettings.GptOss),
            Command = ["true"],
            Environment = new Dictionary<string, string>(),
        };
        return change is null ? request : change(request);
    }

    private static ContainerInfo Container(
        string name = "codex-app",
        string? folder = Folder,
        ContainerState state = ContainerState.Stopped,
        bool? readOnly = false,
        string network = "none",
        string temporary = "false",
        string served = "mine"
    ) =>
        new(
            name,
            state,
            "codex",
            folder is null
                ? new Dictionary<string, string>()
                : new Dictionary<string, string>
                {
                    [ContainerLabels.Workdir] = WorkdirLabel.Write(folder),
                    [ContainerLabels.Network] = network,
                    [ContainerLabels.Temporary] = temporary,
                    [ContainerLabels.State] = served,
                },
            readOnly,
            null
        );

    private static SessionPlan Plan(RunRequest request, params ContainerInfo[] found) =>
        SessionPlanner.Plan(request, SessionPlanner.Candidates(request), found);

    [Fact]
    public void Nothing_there_means_create_and_start() => Plan(Request()).ShouldBe(new SessionPlan("codex-app", Create: true, Start: true));

    [Fact]
    public void A_stopped_container_is_only_started() =>
        Plan(Request(), Container()).ShouldBe(new SessionPlan("codex-app", Create: false, Start: true));

    [Fact]
    public void A_running_container_needs_nothing() =>
        Plan(Request(), Container(state: ContainerState.Running)).ShouldBe(new SessionPlan("codex-app", Create: false, Start: false));

    [Fact]
    public void Another_folder_with_the_same_base_name_keeps_its_container() =>
        Plan(Request(), Container(folder: "/other/app")).Name.ShouldBe(Hashed);

    [Fact]
    public void Our_container_is_found_under_its_second_name() =>
        Plan(Request(), Container(folder: "/other/app"), Container(Hashed)).ShouldBe(new SessionPlan(Hashed, Create: false, Start: true));

    [Fact]
    public void A_container_whose_door_somebody_else_serves_is_not_joined()
    {
        Plan(Request(), Container(served: "theirs")).Name.ShouldBe(Hashed);
        Should.Throw<UserError>(() => Plan(Request(r => r with { Name = "codex-app" }), Container(served: "theirs")));
    }

    [Fact]
    public void A_container_of_another_program_is_never_touched() => Plan(Request(), Container(folder: null)).Name.ShouldBe(Hashed);

    [Fact]
    public void Both_names_taken_by_others_is_an_error() =>
        Should.Throw<UserError>(() => Plan(Request(), Container(folder: null), Container(Hashed, folder: null)));

    [Fact]
    public void A_named_container_of_another_program_is_refused() =>
        Should
            .Throw<UserError>(() => Plan(Request(r => r with { Name = "theirs" }), Container("theirs", folder: null)))
            .Message.ShouldContain("did not make it");

    [Fact]
    public void A_named_container_of_another_folder_is_refused() =>
        Should
            .Throw<UserError>(() => Plan(Request(r => r with { Name = "mine" }), Container("mine", folder: "/elsewhere")))
            .Message.ShouldContain("/elsewhere");

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void Another_mount_mode_is_refused_with_the_way_on(bool asked, bool there)
    {
        var error = Should.Throw<UserError>(() => Plan(Request(r => r with { ReadOnly = asked }), Container(readOnly: there)));
        error.Mend!.ShouldContain("codexctl rm");
        error.Mend!.ShouldContain("--temp");
    }

    [Fact]
    public void A_mode_that_cannot_be_read_is_only_a_notice() => Plan(Request(), Container(readOnly: null)).Notice.ShouldNotBeNull();

    [Theory]
    [InlineData(BoxNetwork.Full, "none")]
    [InlineData(BoxNetwork.None, "full")]
    public void Another_network_is_refused(BoxNetwork asked, string there) =>
        Should.Throw<UserError>(() => Plan(Request(r => r with { Network = asked }), Container(network: there)));

    [Fact]
    public void Temp_on_an_existing_container_is_refused() =>
        Should.Throw<UserError>(() => Plan(Request(r => r with { Temporary = true, Name = "codex-app" }), Container()));

    [Fact]
    public void A_temporary_container_without_a_name_gets_one_of_its_own()
    {
        var one = SessionPlanner.Candidates(Request(r => r with { Temporary = true })).ShouldHaveSingleItem();
        one.ShouldNotBe(SessionPlanner.Candidates(Request(r => r with { Temporary = true })).ShouldHaveSingleItem());
        ContainerNames.Check(one);
    }

    [Fact]
    public void The_temporary_container_of_a_run_that_is_on_is_not_joined() =>
        Should.Throw<UserError>(() =>
            Plan(Request(r => r with { Name = "t1" }), Container("t1", state: ContainerState.Running, temporary: "true"))
        );

    [Theory]
    [InlineData("/home/me/app")]
    [InlineData("/home/me/a=b,c:d e")]
    [InlineData("/home/me/zeile\numbruch")]
    [InlineData("/home/me/🙂 100%")]
    public void A_label_tells_the_folder_back_and_holds_nothing_that_an_engine_refuses(string folder)
    {
        var written = WorkdirLabel.Write(folder);
        written.ShouldNotContain('=');
        written.ShouldNotContain('\n');
        written.ShouldNotContain(',');
        WorkdirLabel.Read(Container(folder: folder)).ShouldBe(folder);
    }

    [Fact]
    public void Other_mounts_than_the_containers_are_told_with_what_to_do()
    {
        var mount = new Mount("/data", "/mnt/data", ReadOnly: true);
        var plain = Container();
        var with = plain with
        {
            Labels = new Dictionary<string, string>(plain.Labels) { [ContainerLabels.Mounts] = MountsLabel.Write([mount]) },
        };

        Plan(Request(r => r with { Mounts = [mount] }), with).Create.ShouldBeFalse();
        var error = Should.Throw<UserError>(() => Plan(Request(r => r with { Mounts = [mount] }), plain));
        error.Message.ShouldBe("The container codex-app was made with no further folders, and /data at /mnt/data was asked.");
        error.Mend!.ShouldContain("codexctl rm --name codex-app");
        error.Mend!.ShouldContain("leave --mount");
        Should.Throw<UserError>(() => Plan(Request(), with));
        Should
            .Throw<UserError>(() => Plan(Request(r => r with { Mounts = [mount with { ReadOnly = false }] }), with))
            .Message.ShouldContain("/data at /mnt/data (writable)");
    }

    [Fact]
    public void A_container_of_this_folder_is_found_under_its_second_name_when_the_first_is_free() =>
        Plan(Request(), Container(Hashed)).ShouldBe(new SessionPlan(Hashed, Create: false, Start: true));
}
