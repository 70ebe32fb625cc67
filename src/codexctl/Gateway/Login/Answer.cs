using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Codexctl.Gateway.Login;

/// <summary>The few answers that the login's routes give by themselves.</summary>
internal static class Answer
{
    public static Task ErrorAsync(HttpContext context, int status, string message, string? code = null) =>
        SendAsync(
            context,
            status,
            "application/json",
            new JsonObject
            {
                ["error"] = new JsonObject
                {
                    ["message"] = message,
                    ["type"] = "codexctl_error",
                    ["code"] = code,
                },
            }.ToJsonString()
        );

    /// <summary>Codex shows a 400 word for word, and does not repeat the request.</summary>
    public static Task WordsAsync(HttpContext context, string message) =>
        SendAsync(context, StatusCodes.Status400BadRequest, "text/plain; charset=utf-8", message);

    public static async Task SendAsync(HttpContext context, int status, string type, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        context.Response.ContentLength = bytes.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
        }
    }

    public static string Sentence(UserError error) =>
        string.Join(' ', new[] { error.Message, error.Why, error.Mend }.Where(part => !string.IsNullOrEmpty(part)));
}
