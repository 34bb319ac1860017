"""Laws that a generator or a divergence has to obey: what you hold is an implementation of your own.

inputs chosen to be hard ─▶ your function, in each dtype ─▶ AssertionError naming the law, the point and the error in
eps. The same checks run over everything that kljax ships.
"""

from kljax.testing._divergence import check_divergence
from kljax.testing._generator import check_generator

__all__ = ["check_divergence", "check_generator"]
