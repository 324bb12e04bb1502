"""A worker (`benchmarks.workers`) that trains the generator's twin in PyTorch.

.tools/torch/bin/python -m benchmarks.torch_twin SIZES    # made by `make torch`

Layers and widths are those of `trainer.models.one_stage` with the head `matching_aware`. The step
is the plain one of `trainer.tasks.gan`: hinge with mismatched captions, translation and cutout,
Adam, clipped gradients, the average of the generator's weights. PyTorch's compiler is not used.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.workers import serve

# As in `trainer`: coarse grids read the condition by places, captions are scaled and shifted by a
# code of that width, a spread is taken over groups of pictures.
CONSULTED_SIDE, CODE, GROUP = 8, 256, 4
SEED_SIDE = 4
BETAS = (0.5, 0.99)
# Random pictures and conditions in memory, of which a step takes a batch.
EXAMPLES = 512
SHIFTED, CUT = 0.125, 0.4


class Sizes(NamedTuple):
    """What `benchmarks.step_worker` says of its training, and what both are given.

    Attributes:
      resolution: side of the pictures in pixels.
      condition: width of what the generator is told.
      noise, width, discriminator_width, widest: as in the settings of the generator.
      batch_size: pictures of a step.
      clip_norm: of the generator's gradients, all together.
      learning_rate, discriminator_learning_rate: of both networks.
      mismatch_weight: share of real pictures with other captions in the discriminator's loss.
      ema_images: half-life of the average of weights, in images.
      steps: of a cycle.
      threads: that compute.
      bfloat16: whether products and convolutions are computed in it.
    """

    resolution: int
    condition: int
    noise: int
    width: int
    discriminator_width: int
    widest: int
    batch_size: int
    clip_norm: float
    learning_rate: float
    discriminator_learning_rate: float
    mismatch_weight: float
    ema_images: int
    steps: int
    threads: int
    bfloat16: bool


def channels_at(width: int, side: int, top: int, widest: int) -> int:
    """`width` at the side `top`, doubled with each halving, at most `widest` times as many."""
    return width * min(widest, max(1, top // side))


def leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.2)


def to_places(x: Tensor) -> Tensor:
    """[N, C, H, W] in channels_last to [N, H, W, C]; nothing is moved."""
    return x.permute(0, 2, 3, 1)


def to_channels(x: Tensor) -> Tensor:
    """[N, H, W, C] to [N, C, H, W] in channels_last; nothing is moved."""
    return x.permute(0, 3, 1, 2)


def in_float32() -> Any:
    """Inside, nothing is computed in bfloat16."""
    return torch.autocast("cpu", enabled=False)


class Consult(nn.Module):
    """Adds to every place what the condition says of what is there, by a gate."""

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.gate, self.read = nn.Linear(channels, width), nn.Linear(width, channels)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        gate = torch.sigmoid(self.gate(to_places(x)))
        told = condition.to(gate.dtype)[:, None, None, :]
        return x + to_channels(self.read(gate * told))


class Modulate(nn.Module):
    """Scales and shifts channels of mean square 1 by the condition, then leaky ReLU."""

    def __init__(self, channels: int):
        super().__init__()
        self.scale, self.shift = nn.Linear(CODE, channels), nn.Linear(CODE, channels)
        for layer, bias in ((self.scale, 1.0), (self.shift, 0.0)):
            nn.init.zeros_(layer.weight)
            nn.init.constant_(layer.bias, bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        square = x.float().square().mean(1, keepdim=True)
        x = x * torch.rsqrt(square + 1e-8).to(x.dtype)
        scale, shift = (layer(condition)[:, :, None, None] for layer in (self.scale, self.shift))
        return leaky(x * scale + shift)


class GeneratorBlock(nn.Module):
    """Two modulated 3x3 convolutions beside a shortcut; doubles the side first if `upsample`."""

    def __init__(self, channels_in: int, channels: int, upsample: bool):
        super().__init__()
        self.upsample = upsample
        self.modulate_first, self.modulate_second = Modulate(channels_in), Modulate(channels)
        self.first = nn.Conv2d(channels_in, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        same = channels_in == channels
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels_in, channels, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h, x = self.modulate_first(x, condition), self.shortcut(x)
        if self.upsample:
            h, x = (functional.interpolate(y, scale_factor=2, mode="nearest") for y in (h, x))
        h = self.first(h)
        return x + self.second(self.modulate_second(h, condition))


class Generator(nn.Module):
    """Pictures float32 [N, 3, R, R] in [-1, 1] from noise [N, z] and conditions [N, c]."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        side, top = SEED_SIDE, sizes.resolution // 2
        self.channels = channels = channels_at(sizes.width, side, top, sizes.widest)
        both = sizes.noise + sizes.condition
        self.condition = nn.Linear(both, CODE)
        self.seed = nn.Linear(both, side * side * channels)
        blocks, consult = [GeneratorBlock(channels, channels, False)], []
        consult.append(Consult(channels, sizes.condition))
        while side < top:
            side *= 2
            wide = channels_at(sizes.width, side, top, sizes.widest)
            blocks.append(GeneratorBlock(channels, wide, True))
            channels = wide
            if side <= CONSULTED_SIDE:
                consult.append(Consult(channels, sizes.condition))
        self.blocks, self.consult = nn.ModuleList(blocks), nn.ModuleList(consult)
        self.to_rgb = nn.Conv2d(channels, 12, 3, padding=1)

    def forward(self, noise: Tensor, text: Tensor) -> Tensor:
        both = torch.cat([noise, text], 1)
        condition = leaky(self.condition(both))
        x = to_channels(self.seed(both).view(-1, SEED_SIDE, SEED_SIDE, self.channels))
        for index, block in enumerate(self.blocks):
            x = block(x, condition)
            if index < len(self.consult):
                x = self.consult[index](x, text)
        with in_float32():
            x = self.to_rgb(leaky(x).float())
            return torch.tanh(functional.pixel_shuffle(x, 2))


