namespace Codexctl.EndToEnd;

public class SmokeTests { }
