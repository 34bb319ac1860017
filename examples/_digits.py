"""The real input of the examples: scikit-learn's digits, 1,797 scanned images of 8 × 8 pixels in 17 grey values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

# The grid of ``load_target``, and the width of the smoothing, in standard deviations of the scores.
CELLS, REACH, BANDWIDTH = 48, 2.6, 0.18


class Target(NamedTuple):
    """Real input: the images' scores, and the log-probability that each spreads over the grid."""

    axis: np.ndarray  # [CELLS], the same for rows and columns
    scores: np.ndarray  # [images, 2]
    labels: np.ndarray  # [images]
    log_kernels: np.ndarray  # [images, CELLS²]; p is the mean of the kernels


def load_target(digits: Sequence[int]) -> Target:
    """The kernel density of these digits' first two principal components, on a grid around their mean."""
    pixels, labels = load_digits(return_X_y=True)
    chosen = np.isin(labels, digits)
    centred = pixels[chosen] - pixels[chosen].mean(0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    directions = directions[:2] * np.sign(directions[:2].sum(1, keepdims=True))  # a decomposition leaves signs open
    scores = centred @ directions.T
    scores /= scores.std()
    axis = np.linspace(-REACH, REACH, CELLS)
    # A Gaussian around each image, of the same mass whether or not some of it falls off the grid.
    along = -0.5 * ((scores[:, :, None] - axis) / BANDWIDTH) ** 2  # [images, 2, CELLS]
    log_kernels = (along[:, 0, :, None] + along[:, 1, None, :]).reshape(len(scores), -1)
    log_kernels -= logsumexp(log_kernels, axis=1, keepdims=True)
    return Target(axis.astype(np.float32), scores, labels[chosen], log_kernels.astype(np.float32))


class Split(NamedTuple):
    """Images with pixels in [0, 1], and their labels."""

    images: np.ndarray  # [images, 64]
    labels: np.ndarray  # [images]
    test_images: np.ndarray
    test_labels: np.ndarray


def load_split(seed: int) -> Split:
    """1,000 images to train with, the other 797 to test with, every digit in proportion."""
    pixels, labels = load_digits(return_X_y=True)
    parts = train_test_split(
        (pixels / 16).astype(np.float32), labels, train_size=1000, stratify=labels, random_state=seed
    )
    images, test_images, labels, test_labels = parts
    return Split(images, labels, test_images, test_labels)
