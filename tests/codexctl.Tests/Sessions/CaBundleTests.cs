using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Codexctl.Sessions;
using Codexctl.Settings;

namespace Codexctl.Tests.Sessions;

public sealed class CaBundleTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("codexctl-ca-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_setting_s_certificates_stand_beside_the_usual_ones_and_a_private_key_is_left_out()
    {
        var (certificate, key) = Make("company");
        var file = Write("ca.pem", "Some words before.\n" + key + "\n" + certificate);

        var bundle = Text(CaBundle.Find(file, Host()));

        bundle.ShouldContain(certificate.Trim());
        bundle.ShouldNotContain("PRIVATE KEY");
        bundle.ShouldNotContain("words");
    }

    [Fact]
    public void Without_a_setting_the_host_s_own_variables_are_asked()
    {
        var first = Make("one").Certificate;
        var second = Make("two").Certificate;

        var bundle = Text(
            CaBundle.Find(null, Host(("SSL_CERT_FILE", Write("1.pem", first)), ("NODE_EXTRA_CA_CERTS", Write("2.pem", second))))
        );

        bundle.ShouldContain(first.Trim());
        bundle.ShouldContain(second.Trim());
    }

    [Fact]
    public void A_host_with_nothing_of_its_own_gives_nothing() => CaBundle.Find(null, Host()).ShouldBeNull();

    [Fact]
    public void A_variable_that_names_no_file_is_passed_over() =>
        CaBundle.Find(null, Host(("SSL_CERT_FILE", Path.Combine(_folder, "none.pem")))).ShouldBeNull();

    [Fact]
    public void What_the_usual_file_has_already_adds_nothing_and_one_more_is_added_once()
    {
        const string Usual = "/etc/ssl/certs/ca-certificates.crt";
        Assert.SkipUnless(File.Exists(Usual), "This system keeps its certificates elsewhere.");
        var text = File.ReadAllText(Usual);
        var company = Make("company").Certificate;
        var (same, more) = (Write("same.pem", text), Write("more.pem", $"{text}\n{company}\n"));

        CaBundle.Find(null, Host(("SSL_CERT_FILE", Usual), ("NODE_EXTRA_CA_CERTS", Usual))).ShouldBeNull();
        CaBundle.Find(null, Host(("SSL_CERT_FILE", same))).ShouldBeNull();
        var bundle = Text(CaBundle.Find(null, Host(("SSL_CERT_FILE", more), ("NODE_EXTRA_CA_CERTS", more))));

        bundle.Split("BEGIN CERTIFICATE").Length.ShouldBe(text.Split("BEGIN CERTIFICATE").Length + 1);
        bundle.ShouldEndWith(company.Trim() + "\n");
    }

    [Fact]
    public void A_damaged_certificate_is_left_out()
    {
        var good = Make("good").Certificate;
        var file = Write("ca.pem", $"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{good}");

        var bundle = Text(CaBundle.Find(file, Host()));

        bundle.ShouldContain(good.Trim());
        bundle.ShouldNotContain("AAAA\n");
    }

    [Fact]
    public void A_setting_that_names_no_certificates_is_an_error()
    {
        Should.Throw<UserError>(() => CaBundle.Find(Path.Combine(_folder, "none.pem"), Host())).Message.ShouldContain("cannot be read");
        Should.Throw<UserError>(() => CaBundle.Find(Write("x.pem", "nothing"), Host())).Message.ShouldContain("holds no certificates");
    }

    [Fact]
    public void The_tools_variables_are_set_only_where_there_is_a_bundle()
    {
        BoxEnvironment
            .For(Host(), Codexctl.Engines.BoxNetwork.None, certificates: true)["GIT_SSL_CAINFO"]
            .ShouldBe("/etc/codex/ca-bundle.pem");
        BoxEnvironment.For(Host(), Codexctl.Engines.BoxNetwork.None).Keys.ShouldNotContain("SSL_CERT_FILE");
    }

    private static HostEnvironment Host(params (string Name, string Value)[] variables) =>
        new(variables.ToDictionary(one => one.Name, one => one.Value, StringComparer.Ordinal));

    private static (string Certificate, string Key) Make(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(100));
        return (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    private static string Text(byte[]? bundle) => Encoding.ASCII.GetString(bundle.ShouldNotBeNull());
}
