using System.Net;
using System.Text.Json.Nodes;
using Codexctl.Gateway.ScriptedModel;
using Codexctl.Models;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace Codexctl.Tests.Gateway.ScriptedModel;

public class ScriptedModelTests
{
    [Fact]
    public async Task It_passes_the_same_preflight_as_a_real_server()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, 0));
        await using var app = builder.Build();
        app.Run(ScriptedModelHandler.HandleAsync);
        await app.StartAsync(TestContext.Current.CancellationToken);
        using var probe = new ModelServerProbe(TimeProvider.System);

        var result = await new ModelPreflight(probe).CheckAsync(
            new Uri(app.Urls.First()),
            ScriptedModelHandler.ModelName,
            load: true,
            cancel: TestContext.Current.CancellationToken
        );

        result.Warnings.ShouldBeEmpty();
        result.Model.EffectiveContext.ShouldBe(65536);
    }

    [Theory]
    [InlineData("""{"tools":[{"type":"function","name":"exec_command"}],"input":[{"role":"user","content":"x"}]}""", "call_read")]
    [InlineData("""{"tools":[],"input":[{"role":"user","content":"x"}]}""", null)]
    [InlineData("""{"input":"x"}""", null)]
    [InlineData("""{}""", null)]
    public void The_conversation_says_where_it_stands(string body, string? call)
    {
        ScriptedModelHandler.Next(JsonNode.Parse(body)!.AsObject()).CallId.ShouldBe(call);
    }
}
