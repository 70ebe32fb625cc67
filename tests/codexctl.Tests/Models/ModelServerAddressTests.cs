using Codexctl.Models;
using Codexctl.Settings;
using CsCheck;

namespace Codexctl.Tests.Models;

public class ModelServerAddressTests
{
    [Theory]
    [InlineData("localhost", "http://localhost:11434")]
    [InlineData("192.168.1.5", "http://192.168.1.5:11434")]
    [InlineData("192.168.1.5:8080", "http://192.168.1.5:8080")]
    [InlineData(":8080", "http://127.0.0.1:8080")]
    [InlineData("0.0.0.0", "http://127.0.0.1:11434")]
    [InlineData("0.0.0.0:8080", "http://127.0.0.1:8080")]
    [InlineData("[::]:8080", "http://[::1]:8080")]
    [InlineData("::", "http://[::1]:11434")]
    [InlineData("::1", "http://[::1]:11434")]
    [InlineData("[::1]", "http://[::1]:11434")]
    [InlineData("[::1]:8080", "http://[::1]:8080")]
    [InlineData("http://example.test", "http://example.test")]
    [InlineData("https://example.test", "https://example.test")]
    [InlineData("https://example.test:1234", "https://example.test:1234")]
    [InlineData("https://example.test/ollama", "https://example.test/ollama")]
    [InlineData("example.test:rubbish", "http://example.test:11434")]
    [InlineData("example.test:99999", "http://example.test:11434")]
    [InlineData("  \"example.test\"  ", "http://example.test:11434")]
    [InlineData("ollama.com", "https://ollama.com")]
    public void OLLAMA_HOST_is_read_as_Ollama_reads_it(string value, string expected)
    {
        new ModelServer(ModelServerKind.Ollama, ModelServerAddress.FromOllamaHost(value)).Display.ShouldBe(expected);
    }

    [Theory]
    [InlineData("http://127.0.0.1:8080", "http://127.0.0.1:8080")]
    [InlineData("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080")]
    [InlineData("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080")]
    [InlineData("http://127.0.0.1:8080/prefix/v1", "http://127.0.0.1:8080/prefix")]
    [InlineData("127.0.0.1:8080", "http://127.0.0.1:8080")]
    [InlineData("http://0.0.0.0:1234", "http://127.0.0.1:1234")]
    public void A_model_url_may_end_in_v1(string value, string expected)
    {
        new ModelServer(ModelServerKind.Vllm, ModelServerAddress.FromModelUrl(value)).Display.ShouldBe(expected);
    }

    [Theory]
    [InlineData("ftp://x")]
    [InlineData("http://")]
    [InlineData("http://user:secret@host")]
    [InlineData("http://host/?key=secret")]
    [InlineData("not an address")]
    public void Other_addresses_are_refused(string value)
    {
        Should.Throw<UserError>(() => ModelServerAddress.FromModelUrl(value)).Message.ShouldNotContain("secret");
    }

    [Fact]
    public void The_flag_wins_over_the_variable_and_that_over_the_default()
    {
        var set = new HostEnvironment(new Dictionary<string, string> { ["OLLAMA_HOST"] = "a:1" });
        var unset = new HostEnvironment(new Dictionary<string, string>());

        ModelServerAddress.Resolve("http://b:2", set).Host.ShouldBe("b");
        ModelServerAddress.Resolve(null, set).Host.ShouldBe("a");
        ModelServerAddress.Resolve(null, unset).ShouldBe(new Uri("http://127.0.0.1:11434"));
    }

    [Fact]
    public void Any_text_gives_an_address_or_a_clear_error()
    {
        Gen.String.Sample(text =>
        {
            foreach (var read in (Func<string, Uri>[])[ModelServerAddress.FromOllamaHost, ModelServerAddress.FromModelUrl])
            {
                try
                {
                    read(text);
                }
                catch (UserError)
                {
                    // Said clearly.
                }
            }
        });
    }
}
