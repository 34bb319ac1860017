"""Kullback and Leibler's divergence from draws, and those made of it."""

from __future__ import annotations

from jax.typing import ArrayLike

from kljax import _checks, generators
from kljax._checks import Axis
from kljax._names import advised
from kljax._types import Estimator, KLEstimator, Rows
from kljax.generators._internal import is_static
from kljax.montecarlo import _core, _k1
from kljax.montecarlo._draws import DrawsFrom
from kljax.montecarlo._estimate import Estimate


@advised
def kl(
    log_p: Rows,
    log_q: Rows,
    *,
    estimator: KLEstimator = "k3",
    draws_from: DrawsFrom = "p",
    self_normalized: bool = False,
    axis: Axis = 0,
    where: Rows | None = None,
) -> Estimate:
    """KL(p‖q) = E_p[log(p/q)], the Kullback–Leibler divergence, from log p and log q at draws.

    With r = log(p/q), for draws from p:

    - ``"k3"``, q/p - 1 + r: every term is ≥ 0, and exactly 0 for p = q. Its mean is KL(p‖q) - Q(p = 0), which is KL
      where q has no mass outside p; and its variance is infinite if χ²(q‖p) is, which a small ``ess`` warns of.
    - ``"k1"``, r: its mean is KL(p‖q) whatever the supports and tails, but it can be negative, and near p = q its
      error is far larger than its value.
    - ``"k2"``, r²/2: never negative and of small variance, but biased, except to second order near p = q.
    - ``"fitted"``, r + (1 - c)(q/p - 1) with the c that has least variance over these draws.

    For draws from q or from a proposal m, "k3" is (p r - p + q)/m and "k1" (p/m) r; "k2" is (p/m) r²/2 for a proposal,
    and r²/2 for draws from q.

    It is exactly inf where q misses a draw of p. Gradients go through the numbers given. As a function of parameters
    of p that is right if the draws moved with these (reparametrised draws). For draws held fixed, pass
    ``draws_from=jax.lax.stop_gradient(log_p)``: the values are the same, and the mean of the gradient is that of
    KL(p‖q), in the parameters of p and of q.

    Args:
        log_p: log p at the draws, [n, batch...] of any floating dtype; -inf is density zero.
        log_q: log q at the draws; broadcasts against ``log_p``.
        estimator: "k1", "k2", "k3" or "fitted", as above.
        draws_from: "p", "q", or the log-density at the draws of what they came from. For draws with log-weights w of p
            that is log_p - w.
        self_normalized: Whether the log-densities are known up to constants only: the weights p/m and q/m of the draws
            are divided by their sums, with a bias of order 1/n. The result is KL between the reweighted draws, never
            negative.
        axis: The axis, or axes, of the draws.
        where: Boolean mask that broadcasts to the log-densities; draws where it is false do not count.

    Returns:
        The estimate in nats, its standard error and the effective sample size, each [batch...]. Of no draws: 0, inf and
        0. NaN where a log-density is NaN or inf.

    Raises:
        ValueError: If ``estimator`` does not go with the other arguments.

    Example:
        >>> import jax
        >>> from jax.scipy.stats import norm
        >>> from kljax import montecarlo
        >>> x = jax.random.normal(jax.random.key(0), (10_000,))
        >>> found = montecarlo.kl(norm.logpdf(x), norm.logpdf(x, 1.0))
        >>> print(bool(abs(found.value - 0.5) < 4 * found.stderr))
        True

    References:
        Schulman (2020), "Approximating KL divergence" (the names k1, k2 and k3).
    """
    names = ("k1", "k2", "k3", "fitted")
    return _core.evaluate(
        log_p, log_q, generators.kl, estimator, draws_from, self_normalized, axis, where, _k1.kl, names=names
    )


@advised
def jeffreys(
    log_p: Rows,
    log_q: Rows,
    *,
    estimator: Estimator = "k3",
    draws_from: DrawsFrom = "p",
    self_normalized: bool = False,
    axis: Axis = 0,
    where: Rows | None = None,
) -> Estimate:
    """J(p, q) = KL(p‖q) + KL(q‖p), Jeffreys' symmetric divergence, from log p and log q at draws.

    Args:
        log_p: log p at the draws, [n, batch...] of any floating dtype; -inf is density zero.
        log_q: log q at the draws; broadcasts against ``log_p``.
        estimator: "k3" or "fitted", as in ``kl``.
        draws_from: "p", "q", or the log-density at the draws of what they came from.
        self_normalized: Whether the log-densities are known up to constants only, as in ``kl``.
        axis: The axis, or axes, of the draws.
        where: Boolean mask that broadcasts to the log-densities; draws where it is false do not count.

    Returns:
        The estimate in nats, its standard error and the effective sample size, each [batch...].

    Raises:
        ValueError: If ``estimator`` does not go with the other arguments.

    Example:
        >>> import jax
        >>> from jax.scipy.stats import norm
        >>> from kljax import montecarlo
        >>> x = jax.random.normal(jax.random.key(0), (10_000,))
        >>> found = montecarlo.jeffreys(norm.logpdf(x), norm.logpdf(x, 0.5))
        >>> print(bool(abs(found.value - 0.25) < 4 * found.stderr))
        True

    References:
        Jeffreys (1946), "An invariant form for the prior probability in estimation problems".
    """
    return _core.evaluate(log_p, log_q, generators.jeffreys, estimator, draws_from, self_normalized, axis, where)


