"""``python -m kljax`` is the command ``kljax``."""

from kljax.tables._internal import script

if __name__ == "__main__":
    script()
