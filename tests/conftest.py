"""Networks and pictures that many tests share."""

import gc
import os

# Before TensorFlow is imported: its start-up lines are not errors of ours.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys
import tempfile

if "PYTEST_XDIST_WORKER" in os.environ:
    # Processes of tests share the cores: threads of one would wait for those of the others.
    for threads in ("TF_NUM_INTRAOP_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(threads, "1")
else:
    # One cache for all processes of the tests, which leaves the user's alone.
    CACHE = tempfile.TemporaryDirectory(prefix="decouple-cache-")
    os.environ["DECOUPLE_CACHE"] = CACHE.name

from collections import Counter
from functools import lru_cache

import numpy as np
import pytest


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests of a file run in one process: networks and runs that they share are made once."""
    if config.getoption("dist") != "load":
        return None  # somebody chose another way
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)


def pytest_collection_modifyitems(items):
    """Files with slow tests first: no process is left alone with one at the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


def pytest_collection_finish():
    """What is imported by now stays: Python need not look through it for garbage again and again,
    which took a twentieth of the time of all tests."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def homeless(monkeypatch):
    """A user whom the system does not know, without HOME."""
    pwd = pytest.importorskip("pwd")

    def unknown(_):
        raise KeyError("no such user")

    for name in ("HOME", "KERAS_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.fixture
def own_modules(tmp_path, monkeypatch):
    """A folder for modules of the user's; what they register is forgotten afterwards."""
    from decouple import experiments, families, flow_kinds

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for known in (experiments.KINDS, families.FAMILIES, flow_kinds.FLOWS):
        monkeypatch.setattr(known, "_held", dict(known._held))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture(scope="session")
def calibrated_weights():
    """Calibrated numbers of VGG-19 up to block3_conv1 (softplus, average)."""
    from decouple.networks.architecture import VGG19
    from decouple.networks.calibration import calibrate

    return calibrate(VGG19, "block3_conv1")


@pytest.fixture(scope="session")
def chain(calibrated_weights):
    """chain(last, activation, pooling, dtype): a chain over the shared numbers.

    All kinds share the numbers calibrated for softplus and average pooling: what is tested with
    them (that derivatives are derivatives) does not depend on the calibration.
    """
    from decouple.networks.activations import Activation
    from decouple.networks.architecture import VGG19
    from decouple.networks.chain import Chain
    from decouple.networks.pooling import Pooling

    @lru_cache
    def build(last="block2_conv1", activation="softplus", pooling="average", dtype="float32"):
        return Chain(
            VGG19,
            last,
            calibrated_weights,
            Activation.named(activation),
            Pooling.named(pooling),
            0.1,
            dtype,
        )

    return build


@pytest.fixture(scope="session")
def extractor(chain):
    """extractor(layers, dtype, ...): channel means, compiled once for each kind."""
    from decouple.features import ChannelMeans

    @lru_cache
    def build(layers=2, dtype="float32", activation="softplus", pooling="average"):
        last = f"block{layers}_conv1"
        return ChannelMeans(chain(last, activation, pooling, dtype), layers)

    return build


@pytest.fixture(scope="session")
def pink():
    """pink(height, width, seed): a smooth random colour picture in [0, 1], float64."""

    def build(height, width, seed=0):
        rng = np.random.default_rng(seed)
        rows, columns = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :]
        frequency = np.hypot(rows, columns)
        frequency[0, 0] = np.inf
        spectrum = np.fft.fft2(rng.standard_normal((height, width, 3)), axes=(0, 1))
        picture = np.fft.ifft2(spectrum / frequency[..., None], axes=(0, 1)).real
        return np.clip(0.5 + 0.18 * picture / picture.std(), 0.0, 1.0)

    return build


@pytest.fixture(scope="session")
def photograph():
    """photograph(height, width): a cut-out of a real photograph in [0, 1], float64."""
    from decouple.images import load

    @lru_cache
    def build(height, width):
        pixels = load("sample:chelsea", size=max(height, width)).pixels
        cut = np.asarray(pixels[:height, :width], np.float64)
        assert cut.shape == (height, width, 3)
        cut.setflags(write=False)
        return cut

    return build


@pytest.fixture(scope="session")
def grained(photograph):
    """grained(height, width): a photograph under noise, whose features are easily moved."""
    from decouple.stages import noise_image

    def build(height, width):
        return 0.4 * photograph(height, width) + 0.6 * noise_image(height, width, seed=5)

    return build


@pytest.fixture
def other_filters(monkeypatch):
    """From here on, calibrated filters come out otherwise in their last bits."""
    from decouple.networks import calibration
    from decouple.pipeline.loaded import forget

    made = calibration._calibrated

    def rounded_elsewhere(*what):
        return {name: np.nextafter(array, np.float32(2)) for name, array in made(*what).items()}

    monkeypatch.setattr(calibration, "_calibrated", rounded_elsewhere)
    monkeypatch.setenv("DECOUPLE_CACHE", "off")
    forget()
    yield
    forget()
