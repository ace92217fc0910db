"""decouple: decoupled features of images, taken off and put back.

>>> import decouple as dc
>>> extractor = dc.ChannelMeans(dc.vgg19(weights="calibrated", last="block1_conv1"), layers=1)
>>> reference = dc.noise_reference(extractor, size=(24, 32), seed=0)
>>> image = dc.load("sample:chelsea", size=24).pixels[:, :32]
>>> source = dc.noisify(image, extractor, reference)
>>> result = dc.impose(source.image, source.features, extractor, reference)
>>> dc.psnr_db(result.image, image) > 60
True
"""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING

from decouple import keras_settings as _keras_settings
from decouple.namesake import namesake

# Before anything imports TensorFlow, which imports Keras.
_keras_settings.claim_backend()

__version__ = "0.1.0"

if (_hint := namesake()) is not None:
    # `warn` would show a second line, of the code that imports this.
    warnings.warn_explicit(_hint, UserWarning, __name__, 0)

_HOMES = {
    "bracket_shares": "decouple.stages",
    "Chain": "decouple.networks",
    "ChannelMeans": "decouple.features",
    "check_features": "decouple.features",
    "Combined": "decouple.features",
    "DecoupledFeatures": "decouple.stages",
    "DecoupleError": "decouple.errors",
    "decoupling_defect": "decouple.stages",
    "Features": "decouple.features",
    "FunctionFeatures": "decouple.features",
    "Gradient": "decouple.flows",
    "FeatureTable": "decouple.record.feature_tables",
    "impose": "decouple.stages",
    "impose_retraced": "decouple.stages",
    "join_tables": "decouple.record.feature_tables",
    "Judges": "decouple.judges",
    "interpolate": "decouple.stages",
    "Joined": "decouple.features",
    "keras_network": "decouple.networks.keras_model",
    "LayerStatistics": "decouple.features",
    "leading_directions": "decouple.features",
    "Lift": "decouple.flows",
    "load": "decouple.images",
    "match": "decouple.stages",
    "metamer": "decouple.stages",
    "metamer_from_noise": "decouple.stages",
    "mix": "decouple.stages",
    "Moments": "decouple.features",
    "Motion": "decouple.flows",
    "noise_image": "decouple.stages",
    "noise_reference": "decouple.stages",
    "noisify": "decouple.stages",
    "optimizer": "decouple.flows",
    "prepare": "decouple.stages",
    "Prepared": "decouple.stages",
    "Projected": "decouple.flows",
    "psnr_db": "decouple.images",
    "read_table": "decouple.record.feature_tables",
    "RegionMeans": "decouple.features",
    "Reference": "decouple.stages",
    "round_trip": "decouple.stages",
    "save": "decouple.images",
    "smoothed": "decouple.networks.keras_model",
    "StageError": "decouple.stages",
    "stepper": "decouple.flows",
    "StopReason": "decouple.flows",
    "StopRule": "decouple.flows",
    "StopRules": "decouple.flows",
    "vgg16": "decouple.networks",
    "vgg19": "decouple.networks",
}

__all__ = [*sorted(_HOMES), "__version__"]

if TYPE_CHECKING:
    from decouple.errors import DecoupleError
    from decouple.features import (
        ChannelMeans,
        Combined,
        Features,
        FunctionFeatures,
        Joined,
        LayerStatistics,
        Moments,
        RegionMeans,
        check_features,
        leading_directions,
    )
    from decouple.flows import (
        Gradient,
        Lift,
        Motion,
        Projected,
        StopReason,
        StopRule,
        StopRules,
        optimizer,
        stepper,
    )
    from decouple.images import load, psnr_db, save
    from decouple.judges import Judges
    from decouple.networks import Chain, vgg16, vgg19
    from decouple.networks.keras_model import keras_network, smoothed
    from decouple.record.feature_tables import FeatureTable, join_tables, read_table
    from decouple.stages import (
        DecoupledFeatures,
        Prepared,
        Reference,
        StageError,
        bracket_shares,
        decoupling_defect,
        impose_retraced,
        metamer,
        metamer_from_noise,
        mix,
        noise_image,
        noise_reference,
    )
    from decouple.stages.impose import impose
    from decouple.stages.interpolate import interpolate
    from decouple.stages.match import match
    from decouple.stages.noisify import noisify
    from decouple.stages.prepare import prepare
    from decouple.stages.round_trip import round_trip


def __getattr__(name: str) -> object:
    # Names are fetched when first used: TensorFlow takes seconds to import, and the command
    # line's help and its error messages do without.
    if name not in _HOMES:
        raise AttributeError(f"module 'decouple' has no attribute '{name}'")
    _keras_settings.warn_overruled()
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
