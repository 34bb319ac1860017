"""The Gauss–Kronrod pair of 10 and 21 points on [-1, 1]."""

from __future__ import annotations

import numpy as np

# Laurie, "Calculation of Gauss-Kronrod quadrature rules", Math. Comp. 66 (1997); computed with 40 digits from the
# Stieltjes polynomial of degree 11. Half of each, from the centre outwards.
_HALF_NODES = np.array(
    [
        *(0.0, 0.14887433898163121088, 0.29439286270146019813, 0.4333953941292471908, 0.56275713466860468334),
        *(0.67940956829902440623, 0.78081772658641689706, 0.86506336668898451073, 0.930157491355708226),
        *(0.97390652851717172008, 0.99565716302580808074),
    ]
)
_HALF_WEIGHTS = np.array(
    [
        *(0.14944555400291690566, 0.14773910490133849137, 0.1427759385770600808, 0.13470921731147332593),
        *(0.12349197626206585108, 0.1093871588022976419, 0.093125454583697605535, 0.075039674810919952767),
        *(0.054755896574351996031, 0.032558162307964727479, 0.011694638867371874278),
    ]
)
_HALF_GAUSS = np.array(
    [
        *(0.0, 0.29552422471475287017, 0.0, 0.26926671930999635509, 0.0, 0.219086362515982044),
        *(0.0, 0.14945134915058059315, 0.0, 0.066671344308688137594, 0.0),
    ]
)

NODES = np.concatenate([-_HALF_NODES[:0:-1], _HALF_NODES])
WEIGHTS = np.concatenate([_HALF_WEIGHTS[:0:-1], _HALF_WEIGHTS])
"""Exact for polynomials of degree 31."""
COARSE = np.concatenate([_HALF_GAUSS[:0:-1], _HALF_GAUSS])
"""Exact for polynomials of degree 19."""
