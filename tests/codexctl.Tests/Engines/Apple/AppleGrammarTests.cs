using System.Net;
using Codexctl.AppleContainer;
using Codexctl.Engines;
using Codexctl.Engines.Apple;
using Codexctl.Models;
using Codexctl.Sessions;
using Codexctl.Settings;
using CsCheck;

namespace Codexctl.Tests.Engines.Apple;

/// <summary>Whatever the engine can be asked for, the strict table of the emulator takes, release by release.</summary>
public class AppleGrammarTests
{
    private static readonly Profile[] _profiles = [Profile.V1_0, Profile.V1_2_2, Profile.V1_4_1];

    // The characters that grammars trip over come often.
    private static readonly Gen<char> _nasty = Gen.OneOf(
        Gen.Char[" ,:=\"'\\-.#%$@\n\t"],
        Gen.Char['a', 'z'],
        Gen.Char['A', 'Z'],
        Gen.Char['0', '9'],
        Gen.Const('ü'),
        Gen.Const('日')
    );
    private static readonly Gen<string> _segment = Gen.String[_nasty, 1, 12];
    private static readonly Gen<string> _path = _segment.List[1, 5].Select(parts => "/" + string.Join('/', parts));
    private static readonly Gen<string> _word = Gen.OneOf(_segment, Gen.Const("--"), Gen.Const("-it"), Gen.Const("--help"), Gen.Const(""));

    // Made from a folder, or typed: whatever the product lets through.
    private static readonly Gen<string> _name = Gen.OneOf(
        _path.Select(path => ContainerNames.ForFolder("codex-", path)),
        Gen.Select(_path, _path, (name, path) => ContainerNames.WithHash(ContainerNames.ForFolder("x", name), path)),
        Gen.String[Gen.Char["abcxyzABCXYZ0123456789_.-"], 2, 63].Where(IsName)
    );

    // As the catalogue, the person's own recipes and `images --pull` name them.
    private static readonly Gen<string> _image =
        from repository in Gen.OneOf(
            Gen.Const("codex"),
            Gen.Const("codex-python"),
            Gen.Const("ghcr.io/somebody/codex_x.y"),
            Gen.Const("localhost:5000/a/b")
        )
        from tag in Gen.OneOf(Gen.Const(""), Gen.Const(":latest"), Gen.Const(":1.2-rc.3_X"), Gen.Const("@sha256:" + new string('a', 64)))
        select repository + tag;

    private static readonly Gen<TcpDoor?> _door = Gen.OneOf(
        Gen.Const((TcpDoor?)null),
        Gen.Byte.Select(third => (TcpDoor?)new TcpDoor(new IPAddress([192, 168, third, 1]), $"192.168.{third}.1"))
    );
    private static readonly Gen<string> _plain = Gen.String[Gen.Char['a', 'z'], 1, 10];
    private static readonly Gen<string> _variable = Gen.String[Gen.Char['A', 'Z'], 1, 10];

    private static readonly Gen<ContainerSpec> _spec =
        from name in _name
        from folder in _path
        from state in _path.Select(path => new ContainerPaths(path))
        from readOnly in Gen.Bool
        from hidden in _segment.Where(s => !s.Contains(':', StringComparison.Ordinal) && s is not ("." or "..")).HashSet[0, 2]
        from network in Gen.Enum<BoxNetwork>()
        from user in Gen.Select(Gen.UInt, Gen.UInt, (u, g) => new BoxUser(u, g))
        from cpus in Gen.Int[0, 64]
        from memory in Gen.Long[0, 1L << 40]
        from image in _image
        from door in _door
        select ContainerSpecs.For(
            new RunRequest
            {
                Workdir = new Workdir(folder, [.. hidden.Select(segment => $"/workdir/{segment}")]),
                StateId = "0123456789ab",
                Image = image,
                User = user,
                ReadOnly = readOnly,
                Network = network,
                Cpus = cpus == 0 ? null : cpus,
                MemoryBytes = memory < 200L << 20 ? null : memory,
                Command = ["true"],
                Environment = new Dictionary<string, string>(),
                Choice = new ModelChoice(new Uri("http://127.0.0.1:11434"), "m", CodexctlSettings.GptOss),
            },
            name,
            state,
            door
        );

    private static readonly Gen<ExecSpec> _exec =
        from name in _name
        from words in _word.List[1, 6]
        from root in Gen.Bool
        from terminal in Gen.Bool
        from variables in Gen.Dictionary(_variable, _segment)[0, 5]
        from fixedOnes in Gen.Bool
        select new ExecSpec(
            name,
            words,
            new BoxUser(501, 20),
            root,
            terminal,
            fixedOnes ? new Dictionary<string, string>(variables) { ["HOME"] = "/home/coder", ["LANG"] = "C.UTF-8" } : variables,
            "0123456789ab"
        );

    private static readonly Gen<ImageBuild> _build =
        from tag in _plain
        from context in _path
        from arguments in Gen.Dictionary(_variable, _segment)[0, 4]
        from labels in Gen.Dictionary(_plain, _segment.Where(value => !value.Contains('=', StringComparison.Ordinal)))[0, 4]
        from noCache in Gen.Bool
        from pull in Gen.Bool
        select new ImageBuild(tag, context, "Dockerfile", arguments, labels, noCache, pull, null);

