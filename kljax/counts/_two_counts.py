"""What the divergences of two counts share: x_i of sum n from p, y_i of sum m from q.

Shares are smoothed by ½ wherever a variance is estimated, so that an outcome that one side never showed has one:
p̃_i = (x_i + ½)/(n + ½K), K the outcomes that either showed. By the delta method the variance of a functional with the
influences a_i = ∂/∂p_i and b_i = ∂/∂q_i is

    Var_p(a)/n + Var_q(b)/m.

Where p = q the influences vanish, and a divergence c Σ (p̂-q̂)²/p scatters as a chi-square, with the variance
2c² (K-1)(1/n + 1/m)², which no estimate of the variance falls below.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kljax.counts import _read
from kljax.counts._estimate import CountEstimate, estimate
from kljax.counts._read import Functions, Labels

# How much of p's share on outcomes that q never showed may be missing from a divergence, in nats.
DOUBT = 0.7


class Pair(NamedTuple):
    """Two counts of the same outcomes, and what can be said of them at once."""

    f: Functions
    x: Any  # [..., K]
    y: Any
    n: Any  # [..., 1], at least 1
    m: Any
    p: Any  # smoothed shares, 0 for outcomes that neither showed
    q: Any
    log_ratio: Any
    total: Any  # [...], 0 where one side is empty
    only_p: Labels
    only_q: Labels

    @property
    def unseen(self) -> Any:
        """The share of p on outcomes that q never showed."""
        return self.f.xp.where(self.y == 0, self.x, 0.0).sum(-1) / self.n[..., 0]

    @property
    def unseen_in_p(self) -> Any:
        """The share of q on outcomes that p never showed."""
        return self.f.xp.where(self.x == 0, self.y, 0.0).sum(-1) / self.m[..., 0]

    @property
    def ess(self) -> Any:
        """m/Σ p²/q, of the weights p/q of draws of q, or n if that is smaller."""
        square = self.f.xp.where(self.q > 0, self.p * self.p / self.safe(self.q), 0.0).sum(-1)
        return self.f.xp.minimum(self.m[..., 0] / self.f.xp.maximum(square, 1.0), self.n[..., 0])

    def safe(self, share: Any) -> Any:
        """A share, 1 where there is nothing to divide by."""
        return self.f.xp.where(share > 0, share, 1.0)

    def variance(self, influence_p: Any, influence_q: Any, curvature: float) -> Any:
        """Var_p(a)/n + Var_q(b)/m, or 2c² (K-1)(1/n + 1/m)² if that is larger."""
        n, m = self.n[..., 0], self.m[..., 0]
        delta = _spread(self.p, influence_p) / n + _spread(self.q, influence_q) / m
        free = self.f.xp.maximum((self.p > 0).sum(-1) - 1.0, 0.0)
        return self.f.xp.maximum(delta, 2.0 * curvature**2 * free * (1.0 / n + 1.0 / m) ** 2)

    def estimate(self, value: Any, variance: Any, unseen: Any, **fixed: Any) -> CountEstimate:
        """The record, with the doubt that what was never seen leaves."""
        stderr = self.f.xp.sqrt(variance + (DOUBT * unseen) ** 2)
        labels = {"only_p": self.only_p, "only_q": self.only_q}
        return estimate(value, stderr, self.ess, unseen, total=self.total, **labels, **fixed)


def read(counts_p: Any, counts_q: Any) -> Pair:
    """The two operands, aligned and looked at."""
    x, y, only_p, only_q = _read.pair(counts_p, counts_q)
    f = _read.functions(x, y)
    xp = f.xp
    with _read.as_numpy_does():
        n, m = x.sum(-1, keepdims=True), y.sum(-1, keepdims=True)
        shown = (x + y) > 0
        half = 0.5 * shown.sum(-1, keepdims=True)
        p = xp.where(shown, (x + 0.5) / (n + xp.maximum(half, 0.5)), 0.0)
        q = xp.where(shown, (y + 0.5) / (m + xp.maximum(half, 0.5)), 0.0)
        log_ratio = xp.where(shown, xp.log(xp.where(shown, p, 1.0)) - xp.log(xp.where(shown, q, 1.0)), 0.0)
        total = xp.minimum(n, m)[..., 0]
        return Pair(f, x, y, xp.maximum(n, 1.0), xp.maximum(m, 1.0), p, q, log_ratio, total, only_p, only_q)


def _spread(share: Any, influence: Any) -> Any:
    centre = (share * influence).sum(-1, keepdims=True)
    return (share * (influence - centre) ** 2).sum(-1)
