import errno
import json
import os
from itertools import combinations

import numpy as np
import pytest

from decouple import images
from decouple.errors import RunFolderError
from decouple.flows.trace import StepReport
from decouple.record.history import History
from decouple.report import panel, style
from decouple.report.curves import FLOOR, plot_losses
from decouple.report.panel import Picture, picture_grid, plot_panel, run_pictures
from decouple.report.steps import steps_figure

LAYERS = ("block1_conv1", "block2_conv1")
METRICS = {
    "experiment": "self_transfer",
    "seed": 3,
    "network": {
        "name": "vgg19",
        "weights": "calibrated",
        "weights_digest": "0123456789",
        "activation": "softplus",
        "pooling": "average",
    },
    "image": {"height": 16, "width": 24},
    "difference_gain": 1000,
    "stages": [
        {"stage": "noisify_source", "layer": layer, "image_change_psnr_db": 20.0 + k}
        for k, layer in enumerate(LAYERS)
    ],
    "self_transfer": {"psnr_db": 141.26},
}


def write_history(folder, stages=("impose",), lowest=1e-15):
    with History(folder, LAYERS) as history:
        for stage in stages:
            for k, layer in enumerate(LAYERS):
                for step in range(1, 9):
                    mse = {layer: max(10.0 ** (-2 * step), lowest)}
                    if k:
                        mse[LAYERS[0]] = lowest
                    history(StepReport(stage, layer, step / 8, 6 * step, 0.1 * step, mse))


def write_metrics(folder, **changes):
    (folder / "metrics.json").write_text(json.dumps({**METRICS, **changes}))


def write_image(folder, name, value=0.5, shape=(16, 24, 3)):
    (folder / "images").mkdir(exist_ok=True)
    images.save(np.full(shape, value), folder / "images" / f"{name}.png")


def count(pixels, colour):
    """How many pixels have this very colour, `#RRGGBB`."""
    wanted = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    return int((np.rint(pixels * 255) == wanted).all(axis=2).sum())


def test_each_stage_gets_a_figure_with_the_layers_colours(tmp_path):
    write_history(tmp_path, ("reference", "impose"))
    write_metrics(tmp_path)
    written = plot_losses(tmp_path)
    assert [path.name for path in written] == ["loss_reference.png", "loss_impose.png"]
    assert sorted((tmp_path / "plots").iterdir()) == sorted(written)
    drawn = images.load(written[0]).pixels
    for layer in LAYERS:
        assert count(drawn, style.layer_colour(layer)) > 300
    assert count(drawn, style.layer_colour("block3_conv1")) == 0
    first = [path.read_bytes() for path in written]
    assert b"Software" not in first[0]  # whose version would change the bytes
    assert [path.read_bytes() for path in plot_losses(tmp_path)] == first


def test_one_run_in_the_manner_of_the_thesis(tmp_path):
    """A panel a stage; its labels can be read, though the axes span less than two decades."""
    write_history(tmp_path, ("noisify_source", "noisify_target", "impose", "noisify_result"), 1e-3)
    write_metrics(tmp_path, stages=thresholds(1e-2, 1e-1))
    with style.context():
        figure = steps_figure({"run": tmp_path}, "Losses")
        figure.canvas.draw()
        titles = [axes.get_title() for axes in figure.axes]
        assert titles[:3] == ["source noisification", "target noisification", "imposition"]
        for axes in figure.axes:
            for axis in (axes.xaxis, axes.yaxis):
                ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
                inside = [t.label1 for t in ticks if axis.get_view_interval()[0] <= t.get_loc()]
                boxes = [label.get_window_extent() for label in inside if label.get_text()]
                assert len(boxes) >= 2
                pairs = combinations(boxes, 2)
                assert not any(one.overlaps(other) for one, other in pairs)


def drawn_figure(monkeypatch, tmp_path):
    """The figure itself, for what cannot be read off its pixels."""
    kept = []
    monkeypatch.setattr(style, "save_figure", lambda figure, path: kept.append(figure) or path)
    plot_losses(tmp_path)
    (figure,) = kept
    return figure


@pytest.mark.parametrize(
    ("features", "label"),
    [
        (None, "feature MSE (activation²)"),
        ({"name": "means"}, "feature MSE (activation²)"),
        ({"name": "gram", "most": 9}, "feature MSE"),
        ({"name": "pixel_moments", "orders": 4, "of": "colours"}, "feature MSE"),
        ({"name": "a_plugin_of_somebody"}, "feature MSE"),
    ],
)
def test_axes_have_the_unit_of_the_features(tmp_path, monkeypatch, features, label):
    write_history(tmp_path)
    write_metrics(tmp_path, **({} if features is None else {"features": features}))
    assert drawn_figure(monkeypatch, tmp_path).axes[0].get_ylabel() == label


def thresholds(*values):
    """Rows of metrics.json whose loss was descended to these thresholds, layer by layer."""
    return [
        {"stage": "impose", "layer": layer, "threshold": value}
        for layer, value in zip(LAYERS, values, strict=True)
    ]


