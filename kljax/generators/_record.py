"""The record that defines an f-divergence, and what follows from any such record."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks, _names, _records
from kljax._special import elementwise
from kljax._special.roots import search, with_slope
from kljax._special.safe import saturated
from kljax.generators._forms_in_log_ratio import Form, Scalar, bind, dynamic, is_static, partial_derivative, tame
from kljax.generators._forms_in_masses import ByMass, Exact, masses

Power = Callable[[Scalar], jax.Array] | None


@dataclasses.dataclass(frozen=True)
class Generator:
    """f: a convex function with f(1) = f'(1) = 0, and D_f(p‖q) = Σ q f(p/q).

    The record holds f as functions of the log-ratio r = log u = log(p/q), which is what stays accurate, each
    called with the record's ``parameters`` after r:

    - ``balanced(r)`` = f(eʳ)/max(1, eʳ): the summand q f(p/q) divided by the larger of p and q. It never
      overflows before the divergence does, and everything else can be derived from it.
    - ``derivative(r)`` = f'(u), the derivative of the summand q f(p/q) with respect to p.
    - ``coderivative(r)`` = f(u) - u f'(u), its derivative with respect to q.

    Attributes:
        name: The divergence's name.
        balanced: See above.
        derivative: See above.
        coderivative: See above.
        at_zero: f(0), the cost per unit of q where p is zero; may be infinite.
        at_infinity: lim f(u)/u for u → ∞, the cost per unit of p where q is zero; may be infinite.
        parameters: The order or weight, if there is one. Python numbers are static under ``jit``; arrays are
            traced, so a divergence can be differentiated or mapped over its order.
        symmetric: Whether D_f(p‖q) = D_f(q‖p).
        closed_conjugate: f*(t) where it has a closed form, else ``None``.
        by_mass: Forms in p and q themselves, where these are cheaper or reach further, else ``None``.
    """

    name: str
    balanced: Form
    derivative: Form
    coderivative: Form
    at_zero: Scalar
    at_infinity: Scalar
    parameters: tuple[Scalar, ...] = ()
    symmetric: bool = False
    closed_conjugate: Form | None = None
    by_mass: ByMass | None = None

    def __repr__(self) -> str:
        shown = ", ".join(f"{one:g}" if is_static(one) else str(one) for one in self.parameters)
        return f"<generator {self.name}({shown})>" if shown else f"<generator {self.name}>"

    def __call__(self, u: ArrayLike) -> jax.Array:
        """f(u) for u ≥ 0; f(0) = ``at_zero``."""
        return _jitted_at(self, _checks.floating("u", u))

    def perspective(self, log_p: ArrayLike, log_q: ArrayLike) -> jax.Array:
        """q f(p/q) from log p and log q, with the limits of the boundary contract where either is -∞."""
        operands = {"log_p": _checks.floating("log_p", log_p), "log_q": _checks.floating("log_q", log_q)}
        return _jitted_perspective(self, *_checks.broadcast(**operands))

    def slope(self, log_u: ArrayLike) -> jax.Array:
        """f'(u) as a function of log u."""
        return _slope(self, _checks.floating("log_u", log_u))

    def conjugate(self, t: ArrayLike) -> jax.Array:
        """f*(t) = sup_u ut - f(u), the convex conjugate; +∞ beyond lim f(u)/u."""
        return _conjugate(self, _checks.floating("t", t))


def check(name: str, value: object) -> None:
    """Raises unless ``value`` is a record of ``kljax.generators``; says how to come by one."""
    if isinstance(value, Generator):
        return
    advice = ""
    if isinstance(value, str):
        from kljax import generators

        found = _names.meant(value, generators.__all__, _names.VERBS)
        advice = f" Pass the record itself, kljax.generators.{found or 'kl'}."
    elif getattr(value, "__module__", "").startswith("kljax.generators"):
        made: Any = value
        arguments = ", ".join(inspect.signature(made).parameters)
        advice = f" Call it first: generators.{made.__name__}({arguments})."
    elif callable(value):
        advice = " Of a convex function f make one: kljax.generators.from_function(f, name=…)."
    raise TypeError(f"{name} must be a record of kljax.generators, such as generators.kl; got {value!r}.{advice}")


def _flatten(generator: Generator) -> tuple[tuple[Any, ...], _records.Structure]:
    found: Any = vars(generator).get("_flat")
    if found is None:
        found = _parts(generator)
        object.__setattr__(generator, "_flat", found)
    return found


def _parts(generator: Generator) -> tuple[tuple[Any, ...], _records.Structure]:
    # Python numbers stay in the static part; only arrays are leaves.
    scalars = (generator.at_zero, generator.at_infinity, *generator.parameters)
    leaves = tuple(value for value in scalars if not is_static(value))
    static = tuple(value if is_static(value) else None for value in scalars)
    forms = (generator.balanced, generator.derivative, generator.coderivative)
    rest = generator.symmetric, generator.closed_conjugate, generator.by_mass
    return leaves, _records.Structure((generator.name, forms, static, rest))


