using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Runtime.CompilerServices;

namespace Codexctl.Commands;

/// <summary>A line that a person can type, and what it does.</summary>
public sealed record Example(string Line, string What);

/// <summary>Examples belong to their command: shown by its help, its manual page and the command reference, and parsed by a test.</summary>
public static class Examples
{
    private static readonly ConditionalWeakTable<Command, IReadOnlyList<Example>> _all = [];

    public static T WithExamples<T>(this T command, params (string Line, string What)[] examples)
        where T : Command
    {
        _all.AddOrUpdate(command, [.. examples.Select(example => new Example(example.Line, example.What))]);
        return command;
    }

    public static IReadOnlyList<Example> Of(Command command) => _all.TryGetValue(command, out var examples) ? examples : [];

    /// <summary>Makes the help of every command end with its examples.</summary>
    public static RootCommand ShowInHelp(this RootCommand root)
    {
        foreach (var option in root.Options.OfType<HelpOption>())
        {
            option.Action = new HelpWithExamples((HelpAction)option.Action!);
        }
        return root;
    }

    private sealed class HelpWithExamples(HelpAction help) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            var code = help.Invoke(parseResult);
            var examples = Of(parseResult.CommandResult.Command);
            if (examples.Count > 0)
            {
                var output = parseResult.InvocationConfiguration.Output;
                output.WriteLine("Examples:");
                foreach (var example in examples)
                {
                    output.WriteLine($"  {example.Line}");
                    output.WriteLine($"      {example.What}");
                }
                output.WriteLine();
            }
            return code;
        }
    }
}
