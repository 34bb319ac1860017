"""What other packages of kljax may use of ``kljax.families`` besides its public names."""

from __future__ import annotations

from kljax.families import _integrals as integrals
from kljax.families import _log_draws as logs
from kljax.families import _truncated_normal as truncated_normal
from kljax.families._binomial import trials_of
from kljax.families._categorical import outcome_chances, outcome_log_chances
from kljax.families._chi2 import as_gamma
from kljax.families._continuous_bernoulli import log_norm
from kljax.families._covariances import Cholesky, Covariance, Diagonal, LowRank, Precision, core, explained
from kljax.families._dirichlet_multinomial import over_counts
from kljax.families._discrete import is_discrete
from kljax.families._discrete_uniform import number_of_integers
from kljax.families._equal_points import runs
from kljax.families._gumbel import EULER
from kljax.families._kumaraswamy import LogarithmRule, logarithms
from kljax.families._lkj import beta_shapes
from kljax.families._logarithmic import logarithmic_variance
from kljax.families._logit_normal import interval_logit
from kljax.families._matrices import (
    adjoint,
    cholesky,
    congruent,
    diagonal,
    embedded,
    hermitian,
    identity,
    log_det,
    log_det_excess,
    multiply,
    norm_squared,
    solve_lower,
    solve_upper,
)
from kljax.families._mixture import mixed
from kljax.families._moments import ROWS, Moments, Row, from_moments, from_samples
from kljax.families._negative_binomial import successes
from kljax.families._one_probability import chances, logit, row
from kljax.families._padding import padded
from kljax.families._record import (
    FAMILIES,
    aligned,
    along,
    batch_shape,
    broadcast,
    dtype_of,
    expanded,
    filled,
    free,
    inner_records,
    is_family,
    is_record,
    parameters,
    static,
)
from kljax.families._sphere import bessel_order, norm

__all__ = [
    "EULER",
    "FAMILIES",
    "ROWS",
    "Cholesky",
    "Covariance",
    "Diagonal",
    "LogarithmRule",
    "LowRank",
    "Moments",
    "Precision",
    "Row",
    "adjoint",
    "aligned",
    "along",
    "as_gamma",
    "batch_shape",
    "bessel_order",
    "beta_shapes",
    "broadcast",
    "chances",
    "cholesky",
    "congruent",
    "core",
    "diagonal",
    "dtype_of",
    "embedded",
    "expanded",
    "explained",
    "filled",
    "free",
    "from_moments",
    "from_samples",
    "hermitian",
    "identity",
    "inner_records",
    "integrals",
    "interval_logit",
    "is_discrete",
    "is_family",
    "is_record",
    "log_det",
    "log_det_excess",
    "log_norm",
    "logarithmic_variance",
    "logarithms",
    "logit",
    "logs",
    "mixed",
    "multiply",
    "norm",
    "norm_squared",
    "number_of_integers",
    "outcome_chances",
    "outcome_log_chances",
    "over_counts",
    "padded",
    "parameters",
    "row",
    "runs",
    "solve_lower",
    "solve_upper",
    "static",
    "successes",
    "trials_of",
    "truncated_normal",
]