def _unflatten(static: _records.Structure, leaves: Any) -> Generator:
    name, (balanced, derivative, coderivative), scalars, rest = static.parts
    dynamic = iter(leaves)
    at_zero, at_infinity, *parameters = (next(dynamic) if value is None else value for value in scalars)
    return Generator(name, balanced, derivative, coderivative, at_zero, at_infinity, tuple(parameters), *rest)


jax.tree_util.register_pytree_node(Generator, _flatten, _unflatten)
_records.exported(Generator)


def _difference(log_p: jax.Array, log_q: jax.Array) -> jax.Array:
    """log p - log q, and 0 where both are -∞."""
    both = (log_p == -jnp.inf) & (log_q == -jnp.inf)
    return jnp.where(both, 0.0, log_p) - jnp.where(both, 0.0, log_q)


def _lift(log_p: jax.Array, log_q: jax.Array) -> jax.Array:
    """What both logarithms are lessened by, lest an exponential overflow; 0 for ordinary densities."""
    top = jnp.maximum(log_p, log_q)
    return jnp.where(top < jnp.inf, jnp.maximum(top - 0.5 * math.log(float(jnp.finfo(top.dtype).max)), 0.0), 0.0)


def _lifted(x: jax.Array, lift: jax.Array) -> jax.Array:
    half = jnp.exp(0.5 * lift)
    half = jnp.where((x == 0.0) & jnp.isinf(half), 1.0, half)
    return (x * half) * half


@jax.custom_jvp
def _perspective(generator: Generator, log_p: jax.Array, log_q: jax.Array) -> jax.Array:
    lift = _lift(log_p, log_q)  # the summand is homogeneous of degree one
    value = summand(generator, jnp.exp(log_p - lift), jnp.exp(log_q - lift), _difference(log_p, log_q))
    return _lifted(value, lift)


@_perspective.defjvp
def _perspective_jvp(primals, tangents):
    generator, log_p, log_q = primals
    d_generator, d_log_p, d_log_q = tangents
    lift = jax.lax.stop_gradient(_lift(log_p, log_q))
    p, q, r = jnp.exp(log_p - lift), jnp.exp(log_q - lift), _difference(log_p, log_q)
    top = float(jnp.finfo(p.dtype).max)
    in_log_p, in_log_q, in_parameters = (
        saturated(_lifted(one, lift), top)  # what overflows saturates, so that no product with it is NaN
        for one in (*weighted_slopes(generator, p, q, r), parameter_tangent(generator, d_generator, p, q, r))
    )
    tangent = in_log_p * d_log_p + in_log_q * d_log_q + in_parameters
    return _perspective(generator, log_p, log_q), tangent


# The three functions below take r = log(p/q) beside p and q, because the caller knows it better than as the
# logarithm of their quotient. r = -∞ marks p = 0 < q, r = ∞ marks q = 0 < p, and p = q = 0 comes with r = 0.


def summand(
    generator: Generator,
    p: jax.Array,
    q: jax.Array,
    r: jax.Array,
    power: Power = None,
    quotient: jax.Array | None = None,
    exact: Exact | None = None,
) -> jax.Array:
    """q f(p/q) ≥ 0; ``power`` gives pᵅq¹⁻ᵅ where the caller knows it better, likewise p/q and ``exact``."""
    p_absent, q_absent, inside = _absent(r, exact)
    if generator.by_mass is None or generator.by_mass.summand is None:
        larger = jnp.maximum(p, q)
        # What has underflowed in both costs nothing, however far apart the two are.
        value = larger * generator.balanced(jnp.where(larger == 0.0, 0.0, inside), *generator.parameters)
    else:
        value = generator.by_mass.summand(masses(p, q, inside, power, quotient, exact), *generator.parameters)
    value = jnp.where(p_absent, _cost(q, generator.at_zero), value)
    return jnp.where(q_absent, _cost(p, generator.at_infinity), value)


def _absent(r: jax.Array, exact: Exact | None) -> tuple[Any, Any, jax.Array]:
    """(whether p alone is zero, whether q alone is, r elsewhere)"""
    no_p, no_q = (r == -jnp.inf, r == jnp.inf) if exact is None else (exact.no_p, exact.no_q)
    return no_p, no_q, jnp.where(no_p | no_q, 0.0, r)