    [Fact]
    public void Every_box_that_can_be_made_is_understood_as_it_was_meant() =>
        Gen.Select(_spec, _path)
            .Sample(
                (spec, state) =>
                {
                    var links = new ContainerPaths(state).Links;
                    foreach (var command in Accepted(AppleArguments.Create(spec, links)))
                    {
                        command.Path.ShouldBe("create");
                        command.Value("--name").ShouldBe(spec.Name);
                        command.Positionals.ShouldBe([spec.Image]);
                        command.Value("--entrypoint").ShouldBe(spec.Door is null ? Box.Init : Box.TcpInit);
                        (command.Value("--network") == "none").ShouldBe(spec is { Network: BoxNetwork.None, Door: null });
                        command.All("--cap-add").Contains("NET_ADMIN").ShouldBe(spec.Door is not null);
                        command.Passthrough.ShouldBeEmpty();
                        Meant(command, spec, links);
                    }
                }
            );

    /// <summary>Each mount arrives at its place with its source and its mode, and nothing else is mounted.</summary>
    private static void Meant(ParsedCommand command, ContainerSpec spec, string links)
    {
        var told = command
            .All("--mount")
            .Select(Mounts.ParseMount)
            .Concat(command.All("--volume").Select(Mounts.ParseVolume))
            .Concat(command.All("--tmpfs").Select(Mounts.ParseTmpfs))
            .ToList();
        told.Count.ShouldBe(spec.Mounts.Count + spec.Hidden.Count);
        var linked = AppleMounts.Links(spec, links).ToDictionary(link => link.Path, link => link.Source);
        foreach (var mount in spec.Mounts)
        {
            var door = mount.Target == Box.Door && spec.Door is null;
            var one = told.Single(m => m.Destination == (door ? Box.DoorSocket : mount.Target));
            one.Kind.ShouldBe(MountKind.Virtiofs);
            one.DirectoryOnly.ShouldBe(!door && mount.Source.AsSpan().IndexOfAny(",=") < 0);
            linked.GetValueOrDefault(one.Source, one.Source).ShouldBe(door ? $"{mount.Source}/door.sock" : mount.Source);
            one.ReadOnly.ShouldBe(mount.ReadOnly && !door);
        }
        foreach (var hidden in spec.Hidden)
        {
            told.Single(m => m.Destination == hidden).Kind.ShouldBe(MountKind.Tmpfs);
        }
    }

    [Fact]
    public void Every_command_reaches_the_box_word_by_word() =>
        _exec.Sample(spec =>
        {
            foreach (var command in Accepted(AppleArguments.Exec(spec)))
            {
                command.Path.ShouldBe("exec");
                command.Positionals[0].ShouldBe(spec.Container);
                command.Passthrough.ShouldBe([Box.Enter, spec.Session, .. spec.Command]);
                command.Has("--tty").ShouldBe(spec.Terminal);
                command.All("--env").Count.ShouldBe(spec.Environment.Count + (spec.Root ? 1 : 0));
            }
        });

    [Fact]
    public void Every_build_is_taken() =>
        _build.Sample(build =>
        {
            foreach (var command in Accepted(AppleArguments.Build(build)))
            {
                command.Path.ShouldBe("build");
                command.Positionals.ShouldBe([build.Context]);
                command.Value("--file").ShouldBe($"{build.Context}/Dockerfile");
                command.Value("--tag").ShouldBe(build.Tag);
            }
        });

    [Fact]
    public void Every_other_call_is_taken() =>
        Gen.Select(_name, _image)
            .Sample(
                (name, image) =>
                {
                    List<List<string>> calls =
                    [
                        AppleArguments.List(),
                        AppleArguments.Start(name),
                        AppleArguments.Stop(name),
                        AppleArguments.Remove(name, force: false),
                        AppleArguments.Remove(name, force: true),
                        AppleArguments.KillSession(name, "s"),
                        AppleArguments.HasBegun(name, "s"),
                        AppleArguments.Logs(name),
                        AppleArguments.InspectNetwork(),
                        AppleArguments.InspectImage(image),
                        AppleArguments.InspectImages([image, image]),
                        AppleArguments.ListImages(),
                        AppleArguments.TagImage(image, "codex"),
                        AppleArguments.PullImage(image),
                        AppleArguments.RemoveImage(image),
                        AppleArguments.BuilderStatus(),
                        AppleArguments.BuilderStart(),
                        AppleArguments.BuilderStop(),
                        AppleArguments.SystemStart(),
                    ];
                    calls.ForEach(call => Accepted(call));
                }
            );

    [Theory]
    [InlineData("0.12.0", false)]
    [InlineData("1.0.0", true)]
    [InlineData("1.2.2", true)]
    [InlineData("1.4.1", true)]
    public void The_version_that_a_release_tells_is_read(string release, bool newEnough)
    {
        var said = Profile.Find(release)!.VersionLine;

        AppleVersion.Read(said).ShouldBe(new Version(release));
        if (newEnough)
        {
            AppleVersion.Check("/usr/local/bin/container", said);
        }
        else
        {
            Should.Throw<UserError>(() => AppleVersion.Check("/usr/local/bin/container", said)).Message.ShouldContain("too old");
        }
    }

    private static bool IsName(string name)
    {
        try
        {
            ContainerNames.Check(name);
            return true;
        }
        catch (UserError)
        {
            return false;
        }
    }

    private static List<ParsedCommand> Accepted(List<string> arguments) =>
        [
            .. _profiles.Select(profile =>
            {
                var result = Grammar.Check(profile, arguments);
                result.Accepted.ShouldBeTrue($"{profile}: {result}\n{string.Join('\n', arguments)}");
                return result.Command!;
            }),
        ];
}
