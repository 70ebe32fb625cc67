using Codexctl.Policy;
using CsCheck;

namespace Codexctl.Tests.Policy;

public class AllowListTests
{
    private static readonly Gen<string> Label = Gen.Char["abcdefghijklmnopqrstuvwxyz0123456789-_"].Array[1, 12].Select(c => new string(c));
    private static readonly Gen<string> Host = Label.Array[2, 4].Select(labels => string.Join('.', labels));
    private static readonly Gen<string> Anything = Gen.OneOf(Host, Gen.String, Gen.String[Gen.Char["0123456789abcdefx.:[]*%-"], 0, 20]);

    [Theory]
    [InlineData("registry.npmjs.org", 443)]
    [InlineData("example.com", 80)]
    [InlineData("example.com", 22)]
    public void Nothing_is_allowed_until_somebody_allows_it(string host, int port)
    {
        AllowList.Empty.IsEmpty.ShouldBeTrue();
        AllowList.Empty.Decide(host, port).Allowed.ShouldBeFalse();
    }

    [Fact]
    public void A_refusal_names_the_preset_and_the_host_that_would_allow_it()
    {
        var decision = AllowList.Empty.Decide("Registry.npmjs.ORG.", 443);
        decision.Host.ShouldBe("registry.npmjs.org");
        decision.Flags.ShouldBe(["--allow npm", "--allow registry.npmjs.org"]);
        decision.Mend.ShouldBe(
            "Allow it with: codexctl run --allow npm (or --allow registry.npmjs.org); now, in another terminal: codexctl allow npm"
        );
    }

    [Fact]
    public void A_refusal_without_a_preset_names_the_host_with_its_port()
    {
        AllowList
            .Empty.Decide("example.com", 443)
            .Mend.ShouldBe("Allow it with: codexctl run --allow example.com; now, in another terminal: codexctl allow example.com");
        AllowList
            .Empty.Decide("registry.npmjs.org", 8443)
            .Mend.ShouldBe(
                "Allow it with: codexctl run --allow registry.npmjs.org:8443; now, in another terminal: codexctl allow registry.npmjs.org:8443"
            );
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("2130706433")]
    [InlineData("0x7f.0.0.1")]
    [InlineData("0177.1")]
    [InlineData("[::1]")]
    [InlineData("[::ffff:10.0.0.1]")]
    [InlineData("8.8.8.8")]
    [InlineData("localhost")]
    [InlineData("LOCALHOST.")]
    [InlineData("a.localhost")]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("a b.example.com")]
    [InlineData("bücher.example")]
    [InlineData("example.com\0.evil.org")]
    public void Addresses_local_names_and_nonsense_are_refused_and_no_flag_is_offered(string host)
    {
        var decision = AllowList.Parse(["*.example.com", "npm", "*.evil.org"]).Decide(host, 443);
        decision.Allowed.ShouldBeFalse();
        decision.Reason.ShouldNotBeNullOrWhiteSpace();
        decision.Mend.ShouldBeNull();
    }

    [Fact]
    public void Presets_and_patterns_come_in_lists()
    {
        var list = AllowList.Parse(["npm, PyPI", "*.example.com:8443"]);
        list.Entries.ShouldBe(["npm", "pypi", "*.example.com:8443"]);
        list.Decide("files.pythonhosted.org", 443).Allowed.ShouldBeTrue();
        list.Decide("a.example.com", 8443).Allowed.ShouldBeTrue();
        list.Decide("a.example.com", 443).Allowed.ShouldBeFalse();
        list.Decide("github.com", 443).Allowed.ShouldBeFalse();
    }

    [Fact]
    public void Every_preset_is_well_formed_and_its_hosts_are_allowed_by_it()
    {
        Presets.Names.ShouldBe(["npm", "pypi", "crates", "nuget", "go", "github", "debian", "alpine", "swift", "openai"]);
        foreach (var preset in Presets.All)
        {
            preset.Purpose.ShouldNotBeNullOrWhiteSpace();
            foreach (var pattern in preset.Patterns)
            {
                var host = pattern.IsWildcard ? "x." + pattern.Host : pattern.Host;
                AllowList.Parse([preset.Name]).Decide(host, 443).Allowed.ShouldBeTrue(host);
                Presets.Covering(host, 443).ShouldNotBeNull();
            }
        }
    }

    [Fact]
    public void A_host_can_be_taken_out_of_a_preset_and_given_back()
    {
        var list = AllowList.Parse(["npm"]).Deny("nodejs.org");
        list.Decide("nodejs.org", 443).Allowed.ShouldBeFalse();
        list.Decide("registry.npmjs.org", 443).Allowed.ShouldBeTrue();
        list.Entries.ShouldBe(["npm", "!nodejs.org"]);
        AllowList.Parse(list.Entries).Entries.ShouldBe(list.Entries);

        list.Allow("nodejs.org").Decide("nodejs.org", 443).Allowed.ShouldBeTrue();
        list.Allow("npm").Decide("nodejs.org", 443).Allowed.ShouldBeTrue();
    }

    [Fact]
    public void Giving_one_host_back_gives_back_no_other()
    {
        var list = AllowList.Parse(["*.example.com"]).Deny("*.x.example.com").Allow("a.x.example.com");
        list.Decide("a.x.example.com", 443).Allowed.ShouldBeTrue();
        list.Decide("b.x.example.com", 443).Allowed.ShouldBeFalse();
        list.Decide("b.example.com", 443).Allowed.ShouldBeTrue();
    }

    [Fact]
    public void Taking_out_what_was_allowed_by_its_own_name_leaves_nothing_behind()
    {
        AllowList.Parse(["example.com"]).Deny("example.com").Entries.ShouldBeEmpty();
        AllowList.Parse(["npm"]).Deny("npm").Entries.ShouldBeEmpty();
        AllowList.Empty.Deny("example.com").Entries.ShouldBeEmpty();
    }

    [Fact]
    public void The_same_entry_stands_once() =>
        AllowList.Parse(["npm", "npm", "a.example.com", "A.example.com."]).Entries.Count.ShouldBe(2);

    [Fact]
    public void Whatever_is_asked_the_empty_list_says_no_and_never_throws() =>
        Gen.Select(Anything, Gen.Int).Sample((host, port) => !AllowList.Empty.Decide(host, port).Allowed);

    [Fact]
    public void What_a_pattern_allows_ends_in_the_host_it_names() =>
        Gen.Select(Host, Anything, Gen.Bool)
            .Sample(
                (allowed, asked, below) =>
                {
                    AllowList list;
                    try
                    {
                        list = AllowList.Parse([below ? "*." + allowed : allowed]);
                    }
                    catch (UserError)
                    {
                        return true;
                    }
                    var asks = below ? asked + "." + allowed : asked;
                    var decision = list.Decide(asks, 443);
                    return !decision.Allowed
                        || (below ? decision.Host.EndsWith("." + allowed, StringComparison.Ordinal) : decision.Host == allowed);
                }
            );

    [Fact]
    public void Case_and_a_final_dot_make_no_difference() =>
        Host.Sample(host =>
            AllowList.Parse(["*.example.com"]).Decide(host + ".EXAMPLE.com.", 443).Allowed
            == AllowList.Parse(["*.example.com"]).Decide(host + ".example.com", 443).Allowed
        );

    [Fact]
    public void The_offered_flag_really_allows_what_was_refused() =>
        Host.Sample(host =>
        {
            var refused = AllowList.Empty.Decide(host, 8443);
            return refused.Flags.All(flag => AllowList.Parse([flag["--allow ".Length..]]).Decide(host, 8443).Allowed);
        });
}
