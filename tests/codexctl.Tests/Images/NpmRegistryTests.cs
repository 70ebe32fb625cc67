using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Codexctl.Images;
using Codexctl.Settings;

namespace Codexctl.Tests.Images;

public sealed class NpmRegistryTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("codexctl-test-").FullName;

    public void Dispose() => Directory.Delete(_home, recursive: true);

    private NpmRegistry Load(string npmrc = "", params (string Name, string Value)[] variables)
    {
        File.WriteAllText(Path.Combine(_home, ".npmrc"), npmrc);
        var all = new Dictionary<string, string> { ["HOME"] = _home, ["npm_config_globalconfig"] = Path.Combine(_home, "global") };
        foreach (var (name, value) in variables)
        {
            all[name] = value;
        }
        return NpmRegistry.Load(new HostEnvironment(all));
    }

    [Fact]
    public void Without_settings_it_is_the_public_registry() => Load().Registry.ShouldBe(new Uri("https://registry.npmjs.org/"));

    [Fact]
    public void Sources_rank_variable_then_user_then_machine()
    {
        File.WriteAllText(Path.Combine(_home, "global"), "registry = https://machine.example/npm");
        Load().Registry.Host.ShouldBe("machine.example");
        Load("registry=https://user.example/npm/").Registry.ShouldBe(new Uri("https://user.example/npm/"));
        Load("registry=https://user.example", ("NPM_CONFIG_REGISTRY", "https://variable.example"))
            .Registry.Host.ShouldBe("variable.example");
    }

    [Fact]
    public void The_scope_has_a_registry_of_its_own() =>
        Load("registry=https://a.example\n@openai:registry = https://b.example").Registry.Host.ShouldBe("b.example");

    [Fact]
    public void Another_user_file_can_be_named()
    {
        var file = Path.Combine(_home, "other");
        File.WriteAllText(file, "registry=https://other.example");

        Load("registry=https://a.example", ("NPM_CONFIG_USERCONFIG", file)).Registry.Host.ShouldBe("other.example");
    }

    [Fact]
    public void Nonsense_as_registry_is_an_error_that_says_where_it_comes_from() =>
        Should.Throw<UserError>(() => Load("registry=ftp://x")).Why.ShouldNotBeNull().ShouldContain("npmrc");

    [Theory]
    [InlineData("//r.example/:_authToken=tok", "Bearer tok")]
    [InlineData("//r.example/:_authToken=\"${TOKEN}\"", "Bearer from-variable")]
    [InlineData("//r.example/:_authToken=${MISSING-fallback}", "Bearer fallback")]
    [InlineData("//r.example/:_auth=dTpw", "Basic dTpw")]
    [InlineData("//r.example/:username=u\n//r.example/:_password=cA==", "Basic dTpw")]
    [InlineData("//r.example/other/:_authToken=tok", null)]
    [InlineData("//elsewhere.example/:_authToken=tok", null)]
    [InlineData("//r.example.evil/:_authToken=tok", null)]
    [InlineData("//r.example:8443/:_authToken=tok", null)]
    [InlineData("; //r.example/:_authToken=tok\n# //r.example/:_authToken=tok", null)]
    public void Credentials_are_those_for_the_host_and_path(string npmrc, string? expected)
    {
        var registry = Load("registry=https://r.example/npm/\n" + npmrc, ("TOKEN", "from-variable"));

        registry.CredentialsFor(new Uri("https://r.example/npm/@openai/codex/-/c.tgz"))?.ToString().ShouldBe(expected);
    }

    [Fact]
    public void The_longest_path_wins_and_other_hosts_get_nothing()
    {
        var registry = Load("registry=https://r.example/\n//r.example/:_authToken=short\n//r.example/npm/:_authToken=long");

        registry.CredentialsFor(new Uri("https://r.example/npm/x"))!.Parameter.ShouldBe("long");
        registry.CredentialsFor(new Uri("https://r.example/x"))!.Parameter.ShouldBe("short");
        registry.CredentialsFor(new Uri("https://cdn.example/npm/x")).ShouldBeNull();
    }

    [Theory]
    [InlineData("https-proxy=http://p.example:1", "", "https://r.example/", "http://p.example:1/")]
    [InlineData("proxy=p.example:2", "", "https://r.example/", "http://p.example:2/")]
    [InlineData("", "HTTPS_PROXY=http://p.example:3", "https://r.example/", "http://p.example:3/")]
    [InlineData("", "https_proxy=http://p.example:4", "https://r.example/", "http://p.example:4/")]
    [InlineData("", "ALL_PROXY=socks5://p.example:5", "https://r.example/", "socks5://p.example:5/")]
    [InlineData("", "HTTPS_PROXY=http://p.example:6", "http://r.example/", null)]
    [InlineData("", "HTTPS_PROXY=http://p.example:7;NO_PROXY=x, .example", "https://r.example/", null)]
    [InlineData("", "HTTPS_PROXY=http://p.example:8;no_proxy=r.example:444", "https://r.example/", "http://p.example:8/")]
    [InlineData("", "HTTPS_PROXY=http://p.example:8;no_proxy=10.0.0.0/8", "https://10.1.2.3/", null)]
    [InlineData("noproxy=r.example", "HTTPS_PROXY=http://p.example:9", "https://r.example/", null)]
    [InlineData("proxy=null", "", "https://r.example/", null)]
    public void Proxies_come_from_npm_then_from_the_environment(string npmrc, string variables, string address, string? expected)
    {
        var pairs = variables
            .Split(';', StringSplitOptions.RemoveEmptyEntries)
            .Select(text => text.Split('=', 2))
            .Select(pair => (pair[0], pair[1]));

        Load(npmrc, [.. pairs]).ProxyFor(new Uri(address))?.Address?.ToString().ShouldBe(expected);
    }

    [Fact]
    public void A_proxys_credentials_are_taken_out_of_its_address()
    {
        var proxy = Load("", ("HTTPS_PROXY", "http://me:p%40ss@p.example:1")).ProxyFor(new Uri("https://r.example/"))!;

        proxy.Address!.ToString().ShouldBe("http://p.example:1/");
        var credentials = (NetworkCredential)proxy.Credentials!;
        (credentials.UserName, credentials.Password).ShouldBe(("me", "p@ss"));
    }

    [Fact]
    public void Certificates_come_from_files_and_from_npms_own_setting()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=test", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(100));
        var pem = certificate.ExportCertificatePem();
        var file = Path.Combine(_home, "ca.pem");
        File.WriteAllText(file, pem);

        Load().ExtraAuthorities().ShouldBeNull();
        Load("", ("NODE_EXTRA_CA_CERTS", file)).ExtraAuthorities()!.Count.ShouldBe(1);
        Load($"cafile={file}").ExtraAuthorities()!.Count.ShouldBe(1);
        Load($"ca[]=\"{pem.Replace("\n", "\\n")}\"").ExtraAuthorities()!.Count.ShouldBe(1);
        Should.Throw<UserError>(() => Load("cafile=/nowhere").ExtraAuthorities()).Why.ShouldNotBeNull().ShouldContain("cafile");
    }

    [Fact]
    public void Certificates_are_checked_unless_npm_says_otherwise()
    {
        Load().StrictTls.ShouldBeTrue();
        Load("strict-ssl=false").StrictTls.ShouldBeFalse();
    }

    [Fact]
    public async Task Any_text_is_read_without_a_crash()
    {
        var random = new Random(1);
        for (var i = 0; i < 300; i++)
        {
            var text = new StringBuilder();
            for (var j = 0; j < 60; j++)
            {
                text.Append("ab=\"'[]${}-?\\\n;# :/"[random.Next(19)]);
            }
            NpmRc.AddFile([], text.ToString(), new Dictionary<string, string>());
        }
        await Task.CompletedTask;
    }
}
