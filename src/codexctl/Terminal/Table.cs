using Spectre.Console;

namespace Codexctl.Terminal;

/// <summary>Rows for a person: a table on a terminal, tab-separated lines without a heading when piped.</summary>
public static class Table
{
    public static void Write(Terminal terminal, bool drawn, IReadOnlyList<string> columns, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        if (!drawn)
        {
            foreach (var row in rows)
            {
                terminal.WriteLine(string.Join('\t', row.Select(Cell)));
            }
            return;
        }
        var table = new Spectre.Console.Table { Border = TableBorder.None, ShowHeaders = true };
        foreach (var column in columns)
        {
            table.AddColumn(
                new TableColumn(new Text(column, new Style(decoration: Decoration.Bold)))
                {
                    NoWrap = true,
                    Padding = new Padding(0, 0, 2, 0),
                }
            );
        }
        foreach (var row in rows)
        {
            table.AddRow(row.Select(cell => new Text(Cell(cell))));
        }
        AnsiConsole.Write(table);
    }

    // A folder may be called anything, and a cell is one line.
    private static string Cell(string text) =>
        Terminal.Plain(text).Replace("\n", "\\n", StringComparison.Ordinal).Replace("\t", "\\t", StringComparison.Ordinal);
}
