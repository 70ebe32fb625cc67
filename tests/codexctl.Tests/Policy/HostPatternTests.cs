using Codexctl.Policy;

namespace Codexctl.Tests.Policy;

public class HostPatternTests
{
    [Theory]
    [InlineData("registry.npmjs.org", "registry.npmjs.org")]
    [InlineData("Registry.NPMjs.ORG.", "registry.npmjs.org")]
    [InlineData("  example.com ", "example.com")]
    [InlineData("*.Example.com", "*.example.com")]
    [InlineData("*.example.com:8443", "*.example.com:8443")]
    [InlineData("bücher.example", "xn--bcher-kva.example")]
    [InlineData("BÜCHER.example", "xn--bcher-kva.example")]
    [InlineData("xn--bcher-kva.example", "xn--bcher-kva.example")]
    [InlineData("*.bücher.example:443", "*.xn--bcher-kva.example:443")]
    [InlineData("my_bucket.example.com", "my_bucket.example.com")]
    [InlineData("3m.com", "3m.com")]
    [InlineData("1.1.1.1.example.com", "1.1.1.1.example.com")]
    public void Takes_hosts_as_people_write_them(string text, string canonical) => HostPattern.Parse(text).ToString().ShouldBe(canonical);

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("*")]
    [InlineData("*.*")]
    [InlineData("*.")]
    [InlineData("*.com")]
    [InlineData("*.com.")]
    [InlineData("*example.com")]
    [InlineData("a.*.example.com")]
    [InlineData("**.example.com")]
    [InlineData("*.*.example.com")]
    [InlineData(".example.com")]
    [InlineData("example..com")]
    [InlineData("example.com..")]
    [InlineData(".")]
    [InlineData("-a.example.com")]
    [InlineData("a-.example.com")]
    [InlineData("exa mple.com")]
    [InlineData("exa\tmple.com")]
    [InlineData("exa\0mple.com")]
    [InlineData("example.com\nevil.com")]
    [InlineData("https://example.com/")]
    [InlineData("example.com/path")]
    [InlineData("user@example.com")]
    [InlineData("example.com:")]
    [InlineData("example.com:0")]
    [InlineData("example.com:65536")]
    [InlineData("example.com:-1")]
    [InlineData("example.com:+1")]
    [InlineData("example.com:0x50")]
    [InlineData("example.com:80:80")]
    [InlineData("example.com: 80")]
    [InlineData("127.0.0.1")]
    [InlineData("127.1")]
    [InlineData("2130706433")]
    [InlineData("0x7f000001")]
    [InlineData("0x7f.1")]
    [InlineData("0177.0.0.1")]
    [InlineData("8.8.8.8")]
    [InlineData("8.8.8.8.")]
    [InlineData("8.8.8.8:53")]
    [InlineData("[::1]")]
    [InlineData("[::1]:443")]
    [InlineData("::1")]
    [InlineData("2606:4700::1111")]
    [InlineData("example.0x")]
    [InlineData("example.123")]
    [InlineData("localhost")]
    [InlineData("intranet")]
    [InlineData("foo.localhost")]
    [InlineData("printer.local")]
    [InlineData("host.docker.internal")]
    [InlineData("metadata.google.internal")]
    [InlineData("router.home.arpa")]
    [InlineData("ｇｉｔｈｕｂ.com")]
    [InlineData("github。com")]
    [InlineData("git\u200bhub.com")]
    [InlineData("git\u00adhub.com")]
    [InlineData("exa%6dple.com")]
    [InlineData("example.com#x")]
    [InlineData("example.com?x")]
    [InlineData("exam\\ple.com")]
    [InlineData("💥.example.com")]
    public void Refuses_nonsense_with_a_reason_and_a_mend(string text)
    {
        var error = Should.Throw<UserError>(() => HostPattern.Parse(text));
        error.Why.ShouldNotBeNullOrWhiteSpace();
        error.Mend.ShouldNotBeNullOrWhiteSpace();
    }

    [Fact]
    public void A_page_address_is_refused_with_the_flag_that_was_meant() =>
        Should.Throw<UserError>(() => HostPattern.Parse("https://example.com:8443/a?b=c")).Mend.ShouldBe("--allow example.com:8443");

    [Fact]
    public void Labels_and_names_have_a_longest_length()
    {
        HostPattern.Parse(new string('a', 63) + ".example");
        Should.Throw<UserError>(() => HostPattern.Parse(new string('a', 64) + ".example"));
        var labels = string.Join('.', Enumerable.Repeat(new string('a', 49), 5)); // 249 characters
        HostPattern.Parse(labels + ".com");
        Should.Throw<UserError>(() => HostPattern.Parse(labels + ".coms"));
        Should.Throw<UserError>(() => HostPattern.Parse(new string('a', 100_000)));
    }

    [Theory]
    [InlineData("example.com", "example.com", 443, true)]
    [InlineData("example.com", "example.com", 80, true)]
    [InlineData("example.com", "example.com", 8443, false)]
    [InlineData("example.com", "example.com", 22, false)]
    [InlineData("example.com", "www.example.com", 443, false)]
    [InlineData("example.com", "evilexample.com", 443, false)]
    [InlineData("example.com", "example.com.evil.org", 443, false)]
    [InlineData("example.com:8443", "example.com", 8443, true)]
    [InlineData("example.com:8443", "example.com", 443, false)]
    [InlineData("*.example.com", "a.example.com", 443, true)]
    [InlineData("*.example.com", "a.b.c.example.com", 80, true)]
    [InlineData("*.example.com", "example.com", 443, false)]
    [InlineData("*.example.com", "evilexample.com", 443, false)]
    [InlineData("*.example.com", ".example.com", 443, false)]
    [InlineData("*.example.com:8443", "a.example.com", 443, false)]
    public void Covers_what_it_says(string pattern, string host, int port, bool covered) =>
        HostPattern.Parse(pattern).Matches(host, port).ShouldBe(covered);

    [Theory]
    [InlineData("example.com", "example.com", true)]
    [InlineData("example.com", "example.com:443", true)]
    [InlineData("example.com", "example.com:8443", false)]
    [InlineData("example.com:8443", "example.com:8444", false)]
    [InlineData("*.example.com", "a.example.com", true)]
    [InlineData("*.example.com", "*.a.example.com", true)]
    [InlineData("*.example.com", "*.example.com", true)]
    [InlineData("*.example.com", "example.com", false)]
    [InlineData("*.example.com", "*.example.org", false)]
    public void Knows_what_two_patterns_share(string a, string b, bool shared)
    {
        HostPattern.Parse(a).Overlaps(HostPattern.Parse(b)).ShouldBe(shared);
        HostPattern.Parse(b).Overlaps(HostPattern.Parse(a)).ShouldBe(shared);
    }
}
