using System.CommandLine;
using Codexctl.Auth;
using Codexctl.Engines;
using Codexctl.Gateway.Login;
using Codexctl.Models;
using Codexctl.Processes;
using Codexctl.Sessions;
using Codexctl.Settings;

namespace Codexctl.Commands;

/// <summary>`codexctl run`.</summary>
public static class Run
{
    /// <summary>What was typed.</summary>
    public sealed record Options
    {
        public string? Name { get; init; }
        public string? Image { get; init; }
        public string? Engine { get; init; }
        public string? Workdir { get; init; }
        public string? Model { get; init; }
        public string? Profile { get; init; }
        public string? Server { get; init; }
        public string? ModelUrl { get; init; }
        public string? Cpu { get; init; }
        public string? Memory { get; init; }
        public string? Network { get; init; }
        public IReadOnlyList<string> Allow { get; init; } = [];
        public IReadOnlyList<string> Mounts { get; init; } = [];
        public bool AllowRiskyMounts { get; init; }
        public bool Record { get; init; }
        public bool AllowHome { get; init; }
        public bool Openai { get; init; }
        public bool Auth { get; init; }
        public bool Broker { get; init; }
        public bool Temporary { get; init; }
        public bool ReadOnly { get; init; }
        public bool Shell { get; init; }
    }

