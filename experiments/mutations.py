"""Thousands of injuries to the files that runs read, and how each of them ends.

    python experiments/mutations.py               # 200 of each file
    python experiments/mutations.py --tries 2000  # for longer

Files of a run that was cut are read as `resume=` reads them, those of one that has ended as
`verify=` does, and then there are the cache and a file of weights. What is to be computed once all
has been read is left out. Injuries are drawn from a seed. Writes `reports/mutations.md`; the exit
code is 1 where one of them ended in a traceback, in a result that is silently wrong, with files
that are not as they were, or not at all.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any
from unittest import mock

import h5py
import numpy as np
from hydra import initialize_config_dir
from omegaconf import DictConfig, OmegaConf

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from decouple.cache import cached
from decouple.command_line import compose_checked, verified_run
from decouple.config import config_folder, register
from decouple.networks.architecture import VGG19
from decouple.networks.weights import read_file, shapes_until
from decouple.overrides import settings
from decouple.pipeline.asked import files_of
from decouple.pipeline.claims import Claim, claimed
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.journal import Journal
from decouple.pipeline.kept import ENTRY
from decouple.pipeline.state import KEPT
from decouple.pipeline.verify import verify
from decouple.record import forms
from decouple.record.verification import compare_runs
from decouple.run import main as decouple
from experiments.common import REPORTS, markdown_table
from experiments.injuries import FAULTS, Ending, Subject, of_bytes, of_json, of_yaml

SMALL = ("network.weights=calibrated", "image.size=16")
CUT: tuple[str, ...] = ("+experiment=self_transfer", "layers=2", "tolerance=1e-2", *SMALL)
CUT += ("checkpoint.every_seconds=0",)
STYLE: tuple[str, ...] = (
    "+experiment=gatys_course",
    "layers=1",
    "gatys.content.layers=[block1_conv1]",
    *SMALL,
)
STYLE += ("target=sample:coffee", "stop.max_iterations=2")
DONE = ("+experiment=self_transfer", "layers=1", "flow=gradient", "stop.max_iterations=3", *SMALL)
LAYER = "block1_conv1"
TRIES = 200


def subjects(place: Path) -> list[Subject]:
    """All files that are injured; runs that they are of are made in a folder."""
    cut, style, done = (place / name for name in ("cut", "style", "done"))
    cut_after(3, cut, *CUT)
    for folder, words in ((style, STYLE), (done, DONE)):
        if decouple([*words, f"run_dir={folder}"]) != 0:
            raise RuntimeError(f"{folder.name}, left alone, failed")
    return [*_resumed(cut), *_resumed(style), *_verified(done), _cache(place), _weights(place)]


def cut_after(parts: int, folder: Path, *words: str) -> None:
    """Begin a run that is left when so many motions were kept."""
    write = Journal.write

    def interrupted(self: Journal) -> None:
        write(self)
        if (folder / f"checkpoint.{parts}.npz").exists():
            raise KeyboardInterrupt

    with mock.patch.object(Journal, "write", interrupted):
        if decouple([*words, f"run_dir={folder}"]) != 130:
            raise RuntimeError(f"{folder.name} was not cut")


@contextmanager
def composing() -> Iterator[None]:
    """Let Hydra compose."""
    register()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        yield


def silent(*_: object) -> None:
    """Say nothing."""


# What `resume=` goes on from.


def _resumed(folder: Path) -> Iterator[Subject]:
    """Subjects of a run that goes on."""
    with composing():
        inputs = Inputs.of(compose_checked([f"resume={folder}"]), silent)
    whole = what_is_known(inputs)

    def read() -> Ending:
        known = what_is_known(inputs)
        # As far as it is there: what is lost of its end is computed once more.
        return Ending.AS_BEFORE if known == whole[: len(known)] else Ending.WRONG

    def read_config() -> Ending:
        with composing():
            told = Inputs.of(compose_checked([f"resume={folder}"]), silent)
        if what_is_known(told) != whole:
            return Ending.WRONG
        own, was = (_settings(one.config) for one in (told, inputs))
        changed = {key for key in own | was if own.get(key) != was.get(key)}
        # Files may be named otherwise: by then their digests have been compared.
        changed -= files_of(told.config).keys()
        may_change = inputs.experiment.may_change
        return Ending.AS_BEFORE if all(map(may_change, changed)) else Ending.WRONG

    what = f"resume= ({folder.name})"
    for path in sorted(folder.glob("checkpoint*.npz")):
        yield Subject(f"{path.name}, {what}", folder, path.name, of_bytes, read)
    yield Subject(f"history.csv, {what}", folder, "history.csv", of_bytes, read)
    yield Subject(f"config.yaml, {what}", folder, "config.yaml", of_yaml, read_config)


def what_is_known(inputs: Inputs) -> list[Any]:
    """What a run goes on from, as values that can be compared."""
    with claimed(inputs, silent) as claim:
        return [_plain(form, value) for form, value in _kept(claim)]


def _kept(claim: Claim) -> Iterator[tuple[forms.Form, Any]]:
    if claim.kept is not None:
        yield KEPT, claim.kept
    for entry in claim.journal._results:
        yield ENTRY, entry


def _plain(form: forms.Form, value: Any) -> tuple[Any, dict[str, bytes]]:
    told, arrays = forms.written(form, value)
    return told, {name: array.tobytes() for name, array in arrays.items()}


# What `verify=` compares.


class _Repeated(Exception):
    """Nothing was found to be wrong before the repetition."""


def _verified(folder: Path) -> Iterator[Subject]:
    """Subjects of a run that has ended."""
    whole = Path(shutil.copytree(folder, folder.with_name("whole")))

    def repeated(_: DictConfig) -> None:
        raise _Repeated

    def read() -> Ending:
        with composing():
            told = verified_run([f"verify={folder}"])
        assert told is not None
        try:
            verify(*told, repeated)
        except _Repeated:
            verdict = compare_runs(whole, folder)
            if verdict.identical:
                return Ending.AS_BEFORE
        # Metrics without digests are left to the repetition, to which they are not the same.
        return Ending.WRONG if verdict.same else Ending.REPEATED

    injuries = {"metrics.json": of_json, "config.yaml": of_yaml}
    for file in ("metrics.json", "config.yaml", "history.csv", "result.npz", "images/result.png"):
        yield Subject(f"{file}, verify=", folder, file, injuries.get(file, of_bytes), read)


def _settings(config: DictConfig) -> dict[str, Any]:
    held = OmegaConf.to_container(config)
    assert isinstance(held, dict)
    return settings({str(key): value for key, value in held.items()})


# What is kept beside the runs.


def _cache(place: Path) -> Subject:
    """An archive in the cache."""
    folder, made = place / "cache", {"a/b": np.arange(5.0), "c": np.array([[1.5, 2.5]], np.float32)}

    def found(make: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        with mock.patch.dict(os.environ, DECOUPLE_CACHE=str(folder)):
            return cached("kind", {}, make)

    def read() -> Ending:
        make, said = mock.Mock(return_value=made), io.StringIO()
        with redirect_stderr(said):
            arrays = found(make)
        # Of a file that is not there, nothing is to be said.
        as_said = len(said.getvalue().splitlines()) in (make.call_count, 0)
        if not as_said or not all(np.array_equal(made[name], arrays[name]) for name in made):
            return Ending.WRONG
        return Ending.MADE_ANEW if make.call_count else Ending.AS_BEFORE

    found(lambda: made)
    (path,) = folder.iterdir()
    return Subject("an archive, cache", folder, path.name, of_bytes, read)


def _weights(place: Path) -> Subject:
    """A file in Keras's layout, which has no sums of its own: a number may be another one."""
    folder, expected = place / "weights", shapes_until(VGG19, LAYER)
    path, rng = folder / "vgg.h5", np.random.default_rng(0)
    folder.mkdir()
    with h5py.File(path, "w") as file:
        for name, shape in zip(("kernel", "bias"), expected[LAYER], strict=True):
            file[f"{LAYER}/{name}"] = rng.standard_normal(shape).astype(np.float32)
        file[LAYER].attrs["name"] = LAYER
    whole = path.read_bytes()

    def read() -> Ending:
        ((kernel, bias),) = read_file(path, VGG19, expected).pairs.values()
        if path.read_bytes() == whole:
            return Ending.AS_BEFORE
        with h5py.File(path) as file:
            # Its path may be injured as well, where its attribute still names it.
            (group,) = file.values()
            told = group["kernel"][()], group["bias"][()]
        same = all(map(np.array_equal, (kernel, bias), told, (True, True)))
        return Ending.READ if same else Ending.WRONG

    return Subject("vgg.h5, network.weights=", folder, path.name, of_bytes, read)


