"""Steps of style transfer, and a texture, beside the same in PyTorch.

    python experiments/benchmarks/peers.py [pixels a side, 256 512]

VGG-19 with ReLU and max pooling, calibrated filters, the same numbers in both, in this process on
all its cores, turn about, so that other load falls on all alike; the least time of each counts. A
step is a loss and its gradient: of Gatys's objective (Gram matrices divided by HW on
block{1..5}_conv1, content on block4_conv2, total variation with exponent 1.25), and of the channel
means of these five layers. PyTorch is eager or compiled (`torch.compile`), with its own order of
an activation's values or with channels last. Then a texture of 128 px is made from noise by Gram
matrices with the L-BFGS of each, until both have the same loss. Prints all, and writes
`reports/peers.md`. PyTorch is no dependency: `pip install torch`.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # what is compared is the processor
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from any folder

import numpy as np
import tensorflow as tf

import decouple as dc
from decouple.flows import Lbfgs, StopRule
from decouple.gatys import Objective, Statistic, TotalVariation, content, optimize, style, texture
from decouple.images.noise import noise_start
from decouple.networks.architecture import Pool
from experiments.benchmarks.timing import matrix_products, operations, turn_about
from experiments.common import CORES, REPORTS, markdown_table

if TYPE_CHECKING:
    import torch

ROUNDS = 5
STYLE = tuple(f"block{i}_conv1" for i in range(1, 6))
CONTENT = "block4_conv2"
CONTENT_WEIGHT, STYLE_WEIGHT, VARIATION_WEIGHT = 0.025, 1.0, 1e-4
# Of the texture: pixels a side, the share of the noise's loss that both come to, and how many
# iterations they may take for it.
TEXTURE, ENOUGH, MOST_ITERATIONS = 128, 1e-2, 300
OURS = "decouple"
GATYS, MEANS = "Gram, content, variation", "means"

Step = Callable[[], tuple[float, np.ndarray]]
"""A loss and its gradient (H, W, 3)."""


class Pictures(NamedTuple):
    """What is compared with, and where steps are taken, (H, W, 3) each."""

    photograph: np.ndarray
    texture: np.ndarray
    start: np.ndarray


def main(*sizes: int) -> int:
    """Measure, print and write."""
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed, so nothing is compared: pip install torch")
        return 0
    torch.set_num_threads(CORES)
    chain = dc.vgg19(weights="calibrated", activation="relu", pooling="max")
    rows, textures = [], []
    for size in sizes or (256, 512):
        for what in (GATYS, MEANS):
            rows += steps(chain, what, size)
    for name, made in textures_to_one_loss(chain).items():
        textures.append([name, f"{made.loss:.2g}", str(made.evaluations), f"{made.seconds:.1f}"])
        print(*textures[-1], flush=True)
    text = f"""# Beside PyTorch

Made by `python experiments/benchmarks/peers.py {" ".join(map(str, sizes or (256, 512)))}` with
TensorFlow {tf.__version__} and PyTorch {torch.__version__} on {CORES} cores
({platform.machine()}): VGG-19 with ReLU and max pooling, calibrated filters, the same numbers in
both. A step is a loss and its gradient, of *{GATYS}* (Gatys's objective: Gram matrices on
block{{1..5}}_conv1, content on block4_conv2, total variation) or of the channel *{MEANS}* of those
five layers. Least of {ROUNDS} rounds, turn about in one process. *Ratio*: to {OURS}'s time, above 1
where {OURS} is faster; *computing*: the same of the time that threads computed. *Matrix rate*: what
the products of plain convolutions and of Gram matrices, over the time, are of the rate at which
TensorFlow or numpy, whichever is faster, multiplies matrices in float32; {OURS} takes 4 products in
place of 9 where there are many channels.

{markdown_table(["step", "pixels", "way", "seconds", "ratio", "computing", "matrix rate"], rows)}
A texture of {TEXTURE} px from noise, by the Gram matrices of five layers, each relative to the
source's, down to {ENOUGH:.1g} of the noise's loss, with each side's own L-BFGS (SciPy's; PyTorch's
with strong Wolfe conditions), both remembering ten iterations:

