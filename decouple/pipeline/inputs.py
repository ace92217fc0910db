"""What a run is made of: pictures, network and flow, loaded and checked before anything else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from decouple import images
from decouple.experiments import Experiment, experiment_named
from decouple.features import Features
from decouple.flows import Flow
from decouple.networks import Chain, architecture
from decouple.networks.architecture import Architecture
from decouple.parsing import options_of
from decouple.pipeline.asked import check_scales, flow_of, layers_of, pictures_of
from decouple.pipeline.loaded import loaded
from decouple.stages import checked_image


@dataclass(frozen=True)
class Inputs:
    """What a run is made of; nothing of it changes on the way.

    Attributes
    ----------
    config : the checked configuration
    pictures : {`source`, and where there is one `target` and `start`: picture}
    chain : the network, down to the last layer that anything looks at
    extractor : channel means of `layers`, before any are left out
    flow : how an image moves
    objective : whether a loss of the image is descended, and no features are moved
    """

    config: DictConfig
    pictures: Mapping[str, images.LoadedImage]
    chain: Chain
    extractor: Features
    flow: Flow
    objective: bool = False

    @classmethod
    def of(cls, config: DictConfig, say: Callable[[str], None]) -> Inputs:
        """Load pictures and network; nothing is written before all of it is known to be good.

        Parameters
        ----------
        config : composed and checked
        say : told what a user should know of them

        Raises
        ------
        DecoupleError : any that does not fit, or cannot be had.
        """
        arch = architecture(config.network.name)
        layers = layers_of(config.layers, arch)
        experiment = experiment_named(config.experiment)
        # Layers that only an objective, or a comparison, looks at.
        others = {
            setting: layers_of(OmegaConf.select(config, setting), arch)
            for setting in experiment.looks_at
        }
        pictures = pictures_of(config)
        for role, picture in pictures.items():
            for note in picture.notes:
                say(f"{picture.origin}: {note}")
            seen = [some for k, some in others.items() if role in experiment.looks_at[k]]
            deepest = _deepest(arch, layers, *seen)
            arch.check_size(deepest, *picture.pixels.shape[:2])
            if experiment.takes_setting("gatys.scales"):
                check_scales(config, arch, deepest, pictures["target"], picture)
        last = _deepest(arch, layers, *others.values())
        seen_by = loaded(options_of(config.network), last, layers, say, config.device)
        chain, extractor = seen_by.chain, seen_by.extractor
        flow = flow_of(config, extractor, chain.weights.origin)
        inputs = cls(config, pictures, chain, extractor, flow, experiment.objective)
        if inputs.objective:
            return inputs
        for picture in pictures.values():
            checked_image(picture.pixels, extractor)
        if not chain.smooth and config.flow.name == "lift":
            say(
                "The gradient of this network jumps (ReLU or max pooling): the way back is "
                "limited; softplus with average, l2 or smooth_max pooling is reversible."
            )
        return inputs

    @property
    def experiment(self) -> Experiment:
        """What is done with it."""
        return experiment_named(self.config.experiment)

    @property
    def source(self) -> np.ndarray:
        """Pixels (H, W, 3), float32 in [0, 1], of the picture that gives its features."""
        return self.pictures["source"].pixels

    @property
    def target(self) -> np.ndarray:
        """Pixels of the picture that receives them; in self-transfer the source itself."""
        return self.pictures.get("target", self.pictures["source"]).pixels

    @property
    def noise_size(self) -> tuple[int, int]:
        """Height and width of the noise; pictures of different sizes share that of the result."""
        size = self.config.noise.size
        height, width = self.target.shape[:2]
        return (height, width) if size == "match" else (size, size)

    def in_size(self, sized: Callable[[np.ndarray], np.ndarray]) -> Inputs:
        """The same with other pixels of all pictures."""
        pictures = {k: replace(p, pixels=sized(p.pixels)) for k, p in self.pictures.items()}
        return replace(self, pictures=pictures)

    def sentence(self) -> str:
        """What the run does, in a few words."""
        height, width = self.target.shape[:2]
        pictures = " and ".join(
            f"{picture.origin} ({role})" for role, picture in self.pictures.items()
        )
        return (
            f"{self.config.experiment} of {pictures}, {width}x{height} px, through "
            f"{len(self.extractor.layers)} layers of {self.chain.architecture.name} "
            f"({self.chain.weights.origin} weights)"
        )

    def origins(self) -> dict[str, dict[str, Any]]:
        """{role: which picture it was}."""
        return {role: origin_of(picture) for role, picture in self.pictures.items()}


def _deepest(arch: Architecture, *groups: tuple[str, ...]) -> str:
    """The last of all these layers."""
    return arch.resolve_layers(list({layer for group in groups for layer in group}))[-1]


def origin_of(picture: images.LoadedImage) -> dict[str, Any]:
    """Which picture it was, its size, and the digest of the values that were used."""
    height, width = picture.pixels.shape[:2]
    return {
        "origin": picture.origin,
        "digest": images.digest(picture.pixels),
        "height": height,
        "width": width,
    }
