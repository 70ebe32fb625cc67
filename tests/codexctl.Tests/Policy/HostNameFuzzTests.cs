using System.Net;
using System.Runtime.InteropServices;
using Codexctl.Policy;
using Codexctl.Tests.Fakes;
using CsCheck;

namespace Codexctl.Tests.Policy;

public partial class HostNameFuzzTests
{
    /// <summary>What the C library takes for an IPv4 address, and so every program that asks it.</summary>
    [LibraryImport("libc", EntryPoint = "inet_aton", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int TakeForAddress(string text, out uint address);

    private static bool IsName(string text) => HostName.TryNormalize(text, allowUnicode: false, out _, out _);

    // 127, 0177, 0x7f, 00000177, big numbers for the forms with fewer parts.
    private static readonly Gen<string> Number = Gen.Select(Gen.OneOf(Gen.UInt[0, 255], Gen.UInt), Gen.Int[0, 5], Gen.Int[0, 3])
        .Select(
            (number, form, zeros) =>
                form switch
                {
                    0 => new string('0', zeros + 1) + Convert.ToString(number, 8),
                    1 => "0x" + new string('0', zeros) + number.ToString("x"),
                    2 => "0X" + number.ToString("X"),
                    _ => number.ToString(),
                }
        );

    [Fact]
    public void No_form_of_an_IPv4_address_is_a_name()
    {
        var addresses = 0;
        foreach (
            var text in Gen.Select(Number.Array[1, 4], Gen.Bool)
                .Select((parts, dot) => string.Join('.', parts) + (dot ? "." : ""))
                .Cases(5000)
        )
        {
            addresses += TakeForAddress(text.TrimEnd('.'), out _);
            IsName(text).ShouldBeFalse(text);
            AllowList.Parse(["*.example.com", "npm"]).Decide(text, 443).Allowed.ShouldBeFalse(text);
        }
        addresses.ShouldBeGreaterThan(1000);
    }

    [Fact]
    public void What_the_C_library_takes_for_an_address_is_no_name()
    {
        foreach (var text in Gen.Char["0123456789abcdefxX."].Array[1, 14].Select(letters => new string(letters)).Cases(20_000))
        {
            (TakeForAddress(text, out _) == 1 && IsName(text)).ShouldBeFalse(text);
        }
    }

    [Fact]
    public void No_form_of_an_IPv6_address_is_a_name()
    {
        string[] zones = ["", "%1", "%eth0", "%25eth0", "%25lo"];
        var zone = Gen.Int[0, zones.Length - 1].Select(at => zones[at]);
        foreach (var (bytes, mapped, suffix) in Gen.Select(Gen.Byte.Array[16], Gen.Int[0, 3], zone).Cases(3000))
        {
            var address = mapped switch
            {
                0 => new IPAddress(bytes.AsSpan(0, 4)).MapToIPv6(),
                1 => new IPAddress([0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, .. bytes[..4]]),
                2 => new IPAddress([0x20, 0x02, .. bytes[..14]]),
                _ => new IPAddress(bytes),
            };
            var text = address + suffix;
            var spelled = string.Join(':', address.GetAddressBytes().Chunk(2).Select(pair => $"{pair[0]:X2}{pair[1]:x2}"));
            foreach (var form in (string[])[text, $"[{text}]", $"[{text}].", text + ".", spelled, $"[{spelled}]"])
            {
                IsName(form).ShouldBeFalse(form);
            }
        }
    }

    private static readonly string[] Pieces =
    [
        ".",
        "..",
        "-",
        "_",
        "@",
        "%",
        "%00",
        "%2e",
        "%2f",
        "/",
        "\\",
        "?",
        "#",
        ":",
        ":443",
        "\0",
        "\t",
        " ",
        "\r\n",
        "[",
        "]",
        "*",
        "xn--",
        "XN--",
        "127.0.0.1.",
        // Dots, hyphens and letters of other scripts, and what is not seen at all.
        "\u3002",
        "\uFF0E",
        "\uFF61",
        "\u2024",
        "\u00ad",
        "\u200b",
        "\u200d",
        "\u2010",
        "\u212a",
        "\u0130",
        "\u017f",
        "\u00df",
        "\uff41",
        "\u0430",
        "\ud835\udc1a",
        "\u0301",
    ];

    [Fact]
    public void A_name_on_the_wire_is_its_own_letters_in_lower_case_or_nothing()
    {
        foreach (
            var text in Seeded.Mutated(["example.com", "a.example.com", "xn--bcher-kva.example", "EXAMPLE.com."], Pieces).Cases(10_000)
        )
        {
            if (HostName.TryNormalize(text, allowUnicode: false, out var host, out _))
            {
                text.ShouldAllBe(letter => char.IsAscii(letter), text);
                host.ShouldBe((text.EndsWith('.') ? text[..^1] : text).ToLowerInvariant(), text);
                host.ShouldMatch("^[a-z0-9_-]+([.][a-z0-9_-]+)+$");
            }
        }
    }

    [Fact]
    public void A_pattern_allows_what_a_resolver_would_make_of_it_and_nothing_else()
    {
        foreach (
            var text in Seeded
                .Mutated(["example.com", "*.example.com", "bücher.example", "пример.example", "例え.example"], Pieces)
                .Cases(10_000)
        )
        {
            HostPattern pattern;
            try
            {
                pattern = HostPattern.Parse(text);
            }
            catch (UserError)
            {
                continue;
            }
            // Its one form says the same again, and is matched by what it says.
            HostPattern.Parse(pattern.ToString()).ShouldBe(pattern, text);
            HostName.TryNormalize(pattern.Host, allowUnicode: false, out var host, out _).ShouldBeTrue(text);
            host.ShouldBe(pattern.Host, text);
            pattern.Matches(pattern.IsWildcard ? "x." + host : host, pattern.Port ?? 443).ShouldBeTrue(text);
            pattern.MatchesHost("evil.org").ShouldBeFalse(text);
        }
    }
}
