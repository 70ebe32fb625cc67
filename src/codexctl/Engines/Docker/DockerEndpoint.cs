using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Codexctl.Settings;

namespace Codexctl.Engines.Docker;

/// <summary>Where the engine's containers run, as far as its client's settings tell. No engine call.</summary>
public static class DockerEndpoint
{
    /// <summary>Docker Desktop's and its peers' sockets lead into a virtual machine, also on Linux.</summary>
    private static readonly string[] _virtualMachines = ["/.docker/desktop/", "/.colima/", "/.rd/", "/.lima/", "/.orbstack/"];

    /// <summary>Why a Unix socket of this machine cannot be used in docker's containers; null when nothing speaks against it.</summary>
    /// <param name="read">The text of a file; null when it is not there.</param>
    public static string? WhyDockerCannot(HostEnvironment environment, bool mac, Func<string, string?> read)
    {
        if (mac)
        {
            return "Docker runs its containers in a virtual machine on a Mac";
        }
        var folder = environment["DOCKER_CONFIG"] ?? Path.Combine(environment.Home, ".docker");
        var address =
            environment["DOCKER_HOST"]
            ?? ContextAddress(
                folder,
                environment["DOCKER_CONTEXT"] ?? Text(read(Path.Combine(folder, "config.json")), "currentContext"),
                read
            );
        return address is null ? null : WhyNot("Docker", address);
    }

    /// <summary>The same for podman: CONTAINER_HOST makes its client one of another machine.</summary>
    public static string? WhyPodmanCannot(HostEnvironment environment, bool mac) =>
        mac ? "Podman runs its containers in a virtual machine on a Mac"
        : environment["CONTAINER_HOST"] is { } address ? WhyNot("Podman", address)
        : environment["CONTAINER_CONNECTION"] is { } name ? $"Podman is told to use the connection {name}"
        : null;

    private static string? WhyNot(string engine, string address)
    {
        if (address.StartsWith("unix://", StringComparison.Ordinal))
        {
            return _virtualMachines.Any(folder => address.Contains(folder, StringComparison.Ordinal))
                ? $"{engine} runs its containers in a virtual machine ({address})"
                : null;
        }
        return $"{engine} is reached over {address.Split("://")[0]}";
    }

    private static string? ContextAddress(string folder, string? name, Func<string, string?> read)
    {
        if (name is null or "" or "default")
        {
            return null;
        }
        var id = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)));
        return Text(read(Path.Combine(folder, "contexts", "meta", id, "meta.json")), "Endpoints", "docker", "Host");
    }

    private static string? Text(string? json, params ReadOnlySpan<string> path)
    {
        if (json is null)
        {
            return null;
        }
        try
        {
            using var document = JsonDocument.Parse(json);
            var element = document.RootElement;
            foreach (var name in path)
            {
                if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element))
                {
                    return null;
                }
            }
            return element.ValueKind == JsonValueKind.String ? element.GetString() : null;
        }
        catch (JsonException)
        {
            // docker itself says so, better than we could.
            return null;
        }
    }
}
