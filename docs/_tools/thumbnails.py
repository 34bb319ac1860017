"""Makes the gallery's pictures from the figures that the examples wrote.

    for one in examples/[a-z]*.py; do python "$one" --out out; done
    python docs/_tools/thumbnails.py out

Each ``out/NAME.png`` becomes ``docs/pictures/gallery/NAME.png`` of at most 1000 pixels and 64 colours.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

GALLERY = Path(__file__).parents[1] / "pictures" / "gallery"


def main() -> None:
    """Shrinks every figure in the folders named on the command line."""
    GALLERY.mkdir(parents=True, exist_ok=True)
    for folder in sys.argv[1:]:
        for path in sorted(Path(folder).glob("*.png")):
            picture = Image.open(path).convert("RGB")
            picture.thumbnail((1000, 1000), Image.Resampling.LANCZOS)
            picture.quantize(64, dither=Image.Dither.NONE).save(GALLERY / path.name, optimize=True)


if __name__ == "__main__":
    main()
