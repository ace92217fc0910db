import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from decouple.flows.trace import StepReport
from decouple.record.closing import closing_table, recovered
from decouple.record.progress import Progress, duration, stage_name


def report(fraction, stage="noisify_source", layer="block2_conv1", passes=12):
    mse = {"block1_conv1": 3.4e-16, "block2_conv1": 1.2e-5}
    return StepReport(stage, layer, fraction, passes, 60.0, mse)


def console(terminal, width=80):
    return Console(
        file=io.StringIO(),
        force_terminal=terminal,
        width=width,
        color_system="standard" if terminal else None,
        legacy_windows=False,
        _environ={},
    )


def plain(text):
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def test_without_a_terminal_one_plain_line_for_each_finished_layer():
    shown = console(terminal=False)
    with Progress(shown) as progress:
        for fraction in (0.25, 0.5, 1.0):
            progress(report(fraction))
        assert shown.file.getvalue() == ""
        progress(report(0.5, stage="impose"))
        progress.say("a note with [brackets]")
    text = shown.file.getvalue()
    assert "\x1b" not in text
    assert "\r" not in text
    assert text.splitlines() == [
        "source noisification, block2_conv1: 100 % of the path, MSE 1.2e-05, "
        "held layers at most 3.4e-16, 12 passes, 60.0 s",
        "a note with [brackets]",
        "imposition, block2_conv1: 50 % of the path, MSE 1.2e-05, "
        "held layers at most 3.4e-16, 12 passes, 60.0 s",
    ]


