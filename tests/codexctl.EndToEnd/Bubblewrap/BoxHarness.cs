using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Codexctl.Engines;
using Codexctl.Processes;

namespace Codexctl.EndToEnd.Bubblewrap;

/// <summary>Who runs codexctl. Boxes must work for both; the second needs a test run as root.</summary>
public enum Person
{
    Self,
    Ordinary,

    /// <summary>
    /// An ordinary user, as whom mounted folders look root-owned in a box: root in a user namespace where its number is another. So it is
    /// on a Mac, where the person's files are root's in the virtual machine. Only with the emulator of Apple's `container`.
    /// </summary>
    OnMac,
}

/// <summary>A folder, a state directory and a front end of their own for one test; the box is removed at the end.</summary>
internal sealed class BoxHarness : IDisposable
{
    private const string OrdinaryId = "4711";
    private static readonly Lazy<string> Programs = new(CopyPrograms);

    /// <summary>The folder of the tests' own programs, where this person can run them.</summary>
    internal static string ProgramsFor(Person person) => person == Person.Ordinary ? Programs.Value : AppContext.BaseDirectory;

    private readonly Person _person;
    private readonly string? _release;

    public BoxHarness(Person person = Person.Self, string? release = null)
    {
        _release = release;
        if (person == Person.Ordinary && Libc.GetUserId() != 0)
        {
            Assert.Skip("Only root can run codexctl as somebody else.");
        }
        _person = person;
        Root = Path.Combine(Path.GetTempPath(), $"codexctl-e2e-{Guid.NewGuid():N}"[..24]);
        foreach (var folder in (string[])[Root, Work, Door, State, Release])
        {
            Directory.CreateDirectory(folder);
        }
        if (person == Person.Ordinary)
        {
            Shell($"chown -R {OrdinaryId}:{OrdinaryId} '{Root}'");
        }
    }

    public string Root { get; }
    public string Work => Path.Combine(Root, "work");
    public string Door => Path.Combine(Root, "door");
    public string State => Path.Combine(Root, "state");

    /// <summary>The pinned Codex release for the tests that need it, else an empty folder.</summary>
    public string Release => _release ?? Path.Combine(Root, "release");
    public string Box => Path.Combine(State, "bubblewrap", "box", "box");

    public static BoxHarness Started(Person person = Person.Self, string? release = null)
    {
        var harness = new BoxHarness(person, release);
        try
        {
            harness.Run("create", "box", harness.Work).Error.ShouldBe("");
            harness.Run("start", "box").Error.ShouldBe("");
            return harness;
        }
        catch
        {
            harness.Dispose();
            throw;
        }
    }

    /// <summary>The front end's program, arguments and environment.</summary>
    public (string File, List<string> Arguments, Dictionary<string, string> Environment) Command(params string[] arguments)
    {
        var front = Path.Combine(ProgramsFor(_person), "BoxFrontEnd");
        var environment = new Dictionary<string, string>
        {
            ["PATH"] = Environment.GetEnvironmentVariable("PATH")!,
            ["HOME"] = Root,
            ["HOST_SECRET"] = "not for the box",
            ["CODEXCTL_STATE_DIR"] = State,
            ["CODEX_RELEASE"] = Release,
        };
        foreach (var name in (string[])["CODEXCTL_BINARY", "DOTNET_ROOT"])
        {
            if (Environment.GetEnvironmentVariable(name) is { Length: > 0 } value)
            {
                environment[name] = value;
            }
        }
        return _person == Person.Ordinary
            ? ("/usr/bin/setpriv", ["--reuid", OrdinaryId, "--regid", OrdinaryId, "--clear-groups", "--", front, .. arguments], environment)
            : (front, [.. arguments], environment);
    }

    public Process Start(params string[] arguments)
    {
        var (file, list, environment) = Command(arguments);
        var start = new ProcessStartInfo(file, list)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment.Clear();
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }
        return Process.Start(start)!;
    }

    public (int ExitCode, string Output, string Error) Run(params string[] arguments) => RunWith("", arguments);

    public (int ExitCode, string Output, string Error) RunWith(string input, params string[] arguments)
    {
        using var process = Start(arguments);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        process.WaitForExit(TimeSpan.FromSeconds(60)).ShouldBeTrue();
        return (process.ExitCode, output.Result, error.Result);
    }

    /// <summary>A shell script in the box.</summary>
    public (int ExitCode, string Output, string Error) Sh(string script) => Run("exec", "box", "sh", "-c", script);

    /// <summary>Host processes with that text in their arguments.</summary>
    public static List<int> ProcessesWith(string text)
    {
        var found = new List<int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            try
            {
                if (
                    int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id)
                    && File.ReadAllText($"{folder}/cmdline").Contains(text, StringComparison.Ordinal)
                )
                {
                    found.Add(id);
                }
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // It ended while we looked.
            }
        }
        return found;
    }

    public static void Eventually(Func<bool> holds, string what)
    {
        var watch = Stopwatch.StartNew();
        while (!holds())
        {
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(15), what);
            Thread.Sleep(20);
        }
    }

    public static string Shell(string script)
    {
        using var process = Process.Start(
            new ProcessStartInfo("/bin/sh", ["-c", script]) { RedirectStandardOutput = true, UseShellExecute = false }
        )!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output;
    }

    public void Dispose()
    {
        Run("rm", "box");
        Directory.Delete(Root, recursive: true);
    }

    private static string CopyPrograms()
    {
        // The build may lie where an ordinary user cannot look.
        var folder = Path.Combine(Path.GetTempPath(), $"codexctl-e2e-bin-{Environment.ProcessId}");
        Directory.CreateDirectory(folder);
        // By another program, as in Machine.
        Shell($"find '{AppContext.BaseDirectory}' -maxdepth 1 -type f -exec cp -t '{folder}' {{}} +");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return folder;
    }
}

/// <summary>A gateway's stand-in: answers every connection on the door with what it was told.</summary>
internal sealed class FakeDoor : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public FakeDoor(string folder, Func<Socket, Task> serve)
    {
        var path = Path.Combine(folder, "door.sock");
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(64);
        BoxHarness.Shell($"chmod 777 '{path}'");
        _ = AcceptAsync(serve);
    }

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync(Func<Socket, Task> serve)
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptAsync();
                _ = Task.Run(async () =>
                {
                    using (client)
                    {
                        await serve(client);
                    }
                });
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // Closed.
        }
    }
}
