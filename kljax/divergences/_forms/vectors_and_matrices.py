"""KL between two distributions of vectors or matrices."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kljax._special.elementwise import divide, itakura_saito_term, kl_term, log_ratio, relative_gap, x_minus_log1p
from kljax._special.gamma import bregman_phi
from kljax._special.ratios import gap_less_log
from kljax.divergences._forms.covariances import kl_of_scales
from kljax.divergences._forms.half_line import kl_gamma
from kljax.divergences._forms.interval import kl_of_dirichlets
from kljax.divergences._forms.lines import Line, concentrations, summed
from kljax.families import (
    LKJ,
    ComplexNormal,
    InverseWishart,
    MatrixNormal,
    MultivariateNormal,
    NormalGamma,
    NormalInverseWishart,
    Wishart,
)
from kljax.families._internal import (
    beta_shapes,
    cholesky,
    congruent,
    diagonal,
    identity,
    log_det_excess,
    norm_squared,
    solve_lower,
)


def kl_multivariate_normal(p: MultivariateNormal, q: MultivariateNormal) -> jax.Array:
    """½[tr(Σ_q⁻¹Σ_p) - n - log det(Σ_q⁻¹Σ_p)] + ½(μ_p - μ_q)'Σ_q⁻¹(μ_p - μ_q), from what is known of both Σ."""
    shift = q.scale.quadratic((p.loc - q.loc)[..., None])[..., 0]
    return kl_of_scales(p.scale, q.scale) + 0.5 * shift


def kl_complex_normal(p: ComplexNormal, q: ComplexNormal) -> jax.Array:
    """tr(Γ_q⁻¹Γ_p) - n - log det(Γ_q⁻¹Γ_p) + (μ_p - μ_q)†Γ_q⁻¹(μ_p - μ_q)"""
    low = cholesky(q.covariance)
    shift = norm_squared(solve_lower(low, (p.loc - q.loc)[..., None]))
    return log_det_excess(congruent(low, p.covariance - q.covariance)) + shift


def kl_matrix_normal(p: MatrixNormal, q: MatrixNormal) -> jax.Array:
    """Σᵢⱼ ½[(rᵢsⱼ)² - 1] - log rᵢsⱼ + ½[‖R‖²‖S‖² - Σ(rᵢsⱼ)²] + ½‖A_q⁻¹(M_p - M_q)B_q⁻'‖².

    R = A_q⁻¹A_p and S = B_q⁻¹B_p are triangular, with diagonals r and s; their Kronecker product is the factor of p
    in the coordinates where q is standard.
    """
    (r, log_r, below_r), (s, log_s, below_s) = (
        _ratios(getattr(p, name), getattr(q, name)) for name in ("scale_tril_row", "scale_tril_column")
    )
    gap = r[..., :, None] + s[..., None, :] + r[..., :, None] * s[..., None, :]  # rᵢsⱼ - 1
    terms = gap_less_log(gap, log_r[..., :, None] + log_s[..., None, :]) + 0.5 * gap * gap
    on_r, on_s = (jnp.sum(jnp.square(1.0 + one), -1) for one in (r, s))
    below = on_r * below_s + below_r * (on_s + below_s)
    return jnp.sum(terms, (-2, -1)) + 0.5 * (below + q._quadratic(p.loc - q.loc))


