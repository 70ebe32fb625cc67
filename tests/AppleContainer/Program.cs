using Codexctl.AppleContainer;

var profile = Profile.Find(Environment.GetEnvironmentVariable("FAKE_CONTAINER_VERSION") ?? "1.2.2") ?? Profile.V1_2_2;
var result = Grammar.Check(profile, args);
if (result.Refusal is { } refusal)
{
    (refusal.ExitCode == 0 ? Console.Out : Console.Error).WriteLine(refusal.Text);
    return refusal.ExitCode;
}
Console.WriteLine(result);
return 0;