# The report.


def tried(subject: Subject, seeds: range) -> Counter[Ending]:
    """How often each ending came; faults are shown."""
    ended: Counter[Ending] = Counter()
    for seed in seeds:
        ending, line = subject.tried(seed)
        ended[ending] += 1
        if ending in FAULTS:
            print(f"{subject.name}, seed {seed}: {ending.value} {line}", file=sys.stderr)
    return ended


def page(ended: Mapping[str, Counter[Ending]]) -> str:
    """`reports/mutations.md`: {subject: how often each ending came}."""
    total = sum(ended.values(), Counter())
    faults = sum(total[fault] for fault in FAULTS)
    shown = [ending for ending in Ending if ending in total or ending in FAULTS]
    rows = [[name, *(str(one[ending]) for ending in shown)] for name, one in ended.items()]
    rows.append(["in all", *(str(total[ending]) for ending in shown)])
    return f"""# Mutations

Made by `python experiments/mutations.py`: {total.total()} injuries to the files that runs read.
Bits are flipped, pieces cut out, overwritten or added, values of JSON and YAML are others, missing,
or called otherwise; {faults} ended in a traceback, in a result that is silently wrong, with files
that reading had changed, or not at all. Each file is named with what reads it: `resume=` of a
self-transfer that was cut and of a style transfer, `verify=` of a run that has ended, the cache,
and `network.weights=`. A file of weights holds no sums of its own: where a number of it is another,
it is another file.

{markdown_table(["file", *(ending.value for ending in shown)], rows)}"""


def main() -> int:
    """Injure, read, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=TRIES, help="of each file")
    parser.add_argument("--seed", type=int, default=10**6)
    options = parser.parse_args()
    ended = {}
    with tempfile.TemporaryDirectory() as place:
        for subject in subjects(Path(place)):
            ended[subject.name] = tried(subject, range(options.seed, options.seed + options.tries))
            counts = ", ".join(f"{ending.value}: {n}" for ending, n in ended[subject.name].items())
            print(f"{subject.name}: {counts}", flush=True)
    (REPORTS / "mutations.md").write_text(page(ended), encoding="utf-8")
    return any(one[fault] for one in ended.values() for fault in FAULTS)


if __name__ == "__main__":
    sys.exit(main())
