"""A transfer and a self-transfer as the thesis made them: pictures and loss curves.

    python experiments/thesis.py

Figures 4.1 to 4.4 of Miralles 2022: gradient descent of the feature MSEs through ReLU and max
pooling with SGD, at a learning rate that suits calibrated filters. Writes `reports/thesis.md` and
its figures.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from shutil import copy

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from decouple.record.metrics import read_metrics
from decouple.record.progress import stage_name
from decouple.report import style
from decouple.report.steps import steps_figure
from experiments.common import REPORTS, markdown_table, run

NAME = "thesis"
SIZE, LIMIT, EVERY = 64, 300, 5
SETTINGS = (
    *("network.weights=calibrated", f"image.size={SIZE}", f"noise.size={SIZE}"),
    *("optimizer=sgd", "optimizer.learning_rate=null", f"stop.max_iterations={LIMIT}"),
    *(f"stop.{stage}.check_every={EVERY}" for stage in ("noisify_source", "noisify_target")),
)
RUNS = {
    "transfer": ("+experiment=thesis_transfer", "source=sample:brick", "target=sample:astronaut"),
    "self_transfer": ("+experiment=thesis_self_transfer", "source=sample:astronaut"),
}
HEADER = ["stage", "layer", "loss at the end (MSE of all its layers)", "threshold", "ended"]


def rows(metrics: dict) -> list[list[str]]:
    """A line for each stage and layer that was moved."""
    return [
        [
            *(stage_name(stage["stage"]), stage["layer"]),
            f"{sum(stage['feature_mse'].values()):.1e}",
            f"{stage['threshold']:.1e}",
            stage["stop_reason"],
        ]
        for stage in metrics["stages"]
        if stage["layer"] is not None
    ]


def main() -> None:
    """Run both, draw, write."""
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, settings in RUNS.items():
            path = run(Path(folder) / name, *settings, *SETTINGS)
            measured[name] = read_metrics(path)
            copy(path / "plots" / "panel.png", REPORTS / f"{NAME}_{name}.png")
            with style.context():
                title = f"Losses of a {name.replace('_', '-')}, as in Miralles 2022"
                style.save_figure(
                    steps_figure({name: path}, title), REPORTS / f"{NAME}_{name}_losses.png"
                )
    own, other = measured["self_transfer"], measured["transfer"]
    metric = own["self_transfer"]
    text = f"""# A transfer and a self-transfer, the thesis's way

Made by `python experiments/thesis.py`: gradient descent of the sum of the feature MSEs with SGD,
two layers of {own["network"]["name"]} with {own["network"]["weights"]} random filters, ReLU and max
pooling, {SIZE} px, seed {own["seed"]}, at most {LIMIT} iterations a stage and layer. The thesis's
rate of 5e-4 is for ImageNet's filters; the rate here is
{own["stepper"]["learning_rate"]:.3g}, and the thresholds are the thesis's in hundredths of the loss
at the start ([why](optimizers.md)). These are figures 4.1 to 4.4 of P. Miralles Simó (bachelor
thesis, UJI 2022); its others, and the same by the lift, are in the [index](README.md).

## Transfer

![Source, target, both noisified, result]({NAME}_transfer.png)

![Losses of each stage and layer]({NAME}_transfer_losses.png)

{markdown_table(HEADER, rows(other))}
The last stage, which the thesis does not have, noisifies the result again to see what it holds. The
imposition of the last layer pulls the first one to its own features at the same time, as the
thesis's code does; an image near by need not have both ([optimizers](optimizers.md)).

## Self-transfer

![Source, noisified, result, difference]({NAME}_self_transfer.png)

![Losses of each stage and layer]({NAME}_self_transfer_losses.png)

{markdown_table(HEADER, rows(own))}
The result is at {metric["psnr_db"]:.1f} dB to the source,
{100 * metric["differing_pixels_8bit"]:.0f} % of its values differ in 8 bits, and
{metric["excursion_recovered"]:.3f} of the excursion is recovered (1 would be all of it). Beside it:
[self-transfer by the lift](self_transfer.md).
"""
    (REPORTS / f"{NAME}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
