"""Fisher information, natural gradient and trust region: against the textbook's information matrices."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from power_cases import CASES
from scipy import special
from sweeps import thinned

import kljax
from kljax import expfam, families, geometry, logits

GAMMA = np.euler_gamma


def trigamma(x: float) -> float:
    return special.polygamma(1, x)


def of_beta(a: float, b: float) -> np.ndarray:
    return np.diag(trigamma(np.array([a, b]))) - trigamma(a + b)


def of_student(v: float, s: float) -> np.ndarray:
    df = 0.25 * (trigamma(v / 2) - trigamma((v + 1) / 2)) - (v + 5) / (2 * v * (v + 1) * (v + 3))
    cross = -2 / (s * (v + 1) * (v + 3))
    return np.array([[df, 0, cross], [0, (v + 1) / (v + 3) / s**2, 0], [cross, 0, 2 * v / (v + 3) / s**2]])


def of_von_mises(k: float) -> np.ndarray:
    ratio = special.i1(k) / special.i0(k)
    return np.diag([k * ratio, 1 - ratio / k - ratio**2])


# Information about the parameters in the order of the record's fields: (record's parameters, matrix).
CLOSED: dict[str, list[tuple[tuple[float, ...], Any]]] = {
    "Bernoulli": [((0.25,), [[1 / (0.25 * 0.75)]])],
    "Beta": [((2.25, 0.75), of_beta(2.25, 0.75))],
    "Cauchy": [((0.5, 2.0), np.eye(2) / 8)],
    "Exponential": [((0.5,), [[4.0]])],
    "Gamma": [((2.25, 1.5), [[trigamma(2.25), -1 / 1.5], [-1 / 1.5, 2.25 / 1.5**2]])],
    "Geometric": [((0.25,), [[1 / (0.25**2 * 0.75)]])],
    "Gumbel": [((0.5, 2.0), np.array([[1, GAMMA - 1], [GAMMA - 1, np.pi**2 / 6 + (1 - GAMMA) ** 2]]) / 4)],
    "HalfNormal": [((2.0,), [[0.5]])],
    "InverseGamma": [((2.25, 1.5), [[trigamma(2.25), -1 / 1.5], [-1 / 1.5, 2.25 / 1.5**2]])],
    "InverseGaussian": [((2.0, 3.0), np.diag([3 / 8, 1 / 18]))],
    "Laplace": [((0.5, 2.0), np.eye(2) / 4)],
    "LogNormal": [((0.5, 2.0), np.diag([0.25, 0.5]))],
    "Logistic": [((0.5, 2.0), np.diag([1 / 12, (np.pi**2 + 3) / 36]))],
    "Normal": [((0.5, 2.0), np.diag([0.25, 0.5])), ((1e3, 1e-3), np.diag([1e6, 2e6]))],
    "Poisson": [((3.0,), [[1 / 3]]), ((1e-4,), [[1e4]])],
    "Rayleigh": [((2.0,), [[1.0]])],
    "StudentT": [((5.0, 0.5, 2.0), of_student(5.0, 2.0))],
    "VonMises": [((0.5, 2.0), of_von_mises(2.0))],
    "Weibull": [
        (
            (1.5, 2.0),
            [[(np.pi**2 / 6 + (1 - GAMMA) ** 2) / 1.5**2, -(1 - GAMMA) / 2], [-(1 - GAMMA) / 2, (1.5 / 2) ** 2]],
        )
    ],
}
# By quadrature the nodes are placed for the densities' masses alone where the divergence is zero.
INTEGRATED = {"Logistic", "StudentT"}


def assert_matrices(found: Any, expected: Any, tolerance: float, name: str) -> None:
    """Entry by entry, relative to the geometric mean of the diagonal's."""
    expected = np.asarray(expected, np.float64)
    unit = np.sqrt(np.abs(np.diagonal(expected)))
    error = np.abs(np.asarray(found, np.float64) - expected) / unit[:, None] / unit[None, :]
    assert error.max() <= tolerance, (name, error)


QUICK = ("Gamma", "Normal", "VonMises")  # an ordinary run's, a derivative rule of its own each


