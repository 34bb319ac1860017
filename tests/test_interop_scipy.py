"""scipy's distributions with a location, its vectors, kernel estimates, histograms and new classes, at their draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

import kljax
from kljax import families, interop

stats = pytest.importorskip("scipy.stats")
LOC, SCALE, A, B = 0.25, 1.5, 2.25, 0.75
MOVED: dict[str, Callable[[Any], Any]] = {
    "arcsine": lambda s: s.arcsine(LOC, SCALE),
    "beta": lambda s: s.beta(A, B, LOC, SCALE),
    "betabinom": lambda s: s.betabinom(7, A, B),
    "chi2": lambda s: s.chi2(A, LOC, SCALE),
    "dirichlet": lambda s: s.dirichlet([A, B, SCALE]),
    "dirichlet_multinomial": lambda s: s.dirichlet_multinomial([A, B, SCALE], 4),
    "expon": lambda s: s.expon(LOC, SCALE),
    "f": lambda s: s.f(A, B, LOC, SCALE),
    "fisk": lambda s: s.fisk(A, LOC, SCALE),
    "gamma": lambda s: s.gamma(A, LOC, SCALE),
    "genextreme": lambda s: s.genextreme(0.2, LOC, SCALE),
    "genpareto": lambda s: s.genpareto(0.2, LOC, SCALE),
    "geom": lambda s: s.geom(0.25),
    "gumbel_l": lambda s: s.gumbel_l(LOC, SCALE),
    "invgauss": lambda s: s.invgauss(A, LOC, SCALE),
    "levy": lambda s: s.levy(LOC, SCALE),
    "loggamma": lambda s: s.loggamma(A, LOC, SCALE),
    "lognorm": lambda s: s.lognorm(SCALE, LOC, A),
    "lomax": lambda s: s.lomax(A, LOC, SCALE),
    "maxwell": lambda s: s.maxwell(LOC, SCALE),
    "multinomial": lambda s: s.multinomial(4, [0.25, 0.25, 0.5]),
    "multivariate_normal": lambda s: s.multivariate_normal([LOC, 0.0], [[2.0, 0.5], [0.5, 1.0]]),
    "norm, not frozen": lambda s: s.norm,
    "pareto": lambda s: s.pareto(A, LOC, 0.5),
    "planck": lambda s: s.planck(0.5),
    "poisson": lambda s: s.poisson(A, -1),
    "powerlaw": lambda s: s.powerlaw(A, LOC, SCALE),
    "randint": lambda s: s.randint(1, 7),
    "skellam": lambda s: s.skellam(A, B),
    "skewnorm": lambda s: s.skewnorm(A, LOC, SCALE),
    "triang": lambda s: s.triang(0.25, LOC, SCALE),
    "vonmises": lambda s: s.vonmises(A, LOC),
    "wald": lambda s: s.wald(LOC, SCALE),
    "weibull_max": lambda s: s.weibull_max(A, 2.0, SCALE),
    "weibull_min": lambda s: s.weibull_min(A, LOC, SCALE),
    "zipf": lambda s: s.zipf(2.5),
    "gaussian_kde": lambda s: s.gaussian_kde([0.1, 0.5, 2.0], weights=[1.0, 2.0, 1.0]),
    "gaussian_kde, vectors": lambda s: s.gaussian_kde([[0.1, 0.5, 2.0], [1.0, -1.0, 0.5]]),
    "rv_histogram": lambda s: s.rv_histogram(([1, 5, 2], [0.0, 0.8, 1.6, 2.4])),
    "rv_discrete": lambda s: s.rv_discrete(values=([1, 2, 4], [0.2, 0.3, 0.5])),
    "Normal": lambda s: s.Normal(mu=LOC, sigma=SCALE),
    "Normal, standard": lambda s: s.Normal(),
    "Normal, shifted": lambda s: 2.0 * s.Normal(mu=LOC, sigma=SCALE) + 1.0,
    "Uniform": lambda s: s.Uniform(a=-1.0, b=2.0),
    "Mixture": lambda s: s.Mixture([s.Normal(mu=0.0, sigma=1.0), s.Normal(mu=2.0, sigma=0.5)], weights=[0.25, 0.75]),
    "make_distribution": lambda s: s.make_distribution(s.gamma)(a=A),
    "make_distribution, two": lambda s: s.make_distribution(s.beta)(b=B, a=A),
}


@pytest.mark.parametrize("name", MOVED)
def test_the_density_is_scipys(name: str) -> None:
    if (name[0].isupper() or name.startswith("make")) and not hasattr(stats, "make_distribution"):
        pytest.skip("an older scipy")
    theirs = MOVED[name](stats)
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        record = interop.convert(theirs)
        if hasattr(theirs, "resample"):
            x = theirs.resample(5, seed=0)
            exact, x = theirs.logpdf(x), x[0] if len(x) == 1 else x.T
        elif name == "dirichlet_multinomial":
            x = np.array([[4.0, 0.0, 0.0], [1.0, 2.0, 1.0]])
            exact = theirs.logpmf(x.astype(int))
        elif hasattr(theirs, "rvs"):
            x = np.asarray(theirs.rvs(size=5, random_state=rng), float)
            of = getattr(theirs, "dist", theirs)
            discrete = hasattr(theirs, "logpmf") and hasattr(of, "logpmf")
            exact = (theirs.logpmf if discrete else theirs.logpdf)(x.T if name == "dirichlet" else x)
        else:
            x = theirs.sample(5, rng=rng)
            exact = theirs.logpdf(x)
        np.testing.assert_allclose(record.log_prob(x), exact, rtol=1e-9, atol=1e-9)


def test_two_of_scipys_fits_meet() -> None:
    x = stats.gamma(3.0, 1.0, 2.0).rvs(200, random_state=0)
    found = stats.gamma.fit(x, floc=1.0)
    p, q = stats.gamma(*found), stats.gamma(3.0, 1.0, 2.0)
    exact = kljax.kl(families.Gamma(found[0], 1.0 / found[2]), families.Gamma(3.0, 0.5))
    np.testing.assert_allclose(kljax.kl(p, q), exact, rtol=1e-5)
    np.testing.assert_allclose(jax.jit(lambda: kljax.kl(p, q))(), exact, rtol=1e-5)
    shifted = kljax.kl(stats.geom(0.2), stats.geom(0.3))
    np.testing.assert_allclose(shifted, kljax.kl(families.Geometric(0.2), families.Geometric(0.3)))
    with pytest.raises(TypeError, match="needs its parameters"):
        kljax.kl(stats.gamma, q)
    with pytest.raises(NotImplementedError, match="one family; got Normal and Uniform"):
        interop.convert(stats.Mixture([stats.Normal(mu=0.0, sigma=1.0), stats.Uniform(a=0.0, b=1.0)]))
