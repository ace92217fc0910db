"""The state of a style transfer that was cut short, from which it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from decouple.errors import ConfigError, RunFolderError
from decouple.gatys import State
from decouple.gatys.optimization import STAGE, check_fits
from decouple.parsing import optimizer_of, stop_rules
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.kept import IMAGE
from decouple.pipeline.objective import terms_of
from decouple.pipeline.provenance import provenance
from decouple.record.checkpoint import read_checkpoint, write_checkpoint
from decouple.record.compounds import Fields, Record, Several, Table
from decouple.record.forms import Array, Count, Misfit, Number, Plain, Text, read, written
from decouple.record.history import EXTENT, Extent, earlier_rows, put_fractions_anew
from decouple.record.metrics import STAGE_ROW
from decouple.report.page import has_last_page


@dataclass(frozen=True)
class Kept:
    """What an optimization that was cut goes on from.

    Attributes
    ----------
    state : of the optimization
    history : how far history.csv goes
    weighting, weights : one line on how the terms' weights were found, and {term: weight}
    iterations : {number of iterations: loss} of the pictures that were saved
    resumed_after : iterations after which the run was gone on with, and those of `state`
    clipped : {picture: share of its values that were clipped}
    scales : of metrics.json, the stages at the coarser scales
    """

    state: State
    history: Extent
    weighting: str
    weights: Mapping[str, float]
    iterations: Mapping[str, float]
    resumed_after: tuple[int, ...]
    clipped: Mapping[str, float]
    scales: tuple[dict[str, Any], ...]

    @property
    def seconds(self) -> float:
        """That the run had taken."""
        return self.state.seconds + sum(row["seconds"] for row in self.scales)


def _of_state(state: State) -> str | None:
    """What is wrong with a state, if anything is."""
    return None if state.iterations >= 0 else "its iterations are fewer than none"


def _of_kept(kept: Kept) -> str | None:
    whole = all(row.keys() >= STAGE_ROW.keys() for row in kept.scales)
    if not whole or not all(isinstance(row["seconds"], int | float) for row in kept.scales):
        return "a stage of a coarser scale is not whole"
    if not all(number.isdecimal() for number in kept.iterations):
        return "its iterations have other names than numbers"
    return None


_SCALAR = Array(())
STATE = Record(
    State,
    1,
    {
        "image": IMAGE,
        "start": IMAGE,
        "losses": Table(Number()),
        # As many as the optimizer has, of any shape; `check_fits` compares them with its own.
        "optimizer": Several(Array(None, kinds="fiu", finite=False)),
        "watch": Fields(
            {
                "iterations": Array((), kinds="iu"),
                "threshold": _SCALAR,
                "best": IMAGE,
                "best_loss": _SCALAR,
                "bests": Array((None,)),
            }
        ),
        "passes": Count(),
        "seconds": Number(0, finite=True),
    },
    check=_of_state,
)
KEPT = Record(
    Kept,
    1,
    {
        "state": STATE,
        "history": EXTENT,
        "weighting": Text(),
        "weights": Table(Number(finite=True)),
        "iterations": Table(Number()),
        "resumed_after": Several(Count()),
        "clipped": Table(Number()),
        "scales": Several(Table(Plain())),
    },
    check=_of_kept,
)


def keep(folder: str | Path, inputs: Inputs, kept: Kept) -> None:
    """Let a run go on from here; raises RunFolderError."""
    told, arrays = written(KEPT, kept)
    write_checkpoint(folder, arrays, {**provenance(inputs), "kept": told})


def kept_in(folder: str | Path) -> Kept | None:
    """What a run goes on from; None where it was cut before its first state at full size.

    Raises
    ------
    RunFolderError : there is no checkpoint that can be read.
    """
    arrays, about = read_checkpoint(folder)
    if "kept" not in about:
        return None
    try:
        kept: Kept = read(KEPT, about["kept"], arrays)
    except Misfit as error:
        raise RunFolderError(
            f"the checkpoint in '{folder}' is damaged, or of another version: {error}"
        ) from error
    return kept


def check_fits_run(inputs: Inputs, kept: Kept, folder: str | Path) -> None:
    """Compare what a run is to go on from with what it is made of, and with its folder.

    Raises
    ------
    ConfigError : the state is of another optimizer, or of images of another shape.
    RunFolderError : it is of other terms, or history.csv is not as it was written.
    """
    terms = set(terms_of(inputs))
    if kept.weights.keys() != terms or kept.state.losses.keys() != {"total", *terms}:
        raise RunFolderError(f"the checkpoint in '{folder}' is of other terms")
    how, shape = optimizer_of(inputs.config.optimizer), inputs.target.shape
    check_fits(kept.state, shape, how)
    earlier_rows(folder, kept.history)


def has_ended(run_dir: str | Path) -> bool:
    """Whether a run is done: its page is the last that it writes."""
    return (Path(run_dir) / "metrics.json").exists() and has_last_page(run_dir)


def lengthen_history(inputs: Inputs, kept: Kept, folder: str | Path) -> Kept:
    """Let the earlier rows of a run that goes on say their share of the iterations it has now.

    Before the history is opened; `stop.max_iterations` may be another than it was.

    Raises
    ------
    RunFolderError : history.csv, or the checkpoint that is to know of it, cannot be written.
    """
    rule = stop_rules(inputs.config.stop, inputs.weights).common

    def fraction_at(step: int) -> float:
        return min(step * rule.check_every, kept.state.iterations) / rule.max_iterations

    history = put_fractions_anew(folder, kept.history, STAGE, fraction_at)
    if history == kept.history:
        return kept
    lengthened = replace(kept, history=history)
    keep(folder, inputs, lengthened)
    return lengthened


def check_unfinished(inputs: Inputs) -> None:
    """Refuse to go on with a run that has nothing left to do.

    Raises
    ------
    ConfigError : it has ended, with all iterations that are asked for.
    RunFolderError : there is no checkpoint that can be read.
    """
    folder = inputs.config.resume
    if folder is None:
        return
    kept = kept_in(folder)
    if kept is None or not has_ended(folder):
        return
    iterations = kept.state.iterations
    if iterations >= inputs.config.stop.max_iterations:
        raise ConfigError(
            f"the run in '{folder}' has all its {iterations} iterations behind it: give "
            f"stop.max_iterations above {iterations}"
        )