def test_figure_says_what_is_drawn(tmp_path, monkeypatch):
    write_history(tmp_path)
    write_metrics(tmp_path, stages=thresholds(1e-12, 1e-6))
    figure = drawn_figure(monkeypatch, tmp_path)
    assert [axes.get_title() for axes in figure.axes] == [f"{layer} moves" for layer in LAYERS]
    assert {axes.get_yscale() for axes in figure.axes} == {"log"}
    assert figure.axes[0].get_ylabel() == "feature MSE (activation²)"
    assert figure.axes[0].get_xlabel() == "network passes"
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [*LAYERS, "threshold of the loss"]
    (active, threshold) = figure.axes[0].lines
    assert list(active.get_xdata()) == [6 * step for step in range(1, 9)]
    assert set(threshold.get_ydata()) == {1e-12}
    assert set(figure.axes[1].lines[-1].get_ydata()) == {1e-6}
    words = " ".join(text.get_text().replace("\n", " ") for text in figure.texts)
    assert style.caption(METRICS) in words
    assert "Imposition, experiment self_transfer" in words


def test_a_range_below_a_decade_is_widened_to_decades(tmp_path, monkeypatch):
    with History(tmp_path, LAYERS) as history:
        for step, mse in ((1, 0.069), (2, 0.065)):
            history(StepReport("impose", LAYERS[0], step / 2, 6 * step, 0.1, {LAYERS[0]: mse}))
    figure = drawn_figure(monkeypatch, tmp_path)
    assert figure.axes[0].get_ylim() == pytest.approx((0.01, 0.1))


@pytest.mark.parametrize(
    ("limits", "widened"),
    [((2e-3, 4e-2), (1e-3, 1e-1)), ((1e-2, 5e-2), (1e-2, 1e-1)), ((2e-4, 5e-2), (2e-4, 5e-2))],
)
def test_two_powers_of_ten_tell_a_scale(limits, widened):
    axes = style.new_figure(3, 2).subplots()
    axes.set_yscale("log")
    axes.set_ylim(*limits)
    style.widen_to_decades(axes)
    assert axes.get_ylim() == pytest.approx(widened)


def test_only_a_positive_finite_threshold_of_this_stage_is_drawn(tmp_path, monkeypatch):
    write_history(tmp_path)
    elsewhere = [{"stage": "noisify_source", "layer": LAYERS[0], "threshold": 1e-3}]
    write_metrics(tmp_path, stages=[*elsewhere, *thresholds(None, 0.0)])
    figure = drawn_figure(monkeypatch, tmp_path)
    assert [len(axes.lines) for axes in figure.axes] == [1, 2]  # a curve for each tracked layer
    assert len(figure.legends[0].get_texts()) == 2


def test_zero_is_drawn_at_the_floor_and_the_caption_says_so(tmp_path, monkeypatch):
    write_history(tmp_path, lowest=0.0)
    figure = drawn_figure(monkeypatch, tmp_path)  # no metrics.json: the run was interrupted
    held = figure.axes[1].lines[0]
    assert set(held.get_ydata()) == {FLOOR}
    words = " ".join(text.get_text().replace("\n", " ") for text in figure.texts)
    assert "Values below 1e-18, zero included, are drawn at 1e-18." in words
    assert len(figure.legends[0].get_texts()) == 2  # no threshold is known


def test_five_layers_wrap_and_nothing_is_cut_off(tmp_path, monkeypatch):
    layers = [f"block{k}_conv1" for k in range(1, 6)]
    with History(tmp_path, layers) as history:
        for layer in layers:
            history(StepReport("impose", layer, 1.0, 1, 0.1, dict.fromkeys(layers, 1e-9)))
    write_metrics(tmp_path)
    figure = drawn_figure(monkeypatch, tmp_path)
    with style.context():
        figure.canvas.draw()
    assert len(figure.axes) == 5
    width, height = figure.canvas.get_width_height()
    texts = [*figure.texts, *figure.legends[0].get_texts()]
    texts += [axes.yaxis.label for axes in figure.axes] + [axes.title for axes in figure.axes]
    for text in texts:
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= width
        assert box.y1 <= height
    legend = figure.legends[0].get_window_extent()
    assert not any(legend.overlaps(axes.get_tightbbox()) for axes in figure.axes)
    assert not any(legend.overlaps(text.get_window_extent()) for text in figure.texts)


def test_no_history_no_figure(tmp_path):
    assert plot_losses(tmp_path) == []


def test_panel_shows_the_pictures_in_order(tmp_path):
    for name in ("source", "result", "difference", "noisified_2_block2_conv1"):
        write_image(tmp_path, name)
    write_image(tmp_path, "noisified_1_block1_conv1")
    entries = run_pictures(tmp_path, METRICS)
    assert [(entry.title, entry.note) for entry in entries] == [
        ("source", ""),
        ("noisified 1: block1_conv1", "PSNR 20.0 dB to picture before"),
        ("noisified 2: block2_conv1", "PSNR 21.0 dB to picture before"),
        ("result", "PSNR 141.3 dB to source"),
        ("|result − source| × 1,000", ""),
    ]


