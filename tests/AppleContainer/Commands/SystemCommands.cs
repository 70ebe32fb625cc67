using System.Text.Json.Nodes;

namespace Codexctl.AppleContainer;

/// <summary>`system …`.</summary>
internal sealed class SystemCommands(Emulator emulator, ParsedCommand command)
{
    private const string AppName = "container-apiserver";

    private Profile Profile => emulator.Profile;

    private string ServerVersion => $"{AppName} version {Profile.Version} (build: release, commit: {Profile.Commit})";

    private string AppRoot => emulator.Settings.Home + "/";

    public int Run() =>
        command.Path switch
        {
            "system status" => Status(),
            "system start" => Start(),
            "system stop" => Stop(),
            "system version" => Version(),
            "system df" => DiskUsage(),
            "system dns create" or "system dns delete" => throw new ContainerException("cannot create domain (try sudo?)"),
            "system dns list" => Emulator.PrintList(command, [], ["DOMAIN"], [], []),
            _ => throw Emulator.NotSupported(),
        };

    private int Status()
    {
        var down = emulator.Service.Down;
        var status = down switch
        {
            null => "running",
            "unregistered" => "unregistered",
            _ => "not running",
        };
        if (command.Value("--format") is "json")
        {
            Console.Out.WriteLine(AppleJson.Compact(Profile.StatusOf141 ? StatusOf141(status) : StatusBefore(status)));
        }
        else if (down is not null)
        {
            Console.Out.WriteLine(
                down == "unregistered" ? "apiserver is not running and not registered with launchd" : "apiserver is not running"
            );
        }
        else if (!Profile.BareErrors)
        {
            Console.Out.WriteLine("apiserver is running");
        }
        else if (command.Value("--format") is null or "table")
        {
            Emulator.PrintTable([
                ["FIELD", "VALUE"],
                ["status", status],
                ["appRoot", AppRoot],
                ["installRoot", "/usr/local/"],
                ["apiserver.version", ServerVersion],
                ["apiserver.commit", Profile.Commit],
                ["apiserver.build", "release"],
                ["apiserver.appName", AppName],
            ]);
        }
        else
        {
            throw Emulator.NotSupported($"--format {command.Value("--format")}");
        }
        return down is null ? 0 : 1;
    }

    private JsonObject StatusBefore(string status)
    {
        string If(string text) => status == "running" ? text : "";
        return new JsonObject
        {
            ["apiServerAppName"] = If(AppName),
            ["apiServerBuild"] = If("release"),
            ["apiServerCommit"] = If(Profile.Commit),
            ["apiServerVersion"] = If(ServerVersion),
            ["appRoot"] = If(AppRoot),
            ["installRoot"] = If("/usr/local/"),
            ["status"] = status,
        };
    }

    private JsonObject StatusOf141(string status) =>
        status != "running"
            ? new JsonObject { ["status"] = status }
            : new JsonObject
            {
                ["client"] = new JsonObject { ["version"] = Profile.Version.ToString() },
                ["host"] = new JsonObject { ["os"] = "macOS" },
                ["paths"] = new JsonObject { ["appRoot"] = AppRoot, ["installRoot"] = "/usr/local/" },
                ["resources"] = new JsonObject { ["containers"] = emulator.Store.All(Containers.Kind).Count() },
                ["server"] = new JsonObject
                {
                    ["appName"] = AppName,
                    ["build"] = "release",
                    ["commit"] = Profile.Commit,
                    ["version"] = Profile.Version.ToString(),
                },
                ["status"] = status,
            };

    private int Start()
    {
        if (command.Has("--app-root") || command.Has("--install-root") || command.Has("--log-root"))
        {
            throw Emulator.NotSupported("another root");
        }
        if (command.Has("--enable-kernel-install") && command.Has("--disable-kernel-install"))
        {
            return Emulator.Refuse(
                64,
                Grammar
                    .UsageError(
                        command.Table,
                        "Value to be set with flag '--disable-kernel-install' had already been set with flag '--enable-kernel-install'"
                    )
                    .Text
            );
        }
        emulator.Service.Set(running: true);
        if (emulator.Settings.NoKernel && !command.Has("--enable-kernel-install") && !command.Has("--disable-kernel-install"))
        {
            // The trap: nobody who runs this without a terminal sees the question or answers it.
            Console.Out.Write("No default kernel configured.\nInstall the recommended default kernel? [Y/n]: ");
            _ = Console.In.ReadLine();
        }
        return 0;
    }

    private int Stop()
    {
        foreach (var entry in emulator.Containers.All().Where(entry => entry.Running))
        {
            if (entry.Pseudo)
            {
                entry.Hidden["pseudo"] = "stopped";
                emulator.Containers.Save(entry);
            }
            else
            {
                emulator.Docker.Require("stop", "--time", "5", entry.Docker);
            }
        }
        emulator.Service.Set(running: false);
        return 0;
    }

    private int Version()
    {
        List<JsonObject> parts =
        [
            new()
            {
                ["appName"] = "container",
                ["buildType"] = "release",
                ["commit"] = Profile.Commit,
                ["version"] = Profile.Version.ToString(),
            },
        ];
        if (emulator.Service.Down is null)
        {
            parts.Add(
                new()
                {
                    ["appName"] = AppName,
                    ["buildType"] = "release",
                    ["commit"] = Profile.Commit,
                    ["version"] = ServerVersion,
                }
            );
        }
        string Text(JsonObject part, string key) => part[key]!.GetValue<string>();
        var rows = parts.ConvertAll(part =>
            (string[])[Text(part, "appName"), Text(part, "version"), Text(part, "buildType"), Text(part, "commit")]
        );
        return Emulator.PrintList(command, parts, ["COMPONENT", "VERSION", "BUILD", "COMMIT"], rows, []);
    }

    private int DiskUsage()
    {
        if (command.Value("--format") is not "json")
        {
            throw Emulator.NotSupported("system df without --format json");
        }
        var entries = emulator.Containers.All();
        var images = emulator.Images.All();
        var used = entries
            .Select(entry => entry.Configuration["image"]!["reference"]!.GetValue<string>())
            .ToHashSet(StringComparer.Ordinal);
        var volumes = emulator.Store.All(Volumes.Kind).Select(pair => pair.Name).ToList();
        var volumesInUse = volumes.Count(new Volumes(emulator).IsUsed);
        var usage = new JsonObject
        {
            ["containers"] = Usage(entries.Count(entry => entry.Running), entries.Count, 0),
            ["images"] = Usage(
                images.Count(image => used.Contains(image.Name)),
                images.Count,
                images.Sum(image => emulator.Images.Inspect(image)["Size"]!.GetValue<long>())
            ),
            ["volumes"] = Usage(volumesInUse, volumes.Count, 0),
        };
        Console.Out.WriteLine(AppleJson.Pretty(usage));
        return 0;
    }

    private static JsonObject Usage(int active, int total, long size) =>
        new()
        {
            ["active"] = active,
            ["reclaimable"] = 0,
            ["sizeInBytes"] = size,
            ["total"] = total,
        };
}