{markdown_table(["way", "loss", "evaluations", "seconds"], textures)}"""
    (REPORTS / "peers.md").write_text(text, encoding="utf-8")
    return 0


def steps(chain: dc.Chain, what: str, size: int) -> list[list[str]]:
    """Lines of the table."""
    photograph, grass = (
        dc.load(f"sample:{name}", size=size, fit="crop").pixels for name in ("astronaut", "grass")
    )
    start = np.random.default_rng(0).random((size, size, 3), np.float32)
    pictures = Pictures(photograph, grass, start)
    ways: dict[str, Step] = {OURS: our_step(chain, what, pictures)}
    for compiled in (False, True):
        # Each takes half a minute or more to compile.
        for channels_last in (False, True) if what == GATYS else (False,):
            name = "PyTorch, compiled" if compiled else "PyTorch, eager"
            name += ", channels last" if channels_last else ""
            ways[name] = torch_step(chain, what, pictures, compiled, channels_last)
    wanted = ways[OURS]()
    for name, way in ways.items():
        check_agreement(name, way(), wanted)
    products, of_product = matrix_products()
    timed = turn_about({**ways, **products}, ROUNDS)
    rate = of_product / min(timed[name].least for name in products)
    work = 2 * operations(chain, size**2, grams=STYLE if what == GATYS else ())
    ours, lines = timed[OURS], []
    for name in ways:
        own = timed[name]
        ratios = f"{own.least / ours.least:.2f}", f"{own.computing / ours.computing:.2f}"
        share = f"{work / own.least / rate:.0%}"
        lines.append([what, str(size), name, f"{own.least:.3f}", *ratios, share])
        print(*lines[-1], flush=True)
    return lines


def our_step(chain: dc.Chain, what: str, pictures: Pictures) -> Step:
    """This package's own."""
    if what == GATYS:
        terms = {
            "content": CONTENT_WEIGHT * content(chain, pictures.photograph, [CONTENT]),
            "style": STYLE_WEIGHT * style(chain, pictures.texture, STYLE, normalization="hw"),
            "variation": VARIATION_WEIGHT * TotalVariation(scale=255),
        }
    else:
        terms = {"style": 1.0 * texture(chain, pictures.texture, STYLE, Statistic.MEANS)}
    objective, images = Objective(chain, terms), tf.constant(pictures.start[None])

    def step() -> tuple[float, np.ndarray]:
        loss, gradient, _ = objective.loss_and_gradient(images)
        return float(loss), gradient.numpy()[0]

    return step


# PyTorch's side, as its tutorials write it.