def test_ten_noisified_pictures_are_ordered_by_number(tmp_path):
    for k in (10, 2, 1):
        write_image(tmp_path, f"noisified_{k}_block1_conv1")
    titles = [entry.title for entry in run_pictures(tmp_path, {})]
    assert [title.split()[1] for title in titles] == ["1:", "2:", "10:"]


def test_transfer_panel_has_the_target_and_claims_no_psnr(tmp_path):
    for name in ("source", "target", "result"):
        write_image(tmp_path, name)
    for role in ("source", "target"):
        for k, layer in enumerate(LAYERS, start=1):
            write_image(tmp_path, f"noisified_{role}_{k}_{layer}")
    both = [
        {"stage": stage, "layer": "block1_conv1", "image_change_psnr_db": 20.0}
        for stage in ("noisify_source", "noisify_target")
    ]
    entries = run_pictures(tmp_path, {"stages": both})
    assert [entry.title for entry in entries] == [
        "source",
        "target",
        "noisified source",
        "noisified target",
        "result",
    ]
    assert not any(entry.note for entry in entries)


def test_panel_is_drawn_the_same_each_time(tmp_path):
    write_image(tmp_path, "source", 0.2)
    write_image(tmp_path, "result", 0.8)
    write_metrics(tmp_path)
    path = plot_panel(tmp_path)
    assert path == tmp_path / "plots" / "panel.png"
    drawn = images.load(path).pixels
    assert drawn.shape[1] > 600
    # Both pictures keep their proportions: 16 x 24 pixels, each over two inches wide.
    for grey in ("#333333", "#CCCCCC"):
        mask = (np.rint(drawn * 255) == int(grey[1:3], 16)).all(axis=2)
        # More than a few, because the edges of letters are grey too.
        rows, columns = (np.nonzero(mask.sum(axis=axis) > 50)[0] for axis in (1, 0))
        assert np.ptp(columns) > 2 * style.DPI
        assert np.ptp(rows) / np.ptp(columns) == pytest.approx(16 / 24, abs=0.01)
    before = path.read_bytes()
    plot_panel(tmp_path)
    assert path.read_bytes() == before


def test_panel_of_no_pictures_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no pictures"):
        plot_panel(tmp_path)


@pytest.mark.parametrize(("number", "lines"), [(1, 1), (4, 1), (5, 2), (9, 3)])
def test_grid_wraps_and_keeps_inside_the_page(number, lines):
    shapes = [(8, 8, 3), (10, 24, 3), (24, 10, 3)]
    entries = [
        Picture(f"picture {k}", np.zeros(shapes[k % 3]), "a note " * (k % 2)) for k in range(number)
    ]
    figure = picture_grid(entries, caption="caption")
    boxes = [axes.get_position() for axes in figure.axes]
    assert len({round(box.y1, 6) for box in boxes}) == lines
    assert figure.get_size_inches()[0] <= style.PAGE_INCHES
    for k, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.y0 > 0.03
        assert box.y1 < 1
        width, height = np.array([box.width, box.height]) * figure.get_size_inches()
        assert height / width == pytest.approx(shapes[k % 3][0] / shapes[k % 3][1])
        assert not any(box.overlaps(other) for other in boxes[:k])


def test_difference_without_a_known_gain_claims_none():
    assert panel._difference_title({}) == "|result − source|, amplified"


def test_colours_tell_layers_apart_and_stay_the_same():
    looks = [style.layer_look(f"block{b}_conv{c}") for b in range(1, 6) for c in range(1, 5)]
    assert len({(colour, str(dashes)) for colour, dashes in looks}) == 20
    assert style.layer_look("block2_conv1", 0) == style.layer_look("block2_conv1", 7)
    assert style.layer_colour("relu", 0) != style.layer_colour("relu", 1)


def test_caption_leaves_out_what_is_unknown():
    assert style.caption(METRICS) == (
        "vgg19, weights calibrated (01234567), activation softplus, pooling average, "
        "image 16 pixels high and 24 wide, seed 3"
    )
    assert style.caption({"seed": 0, "network": None}) == "seed 0"


def test_settings_do_not_leak():
    import matplotlib

    matplotlib.rcParams["font.size"] = 17
    try:
        with style.context():
            assert matplotlib.rcParams["font.size"] == 9
            assert matplotlib.rcParams["lines.linestyle"] == "-"
        assert matplotlib.rcParams["font.size"] == 17
    finally:
        matplotlib.rcdefaults()


def test_full_disk_leaves_no_half_figure(tmp_path, monkeypatch):
    def no_space(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    figure = style.new_figure(1, 1)
    monkeypatch.setattr("os.replace", no_space)
    with pytest.raises(RunFolderError, match=r"a\.png': No space left on device"):
        style.save_figure(figure, tmp_path / "plots" / "a.png")
    assert list((tmp_path / "plots").iterdir()) == []
