using System.Buffers.Binary;
using Codexctl.Engines.Bubblewrap;
using CsCheck;

namespace Codexctl.Tests.Engines.Bubblewrap;

public class FrameDecoderTests
{
    private static readonly Gen<(FrameType Type, byte[] Content)> Frame = Gen.Select(
        Gen.Int[0, 3].Select(i => (FrameType)"ioer"[i]),
        Gen.Byte.Array[0, 3000]
    );

    [Fact]
    public void Frames_come_out_as_they_went_in_however_the_bytes_are_cut() =>
        Gen.Select(Frame.List[0, 30], Gen.Int[1, 5000].List[1, 20])
            .Sample(
                (frames, cuts) =>
                {
                    var bytes = frames.SelectMany(frame => Encode(frame.Type, frame.Content)).ToArray();
                    var decoder = new FrameDecoder();
                    var seen = new List<(FrameType, byte[])>();
                    for (int position = 0, cut = 0; position < bytes.Length; cut++)
                    {
                        var room = decoder.Free();
                        var count = Math.Min(Math.Min(cuts[cut % cuts.Count], room.Length), bytes.Length - position);
                        bytes.AsSpan(position, count).CopyTo(room);
                        decoder.Added(count);
                        position += count;
                        while (decoder.TryRead(out var type, out var content))
                        {
                            seen.Add((type, content.ToArray()));
                        }
                    }
                    return seen.Count == frames.Count
                        && seen.Zip(frames)
                            .All(pair => pair.First.Item1 == pair.Second.Type && pair.First.Item2.SequenceEqual(pair.Second.Content));
                },
                iter: 300
            );

    [Fact]
    public void A_frame_of_the_largest_size_passes()
    {
        var decoder = new FrameDecoder();
        var bytes = Encode(FrameType.Request, new byte[FrameDecoder.LargestRequest]);
        for (var position = 0; position < bytes.Length; )
        {
            decoder.TryRead(out _, out _).ShouldBeFalse();
            var room = decoder.Free();
            var count = Math.Min(room.Length, bytes.Length - position);
            bytes.AsSpan(position, count).CopyTo(room);
            decoder.Added(count);
            position += count;
        }

        decoder.TryRead(out _, out var content).ShouldBeTrue();
        content.Length.ShouldBe(FrameDecoder.LargestRequest);
    }

    [Theory]
    [InlineData('o', 65537u)]
    [InlineData('o', uint.MaxValue)]
    [InlineData('o', 0x80000000u)]
    [InlineData('x', 5u)]
    [InlineData('k', 2u)]
    [InlineData('r', 4194305u)]
    [InlineData('?', 0u)]
    [InlineData('\0', 0u)]
    public void Hostile_types_and_lengths_are_refused_at_once(char type, uint length)
    {
        var decoder = new FrameDecoder();
        var header = decoder.Free();
        header[0] = (byte)type;
        BinaryPrimitives.WriteUInt32BigEndian(header[1..], length);
        decoder.Added(FrameDecoder.HeaderSize);

        Should.Throw<InvalidDataException>(() => decoder.TryRead(out _, out _));
    }

    [Fact]
    public void Any_bytes_at_all_give_frames_or_a_refusal() =>
        Gen
            .Byte.Array[0, 2000]
            .Sample(
                bytes =>
                {
                    var decoder = new FrameDecoder();
                    bytes.CopyTo(decoder.Free());
                    decoder.Added(bytes.Length);
                    try
                    {
                        while (decoder.TryRead(out _, out _)) { }
                    }
                    catch (InvalidDataException)
                    {
                        return;
                    }
                },
                iter: 1000
            );

    [Fact]
    public void A_request_survives_the_way()
    {
        var request = new ExecRequest(["a b", "ü\n"], new Dictionary<string, string> { ["X"] = "=1" }, "/workdir", 80, 24, "s");

        var decoded = ExecRequest.Decode(request.Encode());

        decoded.Command.ShouldBe(request.Command);
        decoded.Environment["X"].ShouldBe("=1");
        decoded.Terminal.ShouldBe(request.Terminal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{\"command\":[],\"environment\":{}}")]
    public void A_request_that_is_none_is_refused(string text) =>
        Should.Throw<InvalidDataException>(() => ExecRequest.Decode(System.Text.Encoding.UTF8.GetBytes(text)));

    private static byte[] Encode(FrameType type, byte[] content)
    {
        var bytes = new byte[FrameDecoder.HeaderSize + content.Length];
        FrameDecoder.WriteHeader(bytes, type, content.Length);
        content.CopyTo(bytes, FrameDecoder.HeaderSize);
        return bytes;
    }
}