def weighted_slopes(
    generator: Generator,
    p: jax.Array,
    q: jax.Array,
    r: jax.Array,
    power: Power = None,
    quotient: jax.Array | None = None,
    exact: Exact | None = None,
) -> tuple[jax.Array, jax.Array]:
    """(∂P/∂log p, ∂P/∂log q) of the summand P = q f(p/q); zero where the cost is infinite."""
    # P is homogeneous of degree one, so the two add up to P. With w = balanced and M = max(p, q): where p ≤ q,
    # ∂P/∂log p = M w'; where p > q, ∂P/∂log q = -M w'. Each is a sum of terms of one sign.
    p_absent, q_absent, inside = _absent(r, exact)
    forms = generator.by_mass
    if forms is None or forms.in_log_p is None or forms.in_log_q is None:
        larger = jnp.maximum(p, q)
        s = jnp.where(larger == 0.0, 0.0, inside)  # what has underflowed in both has no say
        value, growth = jax.jvp(lambda s: generator.balanced(s, *generator.parameters), (s,), (jnp.ones_like(s),))
        top = 2.0**-10 * float(jnp.finfo(s.dtype).max)  # saturates before its own derivative overflows
        value, growth = saturated(value, top), saturated(growth, top)
        below = s <= 0.0
        both = value + jnp.where(below, -growth, growth)
        in_log_p, in_log_q = larger * jnp.where(below, growth, both), larger * jnp.where(below, both, -growth)
    else:
        operands = masses(p, q, inside, power, quotient, exact)
        in_log_p, in_log_q = (form(operands, *generator.parameters) for form in (forms.in_log_p, forms.in_log_q))
    in_log_p = jnp.where(p_absent, 0.0, jnp.where(q_absent, p * _finite(generator.at_infinity, p), in_log_p))
    in_log_q = jnp.where(q_absent, 0.0, jnp.where(p_absent, q * _finite(generator.at_zero, q), in_log_q))
    return in_log_p, in_log_q


def slopes_of_rows(
    generator: Generator, p: jax.Array, q: jax.Array, r: jax.Array, power: Power = None
) -> tuple[jax.Array, jax.Array]:
    """The same for rows that sum to one, up to a multiple of p and of q, which their normalisation takes out.

    Where p and q are all but disjoint, every derivative lies at its bound f'(∞) p or f(0) q, and only what is missing
    there tells outcomes apart.
    """
    in_log_p, in_log_q = weighted_slopes(generator, p, q, r, power)
    if generator.by_mass is None:
        return in_log_p, in_log_q
    inside = jnp.where(jnp.isinf(r), 0.0, r)
    operands = masses(p, q, inside, power)
    if generator.by_mass.tail_p is not None:
        bound = jnp.asarray(generator.at_infinity, p.dtype)
        apart = in_log_p.sum(-1, keepdims=True) > 0.5 * bound
        tail = jnp.where(r == -jnp.inf, 0.0, generator.by_mass.tail_p(operands, *generator.parameters))
        in_log_p = jnp.where(apart, jnp.where(r == jnp.inf, 0.0, -tail), in_log_p)
    if generator.by_mass.tail_q is not None:
        bound = jnp.asarray(generator.at_zero, q.dtype)
        apart = in_log_q.sum(-1, keepdims=True) > 0.5 * bound
        tail = jnp.where(r == jnp.inf, 0.0, generator.by_mass.tail_q(operands, *generator.parameters))
        in_log_q = jnp.where(apart, jnp.where(r == -jnp.inf, 0.0, -tail), in_log_q)
    return in_log_p, in_log_q


def parameter_tangent(
    generator: Generator, d_generator: Generator, p: jax.Array, q: jax.Array, r: jax.Array
) -> jax.Array:
    """The tangent of the summand in the generator's traced parameters."""
    if not jax.tree.leaves(generator):
        return jnp.zeros_like(r)
    inside = jnp.where(jnp.isinf(r), 0.0, r)
    balanced, traced = bind(generator.balanced, generator.parameters)
    d_traced = dynamic(d_generator.parameters)
    growth = sum(tame(partial_derivative(balanced, inside, traced, at)) * one for at, one in enumerate(d_traced))
    tangent = jnp.where(jnp.isinf(r), 0.0, jnp.maximum(p, q) * growth)
    for price, d_price, mass, limit in (
        (generator.at_zero, d_generator.at_zero, q, -jnp.inf),
        (generator.at_infinity, d_generator.at_infinity, p, jnp.inf),
    ):
        if not is_static(price):
            tangent = tangent + jnp.where((r == limit) & ~jnp.isinf(price), mass * d_price, 0.0)
    return tangent


def _cost(mass: jax.Array, price: Scalar) -> jax.Array:
    """mass · price, and the price alone where it is infinite: the mass may have underflowed."""
    price = jnp.asarray(price, mass.dtype)
    return jnp.where(jnp.isinf(price), price, mass * _finite(price, mass))


def _finite(price: Scalar, like: jax.Array) -> jax.Array:
    price = jnp.asarray(price, like.dtype)
    return jnp.where(jnp.isinf(price), 0.0, price)


