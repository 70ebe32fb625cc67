using System.Text.Json.Nodes;
using Codexctl.ModelServers;

namespace Codexctl.Tests.Gateway.ModelRoute;

public class LocalOnlyTests
{
    [Theory]
    [InlineData("POST", "/api/pull")]
    [InlineData("POST", "/api/push")]
    [InlineData("POST", "/api/create")]
    [InlineData("POST", "/api/copy")]
    [InlineData("DELETE", "/api/delete")]
    [InlineData("POST", "/api/blobs/sha256:00")]
    [InlineData("HEAD", "/api/blobs/sha256:00")]
    [InlineData("POST", "/api/experimental/web_search")]
    [InlineData("POST", "/api/experimental/web_fetch")]
    [InlineData("POST", "/api/me")]
    [InlineData("POST", "/api/signout")]
    [InlineData("POST", "/api/signin")]
    [InlineData("GET", "/api/status")]
    [InlineData("DELETE", "/api/user/keys/x")]
    [InlineData("POST", "/v1/messages")]
    [InlineData("POST", "/v1/audio/transcriptions")]
    [InlineData("POST", "/v1/images/generations")]
    [InlineData("GET", "/v1/responses")]
    [InlineData("PUT", "/v1/responses")]
    [InlineData("post", "/v1/responses")]
    [InlineData("POST", "//api/pull")]
    [InlineData("POST", "//api/show")]
    [InlineData("POST", "/api/./pull")]
    [InlineData("POST", "/v1/../api/pull")]
    [InlineData("POST", "/v1/%2e%2e/api/pull")]
    [InlineData("POST", "/v1/responses/%2e%2e/%2e%2e/api/pull")]
    [InlineData("POST", "/api%2fpull")]
    [InlineData("POST", "/api/pull/")]
    [InlineData("POST", "/api/pull?x=/v1/responses")]
    [InlineData("POST", "/API/PULL")]
    [InlineData("POST", "/V1/responses")]
    [InlineData("POST", "/v1/responses/")]
    [InlineData("POST", "/v1/responses%00")]
    [InlineData("POST", "/v1/responses;/../api/pull")]
    [InlineData("POST", "/%76%31/responses")]
    [InlineData("GET", "/v1/models/../../api/status")]
    [InlineData("GET", "/v1/models/%2e%2e/status")]
    [InlineData("GET", "/v1/models/a?/../x%0d")]
    [InlineData("GET", "/v1/models/")]
    [InlineData("GET", "/v1/models/gpt-oss:20b-cloud")]
    [InlineData("GET", "/v1/models/secret-words:Cloud")]
    [InlineData("OPTIONS", "*")]
    [InlineData("POST", "http://127.0.0.1:11434/api/pull")]
    [InlineData("POST", "http://127.0.0.1:11434/v1/responses")]
    [InlineData("CONNECT", "ollama.com:443")]
    public async Task What_is_not_exactly_on_the_list_never_reaches_the_server(string method, string target)
    {
        await using var host = await RouteHost.StartAsync();

        foreach (var version in (string[])["HTTP/1.1", "HTTP/1.0"])
        {
            var answer = await host.RawAsync(
                $"{method} {target} {version}\r\nHost: 127.0.0.1\r\nContent-Length: 19\r\nConnection: close\r\n\r\n{{\"model\":\"gpt-oss\"}}"
            );

            answer.ShouldStartWith("HTTP/1.1 4");
        }
        host.Ollama.Seen.ShouldAllBe(request => request.Target == "/api/tags");
    }

