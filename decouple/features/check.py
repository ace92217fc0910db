"""Whether features do what `Features` promises, found by trying them on an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

import numpy as np

from decouple.errors import FeaturesError
from decouple.features.features import Features, Point

# Of the images' range, the changes by which derivatives are compared with differences: where one
# is too small for the precision, or too large for the bend of the features, another is not.
_CHANGES = (1e-2, 1e-3, 1e-4, 1e-5)
# The largest relative difference of a derivative from the differences, of the way back from the way
# there, and of what is the same but for rounding; in units of epsilon the last.
_DIFFERENCE, _ROUNDINGS = 2e-2, 1e4
# The change of a secant that is tried, RMS in units of the image's range.
_STEP = 0.02


def check_features(features: Features, image: np.ndarray) -> Mapping[str, float]:
    """Try features on an image: shapes, values, derivatives, secants.

    Parameters
    ----------
    features : your own, say
    image : (H, W, 3), nominally in [0, 1]; not flat, and large enough for them

    Returns
    -------
    {property: relative error found}; 0 is perfect: `derivative` (JVP against differences),
    `adjoint` (VJP against JVP), `secant` (its map against the difference: to the second order
    where it is not exact), `way back` (that of the secant from the other end).

    Raises
    ------
    FeaturesError : in one line, the property that does not hold.
    ImageError : the image is too small for them.

    Examples
    --------
    >>> import decouple as dc
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> errors = dc.check_features(dc.Moments(orders=3), image)
    >>> errors["derivative"] < 1e-4 and errors["adjoint"] < 1e-9
    True
    """
    image = np.asarray(image, np.float64)
    features.check_size(*image.shape[:2])
    _check_values(features, image)
    rng = np.random.default_rng(0)
    point = features.linearize(image)
    _check_point(features, image, point)
    tangent = rng.standard_normal(image.shape)
    cotangent = rng.standard_normal(features.size)
    pushed, pulled = features.jvp(point, tangent), features.vjp(point, cotangent)
    _check_vector(features, pushed, "jvp")
    if pulled.shape != image.shape:
        _broken(f"vjp gives {pulled.shape}, not {image.shape}")
    if not np.isfinite(pulled).all():
        _broken("vjp gives values that are not finite")
    found = {"derivative": _against_differences(features, image, tangent, pushed)}
    scale = float(np.linalg.norm(pulled) * np.linalg.norm(tangent))
    found["adjoint"] = abs(float(np.vdot(pulled, tangent) - pushed @ cotangent)) / max(
        scale, 1e-300
    )
    if found["adjoint"] > _ROUNDINGS * features.epsilon:
        _broken(f"vjp is not the adjoint of jvp: they differ by {found['adjoint']:.1e}")
    found.update(_secant(features, image, point, _STEP * tangent))
    _check_parts(features, image)
    return found


def _broken(what: str) -> NoReturn:
    raise FeaturesError(f"these features cannot be used: {what}")


def _check_values(features: Features, image: np.ndarray) -> None:
    """Shape, type, finiteness, determinism."""
    measured = features.measure(image)
    _check_vector(features, measured, "measure")
    if not np.array_equal(measured, features.measure(image)):
        _broken("they are not deterministic: measured twice, they differ")
    if not features.identity:
        _broken("identity is empty: nothing tells them from others")


def _check_vector(features: Features, vector: np.ndarray, of: str) -> None:
    if not isinstance(vector, np.ndarray) or vector.dtype != np.float64:
        _broken(f"{of} must give a float64 array, not {getattr(vector, 'dtype', type(vector))}")
    if vector.shape != (features.size,):
        _broken(f"{of} gives shape {vector.shape}, where the groups have {features.size} numbers")
    if not np.isfinite(vector).all():
        bad = [k for k, v in features.split(vector).items() if not np.isfinite(v).all()]
        _broken(f"{of} gives NaN or infinite values in {', '.join(bad)}")


def _check_point(features: Features, image: np.ndarray, point: Point) -> None:
    measured = features.measure(image)
    _check_vector(features, point.features, "linearize")
    if point.shape != image.shape:
        _broken(f"linearize gives the shape {point.shape} for an image of {image.shape}")
    scale = max(float(np.abs(measured).max()), 1e-300)
    if np.abs(point.features - measured).max() > _ROUNDINGS * features.epsilon * scale:
        _broken("linearize gives other values than measure")


def _against_differences(
    features: Features, image: np.ndarray, tangent: np.ndarray, pushed: np.ndarray
) -> float:
    """The least relative error of a JVP (C,) from central differences, group by group the worst."""
    errors: dict[str, float] = {}
    changed: set[str] = set()
    for size in _CHANGES:
        ahead, behind = (features.measure(image + sign * size * tangent) for sign in (1, -1))
        differences = features.split((ahead - behind) / (2 * size))
        for layer, own in features.split(pushed).items():
            length = float(np.linalg.norm(differences[layer]))
            if length > 0:
                changed.add(layer)
                error = float(np.linalg.norm(own - differences[layer])) / length
                errors[layer] = min(errors.get(layer, np.inf), error)
    for layer, own in features.split(pushed).items():
        if layer not in changed:
            _broken(f"{layer} does not change with the image")
        if not own.any():
            _broken(f"{layer} is not differentiable: it changes with the image, its gradient is 0")
        if errors[layer] > _DIFFERENCE:
            _broken(f"the derivative of {layer} is {errors[layer]:.1e} away from differences")
    return max(errors.values())


def _secant(
    features: Features, image: np.ndarray, point: Point, change: np.ndarray
) -> dict[str, float]:
    """That the secant is the change of the features, and the same map from the other end."""
    there = features.secant(point, change)
    difference = features.measure(image + change) - point.features
    scale = max(float(np.linalg.norm(difference)), 1e-300)
    lost = _ROUNDINGS * features.epsilon * float(np.linalg.norm(point.features)) / scale
    if np.linalg.norm(there.change - difference) > (_DIFFERENCE + lost) * scale:
        _broken("secant gives another change than the difference of the features")
    mapped = float(np.linalg.norm(features.jvp(there, change) - there.change)) / scale
    if mapped > 0.5 + lost:
        _broken(f"the secant's map misses the change of the features by {mapped:.1e}")
    back = features.secant(features.linearize(image + change), -change)
    cotangent = np.random.default_rng(1).standard_normal(features.size)
    one, other = features.vjp(there, cotangent), features.vjp(back, cotangent)
    apart = float(np.linalg.norm(one - other) / max(float(np.linalg.norm(one)), 1e-300))
    # The slope of a short secant is had from a difference: to some more than rounding.
    if apart > np.sqrt(features.epsilon):
        _broken(f"the secant from the other end is another map, by {apart:.1e}")
    return {"secant": mapped, "way back": apart}


def _check_parts(features: Features, image: np.ndarray) -> None:
    """That the first groups alone are the first numbers."""
    first = features.first(1)
    whole, alone = features.measure(image)[: first.size], first.measure(image)
    scale = max(float(np.abs(whole).max()), 1e-300)
    if alone.shape != whole.shape or (
        np.abs(whole - alone).max() > _ROUNDINGS * features.epsilon * scale
    ):
        _broken("the first group alone has other values than among all")
