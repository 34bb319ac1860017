"""Pairs of rows, and what the definitions give for them: values, gradients, Hessians.

A result is evaluated with 100 digits, and with 400 where fewer than 40 of them are left (`_settled`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np

from .precision import Array, long_double, mp, numbers
from .terms import TERMS, Atoms, Term, affinity

DIGITS, MORE_DIGITS, HESSIAN_DIGITS = 100, 400, 200
GUARD = 40  # digits that must be left: some 10 are lost to sums of 1e5 terms and logits of 1e4, 30 remain


@dataclasses.dataclass(eq=False)
class Pair:
    """Two rows as given, with the outcomes that count; states at each number of digits are kept."""

    x: np.ndarray
    y: np.ndarray
    keep: np.ndarray
    logits: bool
    temperature: float
    normalise: bool
    states: dict[int, State] = dataclasses.field(default_factory=dict)

    @property
    def mass(self) -> float:
        """What the terms of a value are of the order of, at least one."""
        return 1.0 if self.logits else max(1.0, float(np.sum(self.x[self.keep]) + np.sum(self.y[self.keep])))

    def state(self, digits: int) -> State:
        if digits not in self.states:
            self.states[digits] = self.perturbed(numbers(self.x), numbers(self.y))
        return self.states[digits]

    def perturbed(self, x: Array, y: Array) -> State:
        return State(*self.row(x, self.x), *self.row(y, self.y))

    def row(self, x: Array, given: np.ndarray) -> tuple[Array, Array, np.ndarray]:
        """(p, log p, whether p > 0) over all outcomes; log p is 0 where p is zero."""
        present = self.keep & (given > (-np.inf if self.logits else 0.0))
        p, log_p = numbers(np.zeros(x.shape)), numbers(np.zeros(x.shape))
        if self.logits:
            scaled = x[present] / mp.number(self.temperature)
            scaled = scaled - np.max(scaled)
            weight = mp.exp(scaled)
            total = np.sum(weight)
            p[present], log_p[present] = weight / total, scaled - mp.log(total)
        elif present.any():
            kept = x[present]
            p[present] = kept / np.sum(kept) if self.normalise else kept
            log_p[present] = mp.log(p[present])
        return p, log_p, present


@dataclasses.dataclass
class State:
    """The probabilities of both rows at one number of digits."""

    p: Array
    log_p: Array
    has_p: np.ndarray
    q: Array
    log_q: Array
    has_q: np.ndarray

    def __post_init__(self) -> None:
        self.both, self.only_p, self.only_q = (
            self.has_p & self.has_q,
            self.has_p & ~self.has_q,
            self.has_q & ~self.has_p,
        )
        self.atoms = Atoms(self.p[self.both], self.q[self.both], self.log_p[self.both], self.log_q[self.both])
        self.mass_only_p, self.mass_only_q = np.sum(self.p[self.only_p]), np.sum(self.q[self.only_q])


def _pair(x: Any, y: Any, where: Any, logits: bool, temperature: float = 1.0, normalise: bool = False) -> Pair:
    x, y = (np.asarray(one).astype(np.float64) for one in (x, y))
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"An oracle takes two rows of one length; got shapes {x.shape} and {y.shape}.")
    keep = np.ones(x.shape, bool) if where is None else np.asarray(where, bool)
    return Pair(x, y, keep, logits, temperature, normalise)


def from_logits(logits_p: Any, logits_q: Any, *, where: Any = None, temperature: float = 1.0) -> Pair:
    """p = softmax(logits_p / temperature) over the outcomes kept; -inf is probability zero."""
    return _pair(logits_p, logits_q, where, True, temperature)


def from_probs(p: Any, q: Any, *, where: Any = None, normalise: bool = False) -> Pair:
    """The rows themselves, as measures; with `normalise`, divided exactly by their sums."""
    return _pair(p, q, where, False, normalise=normalise)


# --- values, gradients, Hessians --------------------------------------------------------------------------


def _settled(compute: Callable[[int], Any], size: Callable[[Any], Any]) -> Any:
    """`compute` at the first number of digits that leaves enough of them; terms are of order one.

    What is still too small at 400 digits lies below 1e-360, and so below every double.
    """
    with mp.digits(DIGITS):
        result = compute(DIGITS)
        if float(size(result)) > 10.0 ** (GUARD - DIGITS):
            return result
    with mp.digits(MORE_DIGITS):
        return compute(MORE_DIGITS)


def _total(term: Term, state: State) -> Any:
    total = np.sum(term.value(state.atoms)) if state.both.any() else mp.number(0)
    # A limit counts only where there is mass: 0 · ∞ = 0.
    for limit, mass in ((term.at_infinity, state.mass_only_p), (term.at_zero, state.mass_only_q)):
        total = total + (limit * mass if mass > 0 else 0)
    return total


def _value(term: Term, state: State) -> Any:
    found = term.outer(_total(term, state))
    return found if term.less is None else found - _value(term.less, state)


def _term(name: str | Term, params: dict[str, Any]) -> Term:
    return name if isinstance(name, Term) else TERMS[name](**params)


def value(pair: Pair, name: str | Term, **params: Any) -> mpmath.mpf:
    """The divergence `name` of the pair, or of a summand made by `from_function`."""

    def compute(digits: int) -> mpmath.mpf:
        return mp.to_mpmath(_value(_term(name, params), pair.state(digits)))

    return _settled(compute, lambda result: abs(result) / pair.mass)


def _partials(term: Term, state: State) -> tuple[Array, Array]:
    """∂p and ∂q with p and q free; an outcome of infinite cost, or absent from both, contributes zero."""
    dp, dq = numbers(np.zeros(state.p.shape)), numbers(np.zeros(state.p.shape))
    if state.both.any():
        dp[state.both], dq[state.both] = term.dp(state.atoms), term.dq(state.atoms)
    if term.at_infinity != np.inf:
        dp[state.only_p], dq[state.only_p] = mp.number(term.at_infinity), mp.number(term.dq_at_zero)
    if term.at_zero != np.inf:
        limit = term.dp_at_zero
        dp[state.only_q] = limit(state.q[state.only_q]) if callable(limit) else mp.number(limit)
        dq[state.only_q] = mp.number(term.at_zero)
    total = _total(term, state)
    if term.less is not None and not 0 < total < np.inf:  # the logarithm of the sum is infinite
        return numbers(np.zeros(dp.shape)), numbers(np.zeros(dq.shape))
    slope = term.outer_slope(total)
    dp, dq = slope * dp, slope * dq
    if term.less is not None:
        less_dp, less_dq = _partials(term.less, state)
        dp, dq = dp - less_dp, dq - less_dq
    return dp, dq


def _through_softmax(p: Array, present: np.ndarray, dp: Array, temperature: float) -> Array:
    """∂aⱼ = pⱼ(∂pⱼ - Σᵢ pᵢ ∂pᵢ)/T, and zero where p is."""
    out = numbers(np.zeros(p.shape))
    weight, slope = p[present], dp[present]
    out[present] = weight * (slope - np.sum(weight * slope)) / mp.number(temperature)
    return out


def _through_sum(p: Array, dp: Array, given: np.ndarray) -> Array:
    """∂xⱼ = (∂pⱼ - Σᵢ pᵢ ∂pᵢ)/Σx for p = x/Σx."""
    return (dp - np.sum(p * dp)) / np.sum(numbers(given))


def _gradient(pair: Pair, term: Term, state: State) -> tuple[Array, Array]:
    dp, dq = _partials(term, state)
    if pair.normalise:
        return _through_sum(state.p, dp, pair.x), _through_sum(state.q, dq, pair.y)
    if not pair.logits:
        return dp, dq
    return (
        _through_softmax(state.p, state.has_p, dp, pair.temperature),
        _through_softmax(state.q, state.has_q, dq, pair.temperature),
    )


def gradient(pair: Pair, name: str | Term, **params: Any) -> tuple[np.ndarray, np.ndarray]:
    """(∂p, ∂q) of `value` with respect to the rows as given; from probabilities, ∂ at zero is the limit, maybe ∓∞."""

    def compute(digits: int) -> tuple[np.ndarray, np.ndarray]:
        return tuple(map(long_double, _gradient(pair, _term(name, params), pair.state(digits))))

    return _settled(compute, lambda both: min(np.max(np.abs(one), initial=0.0) for one in both))


def hessian(pair: Pair, name: str | Term, **params: Any) -> np.ndarray:
    """The 2n × 2n Hessian over both rows, from central differences of the gradient with steps of 1e-60."""
    count = len(pair.x)
    out = np.zeros((2 * count, 2 * count), np.longdouble)
    with mp.digits(HESSIAN_DIGITS):
        term, step = _term(name, params), mp.from_mpmath(mpmath.mpf(10) ** -60)
        for index in range(2 * count):
            row, one = divmod(index, count)
            given = (pair.x, pair.y)[row][one]
            if not pair.keep[one] or not given > (-np.inf if pair.logits else 0.0):
                continue
            sides = []
            for sign in (1, -1):
                moved = [numbers(pair.x), numbers(pair.y)]
                moved[row][one] += sign * step
                sides.append(np.concatenate(_gradient(pair, term, pair.perturbed(*moved))))
            out[index] = long_double((sides[0] - sides[1]) / (2 * step))
    return out


# --- what is not one sum ----------------------------------------------------------------------------------


def chernoff_information(pair: Pair) -> tuple[mpmath.mpf, mpmath.mpf]:
    """(max over α in [0, 1] of -log Σ pᵅq¹⁻ᵅ over outcomes in both, the α that attains it); (∞, ½) if there are none.

    On rows that do not sum to one, of -log of that sum over α Σp + (1 - α) Σq. The slope, -E[log p/q] under the tilted
    row, falls: its zero is found by Newton's method within a bracket.
    """

    def compute(digits: int) -> tuple[mpmath.mpf, mpmath.mpf]:
        c = pair.state(digits).atoms
        if not len(c.p):
            return mpmath.mpf("inf"), mpmath.mpf(0.5)
        order = _chernoff_order(pair.state(digits), digits)
        return mp.to_mpmath(_value(affinity(order), pair.state(digits))), mp.to_mpmath(order)

    return _settled(compute, lambda found: abs(found[0]))


def _chernoff_order(state: State, digits: int) -> Any:
    c, mass_p, mass_q = state.atoms, np.sum(state.p), np.sum(state.q)

    def moments(order: Any) -> tuple[Any, Any]:
        """The first two derivatives of log of Σ pᵅq¹⁻ᵅ over α Σp + (1 - α) Σq."""
        tilt = (mass_p - mass_q) / (order * mass_p + (1 - order) * mass_q)
        weight = c.q * mp.exp(order * r)
        total = np.sum(weight)
        mean = np.sum(weight * r) / total
        return mean - tilt, np.sum(weight * (r - mean) ** 2) / total + tilt**2

    r = c.log_ratio
    low, high = mp.number(0), mp.number(1)
    if moments(low)[0] >= 0 or moments(high)[0] <= 0:  # the mean rises with the order: the maximum is at an end
        flat = moments(low)[0] == 0 == moments(high)[0]
        return mp.number(0.5) if flat else (low if moments(low)[0] >= 0 else high)
    order = mp.number(0.5)
    for _ in range(4 * digits):
        mean, variance = moments(order)
        low, high = (order, high) if mean < 0 else (low, order)
        newton = order - mean / variance
        moved = newton if low < newton < high else (low + high) / 2
        if abs(moved - order) < mp.from_mpmath(mpmath.mpf(10) ** (GUARD // 2 - digits)):
            return moved
        order = moved
    raise ArithmeticError("Newton's method for the Chernoff order did not settle.")


def chernoff_gradient(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """The gradient at the optimal order, which by the envelope theorem need not move."""

    def compute(digits: int) -> tuple[np.ndarray, np.ndarray]:
        state = pair.state(digits)
        return tuple(map(long_double, _gradient(pair, affinity(_chernoff_order(state, digits)), state)))

    return _settled(compute, lambda both: min(np.max(np.abs(one), initial=0.0) for one in both))


def generalized_jensen_shannon(
    rows: Sequence[Any], weights: Sequence[float] | None = None, *, logits: bool = False
) -> mpmath.mpf:
    """Σ wₖ Σ pₖ log(pₖ/m), m = Σ wₖ pₖ; equal weights by default."""
    pairs = [(from_logits if logits else from_probs)(row, row) for row in rows]

    def compute(digits: int) -> mpmath.mpf:
        chosen = [mp.number(1) / len(rows)] * len(rows) if weights is None else [mp.number(w) for w in weights]
        states = [pair.state(digits) for pair in pairs]
        m = sum(w * state.p for w, state in zip(chosen, states, strict=True))
        total = mp.number(0)
        for w, state in zip(chosen, states, strict=True):
            on = state.has_p
            total = total + (w * np.sum(state.p[on] * (state.log_p[on] - mp.log(m[on]))) if w > 0 else 0)
        return mp.to_mpmath(total)

    return _settled(compute, abs)


# --- comparison -------------------------------------------------------------------------------------------


def value_error(got: Any, exact: mpmath.mpf) -> float:
    """|got - exact| in units of eps·max(|exact|, smallest normal number of got's dtype); ∞ for NaN or a wrong infinity.

    Where the exact value lies below the smallest normal number, any non-negative number below twice it is right: 0.
    """
    kind, number = np.finfo(np.asarray(got).dtype), float(got)
    if np.isnan(number) or mpmath.isnan(exact):
        return float("inf")
    if mpmath.isinf(exact):
        return 0.0 if number == float(exact) else float("inf")
    if np.isinf(number):
        # beyond the largest number the infinity is the rounded result
        return 0.0 if abs(exact) > float(kind.max) and (number > 0) == (exact > 0) else float("inf")
    if abs(exact) < float(kind.tiny) and 0.0 <= number <= 2.0 * float(kind.tiny):
        return 0.0
    with mpmath.workdps(MORE_DIGITS):
        scale = max(abs(exact), mpmath.mpf(float(kind.tiny)))
        return float(abs(mpmath.mpf(number) - exact) / scale / float(kind.eps))


def norm_error(got: Any, exact: np.ndarray, flushed: float = 1.0) -> float:
    """‖got - exact‖₂/‖exact‖₂ in units of eps; each entry may be off by `flushed` smallest normal numbers besides."""
    array = np.asarray(got)
    kind = np.finfo(array.dtype)
    if not np.isfinite(array).all():
        return float("inf")
    largest = np.max(np.abs(exact), initial=np.longdouble(kind.tiny))  # scaled by it, squares do not underflow
    off = np.maximum(np.abs(array.astype(np.longdouble) - exact) - flushed * kind.tiny, 0.0) / largest
    norm = max(np.linalg.norm((exact / largest).astype(np.float64)), float(kind.tiny))
    return float(np.linalg.norm(off.astype(np.float64)) / norm / float(kind.eps))
