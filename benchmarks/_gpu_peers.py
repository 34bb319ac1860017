"""What others offer for the tasks of gpu.py, where it is installed: torch.compile, and Liger's kernels."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

Calls = dict[str, Callable[[], Any]]


def torch_module() -> Any:
    """Torch where it is installed, else ``None``."""
    try:
        import torch
    except ImportError:
        return None
    return torch


def wait() -> None:
    """Until all that torch has begun is done."""
    torch = torch_module()
    if torch is not None and torch.cuda.is_available():
        torch.cuda.synchronize()


def row_losses(torch: Any, temperature: float) -> dict[str, Callable[[Any, Any], Any]]:
    """Losses of (teacher's, student's) logits by row, and Liger's of a batch."""
    from torch.nn import functional

    def logs(teacher: Any, student: Any) -> tuple[Any, Any]:
        log_p, log_q = (functional.log_softmax(x.float() / temperature, -1) for x in (teacher, student))
        return log_p, log_q

    def kl(teacher: Any, student: Any) -> Any:
        log_p, log_q = logs(teacher, student)
        return functional.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)

    def jensen_shannon(teacher: Any, student: Any) -> Any:
        log_p, log_q = logs(teacher, student)
        p, q = log_p.exp(), log_q.exp()
        log_m = (0.5 * (p + q)).log()
        return 0.5 * (p * (log_p - log_m) + q * (log_q - log_m)).sum(-1)

    losses = {"torch.compile kl": torch.compile(kl), "torch.compile jensen_shannon": torch.compile(jensen_shannon)}
    try:
        from liger_kernel.transformers import LigerJSD, LigerKLDIVLoss
    except ImportError:
        return losses
    divergence, symmetric = LigerKLDIVLoss(reduction="batchmean", log_target=True), LigerJSD(0.5)

    def liger_kl(teacher: Any, student: Any) -> Any:
        log_p, log_q = logs(teacher, student)
        return divergence(log_q, log_p)

    def liger_jensen_shannon(teacher: Any, student: Any) -> Any:
        log_p, log_q = logs(teacher, student)
        return symmetric(log_q, log_p)

    return losses | {"Liger kl": liger_kl, "Liger jensen_shannon": liger_jensen_shannon}


def row_calls(shape: tuple[int, int], dtype: str, temperature: float) -> Calls:
    """Forward and with the student's gradient; empty without torch. What fails is left out, and said."""
    torch = torch_module()
    if torch is None:
        return {}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    teacher, student = (torch.randn(shape, device=device).to(getattr(torch, dtype)) for _ in range(2))
    calls: Calls = {}
    for name, loss in row_losses(torch, temperature).items():
        calls[name] = lambda loss=loss: loss(teacher, student)
        calls[f"{name}, gradient in q"] = lambda loss=loss: _gradients(loss, (teacher,), (student,))
    return _that_run(calls)


def head_calls(tokens: int, width: int, outcomes: int, temperature: float) -> Calls:
    """From hidden states, all logits under torch.compile and Liger's fused head; with the student's gradients."""
    torch = torch_module()
    if torch is None:
        return {}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    shapes = ((tokens, width), (outcomes, width)) * 2
    h_p, w_p, h_q, w_q = (width**-0.25 * torch.randn(s, device=device).to(torch.bfloat16) for s in shapes)
    calls: Calls = {}
    for name, loss in row_losses(torch, temperature).items():
        if name.startswith("torch"):

            def of_head(h_p: Any, w_p: Any, h_q: Any, w_q: Any, loss: Any = loss) -> Any:
                return loss(h_p @ w_p.T, h_q @ w_q.T)

            calls[name] = lambda of_head=of_head: _gradients(of_head, (h_p, w_p), (h_q, w_q))
    try:
        from liger_kernel.transformers import LigerFusedLinearJSD
    except ImportError:
        return _that_run(calls)
    fused = LigerFusedLinearJSD(0.5, temperature=temperature)
    calls["Liger jensen_shannon"] = lambda: _gradients(lambda h, w, x, y: fused(x, y, h, w), (h_p, w_p), (h_q, w_q))
    return _that_run(calls)


def _gradients(loss: Callable[..., Any], teacher: tuple[Any, ...], student: tuple[Any, ...]) -> Any:
    leaves = [one.detach().requires_grad_(True) for one in student]
    loss(*teacher, *leaves).mean().backward()
    return [leaf.grad for leaf in leaves]


def _that_run(calls: Calls) -> Calls:
    kept: Calls = {}
    for name, call in calls.items():
        try:
            call()
        except Exception as error:  # noqa: BLE001 - compilers, drivers and versions raise a zoo of their own
            print(f"{name} left out: {type(error).__name__}", file=sys.stderr)
        else:
            kept[name] = call
    return kept
