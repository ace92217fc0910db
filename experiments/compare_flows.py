"""The thesis's gradient descent, projected descents and the lift on the same picture.

    python experiments/compare_flows.py

Self-transfer through two layers at 96 px, at equal budgets of network passes. Writes
`reports/compare_flows.md` and its figure.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from experiments.common import REPORTS, markdown_table, measured, span

NAME = "compare_flows"
SETTINGS = ("+experiment=compare_flows", "network.weights=calibrated", "image.size=96")
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


def main() -> None:
    """Run, write the report."""
    methods = f"compare_flows.methods=[{','.join(METHODS)}]"
    metrics = measured(
        *SETTINGS, f"source=sample:{PICTURE}", methods, keep={"compare_flows.png": NAME}
    )
    compare, size = metrics["compare_flows"], metrics["image"]

    def psnr(method: str | None = None) -> str:
        """Of one method, or of all but the lift."""
        rows = {row["method"]: row["psnr_db"] for row in compare["rows"]}
        return span([rows[method]] if method else (rows[m] for m in METHODS if m != LIFT))

    text = f"""# Flows compared

Made by `python experiments/compare_flows.py`. With every optimizer, by hand:

    python -m decouple.run {" ".join(SETTINGS)}

Self-transfer through two layers (VGG-19, calibrated random filters, softplus, average pooling,
seed {metrics["seed"]}): the image goes out to the noise's features and back to its own. Every
method that descends a loss gets as many network passes in each stage and layer as the lift in
symmetric steps took there on average, and ends earlier where its loss falls below 1e-8. *Active
layers' MSE* and *held layers' MSE* are the largest at the ends of the stages. *Excursion recovered*
is 1 for the same picture and 0 for one as far away as the noisified one was; negative where the
way back led farther away still. Seconds are of one run on a machine with few cores and only a
hint.

{PICTURE.capitalize()}, {size["width"]}×{size["height"]} px; budget:
{compare["passes_per_layer"]} passes a stage and layer.

{markdown_table(HEADER, [line(row) for row in compare["rows"]])}
![Dots: PSNR, MSE of active and of held layers, passes]({NAME}.png)

How to read it: the lift's picture comes back with {psnr(LIFT)} dB, the descents' with {psnr()} dB.
Where a descent arrives depends on its optimizer, not only on the features, so that the picture need
not come back even where these are met and held. A high PSNR of a method that missed its features (a
large active MSE) only says that the picture was hardly moved. The lift goes the same way out and
back.
"""
    (REPORTS / f"{NAME}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
