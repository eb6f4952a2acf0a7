"""The UCI handwritten digits as scikit-learn ships them, with one fixed split.

1797 images of 8x8 pixels. Every fifth image (360 of them) is held out and never
seen in training. No network access and no random numbers are involved, so that the
same split comes out everywhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits

HELD_OUT_STRIDE = 5
PIXEL_MAX = 16.0


class Digits(NamedTuple):
    """Images as f32 [n, 1, 8, 8] in [0, 1] with their labels as i64 [n]."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load() -> Digits:
    """Returns the training and the held-out part."""
    bunch = load_digits()
    images = (bunch.images / PIXEL_MAX).astype(np.float32)[:, None]
    labels = bunch.target.astype(np.int64)
    held_out = np.arange(len(labels)) % HELD_OUT_STRIDE == 0
    return Digits(
        np.ascontiguousarray(images[~held_out]),
        labels[~held_out],
        np.ascontiguousarray(images[held_out]),
        labels[held_out],
    )