@jax.custom_jvp
def _at(generator: Generator, u: jax.Array) -> jax.Array:
    # At u = ∞ the limit; a convex f whose slope tends to 0 there is constant above 1.
    price = jnp.asarray(generator.at_infinity, u.dtype)
    reached = jnp.where((u == jnp.inf) & (price == 0.0), 0.25 * float(jnp.finfo(u.dtype).max), u)
    return _perspective(generator, elementwise.log_ratio(reached, jnp.ones_like(u)), jnp.zeros_like(u))


@_at.defjvp
def _at_jvp(primals, tangents):
    generator, u = primals
    d_generator, du = tangents
    # At u = 0 the slope of the smallest normal number, unless f(0) is infinite.
    dead = (u == 0.0) & jnp.isinf(jnp.asarray(generator.at_zero, u.dtype))
    edge = u + jax.lax.stop_gradient(jnp.maximum(u, elementwise.tiny(u)) - u)
    slope = generator.derivative(elementwise.log_ratio(edge, jnp.ones_like(u)), *generator.parameters)
    one = jnp.ones_like(u)
    in_parameters = parameter_tangent(generator, d_generator, u, one, elementwise.log_ratio(u, one))
    return _at(generator, u), jnp.where(dead, 0.0, slope) * du + in_parameters


_jitted_at, _jitted_perspective = jax.jit(_at), jax.jit(_perspective)


@jax.jit
def _slope(generator: Generator, log_u: jax.Array) -> jax.Array:
    return generator.derivative(log_u, *generator.parameters)


@jax.jit
def _conjugate(generator: Generator, t: jax.Array) -> jax.Array:
    if generator.closed_conjugate is not None:
        lowest = t == -jnp.inf
        value = generator.closed_conjugate(jnp.where(lowest, 0.0, t), *generator.parameters)
        value = jnp.where(lowest, -jnp.asarray(generator.at_zero, t.dtype), value)
        return jnp.where(jnp.isnan(t), t, value)
    return _numeric_conjugate(generator, t)


@jax.custom_jvp
def _numeric_conjugate(generator: Generator, t: jax.Array) -> jax.Array:
    log_u = _invert_slope(generator, t)
    u = jnp.exp(log_u)
    last = jnp.asarray(generator.at_infinity, t.dtype)
    at_last = -generator.coderivative(jnp.full_like(t, jnp.inf), *generator.parameters)
    # A maximiser that overflows brings the supremum with it.
    value = u * _within(t) - _perspective(generator, log_u, jnp.zeros_like(log_u))
    value = jnp.where(jnp.isinf(u), jnp.inf, value)
    return jnp.where(t > last, jnp.inf, jnp.where((t == last) & (at_last > -jnp.inf), at_last, value))


def _within(t: jax.Array) -> jax.Array:
    """t, with infinity replaced by the largest number."""
    top = float(jnp.finfo(t.dtype).max)
    return jnp.clip(t, -top, top)


@_numeric_conjugate.defjvp
def _numeric_conjugate_jvp(primals, tangents):
    # Danskin: the derivatives of sup_u ut - f(u) are those at the maximiser, u in t and -∂f in the parameters.
    generator, t = primals
    d_generator, dt = tangents
    value = _numeric_conjugate(generator, t)
    finite = ~jnp.isinf(value)
    log_u = jnp.where(finite, _invert_slope(generator, t), 0.0)
    u, one = jnp.exp(log_u), jnp.ones_like(log_u)
    in_parameters = parameter_tangent(generator, d_generator, u, one, log_u)
    return value, jnp.where(finite, u * dt - in_parameters, 0.0)


@jax.custom_jvp
def _invert_slope(generator: Generator, t: jax.Array) -> jax.Array:
    """The log u at which f'(u) = t; f' is non-decreasing."""
    top = jnp.full_like(t, 1.1 * math.log(float(jnp.finfo(t.dtype).max)))
    return search(
        with_slope(lambda r: generator.derivative(r, *generator.parameters) - t), -top, top, jnp.zeros_like(t)
    )


@_invert_slope.defjvp
def _invert_slope_jvp(primals, tangents):
    # f''(u) du = dt - ∂f'(u), the last in the parameters
    generator, t = primals
    d_generator, dt = tangents
    log_u = _invert_slope(generator, t)
    _, curvature = jax.jvp(lambda r: generator.derivative(r, *generator.parameters), (log_u,), (jnp.ones_like(log_u),))
    slope, traced = bind(generator.derivative, generator.parameters)
    moved = jnp.zeros_like(t)
    for at, d_parameter in enumerate(dynamic(d_generator.parameters)):
        moved += partial_derivative(slope, log_u, traced, at) * d_parameter
    return log_u, elementwise.divide(dt - moved, jnp.where(curvature > 0.0, curvature, jnp.inf))
