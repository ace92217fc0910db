"""The thesis's gradient descent, projected descents and the lift on the same picture.

    [DECOUPLE_IMAGENET_VGG16=FILE] python experiments/compare_flows.py

Self-transfer through two layers at 96 px, at equal budgets of network passes, with calibrated
filters; and with ImageNet's, where FILE holds VGG-16's in Keras's layout. Writes
`reports/compare_flows.md` and its figures.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from experiments.common import (
    FILTERS,
    Filters,
    all_filters,
    markdown_table,
    measured,
    span,
    write_page,
)

NAME = "compare_flows"
SETTINGS = ("+experiment=compare_flows", "image.size=96")
PICTURE = "astronaut"
# The lift, each descent with its best optimizer, and the most usual optimizer; all the others
# are in optimizers.py and in the experiment's own default.
LIFT = "lift:symmetric"
METHODS = (
    *(LIFT, "projected_channel:lbfgs", "projected_layer:lbfgs", "gradient:lbfgs"),
    *("projected_channel:adam", "gradient:adam"),
)
HEADER = [
    *("method", "PSNR (dB)", "excursion recovered", "active layers' MSE", "held layers' MSE"),
    *("passes", "seconds", "ended"),
]


def line(row: dict) -> list[str]:
    """One line of the table."""
    psnr, recovered = row["psnr_db"], row["excursion_recovered"]
    return [
        row["method"],
        "–" if psnr is None else f"{psnr:.1f}",
        "–" if recovered is None else f"{recovered:.3f}",
        *(f"{row[name]:.0e}" for name in ("active_mse", "held_mse")),
        str(row["passes"]),
        f"{row['seconds']:.0f}",
        row.get("failure", row["stop_reasons"]),
    ]


def section(filters: Filters) -> str:
    """Run with these filters; what the page says of them."""
    methods = f"compare_flows.methods=[{','.join(METHODS)}]"
    figure = NAME + filters.figures
    metrics = measured(
        *(*SETTINGS, *filters.settings, f"source=sample:{PICTURE}", methods),
        keep={"compare_flows.png": figure},
    )
    compare, size, network = metrics["compare_flows"], metrics["image"], metrics["network"]

    def psnr(method: str | None = None) -> str:
        """Of one method, or of all but the lift."""
        rows = {row["method"]: row["psnr_db"] for row in compare["rows"]}
        return span([rows[method]] if method else (rows[m] for m in METHODS if m != LIFT))

    return f"""## {filters.title}

{named(network)}, seed {metrics["seed"]}; {PICTURE}, {size["width"]}×{size["height"]} px; budget:
{compare["passes_per_layer"]} passes a stage and layer. With every optimizer, by hand:

    python -m decouple.run {" ".join(SETTINGS)} {filters.by_hand}

{markdown_table(HEADER, [line(row) for row in compare["rows"]])}
![Dots: PSNR, MSE of active and of held layers, passes]({figure}.png)

The lift's picture comes back with {psnr(LIFT)} dB, the descents' with {psnr()} dB.
"""


def named(network: dict[str, Any]) -> str:
    """What a network is, from a run's metrics."""
    kind = f"{network['activation']} and {network['pooling']} pooling".replace("_", " ")
    return f"{network['name']} ({network['weights']}), {kind}"


def main() -> None:
    """Run, write the report."""
    intro = f"""# Flows compared

Made by `{FILTERS}=FILE python experiments/{NAME}.py`.

Self-transfer through two layers: the image goes out to the noise's features and back to its own.
Every method that descends a loss gets as many network passes in each stage and layer as the lift in
symmetric steps took there on average, and ends earlier where its loss falls below 1e-8. *Active
layers' MSE* and *held layers' MSE* are the largest at the ends of the stages. *Excursion recovered*
is 1 for the same picture and 0 for one as far away as the noisified one was; negative where the
way back led farther away still. Seconds are of one run on a machine with few cores and only a
hint.

Where a descent arrives depends on its optimizer, not only on the features, so that the picture need
not come back even where these are met and held. A high PSNR of a method that missed its features (a
large active MSE) only says that the picture was hardly moved. The lift goes the same way out and
back.
"""
    write_page(NAME, intro, map(section, all_filters()))


if __name__ == "__main__":
    main()