    public static Command Create(App app)
    {
        var command = new Command("run", "Work in this folder with Codex, in a box whose only way out is the door");
        var container = new ContainerOptions(app);
        container.AddTo(command);
        Option<string?> Text(string name, string description, string help) =>
            Add(new Option<string?>(name) { Description = description, HelpName = help });
        Option<bool> Flag(string name, string description) => Add(new Option<bool>(name) { Description = description });
        T Add<T>(T option)
            where T : Option
        {
            command.Options.Add(option);
            return option;
        }
        var image = Text("--image", "The image (default: codex)", "NAME").CompleteImages(app);
        var openai = Flag("--openai", "OpenAI's models instead of the local one; signs in first where needed");
        var auth = Flag("--auth", "With --openai: sign in again first");
        var broker = Flag("--broker", "With --openai: nothing of the login enters the box, the gateway adds it");
        var temporary = Flag("--temp", "A throwaway container, removed at the end");
        var readOnly = Flag("--read-only", "Mount the folder read-only");
        var shell = Flag("--shell", "Start a shell instead of Codex");
        Add(new Option<string[]>("--cmd") { Description = "Run this command instead of Codex; must be last", HelpName = "COMMAND…" });
        var cpu = Text("--cpu", "Number of processors", "NUM");
        var memory = Text("--mem", "Memory, for example 8G", "SIZE");
        var model = Text("--model", "The model (default: the profile's)", "NAME").CompleteModels(app);
        var profile = Text("--profile", "A profile of the settings (default: gpt-oss)", "NAME").CompleteProfiles(app);
        var server = Text("--server", "A model server by name: one of the settings, or ollama, llamacpp, lmstudio, vllm", "NAME")
            .CompleteServers(app);
        var modelUrl = Text("--model-url", "The model server's address (default: OLLAMA_HOST or http://127.0.0.1:11434)", "URL");
        var allow = Add(
            new Option<string[]>("--allow")
            {
                Description = "A host or preset that the box may reach; can be repeated",
                HelpName = "HOST[:PORT]|PRESET",
                AllowMultipleArgumentsPerToken = false,
            }.CompleteFrom(Policy.Presets.Names)
        );
        var network = Text("--network", "none: the door alone (default); full: the engine's ordinary network, without a guard", "none|full")
            .CompleteFrom("none", "full");
        var mount = Add(
            new Option<string[]>("--mount")
            {
                Description = "A further folder of this machine in the box, read-only unless :rw follows; can be repeated",
                HelpName = Policy.MountText.Form,
                AllowMultipleArgumentsPerToken = false,
            }
        );
        var allowRiskyMounts = Flag(
            "--allow-risky-mounts",
            "With --mount: also folders that hold keys, or that programs of yours run from"
        );
        var record = Flag("--record", "Record what is said too, secrets taken out; codexctl log shows it");
        var allowHome = Flag("--allow-home", "Allow the home directory as the folder");
        var rest = new Argument<string[]>("codex-arguments")
        {
            Description = "After --: arguments for Codex",
            Arity = ArgumentArity.ZeroOrMore,
            HelpName = "-- ARGUMENTS…",
        };
        Passthrough.Refuse(rest, "arguments for Codex follow --, as in: codexctl run -- exec \"…\"");
        command.Arguments.Add(rest);
        command.SetAction(
            (parsed, cancel) =>
                RunAsync(
                    app,
                    new Options
                    {
                        Name = parsed.GetValue(container.Name),
                        Image = parsed.GetValue(image),
                        Engine = parsed.GetValue(container.Engine),
                        Workdir = parsed.GetValue(container.Workdir),
                        Model = parsed.GetValue(model),
                        Profile = parsed.GetValue(profile),
                        Server = parsed.GetValue(server),
                        ModelUrl = parsed.GetValue(modelUrl),
                        Cpu = parsed.GetValue(cpu),
                        Memory = parsed.GetValue(memory),
                        Network = parsed.GetValue(network),
                        Allow = parsed.GetValue(allow) ?? [],
                        Mounts = parsed.GetValue(mount) ?? [],
                        AllowRiskyMounts = parsed.GetValue(allowRiskyMounts),
                        Record = parsed.GetValue(record),
                        AllowHome = parsed.GetValue(allowHome),
                        Openai = parsed.GetValue(openai),
                        Auth = parsed.GetValue(auth),
                        Broker = parsed.GetValue(broker),
                        Temporary = parsed.GetValue(temporary),
                        ReadOnly = parsed.GetValue(readOnly),
                        Shell = parsed.GetValue(shell),
                    },
                    cancel
                )
        );
        return command.WithExamples(
            ("codexctl run", "Work in this folder with Codex and the local model"),
            ("codexctl run -- exec \"find out why the tests fail and mend it\"", "Without a screen: Codex works, answers and ends"),
            ("codexctl run --allow npm --allow api.example.com", "The box may also reach the npm registry and one host more"),
            ("codexctl run --mount ~/data:/mnt/data", "The box may also read a folder elsewhere; :rw at the end lets it write there"),
            ("codexctl run --read-only --record", "Codex may only look, and what is said is kept for codexctl log"),
            ("codexctl run --openai --broker", "OpenAI's models; nothing of the login enters the box"),
            ("codexctl run --temp --cmd make test", "Another command in a throwaway box; --cmd comes last")
        );
    }

    public static async Task<int> RunAsync(App app, Options options, CancellationToken cancel)
    {
        var request = Request(app, options);
        var engine = await app.EngineAsync(options.Engine, cancel);
        ImageMaking.Check(app, engine, options.Image ?? (engine.Capabilities.Images ? request.Image : null));
        CheckPowers(engine, request);
        if (request.Login is { } mode)
        {
            if (await SignInIfNeededAsync(app, options, mode, cancel) is var code and not ExitCodes.Ok)
            {
                return code;
            }
        }
        else if (request.IsCodex)
        {
            await Preflight.CheckAsync(app, request.Choice, cancel);
        }
        var result = await app.Sessions(engine).RunAsync(request, cancel);
        if (app.Settings.Receipt || !result.Receipt.Complete || result.Receipt.CutPrompts > 0)
        {
            app.Terminal.Talk(VisibleText.Line(result.Receipt.Line()) + "\n");
            if (result.Receipt.HostsRefused.Count > 0)
            {
                // Many programs show only the status of a refusal, not its words.
                app.Terminal.Talk("codexctl: --allow HOST lets a host in; why each was refused: codexctl log\n");
            }
        }
        return result.ExitCode;
    }