@advised
def jensen_shannon(
    log_p: Rows,
    log_q: Rows,
    *,
    weight: ArrayLike = 0.5,
    scaled: bool = False,
    estimator: Estimator = "k3",
    draws_from: DrawsFrom = "p",
    self_normalized: bool = False,
    axis: Axis = 0,
    where: Rows | None = None,
) -> Estimate:
    """JS(p, q) = w KL(p‖m) + (1 - w) KL(q‖m), m = w p + (1 - w) q, from log p and log q at draws.

    With ``scaled=True`` it is divided by w(1 - w): then w → 0 gives KL(p‖q) and w → 1 gives KL(q‖p).

    Args:
        log_p: log p at the draws, [n, batch...] of any floating dtype; -inf is density zero.
        log_q: log q at the draws; broadcasts against ``log_p``.
        weight: w in [0, 1], the weight of p in the mixture; a Python number, or a traced scalar.
        scaled: Whether to divide by w(1 - w).
        estimator: "k3", "k1" (bounded terms, for 0 < w < 1) or "fitted", as in ``kl``.
        draws_from: "p", "q", or the log-density at the draws of what they came from.
        self_normalized: Whether the log-densities are known up to constants only, as in ``kl``.
        axis: The axis, or axes, of the draws.
        where: Boolean mask that broadcasts to the log-densities; draws where it is false do not count.

    Returns:
        The estimate in nats, its standard error and the effective sample size, each [batch...].

    Raises:
        ValueError: If ``estimator`` does not go with the other arguments.

    Example:
        >>> import jax
        >>> from jax.scipy.stats import norm
        >>> from kljax import montecarlo
        >>> x = jax.random.normal(jax.random.key(0), (10_000,))
        >>> found = montecarlo.jensen_shannon(norm.logpdf(x), norm.logpdf(x, 1.0))
        >>> print(f"{found.value:.2f}")
        0.11

    References:
        Lin (1991), "Divergence measures based on the Shannon entropy".
    """
    checked = _checks.parameter("weight", weight)
    generator = generators.jensen_shannon(checked, scaled=scaled)
    factor = 1.0 if not scaled else 1.0 / (checked * (1.0 - checked)) if _inside(checked) else 1.0
    return _core.evaluate(
        log_p,
        log_q,
        generator,
        estimator,
        draws_from,
        self_normalized,
        axis,
        where,
        _k1.jensen_shannon(checked),
        (checked, factor),
    )


def _inside(weight: object) -> bool:
    return not is_static(weight) or 0 < weight < 1  # type: ignore[operator]


@advised
def skew_kl(
    log_p: Rows,
    log_q: Rows,
    *,
    weight: ArrayLike,
    estimator: Estimator = "k3",
    draws_from: DrawsFrom = "p",
    self_normalized: bool = False,
    axis: Axis = 0,
    where: Rows | None = None,
) -> Estimate:
    """KL(p‖w p + (1 - w) q), the skew divergence, from log p and log q at draws.

    Args:
        log_p: log p at the draws, [n, batch...] of any floating dtype; -inf is density zero.
        log_q: log q at the draws; broadcasts against ``log_p``.
        weight: w in [0, 1], the weight of p in the mixture; a Python number, or a traced scalar.
        estimator: "k3", "k1" (log(p/m) for draws from p) or "fitted", as in ``kl``.
        draws_from: "p", "q", or the log-density at the draws of what they came from.
        self_normalized: Whether the log-densities are known up to constants only, as in ``kl``.
        axis: The axis, or axes, of the draws.
        where: Boolean mask that broadcasts to the log-densities; draws where it is false do not count.

    Returns:
        The estimate in nats, its standard error and the effective sample size, each [batch...].

    Raises:
        ValueError: If ``estimator`` does not go with the other arguments.

    Example:
        >>> import jax
        >>> from jax.scipy.stats import norm
        >>> from kljax import montecarlo
        >>> x = jax.random.normal(jax.random.key(0), (10_000,))
        >>> found = montecarlo.skew_kl(norm.logpdf(x), norm.logpdf(x, 1.0), weight=0.0, estimator="k1")
        >>> print(bool(abs(found.value - 0.5) < 4 * found.stderr))
        True

    References:
        Lee (1999), "Measures of distributional similarity".
    """
    checked = _checks.parameter("weight", weight)
    generator = generators.skew_kl(checked)
    return _core.evaluate(
        log_p,
        log_q,
        generator,
        estimator,
        draws_from,
        self_normalized,
        axis,
        where,
        _k1.skew(checked),
        (checked,),
    )
