"""What the entries of a joint table say of each other."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks, _values
from kljax._entry import entry
from kljax._kernels import joint as _joint
from kljax._names import advised
from kljax._types import Rows


def _table(joint: ArrayLike, where: ArrayLike | None) -> jax.Array:
    table = _joint.table("joint", _checks.floating("joint", joint))
    mask = _checks.mask(where, table.shape)
    return _checks.measure("joint", table if mask is None else jnp.where(mask, table, 0.0))


@entry(_values.tables_of_probabilities, "joint", static=())
def _mutual_information(joint: ArrayLike, where: ArrayLike | None) -> jax.Array:
    return _joint.mutual_information(_table(joint, where))


@entry(_values.tables_of_probabilities, "joint", static=("given",))
def _conditional_entropy(joint: ArrayLike, where: ArrayLike | None, *, given: int) -> jax.Array:
    return _joint.conditional_entropy(_joint.known_first(_table(joint, where), given))


@advised
def mutual_information(joint: ArrayLike, *, where: ArrayLike | None = None, measure: bool = False) -> jax.Array:
    """I(A; B) = Σ J log(J/(a b)), the mutual information of a joint table; a and b are its row and column sums.

    It is KL(J‖a b), 0 if and only if the table is a product, and keeps its digits near one: the sums and products are
    formed without rounding. Of a measure of total T it is Σ J log(J T/(a b)), T times that of the normalised table.

    Args:
        joint: Probabilities of pairs, [..., A, B], of any floating dtype. Nothing is renormalised.
        where: Boolean mask that broadcasts to the probabilities; outcomes where it is false are left out.
        measure: Whether a measure is meant: then no warning says that it does not sum to 1.

    Returns:
        The information in nats, [...]. float32, or float64 if the table is.

    Raises:
        TypeError: If the table holds counts: they belong to ``kljax.counts.mutual_information``.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import probs
        >>> print(f"{probs.mutual_information(jnp.array([[0.4, 0.1], [0.1, 0.4]])):.4f}")
        0.1927

    References:
        Shannon (1948), "A mathematical theory of communication"; Cover & Thomas (2006), "Elements of information
        theory", section 2.3.
    """
    return _mutual_information(joint, where, measure=measure)


@advised
def conditional_entropy(
    joint: Rows, *, given: int = -2, where: ArrayLike | None = None, measure: bool = False
) -> jax.Array:
    """H(B|A) = Σ J log(a/J), what is left to learn of the column once the row is known.

    It is the entropy of the table less that of its rows, formed without that difference, and so accurate where the
    rows decide the columns.

    Args:
        joint: Probabilities of pairs, [..., A, B], of any floating dtype. Nothing is renormalised.
        given: The axis of what is known: -2, the rows, or -1, the columns.
        where: Boolean mask that broadcasts to the probabilities; outcomes where it is false are left out.
        measure: Whether a measure is meant: then no warning says that it does not sum to 1.

    Returns:
        The entropy in nats, [...]. float32, or float64 if the table is.

    Raises:
        TypeError: If the table holds counts: they belong to ``kljax.counts.conditional_entropy``.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import probs
        >>> print(f"{probs.conditional_entropy(jnp.array([[0.4, 0.1], [0.1, 0.4]])):.4f}")
        0.5004

    References:
        Cover & Thomas (2006), "Elements of information theory", section 2.2.
    """
    return _conditional_entropy(joint, where, given=given, measure=measure)
