"""Gram matrices, channel means and decoupled features on two pairs of pictures.

    python experiments/compare.py

A texture on a photograph (80 px) and a photograph on a photograph (64 px), three layers; and, since
Gram and means buy structure with style by the weight of their content term, the same at 48 px for
several of its weights. Writes `reports/compare.md`, a panel for each pair and
`compare_trade_off.png`.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from decouple.record.table import markdown
from decouple.report import style
from experiments.common import REPORTS, measured
from experiments.trade_off import Series, beaten, draw_trade_off

NAME = "compare"
SETTINGS = ("+experiment=compare", "network.weights=calibrated")
# With the shorter side, pixels; and that of the trade-off.
PAIRS = (("gravel", "astronaut", 80), ("chelsea", "astronaut", 64))
SMALL = 48
# What descends a loss, with several content terms; the others have none.
DESCENTS = ("gram:lbfgs", "means:lbfgs")
TRANSFERS = ("lift:auto", "projected:lbfgs")
PASSES = 400
SHARES = (2e-4, 6e-3, 2e-1)
LOOKS = {
    "gram:lbfgs": ("vermillion", "o"),
    "means:lbfgs": ("blue", "s"),
    "projected:lbfgs": ("purple", "D"),
    "lift:auto": ("green", "*"),
}
DISTANCES = {
    "gram": "gram_distance",
    "means": "means_distance",
    "decoupled": "decoupled_distance",
    "gram, held out": "gram_distance_held_out",
    "means, held out": "means_distance_held_out",
}
STRUCTURE = {
    "SSIM": "ssim",
    "gradient similarity": "gradient_similarity",
    "change of luminance": "luminance_structure_change",
    "PSNR (dB)": "psnr_db",
}
COST = {
    "clipped": "clipped_share",
    "passes": "passes",
    "seconds": "seconds",
    "ended": "stop_reasons",
}


def wrapped(text: str) -> str:
    """In lines as long as those of the other reports."""
    return "\n".join(textwrap.wrap(text, 100))


def tables(rows: list[dict[str, Any]]) -> str:
    """Style and structure of all rows, then the cost of those that were computed."""
    look = {"method": "method", **DISTANCES, **STRUCTURE}
    seen = [{title: row[key] for title, key in look.items()} for row in rows]
    spent = [
        {title: row.get(key) for title, key in {"method": "method", **COST}.items()}
        for row in rows
        if row["passes"] is not None
    ]
    return f"{markdown(seen)}\n{markdown(spent)}"


Points = dict[str, list[tuple[float, float]]]


def trade_off(source: str, target: str) -> tuple[Points, str]:
    """{method: [(SSIM, Gram distance on held-out layers), ...]}, a point a content share.

    And what it was made with, for a caption.
    """
    pictures = (f"source=sample:{source}", f"target=sample:{target}")

    def compared(methods: tuple[str, ...], *settings: str) -> tuple[Points, dict[str, Any]]:
        chosen = f"compare.methods=[{','.join(methods)}]"
        metrics = measured(*SETTINGS, *pictures, f"image.size={SMALL}", chosen, *settings)
        rows = {row["method"]: row for row in metrics["compare"]["rows"]}
        points = {
            m: [(rows[m]["ssim"], rows[m]["gram_distance_held_out"])] for m in ("target", *methods)
        }
        return points, metrics

    seen, metrics = compared(TRANSFERS)
    for share in SHARES:
        weight = f"gatys.content.share={share}"
        more, _ = compared(DESCENTS, weight, f"compare.passes={PASSES}")
        for method in DESCENTS:
            seen.setdefault(method, []).extend(more[method])
    return seen, f"{style.caption(metrics)}, {len(metrics['network']['layers'])} layers"


def draw(pairs: dict[tuple[str, str], Points], made: str) -> None:
    """Style against structure, a panel for each pair."""
    panels = {}
    for (source, target), seen in pairs.items():
        methods = {
            method: Series(tuple(seen[method]), *look, f"{SHARES[-1]:g}" * (method in DESCENTS))
            for method, look in LOOKS.items()
        }
        panels[f"{source} on {target}"] = methods, seen["target"][0][1]
    draw_trade_off(
        REPORTS / f"{NAME}_trade_off.png", panels, f"{made}; {PASSES} passes a point", SHARES
    )


def trade_off_table(pairs: dict[tuple[str, str], Points]) -> str:
    """The figure's numbers."""
    rows = [
        {
            "pair": f"{source} on {target}",
            "method": method,
            "content share": share,
            "SSIM": ssim,
            "gram, held out": gram,
        }
        for (source, target), seen in pairs.items()
        for method in LOOKS
        for share, (ssim, gram) in zip(
            SHARES if method in DESCENTS else (None,), seen[method], strict=True
        )
    ]
    return markdown(rows)


def verdict(pairs: dict[tuple[str, str], Points]) -> str:
    """Whether the lift lies below the curves, in a sentence."""
    lost = 0
    for seen in pairs.values():
        (place,) = seen["lift:auto"]
        lost += beaten(place, (other for method in DESCENTS for other in seen[method]))
    return (
        f"On {len(pairs) - lost} of {len(pairs)} pairs no result of Gram or means has both as "
        "much structure and as little distance to the style as the lift's. That is with untrained "
        "filters, small pictures, and descents that start from the target."
    )


def section(source: str, target: str, side: int) -> tuple[str, dict[str, Any]]:
    """Run one pair; its part of the report, and its metrics."""
    panel = f"{NAME}_{source}_{target}"
    pictures = (f"source=sample:{source}", f"target=sample:{target}")
    settings = (*SETTINGS, *pictures, f"image.size={side}")
    metrics = measured(*settings, keep={"panel.png": panel})
    size = metrics["image"]
    text = f"""## {source.capitalize()} on {target}, {size["width"]}×{size["height"]} px

    python -m decouple.run {" ".join(settings)}

{tables(metrics["compare"]["rows"])}
In all {metrics["seconds"]:.0f} s, peak memory {metrics["peak_memory_bytes"] / 2**30:.1f} GiB.

![The target, the source, noise and what each method made of them]({panel}.png)
"""
    return text, metrics


def main() -> None:
    """Run, write the report."""
    sections, compared = zip(*(section(*pair) for pair in PAIRS), strict=True)
    traded, made = {}, ""
    for source, target, _ in PAIRS:
        traded[source, target], made = trade_off(source, target)
    draw(traded, made)
    metrics = compared[0]
    layers, held_out = metrics["network"]["layers"], metrics["compare"]["held_out"]
    text = f"""# Gram against means

With ImageNet's filters: [six pairs](compare_imagenet.md).

Made by `python experiments/compare.py`. Network: VGG-19 with calibrated random filters, softplus,
average pooling, seed {metrics["seed"]}; {", ".join(layers)} are used, {", ".join(held_out)} held
out. The lift runs with tolerance {metrics["tolerance"]:g}; what descends a loss gets as many
network passes as the lift took, and ends earlier where its loss has converged.

{wrapped(metrics["compare"]["reading"])}

{chr(10).join(sections)}
## Style against structure

One content weight is one compromise. Here Gram and means run with several, at {SMALL} px, {PASSES}
passes each; a method is better where its points lie lower (nearer the source's style on layers that
nobody optimized) at the same SSIM to the target.
{wrapped(verdict(traded))}

![Gram and means as curves over content shares, lift and projected as points]({NAME}_trade_off.png)

{trade_off_table(traded)}"""
    (REPORTS / f"{NAME}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
