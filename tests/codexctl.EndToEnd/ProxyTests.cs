using System.ClientModel;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Codexctl.EndToEnd;

/// <summary>`codexctl proxy` with the clients that people have.</summary>
public class ProxyTests
{
    private const string Key = "sk-proj-abcdefghijklmnop1234";

    [Fact]
    public async Task With_curl_the_conversation_is_shown_as_it_goes_and_the_record_tells_it_again()
    {
        await using var scene = await ProxyScene.StartAsync("--record", "exchanges.jsonl");
        var asked = Machine.Run(
            "curl",
            "-sS",
            $"{scene.Address}/api/chat",
            "-d",
            $$"""{"model":"gpt-oss:20b","messages":[{"role":"user","content":"hi, with {{Key}}"}]}"""
        );
        asked.Output.ShouldContain("Hello from the fake.");
        await scene.ShowsAsync("answer   Hello from the fake.\n");
        Machine.Run("curl", "-sS", $"{scene.Address}/api/version").Output.ShouldContain("0.32.15");
        scene.Scene.Model.Seen[^1].Headers["Host"].ShouldBe(scene.Scene.Model.Address.Authority);

        await scene.ShowsAsync("GET /api/version");
        scene.Shown.ShouldContain("gpt-oss:20b\n");
        scene.Shown.ShouldContain("person   hi, with [redacted]\n");
        scene.Shown.ShouldContain("answer   Hello from the fake.\n");
        scene.Shown.ShouldNotContain('\x1b');

        (await scene.InterruptAsync()).ExitCode.ShouldBe(0);
        File.GetUnixFileMode(scene.Record).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        ProxyScene.Read(scene.Record).ShouldNotContain(Key);
        var log = await scene.Scene.RunAsync("log", scene.Record);
        log.ExitCode.ShouldBe(0, log.ToString());
        log.Output.ShouldContain("person   hi, with [redacted]\n");
        log.Output.ShouldContain("answer   Hello from the fake.\n");
        log.Output.ShouldEndWith("the gateway ended\n");
        var har = await scene.Scene.RunAsync("log", "export", "--har", "-", "exchanges.jsonl");
        JsonNode.Parse(har.Output)!["log"]!["entries"]!.AsArray().Count.ShouldBe(2, har.ToString());
    }

    [Fact]
    public async Task Without_a_record_it_is_shown_all_the_same_and_quietly_it_is_not()
    {
        await using (var scene = await ProxyScene.StartAsync())
        {
            Machine.Run("curl", "-sS", $"{scene.Address}/api/generate", "-d", """{"model":"gpt-oss:20b","prompt":"why?"}""");
            await scene.ShowsAsync("answer   Hello from the fake.");
            scene.Shown.ShouldContain("person   why?");
        }
        await using (var quiet = await ProxyScene.StartAsync("--quiet"))
        {
            Machine.Run("curl", "-sS", $"{quiet.Address}/api/version").Output.ShouldContain("0.32.15");
            (await quiet.InterruptAsync()).ExitCode.ShouldBe(0);
            quiet.Shown.ShouldBe("");
        }
    }

