"""What other packages of kljax may use of ``kljax.generators`` besides its public names."""

from __future__ import annotations

from kljax.generators._forms_in_log_ratio import Scalar, bind, dynamic, is_static, tame
from kljax.generators._forms_in_masses import Exact, mass_gap, masses, of_roots, power_mass
from kljax.generators._hyperbolic import tanh
from kljax.generators._mixture import log_p_over_mixture
from kljax.generators._record import Power, check, parameter_tangent, slopes_of_rows, summand, weighted_slopes

__all__ = [
    "Exact",
    "Power",
    "Scalar",
    "bind",
    "check",
    "dynamic",
    "is_static",
    "log_p_over_mixture",
    "mass_gap",
    "masses",
    "of_roots",
    "parameter_tangent",
    "power_mass",
    "slopes_of_rows",
    "summand",
    "tame",
    "tanh",
    "weighted_slopes",
]