    /// <summary>Before anything is made: there is a login, and it can be used in the way that was asked.</summary>
    private static async Task<int> SignInIfNeededAsync(App app, Options options, LoginMode mode, CancellationToken cancel)
    {
        var vault = await app.LoginsAsync();
        var login = options.Auth ? null : await vault.ReadAsync(cancel);
        if (login is null)
        {
            if (!options.Auth && !app.Terminal.IsInteractive)
            {
                throw TokenRefresher.NoLogin();
            }
            var code = await Commands.Auth.SignInAsync(app, options.Engine, null, options.Image, null, cancel);
            if (code != ExitCodes.Ok)
            {
                return code;
            }
            login = await vault.ReadAsync(cancel) ?? throw TokenRefresher.NoLogin();
        }
        if (login.Kind == LoginKind.None)
        {
            throw mode == LoginMode.Broker
                ? new UserError(
                    "This kind of login cannot be used by the broker.",
                    "It has neither a refresh token nor an API key that the gateway could put on requests.",
                    "Sign in (codexctl auth), or keep an API key: codexctl auth --with-api-key",
                    ExitCodes.SignInNeeded
                )
                : LoginSync.Unusable();
        }
        if (mode != LoginMode.Full)
        {
            using var refresher = app.Refresher(vault);
            await refresher.EnsureAsync(null, cancel);
        }
        return ExitCodes.Ok;
    }

    /// <summary>What an engine cannot give is an error before anything is made, never silently left out.</summary>
    private static void CheckPowers(IContainerEngine engine, RunRequest request)
    {
        if (!engine.Capabilities.Limits && (request.Cpus is not null || request.MemoryBytes is not null))
        {
            throw new UserError(
                $"{engine.Name} cannot limit processors or memory.",
                "Its boxes are ordinary processes of yours.",
                "Leave out --cpu and --mem, or use another engine: --engine docker",
                ExitCodes.Usage
            );
        }
        if (engine.Capabilities.WholeCpus && request.Cpus is { } cpus && cpus != decimal.Truncate(cpus))
        {
            throw new UserError(
                $"{engine.Name} gives a box whole processors, not {cpus.ToString(System.Globalization.CultureInfo.InvariantCulture)}.",
                "Each box is a virtual machine of its own.",
                "Write a whole number, for example --cpu 2",
                ExitCodes.Usage
            );
        }
        if (!engine.Capabilities.OwnNetwork && request.Network == BoxNetwork.Full)
        {
            throw new UserError(
                $"{engine.Name} has no full network that would be safe.",
                "Its box would share this machine's own network, with every service that listens on its loopback.",
                "Name what the box may reach with --allow, or use another engine: --engine docker",
                ExitCodes.Usage
            );
        }
    }

