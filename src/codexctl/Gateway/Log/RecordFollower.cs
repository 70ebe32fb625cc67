using System.Runtime.CompilerServices;
using Codexctl.Gateway.Recording;

namespace Codexctl.Gateway.Log;

/// <summary>A line of a record as it was read.</summary>
/// <param name="Line">Its bytes without the newline; valid until the next one is asked for.</param>
/// <param name="Exchange">What it means; null where this version does not know.</param>
public sealed record FollowedLine(LoggedSession Session, ReadOnlyMemory<byte> Line, Exchange? Exchange);

/// <summary>Reads records and goes on as they grow: over their files' ends, into new files, into sessions that begin meanwhile.</summary>
/// <param name="newer">Looks for sessions; called again and again.</param>
public sealed class RecordFollower(Func<IReadOnlyList<LoggedSession>> newer, TimeProvider clock)
{
    private static readonly TimeSpan _pace = TimeSpan.FromMilliseconds(80);

    /// <summary>A folder's listing is dearer than a read at a file's end.</summary>
    private const int RoundsBetweenLooks = 6;

    private readonly Dictionary<string, Reader> _readers = new(StringComparer.Ordinal);

    /// <summary>The lines of one session as it is now.</summary>
    public static async IAsyncEnumerable<FollowedLine> ReadAsync(
        LoggedSession session,
        [EnumeratorCancellation] CancellationToken cancel = default
    )
    {
        using var reader = new Reader(session);
        await foreach (var line in reader.NewAsync(cancel))
        {
            yield return line;
        }
    }

    /// <summary>Endless; a null between lines says that for the moment there are no more.</summary>
    /// <param name="after">Sessions up to this one (its name) are not looked at; "" for all.</param>
    public async IAsyncEnumerable<FollowedLine?> FollowAsync(string after, [EnumeratorCancellation] CancellationToken cancel = default)
    {
        for (var round = 0; ; round++)
        {
            if (round % RoundsBetweenLooks == 0)
            {
                var sessions = newer().Where(session => string.CompareOrdinal(session.Id, after) >= 0).ToList();
                foreach (var session in sessions)
                {
                    if (!_readers.ContainsKey(session.Id))
                    {
                        _readers.Add(session.Id, new Reader(session));
                    }
                }
                // Nothing is added to an ended session; who follows for weeks must not hold all their files.
                foreach (var session in sessions.SkipLast(1).Where(session => _readers[session.Id].IsOpen && session.Record.Ended))
                {
                    await foreach (var line in _readers[session.Id].NewAsync(cancel))
                    {
                        yield return line;
                    }
                    _readers[session.Id].Close();
                }
            }
            foreach (var reader in _readers.Values)
            {
                await foreach (var line in reader.NewAsync(cancel))
                {
                    yield return line;
                }
            }
            yield return null;
            await Task.Delay(_pace, clock, cancel);
        }
    }

    private sealed class Reader(LoggedSession session) : IDisposable
    {
        private RecordLines? _lines;
        private int _part;
        private bool _closed;

        public bool IsOpen => !_closed;

        /// <summary>Nothing more will come.</summary>
        public void Close()
        {
            _closed = true;
            Dispose();
        }

        public async IAsyncEnumerable<FollowedLine> NewAsync([EnumeratorCancellation] CancellationToken cancel)
        {
            while (!_closed)
            {
                if (_lines is null && !Open(1))
                {
                    yield break;
                }
                while (await _lines!.NextAsync(cancel) is { } line)
                {
                    yield return new FollowedLine(session, line, RecordLine.Read(line));
                }
                // The next file is made when this one is done with; but that may have been between our last look and this one.
                if (!File.Exists(PathOf(_part + 1)))
                {
                    yield break;
                }
                while (await _lines.NextAsync(cancel) is { } late)
                {
                    yield return new FollowedLine(session, late, RecordLine.Read(late));
                }
                if (!Open(_part + 1))
                {
                    yield break;
                }
            }
        }

        public void Dispose() => _lines?.Dispose();

        // The first by its own path: a copy that lies somewhere may have any name.
        private string PathOf(int part) =>
            part == 1
                ? session.Record.Parts[0]
                : Path.Combine(Path.GetDirectoryName(session.Record.Parts[0])!, RecordParts.NameOf(session.Id, part));

        private bool Open(int part)
        {
            try
            {
                var next = new RecordLines(PathOf(part));
                _lines?.Dispose();
                (_lines, _part) = (next, part);
                return true;
            }
            catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
            {
                return false;
            }
        }
    }
}
