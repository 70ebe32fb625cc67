using Codexctl.Settings;
using CsCheck;

namespace Codexctl.Tests.Settings;

public class SizesTests
{
    [Theory]
    [InlineData("8G", 8L << 30)]
    [InlineData("8g", 8L << 30)]
    [InlineData("8GB", 8L << 30)]
    [InlineData("8GiB", 8L << 30)]
    [InlineData("512m", 512L << 20)]
    [InlineData("1T", 1L << 40)]
    [InlineData("1073741824", 1L << 30)]
    [InlineData("1073741824b", 1L << 30)]
    public void Memory_is_read_in_binary_units(string text, long bytes) => Sizes.Memory(text).ShouldBe(bytes);

    [Theory]
    [InlineData("")]
    [InlineData("G")]
    [InlineData("lots")]
    [InlineData("-1G")]
    [InlineData("1.5G")]
    [InlineData("8 G")]
    [InlineData("8X")]
    [InlineData("0")]
    [InlineData("10M")]
    [InlineData("99999999999999999999G")]
    [InlineData("9000000000T")]
    [InlineData("８G")]
    public void Memory_nonsense_is_a_usage_error(string text) =>
        Should.Throw<UserError>(() => Sizes.Memory(text)).ExitCode.ShouldBe(ExitCodes.Usage);

    [Theory]
    [InlineData("2", 2)]
    [InlineData("0.5", 0.5)]
    public void Processors_may_be_fractions(string text, double cpus) => Sizes.Cpus(text).ShouldBe((decimal)cpus);

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("two")]
    [InlineData("1,5")]
    [InlineData("1e3")]
    [InlineData("NaN")]
    [InlineData("5000")]
    public void Processor_nonsense_is_a_usage_error(string text) =>
        Should.Throw<UserError>(() => Sizes.Cpus(text)).ExitCode.ShouldBe(ExitCodes.Usage);

    [Fact]
    public void Any_text_is_a_size_or_a_usage_error() =>
        Gen.String.Sample(text =>
        {
            try
            {
                Sizes.Memory(text).ShouldBeGreaterThan(0);
            }
            catch (UserError error)
            {
                error.ExitCode.ShouldBe(ExitCodes.Usage);
            }
        });

    [Theory]
    [InlineData("10G", 10L << 30)]
    [InlineData("512", 512L)]
    [InlineData("0", 0L)]
    [InlineData("unlimited", null)]
    public void Storage_is_read_as_memory_is_with_any_size(string text, long? bytes) => Sizes.Storage(text).ShouldBe(bytes);

    [Theory]
    [InlineData("90d", 90 * 24.0)]
    [InlineData("2w", 14 * 24.0)]
    [InlineData("36h", 36.0)]
    [InlineData("forever", null)]
    public void Times_have_a_unit(string text, double? hours) => (Sizes.Time(text)?.TotalHours).ShouldBe(hours);

    [Theory]
    [InlineData("90")]
    [InlineData("d")]
    [InlineData("")]
    [InlineData("-1d")]
    [InlineData("1.5d")]
    [InlineData("999999999d")]
    [InlineData("1y")]
    public void Other_times_are_refused(string text) => Should.Throw<UserError>(() => Sizes.Time(text)).ExitCode.ShouldBe(ExitCodes.Usage);

    [Theory]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("10X")]
    [InlineData("none")]
    public void Other_sizes_are_refused(string text) =>
        Should.Throw<UserError>(() => Sizes.Storage(text)).ExitCode.ShouldBe(ExitCodes.Usage);
}
