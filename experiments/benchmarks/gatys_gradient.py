"""One gradient step of the Gatys objective, against the same step in eager PyTorch.

    python experiments/benchmarks/gatys_gradient.py [pixels a side, 512]

VGG-19 with ReLU and max pooling, calibrated filters, the same numbers in both: Gram matrices
divided by HW on block{1..5}_conv1, content on block4_conv2, total variation with exponent 1.25.
Both run in this process on all its cores, turn about, so that other load falls on both alike; the
least time of each counts, and the time its threads computed (user and system), which other load
leaves nearly alone, stands beside it. Printed are the ratio, and the share of the float32
matrix-product rate (numpy's or TensorFlow's, whichever is higher) that TensorFlow's step reaches.
PyTorch is no dependency: without it, only the latter is printed.

With TensorFlow 2.21 and PyTorch 2.15 on two AVX-512 cores (240 GFLOP/s), which other work shared:
2.31 s against 2.62 s, a ratio of 1.14 (1.24 of the time computing), at 72 % of the matrix-product
rate. Both use oneDNN's direct convolutions, about nine tenths of TensorFlow's step; at the whole
matrix-product rate it would take 1.65 s, a ratio of 1.6.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # what is compared is the processor
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from any folder

import numpy as np
import tensorflow as tf

import decouple as dc
from decouple.gatys import Objective, TotalVariation, content, style
from decouple.networks.architecture import Pool
from experiments.benchmarks.timing import matrix_products, operations, turn_about

ROUNDS = 5
STYLE = tuple(f"block{i}_conv1" for i in range(1, 6))
CONTENT = "block4_conv2"
CONTENT_WEIGHT, STYLE_WEIGHT, VARIATION_WEIGHT = 0.025, 1.0, 1e-4

Step = Callable[[], tuple[float, np.ndarray]]


def main(size: int = 512) -> None:
    """Measure and print."""
    chain = dc.vgg19(weights="calibrated", activation="relu", pooling="max")
    photograph, texture = (
        dc.load(f"sample:{name}", size=size, fit="crop").pixels for name in ("astronaut", "grass")
    )
    start = np.random.default_rng(0).random((1, size, size, 3), np.float32)
    steps: dict[str, Step] = {"tensorflow": tensorflow_step(chain, photograph, texture, start)}
    try:
        steps["pytorch"] = pytorch_step(chain, photograph, texture, start)
    except ImportError:
        print("PyTorch is not installed: no comparison")
    results = {name: step() for name, step in steps.items()}
    if "pytorch" in results:
        check_agreement(results["tensorflow"], results["pytorch"])
    products, of_product = matrix_products()
    timed = turn_about({**steps, **products}, ROUNDS)
    for name, taken in timed.items():
        print(
            f"{name:<22}{taken.least:.3f} s (median {taken.median:.3f} s of {ROUNDS}), "
            f"computing {taken.computing:.3f} s"
        )
    rate = of_product / min(timed[name].least for name in products)
    reached = 2 * operations(chain, size**2, grams=STYLE) / timed["tensorflow"].least
    print(
        f"tensorflow reaches {reached / 1e9:.0f} GFLOP/s in the convolutions and Gram matrices, "
        f"{reached / rate:.0%} of the {rate / 1e9:.0f} GFLOP/s of a matrix product"
    )
    if "pytorch" in steps:
        theirs, ours = timed["pytorch"], timed["tensorflow"]
        print(
            f"pytorch / tensorflow: {theirs.least / ours.least:.2f}, of the time computing "
            f"{theirs.computing / ours.computing:.2f}"
        )


def tensorflow_step(
    chain: dc.Chain, photograph: np.ndarray, texture: np.ndarray, start: np.ndarray
) -> Step:
    """This package's own."""
    objective = Objective(
        chain,
        {
            "content": CONTENT_WEIGHT * content(chain, photograph, [CONTENT]),
            "style": STYLE_WEIGHT * style(chain, texture, STYLE, normalization="hw"),
            "variation": VARIATION_WEIGHT * TotalVariation(scale=255),
        },
    )
    print(objective)
    images = tf.constant(start)

    def step() -> tuple[float, np.ndarray]:
        loss, gradient, _ = objective.loss_and_gradient(images)
        return float(loss), gradient.numpy()[0]

    return step


def pytorch_step(
    chain: dc.Chain, photograph: np.ndarray, texture: np.ndarray, start: np.ndarray
) -> Step:
    """The same in eager PyTorch, as its tutorials write it; ImportError if it is not there."""
    import torch
    from torch.nn import functional

    def to_torch(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array))

    kernels = {n: to_torch(k.transpose(3, 2, 0, 1)) for n, k in chain.weights.kernels.items()}
    biases = {n: to_torch(b) for n, b in chain.weights.biases.items()}
    offset = to_torch(chain.weights.offset)[None, :, None, None]
    taps = {*STYLE, CONTENT}

    def forward(image: torch.Tensor) -> dict[str, torch.Tensor]:
        h, taken = image - offset, {}
        for layer in chain.layers:
            if isinstance(layer, Pool):
                h = functional.max_pool2d(h, 2)
                continue
            h = functional.conv2d(h, kernels[layer.name], biases[layer.name], padding=1)
            h = functional.relu_(h)
            if layer.name in taps:
                taken[layer.name] = h
        return taken

    def gram(activation: torch.Tensor) -> torch.Tensor:
        f = activation[0].flatten(1)
        return f @ f.T / f.shape[1]

    def picture(image: np.ndarray) -> torch.Tensor:
        return to_torch(image.transpose(2, 0, 1)[None])

    with torch.no_grad():
        wanted = forward(picture(photograph))[CONTENT]
        grams = {layer: gram(a) for layer, a in forward(picture(texture)).items()}
    images = picture(start[0]).requires_grad_()

    def step() -> tuple[float, np.ndarray]:
        images.grad = None
        taken = forward(images)
        loss = CONTENT_WEIGHT * (taken[CONTENT] - wanted).square().sum()
        for layer in STYLE:
            difference = gram(taken[layer]) - grams[layer]
            loss = loss + STYLE_WEIGHT / len(STYLE) * difference.square().sum()
        x = 255 * images
        down = (x[..., 1:, :-1] - x[..., :-1, :-1]).square()
        right = (x[..., :-1, 1:] - x[..., :-1, :-1]).square()
        loss = loss + VARIATION_WEIGHT * (down + right).pow(1.25).sum()
        loss.backward()
        return loss.item(), images.grad[0].permute(1, 2, 0).numpy()

    return step


def check_agreement(ours: tuple[float, np.ndarray], theirs: tuple[float, np.ndarray]) -> None:
    """Both compute the same, or the comparison says nothing."""
    error = np.linalg.norm(ours[1] - theirs[1]) / np.linalg.norm(theirs[1])
    print(f"losses {ours[0]:.6g} and {theirs[0]:.6g}, gradients {error:.1e} apart")
    # Where two values of a pooling window are within rounding of each other, either may win.
    if abs(ours[0] / theirs[0] - 1) > 1e-4 or error > 1e-2:
        raise SystemExit("the two steps do not compute the same")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
