"""The worst distribution of a KL ball and the projection onto it: against a search in many digits."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from mpmath import mpf
from scipy import optimize, special
from sweeps import thinned

from kljax import geometry, logits


def tilt(losses: Any, log_q: Any, s: mpf) -> tuple[list[mpf], mpf]:
    """(p, KL(p‖q)) for p ∝ q exp(s·loss), from the textbook's sums."""
    q = [mpmath.exp(mpf(float(b))) if b > -np.inf else mpf(0) for b in log_q]
    q = [one / mpmath.fsum(q) for one in q]
    weights = [one * mpmath.exp(s * mpf(float(loss))) if one else mpf(0) for one, loss in zip(q, losses, strict=True)]
    p = [one / mpmath.fsum(weights) for one in weights]
    return p, mpmath.fsum(a * mpmath.log(a / b) for a, b in zip(p, q, strict=True) if a)


def strength(losses: Any, log_q: Any, radius: float) -> mpf:
    """The s at which KL(p‖q) is the radius, by bisection of its exponent."""
    low, high = mpf(-120), mpf(120)
    for _ in range(160):
        middle = (low + high) / 2
        inside = tilt(losses, log_q, mpf(2) ** middle)[1] < mpf(float(radius))
        low, high = (middle, high) if inside else (low, middle)
    return mpf(2) ** low


