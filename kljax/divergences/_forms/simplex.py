"""KL between two distributions of probability vectors."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kljax.divergences._forms.interval import kl_beta, kl_of_dirichlets
from kljax.divergences._forms.vectors_and_matrices import kl_multivariate_normal
from kljax.families import Beta, Dirichlet, GeneralizedDirichlet, MultivariateLogitNormal


def kl_dirichlet(p: Dirichlet, q: Dirichlet) -> jax.Array:
    """Σᵢ [K(bᵢ, aᵢ b₀/a₀) + B_φ(bᵢ; aᵢ)] - B_φ(b₀; a₀), a those of p, b those of q, a₀ and b₀ their sums."""
    return kl_of_dirichlets(jnp.moveaxis(p.concentration, -1, 0), jnp.moveaxis(q.concentration, -1, 0))


def kl_beta_dirichlet(p: Beta, q: Dirichlet) -> jax.Array:
    """KL of the probabilities (x, 1 - x), x of the beta distribution, from those of two outcomes."""
    return kl_dirichlet(of_beta(p, q), q)


def kl_dirichlet_beta(p: Dirichlet, q: Beta) -> jax.Array:
    """KL of the first of two probabilities from the beta distribution."""
    return kl_dirichlet(p, of_beta(q, p))


def of_beta(beta: Beta, beside: Dirichlet) -> Dirichlet:
    """The distribution of (x, 1 - x), x that of the beta distribution."""
    if beside.event_shape != (2,):
        raise ValueError(
            f"Beta is a Dirichlet distribution of two outcomes; the other one has {beside.event_shape[0]}."
        )
    return Dirichlet(jnp.stack([beta.concentration1, beta.concentration0], -1))


def kl_generalized_dirichlet(p: GeneralizedDirichlet, q: GeneralizedDirichlet) -> jax.Array:
    """Σ KL(Beta(aᵢ, bᵢ)‖Beta(cᵢ, dᵢ)): the vᵢ are independent and determine x."""
    sticks_p, sticks_q = (Beta(one.concentration1, one.concentration0) for one in (p, q))
    return jnp.sum(kl_beta(sticks_p, sticks_q), -1)


def kl_multivariate_logit_normal(p: MultivariateLogitNormal, q: MultivariateLogitNormal) -> jax.Array:
    """That of the normal distributions, for x and y determine each other."""
    return kl_multivariate_normal(p.normal, q.normal)


KL = {
    (Beta, Dirichlet): kl_beta_dirichlet,
    (Dirichlet, Beta): kl_dirichlet_beta,
    (Dirichlet, Dirichlet): kl_dirichlet,
    (GeneralizedDirichlet, GeneralizedDirichlet): kl_generalized_dirichlet,
    (MultivariateLogitNormal, MultivariateLogitNormal): kl_multivariate_logit_normal,
}
