using Spectre.Console;

namespace Codexctl.Terminal;

/// <summary>Rows for a person: a table on a terminal, tab-separated lines without a heading when piped.</summary>
public static class Table
{
    public static void Write(Terminal terminal, bool drawn, IReadOnlyList<string> columns, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        // Names of models and hosts are in here too, which a box makes up.
        rows = [.. rows.Select(row => (IReadOnlyList<string>)[.. row.Select(VisibleText.Line)])];
        if (!drawn)
        {
            foreach (var row in rows)
            {
                terminal.WriteLine(string.Join('\t', row));
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
            table.AddRow(row.Select(cell => new Text(cell)));
        }
        AnsiConsole.Write(table);
    }
}