@pytest.mark.parametrize(
    ("dtype", "names"),
    [
        (np.float64, QUICK),
        pytest.param(np.float64, tuple(CLOSED.keys() - QUICK), marks=pytest.mark.full),
        pytest.param(np.float32, tuple(CLOSED), marks=pytest.mark.full),
    ],
)
def test_the_information_of_families_is_the_textbooks(dtype: Any, names: tuple[str, ...]) -> None:
    eps = float(np.finfo(dtype).eps)
    cases = {(name, at): case for name in names for at, case in enumerate(CLOSED[name])}

    @jax.jit
    def all_of_them(parameters):
        return {
            (name, at): geometry.fisher(kljax.kl, getattr(families, name)(*each))
            for (name, at), each in parameters.items()
        }

    with jax.enable_x64(dtype == np.float64), jax.debug_nans(True):
        found = all_of_them({key: tuple(np.asarray(x, dtype) for x in case[0]) for key, case in cases.items()})
    for key, (_, expected) in cases.items():
        rough = key[0] in INTEGRATED
        assert_matrices(found[key], expected, max(1e-7, 64 * eps) if rough else 32 * eps, key[0])


def gauss(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.full
def test_the_information_of_vectors_is_the_textbooks() -> None:
    eps = 2.0**-52
    a, concentration = gauss(0, 4), np.array([0.5, 2.0, 3.5])
    low = np.tril(gauss(1, 3, 3)) + 3 * np.eye(3)
    with jax.enable_x64(True):
        p = special.softmax(a)
        information = jax.jit(lambda record: geometry.fisher(kljax.kl, record))
        of_logits = information(families.Categorical(logits=a))
        assert_matrices(of_logits, np.diag(p) - np.outer(p, p), 16 * eps, "Categorical")
        # A table of probabilities is a measure, whose entries are free.
        assert_matrices(information(families.Categorical(p)), np.diag(1 / p), 16 * eps, "probs")
        expected = np.diag(trigamma(concentration)) - trigamma(concentration.sum())
        assert_matrices(information(families.Dirichlet(concentration)), expected, 64 * eps, "Dirichlet")

        where = np.tril_indices(3)

        def of_factor(params):
            factor = jnp.zeros((3, 3)).at[where].set(params["factor"])
            return families.MultivariateNormal.from_cholesky(params["loc"], factor)

        params = {"loc": gauss(2, 3), "factor": low[where]}
        found = jax.jit(lambda z: geometry.fisher(lambda p, q: kljax.kl(of_factor(p), of_factor(q)), z))(params)
    precision = np.linalg.inv(low @ low.T)
    moves = [np.zeros((3, 3)) for _ in where[0]]
    for move, *at in zip(moves, *where, strict=True):
        move[tuple(at)] = 1
    changes = [precision @ (move @ low.T + low @ move.T) for move in moves]
    expected = np.zeros((9, 9))
    expected[:6, :6] = [[0.5 * np.trace(one @ other) for other in changes] for one in changes]
    expected[6:, 6:] = precision
    assert_matrices(found, expected, 256 * eps, "MultivariateNormal")


@pytest.mark.parametrize(
    ("name", "parameter"),
    thinned([("ContinuousBernoulli", 0.7), ("Chi", 2.5), ("Lindley", 1.5)], [("Lindley", 1.5)], spread=True),
)
def test_the_information_is_that_of_the_log_partition_function(name: str, parameter: float) -> None:
    kind = getattr(families, name)
    with jax.enable_x64(True):
        at = np.asarray(parameter)
        slope = np.asarray(jax.jacfwd(lambda x: kind(x).natural)(at)).reshape(-1)
        matrix = np.asarray(expfam.fisher(kind.log_partition, np.asarray(kind(at).natural).reshape(slope.shape)))
        found = geometry.fisher(kljax.kl, kind(at))
    np.testing.assert_allclose(found, (slope @ matrix @ slope).reshape(1, 1), rtol=1e-10)


@pytest.mark.full
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.start])
def test_second_derivatives_do_not_depend_on_the_mode(name: str) -> None:
    """Forward over reverse and forward over forward mode, at p = q and away from it."""
    case = CASES[name]
    with jax.enable_x64(True):
        p, move = ([np.asarray(one, np.float64) for one in parts] for parts in (case.start, case.move))
        for gap in (0.0, 0.1):
            q = [a + gap * b for a, b in zip(p, move, strict=True)]

            def divergence(one, other):
                return kljax.kl(case.p(*one), case.q(*other))

            def curves(p, q):
                return [jax.jacfwd(mode(divergence, 1), 1)(p, q) for mode in (jax.jacrev, jax.jacfwd)]

            both = jax.jit(curves)(p, q)
            reverse, forward = (np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(one)]) for one in both)
            np.testing.assert_allclose(reverse, forward, atol=1e-10 * np.abs(forward).max())


