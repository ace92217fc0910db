"""The flows that a configuration can name, a file each; how they move an image is `decouple.flows`.

A module of the user's adds one in the same way: see `decouple.plugins`.
"""

import importlib
import pkgutil

from decouple.flow_kinds.registry import FLOWS, STEPPING, FlowKind, register_flow

for _found in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_found.name)

__all__ = ["FLOWS", "STEPPING", "FlowKind", "register_flow"]
