"""Divergences of an order, from draws."""

from __future__ import annotations

from jax.typing import ArrayLike

from kljax import _checks, generators
from kljax._checks import Axis
from kljax._names import advised
from kljax._types import Estimator, Rows
from kljax.montecarlo import _core, _k1
from kljax.montecarlo._draws import DrawsFrom
from kljax.montecarlo._estimate import Estimate


@advised
def alpha(
    log_p: Rows,
    log_q: Rows,
    *,
    order: ArrayLike,
    estimator: Estimator = "k3",
    draws_from: DrawsFrom = "p",
    self_normalized: bool = False,
    axis: Axis = 0,
    where: Rows | None = None,
) -> Estimate:
    """A_α(p‖q) = (∫ p^α q^(1-α) - 1)/(α(α - 1)), Amari's α-divergence, from log p and log q at draws.

    It is KL(p‖q) at α = 1 and KL(q‖p) at α = 0, continuously.

    Args:
        log_p: log p at the draws, [n, batch...] of any floating dtype; -inf is density zero.
        log_q: log q at the draws; broadcasts against ``log_p``.
        order: α, any real number; a Python number, or a traced scalar.
        estimator: "k3", "k1" ((u^(α-1) - 1)/(α(α - 1)) for draws from p, which needs α > 0) or "fitted", as in ``kl``.
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
        >>> found = montecarlo.alpha(norm.logpdf(x), norm.logpdf(x, 1.0), order=0.5)
        >>> print(bool(abs(found.value - 0.470012) < 4 * found.stderr))
        True

    References:
        Cichocki & Amari (2010), "Families of alpha-, beta- and gamma-divergences".
    """
    checked = _checks.parameter("order", order)
    return _core.evaluate(
        log_p,
        log_q,
        generators.alpha(checked),
        estimator,
        draws_from,
        self_normalized,
        axis,
        where,
        _k1.power(checked),
        (checked, 1.0),
    )


@advised
def tsallis(
    log_p: Rows,
    log_q: Rows,
    *,
    order: ArrayLike,
    estimator: Estimator = "k3",
    draws_from: DrawsFrom = "p",
    self_normalized: bool = False,
    axis: Axis = 0,
    where: Rows | None = None,
) -> Estimate:
    """T_a(p‖q) = (∫ p^a q^(1-a) - 1)/(a - 1), Tsallis' relative entropy, from log p and log q at draws.

    It is KL(p‖q) at a = 1, continuously.

    Args:
        log_p: log p at the draws, [n, batch...] of any floating dtype; -inf is density zero.
        log_q: log q at the draws; broadcasts against ``log_p``.
        order: a > 0; a Python number, or a traced scalar.
        estimator: "k3", "k1" ((u^(a-1) - 1)/(a - 1) for draws from p) or "fitted", as in ``kl``.
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
        >>> found = montecarlo.tsallis(norm.logpdf(x), norm.logpdf(x, 1.0), order=0.5)
        >>> print(bool(abs(found.value - 0.235006) < 4 * found.stderr))
        True

    References:
        Tsallis (1998), "Generalized entropy-based criterion for consistent testing".
    """
    checked = _checks.parameter("order", order)
    return _core.evaluate(
        log_p,
        log_q,
        generators.tsallis(checked),
        estimator,
        draws_from,
        self_normalized,
        axis,
        where,
        _k1.power(checked),
        (checked, checked),
    )
