"""What the rest must know of an experiment, all of it without TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig

from decouple.errors import ConfigError, unknown_name
from decouple.registry import Registry, check_place

# Which run it is, and where it is computed and written: every experiment takes these.
_OF_EVERY = ("experiment", "plugin", "run_dir", "resume", "device")
RECORDED = ("plan", "checkpoint", "record")
"""Settings of all experiments whose run is planned, and recorded as it goes on."""
COMPARED = (
    *("source", "layers", "tolerance", "seed", "image", "noise", "network", "features", "mask"),
    *("stop", *RECORDED),
)
"""Settings of experiments that compare ways of moving features, which are named by themselves."""
FEATURES = (*COMPARED, "flow", "stepper", "optimizer")
"""Settings of experiments that take decoupled features off and put them back."""


class Fact(NamedTuple):
    """A headline number of a run's page: what it is, its value, and a note, in words."""

    label: str
    value: str
    note: str = ""


def _nothing(_: Any) -> list[Fact]:
    return []


@dataclass(frozen=True, eq=False)
class Experiment:
    """An experiment: its settings, what it runs, and what is said of it.

    Functions are named as `module:function`, and imported once TensorFlow is: an experiment may
    stand in one file with the function that it runs, which imports what needs TensorFlow itself.

    Attributes
    ----------
    name : by which it is known; `+experiment=<name>` unless it has `variants`
    run : of a `pipeline.running.Run`: carries it out
    variants : {name on the command line: title of its page}; each has a file in
        configs/experiment
    yaml : where there is no such file, another one with what differs from the defaults
    takes : settings that have a meaning, groups and dotted keys; any other is refused
    ignores : parts of these that have none
    settings : {group: dataclass that is its schema} or {setting: default}, beside the common ones;
        two experiments may share one, with one default
    choices : {dotted key: the words that it may be}
    files : {dotted key that names a file: words that are none}
    file_lists : dotted keys that are lists of files
    target_receives : what of the source its target receives, in a word; None if it has no target
    check : raises ConfigError where settings, each of which is allowed, do not fit
    idle : of the configuration: {group or dotted key: the word with which it has no meaning}
    looks_at : {setting that names layers, beside `layers`: roles of the pictures that are looked
        at there}
    check_inputs : of `pipeline.inputs.Inputs`: raises ConfigError before anything is written
    forecast : of `Inputs`: the `Forecast` of passes and time, or why they are `Untold`, both of
        `pipeline.forecast`; without it a plan says that the experiment does not tell
    resumed_anew : settings that may change when a run goes on
    objective : whether it descends a loss of the image, and moves no features: then there is no
        step 0
    of_methods : whether its steps are those of methods, which have a folder and a history each
    of_vgg : whether the network must be VGG
    of_many : whether `source` names many pictures, which come one after the other; noise of their
        size stands for them wherever one is asked for
    stands_alone : whether `run` takes the configuration, and keeps a record of its own
    headline : from metrics.json, any part of which may be missing, the numbers that tell how well
        it went; none if they are of another experiment
    prepositions : before source and target in a sentence
    """

    name: str
    run: str
    variants: Mapping[str, str] = field(default_factory=dict)
    yaml: str | Path | None = None
    takes: tuple[str, ...] = FEATURES
    ignores: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    file_lists: tuple[str, ...] = ()
    target_receives: str | None = None
    check: Callable[[DictConfig], object] = _nothing
    idle: Callable[[DictConfig], Mapping[str, str]] = lambda _: {}
    looks_at: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    check_inputs: str | None = None
    forecast: str | None = None
    resumed_anew: tuple[str, ...] = ()
    objective: bool = False
    of_methods: bool = False
    of_vgg: bool = False
    of_many: bool = False
    stands_alone: bool = False
    headline: Callable[[Mapping[str, Any]], list[Fact]] = _nothing
    prepositions: tuple[str, str] = ("of", "to")

    def __post_init__(self) -> None:
        """Check that functions are named as they must be; ConfigError where not."""
        for place in (self.run, self.check_inputs, self.forecast):
            if place is not None:
                check_place(place)

    @property
    def home(self) -> str:
        """The module that it runs."""
        return self.run.partition(":")[0]

    @property
    def titles(self) -> Mapping[str, str]:
        """{name on the command line: title}."""
        return self.variants or {self.name: self.name.replace("_", " ").capitalize()}

    @property
    def has_headline(self) -> bool:
        """Whether its part of metrics.json, called as it is, has a place on the page."""
        return self.headline is not _nothing

    def takes_setting(self, key: str) -> bool:
        """Whether a group, or a dotted key, has a meaning here.

        >>> blur = Experiment("blur", "blur:run", takes=("image",), ignores=("image.fit",))
        >>> [blur.takes_setting(key) for key in ("image.size", "image.fit", "imagery", "run_dir")]
        [True, False, False, True]
        """
        given = self.target_receives is not None and key == "target"
        taken = given or _lies_in(key, (*_OF_EVERY, *self.takes, *self.settings))
        return taken and not _lies_in(key, self.ignores)

    def idle_with(self, key: str, config: DictConfig) -> str | None:
        """The word of the configuration with which a setting has no meaning, if there is one."""
        idle = self.idle(config).items()
        return next((word for group, word in idle if _lies_in(key, (group,))), None)

    def may_change(self, key: str) -> bool:
        """Whether a setting may be another when a run goes on."""
        return _lies_in(key, (*ANEW, *self.resumed_anew))


ANEW = ("resume", "checkpoint", "record", "image.output")
"""What may be set anew when a run of any experiment goes on."""


def _lies_in(key: str, groups: tuple[str, ...]) -> bool:
    return f"{key}.".startswith(tuple(f"{group}." for group in groups))


KINDS: Registry[Experiment] = Registry("experiment")
"""All experiments."""


def experiment_named(name: str) -> Experiment:
    """That of a name on the command line; ConfigError with the nearest one if there is none."""
    for experiment in KINDS:
        if name in experiment.titles:
            return experiment
    raise ConfigError(unknown_name("experiment", name, experiment_names()))


def experiment_names() -> list[str]:
    """All names on the command line."""
    return [name for experiment in KINDS for name in experiment.titles]


def register(experiment: Experiment) -> Experiment:
    """Make an experiment known, which is returned.

    Raises
    ------
    ConfigError : one of its names is taken.
    """
    for other in KINDS:
        taken = set(other.titles) & set(experiment.titles)
        if taken and other.name != experiment.name:
            raise ConfigError(f"+experiment={min(taken)} is taken by {other.home}")
    return KINDS.add(experiment)
