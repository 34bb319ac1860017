"""What ``kljax.plot`` draws: the numbers in the artists are those of textbook formulas, the words say what they are.

Figures are made without pyplot, except where the test is of pyplot.
"""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import jax.numpy as jnp
import matplotlib
import numpy as np
import pytest
from scipy import special, stats

import kljax
from kljax import generators, plot
from kljax.families import Exponential, MultivariateNormal, Normal, Poisson, Uniform, Weibull

canvas = importlib.import_module("kljax.plot._canvas")
regions = importlib.import_module("kljax.plot._regions")
EPS32 = 2.0**-23
P, Q = [0.5, 0.3, 0.2, 0.0], [0.25, 0.25, 0.1, 0.4]
COST = special.rel_entr(P, Q) - P + Q  # Σ is KL


@pytest.fixture
def ax():
    return plot.figure().subplots()


def drawn(ax) -> None:
    """Renders, so that what matplotlib only meets then, a bad colour, say, is met."""
    ax.figure.draw_without_rendering()


def label_of(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


# --- a pair ---------------------------------------------------------------------------------------------------


def test_two_densities_and_the_area_between_axis_and_shade_is_the_divergence(ax):
    assert plot.divergence(Normal(0.0, 1.0), Normal(1.0, 1.5), ax=ax) is ax
    lines = {line.get_label(): line.get_xydata() for line in ax.get_lines()}
    for name, truth in (("p", stats.norm(0.0, 1.0)), ("q", stats.norm(1.0, 1.5))):
        np.testing.assert_allclose(lines[name][:, 1], truth.pdf(lines[name][:, 0]), rtol=64 * EPS32)
    x = lines["p"][:, 0]
    p, q = stats.norm.pdf(x), stats.norm.pdf(x, 1.0, 1.5)
    (shade,) = ax.collections
    heights = shade.get_paths()[0].vertices
    below = np.interp(x, *heights[heights[:, 1] > 0][np.argsort(heights[heights[:, 1] > 0][:, 0])].T)
    np.testing.assert_allclose(below, special.rel_entr(p, q) - p + q, atol=1e-6)
    # In closed form log 1.5 + (1 + 1)/(2·1.5²) - ½; some thousandths of the mass lie outside of the figure.
    truth = np.log(1.5) + 2 / 4.5 - 0.5
    assert np.trapezoid(below, x) == pytest.approx(truth, rel=0.01)
    assert ax.get_title() == f"KL(p‖q) = {truth:.3g} nats"
    assert label_of(ax) == ["what each place adds", "p", "q"]
    drawn(ax)


def test_the_direction_is_that_of_the_generator(ax):
    plot.divergence(Normal(0.0, 1.0), Normal(1.0, 1.5), generators.reverse_kl, names=("now", "then"), ax=ax)
    assert ax.get_title() == f"KL(then‖now) = {-np.log(1.5) + (2.25 + 1) / 2 - 0.5:.3g} nats"
    assert label_of(ax)[1:] == ["now", "then"]


def test_what_q_misses_is_hatched_and_the_divergence_is_infinite(ax):
    plot.divergence(Uniform(0.0, 2.0), Uniform(0.0, 1.0), ax=ax)
    assert ax.get_title() == "KL(p‖q) = ∞"
    shade, hatched = ax.collections
    assert hatched.get_hatch()
    outside = hatched.get_paths()[0].vertices[:, 0]
    assert outside.min() == pytest.approx(1.0, abs=0.01)
    assert outside.max() == pytest.approx(2.0, abs=1e-6)
    inside = shade.get_paths()[0].vertices
    assert inside[:, 0].max() <= 1.01
    # Inside p = ½ and q = 1: ½ log ½ + ½ nats per unit.
    assert inside[:, 1].max() == pytest.approx(0.5 * np.log(0.5) + 0.5, rel=1e-5)
    drawn(ax)


def test_a_density_that_is_infinite_at_an_end_leaves_the_rest_to_be_seen(ax):
    plot.divergence(Weibull(1.0, 1.0), Weibull(0.5, 1.0), ax=ax)
    assert 1.0 < ax.get_ylim()[1] < 15.0
    assert ax.get_xlim()[0] == 0.0
    drawn(ax)


def test_a_narrow_density_beside_a_broad_one_keeps_its_peak(ax):
    plot.divergence(Normal(0.0, 1e-3), Normal(0.0, 1.0), ax=ax)
    peak = max(line.get_ydata().max() for line in ax.get_lines())
    assert peak == pytest.approx(1e3 / np.sqrt(2 * np.pi), rel=1e-3)


def test_outcomes_are_bars_of_p_of_q_and_of_what_each_adds(ax):
    plot.divergence(P, Q, labels=["one", "two", "three", "four"], ax=ax)
    heights = [[bar.get_height() for bar in group] for group in ax.containers]
    np.testing.assert_allclose(heights, [P, Q, COST], rtol=1e-5, atol=1e-7)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["one", "two", "three", "four"]
    assert ax.get_title() == f"KL(p‖q) = {COST.sum():.3g} nats"
    drawn(ax)


def test_an_outcome_that_q_misses_has_a_hatched_bar(ax):
    plot.divergence([0.5, 0.5], [1.0, 0.0], ax=ax)
    (hatched,) = [group for group in ax.containers if group.get_label() == "costs infinitely much"]
    assert [bar.get_x() + bar.get_width() / 2 for bar in hatched] == [pytest.approx(1.27)]
    assert "∞" in ax.get_title()


def test_many_outcomes_are_steps(ax):
    plot.divergence(Poisson(30.0), Poisson(40.0), ax=ax)
    first = ax.get_lines()[0]
    np.testing.assert_allclose(first.get_ydata(), stats.poisson(30.0).pmf(first.get_xdata()), rtol=1e-4)
    assert not ax.containers
    drawn(ax)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "says"),
    [
        (([0.5, 0.5], Normal(0.0, 1.0)), {}, TypeError, "both be distributions"),
        (([0.5, 0.5], [0.2, 0.3, 0.5]), {}, ValueError, "broadcast|same outcomes"),
        (([[0.5, 0.5]], [[0.5, 0.5]]), {}, ValueError, "one pair at a time"),
        ((Normal(jnp.zeros(2), 1.0), Normal(0.0, 1.0)), {}, ValueError, "single distributions"),
        ((MultivariateNormal.from_diagonal(jnp.zeros(2), jnp.ones(2)),) * 2, {}, ValueError, "of one number"),
        ((Normal(0.0, 1.0), Poisson(3.0)), {}, ValueError, "both on the line"),
        (([0.5, 0.5], [0.5, 0.5]), {"labels": ["a"]}, ValueError, "labels must name the 2"),
        (([0.5, 0.5], [0.5, 0.5]), {"x": [0.0]}, TypeError, "labels="),
        (([0.5, 0.5], [0.5, 0.5]), {"names": "pq"}, TypeError, "two strings"),
        (([0.5, 0.5], [0.5, 0.5]), {"ax": "figure"}, TypeError, "ax must be axes"),
        (([0.5, 0.5], [0.5, 0.5], "kl"), {}, TypeError, "generator must be"),
        (([5, 5], [5, 5]), {}, TypeError, "counts"),
    ],
)
def test_what_cannot_be_drawn_is_answered_by_what_can(arguments, options, error, says):
    with pytest.raises(error, match=says):
        plot.divergence(*arguments, **{"ax": plot.figure().subplots(), **options})


