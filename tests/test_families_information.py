"""Total variation of normal distributions, entropy and cross-entropy, against formulas in many digits."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from mpmath import mpf
from oracles import continuous, discrete, distributions
from power_cases import CASES, DIRECTION, GAPS
from sweeps import thinned

import kljax
from kljax import families
from kljax.divergences._forms.table import DIVERGENCES

# --- total variation of normal distributions ----------------------------------------------------------------


def exact_variation(m: mpf, s: mpf, n: mpf, t: mpf) -> mpf:
    def below(x: mpf, loc: mpf, scale: mpf) -> mpf:
        return mpmath.erfc((loc - x) / scale / mpmath.sqrt(2)) / 2

    if s == t:
        ends = [(m + n) / 2]
    else:
        # The densities cross where a x² + b x + c = 0.
        a, b = 1 / s**2 - 1 / t**2, -2 * (m / s**2 - n / t**2)
        c = m**2 / s**2 - n**2 / t**2 - 2 * mpmath.log(t / s)
        root = mpmath.sqrt(b * b - 4 * a * c)
        ends = [(-b - root) / (2 * a), (-b + root) / (2 * a)]
    masses = [below(ends[-1], *one) - (below(ends[0], *one) if len(ends) == 2 else 0) for one in ((m, s), (n, t))]
    return abs(masses[0] - masses[1])


@pytest.mark.parametrize("dtype", thinned([np.float32, np.float64], [np.float32]))
@pytest.mark.full
def test_total_variation_of_normal_distributions(dtype: Any) -> None:
    starts = [(0.3, 1.2, 0.3 + gap * dm, 1.2 + gap * ds) for gap in GAPS for dm, ds in ((1.0, 0.5), (-1.0, 0.0))]
    starts += [(0.3, 1.2, 0.3, 1.2 - 0.5 * gap) for gap in GAPS]
    starts += [(0.3, 1.2, 5.0, 120.0), (0.3, 1.2, 9.0, 1.0), (0.0, 1e-3, 1.0, 50.0), (0.3, 120.0, 1.0, 1.2)]
    starts += [tuple(x * unit for x in starts[i]) for unit in (1e-15, 1e15) for i in (0, 4)]
    eps, points = float(np.finfo(dtype).eps), np.array(starts, dtype)
    with jax.enable_x64(dtype == np.float64), jax.debug_nans(True):

        def value(x: jax.Array) -> jax.Array:
            return kljax.total_variation(families.Normal(x[0], x[1]), families.Normal(x[2], x[3]))

        found, slopes = map(np.asarray, jax.jit(jax.vmap(jax.value_and_grad(value)))(points))
        same = np.stack([points[:, 0], points[:, 1]] * 2, -1)
        none, flat_slope = map(np.asarray, jax.jit(jax.vmap(jax.value_and_grad(value)))(same))
        assert np.isfinite(jax.vmap(jax.hessian(value))(np.concatenate([points[:6], same[:1]]))).all()
    assert (none == 0.0).all()
    assert (flat_slope == 0.0).all()
    with mpmath.workdps(110):
        for point, one, slope in zip(points, found, slopes, strict=True):
            x = [mpf(float(a)) for a in point]
            expected = exact_variation(*x)
            assert abs(mpf(float(one)) - expected) <= 16 * eps * expected
            if expected == 0:
                continue
            step = mpf(10) ** -30 * x[1]
            exact = [
                (exact_variation(*x[:i], x[i] + step, *x[i + 1 :]) - exact_variation(*x[:i], x[i] - step, *x[i + 1 :]))
                / (2 * step)
                for i in range(4)
            ]
            norm = mpmath.sqrt(sum(a * a for a in exact))
            assert max(abs(mpf(float(a)) - b) for a, b in zip(slope, exact, strict=True)) <= 32 * eps * norm
    log, logit = (kind(0.3, 1.2) for kind in (families.LogNormal, families.LogitNormal))
    np.testing.assert_array_equal(
        kljax.total_variation(log, families.LogNormal(1.3, 1.7)), np.float32(found32(starts[0]))
    )
    np.testing.assert_array_equal(kljax.total_variation(logit, families.LogitNormal(1.3, 1.7)), found32(starts[0]))
    half = kljax.total_variation(families.HalfNormal(1.2), families.HalfNormal(1.7))
    np.testing.assert_array_equal(half, found32((0.0, 1.2, 0.0, 1.7)))


def found32(x: Any) -> Any:
    return kljax.total_variation(families.Normal(x[0], x[1]), families.Normal(x[2], x[3]))


# --- entropy and cross-entropy ------------------------------------------------------------------------------

OTHERS = {
    "Bernoulli": lambda: families.Bernoulli(0.3),
    "Categorical": lambda: families.Categorical(jnp.array([0.25, 0.75])),
    "Cauchy": lambda: families.Cauchy(0.0, 1.0),
    "DirichletMultinomial": lambda: families.DirichletMultinomial(4, jnp.array([1.5, 2.5])),
    "DiscreteUniform": lambda: families.DiscreteUniform(0.0, 5.0),
    "HalfCauchy": lambda: families.HalfCauchy(1.0),
    "LKJ": lambda: families.LKJ(3, 1.5),
    "LogUniform": lambda: families.LogUniform(1.0, 2.0),
    "Multinomial": lambda: families.Multinomial(4, jnp.array([0.25, 0.75])),
    "NormalGamma": lambda: families.NormalGamma(0.5, 2.0, 3.0, 1.5),
    "NormalInverseWishart": lambda: families.NormalInverseWishart(jnp.array([0.5, -0.5]), 2.0, 5.0, jnp.eye(2)),
    "OneHotCategorical": lambda: families.OneHotCategorical(jnp.array([0.25, 0.75])),
    "PowerSpherical": lambda: families.PowerSpherical(DIRECTION, 2.0),
    "SphericalUniform": lambda: families.SphericalUniform(3),
    "TruncatedNormal": lambda: families.TruncatedNormal(0.0, 1.0, -1.0, 2.0),
    "Uniform": lambda: families.Uniform(0.25, 0.75),
    "Zipf": lambda: families.Zipf(2.5),
}


def member(name: str, other: str) -> Any:
    """A record of the family whose draws have the shape of the other's."""
    if (name, other) == ("Dirichlet", "Beta"):
        return families.Dirichlet(jnp.array([1.5, 2.5]))
    if name in OTHERS:
        return OTHERS[name]()
    case = next(case for key, case in CASES.items() if key.partition(",")[0] == name)
    return case.p(*(jnp.asarray(one, jnp.float32) for one in case.start))


