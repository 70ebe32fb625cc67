using System.Text;
using System.Text.Json;
using Codexctl.Gateway.Log;
using Codexctl.Gateway.Recording;

namespace Codexctl.Commands;

/// <summary>Shows sessions on standard output: as people read them, as JSON, or as they were written down.</summary>
internal sealed class LogView
{
    /// <summary>Rounds without a line after which it is looked whether the gateway lives at all.</summary>
    private const int Quiet = 25;

    private readonly App _app;
    private readonly string? _wanted;
    private readonly string _folder;
    private readonly bool _json;
    private readonly bool _raw;
    private readonly SessionFinder _finder;
    private readonly ConversationRenderer _renderer;
    private readonly Dictionary<string, Conversation> _conversations = new(StringComparer.Ordinal);

    public LogView(App app, string? wanted, string folder, bool json, bool raw, bool full)
    {
        (_app, _wanted, _folder, _json, _raw) = (app, wanted, folder, json, raw);
        _finder = new SessionFinder(app.Paths);
        var colours = Colours(app);
        _renderer = new ConversationRenderer(app.Terminal.Data, colours) { Full = full };
    }

    /// <summary>Whether what is written to standard output may have colours: never by NO_COLOR, nor where the terminal says that it has none.</summary>
    internal static bool Colours(App app) =>
        app.Terminal.DrawsOutput && string.IsNullOrEmpty(app.Environment["NO_COLOR"]) && app.Environment["TERM"] is not "dumb";

    public Task<int> ShowAsync(bool follow, CancellationToken cancel) => follow ? FollowAsync(cancel) : ShowOnceAsync(cancel);

    private async Task<int> ShowOnceAsync(CancellationToken cancel)
    {
        var session = _finder.Find(_wanted, _folder);
        await foreach (var line in RecordFollower.ReadAsync(session, cancel))
        {
            Show(line);
            if (_app.Terminal.DataClosed)
            {
                return ExitCodes.Ok;
            }
        }
        if (session.IsLive)
        {
            _app.Terminal.Say("the session is still on: codexctl log -f goes on.");
        }
        else if (!session.Record.Ended)
        {
            End(session);
        }
        Hint(session);
        return ExitCodes.Ok;
    }

    private async Task<int> FollowAsync(CancellationToken cancel)
    {
        var pinned = _wanted is null ? null : _finder.Find(_wanted, _folder);
        var known = _finder.OfFolder(_folder);
        if (pinned is null && known.Count == 0)
        {
            _app.Terminal.Say($"nothing is recorded for {_folder} yet; waiting for a codexctl run…");
        }
        var follower = new RecordFollower(() => pinned is null ? _finder.OfFolder(_folder) : [pinned], _app.Clock);
        var quiet = 0;
        LoggedSession? last = null;
        await foreach (var line in follower.FollowAsync(pinned?.Id ?? (known is [.., var newest] ? newest.Id : ""), cancel))
        {
            if (line is not null)
            {
                (last, quiet) = (line.Session, 0);
                Show(line);
            }
            else if (last is not null && ++quiet == Quiet && !last.Record.Ended && !last.IsLive)
            {
                End(last);
                Hint(last);
            }
            if (_app.Terminal.DataClosed)
            {
                return ExitCodes.Ok;
            }
        }
        return ExitCodes.Ok;
    }

    private void Show(FollowedLine line)
    {
        if (_raw)
        {
            var text = Encoding.UTF8.GetString(line.Line.Span);
            _app.Terminal.WriteLine(_app.Terminal.DrawsOutput ? VisibleText.Json(text) : text);
            return;
        }
        if (line.Exchange is { } exchange)
        {
            Write(Of(line.Session).Add(exchange));
        }
    }

    private Conversation Of(LoggedSession session)
    {
        if (!_conversations.TryGetValue(session.Id, out var conversation))
        {
            _conversations.Add(session.Id, conversation = new Conversation());
        }
        return conversation;
    }

    private void Write(IEnumerable<ConversationItem> items)
    {
        foreach (var item in items)
        {
            if (_json)
            {
                _app.Terminal.WriteLine(JsonSerializer.Serialize(item, ConversationJson.Default.ConversationItem));
            }
            else
            {
                _renderer.Write(item);
            }
        }
        _renderer.Flush();
    }

    // The last line is not "end", and nobody is there who could still write it.
    private void End(LoggedSession session)
    {
        if (session.IsFile)
        {
            _app.Terminal.Say("the record has no end: its program still runs, or was killed.");
        }
        else if (!_raw)
        {
            var now = _app.Clock.GetUtcNow();
            Write(Of(session).Lost(now).Append(WebView.Died(now)));
        }
    }

    private void Hint(LoggedSession session)
    {
        if (!_raw && !Of(session).AnyBodies)
        {
            _app.Terminal.Say("what was said was not recorded in this session; codexctl run --record does that.");
        }
    }
}