def test_the_outcomes_that_carry_most(ax):
    plot.outcomes(P, Q, labels=["one", "two", "three", "four"], count=2, ax=ax)
    order = np.argsort(-COST)
    (bars,) = ax.containers
    expected = [*COST[order[:2]], COST[order[2:]].sum()]
    np.testing.assert_allclose([bar.get_width() for bar in bars], expected, rtol=1e-5)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["four", "one", "2 others"]
    assert [text.get_text() for text in ax.texts] == ["p 0, q 0.4", "p 0.5, q 0.25", "p 0.5, q 0.35"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the greatest on top
    assert sum(bar.get_width() for bar in bars) == pytest.approx(COST.sum(), rel=1e-5)
    drawn(ax)


def test_outcomes_of_infinite_cost_come_first_and_say_so(ax):
    plot.outcomes([0.1, 0.9, 0.0], [0.0, 0.5, 0.5], ax=ax)
    assert ax.get_yticklabels()[0].get_text() == "0"
    assert ax.texts[0].get_text().startswith("∞")
    with pytest.raises(ValueError, match="densities"):
        plot.outcomes(Normal(0.0, 1.0), Normal(1.0, 1.0))
    with pytest.raises(ValueError, match="count"):
        plot.outcomes(P, Q, count=0)


def test_a_column_of_a_comparison(ax):
    before, now = ["a"] * 30 + ["b"] * 70, ["a"] * 60 + ["b"] * 40
    found = kljax.tables.compare({"letter": before}, {"letter": now}).column("letter")
    plot.column(found, ax=ax)
    shares = dict(zip([text.get_text() for text in ax.get_xticklabels()], ax.containers[0], strict=True))
    assert shares["a"].get_height() == pytest.approx(0.6)
    assert sum(bar.get_height() for bar in ax.containers[2]) == pytest.approx(
        sum(special.rel_entr([0.6, 0.4], [30.5 / 101, 70.5 / 101])), rel=1e-6
    )
    assert ax.get_title() == "letter: different"
    with pytest.raises(TypeError, match=r"report\.column"):
        plot.column({"a": 1})


# --- generators -----------------------------------------------------------------------------------------------

CURVES = {
    "kl": (generators.kl, lambda u: u * np.log(u) - u + 1, 1.0, "f(0) = 1, f(u)/u → ∞"),
    "reverse": (generators.reverse_kl, lambda u: -np.log(u) + u - 1, 1.0, "f(0) = ∞, f(u)/u → 1"),
    "pearson": (generators.pearson, lambda u: (u - 1) ** 2, 2.0, "f(0) = 1, f(u)/u → ∞"),
    "hellinger": (generators.squared_hellinger, lambda u: (np.sqrt(u) - 1) ** 2 / 2, 0.25, "f(0) = 0.5, f(u)/u → 0.5"),
}


@pytest.mark.parametrize("name", CURVES)
def test_a_generator_and_the_parabola_that_touches_it(name, ax):
    f, formula, bend, limits = CURVES[name]
    plot.generator(f, ax=ax)
    curve, parabola = ax.get_lines()
    u = curve.get_xdata()
    np.testing.assert_allclose(curve.get_ydata(), formula(u), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(parabola.get_ydata(), 0.5 * bend * (u - 1) ** 2, rtol=1e-4, atol=1e-9)
    assert curve.get_label() == f"f(u): {limits}"
    assert parabola.get_label().endswith(f"f″(1) = {bend:.3g}")
    drawn(ax)


def test_a_corner_has_no_parabola(ax):
    plot.generator(generators.total_variation, ax=ax)
    assert "no f″(1)" in ax.get_lines()[1].get_label()
    with pytest.raises(TypeError, match="from_function"):
        plot.generator(lambda u: u)
    with pytest.raises(TypeError, match="from_function"):
        plot.conjugate("kl")


def test_a_conjugate_lies_above_the_line_that_it_touches(ax):
    plot.conjugate(generators.kl, ax=ax)
    curve, line = ax.get_lines()
    t = curve.get_xdata()
    np.testing.assert_allclose(curve.get_ydata(), np.expm1(t), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(line.get_xdata(), line.get_ydata())
    assert t.min() < 0 < t.max()


def test_where_a_conjugate_ends(ax):
    plot.conjugate(generators.jensen_shannon(), ax=ax)
    curve, _, end = ax.get_lines()
    t = curve.get_xdata()
    np.testing.assert_allclose(curve.get_ydata(), -0.5 * np.log(2 - np.exp(2 * t)), rtol=1e-3, atol=1e-5)
    assert end.get_xdata()[0] == pytest.approx(np.log(2) / 2)
    assert ax.get_xlim()[1] > np.log(2) / 2
    drawn(ax)


# --- regions --------------------------------------------------------------------------------------------------


def outlines(ax) -> list[np.ndarray]:
    return [path.vertices for path in ax.collections[-1].get_paths()]


def test_the_regions_of_a_normal_density_are_circles(ax):
    plot.region(lambda x: -0.5 * x @ x, within=((-5.0, 5.0), (-5.0, 5.0)), ax=ax)
    # In two dimensions a share s lies within √(-2 log(1 - s)); the outer one comes first.
    for vertices, share in zip(outlines(ax), (0.9, 0.5), strict=True):
        np.testing.assert_allclose(np.hypot(*vertices.T), np.sqrt(-2 * np.log(1 - share)), rtol=0.01)


def test_draws_are_smoothed_and_weights_count(ax):
    rng = np.random.default_rng(0)
    draws = rng.uniform(-4.0, 4.0, (60_000, 2))
    weights = np.exp(-0.5 * (draws**2).sum(1))
    plot.region(draws, weights=weights, shares=(0.5,), ax=ax, label="half", fill=True)
    (vertices,) = outlines(ax)
    np.testing.assert_allclose(np.hypot(*vertices.T), np.sqrt(2 * np.log(2)), rtol=0.12)
    assert label_of(ax) == ["half"]


def test_a_smoothed_density_is_that_of_the_draws():
    x = np.random.default_rng(1).standard_normal((50_000, 1))
    (middles,), density = regions.density_of_draws(x, None, [(-4.0, 4.0)])
    np.testing.assert_allclose(density, stats.norm.pdf(middles), atol=0.015)
    # What lies beyond the window neither vanishes at its ends nor is folded back.
    (middles,), density = regions.density_of_draws(x, None, [(0.0, 1.0)])
    np.testing.assert_allclose(density, stats.norm.pdf(middles), atol=0.02)


def test_levels_hold_their_shares():
    density = np.array([[4.0, 3.0], [2.0, 1.0]])
    assert regions.levels(density, (0.3, 0.5, 0.95)) == [1.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("source", "options", "error", "says"),
    [
        (lambda x: x @ x, {}, TypeError, "within="),
        (lambda x: x, {"within": ((0, 1), (0, 1))}, ValueError, "one number"),
        (lambda x: -np.inf * x[0], {"within": ((1, 2), (0, 1))}, ValueError, "finite somewhere"),
        (np.zeros((5, 3)), {}, ValueError, "two numbers"),
        (np.zeros((5, 2)), {"weights": -np.ones(5)}, ValueError, "weights"),
        (np.zeros((5, 2)), {"shares": (1.5,)}, ValueError, "shares"),
    ],
)
def test_what_has_no_region(source, options, error, says):
    with pytest.raises(error, match=says):
        plot.region(source, ax=plot.figure().subplots(), **options)


# --- fits -----------------------------------------------------------------------------------------------------


def a_fit(khat: float, draws: np.ndarray, steps: int = 200) -> SimpleNamespace:
    """What the figures read of a ``FitResult``, with weights that say the target is narrower by a half."""
    log_weights = -1.5 * (draws**2).sum(1)
    return SimpleNamespace(
        guide=SimpleNamespace(to_latent=lambda points: points),
        points=draws,
        log_weights=log_weights,
        smoothed=SimpleNamespace(log_weights=log_weights - special.logsumexp(log_weights)),
        khat=khat,
        trace=np.concatenate([-1e3 * np.ones(3), np.linspace(-2.0, -1.0, steps), np.full(9, np.nan)]),
        objective="ELBO (reverse KL)",
        verdict="q is close to the target: its draws can be used as they are.",
    )


@pytest.fixture(scope="module")
def draws():
    return np.random.default_rng(2).standard_normal((40_000, 3))


def test_a_fit_in_three_coordinates_its_loss_and_its_verdict(draws):
    figure = plot.figure(6.0, 6.0)
    axes = plot.fit(a_fit(0.2, draws), figure=figure)
    assert axes.shape == (3, 3)
    assert [one.get_xlabel() for one in axes[-1]] == ["x₁", "x₂", "x₃"]
    assert axes[1, 0].get_ylabel() == "x₂"
    x, density = axes[0, 0].get_lines()[0].get_data()
    np.testing.assert_allclose(density, stats.norm.pdf(x), atol=0.03)
    # The field is q's draws with their weights: of a normal with a quarter of the variance.
    field = axes[0, 0].collections[0].get_paths()[0].vertices
    assert field[:, 1].max() == pytest.approx(2 * stats.norm.pdf(0.0), rel=0.08)
    assert axes[0, -1].get_title() == "Loss"
    assert "q is close to the target" in figure.get_suptitle().replace("\n", " ")
    figure.draw_without_rendering()


def test_a_fit_of_one_number_is_one_panel(draws):
    figure = plot.figure()
    axes = plot.fit(a_fit(0.2, draws), show={"first": lambda v: v[:, 0]}, figure=figure)
    assert axes.shape == (1, 1)
    assert axes[0, 0].get_xlabel() == "first"
    assert [text.get_text() for text in axes[0, 0].get_legend().get_texts()] == [
        "the target, by importance weights",
        "q",
    ]
    figure.draw_without_rendering()


def test_a_bad_fit_has_no_weights_to_draw_the_target_by(draws):
    axes = plot.fit(a_fit(0.9, draws), figure=plot.figure())
    assert not axes[0, 0].collections
    assert [text.get_text() for text in axes[0, 0].get_legend().get_texts()] == ["q"]


def test_several_fits_over_draws_of_the_truth_in_chosen_coordinates(draws):
    both = {"narrow": a_fit(0.55, draws), "other": a_fit(1.2, draws)}
    show = {"sum": lambda v: v[:, 0] + v[:, 1], "first": lambda v: v[:, 0]}
    axes = plot.fit(both, 0.5 * draws, show=show, figure=plot.figure())
    assert axes[1, 0].get_xlabel() == "sum"
    x, density = axes[0, 0].get_lines()[1].get_data()
    np.testing.assert_allclose(density, stats.norm.pdf(x, scale=np.sqrt(2)), atol=0.02)
    field = axes[1, 1].collections[0].get_paths()[0].vertices
    assert field[:, 1].max() == pytest.approx(2 * stats.norm.pdf(0.0), rel=0.05)
    assert [text.get_text() for text in axes[0, 1].get_legend().get_texts()] == [
        "the target",
        "narrow\nk̂ 0.55: near it, weigh the draws",
        "other\nk̂ 1.20: its weights cannot be trusted",
    ]


def test_the_target_of_two_numbers_by_its_log_density(draws):
    figure = plot.figure()
    axes = plot.fit(a_fit(0.9, draws[:, :2]), lambda x: -0.5 * (x[0] ** 2 + (x[1] / 0.5) ** 2), figure=figure)
    field = axes[1, 1].collections[0].get_paths()[0].vertices
    assert field[:, 1].max() == pytest.approx(2 * stats.norm.pdf(0.0), rel=0.02)
    figure.draw_without_rendering()
    with pytest.raises(TypeError, match="two numbers"):
        plot.fit(a_fit(0.9, draws), lambda x: x @ x, figure=plot.figure())
    with pytest.raises(ValueError, match="one number a draw"):
        plot.fit(a_fit(0.9, draws), show={"all": lambda v: v}, figure=plot.figure())
    with pytest.raises(TypeError, match=r"variational\.fit"):
        plot.fit(draws)


def test_the_names_of_latents_are_those_of_their_structure(draws):
    result = a_fit(0.9, draws)
    result.points = {"mu": draws[:, 0], "theta": draws[:, 1:]}
    axes = plot.fit(result, figure=plot.figure())
    assert [one.get_xlabel() for one in axes[-1]] == ["mu", "theta₁", "theta₂"]


def test_a_loss_leaves_out_steps_not_taken_and_the_first_dive(ax, draws):
    plot.loss(a_fit(0.2, draws), ax=ax)
    step, loss = ax.get_lines()[0].get_data()
    assert len(step) == 203
    np.testing.assert_allclose(loss[3:], np.linspace(2.0, 1.0, 200))
    assert ax.get_ylim()[1] < 10.0
    assert ax.get_ylabel() == "−ELBO (reverse KL)"
    with pytest.raises(TypeError, match=r"variational\.fit"):
        plot.loss(draws)


# --- pairs, calibration ---------------------------------------------------------------------------------------


def test_a_matrix_of_pairs_with_its_numbers(ax):
    matrix = np.array([[0.0, 0.5, np.inf], [0.1234, 0.0, 123.4], [2.0, 3e-5, np.nan]])
    plot.pairwise(matrix, names=["a", "b", "c"], ax=ax)
    assert [text.get_text() for text in ax.texts] == ["0", "0.5", "∞", "0.12", "0", "123", "2", "3.0e-05", "NaN"]
    at = {text.get_text(): text.get_position() for text in ax.texts}
    assert at["∞"] == (2.5, 0.5)  # p downwards, q to the right
    assert len([patch for patch in ax.patches if patch.get_hatch()]) == 2
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    for text in ax.texts[:2] + ax.texts[5:6]:  # legible on its cell
        x, y = text.get_position()
        mesh = ax.collections[0]
        cell = mesh.cmap(mesh.norm(matrix[int(y), int(x)]))
        assert canvas.contrast(text.get_color(), cell) >= 4.5
    drawn(ax)


def test_a_large_matrix_has_a_bar_of_colours(ax):
    plot.pairwise(np.ones((20, 30)), ax=ax)
    assert not ax.texts
    assert len(ax.figure.axes) == 2
    drawn(ax)


@pytest.mark.parametrize(
    ("matrix", "options", "says"),
    [(np.ones(3), {}, "two dimensions"), (-np.ones((2, 2)), {}, "none negative"),
     (np.ones((2, 2)), {"names": ["a"]}, "2 names"), (np.ones((2, 3)), {"columns": ["a"]}, "3 names")],
)  # fmt: skip
def test_what_is_no_matrix_of_divergences(matrix, options, says):
    with pytest.raises(ValueError, match=says):
        plot.pairwise(matrix, ax=plot.figure().subplots(), **options)


def test_calibration_shows_bias_spread_and_coverage(ax):
    rng = np.random.default_rng(3)
    found = [
        SimpleNamespace(
            value=1.0 + bias + rng.normal(size=4000) / np.sqrt(n), stderr=np.full(4000, stated / np.sqrt(n))
        )
        for n, bias, stated in ((100, 0.1, 1.0), (400, 0.0, 0.5))
    ]
    plot.calibration((100, 400), found, 1.0, ax=ax)
    spreads = [line.get_ydata() for line in ax.get_lines() if len(line.get_xdata()) == 2][:2]
    np.testing.assert_allclose(spreads[0], 1.1 + 0.196 * np.array([-1, 1]), atol=0.015)
    np.testing.assert_allclose(spreads[1], 1.0 + 0.098 * np.array([-1, 1]), atol=0.01)
    stated = [np.ptp(container[2][0].get_segments()[0][:, 1]) for container in ax.containers[:2]]
    np.testing.assert_allclose(stated, [0.392, 0.098], rtol=1e-3)
    means = [container[0].get_ydata()[0] for container in ax.containers[:2]]
    np.testing.assert_allclose(means, [1.1, 1.0], atol=0.01)
    # A bias of one standard deviation: Φ(0.96) - Φ(-2.96); half the true error: 2 Φ(0.98) - 1.
    shares = [float(text.get_text().rstrip("%")) for text in ax.texts[:2]]
    truth = [stats.norm.cdf(0.96) - stats.norm.cdf(-2.96), 2 * stats.norm.cdf(0.98) - 1]
    np.testing.assert_allclose(shares, 100 * np.array(truth), atol=2.5)
    assert ax.get_xscale() == "log"
    drawn(ax)


def test_what_cannot_be_calibrated():
    one = kljax.Estimate(jnp.zeros(3), jnp.ones(3), jnp.ones(3))
    with pytest.raises(ValueError, match="one entry a size"):
        plot.calibration((1, 2), [one], 0.0)
    with pytest.raises(ValueError, match="increase"):
        plot.calibration((2, 1), [one, one], 0.0)
    with pytest.raises(TypeError, match="value and stderr"):
        plot.calibration((1,), [[1.0, 2.0]], 0.0)
    with pytest.raises(ValueError, match="two repetitions"):
        plot.calibration((1,), [[kljax.Estimate(jnp.zeros(()), jnp.ones(()), jnp.ones(()))]], 0.0)


# --- paper, ink and state -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True])
def test_all_that_is_written_can_be_read(dark):
    figure = plot.figure(dark=dark)
    ax, bars, cells = figure.subplots(1, 3)
    plot.divergence(Exponential(1.0), Exponential(2.0), ax=ax)
    plot.outcomes(P, Q, ax=bars)
    plot.pairwise(np.array([[0.0, np.inf]]), ax=cells)
    paper = canvas.DARK_PAPER if dark else "white"
    texts = [ax.title, ax.yaxis.label, *ax.get_xticklabels(), *ax.get_legend().get_texts(), *bars.texts, cells.texts[1]]
    assert min(canvas.contrast(text.get_color(), paper) for text in texts) >= 4.5
    assert (ax.get_facecolor()[3] == 0.0) == dark  # no white field on dark paper


def test_the_colours_stand_out_from_white_and_from_dark_paper():
    assert min(canvas.contrast(one, paper) for one in plot.COLOURS for paper in ("white", canvas.DARK_PAPER)) >= 3.0
    assert len(set(plot.COLOURS)) == 6


def test_contrast_is_that_of_wcag():
    assert canvas.contrast("black", "white") == pytest.approx(21.0)
    assert canvas.contrast("#767676", "white") == pytest.approx(4.54, abs=0.01)


def test_a_users_own_ink_stays():
    ax = plot.figure().subplots()
    ax.xaxis.label.set_color("#003366")
    plot.divergence(P, Q, ax=ax)
    assert ax.title.get_color() == "#003366"


def test_with_axes_given_neither_pyplot_nor_the_settings_are_touched():
    before = dict(matplotlib.rcParams)
    pyplot = sys.modules.pop("matplotlib.pyplot", None)
    try:
        plot.outcomes([0.5, 0.5], [0.1, 0.9], ax=plot.figure().subplots())
        assert "matplotlib.pyplot" not in sys.modules
    finally:
        if pyplot is not None:
            sys.modules["matplotlib.pyplot"] = pyplot
    assert dict(matplotlib.rcParams) == before


def test_without_axes_a_new_figure_of_pyplot_is_made():
    from matplotlib import pyplot

    backend = matplotlib.get_backend()
    pyplot.switch_backend("agg")
    try:
        first, second = plot.outcomes(P, Q), plot.loss(SimpleNamespace(trace=[-1.0, -0.5], objective="ELBO"))
        assert first.figure is not second.figure
        assert len(pyplot.get_fignums()) == 2
    finally:
        pyplot.close("all")
        pyplot.switch_backend(backend)


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in [one for one in sys.modules if one.startswith("matplotlib.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"pip install 'kljax\[plot\]'"):
        plot.figure()
    with pytest.raises(ImportError, match=r"pip install 'kljax\[plot\]'"):
        plot.pairwise(np.ones((2, 2)))


def test_importing_it_does_not_load_matplotlib():
    for path in Path(plot.__file__).parent.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:  # what runs when the file is imported
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.partition(".")[0] == "matplotlib" for name in names), path.name
