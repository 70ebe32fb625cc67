using System.Globalization;
using System.Text.RegularExpressions;

namespace Codexctl.Tests.Gateway.Egress;

/// <summary>
/// A second opinion about HTTP/1.1 messages, by other means than the proxy's own parser: it knows only what the proxy may write, and
/// whatever else it meets is a finding.
/// </summary>
internal sealed partial class ReferenceParser(bool response, bool bodyless = false)
{
    private string _message = "";

    public string StartLine { get; private set; } = "";

    public IReadOnlyList<(string Name, string Value)> Headers { get; private set; } = [];

    public bool HeadIsComplete => StartLine.Length > 0;

    /// <summary>Whether the whole message is there.</summary>
    public bool IsComplete { get; private set; }

    public IEnumerable<string> Values(string name) =>
        Headers.Where(header => header.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(header => header.Value);

    /// <summary>Takes all that has come until now; fails on anything that is no beginning of one proper message.</summary>
    public void Read(string message)
    {
        _message = message;
        var end = message.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (end < 0)
        {
            return;
        }
        var lines = message[..end].Split("\r\n");
        StartLine = lines[0];
        StartLine.ShouldMatch(response ? Status().ToString() : Request().ToString(), Shown());
        lines.Skip(1).ShouldAllBe(line => Header().IsMatch(line), Shown());
        Headers = [.. lines.Skip(1).Select(line => line.Split(": ", 2)).Select(parts => (parts[0], parts[1]))];
        Values("Connection").Count().ShouldBe(1, Shown());
        (Values("Content-Length").Count() + Values("Transfer-Encoding").Count()).ShouldBeLessThanOrEqualTo(1, Shown());
        ReadBody(message[(end + 4)..]);
    }

    private void ReadBody(string body)
    {
        if (bodyless || StartLine.Contains(" 204 ") || StartLine.Contains(" 304 "))
        {
            body.ShouldBe("", Shown());
            IsComplete = true;
        }
        else if (Values("Transfer-Encoding").SingleOrDefault() is { } coding)
        {
            coding.ShouldBe("chunked");
            ReadChunks(body);
        }
        else if (Values("Content-Length").SingleOrDefault() is { } length)
        {
            body.Length.ShouldBeLessThanOrEqualTo((int)Math.Min(int.MaxValue, long.Parse(length, NumberStyles.None)), Shown());
            IsComplete = body.Length.ToString(CultureInfo.InvariantCulture) == length.TrimStart('0').PadLeft(1, '0');
        }
        else if (!response)
        {
            body.ShouldBe("", Shown());
            IsComplete = true;
        }
    }

    private void ReadChunks(string body)
    {
        while (body.Contains('\n'))
        {
            var line = body[..(body.IndexOf('\n') + 1)];
            line.ShouldMatch("^[0-9a-f]{1,15}\r\n$", Shown());
            var size = Convert.ToInt64(line.Trim(), 16);
            body = body[line.Length..];
            if (size == 0)
            {
                "\r\n".ShouldStartWith(body, customMessage: Shown());
                IsComplete = body.Length == 2;
                return;
            }
            if (body.Length < size + 2)
            {
                return;
            }
            body[(int)size..].ShouldStartWith("\r\n", customMessage: Shown());
            body = body[((int)size + 2)..];
        }
    }

    private string Shown() => "A message that nobody should write: " + Regex.Escape(_message);

    [GeneratedRegex(@"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32} (/[\x21-\x7e]*|\*) HTTP/1\.1$", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex Request();

    [GeneratedRegex(@"^HTTP/1\.1 [2-5][0-9][0-9] [\t\x20-\x7e\x80-\xff]*$", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex Status();

    [GeneratedRegex(@"^[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*$", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex Header();
}