def _ratios(p: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """r - 1 and log r for the ratios r of the diagonals, and the square norm of L_q⁻¹L_p below the diagonal."""
    on_p, on_q = diagonal(p), diagonal(q)
    below = jnp.tril(solve_lower(jnp.tril(q), jnp.tril(p - q)), -1)
    return relative_gap(on_p, on_q, on_p - on_q), log_ratio(on_p, on_q), norm_squared(below)


def kl_normal_gamma(p: NormalGamma, q: NormalGamma) -> jax.Array:
    """KL of the gamma distributions + ½H(λ_q, λ_p) + ½λ_q(μ_p - μ_q)²α_p/β_p, H the Itakura–Saito divergence."""
    away = jnp.square(p.loc - q.loc) * q.strength * divide(p.concentration, p.rate)
    spread = itakura_saito_term(q.strength, p.strength)
    return kl_gamma(p.precision(), q.precision()) + 0.5 * spread + 0.5 * away


def kl_wishart(p: Wishart, q: Wishart) -> jax.Array:
    """½ν_q D(ν_p V_p, ν_q V_q) + Σⱼ B_lgamma((ν_q - j)/2; (ν_p - j)/2) - n K(ν_q/2, ν_p/2), D that of log det."""
    return kl_of_wisharts(p.df, q.df, congruent(cholesky(q.scale), p.scale - q.scale))


def kl_of_wisharts(df_p: jax.Array, df_q: jax.Array, s: jax.Array, d: jax.Array | None = None) -> jax.Array:
    """KL of Wishart distributions from the excess S of V_q^-½ V_p V_q^-½ over I; d is ν_q - ν_p if known better."""
    n = s.shape[-1]
    d = df_q - df_p if d is None else d
    by_means = log_det_excess(excess_of_means(df_p, df_q, s, d))
    return 0.5 * df_q * by_means + jnp.sum(_by_counts(n, 0.5 * df_p, 0.5 * df_q, 0.5 * d), -1)


def excess_of_means(df_p: jax.Array, df_q: jax.Array, s: jax.Array, d: jax.Array) -> jax.Array:
    """ν_p/ν_q (I + S) - I, of which neither term cancels where ν_q is far above ν_p and S as large; d = ν_q - ν_p."""
    return divide(df_p, df_q)[..., None, None] * s + relative_gap(df_p, df_q, -d)[..., None, None] * identity(s)


def kl_inverse_wishart(p: InverseWishart, q: InverseWishart) -> jax.Array:
    """That of the inverses, which are Wishart with scales Ψ⁻¹: the eigenvalues of ΨₐΨ_b⁻¹ are all it takes."""
    return kl_of_wisharts(p.df, q.df, congruent(cholesky(p.scale), q.scale - p.scale))


def kl_normal_inverse_wishart(p: NormalInverseWishart, q: NormalInverseWishart) -> jax.Array:
    """KL of the covariances + ½n H(λ_q, λ_p) + ½λ_q ν_p d'Ψ_p⁻¹d, d = μ_p - μ_q, H the Itakura–Saito divergence."""
    n = p.scale.shape[-1]
    away = norm_squared(solve_lower(cholesky(p.scale), (p.loc - q.loc)[..., None]))
    spread = itakura_saito_term(q.strength, p.strength)
    return kl_inverse_wishart(p.covariance(), q.covariance()) + 0.5 * (n * spread + q.strength * p.df * away)


def _beta_pairs(p: LKJ, q: LKJ) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The two parameters of each beta variable of p and of q, [2, n - 1, batch...], and p less q."""
    (a, total), (b, _) = beta_shapes(p), beta_shapes(q)
    rest = total - a
    d = jnp.broadcast_to(p.concentration - q.concentration, a.shape)
    return jnp.stack([a, rest]), jnp.stack([b, rest]), jnp.stack([d, jnp.zeros_like(d)])


def _same_dimension(p: LKJ, q: LKJ) -> None:
    if p.dimension != q.dimension:
        raise ValueError(f"Two LKJ distributions must have one dimension; got {p.dimension:.0f} and {q.dimension:.0f}.")


def kl_lkj(p: LKJ, q: LKJ) -> jax.Array:
    """The sum of KL of the beta variables, Beta(η_p + ½(n - 1 - k), ½k) and the same of q."""
    _same_dimension(p, q)
    a, b, d = _beta_pairs(p, q)
    return kl_of_dirichlets(a, b, -d).sum(0)


def lkj_line(p: LKJ, q: LKJ) -> Line:
    """That of the beta variables, which share η."""
    _same_dimension(p, q)
    a, b, d = (jnp.moveaxis(one, 1, -1) for one in _beta_pairs(p, q))
    return summed(concentrations(a, b, d))


def _by_counts(n: int, x: jax.Array, y: jax.Array, d: jax.Array) -> jax.Array:
    """B_lgamma(y - c; x - c) - K(y, x) = B_φ(y - c; x - c) + K(y - c, x - c) - K(y, x) for c = 0, ½, …, [..., n]."""
    x, y, d = (jnp.broadcast_to(one[..., None], (*one.shape, n)) for one in (x, y, d))
    c = jnp.broadcast_to(0.5 * jnp.arange(n).astype(x.dtype), x.shape)
    low_x, low_y = x - c, y - c
    # For c beside y small: log(y - c)/(x - c) - log y/x = log(1 + r), r = c d/((x - c) y), and what is linear cancels.
    t = divide(d, low_x)
    small = c * x_minus_log1p(t) - y * x_minus_log1p(t * divide(c, y))
    large = kl_term(low_y, low_x) - kl_term(y, x)
    return bregman_phi(low_y, low_x, d) + jnp.where(low_y > c, small, large)


KL = {
    (ComplexNormal, ComplexNormal): kl_complex_normal,
    (InverseWishart, InverseWishart): kl_inverse_wishart,
    (LKJ, LKJ): kl_lkj,
    (MatrixNormal, MatrixNormal): kl_matrix_normal,
    (MultivariateNormal, MultivariateNormal): kl_multivariate_normal,
    (NormalGamma, NormalGamma): kl_normal_gamma,
    (NormalInverseWishart, NormalInverseWishart): kl_normal_inverse_wishart,
    (Wishart, Wishart): kl_wishart,
}
