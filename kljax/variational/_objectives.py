"""Objectives: what a fit maximises, as functions of the log-weights ℓ = log p̃(x) - log q(x) at draws of q.

Each comes with the coefficients of its two unbiased gradients, Σ c ∇ℓ along the path of the draws and Σ c ∇log q(x) at
fixed draws, so that every gradient estimator serves every objective. Draws may be stratified: ``log_share`` is the
logarithm of each draw's share of q, -log K for K plain draws, and the shares sum to 1.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from kljax import _checks, generators
from kljax._names import advised
from kljax.generators import Generator
from kljax.generators._internal import check as check_generator

Coefficients = Callable[[jax.Array, jax.Array], jax.Array]


@dataclasses.dataclass(frozen=True)
class Objective:
    """What a fit maximises.

    Attributes:
        name: What it is, in words.
        value: (ℓ, log shares) ↦ the estimate to be maximised; in nats.
        path: (ℓ, log shares) ↦ c with E[Σ c ∇ℓ] the gradient, where ∇ℓ runs along the path of the draws alone, the
            parameters of log q held fixed (the doubly reparametrised gradient).
        whole: Whether the estimate uses its draws together, so that their number is part of the objective.
        covers: Whether it is infinite, or cannot be estimated, where q misses mass that p has.
        separate: Whether the gradient by ``value``'s own derivative is that of the objective.
        score: (ℓ, log shares) ↦ c with E[Σ c ∇log q(x)] the gradient at fixed draws, where there is a better one than
            that with the leave-one-out baseline; else None.
    """

    name: str
    value: Coefficients
    path: Coefficients
    whole: bool = False
    covers: bool = False
    separate: bool = True
    score: Coefficients | None = None

    def __repr__(self) -> str:
        return f"<objective: {self.name}>"


def _share(log_share: jax.Array) -> jax.Array:
    return jnp.exp(log_share)


def _weights(log_w: jax.Array, log_share: jax.Array) -> jax.Array:
    """Normalised importance weights."""
    return jax.nn.softmax(log_w + log_share)


@functools.lru_cache
def elbo() -> Objective:
    """E_q[log p̃(x) - log q(x)] = log Z - KL(q‖p): the reverse KL.

    It seeks a mode and its neighbourhood; q stays where p has mass.

    Returns:
        An ``Objective``.

    Example:
        >>> from kljax import variational
        >>> variational.elbo()
        <objective: ELBO (reverse KL)>

    References:
        Jordan, Ghahramani, Jaakkola and Saul (1999), "An introduction to variational methods for graphical models".
    """
    return Objective(
        "ELBO (reverse KL)",
        value=lambda log_w, log_share: (_share(log_share) * log_w).sum(),
        path=lambda log_w, log_share: _share(log_share),
    )


@functools.lru_cache
def forward_kl() -> Objective:
    """-KL(p‖q) up to the entropy of p, by self-normalised importance sampling from q.

    It covers the mass of p. The weights' bias falls as 1/K with the number of draws K, and the variance grows with the
    χ²-divergence of p from q: begin near p, as ``fit`` does.

    Returns:
        An ``Objective``. Its value is -Σ w̃ ℓ + log mean w, an estimate of -KL(p‖q).

    Example:
        >>> from kljax import variational
        >>> variational.forward_kl()
        <objective: forward KL>

    References:
        Bornschein and Bengio (2015), "Reweighted wake-sleep"; Finke and Thiery (2019), "On importance-weighted
        autoencoders".
    """
    return _of_generator(generators.kl, "forward KL")


@functools.lru_cache
def importance_weighted() -> Objective:
    """E[log 1/K Σ p̃(x_k)/q(x_k)] ≤ log Z: the importance-weighted bound, the tighter the more draws a step has.

    Returns:
        An ``Objective``.

    Example:
        >>> from kljax import variational
        >>> variational.importance_weighted()
        <objective: importance-weighted bound>

    References:
        Burda, Grosse and Salakhutdinov (2016), "Importance weighted autoencoders"; Tucker et al. (2019), "Doubly
        reparameterized gradient estimators for Monte Carlo objectives".
    """
    return dataclasses.replace(_of_order(0.0), name="importance-weighted bound")


@advised
def renyi(order: float) -> Objective:
    """L_α = 1/(1 - α) log E_q[(p̃/q)^(1-α)], the variational Rényi bound.

    α → 1 is the ELBO, α = 0 the importance-weighted bound; between them it trades mode-seeking for coverage. For α < 0
    it bounds log Z from above and is minimised, for α > 0 from below and is maximised.

    Args:
        order: α; not 1, for which there is ``elbo``.

    Returns:
        An ``Objective``.

    Example:
        >>> from kljax import variational
        >>> variational.renyi(0.5)
        <objective: Rényi bound of order 0.5>

    References:
        Li and Turner (2016), "Rényi divergence variational inference"; Tucker et al. (2019), "Doubly reparameterized
        gradient estimators for Monte Carlo objectives".
    """
    _checks.number("order", order, low=-1e3, high=1e3)
    if order == 1.0:
        raise ValueError("order must not be 1: that is elbo().")
    return _of_order(float(order))


def chi_squared_bound(order: float = 2.0) -> Objective:
    """1/n log E_q[(p̃/q)ⁿ] ≥ log Z: the χ upper bound (CUBO), minimised.

    With n = 2 it minimises χ²(p‖q). With the ELBO it brackets log Z. Its gradients are as heavy-tailed as the weights'
    n-th power: begin near p, as ``fit`` does.

    Args:
        order: n > 1.

    Returns:
        An ``Objective``; its value is minus the bound.

    Example:
        >>> from kljax import variational
        >>> variational.chi_squared_bound()
        <objective: χ bound of order 2>

    References:
        Dieng, Tran, Ranganath, Paisley and Blei (2017), "Variational inference via χ upper bound minimization".
    """
    _checks.number("order", order, low=1.0, high=1e3, open_low=True)
    return dataclasses.replace(_of_order(1.0 - float(order)), name=f"χ bound of order {order:g}", covers=True)


@functools.lru_cache
def _of_order(alpha: float) -> Objective:
    sign = 1.0 if alpha >= 0.0 else -1.0

    def value(log_w: jax.Array, log_share: jax.Array) -> jax.Array:
        return sign * jax.nn.logsumexp((1.0 - alpha) * log_w + log_share) / (1.0 - alpha)

    def path(log_w: jax.Array, log_share: jax.Array) -> jax.Array:
        weights = _weights((1.0 - alpha) * log_w, log_share)
        return sign * weights * (alpha + (1.0 - alpha) * weights)

    return Objective(f"Rényi bound of order {alpha:g}", value, path, whole=True, covers=alpha < 0.0)


def f_divergence(generator: Generator) -> Objective:
    """-D_f(p‖q) for any generator, from draws of q, p̃ being normalised by the mean of its weights.

    Args:
        generator: A record of ``kljax.generators``. ``generators.reverse_kl`` is the ELBO up to log Z.

    Returns:
        An ``Objective``. Its value is -mean q f(p/q)/q with p̃ so normalised: biased by 1/K in the number of draws.

    Example:
        >>> from kljax import generators, variational
        >>> variational.f_divergence(generators.squared_hellinger)
        <objective: squared_hellinger>

    References:
        Geffner and Domke (2021), "On the difficulty of unbiased alpha divergence minimization"; Bauer and Mnih (2021),
        "Generalized doubly reparameterized gradient estimators".
    """
    check_generator("generator", generator)
    return _of_generator(generator, generator.name)


def jensen_shannon(weight: float = 0.5) -> Objective:
    """-JS_w(p, q), the Jensen–Shannon divergence with weight w of p.

    Args:
        weight: w in (0, 1).

    Returns:
        An ``Objective``.

    Example:
        >>> from kljax import variational
        >>> variational.jensen_shannon()
        <objective: Jensen–Shannon>

    References:
        Lin (1991), "Divergence measures based on the Shannon entropy".
    """
    _checks.number("weight", weight, low=0.0, high=1.0, open_low=True, open_high=True)
    return _of_generator(generators.jensen_shannon(float(weight)), "Jensen–Shannon")


@functools.lru_cache
def _of_generator(generator: Generator, name: str) -> Objective:
    def centred(log_w: jax.Array, log_share: jax.Array) -> jax.Array:
        return log_w - jax.nn.logsumexp(log_w + log_share)

    def value(log_w: jax.Array, log_share: jax.Array) -> jax.Array:
        ratio = centred(log_w, log_share)
        return -(_share(log_share) * generator.perspective(ratio, jnp.zeros_like(ratio))).sum()

    def path(log_w: jax.Array, log_share: jax.Array) -> jax.Array:
        # ∇D_f = -E_q[f''(w) w² ∇ℓ], and w f''(w) = d f'(w)/dℓ
        ratio = centred(log_w, log_share)
        _, growth = jax.jvp(generator.slope, (ratio,), (jnp.ones_like(ratio),))
        return _share(log_share) * growth * jnp.exp(ratio)

    def score(log_w: jax.Array, log_share: jax.Array) -> jax.Array:
        # ∇D_f = E_q[(f(w) - w f'(w)) ∇log q(x)]; any constant may be added, so that the mean is taken off.
        ratio = centred(log_w, log_share)
        terms = -generator.coderivative(ratio, *generator.parameters)
        share = _share(log_share)
        mean = (share * terms).sum()
        others = (mean - share * terms) / (1.0 - share)
        return share * (terms - others)

    return Objective(name, value, path, covers=generator.at_infinity == jnp.inf, separate=False, score=score)