    [Fact]
    public async Task The_real_Codex_works_through_it_and_only_what_runs_a_local_model_passes()
    {
        await using var scene = await ProxyScene.StartAsync("--local-only", "--record", "exchanges.jsonl");
        var codex = await Machine.CodexAsync();
        scene.Scene.Model.Mode = AnswerMode.Tool;
        var home = scene.Scene.NewFolder("codex-home");
        await File.WriteAllTextAsync(
            Path.Combine(home, "config.toml"),
            $"""
            model = "gpt-oss:20b"
            model_provider = "here"
            check_for_update_on_startup = false
            [model_providers.here]
            name = "here"
            base_url = "{scene.Address}/v1"
            wire_api = "responses"
            """
        );

        var run = Machine.Run(
            "env",
            "-i",
            "-C",
            scene.Scene.Work,
            $"PATH={scene.Scene.Environment["PATH"]}",
            $"HOME={scene.Scene.Home}",
            $"CODEX_HOME={home}",
            codex.Codex,
            "exec",
            "--skip-git-repo-check",
            "--dangerously-bypass-approvals-and-sandbox",
            "write hello.txt"
        );

        run.ExitCode.ShouldBe(0, run.Error);
        run.Output.ShouldBe("Done: hello.txt written.\n");
        ProxyScene.Read(Path.Combine(scene.Scene.Work, "hello.txt")).ShouldBe("hello from the fake\n");
        await scene.ShowsAsync("answer   Done: hello.txt written.");
        scene.Shown.ShouldContain("person   write hello.txt\n");
        scene.Shown.ShouldContain("tool     exec_command printf 'hello from the fake\\n' > hello.txt\n");
        scene.Shown.ShouldContain("4,321 tokens in, 21 out");

        var pull = Machine.Run("curl", "-sS", "-w", " %{http_code}", $"{scene.Address}/api/pull", "-d", """{"model":"x"}""");
        pull.Output.ShouldEndWith(" 403");
        await scene.ShowsAsync("refused · POST /api/pull");
        scene.Scene.Model.Seen.ShouldNotContain(request => request.Target == "/api/pull");
    }

    [Fact]
    public async Task The_npm_packages_ollama_and_openai_work_through_it()
    {
        await using var scene = await ProxyScene.StartAsync();
        var folder = scene.InstallFromNpm("ollama@0.6.4", "openai@7.57.0");
        await File.WriteAllTextAsync(
            Path.Combine(folder, "both.js"),
            $$"""
            import { Ollama } from 'ollama';
            import OpenAI from 'openai';
            const model = 'gpt-oss:20b', messages = [{ role: 'user', content: 'by npm' }];
            const ollama = new Ollama({ host: '{{scene.Address}}' });
            console.log('models', (await ollama.list()).models.length);
            let text = '';
            for await (const part of await ollama.chat({ model, messages, stream: true })) text += part.message.content;
            console.log('chat', text);
            console.log('generate', (await ollama.generate({ model, prompt: 'once' })).response);
            console.log('show', (await ollama.show({ model })).capabilities.join());
            let last;
            for await (const part of await ollama.pull({ model: 'new:1b', stream: true })) last = part.status;
            console.log('pull', last);

            const openai = new OpenAI({ baseURL: '{{scene.Address}}/v1', apiKey: '{{Key}}' });
            text = '';
            for await (const part of await openai.chat.completions.create({ model, messages: [{ role: 'user', content: 'by the other' }], stream: true })) text += part.choices[0]?.delta?.content + ' ';
            console.log('completions', text.trim());
            text = '';
            for await (const event of await openai.responses.create({ model, input: 'by responses', stream: true }))
              if (event.type === 'response.output_text.delta') text += event.delta;
            console.log('responses', text.trim());
            try { await openai.responses.create({ model: 'nobody', input: 'x' }); } catch (error) { console.log('error', error.status); }
            """
        );

        var run = Machine.Run("node", Path.Combine(folder, "both.js"));

        run.ToString()
            .ShouldBe(
                (
                    0,
                    """
                    models 3
                    chat Hello from the fake.
                    generate Hello from the fake.
                    show completion,tools,thinking
                    pull success
                    completions Hello from the fake.
                    responses Hello from the fake.
                    error 404

                    """,
                    ""
                ).ToString()
            );
        await scene.ShowsAsync("status 404");
        scene.Shown.ShouldContain("person   by npm\n");
        scene.Shown.ShouldContain("person   by the other\n");
        scene.Shown.ShouldContain("person   by responses\n");
        scene.Shown.ShouldContain("POST /api/show\n");
    }

    [Fact]
    public async Task OllamaSharp_works_through_it()
    {
        await using var scene = await ProxyScene.StartAsync();
        using var client = new OllamaSharp.OllamaApiClient(new Uri(scene.Address), "gpt-oss:20b");

        (await client.ListLocalModelsAsync()).Count().ShouldBe(3);
        var text = new StringBuilder();
        await foreach (
            var part in client.ChatAsync(
                new OllamaSharp.Models.Chat.ChatRequest
                {
                    Model = "gpt-oss:20b",
                    Messages = [new OllamaSharp.Models.Chat.Message(OllamaSharp.Models.Chat.ChatRole.User, "by OllamaSharp")],
                }
            )
        )
        {
            text.Append(part?.Message.Content);
        }

        text.ToString().ShouldBe("Hello from the fake.");
        await scene.ShowsAsync("answer   Hello from the fake.");
        scene.Shown.ShouldContain("person   by OllamaSharp\n");
    }

