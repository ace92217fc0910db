"""One run: its pictures, network and flow, and the record that every experiment keeps alike."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from omegaconf import DictConfig

from decouple import __version__, files, images
from decouple.config import EXPERIMENTS, FIXED_STEPPERS
from decouple.devices import described
from decouple.features import Extractor, alive_on, fidelity
from decouple.flows import Flow, Gradient, Lift, Projected
from decouple.flows.trace import Observer, ignore
from decouple.networks import Activation, Chain, Pooling, architecture
from decouple.pipeline.asked import check_scales, flow_of, layers_of, options_of, pictures_of
from decouple.pipeline.journal import Journal
from decouple.pipeline.loaded import loaded
from decouple.pipeline.provenance import provenance, write_settings
from decouple.record.checkpoint import write_checkpoint
from decouple.record.closing import closing_table
from decouple.record.folder import RunFolder
from decouple.record.history import History
from decouple.record.interrupts import Interrupts
from decouple.record.metrics import environment, stage_row, write_metrics
from decouple.record.observers import fan_out
from decouple.record.progress import Progress
from decouple.record.tensorboard import TensorBoard
from decouple.report.curves import plot_losses
from decouple.report.page import write_page
from decouple.report.panel import plot_panel
from decouple.stages import (
    DecoupledFeatures,
    Imposed,
    Noisified,
    Reference,
    Retraced,
    RoundTrip,
    StageError,
    checked_image,
    impose,
    impose_retraced,
    noise_image,
    noise_reference,
    noisify,
    round_trip,
)
from decouple.stages.layerwise import move_layer

OnLayer = Callable[[str, np.ndarray], None]
Done = TypeVar("Done")
# What is recorded of an objective: the whole, and its parts as they are weighted.
LOSSES = ("total", "content", "style", "variation")


@dataclass
class Job:
    """What an experiment works with; its results go to `results`, a part of metrics.json.

    Attributes
    ----------
    pictures : {`source`, and where there is one `target` and `start`: picture}
    chain : the network, down to the last layer that anything looks at
    extractor : channel means of `layers`
    stages : rows of metrics.json, in the order in which they happened
    observer, told : of steps; the first stops the run where a Ctrl-C asked for it
    clipped : {picture's name: share of its values that were clipped at save}
    losses : names of an objective's parts, where one is optimized and no features are moved; such
        a job needs no noise reference
    motion : `flow` and `stepper` of metrics.json, where they are not those of `flow`
    figures : what to draw from the run folder, beside the panel and the loss curves
    journal : of the layers' motions, in a run that can be gone on with
    resumable : whether there are checkpoints
    history_length : bytes of the earlier run's history.csv to go on after
    unfinished : whether there is more to do when the run has ended, such as further iterations
    arrays : {name: array}, in full precision: what result.npz holds
    """

    config: DictConfig
    progress: Progress
    pictures: dict[str, images.LoadedImage]
    chain: Chain
    extractor: Extractor
    flow: Flow
    began: float = field(default_factory=time.perf_counter)
    observer: Observer = ignore
    told: Observer = ignore
    flush: Callable[[], int] = lambda: 0
    interrupts: Interrupts | None = None
    journal: Journal | None = None
    resumable: bool = False
    history_length: int = 0
    unfinished: bool = False
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    stages: list[dict[str, Any]] = field(default_factory=list)
    clipped: dict[str, float] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    losses: tuple[str, ...] = ()
    motion: dict[str, Any] | None = None
    figures: list[Callable[[Path], object]] = field(default_factory=list)
    _folder: RunFolder | None = None
    _reference: Reference | None = None
    _board: TensorBoard | None = None

    @classmethod
    def of(cls, config: DictConfig) -> Job:
        """Load pictures and network; nothing is written before all inputs are known to be good."""
        began = time.perf_counter()
        progress = Progress()
        arch = architecture(config.network.name)
        layers = layers_of(config.layers, arch)
        kind = EXPERIMENTS[config.experiment]
        # Layers that only an objective, or a comparison, looks at.
        seen = [layers]
        if kind in ("gatys", "compare"):
            seen.append(layers_of(config.gatys.content.layers, arch))
        if kind == "compare":
            seen.append(layers_of(config.compare.held_out, arch))
        last = arch.resolve_layers(list({layer for some in seen for layer in some}))[-1]
        pictures = pictures_of(config)
        for role, picture in pictures.items():
            for note in picture.notes:
                progress.say(f"{picture.origin}: {note}")
            deepest = last if kind == "compare" or role != "source" else layers[-1]
            arch.check_size(deepest, *picture.pixels.shape[:2])
            if kind == "gatys":
                check_scales(config, arch, deepest, pictures["target"], picture)
        options = options_of(config.network)
        seen_by = loaded(options, last, layers, progress.say, config.device)
        chain, extractor = seen_by.chain, seen_by.extractor
        flow = flow_of(config, extractor)
        job = cls(config, progress, pictures, chain, extractor, flow, began)
        if kind == "gatys":
            job.losses = LOSSES
            return job
        for picture in pictures.values():
            checked_image(picture.pixels, extractor)
        if not chain.smooth and config.flow.name == "lift":
            progress.say(
                "The gradient of this network jumps (ReLU or max pooling): the way back is "
                "limited; softplus with average, l2 or smooth_max pooling is reversible."
            )
        return job

    @property
    def source(self) -> np.ndarray:
        """Pixels (H, W, 3), float32 in [0, 1], of the picture that gives its features."""
        return self.pictures["source"].pixels

    @property
    def target(self) -> np.ndarray:
        """Pixels of the picture that receives them; in self-transfer the source itself."""
        return self.pictures.get("target", self.pictures["source"]).pixels

    @property
    def folder(self) -> RunFolder:
        """Where the run is recorded."""
        if self._folder is None:
            raise RuntimeError("a job has a folder within recorded_in() only")
        return self._folder

    @property
    def reference(self) -> Reference:
        """What step 0 measured."""
        if self._reference is None:
            raise RuntimeError("a job has a reference within recorded_in() only")
        return self._reference

    @contextmanager
    def recorded_in(self, folder: RunFolder) -> Iterator[None]:
        """Open the record: configuration, pictures as they were used, history, step 0."""
        self._folder = folder
        write_settings(folder, self.config)
        if self.resumable and self.config.resume is None:
            write_checkpoint(folder.path, {}, provenance(self))
        outermost = self._reference is None
        layers = () if self.losses else self.extractor.layers
        with ExitStack() as record:
            if self.config.record.tensorboard:
                self._board = record.enter_context(TensorBoard(folder.path))
            for role, picture in self.pictures.items():
                self.save(role, picture.pixels)
            record.enter_context(self.progress if outermost else nullcontext())
            if outermost:
                self.progress.say(f"{self.sentence()}, into {folder.path}")
                if not self.losses:
                    self._measure_reference()
            length = self.history_length
            history = record.enter_context(History(folder.path, layers, self.losses, length))
            interrupts = record.enter_context(self._interruptible())
            also = () if self._board is None else (self._board,)
            self.told, self.flush = fan_out(self.progress, history, *also), history.flush
            self.observer = fan_out(self.told, interrupts.check)
            if self.journal is not None:
                record.enter_context(self.journal.kept_in(folder.path, history.flush))
            try:
                yield
            except KeyboardInterrupt:
                if self.journal is not None:
                    self.journal.write()
                raise

    @contextmanager
    def _interruptible(self) -> Iterator[Interrupts]:
        """Listen for Ctrl-C, unless an outer job does."""
        if self.interrupts is not None:
            yield self.interrupts
            return
        with Interrupts(self.progress.say) as interrupts:
            self.interrupts = interrupts
            yield interrupts

    def beside(self, flow: Flow) -> Job:
        """Another job on the same pictures, network and reference, with another flow."""
        job = Job(self.config, self.progress, self.pictures, self.chain, self.extractor, flow)
        job._reference, job.interrupts = self._reference, self.interrupts
        if self.journal is not None:
            job.journal, job.history_length = self.journal, self.journal.length_under_way
        return job

    def once(self, method: str, carry_out: Callable[[], Done]) -> Done:
        """What a method comes to, or had come to before the run was cut; see `Journal.once`."""
        return carry_out() if self.journal is None else self.journal.once(method, carry_out)

    def folder_of(self, method: str) -> RunFolder:
        """That of a method, below this run's; one that was cut is written over."""
        path = self.folder.path / "methods" / method.replace(":", "_")
        if self.config.resume is not None and path.exists():
            return RunFolder.open(path)
        return RunFolder.create("", path)

    def sentence(self) -> str:
        """What the run does, in a few words."""
        height, width = self.target.shape[:2]
        pictures = " and ".join(
            f"{picture.origin} ({role})" for role, picture in self.pictures.items()
        )
        return (
            f"{self.config.experiment} of {pictures}, {width}x{height} px, through "
            f"{len(self.extractor.layers)} layers of {self.extractor.chain.architecture.name} "
            f"({self.extractor.chain.weights.origin} weights)"
        )

    def _measure_reference(self) -> None:
        """Step 0, with the mask of channels that can be moved; reported as a stage."""
        config, began, passes = self.config, time.perf_counter(), self.extractor.passes.count
        # Pictures of different sizes share one reference; that of the result's size.
        height, width = self.target.shape[:2]
        if config.noise.size != "match":
            height = width = config.noise.size
        self.extractor.check_size(height, width)
        noise = noise_image(height, width, config.seed)
        pixels = [picture.pixels for picture in self.pictures.values()]
        alive = alive_on(self.extractor, [noise, *pixels], config.mask.min_slope)
        passes = self.extractor.passes.count - passes
        self.extractor = self.extractor.masked(alive)
        left_out = {layer: int(np.sum(~kept)) for layer, kept in alive.items() if not kept.all()}
        if left_out:
            counts = ", ".join(
                f"{n} of {alive[layer].size} {layer}" for layer, n in left_out.items()
            )
            self.progress.say(f"Channels left out, since they cannot be moved: {counts}")
        self._reference = noise_reference(
            self.extractor, (height, width), config.seed, config.noise.draws
        )
        self.stages.append(
            {
                "stage": "reference",
                "layer": None,
                "stop_reason": "reached",
                "evaluations": passes + self.extractor.passes.count,
                "seconds": time.perf_counter() - began,
                "feature_mse": {},
                "image_change_psnr_db": None,
            }
        )

    # The method's steps, recorded.

    def noisify(self, image: np.ndarray, stage: str, *, saved_as: str) -> Noisified:
        """`stages.noisify`, with its rows, and pictures called `<saved_as>_<number>_<layer>`."""
        save = self._saver(saved_as)
        done: Noisified = self._kept(noisify, image, stage=stage, comes_back=False, on_layer=save)
        self._keep_features(stage, done)
        return done

    def round_trip(self, image: np.ndarray, *, saved_as: str) -> RoundTrip:
        """`stages.round_trip`, with its rows, and pictures as those of `noisify`."""

        done = self._kept(
            round_trip,
            image,
            hold=_hold(self.config),
            on_layer=self._saver(saved_as),
            on_noisified=partial(self._keep_features, "noisify_source"),
            say=self.progress.say,
        )
        self._keep_features("noisify_source", done.noisified)  # the better of two
        return done

    def _keep_features(self, stage: str, noisified: Noisified) -> None:
        for layer, values in noisified.features.values.items():
            self.arrays[f"{stage}/{layer}"] = values

    def impose(self, image: np.ndarray, features: DecoupledFeatures) -> Imposed:
        """`stages.impose`, with its rows."""
        return self._kept(impose, image, features, hold=_hold(self.config))

    def impose_retraced(self, image: np.ndarray, features: DecoupledFeatures) -> Retraced:
        """`stages.impose_retraced`, with its rows; `transfer.check` says whether it is checked."""
        check = None if self.config.transfer.check else 0
        how = {"hold": _hold(self.config), "check_passes": check}
        return self._kept(impose_retraced, image, features, **how)

    def _kept(self, carried_out: Callable[..., Done], *what: object, **how: object) -> Done:
        """Carry out a stage; its rows are kept, however it ends."""
        try:
            done = carried_out(
                *what,
                extractor=self.extractor,
                reference=self.reference,
                flow=self.flow,
                tolerance=self.config.tolerance,
                observer=self.observer,
                move=move_layer if self.journal is None else self.journal.move,
                **how,
            )
        except StageError as error:
            self._keep(error.partial)
            raise
        self._keep(done)
        return done

    def _saver(self, prefix: str) -> OnLayer:
        def save(layer: str, image: np.ndarray) -> None:
            self.save(f"{prefix}_{self.extractor.layers.index(layer) + 1}_{layer}", image)

        return save

    def _keep(self, done: object) -> None:
        assert isinstance(done, Noisified | Imposed | Retraced | RoundTrip)
        self.stages += [stage_row(trace) for trace in done.trace]

    def save(self, name: str, image: np.ndarray) -> None:
        """Save a picture as `images/<name>.png`, and note what was clipped.

        That of the result says in its text chunks what the run was made of.
        """
        text = None
        if name == "result":
            self.arrays[name] = image
            text = {key: json.dumps(value) for key, value in provenance(self).items()}
            text = {"Software": f"decouple {__version__}", **text}
        self.clipped[name] = self.folder.save_image(name, image, text)
        if self._board is not None:
            self._board.image(name, image)

    def _fidelity(self) -> dict[str, Any]:
        """`fidelity` of metrics.json: how much the smooth network is the one that was trained."""
        chain = self.chain
        as_trained = (chain.activation, chain.pooling) == (Activation.RELU, Pooling.MAX)
        if not chain.weights.trained or as_trained:
            return {}
        found = fidelity(self.extractor, self.source.astype(np.float64))
        return {"fidelity": {layer: values._asdict() for layer, values in found.items()}}

    # The end of a run.

    def close(self, shown: bool = True) -> None:
        """Write metrics.json and the figures, and show the closing table."""
        metrics = self.metrics()
        if self.arrays:
            path = self.folder.path / "result.npz"
            with files.written_aside(path) as aside, aside.open("wb") as file:
                np.savez(file, **self.arrays)  # type: ignore[arg-type]
        write_metrics(self.folder, metrics)
        with files.disk_errors("write into", self.folder.path):
            (self.folder.path / "plots").mkdir(exist_ok=True)
            for plot in (plot_losses, plot_panel, *self.figures):
                plot(self.folder.path)
            write_page(self.folder.path)
        if not shown:
            return
        self.progress.console.print(closing_table(metrics, self.folder.path))
        note = self._miss()
        if note is not None:
            self.progress.say(note)

    def _miss(self) -> str | None:
        """What to say where the round trip's error exceeds what was asked for."""
        controlled = isinstance(self.flow, Lift) and self.flow.stepper_name not in FIXED_STEPPERS
        rms = self.results.get("round_trip_rms")
        if rms is None or not controlled or rms <= self.config.tolerance:
            return None
        return (
            f"The round trip's RMS error {rms:.1e} exceeds tolerance={self.config.tolerance:g}: "
            "give a smaller tolerance, or a smooth network (softplus, average pooling)."
        )

    def origins(self) -> dict[str, dict[str, Any]]:
        """{role: which picture it was}."""
        return {role: origin_of(picture) for role, picture in self.pictures.items()}

    def metrics(self) -> dict[str, Any]:
        """What metrics.json holds; see DESIGN's contract."""
        config, chain = self.config, self.chain
        return {
            "experiment": config.experiment,
            "seed": config.seed,
            **environment(described()),
            "seconds": time.perf_counter() - self.began,
            **({} if self.losses else {"tolerance": config.tolerance}),
            **self.origins(),
            "network": {
                "name": chain.architecture.name,
                "weights": chain.weights.origin,
                "weights_digest": chain.weights.digest,
                "activation": chain.activation.value,
                "width": chain.width,
                "pooling": chain.pooling.value,
                "dtype": chain.dtype,
                "layers": list(self.extractor.layers),
                "channels": {
                    layer: {"used": int(alive.sum()), "of": int(alive.size)}
                    for layer, alive in self.extractor.alive.items()
                },
                **self._fidelity(),
            },
            "image": dict(zip(("height", "width"), self.target.shape[:2], strict=True)),
            **({} if self.losses else {"noise": _noise(self.reference)}),
            **(self.motion or _motion(self.flow, config, self.target.shape)),
            "stages": self.stages,
            "clipped_share": self.clipped,
            **self.results,
        }


def _noise(reference: Reference) -> dict[str, int]:
    return {"height": reference.height, "width": reference.width, "draws": reference.draws}


def _hold(config: DictConfig) -> str:
    """`flow.hold`; a comparison's flows are not those of its configuration."""
    return str(config.flow.get("hold", "reference"))


def _motion(flow: Flow, config: DictConfig, shape: tuple[int, ...]) -> dict[str, Any]:
    """`flow` and `stepper` of metrics.json; where a loss is descended, the optimizer steps."""
    if isinstance(flow, Lift):
        stepping = asdict(flow.stepper)  # type: ignore[call-overload]
        return {"flow": {"name": flow.name, "path": flow.path.value}, "stepper": stepping}
    assert isinstance(flow, Gradient | Projected)
    described: dict[str, Any] = {"name": flow.name}
    if isinstance(flow, Projected):
        described["projection"] = flow.projection
    else:
        described["hold"] = _hold(config)
    stepping = asdict(flow.optimizer)  # type: ignore[call-overload]
    if "learning_rate" in stepping:
        stepping["learning_rate"] = flow.optimizer.rate(shape)  # type: ignore[attr-defined]
    return {"flow": described, "stepper": stepping, "stop": asdict(flow.stop)}


def origin_of(picture: images.LoadedImage) -> dict[str, Any]:
    """Which picture it was, its size, and the digest of the values that were used."""
    height, width = picture.pixels.shape[:2]
    return {
        "origin": picture.origin,
        "digest": images.digest(picture.pixels),
        "height": height,
        "width": width,
    }