# --- products ---------------------------------------------------------------------------------------------------


def policy(params: Any, states: jax.Array) -> jax.Array:
    return jnp.tanh(states @ params["first"]) @ params["second"]


def policy_kl(p: Any, q: Any, states: jax.Array) -> jax.Array:
    return logits.kl(policy(p, states), policy(q, states)).mean()


def network() -> tuple[Any, Any, np.ndarray]:
    params = {"first": gauss(3, 3, 4), "second": gauss(4, 4, 3)}
    return params, jax.tree.map(lambda leaf: gauss(5, *leaf.shape), params), gauss(6, 5, 3)


@pytest.mark.full
def test_a_product_with_the_information_of_a_network_is_that_of_its_jacobian() -> None:
    """F = mean of Jᵀ(diag p - p pᵀ)J over the states, J the derivative of the logits."""
    params, vector, states = network()
    with jax.enable_x64(True):
        product = jax.jit(
            lambda params, vector: geometry.fisher_vector_product(lambda p, q: policy_kl(p, q, states), params, vector)
        )(params, vector)
        jacobian = jax.jacfwd(lambda params: policy(params, states))(params)
        p = special.softmax(np.asarray(policy(params, states)), -1)
        matrix = geometry.fisher(lambda p, q: policy_kl(p, q, states), params)
    rows = np.concatenate([np.asarray(leaf).reshape(5, 3, -1) for leaf in jax.tree.leaves(jacobian)], -1)
    inner = np.eye(3) * p[:, None, :] - p[:, :, None] * p[:, None, :]
    expected = np.einsum("nai,nab,nbj->ij", rows, inner, rows) / 5
    flat = np.concatenate([leaf.reshape(-1) for leaf in jax.tree.leaves(vector)])
    found = np.concatenate([np.asarray(leaf).reshape(-1) for leaf in jax.tree.leaves(product)])
    np.testing.assert_allclose(found, expected @ flat, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(matrix, expected, rtol=1e-11, atol=1e-14)


@pytest.mark.full
def test_the_order_of_the_arguments_does_not_matter_and_other_divergences_have_their_own_multiple() -> None:
    p = special.softmax(gauss(7, 4))
    divergences = {lambda p, q: logits.kl(q, p): 1.0, logits.chi_squared: 2.0, logits.jensen_shannon: 0.25}
    with jax.enable_x64(True):
        found = jax.jit(lambda a: [geometry.fisher(divergence, a) for divergence in divergences])(gauss(7, 4))
    for one, multiple in zip(found, divergences.values(), strict=True):
        np.testing.assert_allclose(one, multiple * (np.diag(p) - np.outer(p, p)), atol=1e-15)


def test_information_is_batched_differentiable_and_float32_for_half_precision() -> None:
    scales = jnp.array([0.5, 1.0, 3.0])
    found = jax.vmap(lambda s: geometry.fisher(kljax.kl, families.HalfNormal(s)))(scales)
    np.testing.assert_allclose(found[:, 0, 0], 2 / scales**2, rtol=1e-6)
    slope = jax.grad(lambda s: geometry.fisher(kljax.kl, families.HalfNormal(s))[0, 0])(jnp.float32(2.0))
    np.testing.assert_allclose(slope, -4 / 2.0**3, rtol=1e-5)
    half = jnp.array([1.0, -2.0, 0.5], jnp.bfloat16)
    product = geometry.fisher_vector_product(logits.kl, half, half)
    assert product.dtype == jnp.float32
    wide = half.astype(jnp.float32)
    np.testing.assert_array_equal(product, geometry.fisher_vector_product(logits.kl, wide, wide))


# --- the natural gradient ---------------------------------------------------------------------------------------


def log_gamma_record(z: jax.Array) -> Any:
    return families.Gamma(jnp.exp(z[0]), jnp.exp(z[1]))


def natural_gamma_record(z: jax.Array) -> Any:
    return families.Gamma(z[0] + 1.0, -z[1])


def descend(record: Any, target: Any, start: Any, steps: int, optimizer: Any) -> np.ndarray:
    """The parameters along the way, [steps + 1, n]."""

    def step(carry, _):
        params, state = carry
        gradient = jax.grad(lambda z: kljax.kl(target, record(z)))(params)
        updates, state = optimizer.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), params

    path = jax.jit(lambda z: jax.lax.scan(step, (z, optimizer.init(z)), None, length=steps)[1])(start)
    return np.concatenate([np.asarray(start)[None], np.asarray(path)])


