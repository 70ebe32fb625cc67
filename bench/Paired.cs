namespace Codexctl.Bench;

/// <summary>
/// Times by route and round. What a route adds is told by its difference to the direct way in the same round: the machine's other work is in both.
/// </summary>
internal sealed class Paired(IReadOnlyList<Route> routes)
{
    /// <summary>Whom the budgets name.</summary>
    public const string Peer = "socat";

    private readonly List<Dictionary<Route, Numbers>> _rounds = [];

    public static IEnumerable<string> Columns =>
        ["route", "p50 ms", "p99 ms", "added p50", "least–most", "added p99", "added p50 to socat's"];

    public static string Note => "Added: the median of the rounds' differences to direct.";

    public void NextRound() => _rounds.Add(routes.ToDictionary(route => route, _ => new Numbers()));

    public void Add(Route route, double time) => _rounds[^1][route].Add(time);

    public void AddAll(Route route, IEnumerable<double> times) => _rounds[^1][route].AddAll(times);

    public int Count(Route route) => _rounds.Sum(round => round[route].Count);

    public string[] Cells(Route route)
    {
        var (middle, late) = (Added(route, 0.5), Added(route, 0.99));
        var isDirect = route.Name == Route.Direct;
        var peer = routes.FirstOrDefault(one => one.Name == Peer) is { } found ? Added(found, 0.5).Median : double.NaN;
        return
        [
            route.Name,
            Table.Ms(Of(route, 0.5).Median, 3),
            Table.Ms(Of(route, 0.99).Median, 3),
            isDirect ? "-" : Table.Ms(middle.Median, 3),
            isDirect ? "-" : $"{Table.Ms(middle.Least, 3)}–{Table.Ms(middle.Most, 3)}",
            isDirect ? "-" : Table.Ms(late.Median, 3),
            isDirect ? "-" : Table.Ratio(middle.Median, peer),
        ];
    }

    private Numbers Of(Route route, double part) => Rounds(round => round[route].At(part));

    private Numbers Added(Route route, double part) =>
        Rounds(round => round[route].At(part) - round[routes.First(one => one.Name == Route.Direct)].At(part));

    private Numbers Rounds(Func<Dictionary<Route, Numbers>, double> value)
    {
        var numbers = new Numbers();
        numbers.AddAll(_rounds.Select(value).Where(double.IsFinite));
        return numbers;
    }
}
