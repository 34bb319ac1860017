"""The mean of every gradient estimator is the exact gradient, and the variance falls where theory says it does."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kljax import generators, variational

LOC, LOG_SCALE = 0.4, -0.3  # of q
TARGET_LOC, TARGET_SCALE, LOG_Z = -0.2, 1.3, 0.7  # of p, which is known up to e^LOG_Z
DRAWS, REPEATS = 3, 40_000
WIDE = (0.4, 0.5)  # a q with tails above those of p, so that the weights have a variance


def log_density(x):
    """An unnormalised normal density of one number in a vector."""
    return (-0.5 * ((x - TARGET_LOC) / TARGET_SCALE) ** 2).sum() - np.log(TARGET_SCALE * np.sqrt(2 * np.pi)) + LOG_Z


GUIDE = variational.mean_field(1)


def params(loc=LOC, log_scale=LOG_SCALE):
    start = variational.initial_params(GUIDE, jax.random.key(0))
    free = start.free._replace(shift=jnp.full(1, loc), log_scale=jnp.full(1, log_scale))
    return start._replace(free=free)


@functools.cache
def estimates(objective, gradient, draws=DRAWS, repeats=REPEATS, at=(LOC, LOG_SCALE)):
    """The gradient in (loc, log scale) of each of many independent sets of draws, [repeats, 2]."""
    noise = np.random.default_rng(1).standard_normal((repeats, draws, 1), np.float32)
    here = params(*at)

    @jax.jit
    def one(noise):
        step = variational.value_and_grad(log_density, GUIDE, here, noise, objective=objective, gradient=gradient)
        return jnp.concatenate([step.gradient.shift, step.gradient.log_scale]), step.value

    slopes, values = jax.lax.map(one, noise, batch_size=4000)
    return np.asarray(slopes, np.float64), np.asarray(values, np.float64)


def log_weights(loc, log_scale, x):
    """log p̃ - log q, by the textbook."""
    scale = np.exp(log_scale)
    log_q = -0.5 * ((x - loc) / scale) ** 2 - log_scale - 0.5 * np.log(2 * np.pi)
    log_p = -0.5 * ((x - TARGET_LOC) / TARGET_SCALE) ** 2 - np.log(TARGET_SCALE) - 0.5 * np.log(2 * np.pi)
    return log_p + LOG_Z - log_q


def slope_of(value, at=(LOC, LOG_SCALE)):
    """The derivatives of value(loc, log scale), by central differences of a smooth float64 function."""
    loc, log_scale = at
    h = 1e-5
    return np.array(
        [
            (value(loc + h, log_scale) - value(loc - h, log_scale)) / (2 * h),
            (value(loc, log_scale + h) - value(loc, log_scale - h)) / (2 * h),
        ]
    )


NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def exact_bound(alpha, loc, log_scale):
    """E 1/(1-α) log mean w^(1-α) of three draws, by Gauss–Hermite quadrature in three dimensions."""
    log_w = log_weights(loc, log_scale, loc + np.exp(log_scale) * NODES)
    powers = np.exp((1 - alpha) * log_w)
    mean = (powers[:, None, None] + powers[None, :, None] + powers[None, None, :]) / 3
    return np.einsum("i,j,k,ijk", WEIGHTS, WEIGHTS, WEIGHTS, np.log(mean)) / (1 - alpha)


def exact_elbo(loc, log_scale):
    return WEIGHTS @ log_weights(loc, log_scale, loc + np.exp(log_scale) * NODES)


def within(slopes, exact, bias=0.0):
    """The mean is the exact gradient to within four of its standard errors (and a bias that is known)."""
    error = slopes.std(0, ddof=1) / np.sqrt(len(slopes))
    assert (np.abs(slopes.mean(0) - exact) <= 4 * error + bias).all(), (slopes.mean(0), exact, error)
    # An estimator of great variance would pass anything.
    assert (error < 0.05 * np.abs(exact).max()).all()


ELBO = ("pathwise", "sticking_the_landing", "doubly_reparametrised", "score", "log_variance")


@pytest.mark.parametrize("gradient", ELBO)
def test_gradients_of_the_elbo(gradient):
    within(estimates(variational.elbo(), gradient)[0], slope_of(exact_elbo))


def test_the_value_is_the_elbo():
    values = estimates(variational.elbo(), "pathwise")[1]
    assert abs(values.mean() - exact_elbo(LOC, LOG_SCALE)) < 4 * values.std() / np.sqrt(len(values))


BOUNDS = {
    "importance_weighted": (variational.importance_weighted(), 0.0, 1.0),
    "renyi": (variational.renyi(0.4), 0.4, 1.0),
    "chi": (variational.chi_squared_bound(), -1.0, -1.0),
}


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("gradient", ["pathwise", "doubly_reparametrised", "score", "vimco"])
@pytest.mark.by_default(
    "pathwise-importance_weighted",
    "doubly_reparametrised-renyi",
    "doubly_reparametrised-chi",
    "score-renyi",
    "vimco-importance_weighted",
    "vimco-chi",
)
def test_gradients_of_bounds_by_several_draws(name, gradient):
    objective, alpha, sign = BOUNDS[name]
    within(estimates(objective, gradient)[0], sign * slope_of(functools.partial(exact_bound, alpha)))


def f_divergence(f, loc, log_scale):
    """D_f(p‖q) of the normalised densities, on a fine grid."""
    x = np.linspace(-14, 14, 20_001)
    scale = np.exp(log_scale)
    q = np.exp(-0.5 * ((x - loc) / scale) ** 2) / (scale * np.sqrt(2 * np.pi))
    p = np.exp(-0.5 * ((x - TARGET_LOC) / TARGET_SCALE) ** 2) / (TARGET_SCALE * np.sqrt(2 * np.pi))
    return (f(p, q) * (x[1] - x[0])).sum()


def safe_log(p, q):
    return np.log(np.maximum(p, 1e-300)) - np.log(np.maximum(q, 1e-300))


DIVERGENCES = {
    "forward_kl": (variational.forward_kl(), lambda p, q: p * safe_log(p, q)),
    "hellinger": (
        variational.f_divergence(generators.squared_hellinger),
        lambda p, q: 0.5 * (np.sqrt(p) - np.sqrt(q)) ** 2,
    ),
    "jensen_shannon": (
        variational.jensen_shannon(),
        lambda p, q: 0.5 * p * safe_log(p, (p + q) / 2) + 0.5 * q * safe_log(q, (p + q) / 2),
    ),
}


@pytest.mark.parametrize("name", DIVERGENCES)
@pytest.mark.parametrize("gradient", ["doubly_reparametrised", "score"])
def test_gradients_of_divergences(name, gradient):
    """p̃ is normalised by the mean weight, whose bias falls as 1/K: with 400 draws a bias below 3 % of the gradient."""
    objective, f = DIVERGENCES[name]
    exact = -slope_of(functools.partial(f_divergence, f), WIDE)
    slopes, _ = estimates(objective, gradient, draws=400, repeats=2000, at=WIDE)
    within(slopes, exact, bias=0.03 * np.abs(exact).max())


def test_sticking_the_landing_has_no_variance_where_q_is_p():
    at = (TARGET_LOC, float(np.log(TARGET_SCALE)))
    stuck = estimates(variational.elbo(), "sticking_the_landing", repeats=500, at=at)[0]
    pathwise = estimates(variational.elbo(), "pathwise", repeats=500, at=at)[0]
    assert np.abs(stuck).max() < 1e-6  # a few roundings of numbers of order one
    assert pathwise.std(0).max() > 0.1


def test_the_doubly_reparametrised_gradient_keeps_its_signal_as_draws_increase():
    """The pathwise gradient of the importance-weighted bound drowns in noise as K grows; the other one does not."""
    ratio = {}
    for gradient in ("pathwise", "doubly_reparametrised"):
        few, many = (
            estimates(variational.importance_weighted(), gradient, draws=draws, repeats=1000, at=WIDE)[0]
            for draws in (4, 256)
        )
        ratio[gradient] = [np.abs(one.mean(0)).max() / one.std(0).max() for one in (few, many)]
    assert ratio["doubly_reparametrised"][1] > 2.0 * ratio["doubly_reparametrised"][0]
    assert ratio["pathwise"][1] < ratio["pathwise"][0]


def test_a_baseline_of_the_others_lowers_the_variance_of_the_score_function():
    with_baseline = estimates(variational.elbo(), "score", draws=8, repeats=2000)[0].var(0)
    noise = np.random.default_rng(1).standard_normal((2000, 8))
    x = LOC + np.exp(LOG_SCALE) * noise
    plain = (log_weights(LOC, LOG_SCALE, x) * noise / np.exp(LOG_SCALE)).mean(1)
    assert with_baseline[0] < 0.7 * plain.var()


@pytest.mark.full
def test_tail_adaptive_weights_follow_their_definition():
    noise = np.random.default_rng(3).standard_normal((6, 1))
    with jax.enable_x64(True):
        start = variational.initial_params(GUIDE, jax.random.key(0))
        free = start.free._replace(shift=jnp.full(1, LOC), log_scale=jnp.full(1, LOG_SCALE))
        here = start._replace(free=free)
        step = variational.value_and_grad(
            log_density, GUIDE, here, jnp.asarray(noise), objective=variational.elbo(), gradient="tail_adaptive"
        )
        found = np.concatenate([step.gradient.shift, step.gradient.log_scale])
    z = noise[:, 0]
    x = LOC + np.exp(LOG_SCALE) * z
    log_w = log_weights(LOC, LOG_SCALE, x)
    weights = np.array([1.0 / np.mean(log_w >= one) for one in log_w])
    weights /= weights.sum()
    # ∂ℓ/∂x with the parameters of q held, along x = loc + scale z
    slope = -(x - TARGET_LOC) / TARGET_SCALE**2 + z / np.exp(LOG_SCALE)
    expected = [(weights * slope).sum(), (weights * slope * np.exp(LOG_SCALE) * z).sum()]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


LOGITS = np.array([0.3, -0.5, 0.9, 0.0])
TARGET = np.log(np.array([0.1, 0.45, 0.25, 0.2])) + 1.5


def categorical_guide():
    def log_prob(params, x):
        return jax.nn.log_softmax(params)[x]

    return variational.custom(
        LOGITS, lambda params, key: jax.random.categorical(key, params), log_prob, reparametrised=False
    )


@pytest.mark.parametrize("gradient", ["score", "log_variance"])
def test_gradients_of_a_discrete_guide(gradient):
    """By enumeration: ∂/∂logits of Σ q (log p̃ - log q)."""
    guide = categorical_guide()
    start = variational.initial_params(guide, jax.random.key(0))
    keys = jax.random.split(jax.random.key(5), (20_000, 4))
    target = jnp.asarray(TARGET, jnp.float32)

    @jax.jit
    def one(keys):
        return variational.value_and_grad(lambda x: target[x], guide, start, keys, gradient=gradient).gradient

    slopes = np.asarray(jax.lax.map(one, keys, batch_size=4000), np.float64)
    q = np.exp(LOGITS) / np.exp(LOGITS).sum()
    gap = TARGET - np.log(q)
    exact = q * (gap - q @ gap)
    error = slopes.std(0, ddof=1) / np.sqrt(len(slopes))
    assert (np.abs(slopes.mean(0) - exact) < 4 * error).all()
    assert (error < 0.05 * np.abs(exact).max()).all()


def test_the_weights_of_a_mixture_have_exact_gradients():
    """Both ends of the derivative of E_q[log p̃ - log q] in the log-odds of two parts, by quadrature."""
    guide = variational.gaussian_mixture(1, components=2)
    start = variational.initial_params(guide, jax.random.key(0))
    parts = start.free.parts._replace(shift=jnp.array([[-1.0], [1.5]]), log_scale=jnp.array([[-0.2], [0.1]]))
    free = start.free._replace(log_weights=jnp.array([0.4, -0.1]), parts=parts)
    here = start._replace(free=free)

    def exact(log_weights_of_parts, shift):
        weights = np.exp(log_weights_of_parts) / np.exp(log_weights_of_parts).sum()
        total = 0.0
        for part, centre, log_scale in zip(range(2), shift, (-0.2, 0.1), strict=True):
            x = centre + np.exp(log_scale) * NODES
            density = sum(
                weight * np.exp(-0.5 * ((x - one) / np.exp(ls)) ** 2 - ls) / np.sqrt(2 * np.pi)
                for weight, one, ls in zip(weights, shift, (-0.2, 0.1), strict=True)
            )
            log_p = -0.5 * ((x - TARGET_LOC) / TARGET_SCALE) ** 2
            total += weights[part] * (WEIGHTS @ (log_p - np.log(density)))
        return total

    h = 1e-5
    at, shift = np.array([0.4, -0.1]), np.array([-1.0, 1.5])
    step = np.array([h, 0.0])
    in_weight = (exact(at + step, shift) - exact(at - step, shift)) / (2 * h)
    in_shift = (exact(at, shift + step) - exact(at, shift - step)) / (2 * h)
    noise = np.random.default_rng(1).standard_normal((4000, 4, 1), np.float32)
    for gradient in ("pathwise", "doubly_reparametrised"):

        @jax.jit
        def one(noise, gradient=gradient):
            slope = variational.value_and_grad(log_density, guide, here, noise, gradient=gradient).gradient
            return jnp.stack([slope.log_weights[0], slope.parts.shift[0, 0]])

        slopes = np.asarray(jax.vmap(one)(noise), np.float64)
        error = slopes.std(0, ddof=1) / np.sqrt(len(slopes))
        assert (np.abs(slopes.mean(0) - np.array([in_weight, in_shift])) < 4 * error).all()
        assert (error < 0.02).all()


@pytest.mark.parametrize(
    ("objective", "gradient", "message"),
    [
        (variational.forward_kl(), "pathwise", "use 'doubly_reparametrised'"),
        (variational.importance_weighted(), "sticking_the_landing", "right only for elbo"),
        (variational.renyi(0.5), "log_variance", "right only for elbo"),
        (variational.elbo(), "vimco", "use 'score'"),
        (variational.elbo(), "reinforce", "gradient must be one of"),
    ],
)
def test_estimators_that_do_not_serve_an_objective(objective, gradient, message):
    noise = jnp.zeros((3, 1))
    with pytest.raises(ValueError, match=message):
        variational.value_and_grad(log_density, GUIDE, params(), noise, objective=objective, gradient=gradient)


def test_a_guide_without_a_path_has_no_path_gradient():
    guide = categorical_guide()
    start = variational.initial_params(guide, jax.random.key(0))
    keys = jax.random.split(jax.random.key(5), 4)
    with pytest.raises(ValueError, match="no reparametrised sampler"):
        variational.value_and_grad(lambda x: 0.0, guide, start, keys, gradient="pathwise")


@pytest.mark.parametrize(
    "make",
    [
        lambda: variational.renyi(1.0),
        lambda: variational.chi_squared_bound(1.0),
        lambda: variational.jensen_shannon(1.0),
        lambda: variational.f_divergence("kl"),
        lambda: variational.renyi("half"),
    ],
)
def test_objectives_say_what_is_wrong_with_their_order(make):
    with pytest.raises((ValueError, TypeError), match="must"):
        make()
