"""Features of two kinds as one: the groups of the first, then those of the second."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from decouple.errors import FeaturesError
from decouple.features.features import Features, Linear, PassCounter, Point, Secant


class Joined(Features):
    """The groups of several features, in their order.

    Parameters
    ----------
    parts : whose groups have different names

    Raises
    ------
    FeaturesError : two groups have one name.

    Examples
    --------
    >>> import decouple as dc
    >>> dc.Joined(dc.Moments(orders=1), dc.Moments(orders=3, of="bands")).layers
    ('mean', 'variance', 'skewness')
    """

    def __init__(self, *parts: Features) -> None:
        names = [layer for part in parts for layer in part.layers]
        if len(set(names)) < len(names):
            raise FeaturesError(f"two groups of features have one name: {', '.join(names)}")
        super().__init__({k: kept.size for part in parts for k, kept in part.alive.items()})
        self.parts = parts
        self.alive = {k: kept for part in parts for k, kept in part.alive.items()}
        self.passes = _Together([part.passes for part in parts])
        # The coarser precision is what is left of both.
        self.dtype = max((part.dtype for part in parts), key=lambda dtype: np.finfo(dtype).eps)
        self.smooth = all(part.smooth for part in parts)
        self.exact_secant = all(part.exact_secant for part in parts)
        self.proven = all(part.proven for part in parts)
        self.spatial_means = all(part.spatial_means for part in parts)
        self.stride = max(part.stride for part in parts)
        self.row_channels = max(part.row_channels for part in parts)
        self._edges = np.cumsum([part.size for part in parts])[:-1]

    @property
    def identity(self) -> Mapping[str, str]:
        """All that its parts are features of."""
        return {k: v for part in self.parts for k, v in part.identity.items()}

    @property
    def origin(self) -> str:
        """Of the last of its parts that knows."""
        return next((p.origin for p in reversed(self.parts) if p.origin != "none"), "none")

    def first(self, count: int) -> Features:
        """See `Features.first`."""
        taken: list[Features] = []
        for part in self.parts:
            groups = min(count, len(part.layers))
            if groups:
                taken.append(part.first(groups))
            count -= groups
        if sum(len(part.layers) for part in taken) == len(self.layers):
            return self
        return taken[0] if len(taken) == 1 else Joined(*taken)

    def masked(self, alive: Mapping[str, np.ndarray]) -> Features:
        """See `Features.masked`."""
        return Joined(*(part.masked(alive) for part in self.parts))

    def in_float64(self) -> Features:
        """See `Features.in_float64`."""
        if self.dtype == "float64":
            return self
        return Joined(*(part.in_float64() for part in self.parts))

    def part(self, point: Point, count: int) -> tuple[Features, Point]:
        """See `Features.part`."""
        shorter = self.first(count)
        if shorter is self:
            return self, point
        points = []
        for part, own in zip(self.parts, point.linearization, strict=True):
            groups = min(count, len(part.layers))
            count -= groups
            if groups:
                points.append(part.part(own, groups)[1])
        return shorter, points[0] if len(points) == 1 else _joined(points)

    def movable(self, image: np.ndarray, least: float) -> dict[str, np.ndarray]:
        """See `Features.movable`."""
        return {k: v for part in self.parts for k, v in part.movable(image, least).items()}

    def check_size(self, height: int, width: int) -> None:
        """See `Features.check_size`."""
        for part in self.parts:
            part.check_size(height, width)

    def measure(self, image: np.ndarray) -> np.ndarray:
        """See `Features.measure`."""
        return np.concatenate([part.measure(image) for part in self.parts])

    def linearize(self, image: np.ndarray) -> Point:
        """See `Features.linearize`."""
        return _joined([part.linearize(image) for part in self.parts])

    def secant(self, point: Point, change: np.ndarray) -> Secant:
        """See `Features.secant`; as exact as those of its parts."""
        secants = [p.secant(own, change) for p, own in self._with(point)]
        changes = np.concatenate([secant.change for secant in secants])
        return Secant(point.shape, tuple(secants), changes)

    def jvp(self, point: Linear, tangent: np.ndarray) -> np.ndarray:
        """See `Features.jvp`."""
        return np.concatenate([part.jvp(own, tangent) for part, own in self._with(point)])

    def vjp(self, point: Linear, cotangent: np.ndarray) -> np.ndarray:
        """See `Features.vjp`."""
        return self.vjp_batch(point, cotangent[None])[0].astype(np.float64)

    def vjp_batch(self, point: Linear, cotangents: np.ndarray) -> np.ndarray:
        """See `Features.vjp_batch`."""
        shares = np.split(cotangents, self._edges, axis=1)
        pulled = [
            part.vjp_batch(own, share)
            for (part, own), share in zip(self._with(point), shares, strict=True)
        ]
        return np.sum(pulled, axis=0)

    def jacobian_rows(self, point: Point) -> Iterator[np.ndarray]:
        """See `Features.jacobian_rows`."""
        for part, own in self._with(point):
            yield from part.jacobian_rows(own)

    def _with(self, point: Linear) -> Iterator[tuple[Features, Point]]:
        return zip(self.parts, point.linearization, strict=True)


def _joined(points: Sequence[Point]) -> Point:
    features = np.concatenate([point.features for point in points])
    return Point(points[0].shape, tuple(points), features)


class _Together(PassCounter):
    """The passes of all parts."""

    def __init__(self, counters: Sequence[PassCounter]) -> None:
        self._counters = counters

    @property
    def count(self) -> int:
        """Of all together."""
        return sum(counter.count for counter in self._counters)

    @count.setter
    def count(self, count: int) -> None:
        self._counters[0].count += count - self.count
