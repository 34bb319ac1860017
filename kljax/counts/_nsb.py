"""Entropy under a prior that is flat in the entropy: Nemenman, Shafee and Bialek's.

The K probabilities have a symmetric Dirichlet distribution of parameter β, and β a density proportional to dξ/dβ,
ξ(β) = E[H|β] = ψ(Kβ+1) - ψ(β+1), so that the entropy expected beforehand is uniform over its range. With counts n_i of
sum N, α_i = n_i + β and A = N + Kβ,

    p(β | n)   ∝ [Kψ'(Kβ+1) - ψ'(β+1)] Γ(Kβ)/Γ(A) ∏ Γ(α_i)/Γ(β)
    E[H | β]   = ψ(A+1) - Σ (α_i/A) ψ(α_i+1)
    Var[H | β] = [(A/(A+1))² - 2A/(A+1) + Σ α_i g_i² + Σ α_i/(α_i+1) + Σ α_i(α_i+1) ψ'(α_i+2)]/(A(A+1)) - ψ'(A+2)

with g_i = ψ(α_i+1) - ψ(A+2) + E[H|β]: the second moment of -Σ p_i (log p_i + E[H|β]), whose terms do not cancel as
those of E[H²] - E[H]² do.

β is integrated over on the scale of its logarithm, where the integrand decays exponentially on both sides, by the
trapezoidal rule, on a mesh that is drawn together three times around where the integrand is not negligible.
"""

from __future__ import annotations

from typing import Any

from kljax.counts._read import Functions

NODES = 161
ZOOMS = 3
NEGLIGIBLE = 40.0  # of a logarithm
SWITCH = 20.0  # to the asymptotic series


def posterior(f: Functions, counts: Any, times: Any, support: Any) -> tuple[Any, Any]:
    """(mean, variance) of the entropy.

    Args:
        f: The functions to compute with.
        counts: Different counts [V].
        times: How many of the ``support`` outcomes have each [V].
        support: K ≥ 2.
    """
    xp = f.xp
    total = (counts * times).sum()
    steps = xp.arange(NODES) / (NODES - 1.0)
    low, high = -NEGLIGIBLE - xp.log(support * 1.0), NEGLIGIBLE + 0.0 * total
    for _ in range(ZOOMS):
        t = low + (high - low) * steps
        weight = _log_weight(f, t, counts, times, total, support)
        kept = weight > weight.max() - NEGLIGIBLE
        low = xp.where(kept, t, xp.inf).min() - (t[1] - t[0])
        high = xp.where(kept, t, -xp.inf).max() + (t[1] - t[0])
    t = low + (high - low) * steps
    weight = _log_weight(f, t, counts, times, total, support)
    share = xp.exp(weight - weight.max())
    share = share / share.sum()
    mean, variance = _moments(f, xp.exp(t), counts, times, total, support)
    centre = (share * mean).sum()
    return centre, (share * (variance + (mean - centre) ** 2)).sum()


def _log_weight(f: Functions, t: Any, counts: Any, times: Any, total: Any, support: Any) -> Any:
    """log p(β | n) + t at β = e^t, up to a constant [T]."""
    beta = f.xp.exp(t)
    seen = (times[:, None] * _rising(f, beta, counts[:, None])).sum(0)
    return seen - _rising(f, support * beta, total) + _log_prior(f, beta, support) + t


def _rising(f: Functions, x: Any, n: Any) -> Any:
    """log Γ(x+n)/Γ(x) - n log x: the powers of β cancel those of Kβ, and are left out of both."""
    xp = f.xp
    large = x > SWITCH
    far, near = xp.where(large, x, SWITCH), xp.where(large, 1.0, x)

    def rest(y: Any) -> Any:
        return 1 / (12 * y) - 1 / (360 * y**3) + 1 / (1260 * y**5)

    stirling = (far + n - 0.5) * xp.log1p(n / far) - n + (rest(far + n) - rest(far))
    return xp.where(large, stirling, f.gammaln(near + n) - f.gammaln(near) - n * xp.log(near))


def _log_prior(f: Functions, beta: Any, support: Any) -> Any:
    """log dξ/dβ; beyond the switch the leading terms 1/β of the two trigammas are left out, for they cancel."""
    xp = f.xp
    large = beta > SWITCH
    far, near = xp.where(large, beta, SWITCH), xp.where(large, 1.0, beta)

    def rest(y: Any) -> Any:
        """ψ'(y+1) - 1/y"""
        return (-1 / (2 * y) + 1 / (6 * y**2) - 1 / (30 * y**4) + 1 / (42 * y**6)) / y

    slope = xp.where(
        large,
        support * rest(support * far) - rest(far),
        support * f.trigamma(support * near + 1.0) - f.trigamma(near + 1.0),
    )
    return xp.log(slope)


def _moments(f: Functions, beta: Any, counts: Any, times: Any, total: Any, support: Any) -> tuple[Any, Any]:
    """(E[H|β], Var[H|β]) [T]"""
    a, m = counts[:, None] + beta, times[:, None]
    top = total + support * beta
    digamma = f.digamma(a + 1.0)
    mean = f.digamma(top + 1.0) - (m * a * digamma).sum(0) / top
    g = digamma - f.digamma(top + 2.0) + mean
    terms = (m * (a * g * g + a / (a + 1.0) + a * (a + 1.0) * f.trigamma(a + 2.0))).sum(0)
    share = top / (top + 1.0)
    variance = (share * share - 2.0 * share + terms) / (top * (top + 1.0)) - f.trigamma(top + 2.0)
    return mean, f.xp.maximum(variance, 0.0)
