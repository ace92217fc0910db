"""Frames in motion: which are kept of many, and what is written of them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decouple.errors import ImageError
from decouple.images.animation import Frames, can_write_mp4, save_animation

# In place of ffmpeg: it keeps what it was told, and what it was given.
FFMPEG = """#!{python}
import pathlib, sys
arguments = sys.argv[1:]
given = sys.stdin.buffer.read()
if {fails}:
    sys.exit("first line\\nUnknown encoder")
pathlib.Path(arguments[-1]).write_bytes(" ".join(arguments).encode() + b"|" + given)
"""


@pytest.fixture
def ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put something called ffmpeg, which may fail, where programs are found; or nothing."""

    def put(fails: bool | None) -> None:
        folder = tmp_path / "programs"
        folder.mkdir()
        if fails is not None:
            program = folder / "ffmpeg"
            program.write_text(FFMPEG.format(python=sys.executable, fails=fails))
            program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return put


def level(frame: np.ndarray) -> int:
    return int(frame[0, 0, 0])


@pytest.mark.parametrize("most", [4, 5, 96])
@pytest.mark.parametrize("count", [1, 4, 5, 6, 37, 200])
def test_frames_are_bounded_and_even_and_end_with_the_last(most: int, count: int) -> None:
    frames = Frames(9, 8, most)
    for n in range(count):
        frames.add(np.full((9, 8, 3), n / 255))
        assert len(frames._kept) <= most
    kept = [level(frame) for frame in frames.kept]
    assert (kept[0], kept[-1]) == (0, count - 1)
    assert len(kept) <= most + 1
    gaps = np.diff(kept[:-1])
    assert len(set(gaps)) <= 1
    assert len(kept) >= min(count, most // 2)


def test_frames_have_one_size() -> None:
    frames = Frames(40, 60, side=30)
    frames.add(np.full((40, 60, 3), 0.2))
    frames.add(np.full((20, 30, 3), 0.4))  # a coarser scale
    frames.add(np.full((60, 40, 3), 0.6))  # another picture
    frames.add(np.full((40, 60, 3), np.nan))
    assert [frame.shape for frame in frames.kept] == [(20, 30, 3)] * 2
    assert [level(frame) for frame in frames.kept] == [51, 102]


def test_the_last_frame_is_not_the_flows_own() -> None:
    frames, image = Frames(8, 8, most=1), np.zeros((8, 8, 3))
    for _ in range(4):
        frames.add(image)
    image[:] = 1
    assert level(frames.kept[-1]) == 0


@pytest.mark.parametrize("lossless", [True, False])
def test_a_webp(lossless: bool, tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 24 * 16 * 3).reshape(16, 24, 3)
    save_animation([ramp, 1 - ramp], tmp_path / "a.webp", 40, lossless=lossless)
    with Image.open(tmp_path / "a.webp") as animation:
        assert (animation.n_frames, animation.size, animation.info["loop"]) == (2, (24, 16), 0)
        off = np.abs(np.asarray(animation.convert("RGB")) / 255 - ramp).max()
    assert off < (1 / 255 if lossless else 0.2)


def test_an_mp4_is_what_ffmpeg_makes_of_the_frames(ffmpeg, tmp_path: Path) -> None:
    ffmpeg(fails=False)
    frame = np.arange(7 * 9 * 3, dtype=np.uint8).reshape(7, 9, 3)
    assert can_write_mp4()
    save_animation([frame, frame], tmp_path / "a.mp4", 40)
    told, given = (tmp_path / "a.mp4").read_bytes().split(b"|", 1)
    assert b"-f rawvideo -pix_fmt rgb24 -s 9x7 -r 25 -i -" in told
    assert given == 2 * frame.tobytes()


@pytest.mark.parametrize(
    ("fails", "said"), [(True, "ffmpeg says: Unknown encoder"), (None, "ffmpeg is not installed")]
)
def test_without_an_mp4_nothing_is_left(fails, said, ffmpeg, tmp_path: Path) -> None:
    ffmpeg(fails)
    assert can_write_mp4() is (fails is not None)
    with pytest.raises(ImageError, match=said):
        save_animation([np.zeros((8, 8, 3))], tmp_path / "a.mp4", 40)
    assert [path.name for path in tmp_path.iterdir()] == ["programs"]
