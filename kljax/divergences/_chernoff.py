"""Chernoff's information between two distributions."""

from __future__ import annotations

import jax

from kljax import _checks
from kljax._names import advised
from kljax._types import Law
from kljax.divergences._dispatch import answer, converted, own
from kljax.divergences._forms.renyi_and_chernoff import Found
from kljax.divergences._questions import BEST_ORDER
from kljax.divergences._verbs import CHERNOFF_INFORMATION


@advised
def chernoff_information(p: Law, q: Law, *, with_order: bool = False) -> jax.Array | Found:
    """C = max over α in [0, 1] of -log ∫ p^α q^(1-α), Chernoff's information.

    The best achievable exponent of the error of deciding between p and q from many draws. In an exponential family it
    is KL(m‖p) = KL(m‖q) for the m ∝ p^α q^(1-α) that is as far from both, and the Hessian includes the motion of the
    order. By quadrature the gradient is that at the optimal order, which is found to half of the digits and held fixed.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.
        with_order: Whether to return the optimal order as well.

    Returns:
        The information in nats, [batch...]; with ``with_order`` the pair (information, order), the order being that of
        p, and ½ for p = q.

    Raises:
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.

    Example:
        >>> import kljax
        >>> from kljax.families import Poisson
        >>> value, order = kljax.chernoff_information(Poisson(1.0), Poisson(4.0), with_order=True)
        >>> print(f"{value:.4f} {order:.4f}")
        0.5066 0.4431

    References:
        Chernoff (1952), "A measure of asymptotic efficiency for tests of a hypothesis based on the sum of
        observations"; Nielsen (2013), "An information-geometric characterization of Chernoff information".
    """
    _checks.instance("with_order", with_order, bool, "True or False")
    p, q = converted(p), converted(q)
    registered = own(CHERNOFF_INFORMATION, p, q, **({"with_order": True} if with_order else {}))
    if registered is not None:
        return registered
    found: Found = answer(BEST_ORDER, p, q)
    return found if with_order else found[0]
