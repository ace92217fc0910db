"""What a run is made of: its settings, its pictures and network, and the versions that ran."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from decouple.devices import described
from decouple.errors import ConfigError, RunFolderError
from decouple.experiments import experiment_named
from decouple.networks.calibration import CALIBRATED
from decouple.overrides import settings
from decouple.parsing import options_of
from decouple.pipeline.asked import files_of
from decouple.pipeline.reference_pictures import SETTING
from decouple.record.compounds import Fields, Table
from decouple.record.folder import RunFolder
from decouple.record.forms import Form, Misfit, Plain, Text, read
from decouple.record.metrics import CHANGED, changes, environment
from decouple.record.places import write_places
from decouple.record.plain import plain

if TYPE_CHECKING:
    from decouple.pipeline.inputs import Inputs

# Settings that say nothing of what is computed.
_WITHOUT_EFFECT = (
    *("plugin", "run_dir", "resume", "plan"),
    *("checkpoint.every_seconds", "record.tensorboard", "record.animation", "image.output"),
)
# Of `provenance`.
_FORMS: dict[str, Form] = {
    "config": Table(Plain()),
    "inputs": Table(Text()),
    "weights": Text(),
    "versions": Table(Plain()),
    "device": Plain(),
    "numerics": Table(Plain()),
}


def write_settings(folder: RunFolder, config: DictConfig) -> None:
    """Keep in a run folder what the run was told, and where the files lie that it names."""
    folder.write_text("config.yaml", OmegaConf.to_yaml(config, resolve=True))
    write_places(folder, files_of(config))


def provenance(inputs: Inputs) -> dict[str, Any]:
    """Plain values: `config` (without where it is written), `inputs` (digests), `weights` (their
    origin), and the `versions`, `device` and `numerics` that the last bits depend on.
    """
    flat, computed = settings(options_of(inputs.config)), environment(described())
    return {
        "config": plain({k: v for k, v in flat.items() if k not in _WITHOUT_EFFECT}),
        "inputs": digests_of(inputs),
        "weights": inputs.weights,
        **{part: computed[part] for part in ("versions", "device", "numerics")},
    }


def digests_of(inputs: Inputs) -> dict[str, str]:
    """Digests of what a run is made of; another picture or network is another run."""
    digests = {role: origin["digest"] for role, origin in inputs.origins().items()}
    for number, region in enumerate(inputs.regions, start=1):
        parts = {"source": region.of_source, "target": region.of_target}
        digests.update(
            (f"region {number} of the {role}", mask.digest)
            for role, mask in parts.items()
            if mask is not None
        )
    if inputs.references is not None:
        digests[SETTING] = inputs.references.digest
    network = {} if inputs.network is None else inputs.network.identity
    return {"weights": network.get("weights", ""), **digests}


def check_same_run(
    inputs: Inputs, about: dict[str, Any], run_dir: object, say: Callable[[str], None]
) -> dict[str, str]:
    """Compare what a run is made of with the `provenance` of the run that it goes on with.

    It is a part of `about`, of which nothing is known yet. Other versions of the libraries, and
    what else the last bits depend on, are said. Calibrated filters may then be others in their last
    bits, too.

    Returns
    -------
    What metrics.json is to say of it; nothing where all is as it was.

    Raises
    ------
    ConfigError : it has other pictures, another network or other settings; the line names them.
    RunFolderError : `about` does not say.
    """
    try:
        before = read(Fields(_FORMS), {key: about.get(key) for key in _FORMS}, {})
    except Misfit as error:
        raise RunFolderError(f"the checkpoint in '{run_dir}' is damaged: {error}") from error
    own = provenance(inputs)
    told, settled = own["config"], before["config"]
    experiment = experiment_named(inputs.config.experiment)
    kept = [k for k in dict.fromkeys([*settled, *told]) if not experiment.may_change(k)]
    # A file may be named otherwise from another folder; its digest tells whether it is the same.
    by_digest = files_of(inputs.config)
    missing = object()
    changed = [
        f"{key} was {settled.get(key)} and is {told.get(key)}"
        for key in kept
        if not _is_named(key, by_digest) and settled.get(key, missing) != told.get(key, missing)
    ]
    if changed:
        raise ConfigError(
            f"the configuration in '{run_dir}' is not what its checkpoint was made with: "
            + "; ".join(changed)
        )
    others = changes(before, own)
    anew = bool(others) and own["weights"] == before["weights"] == CALIBRATED
    for name in dict.fromkeys([*own["inputs"], *before["inputs"]]):
        same = before["inputs"].get(name) == own["inputs"].get(name)
        if not same and not (name == "weights" and anew):
            what = "network.weights are" if name == "weights" else f"{name} is"
            raise ConfigError(f"{what} not what the run in '{run_dir}' was made with")
    if not others:
        return {}
    told = "; ".join(others)
    say(
        f"The setting has changed since the run began ({told}): the last bits of its result may "
        "differ"
    )
    return {CHANGED: told}


def _is_named(key: str, files: Iterable[str]) -> bool:
    """Whether a setting is a file's, or a list of files, of those that `files_of` names."""
    return any(name == key or name.rpartition(".")[0] == key for name in files)