    [Fact]
    public async Task OpenAIs_package_works_through_it()
    {
        await using var scene = await ProxyScene.StartAsync();
        var client = new OpenAI.OpenAIClient(
            new ApiKeyCredential(Key),
            new OpenAI.OpenAIClientOptions { Endpoint = new Uri($"{scene.Address}/v1") }
        );

        var text = new StringBuilder();
        await foreach (
            var part in client
                .GetChatClient("gpt-oss:20b")
                .CompleteChatStreamingAsync([new OpenAI.Chat.UserChatMessage("by OpenAI's package")])
        )
        {
            text.AppendJoin("", part.ContentUpdate.Select(one => one.Text)).Append(' ');
        }

        text.ToString().ShouldStartWith("Hello from the fake. ");
        await scene.ShowsAsync("answer   Hellofromthefake.");
        scene.Shown.ShouldContain("person   by OpenAI's package\n");
        scene.Scene.Model.Seen[^1].Headers["Authorization"].ShouldBe($"Bearer {Key}");
    }

    [Fact]
    public async Task The_variables_of_OllamaProxy_do_what_they_did_there()
    {
        await using var scene = await ProxyScene.CreateAsync();
        await scene.BeginAsync(
            new Call("proxy")
            {
                Environment = new Dictionary<string, string?>
                {
                    ["HOST"] = "127.0.0.1",
                    ["PORT"] = $"{scene.Port}",
                    ["TARGET_URL"] = scene.Scene.Environment["OLLAMA_HOST"],
                    ["OLLAMA_HOST"] = "127.0.0.1:1",
                    ["WRITE_FILE"] = "true",
                },
            }
        );

        Machine.Run("curl", "-sS", $"{scene.Address}/api/generate", "-d", """{"model":"gpt-oss:20b","prompt":"written?"}""");
        await scene.ShowsAsync("answer   Hello from the fake.");
        (await scene.InterruptAsync()).ExitCode.ShouldBe(0);

        var file = Directory.EnumerateFiles(Path.Combine(scene.Scene.Work, "Data")).ShouldHaveSingleItem();
        (await scene.Scene.RunAsync("log", file)).Output.ShouldContain("person   written?\n");
    }

    [Theory]
    [InlineData("--target", "ftp://x", "--target is no address of a model server")]
    [InlineData("--listen", "somewhere:80", "is no address to listen on")]
    [InlineData("--record", "/nowhere/x.jsonl", "/nowhere/x.jsonl cannot be written")]
    public async Task What_cannot_be_is_refused_in_words(string option, string value, string words)
    {
        await using var scene = await ProxyScene.CreateAsync();

        var outcome = await scene.Scene.RunAsync("proxy", option, value);

        outcome.ExitCode.ShouldNotBe(0);
        outcome.Error.ShouldContain(words);
        outcome.Output.ShouldBe("");
    }

    [Fact]
    public async Task A_port_in_use_and_a_target_that_would_be_itself_are_told()
    {
        await using var scene = await ProxyScene.StartAsync();

        (await scene.Scene.RunAsync("proxy", "--listen", $"127.0.0.1:{scene.Port}")).Error.ShouldContain(
            $"Port {scene.Port} of 127.0.0.1 is in use"
        );
        (await scene.Scene.RunAsync("proxy", "--listen", "127.0.0.1:8085", "--target", "http://localhost:8085")).Error.ShouldContain(
            "would listen where its target is"
        );
    }

    [Fact]
    public async Task It_warns_when_other_computers_can_connect_and_only_then()
    {
        await using var scene = await ProxyScene.CreateAsync();
        await scene.BeginAsync(new Call("proxy", "--listen", $"0.0.0.0:{scene.Port}"));
        (await scene.InterruptAsync()).Error.ShouldContain("can be reached from other computers");

        await using var local = await ProxyScene.StartAsync();
        (await local.InterruptAsync()).Error.ShouldNotContain("warning");
    }

