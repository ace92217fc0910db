"""What a run begins with: its record, with the pictures as they are used, and the reference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from decouple.images import LoadedImage
from decouple.images.animation import Frames
from decouple.images.deep import Output
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.provenance import provenance
from decouple.pipeline.recorder import Recorder
from decouple.pipeline.region_transfer import movable
from decouple.record.folder import RunFolder
from decouple.record.history import Extent
from decouple.record.progress import Progress
from decouple.stages import Prepared, prepare

# What is recorded of an objective: the whole, and its parts as they are weighted.
LOSSES = ("total", "content", "style", "variation")


@contextmanager
def recorder_of(
    inputs: Inputs, folder: RunFolder, known_rows: Extent, began: float | None = None
) -> Iterator[Recorder]:
    """A recorder that has the pictures as they were used."""
    recorder = Recorder(
        folder,
        () if inputs.objective else inputs.extractor.layers,
        LOSSES if inputs.objective else (),
        known_rows=known_rows,
        made_of=provenance(inputs),
        output=Output.named(inputs.config.image.output),
        like=_receiver(inputs),
        frames=Frames(*inputs.size) if inputs.config.record.animation else None,
        tensorboard=inputs.config.record.tensorboard,
        began=began,
    )
    with recorder:
        if not inputs.experiment.of_many:
            for name, pixels in inputs.shown().items():
                recorder.save(name, pixels)
        yield recorder


def _receiver(inputs: Inputs) -> LoadedImage | None:
    """The picture that becomes the result; None where that is made of nothing."""
    if inputs.experiment.takes_setting("output.size"):
        return None
    return inputs.pictures.get("target", inputs.pictures["source"])


def prepared_for(inputs: Inputs, recorder: Recorder, progress: Progress) -> Prepared:
    """Step 0, reported as a stage."""
    config = inputs.config
    # What sources can move in regions of their own is another question than what the target can.
    done = prepare(
        movable(inputs) if inputs.regions else inputs.extractor,
        *([inputs.target] if inputs.regions else inputs.seen.values()),
        size=inputs.noise_size,
        seed=config.seed,
        draws=config.noise.draws,
        kind=config.noise.kind,
        like=inputs.source if config.noise.kind == "phase" else None,
        pictures=() if inputs.references is None else inputs.references.pixels(),
        min_slope=config.mask.min_slope,
        directions=config.mask.directions,
        tried=True,  # with the inputs, before anything was written
    )
    if done.left_out:
        alive = done.channels.alive
        counts = ", ".join(f"{n} of {alive[k].size} {k}" for k, n in done.left_out.items())
        progress.say(f"Channels left out, since they cannot be moved: {counts}")
    recorder.add_stages(
        {
            "stage": "reference",
            "layer": None,
            "stop_reason": "reached",
            "passes": done.passes,
            "seconds": done.seconds,
            "feature_mse": {},
            "image_change_psnr_db": None,
        }
    )
    return done
