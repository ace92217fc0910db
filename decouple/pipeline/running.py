"""A run under way: what an experiment works with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from omegaconf import DictConfig

from decouple.errors import ImageError
from decouple.features import Features
from decouple.flows import Flow, Observer
from decouple.flows.motion import Motion, Moved
from decouple.flows.trace import LayerTrace
from decouple.parsing import hold_of
from decouple.pipeline.claims import Claim
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.journal import Journal
from decouple.pipeline.opening import prepared_for, recorder_of
from decouple.pipeline.provenance import provenance, write_settings
from decouple.pipeline.recorder import Recorder
from decouple.pipeline.state import Kept
from decouple.pipeline.summary import summary
from decouple.record.checkpoint import write_checkpoint
from decouple.record.closing import closing_table
from decouple.record.folder import RunFolder
from decouple.record.interrupts import Interrupts
from decouple.record.observers import fan_out
from decouple.record.progress import Progress, stage_name
from decouple.report.live import LivePage
from decouple.stages import (
    DecoupledFeatures,
    Imposed,
    Noisified,
    Prepared,
    Reference,
    Retraced,
    RoundTrip,
    StageError,
    impose,
    impose_retraced,
    noisify,
    round_trip,
)

Done = TypeVar("Done")


@dataclass(frozen=True)
class Run:
    """What an experiment works with: its inputs, and the method's steps, each recorded.

    Attributes
    ----------
    inputs : pictures, network, flow and configuration
    prepared : what step 0 found; None where no features are moved
    recorder : of what it comes to
    progress : what a person sees of it
    journal : of the motions, and methods, that have ended, by which a run that was cut goes on
    interrupts : Ctrl-C, acted on between steps
    live : its page while it goes on
    kept : what a style transfer that was cut goes on from
    checkpoints : whether it may write a checkpoint of its own; a method of a comparison may not
    """

    inputs: Inputs
    prepared: Prepared | None
    recorder: Recorder
    progress: Progress
    journal: Journal
    interrupts: Interrupts
    live: LivePage
    kept: Kept | None = None
    checkpoints: bool = True

    @property
    def config(self) -> DictConfig:
        """All settings."""
        return self.inputs.config

    @property
    def source(self) -> np.ndarray:
        """See `Inputs.source`."""
        return self.inputs.source

    @property
    def target(self) -> np.ndarray:
        """See `Inputs.target`."""
        return self.inputs.target

    @property
    def extractor(self) -> Features:
        """Of the features that are moved; of all, where none are."""
        return self.inputs.extractor if self.prepared is None else self.prepared.extractor

    @property
    def moves(self) -> Prepared:
        """What step 0 found, of a run that moves features."""
        if self.prepared is None:
            raise RuntimeError("a run that moves no features has no reference")
        return self.prepared

    @property
    def reference(self) -> Reference:
        """What step 0 measured."""
        return self.moves.reference

    @property
    def told(self) -> Observer:
        """Observer of steps that shows and records them."""
        return fan_out(self.progress, self.recorder, self.live)

    @property
    def observer(self) -> Observer:
        """As `told`; it also stops the run, once there was a Ctrl-C."""
        return fan_out(self.told, self.interrupts.check)

    # What is kept.

    def say(self, *lines: str) -> None:
        """Show some lines."""
        self.progress.say(*lines)

    def show(self, line: str) -> None:
        """Show how far a long piece of work is that takes no steps."""
        self.progress.show(line)
        self.live.show(line)

    def save(self, name: str, image: np.ndarray) -> None:
        """See `Recorder.save`."""
        self.recorder.save(name, image)

    def record(self, **results: Any) -> None:
        """See `Recorder.record`."""
        self.recorder.record(**results)

    def draw(self, *figures: Callable[[Path], object]) -> None:
        """See `Recorder.draw`."""
        self.recorder.draw(*figures)

    def animate(
        self, frames: Sequence[np.ndarray], milliseconds: int, endings: Sequence[str]
    ) -> None:
        """See `Recorder.animate`."""
        self._animate(partial(self.recorder.animate, frames, milliseconds, endings))

    # The method's steps.

    def noisify(
        self, image: np.ndarray, stage: str, *, saved_as: str, comes_back: bool = False
    ) -> Noisified:
        """`stages.noisify`, with its rows, and pictures called `<saved_as>_<number>_<layer>`."""
        how = {"stage": stage, "comes_back": comes_back, "on_layer": self._saver(saved_as)}
        done: Noisified = self._kept(noisify, image, **how)
        self._keep_features(stage, done)
        return done

    def round_trip(self, image: np.ndarray, *, saved_as: str) -> RoundTrip:
        """`stages.round_trip`, with its rows, and pictures as those of `noisify`."""
        done = self._kept(
            round_trip,
            image,
            hold=hold_of(self.config),
            on_layer=self._saver(saved_as),
            on_noisified=partial(self._keep_features, "noisify_source"),
            say=self.say,
        )
        self._keep_features("noisify_source", done.noisified)  # the better of two
        return done

    def impose(self, image: np.ndarray, features: DecoupledFeatures) -> Imposed:
        """`stages.impose`, with its rows; nothing is taken off its result again."""
        return self._kept(impose, image, features, hold=hold_of(self.config), retraced=False)

    def impose_retraced(
        self, image: np.ndarray, features: DecoupledFeatures, check_passes: int | None = None
    ) -> Retraced:
        """`stages.impose_retraced`, with its rows."""
        how = {"hold": hold_of(self.config), "check_passes": check_passes}
        return self._kept(impose_retraced, image, features, **how)

    def move(
        self, image: np.ndarray, motion: Motion, flow: Flow, observer: Observer
    ) -> tuple[Moved, LayerTrace]:
        """`Journal.move`; the layer is a row of `stages[]` from its end on, for the live page."""
        moved, trace = self.journal.move(image, motion, flow, observer)
        self.recorder.add_layer(trace)
        return moved, trace

    def _kept(self, carried_out: Callable[..., Done], *what: object, **how: object) -> Done:
        """Carry out a stage; its rows are kept, however it ends."""
        try:
            done = carried_out(
                *what,
                extractor=self.extractor,
                reference=self.reference,
                flow=self.inputs.flow,
                tolerance=self.config.tolerance,
                observer=self.observer,
                move=self.move,
                **how,
            )
        except StageError as error:
            self.recorder.add_stages(*error.partial.trace)
            raise
        assert isinstance(done, Noisified | Imposed | Retraced | RoundTrip)
        self.recorder.add_stages(*done.trace)
        return done

    def _saver(self, prefix: str) -> Callable[[str, np.ndarray], None]:
        def save(layer: str, image: np.ndarray) -> None:
            self.save(f"{prefix}_{self.extractor.layers.index(layer) + 1}_{layer}", image)

        return save

    def _keep_features(self, stage: str, noisified: Noisified) -> None:
        for layer, values in noisified.features.values.items():
            self.recorder.keep_array(f"{stage}/{layer}", values)

    # Runs within it.

    def once(self, method: str, carry_out: Callable[[], Done]) -> Done:
        """What a method comes to, or had come to before the run was cut; see `Journal.once`."""
        return self.journal.once(method, carry_out)

    @contextmanager
    def method(self, name: str, flow: Flow | None = None) -> Iterator[Run]:
        """A run within this one, on the same pictures, network and reference; closed at the end.

        Its folder lies below this one's; where an earlier process was cut in it, it is written
        over.

        Parameters
        ----------
        name : of the method
        flow : how its image moves; None where it descends an objective
        """
        objective = flow is None
        inputs = replace(
            self.inputs,
            extractor=self.extractor,
            flow=flow or self.inputs.flow,
            objective=objective,
        )
        folder = self._folder_of(name)
        write_settings(folder, inputs.config)
        with ExitStack() as opened:
            known = self.journal.rows_under_way
            recorder = opened.enter_context(recorder_of(inputs, folder, known))
            opened.enter_context(self.journal.kept_in(folder.path, recorder.flush))
            opened.enter_context(self.live.method(name, folder.path))
            prepared = None if objective else self.prepared
            one = replace(
                self,
                inputs=inputs,
                prepared=prepared,
                recorder=recorder,
                kept=None,
                checkpoints=False,
            )
            yield one
        self._animate(recorder.animate_steps)
        recorder.close(summary(inputs, prepared, recorder))

    def _folder_of(self, method: str) -> RunFolder:
        path = self.recorder.folder.path / "methods" / method.replace(":", "_")
        if self.config.resume is not None and path.exists():
            return RunFolder.open(path)
        return RunFolder.create("", path)

    # The end.

    def close(self) -> None:
        """Write metrics.json, the figures and the page, and show the closing table."""
        self._animate(self.recorder.animate_steps)
        metrics = summary(self.inputs, self.prepared, self.recorder)
        self.live.end()
        self.recorder.close(metrics)
        self.progress.console.print(closing_table(metrics, self.recorder.folder.path))
        note = self._miss(metrics)
        if note is not None:
            self.say(note)

    def _animate(self, save: Callable[[], None]) -> None:
        """Save images in motion; what ffmpeg cannot do costs no run."""
        try:
            save()
        except ImageError as error:
            self.say(str(error))

    def _miss(self, metrics: dict[str, Any]) -> str | None:
        """What to say where the round trip's error exceeds what was asked for."""
        tolerance = self.config.tolerance
        rms = metrics.get("round_trip_rms")
        if rms is None or not self.inputs.controls_error or rms <= tolerance:
            return None
        return (
            f"The round trip's RMS error {rms:.1e} exceeds tolerance={tolerance:g}: "
            "give a smaller tolerance, or a smooth network (softplus, average pooling)."
        )


