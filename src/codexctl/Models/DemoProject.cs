namespace Codexctl.Models;

/// <summary>A file of the demo project.</summary>
public sealed record DemoFile(string Name, string Text, bool Executable);

/// <summary>A project so small that a scripted model can mend it: a shell program with a fault, and its test.</summary>
/// <param name="Prompt">What Codex is asked.</param>
/// <param name="Changed">The file that the turns change.</param>
public sealed record DemoProject(IReadOnlyList<DemoFile> Files, string Prompt, string Changed)
{
    internal const string Fault = "echo \"Hello, $2!\"";
    internal const string Mend = "echo \"Hello, $1!\"";

    public static DemoProject Default { get; } =
        new(
            [
                new DemoFile("greet.sh", $"#!/bin/sh\n# Greets the person who is named.\n{Fault}\n", Executable: true),
                new DemoFile(
                    "test.sh",
                    """
                    #!/bin/sh
                    said=$(sh ./greet.sh World)
                    if [ "$said" = "Hello, World!" ]; then
                        echo "test passed"
                    else
                        echo "test failed: greet.sh said '$said'"
                        exit 1
                    fi

                    """,
                    Executable: true
                ),
            ],
            "The test fails. Mend greet.sh and run ./test.sh to show that it works.",
            "greet.sh"
        );
}