class TorchNetwork:
    """The same network; images are (1, 3, H, W)."""

    def __init__(self, chain: dc.Chain, channels_last: bool = False) -> None:
        import torch

        self.layers = chain.layers
        self.order = torch.channels_last if channels_last else torch.contiguous_format
        kernels = chain.weights.kernels
        self.kernels = {
            name: self.to_torch(kernel.transpose(3, 2, 0, 1)).contiguous(memory_format=self.order)
            for name, kernel in kernels.items()
        }
        self.biases = {name: self.to_torch(b) for name, b in chain.weights.biases.items()}
        self.offset = self.to_torch(chain.weights.offset)[None, :, None, None]

    @staticmethod
    def to_torch(array: np.ndarray) -> torch.Tensor:
        """The same numbers, in the same order."""
        import torch

        return torch.from_numpy(np.ascontiguousarray(array, np.float32))

    def picture(self, image: np.ndarray) -> torch.Tensor:
        """(H, W, 3) as the network takes it."""
        return self.to_torch(image.transpose(2, 0, 1)[None]).contiguous(memory_format=self.order)

    def __call__(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Activations of `STYLE` and `CONTENT`."""
        from torch.nn import functional

        h, taken = image - self.offset, {}
        for layer in self.layers:
            if isinstance(layer, Pool):
                h = functional.max_pool2d(h, 2)
                continue
            kernel, bias = self.kernels[layer.name], self.biases[layer.name]
            h = functional.relu_(functional.conv2d(h, kernel, bias, padding=1))
            if layer.name in STYLE or layer.name == CONTENT:
                taken[layer.name] = h
        return taken


def torch_gram(activation: torch.Tensor) -> torch.Tensor:
    """Of (1, C, h, w) the sums of products, divided by hw, (C, C)."""
    f = activation[0].flatten(1)
    return f @ f.T / f.shape[1]


def torch_means(activation: torch.Tensor) -> torch.Tensor:
    """Of (1, C, h, w), (C,)."""
    return activation[0].mean((1, 2))


def torch_texture(
    network: TorchNetwork, picture: np.ndarray, of: Callable[[torch.Tensor], torch.Tensor]
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Mean over the layers of ‖s − s₀‖² / ‖s₀‖², from images."""
    import torch

    with torch.no_grad():
        seen = network(network.picture(picture))
        wanted = {layer: of(seen[layer]) for layer in STYLE}

    def loss(image: torch.Tensor) -> torch.Tensor:
        seen = network(image)
        return torch.stack(
            [(of(seen[k]) - s).square().sum() / s.square().sum() for k, s in wanted.items()]
        ).mean()

    return loss


def torch_gatys(
    network: TorchNetwork, pictures: Pictures
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Gatys's objective, from images."""
    import torch

    with torch.no_grad():
        wanted = network(network.picture(pictures.photograph))[CONTENT].clone()
        seen = network(network.picture(pictures.texture))
        grams = {layer: torch_gram(seen[layer]) for layer in STYLE}

    def loss(image: torch.Tensor) -> torch.Tensor:
        taken = network(image)
        value = CONTENT_WEIGHT * (taken[CONTENT] - wanted).square().sum()
        for layer in STYLE:
            difference = torch_gram(taken[layer]) - grams[layer]
            value = value + STYLE_WEIGHT / len(STYLE) * difference.square().sum()
        x = 255 * image
        down = (x[..., 1:, :-1] - x[..., :-1, :-1]).square()
        right = (x[..., :-1, 1:] - x[..., :-1, :-1]).square()
        return value + VARIATION_WEIGHT * (down + right).pow(1.25).sum()

    return loss


def torch_step(
    chain: dc.Chain, what: str, pictures: Pictures, compiled: bool, channels_last: bool
) -> Step:
    """The same as `our_step`."""
    import torch

    network = TorchNetwork(chain, channels_last)
    if what == GATYS:
        loss = torch_gatys(network, pictures)
    else:
        loss = torch_texture(network, pictures.texture, torch_means)
    run = torch.compile(loss) if compiled else loss
    images = network.picture(pictures.start).requires_grad_()

    def step() -> tuple[float, np.ndarray]:
        images.grad = None
        value = run(images)
        value.backward()
        assert images.grad is not None
        return value.item(), images.grad[0].permute(1, 2, 0).numpy()

    return step


def check_agreement(
    name: str, found: tuple[float, np.ndarray], wanted: tuple[float, np.ndarray]
) -> None:
    """Both compute the same, or the comparison says nothing."""
    error = np.linalg.norm(found[1] - wanted[1]) / np.linalg.norm(wanted[1])
    # Where two values of a pooling window are within rounding of each other, either may win.
    if abs(found[0] / wanted[0] - 1) > 1e-4 or error > 1e-2:
        raise SystemExit(
            f"{name} does not compute the same: losses {found[0]:.6g} and {wanted[0]:.6g}, "
            f"gradients {error:.1e} apart"
        )


# A texture.


class Texture(NamedTuple):
    """What it took until its loss was below what both come to."""

    loss: float
    evaluations: int
    seconds: float


def textures_to_one_loss(chain: dc.Chain) -> Mapping[str, Texture]:
    """{way: texture}; each way is compiled, or run once, before."""
    source = dc.load("sample:grass", size=TEXTURE, fit="crop").pixels
    start = noise_start("colours", (TEXTURE, TEXTURE), 0, source)
    ways = {
        OURS: partial(our_texture, chain, source),
        "PyTorch, eager": partial(torch_made, chain, source, compiled=False),
        "PyTorch, compiled": partial(torch_made, chain, source, compiled=True),
    }
    return {name: way(start) for name, way in ways.items()}


def our_texture(chain: dc.Chain, source: np.ndarray, start: np.ndarray) -> Texture:
    """By SciPy's L-BFGS-B."""
    objective = Objective(chain, {"style": 1.0 * texture(chain, source, STYLE)})
    objective.loss_and_gradient(tf.constant(start[None], tf.float32))  # compiled once for all
    rule = StopRule(ENOUGH, scale="initial", max_iterations=MOST_ITERATIONS, check_every=1)
    began = time.perf_counter()
    done = optimize(objective, start, Lbfgs(memory=10), rule)
    seconds = time.perf_counter() - began
    return Texture(done.trace.losses["total"], done.trace.passes // 2, seconds)


def torch_made(chain: dc.Chain, source: np.ndarray, start: np.ndarray, compiled: bool) -> Texture:
    """By PyTorch's L-BFGS."""
    import torch

    network = TorchNetwork(chain)
    plain = torch_texture(network, source, torch_gram)
    loss = torch.compile(plain) if compiled else plain
    images = network.picture(start).requires_grad_()
    value = loss(images)
    value.backward()
    enough, losses = ENOUGH * value.item(), []
    descent = torch.optim.LBFGS(
        [images],
        lr=1,
        max_iter=MOST_ITERATIONS,
        max_eval=2 * MOST_ITERATIONS,
        tolerance_grad=0,
        tolerance_change=0,
        history_size=10,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        descent.zero_grad()
        value = loss(images)
        value.backward()
        losses.append(value.item())
        if losses[-1] < enough:
            raise _EnoughError
        return value

    began = time.perf_counter()
    with suppress(_EnoughError):
        descent.step(closure)
    return Texture(min(losses), len(losses), time.perf_counter() - began)


class _EnoughError(Exception):
    """The loss is as small as was asked."""


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:])))