class CriticBlock(nn.Module):
    """Halves the side by two convolutions beside a pooled shortcut."""

    def __init__(self, channels_in: int, channels: int):
        super().__init__()
        self.first = nn.Conv2d(channels_in, channels, 4, stride=2, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.shortcut = nn.Conv2d(channels_in, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = leaky(self.second(leaky(self.first(x))))
        return self.shortcut(functional.avg_pool2d(x, 2)) + h


class Discriminator(nn.Module):
    """Looks at pictures once (`features`) and judges them with sentences (`logits`)."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        side = top = sizes.resolution // 2
        width = sizes.discriminator_width
        self.stem, blocks, channels = nn.Conv2d(12, width, 3, padding=1), [], width
        while side > SEED_SIDE:
            side //= 2
            wide = channels_at(width, side, top, sizes.widest)
            blocks.append(CriticBlock(channels, wide))
            channels = wide
        self.blocks = nn.ModuleList(blocks)
        self.consult = Consult(channels + 1, sizes.condition)
        self.sentence = nn.Linear(sizes.condition, channels)
        self.joint = nn.Conv2d(2 * channels + 1, 2 * channels, 3, padding=1)
        self.squeeze = nn.Conv2d(2 * channels, 64, 1)
        self.logit = nn.Linear(64 * side * side, 1)

    def features(self, images: Tensor) -> Tensor:
        """[N, 3, R, R] -> [N, C + 1, 4, 4]; the last channel is the spread over a group."""
        x = self.stem(functional.pixel_unshuffle(images, 2))
        for block in self.blocks:
            x = block(x)
        groups = x.float().unflatten(0, (-1, GROUP))
        variance = (groups - groups.mean(1, keepdim=True)).square().mean(1)
        spread = (variance + 1e-8).sqrt().mean((1, 2, 3))
        each = spread.repeat_interleave(GROUP).to(x.dtype)[:, None, None, None]
        return torch.cat([x, each.expand(-1, 1, *x.shape[2:])], 1)

    def logits(self, grid: Tensor, text: Tensor) -> Tensor:
        """Features and sentences [N, c] -> float32 [N] logits."""
        said = self.sentence(text).to(grid.dtype)[:, :, None, None]
        said = said.expand(-1, -1, *grid.shape[2:])
        x = leaky(self.joint(torch.cat([self.consult(grid, text), said], 1)))
        with in_float32():
            x = leaky(self.squeeze(x.float()))
            return self.logit(x.flatten(1))[:, 0]


def translated(images: Tensor) -> Tensor:
    """Shifts each picture by up to an eighth of its side; what enters is grey (0)."""
    count, side = images.shape[0], images.shape[2]
    reach = max(1, round(side * SHIFTED))
    place = torch.arange(side)

    def matrix() -> Tensor:
        offset = torch.randint(-reach, reach + 1, (count, 1, 1))
        return (place[:, None] - place == offset).float()[:, None]

    # Two small matrix products are faster than a gather here too, and so is their gradient.
    return matrix() @ images @ matrix().mT


def cut(images: Tensor) -> Tensor:
    """Greys out a square of two fifths of the side at a random place."""
    count, side = images.shape[0], images.shape[2]
    place = torch.arange(side, dtype=torch.float32)

    def outside() -> Tensor:
        return (place - side * torch.rand(count, 1)).abs() > side * CUT / 2

    kept = outside()[:, None, :, None] | outside()[:, None, None, :]
    return images * kept.float()


def augmented(images: Tensor) -> Tensor:
    return cut(translated(images)).contiguous(memory_format=torch.channels_last)


class Twin:
    """The game, on random pictures and conditions: the time of a step does not depend on them."""

    def __init__(self, sizes: Sizes):
        self.sizes = sizes
        self.generator, self.discriminator = (
            network(sizes).to(memory_format=torch.channels_last)
            for network in (Generator, Discriminator)
        )
        keep = 0.5 ** (sizes.batch_size / sizes.ema_images)
        average = torch.optim.swa_utils.get_ema_multi_avg_fn(keep)
        self.average = torch.optim.swa_utils.AveragedModel(self.generator, multi_avg_fn=average)
        self.optimizer = self._adam(self.generator, sizes.learning_rate)
        self.discriminator_optimizer = self._adam(
            self.discriminator, sizes.discriminator_learning_rate
        )
        draw = np.random.default_rng(0)
        side = sizes.resolution
        self.images = draw.integers(0, 256, (EXAMPLES, side, side, 3), np.uint8)
        self.told = draw.normal(size=(EXAMPLES, sizes.condition)).astype(np.float32)

    @staticmethod
    def _adam(network: nn.Module, rate: float) -> torch.optim.Adam:
        return torch.optim.Adam(network.parameters(), rate, BETAS, eps=1e-7, fused=True)

    def weights(self) -> dict[str, int]:
        """Numbers of weights by network."""
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        return {
            name: sum(weight.numel() for weight in network.parameters())
            for name, network in networks.items()
        }

    def cycle(self) -> None:
        for number in range(self.sizes.steps):
            losses = self.step(number)
        [loss.item() for loss in losses]

    def step(self, number: int) -> tuple[Tensor, Tensor]:
        """One step of both networks; returns their losses."""
        rows = np.random.default_rng(number).integers(0, EXAMPLES, self.sizes.batch_size)
        real = to_channels(torch.from_numpy(self.images[rows]).float() / 127.5 - 1.0)
        told = torch.from_numpy(self.told[rows])
        fake = self._mixed(self.generator, torch.randn(len(rows), self.sizes.noise), told)
        judged = self._discriminator_loss(real, fake.detach(), told)
        self._update(self.discriminator_optimizer, judged)
        # Its own gradients are of no use while the generator learns.
        self.discriminator.requires_grad_(False)
        features = self._mixed(self.discriminator.features, augmented(fake))
        painted = -self._mixed(self.discriminator.logits, features, told).mean()
        self._update(self.optimizer, painted, clipped=self.generator)
        self.discriminator.requires_grad_(True)
        self.average.update_parameters(self.generator)
        return judged.detach(), painted.detach()

    def _discriminator_loss(self, real: Tensor, fake: Tensor, told: Tensor) -> Tensor:
        seen = torch.cat([augmented(real), augmented(fake)])
        real_seen, fake_seen = self._mixed(self.discriminator.features, seen).chunk(2)
        grids = torch.cat([real_seen, fake_seen, real_seen])
        sentences = torch.cat([told, told, told.roll(1, 0)])
        logits = self._mixed(self.discriminator.logits, grids, sentences)
        real_logit, fake_logit, other = logits.chunk(3)
        share = self.sizes.mismatch_weight
        matched, mismatched = hinge(real_logit, fake_logit), hinge(real_logit, other)
        return (1 - share) * matched + share * mismatched

    def _mixed(self, call: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.sizes.bfloat16):
            return call(*inputs)

    def _update(
        self, optimizer: torch.optim.Adam, loss: Tensor, clipped: nn.Module | None = None
    ) -> None:
        optimizer.zero_grad()
        loss.backward()
        if clipped is not None:
            nn.utils.clip_grad_norm_(clipped.parameters(), self.sizes.clip_norm)
        optimizer.step()


def hinge(real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's loss of logits [N]."""
    return (functional.relu(1.0 - real) + functional.relu(1.0 + fake)).mean()


def prepare(sizes: Sizes) -> tuple[dict[str, Any], Callable[[], None]]:
    """Returns facts of a cycle of steps, and the cycle."""
    torch.set_num_threads(sizes.threads)
    torch.manual_seed(0)
    twin = Twin(sizes)
    facts = {
        "torch": torch.__version__,
        "images": sizes.steps * sizes.batch_size,
        "steps": sizes.steps,
        "weights": twin.weights(),
    }
    return facts, twin.cycle


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("sizes", type=json.loads, help="fields of Sizes as a JSON object")
    sizes = Sizes(**parser.parse_args(argv).sizes)
    serve(lambda: prepare(sizes))


if __name__ == "__main__":
    main()
