using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Codexctl.Gateway.Log;
using Codexctl.Gateway.Recording;

namespace Codexctl.Commands;

/// <summary>`codexctl receipt`: what a run did through the door.</summary>
public static class ReceiptCommand
{
    public static Command Create(App app)
    {
        var command = new Command("receipt", "Show what a run did: model calls, tokens, hosts reached, hosts refused");
        var wanted = Log.SessionArgument();
        var json = Log.Flag("--json", "As JSON");
        var list = Log.Flag("--list", "List all receipts of this folder");
        var all = Log.Flag("--all", "With --list and --verify: of every folder");
        var verify = Log.Flag("--verify", "Check that no receipt and no record was changed or removed");
        command.Arguments.Add(wanted);
        foreach (var option in (Option[])[json, list, all, verify])
        {
            command.Options.Add(option);
        }
        command.SetAction(
            (parsed, cancel) =>
            {
                var folder = parsed.GetValue(all) ? null : Log.Folder();
                return parsed.GetValue(verify)
                    ? Task.FromResult(Verify(app, folder, parsed.GetValue(wanted), parsed.GetValue(json)))
                    : ShowAsync(
                        app,
                        folder,
                        parsed.GetValue(wanted),
                        parsed.GetValue(list) || parsed.GetValue(all),
                        parsed.GetValue(json),
                        cancel
                    );
            }
        );
        return command.WithExamples(
            ("codexctl receipt", "What the latest run of this folder did"),
            ("codexctl receipt --list", "All runs"),
            ("codexctl receipt --verify", "Check that no record was changed")
        );
    }

    private static async Task<int> ShowAsync(App app, string? folder, string? wanted, bool list, bool json, CancellationToken cancel)
    {
        var found = await new ReceiptFinder(new SessionFinder(app.Paths)).FindAsync(wanted is null ? folder : null, cancel);
        if (wanted is not null)
        {
            found = [.. found.Where(one => one.Container == wanted || SessionFinder.IsNamed(one.Receipt.Session, wanted))];
        }
        if (list)
        {
            List(app, found, json);
            return ExitCodes.Ok;
        }
        if (found is not [.., var last])
        {
            throw new UserError(
                wanted is null ? $"There is no receipt for {folder}." : $"There is no receipt of a session or container named {wanted}.",
                "A receipt is written at the end of each run.",
                "codexctl receipt --list --all shows all there are."
            );
        }
        app.Terminal.WriteLine(
            json
                ? JsonSerializer.Serialize(ReceiptRow.From(last), ReceiptRowJson.Default.ReceiptRow)
                : VisibleText.Line(last.Receipt.Line())
        );
        return ExitCodes.Ok;
    }

    private static void List(App app, IReadOnlyList<FoundReceipt> found, bool json)
    {
        if (json)
        {
            app.Terminal.WriteLine(JsonSerializer.Serialize([.. found.Select(ReceiptRow.From)], ReceiptRowJson.Default.ListReceiptRow));
            return;
        }
        string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
        Terminal.Table.Write(
            app.Terminal,
            app.Terminal.DrawsOutput,
            ["ENDED", "CONTAINER", "NO.", "CALLS", "TOKENS", "REACHED", "REFUSED", "STATE", "SESSION"],
            [
                .. found.Select(one =>
                    (IReadOnlyList<string>)
                        [
                            one.Receipt.Ended.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
                            one.Container,
                            one.Number?.ToString(CultureInfo.InvariantCulture) ?? "-",
                            Number(one.Receipt.ModelCalls),
                            Number(one.Receipt.InputTokens + one.Receipt.OutputTokens),
                            Number(one.Receipt.HostsReached.Count),
                            Number(one.Receipt.HostsRefused.Values.Sum() + one.Receipt.RefusedModelCalls),
                            one.Receipt.Complete ? "complete" : $"incomplete: {one.Receipt.Reason}",
                            one.Receipt.Session ?? "-",
                        ]
                ),
            ]
        );
    }

    private static int Verify(App app, string? folder, string? wanted, bool json)
    {
        var finder = new SessionFinder(app.Paths);
        var sessions = finder.All();
        var checks = new List<VerifyRow>();
        foreach (var (engine, container, files) in finder.Containers())
        {
            var own = sessions.Where(session => session.Engine == engine && session.Container == container).ToList();
            var meant = wanted is null
                ? folder is null || SessionFinder.IsOf(folder, files, own)
                : container == wanted
                    || own.Exists(session => SessionFinder.IsNamed(session.Id, wanted))
                    || RemovedRecords.Of(files.Records).Any(removed => SessionFinder.IsNamed(removed.Session, wanted));
            if (meant)
            {
                var result = new ReceiptStore(files.Receipts).Verify(files.Records);
                checks.Add(new VerifyRow(engine, container, result.Count, result.Ok, result.Problems, result.Removed));
            }
        }
        if (checks.Count == 0)
        {
            throw new UserError("There are no receipts to verify.", "A receipt is written at the end of each run.");
        }
        if (json)
        {
            app.Terminal.WriteLine(JsonSerializer.Serialize(checks, ReceiptRowJson.Default.ListVerifyRow));
        }
        foreach (var check in json ? [] : checks)
        {
            app.Terminal.WriteLine(
                check.Ok
                    ? $"{check.Container}: {check.Receipts} receipt{(check.Receipts == 1 ? "" : "s")}, the chain is whole"
                        + (
                            check.RecordsRemoved == 0
                                ? ""
                                : $" ({check.RecordsRemoved} record{(check.RecordsRemoved == 1 ? " was" : "s were")} removed by codexctl)"
                        )
                    : $"{check.Container}: the chain is broken: {check.Problems[0]}"
            );
            foreach (var problem in check.Problems.Skip(1))
            {
                app.Terminal.WriteLine($"{check.Container}: also: {problem}");
            }
        }
        return checks.TrueForAll(check => check.Ok) ? ExitCodes.Ok : ExitCodes.Failed;
    }

    /// <summary>A receipt and whose it is.</summary>
    public sealed record ReceiptRow(string Engine, string Container, long? Number, Receipt Receipt) : VersionedJson
    {
        public static ReceiptRow From(FoundReceipt found) => new(found.Engine, found.Container, found.Number, found.Receipt);
    }

    public sealed record VerifyRow(
        string Engine,
        string Container,
        int Receipts,
        bool Ok,
        IReadOnlyList<string> Problems,
        int RecordsRemoved
    ) : VersionedJson;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(ReceiptCommand.ReceiptRow))]
[JsonSerializable(typeof(List<ReceiptCommand.ReceiptRow>))]
[JsonSerializable(typeof(List<ReceiptCommand.VerifyRow>))]
internal sealed partial class ReceiptRowJson : JsonSerializerContext;
