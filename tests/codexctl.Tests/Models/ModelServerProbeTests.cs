using System.Net;
using Codexctl.Models;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Codexctl.Tests.Models;

public class ModelServerProbeTests
{
    private const string List = """{"data":[{"id":"m","max_model_len":40000,"meta":{"n_ctx_train":8}}]}""";

    [Theory]
    [InlineData(
        "/props",
        """{"default_generation_settings":{"n_ctx":32000},"build_info":"b1","modalities":{"vision":true}}""",
        ModelServerKind.LlamaCpp,
        32000
    )]
    [InlineData(
        "/api/v0/models",
        """{"data":[{"id":"m","state":"loaded","loaded_context_length":20000,"capabilities":["tool_use"]}]}""",
        ModelServerKind.LmStudio,
        20000
    )]
    [InlineData("/version", """{"version":"0.9"}""", ModelServerKind.Vllm, 40000)]
    [InlineData("/none", "", ModelServerKind.OpenAiCompatible, 40000)]
    public async Task Each_kind_of_server_is_known_by_what_only_it_has(string path, string answer, ModelServerKind kind, int context)
    {
        await using var app = await ServeAsync(new() { [path] = answer, ["/v1/models"] = List });
        using var probe = new ModelServerProbe(TimeProvider.System);

        var server = await probe.DetectAsync(new Uri(app.Urls.First()), TestContext.Current.CancellationToken);
        var model = await probe.FindAsync(server, "m", TestContext.Current.CancellationToken);

        server.Kind.ShouldBe(kind);
        model!.EffectiveContext.ShouldBe(context);
    }

    [Theory]
    [InlineData("<html>")]
    [InlineData("[]")]
    [InlineData("{\"data\":5}")]
    public async Task Something_else_at_the_address_is_an_error(string answer)
    {
        await using var app = await ServeAsync(new() { ["/api/version"] = answer, ["/v1/models"] = answer });
        using var probe = new ModelServerProbe(TimeProvider.System);

        var error = await Should.ThrowAsync<UserError>(probe.DetectAsync(new Uri(app.Urls.First()), TestContext.Current.CancellationToken));

        error.Message.ShouldContain("not a model server");
    }

    private static async Task<WebApplication> ServeAsync(Dictionary<string, string> answers)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        app.Run(context =>
        {
            if (answers.TryGetValue(context.Request.Path, out var answer))
            {
                return context.Response.WriteAsync(answer);
            }
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        });
        await app.StartAsync();
        return app;
    }
}
