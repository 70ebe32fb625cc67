using System.Reflection;
using Xunit.Sdk;
using Xunit.v3;

namespace Codexctl.EndToEnd.Harness;

/// <summary>Runs a theory once for each engine; further arguments follow the engine.</summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class BothEnginesAttribute(params object?[] arguments) : DataAttribute
{
    public IReadOnlyList<object?> Arguments { get; } = arguments;

    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker) =>
        new([new TheoryDataRow([Engine.Docker, .. Arguments]), new TheoryDataRow([Engine.Bubblewrap, .. Arguments])]);

    public override bool SupportsDiscoveryEnumeration() => true;
}
