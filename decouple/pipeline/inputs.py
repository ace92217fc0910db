"""What a run is made of: pictures, network and flow, loaded and checked before anything else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from decouple import images
from decouple.experiments import Experiment, experiment_named
from decouple.families import FAMILIES, Family
from decouple.features import Features, check_features
from decouple.flow_kinds import FLOWS
from decouple.flows import Flow
from decouple.networks import Chain, architecture
from decouple.networks.architecture import ARCHITECTURES, Architecture
from decouple.networks.network import Network
from decouple.networks.padding import Padding
from decouple.parsing import options_of, output_size, source_weights_of
from decouple.pipeline import recolouring
from decouple.pipeline.asked import check_scales, flow_of, layers_of, named, pictures_of
from decouple.pipeline.loaded import loaded
from decouple.pipeline.reference_pictures import ReferencePictures
from decouple.pipeline.region_transfer import check_sources, of_target
from decouple.pipeline.regions import Region, regions_of
from decouple.stages import checked_image


@dataclass(frozen=True)
class Inputs:
    """What a run is made of; nothing of it changes on the way.

    Attributes
    ----------
    config : the checked configuration
    pictures : {`source`, and where there is one `target` and `start`: picture}
    seen : {role: pixels (H, W, 3)}, what the network is shown of them, which `colour` says
    network : down to the last layer that anything looks at; None where features are of none
    extractor : features of `layers`, before any are left out
    flow : how an image moves
    objective : whether a loss of the image is descended, and no features are moved
    regions : parts of the target, and of the sources whose features they take; none where the
        pictures are taken as a whole
    references : pictures whose mean features take the place of noise's
    """

    config: DictConfig
    pictures: Mapping[str, images.LoadedImage]
    seen: Mapping[str, np.ndarray]
    network: Network | None
    extractor: Features
    flow: Flow
    objective: bool = False
    regions: tuple[Region, ...] = ()
    references: ReferencePictures | None = None

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
        experiment = experiment_named(config.experiment)
        family = FAMILIES.named(config.features.name)
        of_vgg = family.of_network and config.network.name in ARCHITECTURES
        look = _of_vgg(config, experiment, family) if of_vgg else _Look(named(config.layers))
        pictures = pictures_of(config)
        for role, picture in pictures.items():
            for note in picture.notes:
                say(f"{picture.origin}: {note}")
            look.check_picture(config, role, pictures)
        found = loaded(
            options_of(config.network) if family.of_network else None,
            look.last,
            look.layers,
            say,
            family,
            options_of(config.features),
            config.device,
        )
        shown = recolouring.seen(config.colour, pictures)
        regions = regions_of(config, pictures, list(source_weights_of(config)))
        extractor = found.extractor
        if regions and not experiment.objective and found.network is not None:
            extractor = of_target(found.network, extractor.layers, regions, shown["target"])
        flow = flow_of(config, extractor)
        inputs = cls(
            config,
            pictures,
            shown,
            found.network,
            extractor,
            flow,
            experiment.objective,
            regions,
        )
        if inputs.objective:
            return inputs
        inputs = replace(
            inputs, references=ReferencePictures.of(config, inputs.noise_size, extractor)
        )
        for pixels in shown.values():
            checked_image(pixels, found.extractor)
        if regions:
            check_sources(inputs)
        if not found.extractor.proven:
            check_features(found.extractor, inputs.source)
        returns = FLOWS.named(config.flow.name).comes_back and not experiment.of_many
        if not found.extractor.smooth and returns:
            say(
                "The gradient of this network jumps (ReLU or max pooling): the way back is "
                "limited; softplus with average, l2 or smooth_max pooling is reversible."
            )
        return inputs

    @property
    def chain(self) -> Chain:
        """The network, of what is done with VGG alone."""
        assert isinstance(self.network, Chain)
        return self.network

    @property
    def weights(self) -> str:
        """Where the network's numbers come from, in a word or as a file's name."""
        return self.extractor.origin

    @property
    def experiment(self) -> Experiment:
        """What is done with it."""
        return experiment_named(self.config.experiment)

    @property
    def controls_error(self) -> bool:
        """Whether what the flow's steps leave is held to what was asked for."""
        return FLOWS.named(self.flow.name).controls_error(self.flow)

    @property
    def source(self) -> np.ndarray:
        """Pixels (H, W, 3), float32, of the picture that gives its features, as they are seen.

        In [0, 1], unless they were matched to the target's colours.
        """
        return self.seen["source"]

    @property
    def sources(self) -> dict[str, float]:
        """{role of a picture: its share of the features that are taken}, with the sum 1."""
        return source_weights_of(self.config)

    @property
    def target(self) -> np.ndarray:
        """Of the picture that receives them; in self-transfer the source itself."""
        return self.seen.get("target", self.source)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the image that is made."""
        if self.experiment.takes_setting("output.size"):
            return output_size(self.config.output.size)
        height, width = self.target.shape[:2]
        return height, width

    @property
    def noise_size(self) -> tuple[int, int]:
        """Height and width of the noise; pictures of different sizes share that of the result."""
        size = self.config.noise.size
        return self.size if size == "match" else (size, size)

    def in_size(self, sized: Callable[[np.ndarray], np.ndarray]) -> Inputs:
        """The same with other pixels of all pictures."""
        pictures = {k: replace(p, pixels=sized(p.pixels)) for k, p in self.pictures.items()}
        return replace(self, pictures=pictures, seen={k: sized(x) for k, x in self.seen.items()})

    def finished(self, image: np.ndarray) -> np.ndarray:
        """An image (H, W, 3) that was made of what is seen, in the colours that it is to have."""
        if "target" not in self.pictures:
            return image
        return recolouring.finished(self.config.colour, image, self.pictures["target"].pixels)

    def looked_at(self, image: np.ndarray) -> np.ndarray:
        """What the network is shown of a finished image (H, W, 3)."""
        return recolouring.looked_at(self.config.colour, image)

    def sentence(self) -> str:
        """What the run does, in a few words."""
        height, width = self.size
        pictures = " and ".join(
            f"{picture.origin} ({role.replace('_', ' ')})"
            for role, picture in self.pictures.items()
        )
        what = f"{len(self.extractor.layers)} groups of {self.config.features.name}"
        if self.network is not None:
            kind = self.config.features.name
            means = "" if kind == FAMILIES.names()[0] else f", {kind}"
            what = (
                f"{len(self.extractor.layers)} layers of {self.network.name} "
                f"({self.weights} weights{means})"
            )
        return f"{self.config.experiment} of {pictures}, {width}x{height} px, through {what}"

    def shown(self) -> dict[str, np.ndarray]:
        """{name: pixels} of what went into a run: pictures, what is seen of them, and masks."""
        found = {}
        for role, picture in self.pictures.items():
            found[role] = picture.pixels
            if self.seen[role] is not picture.pixels:
                found[f"{role}_as_seen"] = self.seen[role]
        for number, region in enumerate(self.regions, start=1):
            for role, mask in ((region.role, region.mask), ("target", region.within)):
                if mask is not None:
                    found[f"region_{number}_{role}"] = np.repeat(mask[..., None], 3, axis=2)
        return found

    def origins(self) -> dict[str, dict[str, Any]]:
        """{role: which picture it was}."""
        return {role: origin_of(picture) for role, picture in self.pictures.items()}


@dataclass(frozen=True)
class _Look:
    """What of a network is looked at, and by whom; of others than VGG no more than `layers`.

    Attributes
    ----------
    layers : as the setting says, or their names
    last : where VGG stops
    deepest : {role of a picture: the last layer at which it is looked at}; of others the layers'
    arch : VGG's
    """

    layers: Any
    last: str | None = None
    deepest: Mapping[str, str] = field(default_factory=dict)
    arch: Architecture | None = None

    def check_picture(
        self, config: DictConfig, role: str, pictures: Mapping[str, images.LoadedImage]
    ) -> None:
        """Raise ImageError if nothing is left of a picture where it is looked at."""
        if self.arch is None:
            return
        picture = pictures[role]
        layer = self.deepest.get(role, self.layers[-1])
        positions = Padding.named(config.network.padding).least
        height, width = picture.pixels.shape[:2]
        self.arch.check_size(layer, height, width, positions)
        if experiment_named(config.experiment).takes_setting("gatys.scales"):
            check_scales(config, self.arch, layer, pictures["target"], picture)


def _of_vgg(config: DictConfig, experiment: Experiment, family: Family) -> _Look:
    arch = architecture(config.network.name)
    resolve = family.layers or layers_of
    layers = resolve(named(config.layers), arch)
    # Layers that only an objective, or a comparison, looks at.
    others = {
        setting: layers_of(OmegaConf.select(config, setting), arch)
        for setting in experiment.looks_at
    }

    def deepest(*groups: tuple[str, ...]) -> str:
        return arch.resolve_layers(list({layer for group in groups for layer in group}))[-1]

    roles = {role for seen_by in experiment.looks_at.values() for role in seen_by}
    by_role = {
        role: deepest(
            layers, *(some for k, some in others.items() if role in experiment.looks_at[k])
        )
        for role in roles
    }
    return _Look(layers, deepest(layers, *others.values()), by_role, arch)


def origin_of(picture: images.LoadedImage) -> dict[str, Any]:
    """Which picture it was, its size, and the digest of the values that were used."""
    height, width = picture.pixels.shape[:2]
    return {
        "origin": picture.origin,
        "digest": images.digest(picture.pixels),
        "height": height,
        "width": width,
    }
