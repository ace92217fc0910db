"""The experiments as compositions of stages, and what each leaves in its run folder."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from omegaconf import DictConfig, OmegaConf

from decouple import images
from decouple.config import FIXED_STEPPERS
from decouple.errors import ConfigError, DecoupleError, unknown_name
from decouple.features import ChannelMeans, Extractor, alive_on
from decouple.flows import Lift, stepper
from decouple.flows.trace import LayerTrace, Observer
from decouple.networks import architecture, network
from decouple.record.closing import closing_table
from decouple.record.folder import RunFolder
from decouple.record.history import History
from decouple.record.metrics import environment, stage_row, write_metrics
from decouple.record.observers import fan_out
from decouple.record.progress import Progress
from decouple.report.curves import plot_losses
from decouple.report.panel import plot_panel
from decouple.stages import (
    Imposed,
    Noisified,
    Reference,
    StageError,
    checked_image,
    impose,
    noise_image,
    noise_reference,
    noisify,
)

# The difference picture is amplified by the power of ten that brings its largest value nearest
# to, but not above, the full range.
_LARGEST_GAIN = 10**9


def run(config: DictConfig) -> Path:
    """Carry out `config.experiment`; returns the run folder.

    Raises
    ------
    DecoupleError : anything the user can mend. Where a stage ended early, what it reached is in
        the run folder all the same.
    """
    experiments = {"self_transfer": self_transfer}
    if config.experiment not in experiments:
        raise ConfigError(unknown_name("experiment", config.experiment, experiments))
    setup = _Setup.of(config)
    folder = RunFolder.create(config.experiment, config.run_dir)
    try:
        experiments[config.experiment](setup, folder)
    except DecoupleError:
        folder.remove_if_empty()
        raise
    return folder.path


@dataclass
class _Setup:
    """What every experiment starts from."""

    config: DictConfig
    progress: Progress
    began: float
    source: images.LoadedImage
    extractor: Extractor
    flow: Lift
    stages: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, config: DictConfig) -> _Setup:
        """Load pictures and network; nothing is written before all inputs are known to be good."""
        began = time.perf_counter()
        progress = Progress()
        arch = architecture(config.network.name)
        layers = arch.resolve_layers(
            config.layers if isinstance(config.layers, int | str) else list(config.layers)
        )
        source = _picture(config.source, config, progress)
        options = {str(k): v for k, v in config.network.items()}
        arch.check_size(layers[-1], *source.pixels.shape[:2])
        chain = network(last=layers[-1], say=progress.say, **options)
        extractor = ChannelMeans(chain, layers)
        checked_image(source.pixels, extractor)
        options = {str(k): v for k, v in config.stepper.items()}
        automatic = options["name"] == "auto"
        flow = Lift.suited_to(extractor) if automatic else Lift(stepper(**options))
        if not chain.smooth:
            progress.say(
                "The gradient of this network jumps (ReLU or max pooling): the way back is "
                "limited; softplus with average or l2 pooling is reversible."
            )
        return cls(config, progress, began, source, extractor, flow)

    def reference(self) -> Reference:
        """Step 0, with the mask of channels that can be moved; reported as a stage."""
        config, began, passes = self.config, time.perf_counter(), self.extractor.passes.count
        height, width = self.source.pixels.shape[:2]
        if config.noise.size != "match":
            height = width = config.noise.size
        self.extractor.check_size(height, width)
        noise = noise_image(height, width, config.seed)
        alive = alive_on(self.extractor, [noise, self.source.pixels], config.mask.min_slope)
        passes = self.extractor.passes.count - passes
        self.extractor = self.extractor.masked(alive)
        left_out = {layer: int(np.sum(~kept)) for layer, kept in alive.items() if not kept.all()}
        if left_out:
            counts = ", ".join(
                f"{n} of {alive[layer].size} {layer}" for layer, n in left_out.items()
            )
            self.progress.say(f"Channels left out, since they cannot be moved: {counts}")
        reference = noise_reference(
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
        return reference

    def metrics(self, reference: Reference, more: Mapping[str, Any]) -> dict[str, Any]:
        """The part of metrics.json that all experiments share, and `more`."""
        config, chain = self.config, self.extractor.chain
        return {
            "experiment": config.experiment,
            "seed": config.seed,
            **environment(),
            "device": _device(),
            "seconds": time.perf_counter() - self.began,
            "tolerance": config.tolerance,
            "source": _origin(self.source),
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
            },
            "image": dict(zip(("height", "width"), self.source.pixels.shape[:2], strict=True)),
            "noise": {
                "height": reference.height,
                "width": reference.width,
                "draws": reference.draws,
            },
            "flow": {"name": self.flow.name},
            "stepper": asdict(self.flow.stepper),  # type: ignore[call-overload]
            "stages": self.stages,
            **more,
        }


def self_transfer(setup: _Setup, folder: RunFolder) -> None:
    """Take the source's decoupled features off and put them back."""
    config = setup.config
    source = setup.source.pixels
    folder.write_text("config.yaml", OmegaConf.to_yaml(config, resolve=True))
    clipped = {"source": folder.save_image("source", source)}
    failed: StageError | None = None
    noisified: Noisified | None = None
    result: Imposed | None = None
    with ExitStack() as stack:
        stack.enter_context(setup.progress)
        setup.progress.say(
            f"Self-transfer of {setup.source.origin} ({source.shape[1]}x{source.shape[0]} px) "
            f"through {len(setup.extractor.layers)} layers of {config.network.name} "
            f"({setup.extractor.chain.weights.origin} weights), into {folder.path}"
        )
        reference = setup.reference()
        history = stack.enter_context(History(folder.path, setup.extractor.layers))
        observer: Observer = fan_out(setup.progress, history)

        def save_layer(layer: str, image: np.ndarray) -> None:
            name = f"noisified_{setup.extractor.layers.index(layer) + 1}_{layer}"
            clipped[name] = folder.save_image(name, image)

        common: dict[str, Any] = {
            "extractor": setup.extractor,
            "reference": reference,
            "flow": setup.flow,
            "tolerance": config.tolerance,
            "observer": observer,
        }
        try:
            noisified = noisify(source, **common, on_layer=save_layer)
            result = impose(noisified.image, noisified.features, **common)
        except StageError as error:
            failed = error
            if isinstance(error.partial, Noisified):
                noisified = error.partial
            elif isinstance(error.partial, Imposed):
                result = error.partial
    traces: list[LayerTrace] = [
        trace for stage in (noisified, result) if stage is not None for trace in stage.trace
    ]
    setup.stages += [stage_row(trace) for trace in traces]
    more: dict[str, Any] = {"clipped_share": clipped}
    if result is not None and noisified is not None and failed is None:
        clipped["result"] = folder.save_image("result", result.image)
        gain = _save_difference(folder, result.image - source)
        more["difference_gain"] = gain
        more["self_transfer"] = _self_transfer(source, noisified.image, result.image)
        rms = float(np.sqrt(np.mean((result.image - source) ** 2)))
        more["tolerance_met"] = rms <= config.tolerance
        more["noisified_range"] = [float(noisified.image.min()), float(noisified.image.max())]
    metrics = setup.metrics(reference, more)
    write_metrics(folder, metrics)
    (folder.path / "plots").mkdir(exist_ok=True)
    plot_losses(folder.path)
    plot_panel(folder.path)
    setup.progress.console.print(closing_table(metrics, folder.path))
    controlled = setup.flow.stepper_name not in FIXED_STEPPERS
    if failed is None and controlled and not metrics["tolerance_met"]:
        setup.progress.say(
            f"The round trip's RMS error {rms:.1e} exceeds tolerance={config.tolerance:g}: give a "
            "smaller tolerance, or a smooth network (softplus, average pooling)."
        )
    if failed is not None:
        raise DecoupleError(f"{failed} What was reached is in {folder.path}")


