using System.Buffers;
using System.IO.Compression;
using System.Text;
using Codexctl.Gateway.Recording;
using CsCheck;

namespace Codexctl.Tests.Gateway.Recording;

public sealed class BodyDecoderTests
{
    private const string Text = "{\"message\":{\"content\":\"Grüß dich, wie geht es dir heute? 🙂\"},\"done\":false}\n";

    public static TheoryData<string> Codings => ["gzip", "x-gzip", "deflate", "raw deflate", "br"];

    internal static byte[] Compress(string coding, byte[] plain)
    {
        var result = new MemoryStream();
        using (Stream stream = Open(coding, result))
        {
            stream.Write(plain);
        }
        return result.ToArray();
    }

    [Theory, MemberData(nameof(Codings))]
    public void A_body_comes_out_the_same_wherever_its_pieces_end(string coding) =>
        Gen.Select(Gen.Int[0, 300], Gen.Int[1, 40].Array[1, 20])
            .Sample(
                (repeat, sizes) =>
                {
                    var plain = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(Text, repeat)));
                    var packed = Compress(coding, plain);
                    using var decoder = BodyDecoder.For(coding.Replace("raw ", "", StringComparison.Ordinal))!;
                    var seen = new MemoryStream();
                    for (var (at, n) = (0, 0); at < packed.Length; n++)
                    {
                        var take = Math.Min(sizes[n % sizes.Length], packed.Length - at);
                        seen.Write(decoder.Add(new ReadOnlySequence<byte>(packed, at, take)));
                        at += take;
                    }
                    seen.Write(decoder.End());
                    seen.ToArray().ShouldBe(plain);
                },
                iter: 60
            );

    [Theory, MemberData(nameof(Codings))]
    public void What_its_sender_flushed_can_be_read_at_once(string coding)
    {
        var packed = new MemoryStream();
        using var sender = Open(coding, packed);
        using var decoder = BodyDecoder.For(coding.Replace("raw ", "", StringComparison.Ordinal))!;
        for (var n = 0; n < 5; n++)
        {
            sender.Write(Encoding.UTF8.GetBytes(Text));
            sender.Flush();
            Encoding.UTF8.GetString(decoder.Add(new ReadOnlySequence<byte>(packed.ToArray()))).ShouldBe(Text);
            packed.SetLength(0);
        }
    }

    [Fact]
    public void A_body_that_was_cut_tells_what_it_told()
    {
        var packed = Compress("gzip", Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(Text, 2000))));
        using var decoder = BodyDecoder.For("gzip")!;
        var seen = Encoding.UTF8.GetString(decoder.Add(new ReadOnlySequence<byte>(packed, 0, packed.Length / 2)));
        seen += Encoding.UTF8.GetString(decoder.End());
        seen.ShouldStartWith(Text + Text);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    public void What_is_not_what_it_says_is_told(string coding)
    {
        using var decoder = BodyDecoder.For(coding)!;
        Should.Throw<InvalidDataException>(() => decoder.Add(new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(new string('\x7f', 500)))));
    }

    [Fact]
    public void A_body_that_grows_without_end_is_given_up()
    {
        var bomb = Compress("gzip", new byte[BodyDecoder.Longest + 1]);
        using var decoder = BodyDecoder.For("gzip")!;
        Should.Throw<InvalidDataException>(() => decoder.Add(new ReadOnlySequence<byte>(bomb))).Message.ShouldContain("longer than 64 MB");
    }

    [Fact]
    public void Others_cannot_be_read() => BodyDecoder.For("zstd").ShouldBeNull();

    private static Stream Open(string coding, Stream to) =>
        coding switch
        {
            "br" => new BrotliStream(to, CompressionLevel.Fastest, leaveOpen: true),
            "deflate" => new ZLibStream(to, CompressionLevel.Fastest, leaveOpen: true),
            "raw deflate" => new DeflateStream(to, CompressionLevel.Fastest, leaveOpen: true),
            _ => new GZipStream(to, CompressionLevel.Fastest, leaveOpen: true),
        };
}