def test_how_far_long_work_is_is_printed_now_and_then(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("decouple.record.progress.time.monotonic", lambda: now[0])
    shown = console(terminal=False)
    with Progress(shown) as progress:
        for number in range(25):
            progress.show(f"{number} of 25 [pictures]")
            now[0] += 1
    assert shown.file.getvalue().splitlines() == [f"{n} of 25 [pictures]" for n in (0, 10, 20)]


def test_how_far_long_work_is_stands_in_the_live_line():
    shown = console(terminal=True)
    with Progress(shown) as progress:
        progress.show("12 of 25 pictures")
        assert plain(str(progress._active_line())) == "12 of 25 pictures"
        progress.show("13 of 25\x1b[31m pictures")
        assert "\x1b" not in str(progress._active_line())
    assert "13 of 25" not in plain(shown.file.getvalue()).splitlines()[-1:]


def test_default_console_obeys_the_pipe_not_the_environment(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Progress() as progress:
        progress(report(1.0))
    said = capsys.readouterr()
    assert said.out == ""
    assert "\x1b[?25l" not in said.err
    assert "source noisification, block2_conv1" in plain(said.err)


@pytest.mark.parametrize("name", ["sample:rocket:", "runs:art:/a.png", "[red]x[/red]"])
def test_names_are_shown_as_they_are(name, tmp_path, monkeypatch, capsys):
    """And no emoji or colours."""
    monkeypatch.chdir(tmp_path)
    folder = Path(name.replace("/", "-"))
    folder.mkdir()
    (folder / "report.html").touch()
    with Progress() as progress:
        progress.say(f"{name} colours converted")
    progress.console.print(closing_table({"stages": []}, folder))
    said = capsys.readouterr().err
    assert f"{name} colours converted" in said
    assert str(folder / "report.html") in said


@pytest.mark.parametrize("width", [80, 120])
def test_in_a_terminal_finished_layers_stay_with_a_mark(width):
    shown = console(terminal=True, width=width)
    with Progress(shown) as progress:
        progress(report(0.5))
        progress(report(1.0))
        progress(report(0.25, stage="impose"))
    lines = re.split(r"[\r\n]", plain(shown.file.getvalue()))
    assert all(len(line) <= width for line in lines)
    finished = [line for line in lines if line.startswith(("✓", "–"))]
    assert len(finished) == 2
    assert finished[0].startswith("✓ source noisification block2_conv1 ━")
    assert finished[0].rstrip().endswith("1.2e-05 3.4e-16      12   0:01:00")
    assert finished[1].startswith("– imposition")  # it ended a quarter of the way
    assert "\x1b[?25h" in shown.file.getvalue()  # the cursor is given back


def test_time_left_follows_from_the_fraction():
    shown = console(terminal=True)
    with Progress(shown) as progress:
        progress(report(0.25))
        progress.say("a note")
        progress._live.refresh()
    assert "0:03:00" in plain(shown.file.getvalue())


def test_exception_gives_the_terminal_back():
    shown = console(terminal=True)

    def fails():
        with Progress(shown) as progress:
            progress(report(0.5))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert "\x1b[?25h" in shown.file.getvalue()
    assert "– source noisification" in plain(shown.file.getvalue())


def test_stages_have_human_names():
    assert stage_name("noisify_target") == "target noisification"
    assert stage_name("reference") == "noise reference"
    assert stage_name("some_other") == "some other"


def test_durations():
    assert duration(3723.4) == "1:02:03"
    assert duration(None) == duration(float("nan")) == "-:--:--"


METRICS = {
    "stages": [
        {
            "stage": stage,
            "layer": layer,
            "stop_reason": "step_collapse",
            "passes": 12345,
            "seconds": 1234.56,
            "feature_mse": {"block1_conv1": 1.2e-16, "block2_conv1": 3.3e-15, "block3_conv1": None},
            "image_change_psnr_db": None if stage == "reference" else 23.12,
        }
        for stage in ("reference", "noisify_source", "impose")
        for layer in ("block1_conv1", "block2_conv1")
    ],
    "self_transfer": {
        "psnr_db": 132.123,
        "max_error_8bit": 0.00321,
        "differing_pixels_8bit": 0.0001,
        "excursion_recovered": 1 - 3e-7,
    },
}


@pytest.mark.parametrize("width", [80, 120])
def test_closing_table_is_legible(width, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path("runs/self_transfer/20000101-000000-abcdef")
    (folder / "images").mkdir(parents=True)
    for name in ("images/result.png", "report.html"):
        (folder / name).touch()
    shown = console(terminal=False, width=width)
    shown.print(closing_table(METRICS, folder))
    text = shown.file.getvalue()
    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text
    assert text.count("step collapse") == 6
    assert text.count("block2_conv1") == 3
    rows = [line for line in text.splitlines() if "block2_conv1" in line]
    assert rows[0].split()[-5:] == ["12345", "1234.6", "3.3e-15", "1.2e-16", "–"]
    assert rows[1].split()[-1] == "23.1"
    for part in (
        "132.12 dB PSNR",
        "excursion recovered 1 − 3.0e-07",
        "largest error 0.00321 levels",
        "differing values 0.01 %",
        "runs/self_transfer/20000101-000000-abcdef/images/result.png",
        "runs/self_transfer/20000101-000000-abcdef/report.html",
    ):
        assert part in text


def test_closing_table_names_what_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path("[a]")
    folder.mkdir()
    (folder / "report.html").touch()
    shown = console(terminal=False)
    shown.print(closing_table({"stages": []}, folder))
    assert f"report         {folder / 'report.html'}" in shown.file.getvalue()
    assert "result" not in shown.file.getvalue()


def test_closing_table_without_numbers_says_so():
    shown = console(terminal=False)
    shown.print(
        closing_table({"stages": [{"stage": "impose"}], "self_transfer": {"psnr_db": None}})
    )
    assert "– dB PSNR" in shown.file.getvalue()
    assert "imposition" in shown.file.getvalue()


def test_recovered_share_near_one_tells_what_it_lacks():
    assert recovered(1 - 2e-8) == "1 − 2.0e-08"
    assert recovered(0.875) == "0.8750"
    assert recovered(1.0) == "1.0000"