    /// <summary>From what was typed to what is meant; touches nothing.</summary>
    internal static RunRequest Request(App app, Options options)
    {
        var line = app.Line;
        if (line.Kind == RestKind.Cmd && line.Rest.Count == 0)
        {
            throw Usage("--cmd needs a command after it.", "For example: codexctl run --cmd bash -c 'make test'");
        }
        if (line.Kind == RestKind.Cmd && options.Shell)
        {
            throw Usage("--cmd and --shell cannot be used together.", "Use one of them.");
        }
        if (line.Kind == RestKind.DoubleDash && options.Shell)
        {
            throw Usage("--shell starts no Codex that could take what follows --.", "Leave --shell out, or use --cmd.");
        }
        if (options.Auth && !options.Openai)
        {
            throw Usage("--auth works only together with --openai.", "Use: codexctl run --openai --auth");
        }
        if (options.Broker && !options.Openai)
        {
            throw Usage("--broker works only together with --openai.", "Use: codexctl run --openai --broker");
        }
        if (options.Openai && options.ModelUrl is not null)
        {
            throw Usage("--model-url names a local model server, and --openai uses none.", "Use one of them.");
        }
        if (options.AllowRiskyMounts && options.Mounts.Count == 0)
        {
            throw Usage("--allow-risky-mounts works only together with --mount.", "Name the folder: --mount SOURCE:TARGET");
        }
        if (options.Network is not (null or "full" or "none"))
        {
            throw Usage($"--network {options.Network} is unknown.", "Use --network full, or leave it out for the door alone.");
        }
        if (options.Name is { } name)
        {
            ContainerNames.Check(name);
        }
        var settings = app.Settings;
        IReadOnlyList<string> allow = [.. settings.Allow, .. options.Allow];
        _ = Typed(() => Policy.AllowList.Parse(allow));
        var certificates = CaBundle.Find(settings.CaFile, app.Environment);
        var shell = app.Settings.DefaultShell;
        var codex = line.Kind != RestKind.Cmd && !options.Shell;
        LoginMode? login = options.Openai ? app.LoginMode(options.Broker) : null;
        var network = (options.Network ?? (settings.FullNetwork ? "full" : "none")) == "full" ? BoxNetwork.Full : BoxNetwork.None;
        var typed = line.Kind == RestKind.DoubleDash ? BoxCommand.ProfileIn(line.Rest) : null;
        // A profile of the box's own home is Codex's business.
        var foreign = typed is not null && !settings.Profiles.ContainsKey(typed);
        var choice = Typed(() =>
            ModelChoice.From(
                settings,
                app.Environment,
                options.Profile ?? (foreign ? null : typed),
                options.Model,
                options.ModelUrl,
                options.Server
            )
        );
        var workdir = Workdir.Resolve(
            options.Workdir ?? Directory.GetCurrentDirectory(),
            app.Paths,
            app.Environment.Home,
            options.AllowHome
        );
        var readOnly = options.ReadOnly || settings.ReadOnly;
        return new RunRequest
        {
            Workdir = workdir,
            Mounts = ExtraMounts.Resolve(
                settings.Mounts,
                options.Mounts,
                options.AllowRiskyMounts,
                workdir,
                readOnly,
                new HostPlaces(app.Paths, app.Environment),
                app.Environment.Home
            ),
            StateId = app.Paths.StateId,
            Name = options.Name,
            NamePrefix = settings.DefaultNamePrefix,
            Image = options.Image ?? settings.DefaultImage,
            User = new BoxUser(Libc.GetUserId(), Libc.GetGroupId()),
            Temporary = options.Temporary,
            ReadOnly = readOnly,
            Network = network,
            Cpus = (options.Cpu ?? settings.Cpus) is { } cpu ? Sizes.Cpus(cpu) : null,
            MemoryBytes = (options.Memory ?? settings.Memory) is { } memory ? Sizes.Memory(memory) : null,
            Choice = choice,
            Allow = allow,
            Record = options.Record || settings.Record,
            Command =
                codex && login is not null ? BoxCommand.Online(settings.DefaultCodexCommand, options.Model, line.Rest)
                : codex
                    ? BoxCommand.Codex(
                        settings.DefaultCodexCommand,
                        choice.Profile.Name,
                        foreign ? options.Model
                            : choice.Model == choice.Profile.Model ? null
                            : choice.Model,
                        line.Rest
                    )
                : options.Shell ? BoxCommand.Shell(shell)
                : BoxCommand.Typed(line.Rest, shell),
            Environment = BoxEnvironment.For(app.Environment, network, login, certificates: certificates is not null),
            Login = login,
            Certificates = certificates,
            Terminal = app.Terminal.IsInteractive,
            Profiles = [.. settings.Profiles.Values],
            IsCodex = codex,
        };
    }

    /// <summary>What cannot be understood of what was typed is a usage error.</summary>
    private static T Typed<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (UserError error) when (error.ExitCode is null)
        {
            throw new UserError(error.Message, error.Why, error.Mend, ExitCodes.Usage);
        }
    }

    private static UserError Usage(string what, string mend) => new(what, null, mend, ExitCodes.Usage);
}