@pytest.mark.parametrize("solver", ["cg", "dense"])
def test_a_family_is_fitted_with_quadratic_convergence(solver: Any) -> None:
    """In natural parameters the objective's Hessian is F itself: each step squares the error."""
    with jax.enable_x64(True):
        natural = geometry.natural_gradient(
            lambda p, q: kljax.kl(natural_gamma_record(p), natural_gamma_record(q)), solver=solver, tolerance=1e-14
        )
        optimizer = optax.chain(natural, optax.scale(-1.0))
        path = descend(natural_gamma_record, families.Gamma(3.0, 2.0), jnp.array([1.2, -1.3]), 7, optimizer)
    error = np.linalg.norm(path - np.array([2.0, -2.0]), axis=1)
    assert error[-1] < 1e-14
    falling = error[(error > 1e-8) & (error < 0.5)]
    assert len(falling) >= 3
    assert (falling[1:] < 2.0 * falling[:-1] ** 2).all()


@pytest.mark.full
def test_a_step_does_not_depend_on_the_parametrisation_to_first_order() -> None:
    """Small natural steps from one distribution lead to one distribution; plain gradient steps do not."""
    rate = 1e-4

    def moved(record, z, natural):
        target = families.Gamma(3.0, 2.0)
        gradient = jax.grad(lambda z: kljax.kl(target, record(z)))(z)
        if natural:
            rule = geometry.natural_gradient(lambda p, q: kljax.kl(record(p), record(q)), solver="dense")
            gradient, _ = rule.update(gradient, rule.init(z), z)
        found = record(z - rate * gradient)
        return jnp.stack([found.concentration - 1.5, found.rate - 1.25]) / rate

    with jax.enable_x64(True):
        starts = (log_gamma_record, jnp.log(jnp.array([1.5, 1.25]))), (natural_gamma_record, jnp.array([0.5, -1.25]))
        natural, plain = (
            [np.asarray(jax.jit(moved, static_argnums=(0, 2))(record, z, kind)) for record, z in starts]
            for kind in (True, False)
        )
    np.testing.assert_allclose(*natural, rtol=1e-3)
    assert np.abs(plain[0] - plain[1]).max() > 0.1 * np.abs(plain[0]).max()


@pytest.mark.full
def test_singular_information_is_solved_in_the_least_squares_sense() -> None:
    """Logits have a direction that changes nothing; both solvers leave it alone."""
    with jax.enable_x64(True):
        a, gradient = jnp.asarray(gauss(8, 4)), None
        p = special.softmax(np.asarray(a))
        matrix = np.diag(p) - np.outer(p, p)
        gradient = jnp.asarray(matrix @ gauss(9, 4))
        for solver in ("cg", "dense"):
            rule = geometry.natural_gradient(logits.kl, solver=solver, tolerance=1e-13)
            found, state = jax.jit(rule.update)(gradient, rule.init(a), a)
            np.testing.assert_allclose(matrix @ np.asarray(found), gradient, rtol=1e-9, atol=1e-12)
            assert state.residual < 1e-10
            np.testing.assert_allclose(state.decrement, found @ gradient, rtol=1e-12)
        damped = geometry.natural_gradient(logits.kl, damping=0.1, solver="dense")
        found, _ = damped.update(gradient, damped.init(a), a)
        np.testing.assert_allclose(found, np.linalg.solve(matrix + 0.1 * np.eye(4), gradient), rtol=1e-10)


