using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;

namespace Codexctl.EndToEnd.Auth;

/// <summary>
/// How often the real Codex asks for a WebSocket. Each attempt that is answered in a way it does not expect costs it a long wait, several
/// times over; what is asserted is their number.
/// </summary>
public class WebSocketTests
{
    [Theory, BothEngines]
    public async Task Where_openai_takes_it_the_conversation_goes_by_websocket_through_the_door(Engine engine)
    {
        await using var online = await OnlineScene.CreateAsync(engine);
        online.OpenAi.TakesWebSockets = true;
        await online.SignedInAsync();

        var outcome = await online.Scene.RunAsync("run", "--openai", "--", "exec", "say hi");

        outcome.Output.ShouldBe("online ok\n", outcome.ToString());
        online.OpenAi.Upgrades.Count().ShouldBe(1);
        online.OpenAi.Messages.ShouldContain(message => message.Contains("say hi", StringComparison.Ordinal));
        online.OpenAi.Responses.ShouldBeEmpty();
    }

    [Theory, BothEngines]
    public async Task Where_openai_declines_it_codex_falls_back_after_one_attempt(Engine engine)
    {
        await using var online = await OnlineScene.CreateAsync(engine);
        await online.SignedInAsync();

        var outcome = await online.Scene.RunAsync("run", "--openai", "--", "exec", "say hi");

        outcome.Output.ShouldBe("online ok\n", outcome.ToString());
        online.OpenAi.Upgrades.Count().ShouldBe(1);
        online.OpenAi.Responses.ShouldHaveSingleItem();
    }

    [Fact]
    public async Task By_the_broker_codex_does_not_even_try()
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap);
        online.OpenAi.TakesWebSockets = true;
        await online.SignedInAsync();

        var outcome = await online.Scene.RunAsync("run", "--openai", "--broker", "--", "exec", "say hi");

        outcome.Output.ShouldBe("online ok\n", outcome.ToString());
        outcome.Error.ShouldContain("refused nothing");
        online.OpenAi.Upgrades.ShouldBeEmpty();
    }

    [Theory, BothEngines(false), BothEngines(true)]
    public async Task At_the_door_itself_one_attempt_is_declined_and_codex_falls_back(Engine engine, bool broker)
    {
        // A provider's own setting, which a person can turn on in a configuration of theirs.
        const string Setting = "model_providers.codexctl.supports_websockets=true";
        await using var online = await OnlineScene.CreateAsync(engine);
        await online.SignedInAsync();
        online.Scene.Model.Text = "online ok";

        string[] options = broker ? ["--openai", "--broker"] : [];
        var outcome = await online.Scene.RunAsync(["run", .. options, "--", "exec", "-c", Setting, "say hi"]);

        outcome.Output.ShouldBe("online ok\n", outcome.ToString());
        outcome.Error.ShouldContain("1 call refused on the model route");
        (broker ? online.OpenAi.Responses : online.Scene.Model.Responses).ShouldHaveSingleItem();
    }
}
