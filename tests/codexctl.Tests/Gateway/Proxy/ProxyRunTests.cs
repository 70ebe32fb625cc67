using System.Net;
using Codexctl.Gateway.Proxy;
using Codexctl.Gateway.Recording;

namespace Codexctl.Tests.Gateway.Proxy;

public sealed class ProxyRunTests
{
    [Theory]
    [InlineData("127.0.0.1:5000", "http://localhost:5000")]
    [InlineData("0.0.0.0:5000", "http://127.0.0.1:5000")]
    [InlineData("192.0.2.1:5000", "http://192.0.2.1:5000")]
    [InlineData("[2001:db8::1]:5000", "http://[2001:db8::1]:5000")]
    [InlineData("0.0.0.0:5000", "http://0.0.0.0:5000")]
    public async Task A_target_that_would_be_the_proxy_itself_is_refused(string listen, string target)
    {
        var settings = new ProxySettings([IPEndPoint.Parse(listen)], null, new Uri(target), LocalOnly: false, []);
        await using var sink = Recorder.Watching(TimeProvider.System, null);
        var error = await Should.ThrowAsync<UserError>(() => ProxyRun.RunAsync(settings, sink, TimeProvider.System, _ => { }, default));
        error.Message.ShouldContain("port 5000");
    }
}
