"""Entropy from counts x_i of sum n, one formula a function: arrays [..., K] ─▶ nats [...].

    plug-in            Ĥ = log n - Σ x log x / n, low by about (K-1)/2n
    Miller–Madow       Ĥ + (K₊ - 1)/2n, K₊ outcomes seen
    jackknife          n Ĥ - (n-1)/n Σ x_i Ĥ₋ᵢ, Ĥ₋ᵢ without one draw of i
    Grassberger        log n - Σ x G(x)/n, G(x) = ψ(x) + ½(-1)ˣ[ψ((x+1)/2) - ψ(x/2)]
    Chao–Shen          -Σ p̃ log p̃/(1 - (1-p̃)ⁿ), p̃ = C x/n, C = 1 - f₁/n the share of all outcomes that was seen
    Chao–Wang–Jost     Σ x/n [ψ(n) - ψ(x)] + f₁/n (1-A)^{1-n} Σ_{r≥n} (1-A)ʳ/r, A = 2f₂/((n-1)f₁ + 2f₂)

f₁ and f₂ are the numbers of outcomes seen once and twice. The first sum of the last is unbiased for the part of the
entropy that n draws can show, Σ_{r<n} Σ p(1-p)ʳ/r; the second extrapolates the rest,
∫₀^∞ e⁻ˢ(1-A)/(n - n(1-A)e^{-s/n}) ds by the trapezoidal rule in log s.
"""

from __future__ import annotations

from typing import Any

from kljax.counts._read import Functions

_STEP = 0.25
_NODES = 340  # from e^-81 to e^4


def _x_log_x(xp: Any, x: Any) -> Any:
    return xp.where(x > 0, x * xp.log(xp.where(x > 0, x, 1.0)), 0.0)


def _safe(xp: Any, n: Any) -> Any:
    """Totals, 1 where there is nothing."""
    return xp.maximum(n, 1.0)


def plug_in(f: Functions, x: Any) -> Any:
    """Of the observed shares."""
    xp, n = f.xp, _safe(f.xp, x.sum(-1))
    p = x / n[..., None]
    return -_x_log_x(xp, p).sum(-1)


def miller_madow(f: Functions, x: Any) -> Any:
    """Plug-in, with the first term of its bias."""
    n = _safe(f.xp, x.sum(-1))
    return plug_in(f, x) + ((x > 0).sum(-1) - 1.0) / (2.0 * n)


def jackknife(f: Functions, x: Any) -> Any:
    """Quenouille's, over single draws."""
    # n log n - (n-1) log(n-1) - Σ (x/n) [x log x - (x-1) log(x-1)], for the sums of x log x cancel
    n = _safe(f.xp, x.sum(-1))
    return _step(f.xp, n) - (x * _step(f.xp, _safe(f.xp, x))).sum(-1) / n


def _step(xp: Any, x: Any) -> Any:
    """x log x - (x-1) log(x-1), x ≥ 1"""
    more = xp.maximum(x, 2.0)
    return xp.log(x) + xp.where(x > 1, (x - 1.0) * -xp.log1p(-1.0 / more), 0.0)


def grassberger(f: Functions, x: Any) -> Any:
    """Grassberger's of 2003."""
    xp, n = f.xp, _safe(f.xp, x.sum(-1))
    seen = xp.where(x > 0, x, 1.0)
    sign = xp.where(seen % 2 == 0, 0.5, -0.5)
    g = f.digamma(seen) + sign * (f.digamma(0.5 * (seen + 1.0)) - f.digamma(0.5 * seen))
    return xp.log(n) - (x * g).sum(-1) / n


def chao_shen(f: Functions, x: Any) -> Any:
    """Horvitz and Thompson's sum over the outcomes seen, at the coverage of Good and Turing."""
    xp, n = f.xp, _safe(f.xp, x.sum(-1))
    once = xp.minimum((x == 1).sum(-1), n - 1.0)  # of singletons alone nothing would be covered
    p = (1.0 - once / n)[..., None] * x / n[..., None]
    inside = (p > 0) & (p < 1)
    safe = xp.where(inside, p, 0.5)
    return -xp.where(inside, safe * xp.log(safe) / -xp.expm1(n[..., None] * xp.log1p(-safe)), 0.0).sum(-1)


def harmonic(f: Functions, x: Any) -> Any:
    """Σ x/n [ψ(n) - ψ(x)], Zhang's: low by Σ_{r≥n} Σ p(1-p)ʳ/r, which falls exponentially in n."""
    xp, n = f.xp, _safe(f.xp, x.sum(-1))
    seen = xp.where(x > 0, x, 1.0)
    return (x / n[..., None] * (f.digamma(n)[..., None] - f.digamma(seen))).sum(-1)


def chao_wang_jost(f: Functions, x: Any) -> Any:
    """Zhang's, and the rest extrapolated from the outcomes seen once and twice."""
    xp, n = f.xp, _safe(f.xp, x.sum(-1))
    once, twice = (x == 1).sum(-1), (x == 2).sum(-1)
    fewer = _safe(xp, n - 1.0)
    share = xp.where(
        twice > 0,
        2.0 * twice / (fewer * once + 2.0 * twice + (twice == 0)),
        2.0 / (fewer * xp.maximum(once - 1.0, 0.0) + 2.0),
    )
    return harmonic(f, x) + xp.where(once > 0, once / n * _unseen(xp, n, share), 0.0)


def _unseen(xp: Any, n: Any, a: Any) -> Any:
    """(1-a)^{1-n} Σ_{r≥n} (1-a)ʳ/r"""
    s = xp.exp(_STEP * (xp.arange(_NODES) - (_NODES - 17.0)))
    a, n = a[..., None], n[..., None]
    weight = xp.exp(-s) * s / (n * (a - (1.0 - a) * xp.expm1(-s / n)))
    return ((1.0 - a) * weight).sum(-1) * _STEP


def sampling_variance(f: Functions, x: Any) -> Any:
    """Var(log p̂)/n, and (K₊ - 1)/2n², what is left of it where all shares are equal.

    Where all draws are of one outcome, another one of mass 1/n may well have been missed: its part of the entropy.
    """
    xp, n = f.xp, _safe(f.xp, x.sum(-1))
    p = x / n[..., None]
    log_p = xp.where(x > 0, xp.log(xp.where(x > 0, p, 1.0)), 0.0)
    centre = (p * log_p).sum(-1, keepdims=True)
    seen = (x > 0).sum(-1)
    spread = (p * (log_p - centre) ** 2).sum(-1) / n + (seen - 1.0) / (2.0 * n * n)
    return xp.where(seen <= 1, ((1.0 + xp.log(n)) / n) ** 2, spread)
