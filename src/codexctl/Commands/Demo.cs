using System.CommandLine;

namespace Codexctl.Commands;

public static class Demo
{
    public static Command Create(App app)
    {
        _ = app;
        return new Command("demo");
    }
}