    [Fact]
    public async Task An_address_that_appears_later_is_waited_for_and_one_that_goes_is_taken_again_when_it_is_back()
    {
        const string Address = "192.0.2.77";
        await using var scene = await ProxyScene.CreateAsync();
        scene.Scene.Later(() =>
        {
            Ip("del", Address);
            return Task.CompletedTask;
        });
        // Also on one that is there, by which it can be seen that it runs.
        await scene.BeginAsync(new Call("proxy", "--listen", $"{Address}:{scene.Port}", "--listen", $"127.0.0.1:{scene.Port}"));
        scene.Listens(IPAddress.Parse(Address)).ShouldBeFalse();

        for (var i = 0; i < 2; i++)
        {
            Ip("add", Address).ShouldBe(0);
            await Scene.EventuallyAsync(() => scene.Listens(IPAddress.Parse(Address)), "it listens on the new address");
            Machine.Run("curl", "-sS", $"http://{Address}:{scene.Port}/api/version").Output.ShouldContain("0.32.15");
            Ip("del", Address).ShouldBe(0);
            // A look a second.
            await Task.Delay(2500, TestContext.Current.CancellationToken);
        }
        var said = (await scene.InterruptAsync()).Error;
        said.ShouldContain($"waiting for the address {Address} to appear");
        said.ShouldContain($"{Address} has gone; waiting for it to come back");
    }

    [Fact]
    public async Task Its_record_is_live_until_it_ends()
    {
        await using var scene = await ProxyScene.CreateAsync();
        await scene.BeginAsync(new Call("proxy", "--listen", $"127.0.0.1:{scene.Port}", "--record"));
        (await scene.Scene.RunAsync("log", "--list", "--all")).Output.ShouldContain("live");

        await scene.InterruptAsync();

        var after = (await scene.Scene.RunAsync("log", "--list", "--all")).Output;
        after.ShouldContain("ended");
        after.ShouldNotContain("live");
        Directory.EnumerateFiles(scene.Scene.Paths.Proxy).ShouldHaveSingleItem().ShouldEndWith(".jsonl");
    }

