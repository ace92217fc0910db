"""What a configuration asks for: layers, pictures, a flow."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from decouple import images
from decouple.errors import ConfigError, ImageError
from decouple.experiments import KINDS, experiment_named
from decouple.experiments.gatys import STARTS
from decouple.features import Features
from decouple.flow_kinds import FLOWS
from decouple.flows import Flow
from decouple.gatys.scales import STYLE, scaled
from decouple.images.listing import ListedPicture, listed
from decouple.images.locating import SAMPLE_PREFIX
from decouple.images.noise import noise_image
from decouple.networks.architecture import Architecture
from decouple.networks.padding import Padding
from decouple.networks.weights import ORIGINS
from decouple.parsing import source_weights_of
from decouple.record.places import absolute


def layers_of(value: Any, arch: Architecture) -> tuple[str, ...]:
    """The layers that a setting names: a number, a name, or a list; else ConfigError."""
    return arch.resolve_layers(named(value))


def named(value: Any) -> int | str | list[str]:
    """What `layers` says, a number, a name, or a list; else ConfigError."""
    if isinstance(value, bool) or not isinstance(value, int | str | list | tuple | ListConfig):
        raise ConfigError(f"layers={value} must be a number, a layer's name or a list of names")
    return value if isinstance(value, int | str) else list(value)


def pictures_of(config: DictConfig) -> dict[str, images.LoadedImage]:
    """Source, target and start, as far as there are any; noise, where the source is many."""
    size, fit = config.image.size, config.image.fit
    sources = dict(zip(source_weights_of(config), (config.source, *config.sources), strict=True))
    if experiment_named(config.experiment).of_many:
        origin = f"{len(every_picture(config))} pictures of {config.source}"
        origin += "" if config.shard is None else f", shard {config.shard}"
        return {"source": images.LoadedImage(noise_image(size, size, config.seed), (), origin)}
    pictures = {}
    if config.target is not None:
        pictures["target"] = images.load(config.target, size, fit)
    if not experiment_named(config.experiment).takes_setting("gatys.style"):
        return {**{k: images.load(name, size, fit) for k, name in sources.items()}, **pictures}
    # The image has the target's shape; the style may keep its own.
    shape = pictures["target"].pixels.shape[:2]
    style = config.gatys.style.fit
    met = size if style == "keep" else shape
    pictures.update((role, images.load(name, met, style)) for role, name in sources.items())
    if config.gatys.start not in STARTS:
        pictures["start"] = images.load(config.gatys.start, shape, images.Fit.CROP)
    order = (*sources, "target", "start")
    return {role: pictures[role] for role in order if role in pictures}


def every_picture(config: DictConfig) -> list[ListedPicture]:
    """All pictures of which a table is made, whichever shard they are in."""
    return listed(config.source, config.table.labels)


def files_of(config: DictConfig) -> dict[str, str]:
    """{setting: absolute path} of the pictures and weights that are files.

    Of a list of files the setting is its key, a dot, and the place in it, from 0 on.
    """
    words: dict[str, tuple[str, ...]] = dict.fromkeys(("source", "target", "noise.reference"), ())
    words["network.weights"] = (*ORIGINS, "random")
    if str(OmegaConf.select(config, "network.model")).endswith(".keras"):
        words["network.model"] = ()
    words.update((key, own) for experiment in KINDS for key, own in experiment.files.items())
    names = {setting: OmegaConf.select(config, setting) for setting in words}
    for key in (key for experiment in KINDS for key in experiment.file_lists):
        names.update((f"{key}.{n}", name) for n, name in enumerate(OmegaConf.select(config, key)))
    return {
        setting: absolute(name)
        for setting, name in names.items()
        if name is not None
        and name not in words.get(setting, ())
        and not name.startswith(SAMPLE_PREFIX)
    }


def check_scales(
    config: DictConfig,
    arch: Architecture,
    layer: str,
    target: images.LoadedImage,
    picture: images.LoadedImage,
) -> None:
    """Raise ImageError if nothing is left of a picture at the coarsest scale."""
    count = STYLE.number(config.gatys.scales, min(target.pixels.shape[:2]))
    try:
        positions = Padding.named(config.network.padding).least
        arch.check_size(layer, *scaled(picture.pixels.shape, STYLE.scales(count)[0]), positions)
    except ImageError as error:
        raise ImageError(f"gatys.scales={count}: {error}, or fewer scales") from error


def flow_of(config: DictConfig, extractor: Features) -> Flow:
    """The flow that `flow`, `stepper`, `optimizer` and `stop` describe.

    Parameters
    ----------
    config : checked
    extractor : of what is to be moved

    Raises
    ------
    ConfigError : options that do not fit.
    """
    return FLOWS.named(config.flow.name).build(config, extractor)
