"""What a fit returns: q, how good it is, and how it was found."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from kljax.divergences import Estimate
from kljax.variational._guides import Guide, Params
from kljax.variational._psis import ParetoSmoothed, pareto_smoothed
from kljax.variational._summary import summary


class Seconds(NamedTuple):
    """Wall-clock time: tracing and compiling, and running."""

    compiling: float
    running: float


class Moments(NamedTuple):
    """Means and variances of the latent's coordinates, each in the structure of a latent."""

    mean: Any
    variance: Any


@dataclasses.dataclass(frozen=True)
class FitResult:
    """q and what is known of it; a pytree, so that fits can be mapped over problems.

    Attributes:
        guide: The family.
        objective: What was maximised, in words.
        params: The parameters of q.
        points: Draws of q that no step has seen, [S, ...], by which q is judged.
        log_weights: log p̃ - log q at them, [S].
        trace: The objective at each step; NaN for steps not taken. For the natural steps of a Gaussian it is on the
            fixed draws of the best start.
        steps: Steps taken.
        gradients: Gradients of the target that were formed.
        nonfinite: Steps that were skipped or taken back because something was not finite.
        converged: Whether the fit ended by itself rather than by the number of steps.
        seconds: Time for compiling and running; None under ``jit``.
        interrupted: Whether the fit was cut off by hand (Ctrl-C); q is then as good as it had become.
    """

    guide: Guide
    objective: str
    params: Params
    points: Any
    log_weights: jax.Array
    trace: jax.Array
    steps: jax.Array
    gradients: jax.Array
    nonfinite: jax.Array
    converged: jax.Array
    seconds: Seconds | None
    interrupted: bool = False

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> Any:
        """Independent latents of q, with leading axes ``shape``."""
        return self.guide.sample(self.params, key, (shape,) if isinstance(shape, int) else tuple(shape))

    def log_prob(self, x: Any) -> jax.Array:
        """log q(x) of a latent with any leading axes, which the result has too."""
        points = self.guide.to_point(x)
        one = jax.tree.map(lambda leaf: leaf[0], self.points)
        axes = [
            jnp.ndim(leaf) - jnp.ndim(like) for leaf, like in zip(*map(jax.tree.leaves, (points, one)), strict=True)
        ]
        if len(set(axes)) != 1 or axes[0] < 0:
            raise ValueError("x must be a latent of this guide, all of its leaves with the same leading axes.")
        batch = jnp.shape(jax.tree.leaves(points)[0])[: axes[0]]
        flat = jax.tree.map(lambda leaf: jnp.reshape(leaf, (-1, *jnp.shape(leaf)[axes[0] :])), points)
        return jax.vmap(lambda point: self.guide.log_prob(self.params, point))(flat).reshape(batch)

    @property
    def elbo(self) -> Estimate:
        """E_q[log p̃ - log q] ± its standard error, from the fresh draws; log Z less it is KL(q‖p)."""
        return _estimate(self.log_weights, of_evidence=False)

    @property
    def log_normalizer(self) -> Estimate:
        """log Z by importance sampling from q, log mean p̃/q; to be trusted where ``khat`` is below 0.7."""
        return _estimate(self.log_weights, of_evidence=True)

    @property
    def smoothed(self) -> ParetoSmoothed:
        """The Pareto-smoothed importance weights of the fresh draws, with k̂."""
        return pareto_smoothed(self.log_weights)

    @property
    def khat(self) -> jax.Array:
        """k̂ of the importance weights: below 0.5 q is good, above 0.7 it misses what matters of p."""
        return self.smoothed.khat

    def moments(self) -> Moments:
        """Mean and variance of every coordinate under p, from q's draws with smoothed importance weights."""
        weights = jnp.exp(self.smoothed.log_weights)
        latents = self.guide.to_latent(self.points)

        def mean(leaf: jax.Array) -> jax.Array:
            return jnp.tensordot(weights.astype(leaf.dtype), leaf, 1)

        centre = jax.tree.map(mean, latents)
        return Moments(centre, jax.tree.map(lambda leaf, at: mean(jnp.square(leaf - at[None])), latents, centre))

    @property
    def mean(self) -> Any:
        """The mean of every coordinate under q, in the structure of a latent; under p it is ``moments().mean``."""
        return jax.tree.map(lambda leaf: leaf.mean(0), self.guide.to_latent(self.points))

    @property
    def stddev(self) -> Any:
        """The standard deviation of every coordinate under q, in the structure of a latent."""
        return jax.tree.map(lambda leaf: leaf.std(0, ddof=1), self.guide.to_latent(self.points))

    def quantile(self, probability: ArrayLike) -> Any:
        """The quantiles of every coordinate under q, in the structure of a latent, behind the axes of ``probability``.

        They are those of the fresh draws, so that 4096 draws know the 5 % quantile to about 0.03 standard deviations.
        """
        levels = jnp.asarray(probability, jnp.result_type(float))
        return jax.tree.map(lambda leaf: jnp.quantile(leaf, levels, axis=0), self.guide.to_latent(self.points))

    def summary(self) -> str:
        """A table of the coordinates, in words and numbers, for printing; the verdict stands below it.

        Mean, standard deviation and quantiles are those of q. Where k̂ < 0.7 the mean and standard deviation of p, by
        smoothed importance weights, stand beside them.
        """
        return summary(self)

    @property
    def verdict(self) -> str:
        """What to think of this fit, in words."""
        log_w = np.asarray(self.log_weights, np.float64)
        if not np.isfinite(log_w).any():
            return (
                "The fit failed: the target was not finite at any draw of q. Check the log-density where the fit "
                "began, or begin elsewhere (init=)."
            )
        parts = []
        if self.interrupted:
            parts.append(
                f"The fit was interrupted after {int(self.steps)} steps; to go on, call it again with the same "
                "checkpoint=, or with init=result.mean."
            )
        if not np.isfinite(log_w).all():
            parts.append(
                f"The target is not finite at {np.mean(~np.isfinite(log_w)):.2%} of q's draws; transform bounded "
                "variables to the real line."
            )
        if int(self.nonfinite) > 0.2 * max(int(self.steps), 1):
            parts.append(f"{int(self.nonfinite)} steps met values that were not finite and were taken back.")
        if self.guide.mode and not bool(self.converged):
            parts.append("No mode was found: the density may have none in these coordinates.")
        elif not bool(self.converged) and not self.interrupted:
            parts.append(f"The fit was still improving after {int(self.steps)} steps: give it more (steps=).")
        khat = float(self.khat)
        spread = float(np.std(log_w[np.isfinite(log_w)]))
        if khat < 0.5:
            parts.append(f"q is close to the target (k̂ = {khat:.2f}): its draws can be used as they are.")
        elif khat < 0.7:
            parts.append(
                f"q is near the target (k̂ = {khat:.2f}): use importance weights (moments(), smoothed) where it matters."
            )
        elif spread < 0.5:
            parts.append(
                f"q is close to the target (log p/q varies by ±{spread:.2g} nats over q), but its tails are too light "
                f"(k̂ = {khat:.2f}): use its draws as they are, and do not trust importance weights."
            )
        else:
            parts.append(
                f"This family is too small for this target (k̂ = {khat:.2f}, and log p/q varies by ±{spread:.2g} nats "
                f"over q): {self.guide.name} cannot represent it. Try {self.guide.advice}."
            )
        return " ".join(parts)

    def __repr__(self) -> str:
        if isinstance(self.log_weights, jax.core.Tracer) or np.ndim(self.log_weights) != 1:
            return f"<fit of {self.guide.name}>"
        elbo = self.elbo
        return (
            f"<fit of {self.guide.name}: ELBO {float(elbo.value):.3f} ± {float(elbo.stderr):.3f}, "
            f"k̂ {float(self.khat):.2f}, {int(self.steps)} steps>\n{self.verdict}"
        )


def _estimate(log_weights: jax.Array, *, of_evidence: bool) -> Estimate:
    """The mean of the log-weights, or the logarithm of the mean weight by the delta method; NumPy's outside ``jit``."""
    xp: Any = jnp if isinstance(log_weights, jax.core.Tracer) else np
    with np.errstate(all="ignore"):
        values = xp.asarray(log_weights)
        top = values.max()
        weights = xp.exp(values - top)
        ess = xp.square(weights.sum()) / xp.square(weights).sum()
        terms = weights / weights.mean() if of_evidence else values
        value = top + xp.log(weights.mean()) if of_evidence else values.mean()
        spread = xp.where(xp.isfinite(value), terms.std(ddof=1) / math.sqrt(values.shape[0]), 0.0)
    return Estimate(*(jnp.asarray(one, log_weights.dtype) for one in (value, spread, ess)))


jax.tree_util.register_dataclass(
    FitResult,
    data_fields=[
        "params",
        "points",
        "log_weights",
        "trace",
        "steps",
        "gradients",
        "nonfinite",
        "converged",
        "seconds",
    ],
    meta_fields=["guide", "objective", "interrupted"],
)
