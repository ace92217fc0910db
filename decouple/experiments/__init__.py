"""The experiments, a file each: settings, what is refused, what is run, and the headline facts.

What they run stands in `decouple.pipeline`. A module of the user's adds an experiment in the same
way: see `decouple.plugins`.
"""

import importlib
import pkgutil

from decouple.experiments.registry import (
    ANEW,
    COMPARED,
    FEATURES,
    KINDS,
    RECORDED,
    Experiment,
    Fact,
    experiment_named,
    experiment_names,
    register,
)

for _found in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_found.name)

__all__ = [
    "ANEW",
    "COMPARED",
    "FEATURES",
    "KINDS",
    "RECORDED",
    "Experiment",
    "Fact",
    "experiment_named",
    "experiment_names",
    "register",
]