def _self_transfer(
    source: np.ndarray, noisified: np.ndarray, result: np.ndarray
) -> dict[str, float]:
    """The acid test's numbers; definitions in DESIGN.md's contract."""
    error, excursion = np.linalg.norm(result - source), np.linalg.norm(noisified - source)
    return {
        "psnr_db": images.psnr_db(result, source),
        "max_error_8bit": images.max_error_8bit(result, source),
        "differing_pixels_8bit": images.differing_pixels_8bit(result, source),
        "excursion_recovered": float(1 - error / excursion),
    }


def _save_difference(folder: RunFolder, difference: np.ndarray) -> int:
    """Save |difference| amplified by a power of ten, which is returned."""
    largest = float(np.max(np.abs(difference)))
    gain = 1
    while gain < _LARGEST_GAIN and largest * gain * 10 <= 1:
        gain *= 10
    folder.save_image("difference", np.abs(difference) * gain)
    return gain


def _picture(origin: str, config: DictConfig, progress: Progress) -> images.LoadedImage:
    picture = images.load(origin, config.image.size, config.image.fit)
    for note in picture.notes:
        progress.say(f"{picture.origin}: {note}")
    return picture


def _origin(picture: images.LoadedImage) -> dict[str, str]:
    """Which picture it was, and the digest of the values that were used."""
    return {
        "origin": picture.origin,
        "digest": hashlib.sha256(picture.pixels.tobytes()).hexdigest(),
    }


def _device() -> str:
    """What TensorFlow computes on."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "CPU"
    details = tf.config.experimental.get_device_details(gpus[0])
    return str(details.get("device_name", "GPU"))
