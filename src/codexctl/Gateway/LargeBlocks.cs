using System.Buffers;
using Microsoft.AspNetCore.Connections;

namespace Codexctl.Gateway;

/// <summary>
/// Memory for connections in larger pieces than the server's own of 4 KB, which make a system call of every 2 KB of a large body. A connection on
/// which nothing moves holds none. What was given back is kept by the runtime's pool, which lets go of what nobody needs.
/// </summary>
internal sealed class LargeBlocks : MemoryPool<byte>, IMemoryPoolFactory<byte>
{
    private const int Size = 32 * 1024;

    public override int MaxBufferSize => Shared.MaxBufferSize;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1) => Shared.Rent(Math.Max(minBufferSize, Size));

    // One for all: it holds nothing itself.
    MemoryPool<byte> IMemoryPoolFactory<byte>.Create(MemoryPoolOptions? options) => this;

    protected override void Dispose(bool disposing) { }
}