@pytest.mark.full
def test_cross_entropy_exists_for_every_pair_that_has_a_divergence() -> None:
    # KL has its tests for every row: what may be missing is the entropy of p.
    for one, other in {one: (one, other) for one, other in DIVERGENCES}.values():
        p, q = member(one.__name__, other.__name__), member(other.__name__, one.__name__)
        q = families.Dirichlet(jnp.array([1.5, 2.5])) if (one, other) == (families.Beta, families.Dirichlet) else q
        if one is families.MultivariateLogitNormal:
            with pytest.raises(NotImplementedError, match="has no closed form; take the mean"):
                kljax.cross_entropy(p, q)
            continue
        assert jax.eval_shape(kljax.cross_entropy, p, q).shape == ()


@pytest.mark.parametrize(
    ("name", "p", "q", "ends"),
    [
        ("Gamma", (2.25, 1.5), (3.0, 0.5), (0, 1, 4, mpmath.inf)),
        ("InverseGaussian", (1.5, 2.5), (1.0, 3.0), (0, 1, 4, mpmath.inf)),
        ("Lindley", (1.5,), (0.5,), (0, 1, 4, mpmath.inf)),
        ("LogitNormal", (0.75, 1.5), (0.5, 1.0), (0, 0.5, 1)),
        ("VonMises", (0.5, 2.5), (1.0, 1.0), (-mpmath.pi, 0.5, mpmath.pi)),
    ],
)
@pytest.mark.by_default("Gamma-p0-q0-ends0", "Lindley-p2-q2-ends2")
def test_cross_entropy_is_the_integral(name: str, p: Any, q: Any, ends: Any) -> None:
    books = {**distributions.TEXTBOOK, **continuous.TEXTBOOK, **discrete.TEXTBOOK}
    log_density = books[name].log_density

    def lost(x: mpf) -> mpf:
        return -mpmath.exp(log_density(x, *map(mpf, p))) * log_density(x, *map(mpf, q))

    with jax.enable_x64(True):
        first, second = (getattr(families, name)(*map(np.float64, one)) for one in (p, q))
        found = float(jax.jit(kljax.cross_entropy)(first, second))
    np.testing.assert_allclose(found, float(mpmath.quad(lost, ends)), rtol=1e-12)
