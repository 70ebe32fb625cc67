using Codexctl.Gateway.Recording;
using Microsoft.AspNetCore.Http;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>
/// Stands in for the body of a response that is passed on as it is, to see what goes by: bytes go on at once, and what is learned from them is
/// their tokens and times.
/// </summary>
internal sealed class WatchedAnswer : Stream
{
    private readonly HttpContext _context;
    private readonly CallRecord _call;
    private readonly Stream _inner;
    private readonly string _path;
    private AnswerMeter? _meter;

    public WatchedAnswer(HttpContext context, CallRecord call, string path)
    {
        (_context, _call, _path, _inner) = (context, call, path, context.Response.Body);
        context.Response.Body = this;
    }

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        See(buffer.Span);
        return _inner.WriteAsync(buffer, cancellationToken);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        See(buffer.AsSpan(offset, count));
        return _inner.WriteAsync(buffer, offset, count, cancellationToken);
    }

    public override void Write(byte[] buffer, int offset, int count)
    {
        See(buffer.AsSpan(offset, count));
        _inner.Write(buffer, offset, count);
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => _inner.FlushAsync(cancellationToken);

    public override void Flush() => _inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override ValueTask DisposeAsync()
    {
        _meter?.End();
        _context.Response.Body = _inner;
        return base.DisposeAsync();
    }

    private void See(ReadOnlySpan<byte> bytes)
    {
        _meter ??= new AnswerMeter(MessageSplitter.FormOf(_context.Response.ContentType, _path), _call);
        _meter.Add(bytes);
        _call.Answer(_context, bytes);
    }
}
