"""Divergences estimated from counts of outcomes."""

__all__: list[str] = []
