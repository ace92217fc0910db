"""The straight line between the features of two pictures, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from decouple.errors import ConfigError, ImageError
from decouple.flows import StopReason
from decouple.flows.landing import Landing
from decouple.flows.motion import Motion, Moved
from decouple.stages import StageError, interpolate
from decouple.stages.interpolate import Line


@pytest.fixture(scope="module")
def one(extractor):
    return extractor(1)


@pytest.fixture(scope="module")
def pictures(grained, pink):
    return grained(24, 24), pink(24, 24, 3)


@pytest.fixture(scope="module")
def seen():
    return []


@pytest.fixture(scope="module")
def frames(one, pictures, seen):
    return interpolate(*pictures, one, frames=4, on_frame=seen.append)


def test_features_are_on_the_line(one, pictures, frames, seen):
    exact = one.in_float64()
    start, end = (exact.measure(picture) for picture in pictures)
    for number, frame in enumerate(frames):
        wanted = start + number / 3 * (end - start)
        off = np.linalg.norm(exact.measure(frame.image) - wanted)
        assert off <= 1e-6 * np.linalg.norm(end - start)
        assert frame.deviation == pytest.approx(off / np.linalg.norm(end - start))
        assert frame.share == pytest.approx(number / 3)
    assert [frame.image is other.image for frame, other in zip(frames, seen, strict=True)] == [
        True
    ] * 4


def test_it_begins_with_the_source_and_ends_with_the_features_of_the_target(pictures, frames):
    source, target = pictures
    np.testing.assert_array_equal(frames[0].image, source)
    assert frames[0].trace is None
    last = frames[-1].image
    assert np.linalg.norm(last - source) < np.linalg.norm(last - target)
    assert [frame.trace.stage for frame in frames[1:]] == ["frame_1", "frame_2", "frame_3"]


def test_a_motion_is_the_smallest_that_moves_the_features_so(one, pictures, frames):
    """It lies in the span of the gradients: what they do not see stays."""
    before, after = frames[0].image, frames[1].image
    change = (after - before).ravel()
    middle = one.linearize((before + after) / 2)
    rows = np.concatenate(list(one.jacobian_rows(middle))).astype(np.float64)
    inside = rows.T @ np.linalg.lstsq(rows.T, change, rcond=None)[0]
    assert np.linalg.norm(change - inside) < 0.1 * np.linalg.norm(change)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_two_layers_and_pictures_of_two_sizes(extractor, photograph, pink, seed):
    two = extractor(2)
    source, target = photograph(24, 32), 0.3 + 0.4 * pink(32, 20, seed)
    found = interpolate(source, target, two, frames=3)
    assert max(frame.deviation for frame in found) <= 1e-6
    assert found[-1].image.shape == source.shape


def test_pictures_with_the_same_features_are_refused(one, pictures):
    with pytest.raises(ImageError, match="the same features"):
        interpolate(pictures[0], pictures[0], one)


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"frames": 1}, "frames=1 is too few"), ({"deviation": 0}, "deviation=0")],
)
def test_mistakes(one, pictures, settings, said):
    with pytest.raises(ConfigError, match=said):
        interpolate(*pictures, one, **settings)


def test_features_that_no_image_has_are_told_with_how_far_it_got(one, pictures, monkeypatch):
    """Means of softplus are positive: the line is led on to where they would not be."""
    source, target = pictures
    line = Line.between(source, target, one)
    beyond = Line(line.extractor, line.start, line.start - 3 * np.abs(line.start))
    monkeypatch.setattr(Line, "between", classmethod(lambda *_: beyond))
    with pytest.raises(
        StageError, match=r"frame \d of 2 was not reached: its features end"
    ) as found:
        interpolate(source, target, one, frames=3)
    *before, last = found.value.partial
    assert last.deviation > 1e-3
    assert all(frame.deviation <= 1e-6 for frame in before)


def test_where_the_lift_falls_short_newton_goes_on(one, pictures):
    class Short:
        name, stepper_name = "lift", "short"

        def move(self, image, motion, tell):
            return Moved(image, StopReason.STEP_LIMIT, 0)

    line = Line.between(*pictures, one)
    motion = Motion(one, line.start, line.at(0.2), 1e-4)
    most = 1e-6 * line.length
    moved = Landing(most, Short()).move(pictures[0], motion, lambda *_: None)
    assert moved.stop_reason is StopReason.REACHED
    assert line.deviation(moved.image, 0.2) <= 1e-6
    assert moved.steps > 0
