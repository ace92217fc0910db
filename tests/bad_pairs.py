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
    "sources of one name": (
        [*PAIR, "sources=b.jpg"],
        ["sources=b.jpg", '"sources=[source_b.jpg]"'],
    ),
    "sources of numbers": ([*PAIR, "sources=[1]"], ["sources=[1] must be a list"]),
    "a further source that is not there": (
        [*PAIR, *_SMALL, "sources=[sample:brick,none.png]"],
        ["no picture 'none.png'"],
    ),
    "sources of a table": (["+experiment=features", "sources=[b.jpg]"], ["no meaning in features"]),
    "weights of one source": ([*PAIR, "source_weights=[1]"], ["without sources="]),
    "weights too few": (
        [*PAIR, "sources=[b.jpg]", "source_weights=[1]"],
        ["source_weights=[1] are 1, and there are 2 sources"],
    ),
    "weights that are negative": (
        [*PAIR, "sources=[b.jpg]", "source_weights=[1,-1]"],
        ["source_weights=[1, -1]", "none negative"],
    ),
    "weights that are nothing": (
        [*PAIR, "sources=[b.jpg]", "source_weights=[0,0.0]"],
        ["source_weights=[0, 0.0]", "not all 0"],
    ),
    "weights without an end": (
        [*PAIR, "sources=[b.jpg]", "source_weights=[1,inf]"],
        ["source_weights=[1, inf]", "finite"],
    ),
    "weights of no list": (
        [*PAIR, "sources=[b.jpg]", "source_weights=2"],
        ["source_weights=2", '"source_weights=[1,1]"'],
    ),
    "weights that are words": (
        [*PAIR, "sources=[b.jpg]", "source_weights=[a,b]"],
        ["must be a list of numbers"],
    ),
}
