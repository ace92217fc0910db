"""What a run will take, before it takes it: memory here, passes and time from `forecast`."""

from __future__ import annotations

import numpy as np

from decouple.features.features import jacobian_limit
from decouple.flow_kinds import FLOWS
from decouple.flows import Lift
from decouple.flows.anderson import Anderson
from decouple.flows.symmetric import Symmetric
from decouple.memory import available_bytes, gib, peak_memory_bytes, resident_bytes
from decouple.networks.network import Size
from decouple.pipeline.forecast import forecast
from decouple.pipeline.inputs import Inputs

# TensorFlow and the network's numbers, where the system does not tell.
_RESIDENT = 800 * 2**20
# Of a batch of backward passes at that layer: what comes in, its product with the slopes,
# and what the convolution makes of it.
_ALIVE = 3
# Arrays of the activations' size that lie in memory at a time. Of the lift, beside what is kept of
# a step's start (slopes, pre-activations), the secants from it; of a loss that is descended: what
# is kept on the way forward, and what comes back.
_SECANTS, _ARRAYS_OF_LOSS = 1, 4
# And arrays of the widest layer's size while its secants are being made.
_BEING_MADE = 6
_DOUBLE = 8


def estimated_peak_bytes(inputs: Inputs) -> int:
    """The most memory that the process will hold.

    What it holds now (TensorFlow, the network's numbers, pictures) and, on top of it, what the
    largest picture needs:

    - slopes, pre-activations and secants of all convolutions, and of unbiased softplus two more;
    - where K = J Jᵀ is formed (the lift and projected descent), three arrays of the widest layer
      for a batch of backward passes, which `features.extractor` keeps below a limit, and J itself,
      unless it is above another limit (of the first layer alone where the lift's K is estimated);
      then K, its factor and its inverse root;
    - of symmetric steps, what Anderson acceleration remembers, and the network's numbers in
      float64, in which steps are finished; if that is more than what K takes, the slopes and so on
      in float64, and what the widest layer's are made from.

    It cannot be below what the process has held already. Against what self-transfers on a CPU
    took, it is 8 % too low and 4 and 6 % too high with two layers at 64, 128 and 192 px; for
    gradient descent with two layers 0, 9 and 7 % at 160, 240 and 400 px. For the style transfer
    `gatys_moreno` it is 3, 0 and 1 % too low at 96, 160 and 240 px and 8 % too high at 320 px; of
    what that takes on top of the 0.9 GiB which TensorFlow and a deep network hold, 41, 0 and 5 %
    too low, 29 % too high.
    """
    sizes = [picture.pixels.shape[:2] for picture in inputs.pictures.values()]
    pixels = max(height * width for height, width in (*sizes, inputs.size))
    size = np.dtype(inputs.extractor.dtype).itemsize
    none = Size(0, 0, 0)
    of_network = none if inputs.network is None else inputs.network.size_at(pixels)
    activations, widest, weights, kept, derived = of_network
    arrays = kept + _SECANTS
    needed = (arrays if _forms_normal_matrix(inputs) else _ARRAYS_OF_LOSS) * activations * size
    needed += derived * size
    if _forms_normal_matrix(inputs):
        features, part = inputs.extractor.size, inputs.extractor
        if isinstance(inputs.flow, Lift) and part.share_estimated(pixels) < 1:
            part = part.first(1)  # behind it, tiles stand for the whole
        jacobian = part.size * 3 * pixels * size
        needed += part.rows_at_a_time(pixels) * _ALIVE * part.row_channels * pixels * size
        needed += jacobian if jacobian <= jacobian_limit() else 0
        needed += 3 * _DOUBLE * features**2
        if isinstance(inputs.flow, Lift) and isinstance(inputs.flow.stepper, Symmetric):
            needed = max(needed, (arrays * activations + _BEING_MADE * widest) * _DOUBLE)
            # Kernels, those of the way back, and what is derived from both.
            needed += _DOUBLE * (2 * weights + derived)
            needed += Anderson.bytes_of(3 * pixels, Symmetric.memory)
    now = resident_bytes() or _RESIDENT
    return int(max(now + needed, peak_memory_bytes() or 0))


def _forms_normal_matrix(inputs: Inputs) -> bool:
    if inputs.objective:
        return False
    # Among flows that a comparison names there is one that does, or may be.
    named = inputs.experiment.takes_setting("flow")
    return not named or FLOWS.named(inputs.config.flow.name).forms_normal_matrix


def said(inputs: Inputs) -> str:
    """What `plan=true` prints: one line on memory, passes and time."""
    spare = _available_in_all()
    there = "" if spare is None else f"; {gib(spare)} are available"
    memory = gib(estimated_peak_bytes(inputs))  # before passes are timed, which take some
    return f"{inputs.sentence()}: about {memory} of memory at most{there}; {forecast(inputs)}"


def shortage(inputs: Inputs) -> str | None:
    """One line where the machine has less memory than the run will take; None where not."""
    needed, there = estimated_peak_bytes(inputs), _available_in_all()
    if there is None or needed <= there:
        return None
    return (
        f"This run takes about {gib(needed)} of memory, and {gib(there)} are available: give a "
        "smaller image.size or fewer layers"
    )


def _available_in_all() -> int | None:
    """What the process holds and may still take."""
    spare, now = available_bytes(), resident_bytes()
    return None if spare is None or now is None else spare + now
