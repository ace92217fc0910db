"""Weighted sums of terms as a tree: what an objective is made of, and how it prints.

    {"content": 0.025 * Content(...), "style": 1.0 * Group({"block1_conv1": 0.2 * Gram(...), ...})}

A term's path is its names joined by `/` (`style/block1_conv1`); the weight it has in the whole is
the product of the weights along its path.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import tensorflow as tf

from decouple.errors import ConfigError, unknown_name


class Part(ABC):
    """A term or a group of them; immutable. `weight * part` is a `Weighted`."""

    # So that numpy's numbers leave the multiplication to `__rmul__`.
    __array_ufunc__ = None

    @property
    @abstractmethod
    def title(self) -> str:
        """What it is, in a few words; empty for a group."""

    def __rmul__(self, weight: float) -> Weighted:
        """`weight * part`."""
        return Weighted(float(weight), self)

    def __repr__(self) -> str:
        """Its title: a target's numbers say nothing to a reader."""
        return self.title


class Term(Part):
    """A number, not negative, that says how far an image is from what is wanted of it.

    Attributes
    ----------
    layer : whose activation it is a function of; None if of the image itself
    """

    layer: str | None

    @abstractmethod
    def value(self, seen: tf.Tensor, pixels: int) -> tf.Tensor:
        """The term, a scalar of the type of `seen`, differentiable with respect to it.

        Parameters
        ----------
        seen : the activation (1, h, w, C) of `layer`, or the image (1, H, W, 3) in [0, 1]; of
            known shape
        pixels : H·W of the image

        Raises
        ------
        ImageError : `seen` does not fit the size of the term's target.
        """


@dataclass(frozen=True)
class Weighted:
    """A part and the factor with which it enters the sum, finite and not negative."""

    weight: float
    part: Part

    def __post_init__(self) -> None:
        """Check the weight."""
        if not 0 <= self.weight < math.inf:
            raise ConfigError(f"weight {self.weight:g} must be a finite number, not negative")


class Group(Part):
    """A named sum, {name: weight * part}; a part alone has weight 1.

    Raises
    ------
    ConfigError : it is empty, or a name holds a slash.
    """

    def __init__(self, parts: Mapping[str, Weighted | Part]) -> None:
        if not parts:
            raise ConfigError("a sum of terms must have at least one term")
        for name in parts:
            if not name or "/" in name:
                raise ConfigError(f"'{name}' cannot name a term: it must hold no slash")
        self._parts = {
            name: part if isinstance(part, Weighted) else 1.0 * part for name, part in parts.items()
        }

    @property
    def parts(self) -> dict[str, Weighted]:
        """The parts by name, in their order."""
        return dict(self._parts)

    @property
    def title(self) -> str:
        """Nothing: what a group is, its parts say."""
        return ""

    def __repr__(self) -> str:
        """The tree."""
        return "\n".join(self.tree_lines())

    def nodes(self) -> Iterator[tuple[str, float, Part]]:
        """Path, weight in the whole, and part, of every part below, each before its own parts."""
        for name, weighted in self._parts.items():
            yield name, weighted.weight, weighted.part
            if isinstance(weighted.part, Group):
                for path, weight, part in weighted.part.nodes():
                    yield f"{name}/{path}", weighted.weight * weight, part

    def terms(self) -> dict[str, tuple[float, Term]]:
        """{path: (weight in the whole, term)}, in the order of the tree."""
        return {path: (weight, p) for path, weight, p in self.nodes() if isinstance(p, Term)}

    def partition(self, paths: Mapping[str, object]) -> dict[str, Part]:
        """The parts at `paths`, {path: part}, which must hold each term exactly once.

        Raises
        ------
        ConfigError : a path that does not exist, a term in none or in two of them.
        """
        found = {path: part for path, _, part in self.nodes()}
        for path in paths:
            if path not in found:
                raise ConfigError(unknown_name("term", path, found))
        for term in self.terms():
            holders = [path for path in paths if f"{term}/".startswith(f"{path}/")]
            if len(holders) != 1:
                which = f"is named twice: {', '.join(holders)}" if holders else "is not named"
                raise ConfigError(f"term {term} {which}; each must be named once, or its group")
        return {path: found[path] for path in paths}

    def with_weights(self, weights: Mapping[str, float]) -> Group:
        """The same terms, where the parts at the paths `weights` have these weights in the whole.

        The groups around them get weight 1; below them, nothing changes. For `weights` the rules
        of `partition` hold.
        """
        self.partition(weights)
        parts: dict[str, Weighted | Part] = {}
        for name, weighted in self._parts.items():
            part = weighted.part
            if name in weights:
                parts[name] = weights[name] * part
            else:
                assert isinstance(part, Group)
                start = f"{name}/"
                inner = {p[len(start) :]: w for p, w in weights.items() if p.startswith(start)}
                parts[name] = 1.0 * part.with_weights(inner)
        return Group(parts)

    def tree_lines(self) -> list[str]:
        """One line for each part, with its weight among its siblings."""
        lines = []
        for index, (name, weighted) in enumerate(self._parts.items()):
            last = index == len(self._parts) - 1
            title = f": {weighted.part.title}" if weighted.part.title else ""
            lines.append(f"{'└─' if last else '├─'} {weighted.weight:.4g} × {name}{title}")
            if isinstance(weighted.part, Group):
                margin = "   " if last else "│  "
                lines += [margin + line for line in weighted.part.tree_lines()]
        return lines
