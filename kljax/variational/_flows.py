"""Normalizing flows of flax: a standard normal vector bent by networks, seen through the frame of a Gaussian fit.

Every layer bends coordinates by a monotone spline with a scale and a shift, whose parameters a network reads off other
coordinates; at the start all are the identity, so that a flow begins as the Gaussian that was fitted first. Layers are
stacked and scanned, so that their number costs no compilation.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kljax.variational import _draws, _splines
from kljax.variational._guides import Guide, White, framed, standard_normal
from kljax.variational._latents import Latent, latent_of

Network = Callable[[Any, jax.Array], jax.Array]

RATE = 0.005  # networks bear less than the parameters of a Gaussian do


def coupling_flow(like: Any, layers: int = 4, width: int = 32) -> Guide:
    """A coupling spline flow: half of the coordinates are bent as a network of the other half says, in turn.

    Its density and its draws are equally fast, so that the doubly reparametrised gradient, which has no variance
    where q = p, is the default. For curved, skewed and funnel-shaped posteriors of up to some hundred coordinates.

    Args:
        like: The number of coordinates, or an example of one latent (any pytree of real arrays); at least 2
            coordinates.
        layers: The number of layers; each leaves half of the coordinates as they are.
        width: Units of the networks' two hidden layers.

    Returns:
        A ``Guide``.

    Example:
        >>> from kljax import variational
        >>> variational.coupling_flow(10)
        <guide: coupling flow of 10 coordinates, 4 layers>

    References:
        Durkan, Bekasov, Murray and Papamakarios (2019), "Neural spline flows"; Dinh, Sohl-Dickstein and Bengio (2017),
        "Density estimation using Real NVP".
    """
    return _coupling_flow(*_checked(like, layers, width))


def autoregressive_flow(like: Any, layers: int = 3, width: int = 32) -> Guide:
    """An inverse autoregressive spline flow: each coordinate is bent as a masked network of those before it says.

    More flexible a layer than ``coupling_flow``. Drawing with the density of the draws takes one pass; the density of a
    given point takes one pass a coordinate, so that the pathwise gradient is the default.

    Args:
        like: The number of coordinates, or an example of one latent (any pytree of real arrays); at least 2
            coordinates.
        layers: The number of layers; the order of the coordinates is reversed between them.
        width: Units of the networks' two hidden layers.

    Returns:
        A ``Guide``.

    Example:
        >>> from kljax import variational
        >>> variational.autoregressive_flow(10)
        <guide: autoregressive flow of 10 coordinates, 3 layers>

    References:
        Kingma et al. (2016), "Improved variational inference with inverse autoregressive flow"; Germain, Gregor, Murray
        and Larochelle (2015), "MADE: masked autoencoder for distribution estimation".
    """
    return _autoregressive_flow(*_checked(like, layers, width))


def _checked(like: Any, layers: Any, width: Any) -> tuple[Latent, int, int]:
    latent = latent_of(like)
    if latent.dim < 2:
        raise ValueError(f"like must have at least 2 coordinates for a flow; got {latent.dim}.")
    for name, value in (("layers", layers), ("width", width)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} must be an int; got {value!r}.")
        if value < 1:
            raise ValueError(f"{name} must be at least 1; got {value}.")
    return latent, layers, width


@functools.lru_cache
def _coupling_flow(latent: Latent, layers: int, width: int) -> Guide:
    dim = latent.dim
    kept = dim // 2
    network, weights = _network([kept, width, width, (dim - kept) * _splines.NUMBERS], layers)
    # Which coordinates stand first, in turn; all meet all after a few layers.
    orders = np.stack([np.random.default_rng(index).permutation(dim) for index in range(layers)])
    backs = np.argsort(orders, axis=-1)

    def bend(one: Any, part: jax.Array) -> jax.Array:
        return network(one, part).reshape(dim - kept, _splines.NUMBERS)

    def push(free: Any, z: jax.Array, _: Any) -> tuple[jax.Array, jax.Array]:
        def layer(carry: tuple[jax.Array, jax.Array], at: Any) -> tuple[tuple[jax.Array, jax.Array], None]:
            y, log_volume = carry
            one, order, back = at
            y = y[order]
            moved, log_slope = _splines.forward(bend(one, y[:kept]), y[kept:])
            return (jnp.concatenate([y[:kept], moved])[back], log_volume + log_slope.sum()), None

        (y, log_volume), _ = jax.lax.scan(layer, (z, jnp.zeros((), z.dtype)), (free, orders, backs))
        return y, standard_normal(z) - log_volume

    def log_prob(free: Any, y: jax.Array) -> jax.Array:
        def layer(carry: tuple[jax.Array, jax.Array], at: Any) -> tuple[tuple[jax.Array, jax.Array], None]:
            y, log_volume = carry
            one, order, back = at
            y = y[order]
            moved, log_slope = _splines.backward(bend(one, y[:kept]), y[kept:])
            return (jnp.concatenate([y[:kept], moved])[back], log_volume + log_slope.sum()), None

        start = (y, jnp.zeros((), y.dtype))
        (z, log_volume), _ = jax.lax.scan(layer, start, (free, orders, backs), reverse=True)
        return standard_normal(z) - log_volume

    return framed(
        White(dim, weights, push, log_prob),
        f"coupling flow of {dim} coordinates, {layers} layers",
        latent,
        "full" if dim <= 100 else "diagonal",
        rate=RATE,
        advice="more layers, more steps, or a mixture where there are several modes",
    )


@functools.lru_cache
def _autoregressive_flow(latent: Latent, layers: int, width: int) -> Guide:
    dim = latent.dim
    # Each unit belongs to a coordinate and sees only the coordinates before it.
    rank = np.arange(dim)
    hidden = np.arange(width) % (dim - 1)
    masks = [
        rank[:, None] <= hidden,
        hidden[:, None] <= hidden,
        hidden[:, None] < np.repeat(rank, _splines.NUMBERS),
    ]
    network, weights = _network([dim, width, width, dim * _splines.NUMBERS], layers, masks)

    def bend(one: Any, y: jax.Array) -> jax.Array:
        return network(one, y).reshape(dim, _splines.NUMBERS)

    def push(free: Any, z: jax.Array, _: Any) -> tuple[jax.Array, jax.Array]:
        def layer(carry: tuple[jax.Array, jax.Array], one: Any) -> tuple[tuple[jax.Array, jax.Array], None]:
            y, log_volume = carry
            moved, log_slope = _splines.forward(bend(one, y), y)
            return (moved[::-1], log_volume + log_slope.sum()), None

        (y, log_volume), _ = jax.lax.scan(layer, (z, jnp.zeros((), z.dtype)), free)
        return y, standard_normal(z) - log_volume

    def log_prob(free: Any, y: jax.Array) -> jax.Array:
        def layer(carry: tuple[jax.Array, jax.Array], one: Any) -> tuple[tuple[jax.Array, jax.Array], None]:
            y, log_volume = carry
            x = y[::-1]
            # Each pass makes one more coordinate right, the first of them first.
            z = jax.lax.fori_loop(0, dim, lambda _, z: _splines.backward(bend(one, z), x)[0], x)
            return (z, log_volume + _splines.forward(bend(one, z), z)[1].sum()), None

        (z, log_volume), _ = jax.lax.scan(layer, (y, jnp.zeros((), y.dtype)), free, reverse=True)
        return standard_normal(z) - log_volume

    return framed(
        White(dim, weights, push, log_prob),
        f"autoregressive flow of {dim} coordinates, {layers} layers",
        latent,
        "full" if dim <= 100 else "diagonal",
        inverts=False,
        rate=RATE,
        advice="more layers, more steps, or a mixture where there are several modes",
    )


def _network(sizes: list[int], layers: int, masks: Any = None) -> tuple[Network, Callable[[Any], Any]]:
    """((weights, x) ↦ output) of one layer's network, and (source) ↦ the stacked weights of all layers."""
    from flax import nnx

    class Conditioner(nnx.Module):
        """Linear layers with tanh between them; the last is zero at first."""

        def __init__(self, rngs: nnx.Rngs) -> None:
            last = len(sizes) - 2
            self.linears = nnx.List(
                [
                    nnx.Linear(
                        sizes[index],
                        sizes[index + 1],
                        kernel_init=nnx.initializers.zeros if index == last else nnx.initializers.lecun_normal(),
                        rngs=rngs,
                    )
                    for index in range(last + 1)
                ]
            )

        def __call__(self, x: jax.Array) -> jax.Array:
            for index, linear in enumerate(self.linears):
                kernel, bias = linear.kernel[...], linear.bias
                assert bias is not None
                x = x @ (kernel if masks is None else kernel * masks[index].astype(kernel.dtype)) + bias[...]
                x = jnp.tanh(x) if index < len(sizes) - 2 else x
            return x

    definition = nnx.graphdef(nnx.eval_shape(lambda: Conditioner(nnx.Rngs(0))))

    shapes = nnx.to_pure_dict(nnx.state(nnx.eval_shape(lambda: Conditioner(nnx.Rngs(0)))))

    def weights(source: Any) -> Any:
        # The layers' own initialisers would be compiled: outside of jit these draws are NumPy's.
        leaves, structure = jax.tree.flatten_with_path(shapes)
        last, dtype = len(sizes) - 2, jnp.result_type(float)

        def make(index: int, path: Any, leaf: Any) -> Any:
            layer, name = path[-2].key, path[-1].key
            if name == "bias" or layer == last:
                return np.zeros((layers, *leaf.shape), np.dtype(dtype))
            drawn = _draws.normal(_draws.child(source, index), (layers, *leaf.shape), dtype)
            return drawn / np.sqrt(np.asarray(leaf.shape[0], drawn.dtype))

        return jax.tree.unflatten(structure, [make(index, *pair) for index, pair in enumerate(leaves)])

    def apply(one: Any, x: jax.Array) -> jax.Array:
        state = nnx.state(nnx.eval_shape(lambda: Conditioner(nnx.Rngs(0))))
        nnx.replace_by_pure_dict(state, one)
        return nnx.merge(definition, state)(x)

    return apply, weights
