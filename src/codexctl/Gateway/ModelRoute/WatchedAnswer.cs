using Codexctl.Gateway.Recording;
using Microsoft.AspNetCore.Http;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>
/// Stands before the body of a response that is passed on as it is, to see what goes by: what is learned from it is its tokens and times.
/// </summary>
internal sealed class WatchedAnswer : IDisposable
{
    private readonly HttpContext _context;
    private readonly CallRecord _call;
    private readonly Stream _inner;
    private readonly string _path;
    private AnswerMeter? _meter;

    public WatchedAnswer(HttpContext context, CallRecord call, string path)
    {
        (_context, _call, _path, _inner) = (context, call, path, context.Response.Body);
        context.Response.Body = new TappedStream(_inner) { OnWrite = See };
    }

    public void Dispose()
    {
        _meter?.End();
        _context.Response.Body = _inner;
    }

    private void See(ReadOnlyMemory<byte> bytes)
    {
        _meter ??= new AnswerMeter(MessageSplitter.FormOf(_context.Response.ContentType, _path), _call);
        _meter.Add(bytes.Span);
        _call.Answer(_context, bytes.Span);
    }
}
