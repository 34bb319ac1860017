"""How an example is run, and how it ends when it is interrupted."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
WITH_CHECKPOINT = ("distil_language_model", "vae_digits")


def script(main: Callable[[], T]) -> T:
    """Runs an example; interrupted (Ctrl-C), it ends with one line that says how to go on."""
    try:
        return main()
    except KeyboardInterrupt:
        print(f"\n{how_to_go_on(sys.argv)}", file=sys.stderr)
        raise SystemExit(130) from None


def how_to_go_on(command: list[str]) -> str:
    """What to call after an interruption; a checkpoint, where one was kept, is gone on from."""
    again = shlex.join(["python", *(one for one in command if one != "--resume")])
    folder = next((one.partition("=")[2] for one in command if one.startswith("--checkpoint=")), None)
    if "--checkpoint" in command[:-1]:
        folder = command[command.index("--checkpoint") + 1]
    if folder is not None and any(Path(folder).rglob("settings.txt")):
        return f"Interrupted. To go on from the checkpoint: {again} --resume"
    if Path(command[0]).stem in WITH_CHECKPOINT and folder is None:
        return f"Interrupted; nothing is kept. To be able to go on next time: {again} --checkpoint out/checkpoint"
    return f"Interrupted; nothing is kept. To begin again: {again}"
