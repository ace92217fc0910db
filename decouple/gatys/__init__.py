"""The Gatys family: an image moves until content, style and smoothness are all near what is wanted.

Gatys, Ecker & Bethge 2016 (arXiv 1508.06576) and its descendants, on the same networks.
"""

from decouple.gatys.objective import Objective
from decouple.gatys.optimization import OnIteration, Optimized, State, optimize
from decouple.gatys.targets import Statistic, content, style, texture, weighted_mean
from decouple.gatys.terms import Content, Distance, Gram, MeanCovariance, Means, Normalization
from decouple.gatys.total_variation import Form, TotalVariation
from decouple.gatys.tree import Group, Part, Term, Weighted

__all__ = [
    "Content",
    "Distance",
    "Form",
    "Gram",
    "Group",
    "MeanCovariance",
    "Means",
    "Normalization",
    "Objective",
    "OnIteration",
    "Optimized",
    "Part",
    "State",
    "Statistic",
    "Term",
    "TotalVariation",
    "Weighted",
    "content",
    "optimize",
    "style",
    "texture",
    "weighted_mean",
]
