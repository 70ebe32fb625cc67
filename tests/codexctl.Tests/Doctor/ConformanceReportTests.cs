using Codexctl.Doctor.Conformance;

namespace Codexctl.Tests.Doctor;

public class ConformanceReportTests
{
    [Fact]
    public void What_is_broken_stands_first_and_no_cell_breaks_the_table()
    {
        var report = new ConformanceReport(
            "1.0.0",
            "apple",
            "container CLI version 1.2.2",
            "macOS 26.1 Arm64",
            Ok: false,
            [
                new PromiseResult("A", "one", "The first", Verdict.Held, null, 1),
                new PromiseResult("A", "two", "The second", Verdict.NotPossible, "it cannot", 0),
                new PromiseResult("B", "three", "The third", Verdict.Broken, "said: a|b\nc", 2),
            ]
        )
        {
            Seen = ["in the box: kernel 6.12"],
        };

        report
            .ToMarkdown()
            .ShouldBe(
                """
                ### codexctl conformance: apple

                - codexctl 1.0.0
                - engine: apple, container CLI version 1.2.2
                - system: macOS 26.1 Arm64
                - in the box: kernel 6.12
                - 1 held, 1 not possible, 1 broken

                | promise | verdict |
                |---|---|
                | The third (`three`) | **broken**: said: a\|b c |
                | The first (`one`) | held |
                | The second (`two`) | not possible: it cannot |

                """
            );
    }
}
