"""Which pictures a folder, a pattern or a list means, and their labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from decouple.errors import ConfigError, DecoupleError
from decouple.images.listing import ListedPicture, listed


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Names are all that is looked at."""
    for name in ("b.png", "a.JPG", "notes.txt", "cats/2.png", "cats/1.png", "dogs/1.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "above" / "within").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("photos", ["a.JPG", "b.png"]),
        ("photos/", ["a.JPG", "b.png"]),
        ("photos/*/*.png", ["cats/1.png", "cats/2.png", "dogs/1.png"]),
        ("photos/c*/[1]*", ["cats/1.png"]),
        ("photos/**/1.png", ["cats/1.png", "dogs/1.png"]),
        ("sample:astro*", ["sample:astronaut"]),
    ],
)
def test_the_pictures_of_a_folder_and_of_a_pattern(
    photos: Path, source: str, paths: list[str]
) -> None:
    found = listed(source)
    assert [picture.path for picture in found] == paths
    assert not any(picture.label for picture in found)
    absolute = source if source.startswith("sample:") else str(Path.cwd() / source)
    assert [picture.path for picture in listed(absolute)] == paths, "from any folder"


def test_a_list_names_files_from_its_folder_and_may_label_them(photos: Path) -> None:
    place = written(photos / "list.csv", 'label,path\ncat,./cats/1.png\n"d,o",dogs/1.png\n')
    assert listed(place) == [
        ListedPicture("cats/1.png", photos / "cats/1.png", "cat"),
        ListedPicture("dogs/1.png", photos / "dogs/1.png", "d,o"),
    ]
    plain = written(photos / "plain.csv", "\ufeffpath\ndogs/1.png\n")
    assert [(p.path, p.label) for p in listed(plain)] == [("dogs/1.png", "")]


def test_labels_of_a_folder(photos: Path) -> None:
    labels = written(photos / "labels.csv", "path,label\nb.png,1.5\na.JPG,no\n")
    assert [(p.path, p.label) for p in listed("photos", labels)] == [
        ("a.JPG", "no"),
        ("b.png", "1.5"),
    ]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("empty", "source=empty has no pictures"),
        ("above", "source=above holds folders only"),
        ("photos/*.tif", "has no pictures"),
        ("nowhere/*", "has no pictures"),
        ("photos/notes.txt", "is one file"),
    ],
)
def test_sources_without_pictures(photos: Path, source: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        listed(source)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path\n", "lists no pictures"),
        ("file\na.JPG\n", "has no column path"),
        ("path\na.JPG\ngone.png\n", "names files that are not there: 'gone.png'"),
        ("path\n" + "".join(f"{n}.png\n" for n in range(5)), "'2.png' and 2 more"),
        ("path\nb.png\n./b.png\n", "line 3: './b.png' is named twice"),
        ("path\nb.png\ncats/../b.png\n", "named twice"),
        ("path,label\nb.png,\n", "line 2: 'b.png' has no label"),
        ("path,label\n,cat\n", "line 2: there is no path"),
        ('path\n"b.png\n', "is no CSV file in UTF-8"),
    ],
)
def test_lists_that_cannot_be_used(photos: Path, text: str, words: str) -> None:
    place = written(photos / "list.csv", text)
    with pytest.raises(ConfigError, match=words) as refused:
        listed(place)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,label\nb.png,1\n", "has no label for 'a.JPG'"),
        ("path,label\na.JPG,1\nb.png,1\nc.png,1\n", "names what source=photos has not: 'c.png'"),
        ("path,label\na.JPG,1\nb.png,1\nb.png,2\n", "named twice"),
        ("path\na.JPG\nb.png\n", "has no column label"),
        ("", "has no column path and no column label"),
    ],
)
def test_labels_that_do_not_fit(photos: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        listed("photos", written(photos / "labels.csv", text))


def test_labels_that_are_no_text(photos: Path) -> None:
    (photos / "labels.csv").write_bytes(b"path,label\n\xff\xfe,1\n")
    with pytest.raises(ConfigError, match="no CSV file in UTF-8"):
        listed("photos", "photos/labels.csv")
    with pytest.raises(DecoupleError, match="photos"):
        listed("photos", "photos")
