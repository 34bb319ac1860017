"""The scheme of the line: Gauss–Kronrod panels, halved in the middle."""

from __future__ import annotations

import jax.numpy as jnp

from kljax.quadrature import _domain, _rules
from kljax.quadrature._domain import Frame, Panels
from kljax.quadrature._mesh import Scheme


def scheme(frame: Frame) -> Scheme:
    """The scheme for a frame."""
    dtype = frame.low.dtype
    eps = float(jnp.finfo(dtype).eps)

    def halve(panels: Panels) -> tuple[Panels, Panels]:
        middle = 0.5 * (panels.left + panels.right)
        whole = ~divisible(panels)
        middle = jnp.where(whole, panels.right, middle)
        return Panels(panels.kind, panels.left, middle), Panels(panels.kind, middle, panels.right)

    def divisible(panels: Panels) -> jnp.ndarray:
        return panels.right - panels.left > 8.0 * eps * jnp.maximum(jnp.abs(panels.left), jnp.abs(panels.right))

    def weights(panels: Panels):
        return jnp.asarray(_rules.WEIGHTS, dtype), jnp.asarray(_rules.COARSE, dtype)

    return Scheme(lambda panels: _domain.place(frame, panels), weights, halve, divisible)
