using static Codexctl.AppleContainer.TableBuilder;

namespace Codexctl.AppleContainer;

/// <summary>The commands in groups: image, builder, network, volume, registry, system.</summary>
internal static partial class Tables
{
    private static Option Scheme => Text("--scheme", "scheme", help: "Scheme to use when connecting to the container registry");

    private static Option[] Platform =>
        [
            Text("-a, --arch", "arch", help: "Limit to the specified architecture"),
            Text("--os", "os", help: "Limit to the specified OS"),
            Text("--platform", "platform", help: "Limit to the specified platform"),
        ];

    private static CommandTable Grouped(string path, Profile profile) =>
        path switch
        {
            "builder start" => Command(
                path,
                "[--cpus <cpus>] [--memory <memory>] [--dns <ip> ...] [--dns-domain <domain>] [--dns-option <option> ...] [--dns-search <domain> ...] [--debug]",
                [
                    Number("-c, --cpus", "cpus", help: "Number of CPUs to allocate to the builder container"),
                    Text("-m, --memory", "memory"),
                    .. Dns,
                ],
                []
            ),
            "builder status" => Command(path, "[--format <format>] [--quiet] [--debug]", [Format(profile), Quiet], []),
            "builder stop" => Command(path, "[--debug]", [], []),
            "builder delete" => Command(
                path,
                "[--force] [--debug]",
                [Flag("-f, --force", help: "Delete the builder even if it is running")],
                []
            ),

            "image list" => Command(
                path,
                "[--format <format>] [--quiet] [--verbose] [--debug]",
                [Format(profile), Quiet, Flag("-v, --verbose", help: "Verbose output")],
                []
            ),
            "image inspect" => Command(path, "[--debug] <images> ...", [], [Many("images", "Images to inspect")]),
            "image pull" => Command(
                path,
                "[--scheme <scheme>] [--progress <type>] [--max-concurrent-downloads <max-concurrent-downloads>] [--arch <arch>] [--os <os>] [--platform <platform>] [--debug] <reference>",
                [Scheme, ImageProgress, Number("--max-concurrent-downloads", "max-concurrent-downloads", "0.7.1"), .. Platform],
                [One("reference", "Image reference to pull")]
            ),
            "image push" => Command(
                path,
                "[--scheme <scheme>] [--progress <type>] [--arch <arch>] [--os <os>] [--platform <platform>] [--debug] <reference>",
                [Scheme, ImageProgress, .. Platform],
                [One("reference", "Image reference to push")]
            ),
            "image tag" => Command(
                path,
                "<source> <target> [--debug]",
                [],
                [One("source", "The existing image reference"), One("target", "The new image reference")]
            ),
            "image delete" => Command(
                path,
                "[--all] [--force] [--debug] [<images> ...]",
                [Flag("-a, --all", help: "Delete all images"), Flag("-f, --force", "0.9", "Ignore errors for images that are not found")],
                [Any("images", "Image names or IDs")],
                validate: Validation.IdsOrAll("images", "images")
            ),
            "image prune" => Command(
                path,
                "[--debug] [--all]",
                [Flag("-a, --all", help: "Remove all unused images, not just dangling ones")],
                []
            ),
            "image save" => Command(
                path,
                "[--arch <arch>] [--os <os>] [--output <output>] [--platform <platform>] [--debug] <references> ...",
                [Text("-o, --output", "output", help: "Pathname for the saved image"), .. Platform],
                [Many("references", "Image references to save")]
            ),
            "image load" => Command(
                path,
                "[--input <input>] [--force] [--debug]",
                [
                    Text("-i, --input", "input", help: "Path to the image tar archive"),
                    Flag("-f, --force", help: "Load images even if invalid member files are detected"),
                ],
                []
            ),

            "network create" => Command(
                path,
                "[--internal] [--label <label> ...] [--option <option> ...] [--plugin <plugin>] [--subnet <subnet>] [--subnet-v6 <subnet-v6>] [--debug] <name>",
                [
                    Flag("--internal", "0.9", "Restrict to host-only network"),
                    Texts("--label", "label", "0.5", "Set metadata for a network"),
                    Texts("--option", "option", "0.10"),
                    Text("--plugin", "plugin", "0.10"),
                    Text("--subnet", "subnet", "0.6", "Set subnet for a network"),
                    Text("--subnet-v6", "subnet-v6", "0.8", "Set the IPv6 prefix for a network"),
                ],
                [One("name", "Network name")]
            ),
            "network delete" => Command(
                path,
                "[--all] [--debug] [<network-names> ...]",
                [Flag("-a, --all", help: "Delete all networks")],
                [Any("network-names", "Network names")],
                validate: Validation.IdsOrAll("networks", "network name(s)")
            ),
            "network list" => Command(path, "[--format <format>] [--quiet] [--debug]", [Format(profile), Quiet], []),
            "network inspect" => Command(path, "<networks> ... [--debug]", [], [Many("networks", "Networks to inspect")]),
            "network prune" => Command(path, "[--debug]", [], [], "0.8"),

            "volume create" => Command(
                path,
                "[--label <label> ...] [--opt <opt> ...] [-s <s>] [--debug] <name>",
                [
                    Texts("--label", "label"),
                    Texts("--opt", "opt"),
                    Text("-s", "s", help: "Size of the volume in bytes, with optional K, M, G, T, or P suffix"),
                ],
                [One("name", "Volume name")]
            ),
            "volume delete" => Command(
                path,
                "[--all] [--debug] [<names> ...]",
                [Flag("-a, --all", help: "Delete all volumes")],
                [Any("names", "Volume names")],
                validate: Validation.IdsOrAll("volumes", "volume name(s)")
            ),
            "volume list" => Command(path, "[--format <format>] [--quiet] [--debug]", [Format(profile), Quiet], []),
            "volume inspect" => Command(path, "[--debug] <names> ...", [], [Many("names", "Volumes to inspect")]),
            "volume prune" => Command(path, "[--debug]", [], [], "0.6"),

            "registry login" => Command(
                path,
                "[--scheme <scheme>] [--password-stdin] [--username <username>] [--debug] <server>",
                [Scheme, Flag("--password-stdin"), Text("-u, --username", "username")],
                [One("server", "Registry server name")]
            ),
            "registry logout" => Command(path, "[--debug] <registry>", [], [One("registry", "Registry server name")]),
            "registry list" => Command(path, "[--format <format>] [--quiet] [--debug]", [Format(profile), Quiet], [], "0.10"),

            "system start" => Command(
                path,
                "[--app-root <app-root>] [--install-root <install-root>] [--log-root <log-root>] [--enable-kernel-install] [--disable-kernel-install] [--timeout <timeout>] [--debug]",
                [
                    Text("-a, --app-root", "app-root"),
                    Text("--install-root", "install-root"),
                    Text("--log-root", "log-root"),
                    Flag("--enable-kernel-install"),
                    Flag("--disable-kernel-install"),
                    Number("--timeout", "timeout"),
                ],
                []
            ),
            "system stop" => Command(path, "[--prefix <prefix>] [--debug]", [Text("-p, --prefix", "prefix")], []),
            "system status" => Command(
                path,
                "[--prefix <prefix>] [--format <format>] [--debug]",
                [Text("-p, --prefix", "prefix"), .. profile.BareErrors ? (Option[])[Format(profile)] : []],
                []
            ),
            "system version" => Command(path, "[--format <format>] [--debug]", [Format(profile)], [], "0.10"),
            "system logs" => Command(path, "[--follow] [--last <last>] [--debug]", [Flag("-f, --follow"), Text("--last", "last")], []),
            "system df" => Command(path, "[--format <format>] [--debug]", [Format(profile)], [], "0.7"),
            "system dns create" => Command(
                path,
                "[--localhost <localhost>] [--debug] <domain-name>",
                [Text("--localhost", "localhost", "0.9")],
                [One("domain-name", "The local domain name")]
            ),
            "system dns delete" => Command(path, "[--debug] <domain-name>", [], [One("domain-name", "The local domain name")]),
            "system dns list" => Command(path, "[--format <format>] [--quiet] [--debug]", [Format(profile), Quiet], []),
            "system kernel set" => Command(
                path,
                "[--arch <arch>] [--binary <binary>] [--force] [--recommended] [--tar <tar>] [--debug]",
                [
                    Text("--arch", "arch"),
                    Text("--binary", "binary"),
                    Flag("--force"),
                    Flag("--recommended"),
                    Text("--tar", "tar"),
                    Text("--digest", "digest", "1.0"),
                ],
                []
            ),
            "system property list" => Command(path, "[--format <format>] [--debug]", [Choice("--format", "format", "json", "toml")], []),
            _ => throw new InvalidOperationException($"No table for {path}."),
        };

    private static Option ImageProgress => SilentChoice("--progress", "type", "0.7", "auto", "none", "ansi", "plain", "color");
}
