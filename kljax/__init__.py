"""kljax: divergences with the right digits, for JAX."""
