"""The other divergences from two samples: the same neighbours, surrogates and second opinions as ``kl``."""

from __future__ import annotations

from kljax import _checks, generators
from kljax._names import advised
from kljax._types import Nan, Rows, SampleMethod
from kljax.generators import Generator
from kljax.samples import _functionals
from kljax.samples._divergence import begin, continuous, settings, with_dropped
from kljax.samples._estimate import SampleEstimate
from kljax.samples._functionals import Functional
from kljax.samples._recurring_values import label

K = (2, 4, 8)
QUERIES = 16_384


def evaluate(
    x: Rows,
    y: Rows,
    functional: Functional,
    key: Rows | None,
    method: str,
    k: int | tuple[int, ...],
    surrogates: int,
    max_queries: int,
    nan: str,
    progress: bool,
) -> SampleEstimate:
    """Any functional of two samples without recurring values."""
    chosen = settings(method, k, surrogates, max_queries, nan, progress)
    x_, y_, rng, dropped = begin(x, y, key, chosen)
    split = label(x_, y_, rng)
    if split.share > 0.0:
        raise ValueError(
            f"{100 * split.share:.0f} % of the rows of x and y lie on values that recur, so there is no density ratio. "
            "samples.kl handles them by the chain rule; of categories alone, count them: kljax.counts.jensen_shannon."
        )
    found = continuous(split.x, split.y, rng, functional, chosen)
    if split.rounded:
        listed = ", ".join(str(one) for one in split.rounded)
        found = found._replace(verdict=f"{found.verdict}; rounding of column {listed} was undone")
    return with_dropped(found, dropped)


@advised
def jeffreys(
    x: Rows,
    y: Rows,
    *,
    key: Rows | None = None,
    method: SampleMethod = "auto",
    k: int | tuple[int, ...] = K,
    surrogates: int = 8,
    max_queries: int = QUERIES,
    nan: Nan = "raise",
    progress: bool = False,
) -> SampleEstimate:
    """J(p, q) = KL(p‖q) + KL(q‖p), Jeffreys' divergence, from samples x of p and y of q alone, with an interval.

    Args:
        x: Samples of p, [n, d] or [n], of any floating dtype.
        y: Samples of q, [m, d] or [m].
        key: A key of ``jax.random``. It is required.
        method: As in ``kl``.
        k: As in ``kl``.
        surrogates: As in ``kl``.
        max_queries: As in ``kl``, of x and of y.
        nan: As in ``kl``.
        progress: As in ``kl``.

    Returns:
        A ``SampleEstimate`` in nats. Its interval means what that of ``kl`` means.

    Raises:
        ValueError: As ``kl``, and where values recur, so that there is no density ratio.
        TypeError: As ``kl``.

    Example:
        >>> import jax
        >>> from kljax import samples
        >>> x, y = jax.random.normal(jax.random.key(0), (2, 800, 2))
        >>> low, high = samples.jeffreys(x + 0.5, y, key=jax.random.key(1)).interval()  # exactly: 0.5
        >>> print(low < 0.5 < high)
        True
    """
    return evaluate(x, y, _functionals.jeffreys, key, method, k, surrogates, max_queries, nan, progress)


