"""Settings of what puts a source's features on a target, that are refused, and what is said."""

PAIR = ["+experiment=transfer", "target=sample:coffee"]
_SMALL = ["network.weights=calibrated", "layers=1", "image.size=16"]
# {name: (words, words of the refusal)}
PAIRS: dict[str, tuple[list[str], list[str]]] = {
    "colours of neither": ([*PAIR, "colour=targets"], ["colour 'targets'", "mean 'target'"]),
    "colours of one picture": (
        ["+experiment=self_transfer", "colour=target"],
        ["colour= has no meaning in self_transfer"],
    ),
    "colours of a grey source": (
        [*PAIR, *_SMALL, "source=sample:camera", "colour=matched"],
        ["colour=matched: sample:camera", "all grey"],
    ),
}
