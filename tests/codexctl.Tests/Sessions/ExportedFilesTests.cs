using System.Formats.Tar;
using System.Text;
using Codexctl.Processes;
using Codexctl.Sessions;
using Codexctl.Settings;
using CsCheck;

namespace Codexctl.Tests.Sessions;

/// <summary>Archives as engines write them, and as an agent would like them to be.</summary>
public sealed class ExportedFilesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("codexctl-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static List<(string Name, char Type, string Link, string Content)> Read(Stream tar)
    {
        tar.Position = 0;
        List<(string, char, string, string)> read = [];
        var files = new ExportedFiles(tar);
        while (files.Next() is { } file)
        {
            using var content = new StreamReader(files.Content(), Encoding.UTF8, false, 1024, leaveOpen: true);
            read.Add((file.Name, file.Type, file.LinkName, content.ReadToEnd()));
        }
        return read;
    }

    private static MemoryStream Write(TarEntryFormat format, params (string Name, string Content)[] files)
    {
        var tar = new MemoryStream();
        using (var writer = new TarWriter(tar, format, leaveOpen: true))
        {
            foreach (var (name, content) in files)
            {
                TarEntry entry = format switch
                {
                    TarEntryFormat.Gnu => new GnuTarEntry(TarEntryType.RegularFile, name),
                    TarEntryFormat.Ustar => new UstarTarEntry(TarEntryType.RegularFile, name),
                    _ => new PaxTarEntry(TarEntryType.RegularFile, name),
                };
                entry.DataStream = new MemoryStream(Encoding.UTF8.GetBytes(content));
                writer.WriteEntry(entry);
            }
        }
        return tar;
    }

    [Theory, InlineData(TarEntryFormat.Pax), InlineData(TarEntryFormat.Gnu)]
    public void Whatever_the_names_and_contents_are_they_are_read(TarEntryFormat format) =>
        Gen.Select(
                Gen.String[Gen.OneOf(Gen.Char[' ', '~'], Gen.Const('ä'), Gen.Const('€'), Gen.Const('\n')), 1, 300],
                Gen.String[Gen.Char.AlphaNumeric, 0, 1500]
            )
            .Array[0, 5]
            .Sample(
                files =>
                {
                    var named = files.Select((file, i) => ($"{i}{file.Item1.Replace('\0', 'x')}e", file.Item2)).ToArray();
                    Read(Write(format, named)).ShouldBe(named.Select(file => (file.Item1, '0', "", file.Item2)));
                },
                iter: 300
            );

    [Fact]
    public void A_name_in_two_parts_is_put_together() =>
        Read(Write(TarEntryFormat.Ustar, ($"{new string('d', 99)}/{new string('f', 99)}", "x")))
            .ShouldHaveSingleItem()
            .Name.ShouldBe($"{new string('d', 99)}/{new string('f', 99)}");

    [Theory]
    [InlineData("--format=gnu")]
    [InlineData("--format=pax")]
    [InlineData("--format=ustar")]
    [InlineData("--format=v7")]
    [InlineData("--format=gnu", "--sparse")]
    [InlineData("--format=pax", "--sparse")]
    public async Task What_tar_writes_is_read(params string[] options)
    {
        var source = Directory.CreateDirectory(Path.Combine(_folder, "source")).FullName;
        File.WriteAllText(Path.Combine(source, "plain"), "content");
        File.WriteAllText(Path.Combine(source, "line\nbreak"), new string('x', 70_000));
        File.CreateSymbolicLink(Path.Combine(source, "link"), "/etc/passwd");
        using (var holes = File.Create(Path.Combine(source, "holes")))
        {
            holes.Seek(1 << 20, SeekOrigin.Begin);
            holes.WriteByte((byte)'e');
        }
        var tar = Path.Combine(_folder, "made.tar");
        var made = await new ProcessRunner(HostEnvironment.FromProcess()).CaptureAsync(
            new CommandLine("tar", [.. options, "--sort=name", "-cf", tar, "-C", _folder, "source"]),
            TimeSpan.FromSeconds(20)
        );
        made.ExitCode.ShouldBe(0, made.Error);

        using var file = File.OpenRead(tar);
        var read = Read(file);

        read.Count.ShouldBe(5);
        read.Single(one => one.Name == "source/plain").ShouldBe(("source/plain", '0', "", "content"));
        read.Single(one => one.Name == "source/line\nbreak").Content.Length.ShouldBe(70_000);
        read.Single(one => one.Name == "source/link").ShouldBe(("source/link", '2', "/etc/passwd", ""));
        // A file with holes is plain, or is not taken for one.
        var sparse = read.Single(one => one.Name.EndsWith("/holes", StringComparison.Ordinal));
        (sparse.Type == 'S' || sparse.Content.Length == (1 << 20) + 1).ShouldBeTrue();
    }

    /// <summary>As docker writes the capabilities of a program: bytes of any value.</summary>
    [Fact]
    public void An_attribute_may_hold_a_line_break()
    {
        var record = "30 SCHILY.xattr.user.a=b\nc=d e\n";
        Encoding.UTF8.GetByteCount(record).ShouldBe(31);
        record = record.Replace("30 ", "31 ", StringComparison.Ordinal);
        var tar = new MemoryStream();
        var inner = Write(TarEntryFormat.Ustar, ("attributes", record)).ToArray();
        inner[156] = (byte)'x';
        Seal(inner);
        tar.Write(inner.AsSpan(0, 1024));
        tar.Write(Write(TarEntryFormat.Ustar, ("plain", "content")).ToArray());

        Read(tar).ShouldBe([("plain", '0', "", "content")]);
    }

    [Fact]
    public void A_damaged_one_is_said_to_be_damaged() =>
        Gen.Select(Gen.Int[0, 4095], Gen.Byte)
            .Sample(
                damage =>
                {
                    var bytes = Write(TarEntryFormat.Pax, ("one", "content"), (new string('n', 200), "more")).ToArray();
                    bytes[damage.Item1 % bytes.Length] = damage.Item2;
                    Attempt(bytes);
                    Seal(bytes);
                    Attempt(bytes);
                    Attempt(bytes[..(damage.Item1 % bytes.Length)]);
                },
                iter: 3000
            );

    [Theory]
    [InlineData(124, "77777777777\0")]
    [InlineData(124, "\u0080\u007f\u007f\u007f\u007f\u007f\u007f\u007f\u007f\u007f\u007f\u007f")]
    [InlineData(124, "12345678abc\0")]
    public void A_size_that_cannot_be_is_an_error(int at, string field)
    {
        var bytes = Write(TarEntryFormat.Ustar, ("one", "content")).ToArray();
        Encoding.Latin1.GetBytes(field).CopyTo(bytes, at);
        Seal(bytes);

        Should.Throw<InvalidDataException>(() => Read(new MemoryStream(bytes)));
    }

    private static void Attempt(byte[] bytes)
    {
        try
        {
            Read(new MemoryStream(bytes));
        }
        catch (InvalidDataException)
        {
            // That is what it should say.
        }
    }

    /// <summary>Makes the first header's sum right again.</summary>
    private static void Seal(byte[] bytes)
    {
        bytes.AsSpan(148, 8).Fill((byte)' ');
        var sum = bytes.AsSpan(0, 512).ToArray().Sum(one => (int)one);
        Encoding.ASCII.GetBytes($"{Convert.ToString(sum, 8).PadLeft(6, '0')}\0 ").CopyTo(bytes, 148);
    }
}
