"""A picture taken off through two layers and put back, for tests of what it leaves."""

import pytest

from decouple.stages import impose, noise_reference, noisify


@pytest.fixture(scope="module")
def two(extractor):
    return extractor(2)


@pytest.fixture(scope="module")
def source(photograph):
    return photograph(32, 44)


@pytest.fixture(scope="module")
def reference(two):
    return noise_reference(two, (32, 44), seed=3)


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def seen():
    return []


@pytest.fixture(scope="module")
def taken(two, source, reference, told, seen):
    return noisify(
        source,
        two,
        reference,
        observer=told.append,
        on_layer=lambda layer, image: seen.append((layer, image)),
    )


@pytest.fixture(scope="module")
def put_back(two, taken, reference):
    return impose(taken.image, taken.features, two, reference)
