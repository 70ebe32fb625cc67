using System.CommandLine;
namespace Codexctl.Commands;
public static class BoxInitCommand { public static Command Create() => new("box-init") { Hidden = true }; }