def rows(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Losses, logits and radii: ordinary, tiny and large radii, tiny and huge losses, a rare worst case, a near tie."""
    rng = np.random.default_rng(seed)
    losses, log_q = rng.normal(size=(9, 6)), rng.normal(size=(9, 6))
    radii = np.array([0.3, 1e-8, 1e-3, 0.3, 0.3, 2.0, 0.3, 1.5, 0.1])
    losses[3] *= 1e-12
    losses[4] = losses[4] * 1e12 + 1e12
    log_q[5, losses[5].argmax()] = -25.0
    losses[6, 1] = losses[6].max() + 1.0
    losses[6, 2] = losses[6, 1] - 1e-4
    log_q[6, 1] = -1.0
    log_q[7, 2] = -np.inf
    losses[7, 2] = np.inf  # where q is zero a loss does not count
    log_q[7, losses[7].argsort()[-2]] = -3.0
    losses[8, :5] = 2.0
    return losses, log_q, radii


@pytest.mark.parametrize("dtype", thinned([np.float32, np.float64], [np.float32, np.float64]))
def test_the_worst_case_is_the_textbooks(dtype: Any) -> None:
    eps = float(np.finfo(dtype).eps)
    with jax.enable_x64(dtype == np.float64), jax.debug_nans(True):
        losses, log_q, radii = (one.astype(dtype) for one in rows(0))

        def value(losses, radius, log_q):
            return geometry.kl_ball_maximum(losses, radius=radius, logits_q=log_q).value.sum()

        found, slopes = jax.jit(
            lambda *args: (
                geometry.kl_ball_maximum(args[0], radius=args[1], logits_q=args[2]),
                jax.grad(value, (0, 1, 2))(*args),
            )
        )(losses, radii, log_q)
    assert found.value.dtype == found.log_p.dtype == found.temperature.dtype == dtype
    with mpmath.workdps(40):
        for at in range(len(radii)):
            s = strength(losses[at], log_q[at], radii[at])
            p, reached = tilt(losses[at], log_q[at], s)
            assert abs(reached - mpf(float(radii[at]))) < mpf(10) ** -20
            inside = log_q[at] > -np.inf
            spread = float(losses[at][inside].max() - losses[at][inside].min())
            exact = mpmath.fsum(a * mpf(float(x)) for a, x in zip(p, losses[at], strict=True) if a)
            size = np.abs(losses[at][inside]).max()
            assert abs(float(mpf(float(found.value[at])) - exact)) <= 8 * eps * size, at
            # A log-probability has the digits of s·loss.
            np.testing.assert_allclose(
                np.exp(np.asarray(found.log_p[at], np.float64)),
                [float(a) for a in p],
                atol=32 * eps * (1 + float(s) * spread),
            )
            np.testing.assert_allclose(found.temperature[at], float(1 / s), rtol=256 * eps)
            in_losses, in_radius, in_q = (np.asarray(one[at], np.float64) for one in slopes)
            np.testing.assert_allclose(in_losses, [float(a) for a in p], atol=32 * eps * (1 + float(s) * spread))
            np.testing.assert_allclose(in_radius, float(1 / s), rtol=256 * eps)
            q = special.softmax(np.asarray(log_q[at], np.float64))
            gap = np.array([float((a - mpf(float(b))) / s) for a, b in zip(p, q, strict=True)])
            np.testing.assert_allclose(in_q, gap, atol=64 * eps * (1 + 1 / float(s)) * np.abs(gap).max() + 1e-300)


def test_it_is_the_best_of_all_distributions_in_the_ball_and_equals_its_dual() -> None:
    losses, log_q, radii = (one[:3] for one in rows(1))
    with jax.enable_x64(True):
        worst = geometry.kl_ball_maximum(losses, radius=radii, logits_q=log_q)
        divergence = logits.kl(worst.log_p, log_q)
        np.testing.assert_allclose(divergence, radii, rtol=1e-9)
        for at, (loss, base, radius) in enumerate(zip(losses, log_q, radii, strict=True)):
            log_base = special.log_softmax(base)

            def dual(log_t, loss=loss, log_base=log_base, radius=radius):
                t = np.exp(log_t)
                return t * radius + t * special.logsumexp(log_base + loss / t)

            least = optimize.minimize_scalar(dual, bounds=(-3, 12), options={"xatol": 1e-10}).fun
            np.testing.assert_allclose(worst.value[at], least, rtol=1e-7)
        nearby = np.asarray(worst.log_p) + 0.01 * np.random.default_rng(2).normal(size=(50, 3, 6))
        inside = np.asarray(logits.kl(nearby, jnp.asarray(log_q)[None])) <= radii
        means = (special.softmax(np.asarray(nearby), -1) * losses).sum(-1)
        assert inside.any()
        assert (means <= np.asarray(worst.value))[inside].all()


def test_the_ends_of_the_radius() -> None:
    losses = jnp.array([1.0, 4.0, 4.0, 2.0])
    log_q = jnp.log(jnp.array([0.4, 0.1, 0.2, 0.3]))

    def value(radius, losses=losses):
        return geometry.kl_ball_maximum(losses, radius=radius, logits_q=log_q)

    none, most = value(0.0), value(float(-np.log(0.3)) + 1e-5)
    np.testing.assert_allclose(none.value, 2.2, rtol=1e-6)
    np.testing.assert_allclose(np.exp(none.log_p), [0.4, 0.1, 0.2, 0.3], rtol=1e-6)
    assert np.isinf(none.temperature)
    np.testing.assert_allclose(np.exp(most.log_p), [0, 1 / 3, 2 / 3, 0], rtol=1e-6)
    assert (most.value, most.temperature) == (4.0, 0.0)
    flat = geometry.kl_ball_maximum(jnp.full(3, 2.0), radius=0.5)
    np.testing.assert_allclose(np.exp(flat.log_p), np.full(3, 1 / 3), rtol=1e-6)
    assert flat.value == 2.0
    for radius, expected in ((0.0, [0.4, 0.1, 0.2, 0.3]), (9.0, [0, 1 / 3, 2 / 3, 0])):
        with jax.debug_nans(True):
            in_losses = jax.grad(lambda x, radius=radius: value(radius, x).value)(losses)
            in_radius = jax.grad(lambda r: value(r).value)(jnp.float32(radius))
            curve = jax.hessian(lambda x, radius=radius: value(radius, x).value)(losses)
        np.testing.assert_allclose(in_losses, expected, rtol=1e-6)
        assert np.isfinite(in_radius)
        assert np.isfinite(curve).all()
    assert np.isnan(geometry.kl_ball_maximum(jnp.array([jnp.nan, 1.0]), radius=0.1).value)
    assert np.isnan(geometry.kl_ball_maximum(jnp.zeros(2), radius=jnp.float32(-1.0)).value)


@pytest.mark.full
def test_second_derivatives_are_those_of_differences() -> None:
    losses, log_q, radii = (one[0] for one in rows(3))

    def value(z):
        return geometry.kl_ball_maximum(z[:6], radius=z[12], logits_q=z[6:12]).value

    with jax.enable_x64(True):
        z = jnp.concatenate([jnp.asarray(losses), jnp.asarray(log_q), jnp.asarray(radii)[None]])
        slope = jax.jit(jax.grad(value))
        curve = jax.jit(jax.hessian(value))(z)
        steps = 1e-5 * np.eye(13)
        differences = np.stack([(slope(z + step) - slope(z - step)) / 2e-5 for step in steps])
        np.testing.assert_allclose(curve, differences, atol=1e-8)
        np.testing.assert_allclose(curve, curve.T, atol=1e-12)
        strength_slope = jax.jit(
            jax.jacrev(lambda z: geometry.kl_ball_maximum(z[:6], radius=z[12], logits_q=z[6:12]).log_p)
        )(z)
        tilted = jax.jit(lambda z: geometry.kl_ball_maximum(z[:6], radius=z[12], logits_q=z[6:12]).log_p)
        differences = np.stack([(tilted(z + step) - tilted(z - step)) / 2e-5 for step in steps], 1)
        np.testing.assert_allclose(strength_slope, differences, atol=1e-8)


def test_axes_masks_and_broadcasting() -> None:
    losses, log_q, _ = (one[:2].astype(np.float32) for one in rows(4))
    whole = geometry.kl_ball_maximum(losses, radius=0.2, logits_q=log_q)
    turned = geometry.kl_ball_maximum(losses.T, radius=0.2, logits_q=log_q.T, axis=0)
    np.testing.assert_array_equal(whole.value, turned.value)
    np.testing.assert_array_equal(whole.log_p, turned.log_p.T)
    where = np.array([True, True, False, True, False, True])
    masked = geometry.kl_ball_maximum(losses, radius=jnp.array([0.2, 0.4]), logits_q=log_q[:1], where=where)
    for at, radius in enumerate((0.2, 0.4)):
        alone = geometry.kl_ball_maximum(losses[at, where], radius=radius, logits_q=log_q[0, where])
        np.testing.assert_allclose(masked.value[at], alone.value, rtol=1e-6)
        np.testing.assert_allclose(masked.log_p[at, where], alone.log_p, rtol=1e-5)
    assert (masked.log_p[:, ~where] == -np.inf).all()
    mapped = jax.vmap(lambda x, b: geometry.kl_ball_maximum(x, radius=0.2, logits_q=b).value)(losses, log_q)
    np.testing.assert_allclose(mapped, whole.value, rtol=1e-6)
    half = geometry.kl_ball_maximum(losses.astype(jnp.bfloat16), radius=0.2)
    assert half.value.dtype == jnp.float32


# --- the projection ---------------------------------------------------------------------------------------------


def test_a_projection_lies_on_the_boundary_and_nothing_in_the_ball_is_nearer() -> None:
    rng = np.random.default_rng(5)
    a, b = 3 * rng.normal(size=(4, 5)), rng.normal(size=(4, 5))
    radii = np.array([0.05, 0.4, 1e-6, 50.0])
    with jax.enable_x64(True):
        log_r = geometry.kl_ball_projection(a, b, radius=radii)
        np.testing.assert_allclose(logits.kl(log_r, b)[:3], radii[:3], rtol=1e-8)
        np.testing.assert_allclose(log_r[3], special.log_softmax(a[3]), rtol=1e-14)
        # Optimality: KL(s‖p) ≥ KL(s‖r) + KL(r‖p) for every s of the ball (Csiszár's inequality).
        others = np.asarray(log_r)[:3] + rng.normal(size=(400, 3, 5)) * rng.choice([0.003, 0.1, 1.0], size=(400, 1, 1))
        inside = np.asarray(logits.kl(others, jnp.asarray(b[:3])[None])) <= radii[:3]
        direct = logits.kl(others, jnp.asarray(a[:3])[None])
        through = logits.kl(others, log_r[None, :3]) + logits.kl(log_r[:3], a[:3])[None]
        assert inside.sum(0).min() > 5
        assert np.asarray(direct >= through - 1e-12)[inside].all()
        # r ∝ pʷq¹⁻ʷ: log r - log q is a multiple of log p - log q, up to a constant.
        centred = [np.asarray(x) - np.asarray(x).mean(-1, keepdims=True) for x in (log_r - b, a - b)]
        weights = (centred[0] * centred[1]).sum(-1) / (centred[1] ** 2).sum(-1)
        np.testing.assert_allclose(centred[0], weights[:, None] * centred[1], atol=1e-12)
        assert ((weights > 0) & (weights <= 1 + 1e-12)).all()

        def flat(z):
            return geometry.kl_ball_projection(z[:5], z[5:10], radius=z[10])

        z, steps = np.concatenate([a[0], b[0], radii[:1]]), 1e-6 * np.eye(11)
        found, value = jax.jit(jax.jacrev(flat))(z), jax.jit(flat)
        differences = np.stack([(value(z + step) - value(z - step)) / 2e-6 for step in steps], 1)
        np.testing.assert_allclose(found, differences, atol=1e-7)


def test_what_is_excluded_stays_excluded() -> None:
    a = jnp.log(jnp.array([0.5, 0.5, 0.0, 0.0]))
    b = jnp.log(jnp.array([0.0, 0.25, 0.25, 0.5]))
    least = float(-np.log(0.25))  # all of r on the second outcome
    far = geometry.kl_ball_projection(a, b, radius=least + 0.1)
    np.testing.assert_array_equal(np.exp(far), [0, 1, 0, 0])
    assert np.isnan(geometry.kl_ball_projection(a, b, radius=least - 0.1)).all()
    # Without an outcome that q has, r must leave a share of q behind.
    p, q = jnp.log(jnp.array([0.9, 0.1, 0.0])), jnp.log(jnp.array([0.4, 0.5, 0.1]))
    some = geometry.kl_ball_projection(p, q, radius=0.2)
    np.testing.assert_allclose(logits.kl(some, q), 0.2, rtol=1e-5)
    assert some[2] == -np.inf
    np.testing.assert_allclose(np.exp(geometry.kl_ball_projection(p, p, radius=0.0)), np.exp(p), rtol=1e-6)
    with jax.debug_nans(True):
        slope = jax.grad(lambda p: jnp.exp(geometry.kl_ball_projection(p, q, radius=0.2))[0])(p)
    assert np.isfinite(slope).all()
    assert slope[2] == 0.0


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: geometry.kl_ball_maximum([1, 2], radius=0.1), TypeError, "losses must have a floating-point dtype"),
        (lambda: geometry.kl_ball_maximum(jnp.ones(2), radius=-0.1), ValueError, "radius must lie in"),
        (lambda: geometry.kl_ball_maximum(jnp.ones(0), radius=0.1), ValueError, "at least one outcome"),
        (
            lambda: geometry.kl_ball_maximum(jnp.ones((3, 2)), radius=jnp.ones(2)),
            ValueError,
            r"radius must broadcast to the batch \(3,\); got shape \(2,\)",
        ),
        (
            lambda: geometry.kl_ball_maximum(jnp.ones(2), radius=0.1, logits_q=jnp.ones(3)),
            ValueError,
            "The shapes of losses and logits_q must broadcast",
        ),
        (lambda: geometry.kl_ball_projection(jnp.ones(2), "q", radius=0.1), TypeError, "logits_q must be"),
        (lambda: geometry.kl_ball_projection(jnp.ones(2), jnp.ones(2), radius="r"), TypeError, "radius must be"),
    ],
)
def test_bad_input_is_named(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()


def test_the_ends_of_a_projection_are_the_rows_themselves() -> None:
    draws = np.random.default_rng(5).standard_normal((2, 200, 7)).astype(np.float32)
    p, q = jnp.asarray(draws[0]), jnp.asarray(draws[1])
    at_q = geometry.kl_ball_projection(p, q, radius=0.0)
    np.testing.assert_allclose(at_q, jax.nn.log_softmax(q), rtol=1e-6, atol=1e-6)  # for rows whose sum is 1 - eps too
    np.testing.assert_allclose(
        geometry.kl_ball_projection(p, q, radius=50.0), jax.nn.log_softmax(p), rtol=1e-6, atol=1e-6
    )


def test_the_gradient_in_q_of_a_small_ball_keeps_its_digits() -> None:
    # p - q is some 1e-6 there, t some 1e6.
    losses, logits_q = np.random.default_rng(6).standard_normal((2, 5))

    def slope(dtype: Any) -> Any:
        x, y = jnp.asarray(losses, dtype), jnp.asarray(logits_q, dtype)
        return jax.grad(lambda z: geometry.kl_ball_maximum(x, radius=1e-12, logits_q=z).value)(y)

    found = np.asarray(slope(jnp.float32))
    with jax.enable_x64(True):
        np.testing.assert_allclose(found, slope(jnp.float64), rtol=1e-4, atol=1e-5)
