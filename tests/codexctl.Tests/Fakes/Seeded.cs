using System.Text;
using CsCheck;

namespace Codexctl.Tests.Fakes;

/// <summary>Random cases that are the same in every run, so that what fails once fails everywhere.</summary>
internal static class Seeded
{
    public static IEnumerable<T> Cases<T>(this Gen<T> gen, int count)
    {
        for (var i = 0; i < count; i++)
        {
            yield return gen.Generate(new PCG((uint)i, 4), null, out _);
        }
    }

    /// <summary>Texts that were changed in one to four places: pieces put in, parts left out, doubled, or their case turned.</summary>
    public static Gen<string> Mutated(IReadOnlyList<string> texts, IReadOnlyList<string> pieces)
    {
        var change = Gen.Select(Gen.Int[0, 5], Gen.Double[0, 1], Gen.Int[0, 12], Gen.Int[0, pieces.Count - 1]);
        return Gen.Select(Gen.Int[0, texts.Count - 1], change.Array[0, 4])
            .Select(
                (text, changes) =>
                {
                    var all = new StringBuilder(texts[text]);
                    foreach (var (what, place, length, piece) in changes)
                    {
                        var at = (int)(place * all.Length);
                        var part = all.ToString(at, Math.Min(length, all.Length - at));
                        _ = what switch
                        {
                            0 => all.Remove(at, part.Length),
                            1 => all.Insert(at, part),
                            2 => all.Remove(at, part.Length).Insert(at, part.ToUpperInvariant()),
                            _ => all.Insert(at, pieces[piece]),
                        };
                    }
                    return all.ToString();
                }
            );
    }
}
