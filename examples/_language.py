"""What ``distil_language_model.py`` is made of: text in pieces, a small transformer in flax, and the losses."""

from __future__ import annotations

import collections
import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from kljax import hidden

# A word with the space before it, the end of a line with the margin of the next, or one character.
PIECE = re.compile(r" ?[A-Za-z_]+|\n+ *|.", re.DOTALL)
DIVERGENCES = ("kl", "reverse_kl", "jensen_shannon")


class Corpus(NamedTuple):
    """Text as numbers of pieces, the last twentieth of it held out."""

    train: np.ndarray
    test: np.ndarray
    pieces: list[str]
    length: int  # characters in all


def python_reference() -> str:
    """The pages of Python's own ``help()``, every paragraph once: some sections stand on several pages."""
    from pydoc_data.topics import topics

    paragraphs = [part.strip("\n") for name in sorted(topics) for part in topics[name].split("\n\n")]
    return "\n\n".join(dict.fromkeys(filter(None, paragraphs)))


def load_corpus(size: int) -> Corpus:
    """The text in ``size`` pieces: every character that occurs, and the most frequent words of the part to train on.

    A word that is not among them is spelled, a character a piece.

    Raises:
        ValueError: If ``size`` is less than the number of characters, or more than there are characters and words.
    """
    text = python_reference()
    cut = text.rindex("\n\n", 0, len(text) * 19 // 20)
    parts = [PIECE.findall(part) for part in (text[:cut], text[cut:])]
    characters = sorted(set(text))
    frequent = [piece for piece, _ in collections.Counter(parts[0]).most_common() if len(piece) > 1]
    most = len(characters) + len(frequent)
    if not len(characters) <= size <= most:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise ValueError(f"the text, that of Python {version}, needs {len(characters)} to {most} pieces; got {size}")
    pieces = characters + frequent[: size - len(characters)]
    number = {piece: at for at, piece in enumerate(pieces)}

    def encode(found: list[str]) -> np.ndarray:
        spelled = ([piece] if piece in number else piece for piece in found)
        return np.array([number[one] for group in spelled for one in group], np.int32)

    return Corpus(*map(encode, parts), pieces, len(text))


class Block(nnx.Module):
    """Attention to what came before, and a layer for each token by itself."""

    def __init__(self, width: int, heads: int, rngs: nnx.Rngs):
        self.before, self.between = (nnx.LayerNorm(width, rngs=rngs) for _ in range(2))
        self.attend = nnx.Linear(width, 3 * width, use_bias=False, rngs=rngs)
        self.join = nnx.Linear(width, width, rngs=rngs)
        self.widen, self.narrow = nnx.Linear(width, 4 * width, rngs=rngs), nnx.Linear(4 * width, width, rngs=rngs)
        self.heads = heads

    def __call__(self, x: jax.Array) -> jax.Array:
        joint = self.attend(self.before(x)).reshape(*x.shape[:2], 3 * self.heads, -1)  # [batch, tokens, 3 heads, width]
        seen = jax.nn.dot_product_attention(*jnp.split(joint, 3, axis=2), is_causal=True)
        x = x + self.join(seen.reshape(x.shape))
        return x + self.narrow(nnx.gelu(self.widen(self.between(x))))


class Language(nnx.Module):
    """Tokens ↦ the hidden states and the output projection, whose product is the logits of the next token."""

    def __init__(self, vocabulary: int, length: int, width: int, depth: int, heads: int, rngs: nnx.Rngs):
        self.tokens, self.places = nnx.Embed(vocabulary, width, rngs=rngs), nnx.Embed(length, width, rngs=rngs)
        self.blocks = nnx.List([Block(width, heads, rngs) for _ in range(depth)])
        self.last = nnx.LayerNorm(width, rngs=rngs)
        self.out = nnx.Linear(width, vocabulary, rngs=rngs)

    def __call__(self, tokens: jax.Array) -> hidden.Head:
        """The head for tokens of shape [batch, length]: nothing here has the size of the logits."""
        x = self.tokens(tokens) + self.places.embedding[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return hidden.Head(self.last(x), self.out.kernel[...], self.out.bias[...], vocabulary_axis=1)


def initial_weights(
    corpus: Corpus, length: int, width: int, depth: int, heads: int, seed: int
) -> tuple[nnx.GraphDef, nnx.State]:
    """The network and its weights: random, but for the last bias, with which it starts from the pieces' frequencies."""
    count = np.bincount(corpus.train, minlength=len(corpus.pieces)) + 1.0

    def make(key: jax.Array) -> Language:
        model = Language(len(corpus.pieces), length, width, depth, heads, nnx.Rngs(key))
        model.out.bias[...] = jnp.asarray(np.log(count / count.sum()), jnp.float32)
        return model

    graph = nnx.graphdef(nnx.eval_shape(make, jax.random.key(seed)))
    return graph, jax.jit(lambda key: nnx.state(make(key), nnx.Param))(jax.random.key(seed))


Loss = Callable[[Any, hidden.Head, jax.Array], jax.Array]  # (teacher's head, student's, labels) ↦ nats


def hidden_loss(name: str, chunk: int | None, reduction: str | None = "mean") -> Loss:
    """(teacher's head, student's head, labels) ↦ the loss, from hidden states. "text" needs no teacher."""
    how: dict[str, Any] = {"reduction": reduction, "strategy": "tokens", "chunk": chunk}
    return {
        "text": lambda teacher, student, labels: hidden.cross_entropy(labels, student, **how),
        "kl": lambda teacher, student, labels: hidden.kl(teacher, student, **how),
        "reverse_kl": lambda teacher, student, labels: hidden.kl(student, teacher, **how),
        "jensen_shannon": lambda teacher, student, labels: hidden.jensen_shannon(teacher, student, **how),
    }[name]


def usual_loss(name: str) -> Loss:
    """The same divergence as it is usually written, from the log-softmaxes of all logits."""

    def log_softmax(head):
        return jax.nn.log_softmax(head.states @ head.weights + head.bias)

    def kl(log_p, log_q):
        return (jnp.exp(log_p) * (log_p - log_q)).sum(-1).mean()

    def loss(teacher, student, labels):
        log_p, log_q = log_softmax(teacher), log_softmax(student)
        if name == "jensen_shannon":
            log_m = jnp.logaddexp(log_p, log_q) - jnp.log(2.0)
            return 0.5 * (kl(log_p, log_m) + kl(log_q, log_m))
        return kl(log_p, log_q) if name == "kl" else kl(log_q, log_p)

    return loss
