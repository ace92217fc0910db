"""The method's steps, each a function from an image to a new image and a trace."""

from decouple.images.noise import noise_image
from decouple.stages.brackets import bracket_shares
from decouple.stages.defect import Change, DecouplingDefect, decoupling_defect
from decouple.stages.impose import Imposed, impose
from decouple.stages.interpolate import Frame, interpolate
from decouple.stages.layerwise import DecoupledFeatures, StageError, checked_image
from decouple.stages.match import Matched, MatchingFactors, match
from decouple.stages.metamers import Metamer, metamer, metamer_from_noise
from decouple.stages.mixing import mix, weighted_mean
from decouple.stages.noisify import Noisified, noisify
from decouple.stages.prepare import Prepared, prepare
from decouple.stages.reference import Reference, noise_reference
from decouple.stages.retrace import Retraced, distances, impose_retraced
from decouple.stages.round_trip import RoundTrip, round_trip

__all__ = [
    "Change",
    "DecoupledFeatures",
    "DecouplingDefect",
    "Frame",
    "Imposed",
    "Matched",
    "MatchingFactors",
    "Metamer",
    "Noisified",
    "Prepared",
    "Reference",
    "Retraced",
    "RoundTrip",
    "StageError",
    "bracket_shares",
    "checked_image",
    "decoupling_defect",
    "distances",
    "impose",
    "impose_retraced",
    "interpolate",
    "match",
    "metamer",
    "metamer_from_noise",
    "mix",
    "noise_image",
    "noise_reference",
    "noisify",
    "prepare",
    "round_trip",
    "weighted_mean",
]
