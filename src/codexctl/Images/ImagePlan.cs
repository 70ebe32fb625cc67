using Codexctl.Engines;

namespace Codexctl.Images;

/// <summary>How an image that is there compares with what codexctl would build now.</summary>
public enum ImageState
{
    Missing,
    Current,

    /// <summary>Of another recipe or another Codex.</summary>
    Outdated,

    /// <summary>Not built by codexctl.</summary>
    Foreign,
}

/// <summary>One image to build.</summary>
/// <param name="Base">What it is built on in the end; null for images of the person's that are not built on codexctl's.</param>
/// <param name="Whole">With codex's own steps instead of the finished image `codex`.</param>
/// <param name="After">The images of this plan that must be finished first.</param>
public sealed record BuildStep(ImageRecipe Recipe, string? Base, bool Whole, bool NoCache, IReadOnlyList<string> After);

/// <summary>What a build does. Pure: what is wanted and what is there give the steps.</summary>
/// <param name="Steps">Each after those that it needs.</param>
/// <param name="Skipped">What is left as it is, and why; whether codexctl built it.</param>
public sealed record ImagePlan(IReadOnlyList<BuildStep> Steps, IReadOnlyList<(string Name, string Why, bool IsOurs)> Skipped)
{
    /// <param name="wanted">Names of recipes.</param>
    /// <param name="there">The images that exist, by name; must hold all of the catalogue that exist.</param>
    /// <param name="base">The base that was asked for; null for each image's own.</param>
    /// <exception cref="UserError">Images that need each other.</exception>
    public static ImagePlan Make(
        ImageCatalogue catalogue,
        CodexRelease release,
        IReadOnlyList<string> wanted,
        IReadOnlyDictionary<string, ImageInfo> there,
        string? @base,
        bool rebuild
    )
    {
        var steps = new List<BuildStep>();
        var skipped = new List<(string, string, bool)>();
        var done = new HashSet<string>(StringComparer.Ordinal);
        foreach (var name in wanted)
        {
            Visit(catalogue.Find(name)!, asked: true, []);
        }
        return new ImagePlan(steps, skipped);

        void Visit(ImageRecipe recipe, bool asked, IReadOnlyList<string> path)
        {
            if (path.Contains(recipe.Name, StringComparer.Ordinal))
            {
                var circle = path.SkipWhile(name => name != recipe.Name).Append(recipe.Name);
                throw new UserError(
                    "Images that are built on each other cannot be built.",
                    string.Join(" → ", circle),
                    "Change the FROM lines of one of them.",
                    ExitCodes.Usage
                );
            }
            if (done.Contains(recipe.Name))
            {
                return;
            }
            IReadOnlyList<string> deeper = [.. path, recipe.Name];
            if (!recipe.IsBuiltIn)
            {
                foreach (var parent in recipe.Parents)
                {
                    Visit(catalogue.Find(parent)!, wanted.Contains(parent, StringComparer.Ordinal), deeper);
                }
            }
            var state = StateOf(catalogue, release, recipe, there.GetValueOrDefault(recipe.Name));
            var parentsBuilt = recipe.Parents.Any(parent => steps.Any(step => step.Recipe.Name == parent));
            var fullBase = BaseOf(recipe);
            var otherBase = @base is not null && recipe.IsBuiltIn && state is ImageState.Current && fullBase != @base;
            if (asked && rebuild)
            {
                Build(NoCache: true);
            }
            else if (state is ImageState.Foreign)
            {
                Skip("it was not built by codexctl; --rebuild replaces it");
            }
            else if (state is ImageState.Current && asked && otherBase)
            {
                Skip($"it exists already, on another base ({fullBase}); --rebuild makes it anew");
            }
            else if (state is ImageState.Current && !(parentsBuilt && !recipe.IsBuiltIn))
            {
                Skip(asked ? "it exists already; --rebuild makes it anew" : null);
            }
            else
            {
                Build(NoCache: false);
            }

            void Skip(string? why)
            {
                done.Add(recipe.Name);
                if (why is not null)
                {
                    skipped.Add((recipe.Name, why, state is not ImageState.Foreign));
                }
            }

            void Build(bool NoCache)
            {
                var whole = false;
                if (recipe is { IsBuiltIn: true, Parents.Count: > 0 })
                {
                    var codex = catalogue.Find(ImageCatalogue.Codex)!;
                    // On another base than the image `codex`, or where that name is somebody else's image, with all steps of its own.
                    whole =
                        BaseOf(codex) != fullBase
                        || (
                            StateOf(catalogue, release, codex, there.GetValueOrDefault(codex.Name)) is ImageState.Foreign
                            && !(rebuild && wanted.Contains(codex.Name, StringComparer.Ordinal))
                        );
                    if (!whole)
                    {
                        Visit(codex, wanted.Contains(codex.Name, StringComparer.Ordinal), deeper);
                    }
                }
                done.Add(recipe.Name);
                var after = whole ? [] : recipe.Parents.Where(parent => steps.Any(step => step.Recipe.Name == parent));
                steps.Add(new BuildStep(recipe, fullBase, whole || recipe.Name == ImageCatalogue.Codex, NoCache, [.. after]));
            }
        }

        // What the image is built on once the plan is done: the base asked for where it is built anew, the one that it has, its
        // parent's, its own.
        string? BaseOf(ImageRecipe recipe)
        {
            if (!recipe.IsBuiltIn)
            {
                return recipe.Parents.Select(parent => BaseOf(catalogue.Find(parent)!)).FirstOrDefault();
            }
            var image = there.GetValueOrDefault(recipe.Name);
            var state = StateOf(catalogue, release, recipe, image);
            var ours = state is ImageState.Current or ImageState.Outdated;
            var anew = wanted.Contains(recipe.Name, StringComparer.Ordinal) && (rebuild || state is ImageState.Outdated);
            if (@base is not null && (!ours || anew))
            {
                return @base;
            }
            if (ours && LabelOf(image!, ImageLabels.Base) is { } own)
            {
                return own;
            }
            var parents = recipe.Parents.Select(parent => catalogue.Find(parent)!).Where(parent => parent.Base == recipe.Base);
            return parents.Select(BaseOf).FirstOrDefault() ?? recipe.Base;
        }
    }

    /// <summary>Whether an image is what this codexctl would build now. One on another base counts when only the base differs.</summary>
    public static ImageState StateOf(ImageCatalogue catalogue, CodexRelease release, ImageRecipe recipe, ImageInfo? image)
    {
        if (image is null)
        {
            return ImageState.Missing;
        }
        if (LabelOf(image, ImageLabels.Name) != recipe.Name || LabelOf(image, ImageLabels.Recipe) is not { } fingerprint)
        {
            return ImageState.Foreign;
        }
        return fingerprint == catalogue.Fingerprint(recipe, release, LabelOf(image, ImageLabels.Base) ?? "")
            ? ImageState.Current
            : ImageState.Outdated;
    }

    private static string? LabelOf(ImageInfo image, string key) => image.Labels.GetValueOrDefault(key);
}
