import numpy as np
import pytest

from tests.features.rows import ONE, TWO


@pytest.fixture(scope="module")
def exact(extractor):
    return extractor(2, "float64")


@pytest.fixture(scope="module")
def masks():
    rng = np.random.default_rng(0)
    return {ONE: rng.random(64) < 0.7, TWO: rng.random(128) < 0.4}


@pytest.fixture(scope="module")
def masked(exact, masks):
    return exact.masked(masks)


@pytest.fixture(scope="module")
def kept(masks):
    return np.concatenate([masks[ONE], masks[TWO]])


@pytest.fixture(scope="module")
def image(pink):
    return pink(14, 19, seed=1)
