import keras
import numpy as np
import pytest
from scipy.optimize import Bounds, minimize

from decouple.errors import ConfigError
from decouple.flows import KERAS, KerasOptimizer, Lbfgs, optimizer

SHAPE = (3, 4, 3)
SIZE = 36


@pytest.fixture(scope="module")
def start():
    return np.random.default_rng(0).random(SHAPE)


@pytest.fixture(scope="module")
def bowl():
    """A quadratic loss, 10 times as curved one way as the other."""
    rng = np.random.default_rng(1)
    q, _ = np.linalg.qr(rng.standard_normal((SIZE, SIZE)))
    matrix = q @ np.diag(np.geomspace(0.2, 2.0, SIZE)) @ q.T
    centre = rng.random(SIZE)

    def loss(image):
        away = image.ravel() - centre
        gradient = matrix @ away
        return 0.5 * float(away @ gradient), gradient.reshape(image.shape)

    return loss


def valley(image):
    """Rosenbrock's function along the rows of an image."""
    x = image.ravel()
    over = x[1:] - x[:-1] ** 2
    gradient = np.zeros_like(x)
    gradient[1:] += 200 * over
    gradient[:-1] -= 400 * over * x[:-1] + 2 * (1 - x[:-1])
    value = float(np.sum(100 * over**2 + (1 - x[:-1]) ** 2))
    return value, gradient.reshape(image.shape)


class Path(list):
    """A callback that keeps losses and images, and ends a run after so many."""

    def __init__(self, most):
        super().__init__()
        self._most = most

    def __call__(self, loss, image):
        self.append((loss, image.copy()))
        return len(self) >= self._most

    @property
    def images(self):
        return np.array([image for _, image in self])

    @property
    def losses(self):
        return np.array([loss for loss, _ in self])


def walked(scheme, loss, start, most):
    path = Path(most)
    return path, scheme.begin(start.shape).run(loss, start, path)


def keras_path(its_optimizer, loss, start, most):
    """What Keras does with its own variable, step by step."""
    variable = keras.Variable(start, dtype="float64")
    images = []
    for _ in range(most):
        gradient = loss(variable.numpy())[1]
        its_optimizer.apply([keras.ops.convert_to_tensor(gradient, "float64")], [variable])
        images.append(variable.numpy().copy())
    return np.array(images)


