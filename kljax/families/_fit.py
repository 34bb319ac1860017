"""The most likely member of a family for given data: ``Family.fit(x)``.

    x, weights ─moments, or a closed form, or Newton's method─▶ a record ─second derivatives─▶ standard errors

Newton's method runs in log σ for what is positive and in log(p/(1 - p)) for a probability, from moments of the data.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.typing import ArrayLike

from kljax import _checks
from kljax._prompt import prompt
from kljax.families._newton import maximise


class Fitted(NamedTuple):
    """What ``fit`` found.

    Attributes:
        distribution: The record, with the batch shape [batch...].
        stderr: The standard error of each parameter that was fitted, by its name, from Fisher's information: the
            second derivative of the log-likelihood, exact for large samples of this very family. NaN for an end of the
            support, where the likelihood has no such derivative, and where the data leave a parameter open.
        log_likelihood: Σ wᵢ log p(xᵢ), [batch...], in nats.
    """

    distribution: Any
    stderr: dict[str, jax.Array]
    log_likelihood: jax.Array


def _fit(cls: type, /, x: ArrayLike, *, weights: ArrayLike | None = None, **known: Any) -> Fitted:
    """argmax Σ wᵢ log p(xᵢ), the member of most likelihood, with standard errors.

    In closed form where there is one, else by a few safeguarded steps of Newton's method from the moments of the data.

    Args:
        cls: The family.
        x: Data [n, batch..., event...].
        weights: How often each was seen, [n] or [n, batch...]; once without. Weights that are only in proportion to
            each other find the same record, but standard errors count their sum as the number of data.
        **known: Parameters that are not to be fitted, by name, as scipy's floc and fscale. ``total_count`` has to be
            known of all families of trials but NegativeBinomial, low and high of TruncatedNormal; loc is 0 for
            GeneralizedPareto unless said otherwise.

    Returns:
        The record, the standard errors and the log-likelihood. The log-likelihood and what has a closed form are
        differentiable in the data.

    Raises:
        NotImplementedError: If the family has no such fit.
        TypeError: If a parameter that has to be known is not given, or one is given that the family lacks.
        ValueError: If there are no data.
    """
    from kljax.families._fit_starts import DIRECT, NEEDED, START, USUAL
    from kljax.families._moments import ROWS

    if cls not in ROWS and cls not in DIRECT and cls not in START:
        listed = ", ".join(sorted(one.__name__ for one in {*ROWS, *DIRECT, *START}))
        raise NotImplementedError(f"{cls.__name__} has no fit; those that have: {listed}.")
    fields = {one.name: one.metadata["parameter"] for one in dataclasses.fields(cls)}
    known = {**USUAL.get(cls, {}), **known}
    strange = sorted(set(known) - set(fields))
    if strange:
        raise TypeError(f"{cls.__name__}.fit: the parameters are {', '.join(fields)}; got {strange}.")
    missing = [name for name in NEEDED.get(cls, ()) if name not in known]
    if missing:
        raise TypeError(f"{cls.__name__}.fit: {' and '.join(missing)} must be given, {missing[0]}=….")
    samples, counts, batch = _data(cls, x, weights, known)
    # A count given as a number stays one.
    fixed = {
        name: float(value) for name, value in known.items() if fields[name].count and isinstance(value, (int, float))
    }
    traced = {name: jnp.asarray(value, samples.dtype) for name, value in known.items() if name not in fixed}
    found = _all(cls, tuple(sorted(fixed.items())), samples, counts, traced)
    return jax.tree.map(lambda leaf: leaf.reshape(*batch, *leaf.shape[1:]), found)


def _event_ndim(cls: type, known: dict[str, Any]) -> int:
    fields = dataclasses.fields(cls)
    kinds = {one.name: one.metadata["parameter"] for one in fields}
    if cls.__name__ == "MultivariateNormal":
        return 1
    return 0 if cls.__name__ == "Categorical" else max(kind.ndim for kind in kinds.values())


def _data(
    cls: type, x: ArrayLike, weights: ArrayLike | None, known: dict[str, Any]
) -> tuple[jax.Array, jax.Array, tuple[int, ...]]:
    """Samples [batch, n, event...] and weights [batch, n], of a batch in one dimension, and its shape."""
    array = jnp.asarray(x)
    if jnp.issubdtype(array.dtype, jnp.integer) or array.dtype == jnp.bool_:
        array = array.astype(jnp.result_type(float))
    array = _checks.floating("x", array)
    ndim = _event_ndim(cls, known)
    if array.ndim < 1 + ndim or 0 in array.shape:
        raise ValueError(f"x must be data [n, batch...{', event' * ndim}], at least one; got shape {array.shape}.")
    lead = array.shape[: array.ndim - ndim]
    counts = jnp.ones(lead[:1], array.dtype) if weights is None else jnp.asarray(weights).astype(array.dtype)
    if counts.ndim == 0 or counts.shape != lead[: counts.ndim]:
        raise ValueError(f"weights must have shape ({lead[0]},) or {lead}; got shape {counts.shape}.")
    counts = jnp.broadcast_to(counts.reshape(*counts.shape, *[1] * (len(lead) - counts.ndim)), lead)
    flat = array.reshape(lead[0], -1, *array.shape[len(lead) :])
    return jnp.moveaxis(flat, 0, 1), jnp.moveaxis(counts.reshape(lead[0], -1), 0, 1), lead[1:]


@functools.partial(prompt, static_argnums=(0, 1), few=10_000)
def _all(cls: Any, fixed: Any, samples: jax.Array, counts: jax.Array, traced: dict[str, jax.Array]) -> Fitted:
    return jax.vmap(lambda x, w: _one(cls, dict(fixed), x, w, traced))(samples, counts)


def _one(cls: Any, fixed: dict[str, float], x: jax.Array, counts: jax.Array, traced: dict[str, jax.Array]) -> Fitted:
    from kljax.families._fit_starts import DIRECT, ERRORS, START, Sample
    from kljax.families._moments import ROWS

    known: dict[str, Any] = {**fixed, **traced}
    total = counts.sum()
    sample = Sample(x, counts / total, known)

    def likelihood(record: Any) -> jax.Array:
        return sample.mean(record.log_prob(x))

    errors: dict[str, jax.Array]
    if cls in DIRECT or (cls in ROWS and not known):
        if cls in DIRECT:
            record = DIRECT[cls](sample)
        else:
            row = ROWS[cls]
            record = row.build(row.summarise(x, sample.mean))
        if cls in ERRORS:
            errors = {name: value for name, value in ERRORS[cls](record, total).items() if name not in known}
        else:
            errors = _errors(record, [name for name in _free(cls, record) if name not in known], likelihood, total)
    else:
        start = START[cls] if cls in START else functools.partial(_of_moments, ROWS[cls])
        record, errors = _by_newton(cls, sample, start, likelihood, total)
    return Fitted(record, jax.tree.map(jax.lax.stop_gradient, errors), total * likelihood(record))


def _of_moments(row: Any, sample: Any) -> dict[str, Any]:
    record = row.build(row.summarise(sample.x, sample.mean))
    return {name: getattr(record, name) for name in _free(type(record), record)}


def _free(cls: Any, record: Any) -> list[str]:
    """The parameters that are arrays of the record."""
    return [one.name for one in dataclasses.fields(cls) if isinstance(getattr(record, one.name), jax.Array)]


def _by_newton(
    cls: Any, sample: Any, start: Any, likelihood: Any, total: jax.Array
) -> tuple[Any, dict[str, jax.Array]]:
    first = {name: value for name, value in start(sample).items() if name not in sample.known}
    kinds = {one.name: one.metadata["parameter"] for one in dataclasses.fields(cls)}
    # A location counts in units of the data's width.
    width = jnp.sqrt(sample.mean(jnp.square(sample.x - sample.mean(sample.x)))) if sample.x.ndim == 1 else 1.0

    def bent(name: str, value: jax.Array) -> jax.Array:
        if kinds[name].low == 0.0:
            return jnp.log(value) if kinds[name].high == math.inf else jnp.log(value) - jnp.log1p(-value)
        return value / (width if name == "loc" else 1.0)

    def straight(name: str, value: jax.Array) -> jax.Array:
        if kinds[name].low == 0.0:
            return jnp.exp(value) if kinds[name].high == math.inf else jax.nn.sigmoid(value)
        return value * (width if name == "loc" else 1.0)

    values = {name: bent(name, jnp.asarray(value, sample.x.dtype)) for name, value in first.items()}
    flat, unravel = ravel_pytree(values)

    def parameters(at: jax.Array) -> dict[str, jax.Array]:
        return {name: straight(name, value) for name, value in unravel(at).items()}

    def record(at: jax.Array) -> Any:
        return cls(**sample.known, **parameters(at))

    found, curvature = jax.tree.map(jax.lax.stop_gradient, maximise(lambda at: likelihood(record(at)), flat))
    # Of each number by itself, so that errors are multiplied by its slope.
    _, slopes = jax.jvp(parameters, (found,), (jnp.ones_like(found),))
    spread = unravel(_spread(curvature, total))
    return record(found), {name: jnp.abs(slopes[name]) * spread[name] for name in spread}


def _errors(record: Any, names: list[str], likelihood: Any, total: jax.Array) -> dict[str, jax.Array]:
    """√diag of the inverse of -n ∂² of the mean log-likelihood."""
    from kljax.families._record import replace

    flat, unravel = ravel_pytree({name: getattr(record, name) for name in names})
    # In units of the parameters' sizes, for the sake of the inverse.
    size = jnp.where(flat == 0.0, 1.0, jnp.abs(flat))
    hessian = jax.hessian(lambda step: likelihood(replace(record, **unravel(flat + size * step))))(jnp.zeros_like(flat))
    errors: dict[str, jax.Array] = unravel(size * _spread(hessian, total))
    return errors


def _spread(curvature: jax.Array, total: jax.Array) -> jax.Array:
    """√diag (-n H)⁻¹, NaN where it is none."""
    found = jnp.diagonal(jnp.linalg.inv(-total * curvature))
    return jnp.where(found > 0.0, jnp.sqrt(jnp.where(found > 0.0, found, 1.0)), jnp.nan)


fit_by_likelihood: classmethod[Any, ..., Fitted] = classmethod(_fit)
