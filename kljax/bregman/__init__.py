"""What you hold: points and a convex function."""
from kljax.bregman._generic import divergence as divergence
from kljax.bregman._scalar import *
__all__ = ["divergence"]
