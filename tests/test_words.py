"""How numbers with an error are written."""

from __future__ import annotations

import copy
import math
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kljax
from kljax import _formatting


@pytest.mark.parametrize(
    ("value", "stderr", "text"),
    [
        (2.6, 0.06, "2.60 ± 0.06"),
        (2.6043, 0.0123, "2.604 ± 0.012"),
        (2.6043, 0.0234, "2.60 ± 0.02"),
        (123.456, 12.3, "123 ± 12"),
        (123.456, 1.0, "123.5 ± 1.0"),
        (-0.000123, 2e-6, "-0.000123 ± 0.000002"),
        (1e9, 3e7, "1e+09 ± 3e+07"),
        (1e-20, 1e-22, "1e-20 ± 1e-22"),
        (1.0, 0.0, "1 ± 0"),
        (math.inf, 0.0, "inf"),
        (0.5, math.inf, "0.5 ± inf"),
        (math.nan, math.nan, "nan"),
    ],
)
def test_a_number_has_the_digits_that_its_error_allows(value, stderr, text):
    assert _formatting.plus_minus(value, stderr) == text


def test_an_estimate_reads_as_a_sentence():
    one = kljax.Estimate(jnp.float32(2.6), jnp.float32(0.06), jnp.float32(812.3))
    assert str(one) == repr(one) == "2.60 ± 0.06 nats (ess 812)"
    many = kljax.Estimate(jnp.arange(8.0), jnp.full(8, 0.3), jnp.full(8, 20.0))
    assert str(many).startswith("[0.0 ± 0.3, 1.0 ± 0.3, 2.0 ± 0.3, ")
    assert str(many).endswith("… 8 in all] nats, shape (8,); ess at least 20")
    assert str(kljax.Estimate(np.zeros(0), np.zeros(0), np.zeros(0))) == "[] nats, shape (0,)"
    # What is no number yet shows what it is.
    assert jax.jit(lambda e: len(repr(e)))(one) > 20
    assert "value=" in repr(jax.tree.map(lambda _: None, one))
    assert repr(copy.deepcopy(one)) == repr(pickle.loads(pickle.dumps(one))) == repr(one)