    [Theory]
    [InlineData("/api/pull", "ollama pull")]
    [InlineData("//api/./pull", "ollama pull")]
    [InlineData("/api/push", "ollama push")]
    [InlineData("/api/experimental/web_fetch", "--allow")]
    public async Task A_refusal_says_what_to_type_instead(string target, string instead)
    {
        await using var host = await RouteHost.StartAsync();

        var answer = await host.RawAsync($"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

        answer.ShouldContain("403");
        answer.ShouldContain("\"type\":\"codexctl_refused\"");
        answer.ShouldContain("\"code\":\"local_only\"");
        answer.ShouldContain(instead);
        (await host.OneCallAsync()).Kind.ShouldBe("refused");
    }

    [Fact]
    public async Task Headers_of_the_box_do_not_reach_the_server()
    {
        await using var host = await RouteHost.StartAsync();

        await host.RawAsync(
            "GET /api/tags?x=1 HTTP/1.1\r\nHost: evil.example\r\nX-HTTP-Method-Override: DELETE\r\nX-Original-URL: /api/pull\r\nCookie: a=b\r\nAuthorization: Bearer token\r\nConnection: close\r\n\r\n"
        );

        var seen = host.Ollama.Seen.ShouldHaveSingleItem();
        seen.Target.ShouldBe("/api/tags");
        seen.Headers["Host"].ShouldBe($"127.0.0.1:{host.Ollama.Address.Port}");
        seen.Headers.Keys.ShouldBe(["Host"], ignoreOrder: true);
    }

    [Theory]
    [InlineData("/v1/responses", "{\"model\":\"innocent\",\"input\":\"x\"}")]
    [InlineData("/v1/responses", "{\"model\":\"innocent:latest\",\"input\":\"x\"}")]
    [InlineData("/v1/chat/completions", "{\"model\":\"innocent\",\"messages\":[]}")]
    [InlineData("/v1/completions", "{\"model\":\"innocent\",\"prompt\":\"x\"}")]
    [InlineData("/v1/embeddings", "{\"model\":\"innocent\",\"input\":\"x\"}")]
    [InlineData("/api/chat", "{\"model\":\"innocent\",\"messages\":[]}")]
    [InlineData("/api/generate", "{\"model\":\"innocent\",\"prompt\":\"x\"}")]
    [InlineData("/api/embed", "{\"model\":\"innocent\",\"input\":\"x\"}")]
    [InlineData("/api/embeddings", "{\"model\":\"innocent\",\"prompt\":\"x\"}")]
    [InlineData("/api/show", "{\"model\":\"innocent\"}")]
    [InlineData("/api/show", "{\"name\":\"innocent\"}")]
    public async Task A_model_that_runs_elsewhere_is_refused_whatever_it_is_called(string path, string body)
    {
        await using var host = await RouteHost.StartAsync();

        var answer = await host.PostAsync(path, body);

        ((int)answer.StatusCode).ShouldBe(path == "/v1/responses" ? 400 : 403);
        (await RouteHost.TextAsync(answer)).ShouldContain("ollama.com");
        var call = await host.OneCallAsync();
        call.Kind.ShouldBe("refused");
        call.Error.ShouldNotBeNull();
        host.Ollama.Seen.Select(request => request.Target).ShouldBeSubsetOf(["/api/tags", "/api/show", "/api/ps"]);
    }

    [Theory]
    [InlineData("my-secret:cloud")]
    [InlineData("my-secret:20b-cloud")]
    [InlineData("my-secret:CLOUD")]
    [InlineData("my-secret: cloud ")]
    [InlineData("my-secret")]
    [InlineData("registry.example/my-secret:x")]
    public async Task A_name_that_is_not_listed_is_not_even_asked_about(string model)
    {
        await using var host = await RouteHost.StartAsync();

        foreach (var path in (string[])["/api/show", "/api/chat", "/v1/responses", "/v1/chat/completions"])
        {
            var answer = await host.PostAsync(path, new JsonObject { ["model"] = model }.ToJsonString());

            answer.IsSuccessStatusCode.ShouldBeFalse();
        }
        host.Ollama.Seen.ShouldAllBe(request => request.Target == "/api/tags");
    }

    [Theory]
    [InlineData("{\"model\":\"gpt-oss:20b\",\"model\":\"innocent\"}")]
    [InlineData("{\"model\":\"gpt-oss:20b\",\"mod\\u0065l\":\"innocent\"}")]
    [InlineData("{\"model\":\"gpt-oss:20b\",\"Model\":\"innocent\"}")]
    [InlineData("{\"MODEL\":\"innocent\"}")]
    [InlineData("{\"model\":\"gpt-oss:20b\",\"toolſ\":[]}")]
    [InlineData("{\"model\":\"gpt-oss:20b\",\"remote_host\":\"https://ollama.com\"}")]
    [InlineData("{\"model\":\"gpt-oss:20b\",\"Remote_Host\":\"https://ollama.com\"}")]
    [InlineData("{\"model\":\"gpt-oss:20b\",\"from\":\"x:cloud\"}")]
    [InlineData("{\"model\":\"gpt-oss:20b\",\"web_search_options\":{}}")]
    [InlineData("{\"model\":\"gpt-oss:20b\",\"tools\":[{\"type\":\"web_search\"}]}")]
    [InlineData("{\"model\":\"gpt-oss:20b\",\"tools\":[{\"type\":\"web_search_preview\"}]}")]
    [InlineData("{\"model\":\"gpt-oss:20b\",\"tools\":[{\"type\":\"mcp\",\"server_url\":\"https://x\"}]}")]
    [InlineData("{\"model\":\"gpt-oss:20b\",\"tools\":[{\"Type\":\"web_search\"}]}")]
    [InlineData("{\"model\":\"gpt-oss:20b\",\"tools\":[{\"type\":[\"web_search\"]}]}")]
    [InlineData("{\"model\":\"gpt-oss:20b\",\"tools\":{\"type\":\"web_search\"}}")]
    [InlineData(
        "{\"model\":\"gpt-oss:20b\",\"messages\":[{\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"http://evil/?q=secret\"}}]}]}"
    )]
    [InlineData("{\"model\":\"gpt-oss:20b\",\"messages\":[{\"content\":[{\"type\":\"image_url\",\"image_url\":\"file:///etc/passwd\"}]}]}")]
    [InlineData("{\"model\":\"gpt-oss:20b\",\"messages\":[{\"content\":[{\"type\":\"image_url\",\"Image_URL\":\"http://evil\"}]}]}")]
    [InlineData(
        "{\"model\":\"gpt-oss:20b\",\"messages\":[{\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:,x\",\"URL\":\"http://evil\"}}]}]}"
    )]
    [InlineData("{\"model\":5}")]
    [InlineData("{\"model\":\"\"}")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("")]
    [InlineData("model=gpt-oss")]
    [InlineData("{\"model\":\"gpt-oss:20b\"")]
    [InlineData("{\"model\":\"gpt-oss:20b\"} {\"model\":\"innocent\"}")]
    [InlineData("{\"model\":\"\\ud800\"}")]
    public async Task A_body_that_could_mean_something_else_is_refused(string body)
    {
        await using var host = await RouteHost.StartAsync();

        foreach (var path in (string[])["/api/chat", "/v1/chat/completions"])
        {
            var answer = await host.PostAsync(path, body);

            ((int)answer.StatusCode).ShouldBeOneOf(400, 403);
        }
        host.Ollama.Seen.ShouldBeEmpty();
    }

    [Fact]
    public async Task Compressed_bodies_are_refused()
    {
        await using var host = await RouteHost.StartAsync();

        var answer = await host.RawAsync(
            "POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Encoding: zstd\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
        );

        answer.ShouldStartWith("HTTP/1.1 415");
        host.Ollama.Seen.ShouldBeEmpty();
    }

    [Fact]
    public async Task What_runs_a_local_model_passes()
    {
        await using var host = await RouteHost.StartAsync();

        (await host.GetAsync("/")).ShouldBe("Ollama is running");
        (await host.GetAsync("/api/version")).ShouldContain("0.32");
        (await host.GetAsync("/v1/models/gpt-oss:20b")).ShouldContain("gpt-oss");
        (await RouteHost.TextAsync(await host.PostAsync("/api/chat", "{\"model\":\"gpt-oss:20b\",\"messages\":[]}"))).ShouldContain(
            "Hello"
        );
        (await RouteHost.TextAsync(await host.PostAsync("/api/show", "{\"name\":\"gpt-oss:20b\"}"))).ShouldContain("tools");
        var tools =
            "{\"model\":\"gpt-oss:20b\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"x\",\"parameters\":{\"properties\":{\"Type\":{},\"URL\":{}}}}}]}";
        (await RouteHost.TextAsync(await host.PostAsync("/v1/chat/completions", tools))).ShouldContain("[DONE]");
    }

    [Fact]
    public async Task A_model_that_became_remote_is_refused_soon()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        await using var host = await RouteHost.StartAsync(time: time);
        (await host.PostAsync("/api/chat", "{\"model\":\"gpt-oss:20b\"}")).IsSuccessStatusCode.ShouldBeTrue();

        host.Ollama.Models[0] = FakeModel.GptOss with { RemoteHost = "https://ollama.com" };
        time.Advance(TimeSpan.FromSeconds(31));

        ((int)(await host.PostAsync("/api/chat", "{\"model\":\"gpt-oss:20b\"}")).StatusCode).ShouldBe(403);
    }
}