class TestKeras:
    @pytest.mark.parametrize("name", KERAS)
    def test_the_path_is_keras_s_own(self, name, bowl, start):
        kind = getattr(keras.optimizers, KERAS[name][0])
        expected = keras_path(kind(learning_rate=0.02), bowl, start, 12)
        path, end = walked(KerasOptimizer(name, learning_rate=0.02), bowl, start, 12)
        np.testing.assert_allclose(path.images, expected, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(end, path.images[-1])
        assert np.abs(end - start).max() > 1e-6

    @pytest.mark.parametrize("name", KERAS)
    def test_the_loss_falls(self, name, bowl, start):
        """With the learning rate that comes with the name."""

        def mean(image):
            value, gradient = bowl(image)
            return value / 12, gradient / 12

        path, _ = walked(optimizer(name), mean, start, 60)
        assert path.losses.min() < 0.7 * mean(start)[0]

    @pytest.mark.parametrize(
        ("decay", "schedule"),
        [
            ("exponential", keras.optimizers.schedules.ExponentialDecay(0.05, 4, 0.3)),
            ("steps", keras.optimizers.schedules.ExponentialDecay(0.05, 4, 0.3, staircase=True)),
            ("cosine", keras.optimizers.schedules.CosineDecay(0.05, 4)),
        ],
    )
    def test_so_are_the_schedules(self, decay, schedule, bowl, start):
        scheme = optimizer(
            "sgd", learning_rate=0.05, decay=decay, decay_iterations=4, decay_rate=0.3
        )
        path, _ = walked(scheme, bowl, start, 10)
        expected = keras_path(keras.optimizers.SGD(schedule), bowl, start, 10)
        np.testing.assert_allclose(path.images, expected, rtol=0, atol=1e-12)
        constant, _ = walked(optimizer("sgd", learning_rate=0.05), bowl, start, 10)
        assert np.abs(path.images - constant.images).max() > 1e-4

    def test_a_cosine_ends_at_rest(self, bowl, start):
        path, _ = walked(optimizer("sgd", decay="cosine", decay_iterations=4), bowl, start, 8)
        np.testing.assert_array_equal(path.images[4:], path.images[3:-1])

    def test_adam_by_its_formulas(self, bowl, start):
        """Kingma & Ba 2015, section 2: the form in which ε is not corrected."""
        path, _ = walked(KerasOptimizer("adam", learning_rate=0.03), bowl, start, 8)
        # Keras computes the correction from rates in float32.
        rate, first, second = (float(np.float32(number)) for number in (0.03, 0.9, 0.999))
        x, m, v = start, 0.0, 0.0
        for t, image in enumerate(path.images, start=1):
            g = bowl(x)[1]
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            corrected = rate * np.sqrt(1 - second**t) / (1 - first**t)
            x = x - corrected * m / (np.sqrt(v) + 1e-7)
            np.testing.assert_allclose(image, x, rtol=0, atol=1e-7)

    def test_options_are_passed_on(self, bowl, start):
        scheme = optimizer("sgd", learning_rate=0.02, options={"momentum": 0.9, "nesterov": True})
        path, _ = walked(scheme, bowl, start, 8)
        its_own = keras.optimizers.SGD(0.02, momentum=0.9, nesterov=True)
        np.testing.assert_allclose(
            path.images, keras_path(its_own, bowl, start, 8), rtol=0, atol=1e-12
        )

    def test_a_step_is_traced_once(self, bowl, start, monkeypatch):
        traced, apply = [], keras.optimizers.Adam.apply

        def counted(self, *what):
            traced.append(self)
            return apply(self, *what)

        monkeypatch.setattr(keras.optimizers.Adam, "apply", counted)
        descent = KerasOptimizer("adam", decay="exponential").begin(SHAPE)
        descent.run(bowl, start, Path(5))
        descent.run(bowl, start + 1, Path(5))
        assert len(traced) == 1

    def test_a_run_can_be_carried_on(self, bowl, start):
        """With its moments and its place in the schedule."""
        scheme = KerasOptimizer("adam", decay="exponential", decay_iterations=4)
        whole, _ = walked(scheme, bowl, start, 10)
        descent = scheme.begin(SHAPE)
        half = descent.run(bowl, start, Path(6))
        np.testing.assert_array_equal(descent.run(bowl, half, Path(4)), whole.images[-1])

    def test_each_descent_begins_anew(self, bowl, start):
        scheme = KerasOptimizer("adam")
        first, second = (walked(scheme, bowl, start, 4)[0].images for _ in range(2))
        np.testing.assert_array_equal(first, second)

    def test_images_and_losses_belong_together(self, bowl, start):
        path, _ = walked(KerasOptimizer("rmsprop"), bowl, start, 5)
        np.testing.assert_array_equal(path.losses, [bowl(x)[0] for x in path.images])

    def test_the_image_given_is_left_as_it_is(self, bowl, start):
        before = start.copy()
        walked(KerasOptimizer("sgd"), bowl, start, 3)
        np.testing.assert_array_equal(start, before)


class TestLearningRates:
    @pytest.mark.parametrize("name", KERAS)
    def test_those_of_gradients_that_are_not_normalized_grow_with_the_pixels(self, name):
        small, large = (KerasOptimizer(name).rate(shape) for shape in ((8, 6, 3), (16, 12, 3)))
        normalizes = name in ("adam", "adamax", "nadam", "rmsprop")
        assert large == pytest.approx(small if normalizes else 4 * small)
        assert small == pytest.approx(KERAS[name][1] * (1 if normalizes else 48))

    @pytest.mark.parametrize("name", KERAS)
    def test_one_that_is_given_is_taken_as_it_is(self, name):
        assert KerasOptimizer(name, learning_rate=0.7).rate((100, 100, 3)) == 0.7

    def test_keras_gets_it(self):
        assert float(KerasOptimizer("sgd").build((5, 7, 3)).learning_rate) == pytest.approx(3.5)

    @pytest.mark.parametrize("name", [k for k, (_, _, per_pixel) in KERAS.items() if per_pixel])
    def test_a_mean_over_more_pixels_descends_alike(self, name, start):
        """A picture repeated: the loss is the same, the gradient of each copy is a quarter."""

        def loss(image):
            return float(np.mean(np.square(image))), 2 * image / image.size

        tiled = np.tile(start, (2, 2, 1))
        once, _ = walked(KerasOptimizer(name), loss, start, 5)
        four, _ = walked(KerasOptimizer(name), loss, tiled, 5)
        if name == "sgd":
            np.testing.assert_allclose(four.losses, once.losses, rtol=1e-6)
        else:  # their moments begin at constants that no gradient scales
            np.testing.assert_allclose(four.losses, once.losses, rtol=0.5)
        assert four.losses[-1] < 0.99 * loss(tiled)[0]


class TestLbfgs:
    def test_the_path_is_scipy_s_own(self, start):
        """Of the same function, scaled so that the first step is 1 % of the range."""
        gradient = valley(start)[1]
        scale = 0.01 / np.sqrt(np.mean(np.square(gradient)))
        images = []
        minimize(
            lambda x: (scale * valley(x)[0], scale * valley(x)[1]),
            start.ravel(),
            jac=True,
            method="L-BFGS-B",
            callback=lambda x: images.append(x.reshape(SHAPE).copy()),
            options={"maxcor": 7, "ftol": 0.0, "gtol": 0.0, "maxiter": 30},
        )
        path, end = walked(Lbfgs(memory=7), valley, start, 30)
        np.testing.assert_allclose(path.images, images, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(end, path.images[-1])
        np.testing.assert_allclose(path.losses, [valley(x)[0] for x in images], rtol=1e-9)

    def test_it_finds_the_minimum_of_a_valley(self, start):
        path, _ = walked(Lbfgs(), valley, start, 150)
        assert path.losses.min() < 1e-12
        np.testing.assert_allclose(path.images[-1], 1.0, atol=1e-5)

    def test_memory_matters(self, start):
        paths = [walked(Lbfgs(memory=m), valley, start, 20)[0].images for m in (1, 10)]
        assert np.abs(paths[0] - paths[1]).max() > 1e-3

    def test_bounds_are_kept(self, bowl, start):
        """Also by what is tried, and with the minimum outside them."""
        tried = []

        def loss(image):
            tried.append(image.copy())
            return bowl(image)

        scheme = Lbfgs(lower=0.3, upper=0.6)
        path, end = walked(scheme, loss, start, 100)
        for image in (*tried, *path.images):
            assert image.min() >= 0.3
            assert image.max() <= 0.6
        assert end is None  # nothing is left to descend
        expected = minimize(
            lambda x: (bowl(x)[0], bowl(x)[1].ravel()),
            start.ravel(),
            jac=True,
            method="L-BFGS-B",
            bounds=Bounds(0.3, 0.6),
            options={"ftol": 1e-15, "gtol": 1e-12},
        )
        np.testing.assert_allclose(path.images[-1].ravel(), expected.x, atol=1e-6)
        assert 0 < np.isin(expected.x, (0.3, 0.6)).sum() < SIZE

    @pytest.mark.parametrize(("lower", "upper"), [(0.4, None), (None, 0.5)])
    def test_one_bound_will_do(self, bowl, start, lower, upper):
        path, _ = walked(Lbfgs(lower=lower, upper=upper), bowl, start, 10)
        assert path.images.min() >= (-np.inf if lower is None else lower)
        assert path.images.max() <= (np.inf if upper is None else upper)

    def test_where_nothing_descends_it_is_stuck(self, start):
        path, end = walked(Lbfgs(), lambda x: (1.0, np.zeros_like(x)), start, 10)
        assert end is None
        assert path == []

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_a_loss_that_is_not_finite_ends_it(self, bowl, start, value):
        calls = 0

        def loss(image):
            nonlocal calls
            calls += 1
            return (value if calls > 6 else bowl(image)[0]), bowl(image)[1]

        path, end = walked(Lbfgs(), loss, start, 50)
        assert np.isnan(path.losses[-1])
        assert np.isfinite(path.losses[:-1]).all()
        assert len(path) > 1
        assert calls == 7
        assert np.isfinite(end).all()

    def test_the_image_given_is_left_as_it_is(self, start):
        before = start.copy()
        walked(Lbfgs(lower=0.2), valley, start, 3)
        np.testing.assert_array_equal(start, before)


class TestNames:
    @pytest.mark.parametrize("name", [*KERAS, "lbfgs"])
    def test_each_is_called_what_it_is(self, name):
        assert optimizer(name).name == name

    @pytest.mark.parametrize(
        ("name", "nearest"), [("adamm", "adam"), ("lbgfs", "lbfgs"), ("rms", "rmsprop")]
    )
    def test_unknown_ones_get_a_hint(self, name, nearest):
        says = f"unknown optimizer '{name}'; did you mean '{nearest}'"
        with pytest.raises(ConfigError, match=says):
            optimizer(name)

    @pytest.mark.parametrize(
        ("name", "option", "nearest"),
        [("adam", "learning_rat", "learning_rate"), ("lbfgs", "memroy", "memory")],
    )
    def test_so_do_unknown_options(self, name, option, nearest):
        with pytest.raises(ConfigError, match=f"did you mean '{nearest}'"):
            optimizer(name, **{option: 1})

    def test_and_those_of_keras_s_classes(self):
        with pytest.raises(ConfigError, match="option of sgd 'momentun'; did you mean 'momentum'"):
            optimizer("sgd", options={"momentun": 0.9}).begin(SHAPE)

    def test_what_has_a_setting_of_its_own_is_no_option(self):
        with pytest.raises(ConfigError, match="learning_rate"):
            optimizer("adam", options={"learning_rate": 1.0}).begin(SHAPE)

    def test_values_that_keras_refuses_are_told_in_one_line(self):
        with pytest.raises(ConfigError, match="optimizer sgd: ") as caught:
            optimizer("sgd", options={"momentum": 2.0}).begin(SHAPE)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("name", "options", "says"),
        [
            ("adam", {"learning_rate": 0.0}, "^learning_rate=0|^learning_rate=nan"),
            ("adam", {"learning_rate": np.nan}, "^learning_rate=0|^learning_rate=nan"),
            ("adam", {"decay_iterations": 0}, "^decay_iterations=0"),
            ("adam", {"decay_rate": -1.0}, "^decay_rate=-1"),
            ("adam", {"decay": "cosin"}, "did you mean 'cosine'"),
            ("lbfgs", {"memory": 0}, "^memory=0"),
            ("lbfgs", {"lower": 1.0, "upper": 0.0}, "^lower="),
            ("lbfgs", {"lower": 0.5, "upper": 0.5}, "^lower="),
        ],
    )
    def test_impossible_values_are_refused(self, name, options, says):
        with pytest.raises(ConfigError, match=says):
            optimizer(name, **options)