@pytest.mark.full
def test_units_of_the_parameters_do_not_matter_to_the_dense_solver() -> None:
    with jax.enable_x64(True):

        def divergence(p, q):
            one, other = (families.Normal(z["loc"], z["scale"]) for z in (p, q))
            return kljax.kl(one, other)

        params = {"loc": jnp.array(1e6), "scale": jnp.array(1e-6)}
        gradient = {"loc": jnp.array(1.0), "scale": jnp.array(1.0)}
        rule = geometry.natural_gradient(divergence, solver="dense")
        found, _ = rule.update(gradient, rule.init(params), params)
    np.testing.assert_allclose([found["loc"], found["scale"]], [1e-12, 0.5e-12], rtol=1e-9)


@pytest.mark.full
def test_a_network_learns_with_natural_gradient_trust_region_and_line_search_in_one_chain() -> None:
    params, _, states = network()
    params = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), params)
    states = jnp.asarray(states, jnp.float32)
    labels = jnp.array([0, 1, 2, 0, 1])
    radius = 0.05
    optimizer = optax.chain(
        geometry.natural_gradient(policy_kl, damping=1e-3, max_steps=30),
        optax.scale(-1.0),
        geometry.trust_region(policy_kl, radius),
        optax.scale_by_backtracking_linesearch(max_backtracking_steps=8),
    )

    def loss(params, divergence_args=()):
        del divergence_args  # optax's line search hands every further argument on to the loss
        return -jnp.take_along_axis(jax.nn.log_softmax(policy(params, states)), labels[:, None], -1).mean()

    def step(carry, _):
        params, state = carry
        value, gradient = jax.value_and_grad(loss)(params)
        updates, state = optimizer.update(
            gradient, state, params, divergence_args=(states,), value=value, grad=gradient, value_fn=loss
        )
        after = optax.apply_updates(params, updates)
        return (after, state), (value, policy_kl(params, after, states))

    def run(params):
        return jax.lax.scan(step, (params, optimizer.init(params)), None, length=15)[1]

    with jax.numpy_dtype_promotion("standard"):  # optax's line search is not written for strict promotion
        many = jax.tree.map(lambda leaf: jnp.stack([leaf, 0.5 * leaf]), params)
        losses, moved = jax.jit(jax.vmap(run))(many)
    assert (np.diff(losses, axis=1) < 1e-6).all()
    assert (losses[:, -1] < 0.3 * losses[:, 0]).all()
    assert (moved <= radius * 1.001).all()
    assert (moved[:, 0] > 0.5 * radius).all()


# --- the trust region -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.by_default("float32")
def test_a_step_is_cut_to_the_radius(dtype: Any) -> None:
    """For normal distributions of one variance KL is ½(length/σ)²: the scale is known."""

    def divergence(p, q):
        return kljax.kl(families.Normal(p, 2.0), families.Normal(q, 2.0)).sum()

    with jax.enable_x64(dtype == np.float64):
        params, updates = np.zeros(3, dtype), np.array([3.0, -4.0, 0.0], dtype)
        radii = np.array([1e-6, 1e-2, 1.0, 10.0], dtype)
        step = jax.jit(
            jax.vmap(lambda r: geometry.restrict_step(divergence, params, updates, radius=r, tolerance=0.02))
        )(radii)
        exact = np.minimum(np.sqrt(8 * radii) / 5, 1.0)
        assert step.scale.dtype == dtype
        np.testing.assert_allclose(step.scale, exact, rtol=0.011)
        assert (np.asarray(step.divergence) <= radii).all()
        assert (step.scale[-1], step.updates[-1, 0]) == (1.0, 3.0)
        np.testing.assert_allclose(step.divergence, (5 * np.asarray(step.scale)) ** 2 / 8, rtol=1e-5)
        np.testing.assert_array_equal(step.updates, np.asarray(step.scale)[:, None] * updates)
        longer = geometry.restrict_step(divergence, params, updates, radius=10.0, max_scale=4.0)
        assert 1.7 < longer.scale <= np.sqrt(80) / 5


