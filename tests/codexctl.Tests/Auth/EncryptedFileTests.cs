using System.Text;
using Codexctl.Auth;

namespace Codexctl.Tests.Auth;

public sealed class EncryptedFileTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly byte[] _value = Encoding.UTF8.GetBytes("{\"refresh_token\":\"very secret\"}");

    private EncryptedFile Store(string? passphrase = null) => new(_folder.File("login"), passphrase);

    public void Dispose() => _folder.Dispose();

    [Theory, InlineData(null), InlineData("correct horse")]
    public async Task What_is_written_is_read_again_and_is_not_readable_on_the_disk(string? passphrase)
    {
        (await Store(passphrase).ReadAsync()).ShouldBeNull();
        await Store(passphrase).WriteAsync(_value);

        (await Store(passphrase).ReadAsync()).ShouldBe(_value);
        foreach (var file in Directory.EnumerateFiles(_folder.Path))
        {
            Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file)).ShouldNotContain("secret");
            File.GetUnixFileMode(file).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
        File.Exists(_folder.File("login.key")).ShouldBe(passphrase is null);
    }

    [Fact]
    public async Task Each_changed_byte_is_noticed()
    {
        await Store().WriteAsync(_value);
        var whole = await File.ReadAllBytesAsync(_folder.File("login"));

        for (var at = 0; at < whole.Length; at++)
        {
            var changed = (byte[])whole.Clone();
            changed[at] ^= 1;
            await File.WriteAllBytesAsync(_folder.File("login"), changed);
            await Should.ThrowAsync<UserError>(() => Store().ReadAsync());
        }
        for (var length = 0; length < whole.Length; length += 7)
        {
            await File.WriteAllBytesAsync(_folder.File("login"), whole[..length]);
            await Should.ThrowAsync<UserError>(() => Store().ReadAsync());
        }
    }

    [Theory, InlineData("wrong"), InlineData(null)]
    public async Task Who_cannot_open_it_cannot_overwrite_it(string? passphrase)
    {
        await Store("right").WriteAsync(_value);

        await Should.ThrowAsync<UserError>(() => Store(passphrase).ReadAsync());
        await Should.ThrowAsync<UserError>(() => Store(passphrase).WriteAsync(new byte[] { 1 }));

        (await Store("right").ReadAsync()).ShouldBe(_value);
    }

    [Fact]
    public async Task Without_its_key_nothing_is_overwritten()
    {
        await Store().WriteAsync(_value);
        var key = await File.ReadAllBytesAsync(_folder.File("login.key"));
        File.Delete(_folder.File("login.key"));

        await Should.ThrowAsync<UserError>(() => Store().WriteAsync(new byte[] { 1 }));

        await File.WriteAllBytesAsync(_folder.File("login.key"), key);
        (await Store().ReadAsync()).ShouldBe(_value);
    }

    [Theory, InlineData("folder"), InlineData("link to itself"), InlineData("key is a folder")]
    public async Task What_cannot_be_read_is_no_empty_store(string what)
    {
        switch (what)
        {
            case "folder":
                Directory.CreateDirectory(_folder.File("login"));
                break;
            case "link to itself":
                File.CreateSymbolicLink(_folder.File("login"), _folder.File("login"));
                break;
            default:
                await Store().WriteAsync(_value);
                File.Delete(_folder.File("login.key"));
                Directory.CreateDirectory(_folder.File("login.key"));
                break;
        }

        (await Should.ThrowAsync<UserError>(() => Store().ReadAsync())).Message.ShouldStartWith("The stored login cannot be");
        await Should.ThrowAsync<UserError>(() => Store().WriteAsync(_value));
    }

    [Fact]
    public async Task It_can_be_forgotten_also_when_it_is_damaged()
    {
        await Store().WriteAsync(_value);
        await File.WriteAllTextAsync(_folder.File("login"), "junk");

        (await Store().RemoveAsync()).ShouldBeTrue();
        (await Store().RemoveAsync()).ShouldBeFalse();
        Directory.EnumerateFiles(_folder.Path).ShouldBeEmpty();
    }
}
