using Codexctl.Gateway.Egress;

namespace Codexctl.Tests.Gateway.Egress;

public sealed class NoProxyTests
{
    [Theory]
    [InlineData("example.com", "example.com", true)]
    [InlineData("example.com", "a.example.com", true)]
    [InlineData(".example.com", "a.example.com", true)]
    [InlineData("*.example.com", "a.example.com", true)]
    [InlineData("EXAMPLE.com", "example.com", true)]
    [InlineData("example.com", "notexample.com", false)]
    [InlineData("example.com:443", "example.com", true)]
    [InlineData("example.com:8443", "example.com", false)]
    [InlineData("*", "anything.org", true)]
    [InlineData("", "anything.org", false)]
    public void A_host_is_reached_without_the_company_s_proxy_where_NO_PROXY_says_so(string entry, string host, bool spared) =>
        (UpstreamProxy.Parse("http://proxy.corp:3128") with { Except = [entry] }).Spares(host, 443).ShouldBe(spared);
}