def test_a_step_into_the_impossible_is_cut_and_a_hopeless_one_not_taken() -> None:
    def divergence(p, q):
        return kljax.kl(families.Poisson(p), families.Poisson(q))

    step = geometry.restrict_step(divergence, jnp.float32(1.0), jnp.float32(-3.0), radius=0.1)
    assert 0.095 <= step.divergence <= 0.1
    nowhere = geometry.restrict_step(
        lambda p, q: jnp.where((p == q).all(), 0.0, jnp.inf), jnp.zeros(2), jnp.ones(2), radius=0.1, max_evaluations=5
    )
    assert (nowhere.scale, nowhere.divergence, nowhere.updates.sum()) == (0.0, 0.0, 0.0)
    slope = jax.jacobian(lambda u: geometry.restrict_step(divergence, jnp.float32(1.0), u, radius=0.1).updates)
    np.testing.assert_allclose(slope(jnp.float32(-3.0)), step.scale, rtol=1e-6)


def test_the_rounding_of_half_precision_parameters_counts() -> None:
    params = jnp.array([100.0, -100.0], jnp.bfloat16)
    updates = jnp.array([8.0, -8.0], jnp.bfloat16)
    step = geometry.restrict_step(
        lambda p, q: 0.5 * jnp.square(p.astype(jnp.float32) - q.astype(jnp.float32)).sum(), params, updates, radius=4.0
    )
    assert step.updates.dtype == jnp.bfloat16
    after = optax.apply_updates(params, step.updates)
    np.testing.assert_array_equal(step.divergence, 0.5 * jnp.square((after - params).astype(jnp.float32)).sum())


# --- errors -----------------------------------------------------------------------------------------------------

PARAMS = jnp.zeros(3)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: geometry.fisher(3, PARAMS), TypeError, "divergence must be a function"),
        (lambda: geometry.fisher(logits.kl, jnp.zeros(3, int)), TypeError, "params must have a floating-point dtype"),
        (lambda: geometry.fisher(logits.kl, {}), TypeError, "params must hold at least one array"),
        (lambda: geometry.fisher(lambda p, q: (p, q), PARAMS), TypeError, "must return one floating-point number"),
        (
            lambda: geometry.fisher(kljax.kl, families.Normal(PARAMS, 1.0)),
            ValueError,
            r"must return one number; got shape \(3,\). Reduce it inside",
        ),
        (
            lambda: geometry.fisher_vector_product(logits.kl, {"a": PARAMS}, PARAMS),
            ValueError,
            "vector must have the structure of params",
        ),
        (
            lambda: geometry.fisher_vector_product(lambda p, q: logits.kl(p["a"], q["a"]), {"a": PARAMS}, {"a": 1.0}),
            ValueError,
            r"vector\['a'\] must have the shape of params\['a'\], \(3,\); got \(\)",
        ),
        (lambda: geometry.natural_gradient(logits.kl, damping=-1.0), ValueError, "damping must lie in"),
        (lambda: geometry.natural_gradient(logits.kl, solver="lu"), ValueError, "solver must be 'cg' or 'dense'"),
        (lambda: geometry.natural_gradient(logits.kl, max_steps=0), ValueError, "max_steps must be at least 1"),
        (
            lambda: geometry.natural_gradient(logits.kl).update(PARAMS, geometry.NaturalGradientState(0.0, 0.0)),
            ValueError,
            "params must be given",
        ),
        (lambda: geometry.trust_region(logits.kl, 0.0), ValueError, "radius must lie in"),
        (lambda: geometry.trust_region(logits.kl, 1.0, tolerance=1.0), ValueError, "tolerance must lie in"),
        (lambda: geometry.trust_region(logits.kl, 1.0, max_scale=np.inf), ValueError, "max_scale must be finite"),
        (
            lambda: geometry.restrict_step(logits.kl, PARAMS, [PARAMS], radius=1.0),
            ValueError,
            "updates must have the structure of params",
        ),
    ],
)
def test_bad_input_is_named(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