@advised
def f_divergence(
    x: Rows,
    y: Rows,
    generator: Generator,
    *,
    key: Rows | None = None,
    method: SampleMethod = "auto",
    k: int | tuple[int, ...] = K,
    surrogates: int = 8,
    max_queries: int = QUERIES,
    nan: Nan = "raise",
    progress: bool = False,
) -> SampleEstimate:
    """D_f(p‖q) = E_q[f(p/q)] of any generator, from samples x of p and y of q alone, with an interval.

    It is the mean of q f(p/q)/m over draws from the mixture m = ½(p + q), with the ratio from nearest neighbours; their
    bias is measured on surrogates as for ``kl``. Of bounded divergences (f(0) and lim f(u)/u finite) every term is
    bounded and the interval is as good as that of ``kl``. Unbounded ones, such as Pearson's χ², hang on the few points
    where the ratio is largest: ``ess`` says how many there are.

    Args:
        x: Samples of p, [n, d] or [n], of any floating dtype.
        y: Samples of q, [m, d] or [m].
        generator: The divergence's generator.
        key: A key of ``jax.random``. It is required.
        method: As in ``kl``; "bound" is Nguyen, Wainwright and Jordan's, of a classifier on rows that it hasn't seen.
        k: As in ``kl``.
        surrogates: As in ``kl``.
        max_queries: As in ``kl``, of x and of y.
        nan: As in ``kl``.
        progress: As in ``kl``.

    Returns:
        A ``SampleEstimate`` in nats.

    Raises:
        ValueError: As ``kl``, and where values recur, so that there is no density ratio.
        TypeError: As ``kl``.

    Example:
        >>> import jax
        >>> from kljax import generators, samples
        >>> x, y = jax.random.normal(jax.random.key(0), (2, 800, 2))
        >>> found = samples.f_divergence(x, y, generators.le_cam, key=jax.random.key(1))  # exactly: 0
        >>> print(found.interval()[0])
        0.0
    """
    _checks.instance("generator", generator, Generator, "a generator, such as kljax.generators.le_cam")
    functional = _functionals.of_generator(generator, generator.name)
    return evaluate(x, y, functional, key, method, k, surrogates, max_queries, nan, progress)


@advised
def jensen_shannon(
    x: Rows,
    y: Rows,
    *,
    weight: float = 0.5,
    key: Rows | None = None,
    method: SampleMethod = "auto",
    k: int | tuple[int, ...] = K,
    surrogates: int = 8,
    max_queries: int = QUERIES,
    nan: Nan = "raise",
    progress: bool = False,
) -> SampleEstimate:
    """w KL(p‖m) + (1 - w) KL(q‖m), m = w p + (1 - w) q: Jensen–Shannon, from samples x of p and y of q alone.

    Args:
        x: Samples of p, [n, d] or [n], of any floating dtype.
        y: Samples of q, [m, d] or [m].
        weight: w, in (0, 1).
        key: A key of ``jax.random``. It is required.
        method: As in ``kl``; "bound" comes from a classifier's log-loss on rows that it hasn't seen.
        k: As in ``kl``.
        surrogates: As in ``kl``.
        max_queries: As in ``kl``, of x and of y.
        nan: As in ``kl``.
        progress: As in ``kl``.

    Returns:
        A ``SampleEstimate`` in nats, between 0 and the entropy of the weights.

    Raises:
        ValueError: As ``kl``, and where values recur, so that there is no density ratio.
        TypeError: As ``kl``.

    Example:
        >>> import jax
        >>> from kljax import samples
        >>> x, y = jax.random.normal(jax.random.key(0), (2, 800, 2))
        >>> low, high = samples.jensen_shannon(x + 9.0, y, key=jax.random.key(1)).interval()
        >>> print(low < 0.6931 <= high)  # log 2, where p and q don't overlap
        True
    """
    _checks.number("weight", weight, low=0.0, high=1.0, open_low=True, open_high=True)
    functional = _functionals.of_generator(generators.jensen_shannon(weight), "Jensen–Shannon")
    return evaluate(x, y, functional, key, method, k, surrogates, max_queries, nan, progress)


@advised
def squared_hellinger(
    x: Rows,
    y: Rows,
    *,
    key: Rows | None = None,
    method: SampleMethod = "auto",
    k: int | tuple[int, ...] = K,
    surrogates: int = 8,
    max_queries: int = QUERIES,
    nan: Nan = "raise",
    progress: bool = False,
) -> SampleEstimate:
    """H²(p, q) = ½ ∫ (√p - √q)², in [0, 1], from samples x of p and y of q alone, with an interval.

    Args:
        x: Samples of p, [n, d] or [n], of any floating dtype.
        y: Samples of q, [m, d] or [m].
        key: A key of ``jax.random``. It is required.
        method: As in ``f_divergence``.
        k: As in ``kl``.
        surrogates: As in ``kl``.
        max_queries: As in ``kl``, of x and of y.
        nan: As in ``kl``.
        progress: As in ``kl``.

    Returns:
        A ``SampleEstimate``.

    Raises:
        ValueError: As ``kl``, and where values recur, so that there is no density ratio.
        TypeError: As ``kl``.

    Example:
        >>> import jax
        >>> from kljax import samples
        >>> x, y = jax.random.normal(jax.random.key(0), (2, 800, 2))
        >>> low, high = samples.squared_hellinger(x + 1.0, y, key=jax.random.key(1)).interval()
        >>> print(low < 0.2212 < high)  # 1 - exp(-2/8)
        True
    """
    functional = _functionals.of_generator(generators.squared_hellinger, "the squared Hellinger distance")
    return evaluate(x, y, functional, key, method, k, surrogates, max_queries, nan, progress)


