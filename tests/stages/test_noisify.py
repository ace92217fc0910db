"""Pictures of which nothing has to come back."""

from dataclasses import replace

import numpy as np
import pytest

from decouple.flows import Projected, StopReason, StopRule, StopRules, optimizer
from decouple.flows.motion import Moved
from decouple.images import rms
from decouple.stages import StageError, noise_reference, noisify
from decouple.stages.layerwise import move_layer


class Collapsing:
    """Moves layers, but those motions that `collapses` tells of end where they begin."""

    def __init__(self, collapses):
        self.collapses, self.seen = collapses, []

    def __call__(self, image, motion, flow, observer):
        self.seen.append(motion)
        moved, trace = move_layer(image, motion, flow, observer)
        if self.collapses(motion):
            failed = replace(trace, stop_reason=StopReason.STEP_COLLAPSE, steps=0)
            return Moved(image, StopReason.STEP_COLLAPSE, 0), failed
        return moved, trace


def test_a_motion_that_collapses_is_tried_in_exact_steps(two, source, reference):
    """A nearly flat picture may leave in no others."""
    move = Collapsing(lambda motion: motion.near is not None)
    done = noisify(source, two, reference, comes_back=False, features_only=True, move=move)
    coarse, exact = move.seen
    assert (coarse.near is None, exact.near is None) == (False, True)
    assert exact.allowed is not None
    np.testing.assert_array_equal(exact.start, coarse.start)
    assert [t.stop_reason for t in done.trace] == [StopReason.STEP_COLLAPSE, StopReason.REACHED]
    assert set(done.features.values) == set(two.layers)
    # Where the features are all that is wanted nobody asks how errors grow on the way back.
    noisify(source, two, reference, comes_back=False, following=1e-2, features_only=True, move=move)
    assert move.seen[-1].near is move.seen[-1].allowed is None


def test_one_that_arrives_is_not_tried_again(two, source, reference):
    move = Collapsing(lambda motion: False)
    noisify(source, two, reference, comes_back=False, move=move)
    assert [motion.near is not None for motion in move.seen] == [True, True]


@pytest.mark.parametrize("comes_back", [False, True])
def test_one_that_collapses_however_it_is_moved_is_an_error(two, source, reference, comes_back):
    move = Collapsing(lambda motion: True)
    with pytest.raises(StageError, match="after 0 steps") as failed:
        noisify(source, two, reference, comes_back=comes_back, move=move)
    assert len(failed.value.partial.trace) == len(move.seen) == (1 if comes_back else 2)


def test_a_descent_knows_no_other_steps(two, source, reference):
    move = Collapsing(lambda motion: True)
    flow = Projected(optimizer("sgd"), StopRules(StopRule(max_iterations=1)))
    with pytest.raises(StageError):
        noisify(source, two, reference, flow=flow, comes_back=False, move=move)
    assert len(move.seen) == 1


def test_features_of_a_nearly_flat_picture_are_those_of_float64(extractor):
    """They hardly answer to it: what they round to in float32 would move it as a step does."""
    rows, columns = np.mgrid[:24, :24] / 24
    shading = np.sin(5 * rows + 3 * columns) + 0.1 * np.random.default_rng(0).normal(size=(24, 24))
    flat = np.array([0.75, 0.43, 0.24]) + 0.02 * shading[..., None]

    def second(dtype):
        features = extractor(2, dtype)
        noise = noise_reference(features, (24, 24), seed=0)
        asked = {"comes_back": False, "following": 1e-4, "features_only": True}
        return noisify(flat, features, noise, **asked).features.values["block2_conv1"]

    exact = second("float64")
    assert rms(second("float32") - exact) < 1e-4 * rms(exact)
