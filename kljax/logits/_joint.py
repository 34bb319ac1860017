"""What the entries of a joint table, held as logits, say of each other."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks, _values
from kljax._entry import entry
from kljax._kernels import joint as _joint
from kljax._names import advised


def _table(logits: ArrayLike, where: ArrayLike | None) -> jax.Array:
    """The probabilities; none where the mask leaves nothing."""
    a = _joint.table("logits", _checks.floating("logits", logits))
    mask = _checks.mask(where, a.shape)
    if mask is None:
        return jax.nn.softmax(a, (-2, -1))
    kept = mask.any((-2, -1), keepdims=True)
    shown = jax.nn.softmax(jnp.where(mask, a, jnp.where(kept, -jnp.inf, 0.0)), (-2, -1))
    return jnp.where(kept, shown, 0.0)


@entry(_values.tables_of_logits, "logits", static=())
def _mutual_information(logits: ArrayLike, where: ArrayLike | None) -> jax.Array:
    return _joint.mutual_information(_table(logits, where))


@entry(_values.tables_of_logits, "logits", static=("given",))
def _conditional_entropy(logits: ArrayLike, where: ArrayLike | None, *, given: int) -> jax.Array:
    return _joint.conditional_entropy(_joint.known_first(_table(logits, where), given))


@advised
def mutual_information(logits: ArrayLike, *, where: ArrayLike | None = None) -> jax.Array:
    """I(A; B) = Σ J log(J/(a b)), the mutual information of the joint table J = softmax(logits) over the last two axes.

    a and b are the row and column sums of J. It is 0 if and only if the table is a product. Near one it is as accurate
    as the probabilities: they are rounded to eps, so that I keeps all digits but those of eps/|log J/(a b)|.

    Args:
        logits: Logits, or log-probabilities, of any floating dtype. -inf is probability zero. Of pairs, [..., A, B].
        where: Boolean mask that broadcasts to the logits; outcomes where it is false have probability zero.

    Returns:
        The information in nats, [...]. float32, or float64 if the table is.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> print(f"{logits.mutual_information(jnp.log(jnp.array([[4.0, 1.0], [1.0, 4.0]]))):.4f}")
        0.1927

    References:
        Shannon (1948), "A mathematical theory of communication"; Cover & Thomas (2006), "Elements of information
        theory", section 2.3.
    """
    return _mutual_information(logits, where)


@advised
def conditional_entropy(logits: ArrayLike, *, given: int = -2, where: ArrayLike | None = None) -> jax.Array:
    """H(B|A) = Σ J log(a/J), what is left to learn of the column once the row is known; J = softmax(logits).

    Args:
        logits: Logits, or log-probabilities, of any floating dtype. -inf is probability zero. Of pairs, [..., A, B].
        given: The axis of what is known: -2, the rows, or -1, the columns.
        where: Boolean mask that broadcasts to the logits; outcomes where it is false have probability zero.

    Returns:
        The entropy in nats, [...]. float32, or float64 if the table is.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> print(f"{logits.conditional_entropy(jnp.log(jnp.array([[4.0, 1.0], [1.0, 4.0]]))):.4f}")
        0.5004

    References:
        Cover & Thomas (2006), "Elements of information theory", section 2.2.
    """
    return _conditional_entropy(logits, where, given=given)
