"""f-divergences from draws."""

from __future__ import annotations

from kljax import generators
from kljax._checks import Axis
from kljax._names import advised
from kljax._types import Estimator, Rows
from kljax.generators import Generator
from kljax.generators._internal import check as check_generator
from kljax.montecarlo import _core, _k1
from kljax.montecarlo._draws import DrawsFrom
from kljax.montecarlo._estimate import Estimate


@advised
def f_divergence(
    log_p: Rows,
    log_q: Rows,
    generator: Generator,
    *,
    estimator: Estimator = "k3",
    draws_from: DrawsFrom = "p",
    self_normalized: bool = False,
    axis: Axis = 0,
    where: Rows | None = None,
) -> Estimate:
    """D_f(p‖q) = E_q[f(p/q)], any f-divergence, from log p and log q at draws.

    The mean of the non-negative summand q f(p/q)/m, with f(1) = f'(1) = 0, over draws from m. For draws from p, mass of
    q outside p is not seen: the mean is D_f - f(0) Q(p = 0), as it is D_f - f'(∞) P(q = 0) for draws from q. Draws from
    a proposal that covers both, such as their mixture, see everything.

    Args:
        log_p: log p at the draws, [n, batch...] of any floating dtype; -inf is density zero.
        log_q: log q at the draws; broadcasts against ``log_p``.
        generator: A record of ``kljax.generators``.
        estimator: "k3", this summand, or "fitted", with the multiple of (p - q)/m added that has the least variance
            over these draws; it can be negative. "k1" is offered by the named divergences.
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
        >>> from kljax import generators, montecarlo
        >>> x = jax.random.normal(jax.random.key(0), (10_000,))
        >>> found = montecarlo.f_divergence(norm.logpdf(x), norm.logpdf(x, 1.0), generator=generators.squared_hellinger)
        >>> print(bool(abs(found.value - 0.117503) < 4 * found.stderr))
        True

    References:
        Owen (2013), "Monte Carlo theory, methods and examples", chapters 8 and 9 (control variates and importance
        sampling).
    """
    check_generator("generator", generator)
    return _core.evaluate(log_p, log_q, generator, estimator, draws_from, self_normalized, axis, where)


@advised
def squared_hellinger(
    log_p: Rows,
    log_q: Rows,
    *,
    estimator: Estimator = "k3",
    draws_from: DrawsFrom = "p",
    self_normalized: bool = False,
    axis: Axis = 0,
    where: Rows | None = None,
) -> Estimate:
    """H²(p, q) = ½ ∫ (√p - √q)², the squared Hellinger distance, from log p and log q at draws.

    Args:
        log_p: log p at the draws, [n, batch...] of any floating dtype; -inf is density zero.
        log_q: log q at the draws; broadcasts against ``log_p``.
        estimator: "k3", "k1" (bounded terms) or "fitted", as in ``kl``.
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
        >>> found = montecarlo.squared_hellinger(norm.logpdf(x), norm.logpdf(x, 1.0))
        >>> print(bool(abs(found.value - 0.117503) < 4 * found.stderr))
        True

    References:
        Hellinger (1909); Le Cam (1986), "Asymptotic Methods in Statistical Decision Theory", ch. 4.
    """
    return _core.evaluate(
        log_p,
        log_q,
        generators.squared_hellinger,
        estimator,
        draws_from,
        self_normalized,
        axis,
        where,
        _k1.power(0.5),
        (0.5, 0.25),
    )


@advised
def total_variation(
    log_p: Rows,
    log_q: Rows,
    *,
    estimator: Estimator = "k3",
    draws_from: DrawsFrom = "p",
    self_normalized: bool = False,
    axis: Axis = 0,
    where: Rows | None = None,
) -> Estimate:
    """TV(p, q) = ½ ∫ |p - q|, the total variation distance, from log p and log q at draws.

    Args:
        log_p: log p at the draws, [n, batch...] of any floating dtype; -inf is density zero.
        log_q: log q at the draws; broadcasts against ``log_p``.
        estimator: "k3", "k1" (max(0, 1 - q/p) for draws from p) or "fitted", as in ``kl``.
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
        >>> found = montecarlo.total_variation(norm.logpdf(x), norm.logpdf(x, 1.0))
        >>> print(f"{found.value:.1f}")
        0.4

    References:
        Levin & Peres (2017), "Markov Chains and Mixing Times", prop. 4.2.
    """
    return _core.evaluate(
        log_p,
        log_q,
        generators.total_variation,
        estimator,
        draws_from,
        self_normalized,
        axis,
        where,
        _k1.total_variation,
    )


@advised
def chi_squared(
    log_p: Rows,
    log_q: Rows,
    *,
    estimator: Estimator = "k3",
    draws_from: DrawsFrom = "p",
    self_normalized: bool = False,
    axis: Axis = 0,
    where: Rows | None = None,
) -> Estimate:
    """χ²(p‖q) = ∫ (p - q)²/q, Pearson's χ² divergence, from log p and log q at draws.

    Args:
        log_p: log p at the draws, [n, batch...] of any floating dtype; -inf is density zero.
        log_q: log q at the draws; broadcasts against ``log_p``.
        estimator: "k3", "k1" (p/q - 1 for draws from p) or "fitted", as in ``kl``.
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
        >>> found = montecarlo.chi_squared(norm.logpdf(x), norm.logpdf(x, 0.5))
        >>> print(f"{found.value:.1f}")
        0.3

    References:
        Pearson (1900); Liese & Vajda (2006), "On divergences and informations in statistics and information theory".
    """
    return _core.evaluate(
        log_p,
        log_q,
        generators.pearson,
        estimator,
        draws_from,
        self_normalized,
        axis,
        where,
        _k1.power(2.0),
        (2.0, 2.0),
    )


@advised
def le_cam(
    log_p: Rows,
    log_q: Rows,
    *,
    estimator: Estimator = "k3",
    draws_from: DrawsFrom = "p",
    self_normalized: bool = False,
    axis: Axis = 0,
    where: Rows | None = None,
) -> Estimate:
    """LC(p, q) = ½ ∫ (p - q)²/(p + q), Le Cam's divergence, from log p and log q at draws.

    Args:
        log_p: log p at the draws, [n, batch...] of any floating dtype; -inf is density zero.
        log_q: log q at the draws; broadcasts against ``log_p``.
        estimator: "k3", "k1" (bounded terms) or "fitted", as in ``kl``.
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
        >>> found = montecarlo.le_cam(norm.logpdf(x), norm.logpdf(x, 1.0))
        >>> print(f"{found.value:.1f}")
        0.2

    References:
        Le Cam (1986), "Asymptotic Methods in Statistical Decision Theory".
    """
    return _core.evaluate(
        log_p, log_q, generators.le_cam, estimator, draws_from, self_normalized, axis, where, _k1.le_cam
    )
