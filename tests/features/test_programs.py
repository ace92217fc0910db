"""Passes that are called by their tensors."""

from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from decouple.features.programs import Direct


class Pair(NamedTuple):
    one: tf.Tensor
    other: tuple[tf.Tensor, ...]


class Counted:
    """A pass that counts how often it is traced."""

    def __init__(self):
        self.traced = 0

    def __call__(self, pair, factor):
        self.traced += 1
        return pair.one * factor + sum(pair.other), pair


def images(*shape, others=1):
    rng = np.random.default_rng(0)
    made = [tf.constant(rng.random(shape), tf.float32) for _ in range(1 + others)]
    return Pair(made[0], tuple(made[1:]))


@pytest.fixture
def counted():
    return Counted()


def test_one_trace_serves_all_sizes_and_batches(counted):
    direct = Direct(counted)
    for shape in ((1, 4, 5, 3), (1, 9, 2, 3), (7, 4, 5, 3)):
        pair = images(*shape)
        made, same = direct(pair, tf.constant(2.0))
        np.testing.assert_array_equal(made, pair.one * 2 + pair.other[0])
        assert isinstance(same, Pair)
        np.testing.assert_array_equal(same.other[0], pair.other[0])
    assert counted.traced == 1


def test_the_function_behind_it_does_the_same(counted):
    direct, pair = Direct(counted), images(1, 4, 5, 3)
    by_tensors, searched = (run(pair, tf.constant(3.0))[0] for run in (direct, direct.function))
    np.testing.assert_array_equal(by_tensors, searched)


def test_another_structure_is_traced_anew(counted):
    direct = Direct(counted)
    for others in (1, 3, 1):
        pair = images(1, 4, 5, 3, others=others)
        made, _ = direct(pair, tf.constant(1.0))
        np.testing.assert_allclose(made, pair.one + sum(pair.other), rtol=1e-6)
    assert counted.traced == 2


@pytest.mark.parametrize("factor", [2.0, np.float32(2)])
def test_what_is_no_tensor_is_left_to_tensorflow(counted, factor):
    pair = images(1, 4, 5, 3)
    made, _ = Direct(counted)(pair, factor)
    np.testing.assert_array_equal(made, pair.one * 2 + pair.other[0])


def test_within_another_program_it_becomes_part_of_that(counted):
    direct, pair = Direct(counted), images(1, 4, 5, 3)
    outer = tf.function(lambda pair: direct(pair, tf.constant(2.0))[0])
    np.testing.assert_array_equal(outer(pair), pair.one * 2 + pair.other[0])
    assert counted.traced == 1
