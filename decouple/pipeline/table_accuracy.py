"""How exactly a table's motions are solved, and how exact its features are then.

Nothing has to come back, so that motions are only as exact as features are asked to be. How exact
that is depends on filters and pictures: it is found on a few of all pictures before the first row
is made, and looked at again on others at the end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from omegaconf import DictConfig

from decouple import files, images
from decouple.analysis.intervals import prediction_limit
from decouple.errors import DecoupleError, FeaturesError, ImageError
from decouple.images.listing import ListedPicture
from decouple.pipeline.running import Run
from decouple.record.feature_rows import DONE, FeatureRows
from decouple.record.feature_table import ABOUT, CSV, read_about
from decouple.stages import DecoupledFeatures, StageError, noisify
from decouple.stages.retrace import relative_distances

# Pictures on which it is found how exact steps must be; of the accuracy asked for, what those of
# one motion are at first, since features of a picture that is half black were off by three times as
# much; by how much more exact at a time, and how often at most.
_TRIED, _AT_FIRST, _FINER, _TIMES = 10, 0.3, 0.4, 4
# Of all other pictures, how many are to be as exact as asked for, and of how many at least it must
# be known how far their errors are apart to tell.
_OF_ALL, _FEWEST = 0.99, 5
# Errors go with what steps are off by: so much of one changes with the next.
_CHANGES = 1.0 - _FINER
# Of how much features changed before, what a picture's change by with finer steps if that tells
# anything: of one that is nearly flat they may depend on the very way.
_SETTLES = 0.7
# What features of pictures that are checked are compared with: motions in steps so much more exact.
_CHECKED = 0.1
# What a picture may be the reason of.
OF_A_PICTURE = (ImageError, FeaturesError, StageError)


def settled(run: Run, every: Sequence[ListedPicture]) -> float:
    """What steps may be off by, of their length, so that features are as exact as asked for.

    Found on pictures from all over the folder, whichever are this run's: shards are parts of one
    table. A run that goes on stays with what it has found.
    """
    asked, motions = float(run.config.table.accuracy), len(run.extractor.layers) - 1
    # What one motion is off by the next one's features are, too.
    following = first = asked * _AT_FIRST / max(motions, 1)
    if not motions or not run.inputs.controls_error:
        return following  # nothing is moved, or in steps that are as they are
    folder = run.recorder.folder.path
    if files.there(folder / ABOUT):
        return float(read_about(folder / CSV).get("following", following))
    some = [every[place] for place in sorted(_middles(len(every)))]
    held, changed = _tried(run, some, following), dict[str, float]()
    for _ in range(_TIMES):
        finer = _tried(run, some, following * _FINER)
        changes = {k: _apart(held[k], finer[k]) for k in held.keys() & finer.keys()}
        settling = [v for k, v in changes.items() if v < _SETTLES * changed.get(k, math.inf)]
        known = settling or list(changes.values())
        most = max(known, default=0.0) if len(some) == len(every) else _nearly_most(known)
        needed = following * _CHANGES * asked / most if most > 0 else first
        if needed >= following * _FINER:
            # Shards that are made on different machines are parts of one table.
            return float(f"{min(needed, first):.2g}")
        held, following, changed = finer, following * _FINER, changes
    run.say(f"table.accuracy={asked:g} may not be met: features still change by {most:.0e}")
    return following


def _middles(count: int) -> set[int]:
    """Places in the middle of as many equal parts as pictures are tried."""
    return {int(count * (part + 0.5) / _TRIED) for part in range(_TRIED)}


def _nearly_most(changes: Sequence[float]) -> float:
    """Below what nearly all pictures stay, of which these are a sample.

    Errors of one folder's pictures differ by a decade or two: their logarithms are taken to be
    normal. The largest of these where they are too few to tell.
    """
    if len(changes) < _FEWEST or min(changes) == 0:
        return max(changes, default=0.0)
    return math.exp(prediction_limit(np.log(changes), _OF_ALL))


def _tried(
    run: Run, pictures: Sequence[ListedPicture], following: float
) -> dict[str, DecoupledFeatures]:
    """{path: features} of the pictures that can be moved in steps solved so exactly."""
    found = {}
    for picture in pictures:
        run.show(f"Finding steps that are exact enough: {picture.path}")
        with suppress(*OF_A_PICTURE):
            found[picture.path] = features_of(run, loaded(run.config, picture), following)
    return found


def features_of(run: Run, pixels: np.ndarray, following: float) -> DecoupledFeatures:
    """Decoupled features of a picture (H, W, 3), in steps off by so much of their length."""
    return noisify(
        pixels,
        run.extractor,
        run.reference,
        flow=run.inputs.flow,
        comes_back=False,
        following=following,
        features_only=True,
        observer=run.interrupts.check,
    ).features


def _apart(held: DecoupledFeatures, exact: DecoupledFeatures) -> float:
    """RMS error of the worst layer, relative to its features."""
    return math.sqrt(max(relative_distances(held, exact).values()))


@dataclass(frozen=True)
class Checked:
    """Errors of features of pictures that were moved once more.

    Attributes
    ----------
    by_path : {path: RMS error of the worst layer, relative to its features}
    failed : paths of pictures that could not be moved so exactly
    """

    by_path: dict[str, float]
    failed: list[str]

    @property
    def largest(self) -> float | None:
        """None where nothing was checked."""
        return max(self.by_path.values(), default=None)


def checked(
    run: Run, pictures: Sequence[ListedPicture], rows: FeatureRows, following: float
) -> Checked:
    """Move a few pictures from all over the table once more, in steps solved more exactly.

    `following` is what the table's own steps may be off by, of their length.
    """
    found = Checked({}, [])
    accuracy, many = run.config.table.accuracy, run.config.table.checked
    able = [p for p in pictures if rows.row(p.path).status == DONE]
    if len(run.extractor.layers) == 1 or not able:
        return found  # nothing was moved
    if not run.inputs.controls_error:
        run.say(
            f"How exact decoupled features are is not known: flow={run.inputs.flow.name} with "
            f"{run.inputs.flow.stepper_name} steps does not control its error"
        )
        return found
    for place in sorted({round(k) for k in np.linspace(0, len(able) - 1, min(many, len(able)))}):
        picture = able[place]
        run.show(f"Checking {picture.path}")
        try:
            exact = features_of(run, loaded(run.config, picture), following * _CHECKED)
        except DecoupleError:
            found.failed.append(picture.path)
            continue
        held = rows.row(picture.path).decoupled
        own = DecoupledFeatures({layer: np.array(values) for layer, values in held.items()})
        found.by_path[picture.path] = _apart(own, exact)
    if found.largest is not None:
        met = "within" if found.largest <= accuracy else "more than"
        run.say(
            f"Checked on {len(found.by_path)} pictures: decoupled features are off by at most "
            f"{found.largest:.1e} of their own, {met} table.accuracy={accuracy:g}"
        )
    return found


def loaded(config: DictConfig, picture: ListedPicture) -> np.ndarray:
    """A picture as it is looked at, (H, W, 3)."""
    return images.load(picture.file, config.image.size, config.image.fit).pixels