@advised
def total_variation(
    x: Rows,
    y: Rows,
    *,
    key: Rows | None = None,
    method: SampleMethod = "auto",
    k: int | tuple[int, ...] = K,
    surrogates: int = 8,
    max_queries: int = QUERIES,
    nan: Nan = "raise",
    progress: bool = False,
) -> SampleEstimate:
    """TV(p, q) = ½ ∫ |p - q|, in [0, 1], from samples x of p and y of q alone, with an interval.

    Near p = q it grows like the square root of KL, so noise in the ratio doesn't average out and the interval is wide.

    Args:
        x: Samples of p, [n, d] or [n], of any floating dtype.
        y: Samples of q, [m, d] or [m].
        key: A key of ``jax.random``. It is required.
        method: As in ``f_divergence``; "bound" is how often a classifier tells x from y, twice, less one.
        k: As in ``kl``.
        surrogates: As in ``kl``.
        max_queries: As in ``kl``, of x and of y.
        nan: As in ``kl``.
        progress: As in ``kl``.

    Returns:
        A ``SampleEstimate``.

    Raises:
        ValueError: As ``kl``, and where values recur, so that there is no density ratio.
        TypeError: As ``kl``.

    Example:
        >>> import jax
        >>> from kljax import samples
        >>> x, y = jax.random.normal(jax.random.key(0), (2, 800, 1))
        >>> low, high = samples.total_variation(x + 1.0, y, key=jax.random.key(1)).interval()
        >>> print(low < 0.3829 < high)
        True
    """
    functional = _functionals.of_generator(generators.total_variation, "total variation")
    return evaluate(x, y, functional, key, method, k, surrogates, max_queries, nan, progress)


@advised
def alpha(
    x: Rows,
    y: Rows,
    *,
    order: float,
    key: Rows | None = None,
    method: SampleMethod = "auto",
    k: int | tuple[int, ...] = K,
    surrogates: int = 8,
    max_queries: int = QUERIES,
    nan: Nan = "raise",
    progress: bool = False,
) -> SampleEstimate:
    """A_α = (∫ p^α q^(1-α) - 1)/(α(α - 1)), Amari's α-divergence, from samples x of p and y of q alone.

    Args:
        x: Samples of p, [n, d] or [n], of any floating dtype.
        y: Samples of q, [m, d] or [m].
        order: α. Between 0 and 1 the divergence is bounded; outside it hangs on the largest ratios, see ``ess``.
        key: A key of ``jax.random``. It is required.
        method: As in ``f_divergence``.
        k: As in ``kl``.
        surrogates: As in ``kl``.
        max_queries: As in ``kl``, of x and of y.
        nan: As in ``kl``.
        progress: As in ``kl``.

    Returns:
        A ``SampleEstimate`` in nats.

    Raises:
        ValueError: As ``kl``, and where values recur, so that there is no density ratio.
        TypeError: As ``kl``.

    Example:
        >>> import jax
        >>> from kljax import samples
        >>> x, y = jax.random.normal(jax.random.key(0), (2, 800, 2))
        >>> low, high = samples.alpha(x + 1.0, y, order=0.5, key=jax.random.key(1)).interval()
        >>> print(low < 0.8848 < high)  # 4 H²
        True
    """
    _checks.number("order", order)
    functional = _functionals.alpha(float(order))
    return evaluate(x, y, functional, key, method, k, surrogates, max_queries, nan, progress)