    [Fact]
    public async Task A_hundred_megabytes_pass_both_ways_whole()
    {
        const long Size = 100_000_000;
        await using var scene = await ProxyScene.CreateAsync();
        await using var server = await PlainServer.StartAsync();
        await scene.BeginAsync(
            new Call("proxy", "--listen", $"127.0.0.1:{scene.Port}", "--target", server.Address, "--record", "exchanges.jsonl")
        );
        var file = Path.Combine(scene.Scene.Root, "big");
        await File.WriteAllBytesAsync(file, PlainServer.Bytes(Size), TestContext.Current.CancellationToken);
        var hash = Convert.ToHexStringLower(SHA256.HashData(PlainServer.Bytes(Size)));

        Machine.Run("curl", "-sS", "-T", file, $"{scene.Address}/up").Output.ShouldBe($"{Size} {hash}");
        Machine.Run("curl", "-sS", "-T", file, "-H", "Transfer-Encoding: chunked", $"{scene.Address}/up").Output.ShouldBe($"{Size} {hash}");
        Machine.Run("curl", "-sS", "--data-binary", $"@{file}", $"{scene.Address}/up").Output.ShouldBe($"{Size} {hash}");
        var down = Path.Combine(scene.Scene.Root, "down");
        Machine.Run("curl", "-sS", "-o", down, $"{scene.Address}/down/{Size}").ExitCode.ShouldBe(0);
        await using (var stream = File.OpenRead(down))
        {
            Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, TestContext.Current.CancellationToken)).ShouldBe(hash);
        }
        Machine.Run("curl", "-sS", "--http2-prior-knowledge", "-T", file, $"{scene.Address}/up").Output.ShouldBe($"{Size} {hash}");

        await scene.ShowsAsync("the request is longer than 16 MB");
        await scene.ShowsAsync("the answer is application/octet-stream");
        new FileInfo(scene.Record).Length.ShouldBeLessThan(1 << 20);
    }

    [Fact]
    public async Task A_web_socket_passes()
    {
        await using var scene = await ProxyScene.CreateAsync();
        await using var server = await PlainServer.StartAsync();
        await scene.BeginAsync(new Call("proxy", "--listen", $"127.0.0.1:{scene.Port}", "--target", server.Address));
        using var socket = new System.Net.WebSockets.ClientWebSocket();
        var cancel = TestContext.Current.CancellationToken;
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{scene.Port}/ws"), cancel);

        foreach (var size in (int[])[5, 1_000_000])
        {
            var sent = PlainServer.Bytes(size);
            await socket.SendAsync(sent, System.Net.WebSockets.WebSocketMessageType.Binary, true, cancel);
            var got = new MemoryStream();
            var buffer = new byte[64 << 10];
            System.Net.WebSockets.WebSocketReceiveResult result;
            do
            {
                result = await socket.ReceiveAsync(buffer, cancel);
                got.Write(buffer, 0, result.Count);
            } while (!result.EndOfMessage);
            got.ToArray().AsSpan().SequenceEqual(sent).ShouldBeTrue();
        }
        await socket.CloseAsync(System.Net.WebSockets.WebSocketCloseStatus.NormalClosure, "bye", cancel);

        socket.CloseStatusDescription.ShouldBe("bye");
        await scene.ShowsAsync("status 101");
    }

    private static int Ip(string verb, string address)
    {
        string[] words = ["ip", "address", verb, $"{address}/32", "dev", "lo"];
        return (Processes.Libc.GetUserId() == 0 ? Machine.Run(words[0], words[1..]) : Machine.Run("sudo", ["-n", .. words])).ExitCode;
    }

    /// <summary>A web server for what Ollama has not: large bodies and WebSockets.</summary>
    private sealed class PlainServer(WebApplication app) : IAsyncDisposable
    {
        public string Address => app.Urls.First();

        public static async Task<PlainServer> StartAsync()
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.ConfigureKestrel(options =>
            {
                options.Limits.MaxRequestBodySize = null;
                options.Listen(IPAddress.Loopback, 0);
            });
            var app = builder.Build();
            app.UseWebSockets();
            app.Run(HandleAsync);
            await app.StartAsync();
            return new PlainServer(app);
        }

        /// <summary>Bytes of which no two pieces are alike.</summary>
        public static byte[] Bytes(long count)
        {
            var bytes = new byte[count];
            new Random(11).NextBytes(bytes);
            return bytes;
        }

        public async ValueTask DisposeAsync()
        {
            using var now = new CancellationTokenSource();
            await now.CancelAsync();
            await app.StopAsync(now.Token);
            await app.DisposeAsync();
        }

        private static async Task HandleAsync(HttpContext context)
        {
            if (context.WebSockets.IsWebSocketRequest)
            {
                await EchoAsync(context);
                return;
            }
            if (context.Request.Path.StartsWithSegments("/down", StringComparison.Ordinal, out var size))
            {
                context.Response.ContentType = "application/octet-stream";
                await context.Response.Body.WriteAsync(Bytes(long.Parse(size.Value![1..])));
                return;
            }
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var buffer = new byte[64 << 10];
            var count = 0L;
            for (int read; (read = await context.Request.Body.ReadAsync(buffer)) > 0; count += read)
            {
                hash.AppendData(buffer, 0, read);
            }
            await context.Response.WriteAsync($"{count} {Convert.ToHexStringLower(hash.GetHashAndReset())}");
        }

        private static async Task EchoAsync(HttpContext context)
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            var buffer = new byte[64 << 10];
            while (true)
            {
                var result = await socket.ReceiveAsync(buffer, context.RequestAborted);
                if (result.MessageType == System.Net.WebSockets.WebSocketMessageType.Close)
                {
                    await socket.CloseAsync(result.CloseStatus!.Value, result.CloseStatusDescription, context.RequestAborted);
                    return;
                }
                await socket.SendAsync(buffer.AsMemory(0, result.Count), result.MessageType, result.EndOfMessage, context.RequestAborted);
            }
        }
    }
}
