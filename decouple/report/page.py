"""report.html: a run on one page, which opens anywhere and needs no other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from decouple import files
from decouple.errors import ConfigError, RunFolderError
from decouple.experiments import KINDS, Fact, experiment_named
from decouple.overrides import differences, read_config, repeat_command, settings, word
from decouple.record.metrics import comparison, read_metrics
from decouple.record.progress import stage_name
from decouple.report import facts, probe, tables
from decouple.report.feature_table import first_rows
from decouple.report.panel import picture_titles
from decouple.report.template import Column, Embedded, render, texts

PAGE = "report.html"
_UNDER_WAY = b'<meta name="description" content="A run that has not ended.">'
# Where the line that tells the last page from those before stands.
_HEAD = 4096


@dataclass(frozen=True)
class Shown:
    """A picture with its title and a note."""

    picture: Embedded
    title: str
    note: str = ""


@dataclass(frozen=True)
class UnderWay:
    """What the page of a run that has not ended says beside all else.

    Attributes
    ----------
    where : the stage and layer that move, or the work that is done; empty where none does
    fraction : how far along their path, 0 to 1; None where there is none
    facts : numbers of it
    pictures, plots : what there is beside the folder's pictures, in place of its figures
    notices : why it goes on no more; empty while it does
    every : seconds until the page is to be looked at again; 0 where the run goes on no more
    command : that goes on with the run, if it should be cut
    """

    where: str = ""
    fraction: float | None = None
    facts: Sequence[Fact] = ()
    pictures: list[Shown] = field(default_factory=list)
    plots: list[Shown] = field(default_factory=list)
    notices: Sequence[str] = ()
    every: float = 0.0
    command: str = ""


def write_page(run_dir: str | Path) -> Path:
    """Write `report.html` from what the run folder holds; what it does not hold is left out.

    Read are metrics.json, config.yaml, table.csv, images/*.png and plots/*.png. The page embeds the
    pictures and opens from the disk, without a network. The same folder gives the same bytes.

    Returns
    -------
    The file.

    Raises
    ------
    RunFolderError
        when the page cannot be written.
    """
    run_dir = Path(run_dir)
    path = run_dir / PAGE
    files.write_text(path, page_of(run_dir, read_metrics(run_dir)))
    return path


def has_last_page(run_dir: str | Path) -> bool:
    """Whether a run's page is there and is the one that it writes at its end."""
    path = Path(run_dir) / PAGE
    if not files.there(path):
        return False
    try:
        with files.opened_plain(path) as file:
            return _UNDER_WAY not in file.read(_HEAD)
    except (OSError, RunFolderError):
        return True  # it is none of a run that goes on


def page_of(run_dir: Path, metrics: Mapping[str, Any], under_way: UnderWay | None = None) -> str:
    """The page of a run, as HTML.

    Parameters
    ----------
    run_dir : the run folder
    metrics : what is known of it
    under_way : how far it is, where it has not ended
    """
    config = read_config(run_dir)
    images = run_dir / "images"
    notices = facts.notices(metrics, has_result=_has_result(run_dir, metrics))
    return render(
        "run.html.jinja",
        title=facts.title(metrics, config),
        name=run_dir.resolve().name,
        under_way=under_way,
        sentence=facts.sentence(metrics, config),
        notices=notices if under_way is None else under_way.notices,
        headline=facts.headline(metrics),
        pictures=_pictures(images, metrics) + (under_way.pictures if under_way else []),
        versus=_versus(images),
        animation=Embedded.of(run_dir / "animation.webp"),
        sheet=Embedded.of(run_dir / "plots" / "contact_sheet.png"),
        plots=under_way.plots if under_way else _plots(run_dir / "plots", metrics),
        objective=facts.objective(metrics),
        stages=tables.stage_table(metrics),
        reasons=facts.stop_reasons(metrics),
        labels=tables.label_table(metrics),
        rows=first_rows(run_dir),
        scores=probe.score_table(metrics),
        scores_reading=probe.reading(metrics),
        compare=tables.compare_table(metrics),
        reading=comparison(metrics).get("reading"),
        judges=tables.compare_table(metrics, "judges"),
        judges_reading=(metrics.get("judges") or {}).get("reading"),
        others=facts.other_pairs(metrics),
        network=facts.network_pairs(metrics),
        environment=facts.environment_pairs(metrics),
        settings=_settings(config),
    )


def _has_result(run_dir: Path, metrics: Mapping[str, Any]) -> bool:
    """Whether the run came to what it was for, whichever experiment it was."""
    images = run_dir / "images"
    in_numbers = any(metrics.get(experiment.name) for experiment in KINDS)
    return in_numbers or any(images.glob("result*.png"))


def _pictures(folder: Path, metrics: Mapping[str, Any]) -> list[Shown]:
    """The pictures in the panel's order, then those it does not know."""
    known = picture_titles(folder, metrics)
    rest = sorted({path.stem for path in folder.glob("*.png")} - {stem for stem, *_ in known})
    # They stand on the contact sheet.
    rest = [stem for stem in rest if not stem.startswith("iteration_")]
    found = []
    for stem, title, note in [*known, *((stem, stem.replace("_", " "), "") for stem in rest)]:
        picture = Embedded.of(folder / f"{stem}.png")
        if picture is not None:
            notes = filter(None, (note, facts.clipped_note(metrics, stem)))
            found.append(Shown(picture, title, ", ".join(notes)))
    return found


def _versus(folder: Path) -> tuple[Shown, Shown] | None:
    """What the result is to be laid over: the target where there is one, else the source."""
    name = "target" if (folder / "target.png").exists() else "source"
    before, after = Embedded.of(folder / f"{name}.png"), Embedded.of(folder / "result.png")
    if before is None or after is None:
        return None
    if (before.width, before.height) != (after.width, after.height):
        return None
    return Shown(before, name), Shown(after, "result")


def _plots(folder: Path, metrics: Mapping[str, Any]) -> list[Shown]:
    """Every figure but the panel and the contact sheet, which have places of their own."""
    order = [f"loss_{row.get('stage')}" for row in metrics.get("stages") or ()]

    def place(path: Path) -> tuple[int, str]:
        return (order.index(path.stem) if path.stem in order else len(order), path.stem)

    found = []
    for path in sorted(folder.glob("*.png"), key=place):
        figure = Embedded.of(path)
        if path.stem not in ("panel", "contact_sheet") and figure is not None:
            found.append(Shown(figure, plot_title(path.stem)))
    return found


def plot_title(stem: str) -> str:
    """The words above `plots/<stem>.png`."""
    stage = stem.removeprefix("loss_")
    return stem.replace("_", " ") if stage == stem else f"Loss curves: {stage_name(stage)}"


def _settings(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """What differs from the defaults and the command that repeats it, or all settings if the
    defaults of this version do not apply."""
    if not config:
        return None
    everything = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
    try:
        changed = differences(config)
        command = repeat_command(config)
    except ConfigError as error:
        return {"changed": None, "command": None, "all": everything, "why": str(error)}
    columns = [Column("setting"), Column("value"), Column("default")]
    rows = [texts([c.setting, word(c.value), word(c.default)]) for c in changed]
    return {
        "changed": (columns, rows),
        "command": command,
        "all": everything,
        "automatic": settings(config).get("network.weights") == "auto"
        and experiment_named(str(config["experiment"])).takes_setting("network.weights"),
    }