@contextmanager
def begun(
    inputs: Inputs, claim: Claim, progress: Progress, live: LivePage, began: float
) -> Iterator[Run]:
    """Open the record of a run, with its settings and pictures, and carry out step 0.

    Parameters
    ----------
    inputs : what it is made of
    claim : its folder, and what an earlier process left there
    progress, live : what a person sees of it
    began : `time.perf_counter()` when it began, as if in one process
    """
    folder, journal = claim.folder, claim.journal
    write_settings(folder, inputs.config)
    if inputs.config.resume is None:
        write_checkpoint(folder.path, {}, provenance(inputs))
    with ExitStack() as opened:
        recorder = opened.enter_context(recorder_of(inputs, folder, claim.known_rows, began))
        recorder.record(**claim.changed)
        opened.enter_context(progress)
        progress.say(f"{inputs.sentence()}, into {folder.path}")
        live.begin(lambda: summary(inputs, None, recorder, ended=False), stage_name("reference"))
        prepared = None if inputs.objective else prepared_for(inputs, recorder, progress)
        live.begin(lambda: summary(inputs, prepared, recorder, ended=False))
        interrupts = opened.enter_context(Interrupts(progress.say))
        opened.enter_context(journal.kept_in(folder.path, recorder.flush))
        try:
            yield Run(inputs, prepared, recorder, progress, journal, interrupts, live, claim.kept)
        except KeyboardInterrupt:
            journal.write()
            raise
