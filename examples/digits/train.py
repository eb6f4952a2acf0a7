"""Trains both networks and writes, per model, a checkpoint and the expected logits.

The result has to be the same bytes every time and on every x86-64 processor, so
everything that could choose other code is pinned: one thread, no oneDNN, no NNPACK,
and the lowest instruction set in ATen, in MKL and in the C library.

The pins are not enough for `torch.sqrt`. It is MKL's vsSqrt, whose code for the lowest
instruction set (chosen by MKL_CBWR=COMPATIBLE, and on AMD in any case) starts from
RSQRTPS, an approximation that every processor defines for itself, and is not correctly
rounded. So nothing in training may call it; see `optimizer_for`.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import NamedTuple

# Read by MKL, ATen and glibc when they are loaded, hence before `import torch`; glibc
# reads its own when the process starts, hence the exec in `pin_environment`.
PINNED_ENVIRONMENT = {
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_CBWR": "COMPATIBLE",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX2,-AVX,-FMA,-FMA4",
}


def pin_environment() -> None:
    """Starts this program again with the pinned environment, unless it has it."""
    if any(os.environ.get(k) != v for k, v in PINNED_ENVIRONMENT.items()):
        os.environ.update(PINNED_ENVIRONMENT)
        os.execv(sys.executable, sys.orig_argv)


if __name__ == "__main__":
    pin_environment()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional  # noqa: E402

import data  # noqa: E402
from models import MODELS  # noqa: E402


class Schedule(NamedTuple):
    """How one model is trained."""

    epochs: int
    learning_rate: float
    weight_decay: float
    batch: int = 64
    label_smoothing: float = 0.05
    max_shift: int = 1
    seed: int = 0


SCHEDULES = {
    "cnn": Schedule(epochs=40, learning_rate=2e-3, weight_decay=0.05),
    "transformer": Schedule(epochs=120, learning_rate=2e-3, weight_decay=0.05),
}


def make_deterministic() -> None:
    """Allows only kernels that give the same bits on every run, on one thread."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.backends.mkldnn.set_flags(False)
    torch.backends.nnpack.set_flags(False)


def shift_randomly(images: Tensor, limit: int, generator: torch.Generator) -> Tensor:
    """Moves each image by up to `limit` pixels in both directions, zeros coming in."""
    count, _, height, width = images.shape
    padded = functional.pad(images, (limit,) * 4)
    offsets = torch.randint(0, 2 * limit + 1, (2, count, 1), generator=generator)
    rows = offsets[0] + torch.arange(height)
    columns = offsets[1] + torch.arange(width)
    index = torch.arange(count)[:, None, None]
    return padded[index, 0, rows[:, :, None], columns[:, None, :]][:, None]


def optimizer_for(model: nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    """AdamW, with weight decay on matrices and kernels only.

    `fused` is for the bits, not for speed: that kernel takes the processor's correctly
    rounded square root, where the other implementations call `torch.sqrt`.
    """
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    return torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": schedule.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=schedule.learning_rate,
        fused=True,
    )


def train(name: str, digits: data.Digits) -> nn.Module:
    """Trains the named model with AdamW under a one-cycle schedule."""
    schedule = SCHEDULES[name]
    torch.manual_seed(schedule.seed)
    generator = torch.Generator().manual_seed(schedule.seed)
    model = MODELS[name]()
    images = torch.from_numpy(digits.train_images)
    labels = torch.from_numpy(digits.train_labels)
    optimizer = optimizer_for(model, schedule)
    steps = -(-len(labels) // schedule.batch)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, schedule.learning_rate, epochs=schedule.epochs, steps_per_epoch=steps
    )
    model.train()
    for epoch in range(schedule.epochs):
        total = 0.0
        for chosen in torch.randperm(len(labels), generator=generator).split(
            schedule.batch
        ):
            batch = shift_randomly(images[chosen], schedule.max_shift, generator)
            loss = functional.cross_entropy(
                model(batch), labels[chosen], label_smoothing=schedule.label_smoothing
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item() * len(chosen)
        if (epoch + 1) % 10 == 0:
            print(f"{name}: epoch {epoch + 1}, loss {total / len(labels):.4f}")
    return model.eval()


def main() -> int:
    """Trains the models asked for and writes them to the output directory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="output directory")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    make_deterministic()
    digits = data.load()
    for name in arguments.models:
        model = train(name, digits)
        with torch.no_grad():
            logits = model(torch.from_numpy(digits.test_images)).numpy()
        right = int((logits.argmax(1) == digits.test_labels).sum())
        parameters = sum(p.numel() for p in model.parameters())
        print(
            f"{name}: {parameters} parameters, {right} of {len(logits)} held-out "
            f"images right ({right / len(logits):.2%})"
        )
        weights = {k: v.contiguous() for k, v in model.state_dict().items()}
        save_file(weights, arguments.out / f"{name}.safetensors")
        np.save(arguments.out / f"expected_logits_{name}.npy", logits)
    return 0


if __name__ == "__main__":
    sys.exit(main())
