"""``variational.fit`` beside numpyro and blackjax on real posteriors: distance reached, gradients, time from the call.

Each library runs in a process of its own, with importing left out and the persistent compilation cache off. The
distance is KL(q‖p) = log Z - ELBO with log Z from bridge sampling, by 10⁵ fresh draws; the excess is over the best
full-rank Gaussian known. ``--posteriors`` names the file of reference posteriors; see ``_posteriors.py``.

    python benchmarks/vi.py                       # the reference posteriors, all seeds
    python benchmarks/vi.py --what flow big map   # flows; 1000 coordinates; 1000 fits at once

numpyro and blackjax are left out where they are not installed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from _posteriors import BEST, make

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
POSTERIORS = ROOT.parent / "shared" / "posteriors" / "posteriors.json"


def distance(target: Any, loc: Any, scale: Any, log_z: float, count: int = 100_000) -> float:
    """KL(q‖p) of a Gaussian, by fresh draws."""
    z = np.random.default_rng(99).standard_normal((count, len(loc))).astype(np.float32)
    x = np.asarray(loc, np.float32) + z @ np.asarray(scale, np.float32).T
    values = np.asarray(jax.lax.map(target, x, batch_size=10_000), np.float64)
    log_q = -0.5 * np.square(z.astype(np.float64)).sum(1) - 0.5 * len(loc) * math.log(2.0 * math.pi)
    log_q -= np.linalg.slogdet(np.asarray(scale, np.float64))[1]
    return log_z - float((values - log_q).mean())


def ours(target: Any, dim: int, seed: int) -> tuple[Any, Any, int]:
    from kljax import variational

    result = variational.fit(target, variational.full_rank(dim), key=jax.random.key(seed))
    jax.block_until_ready(result.log_weights)
    return result.params.frame.loc, result.params.frame.scale, int(result.gradients)


def numpyro_(target: Any, dim: int, seed: int, steps: int = 2000) -> tuple[Any, Any, int]:
    """AutoMultivariateNormal with Adam, of which the default has no schedule."""
    import numpyro
    from numpyro import distributions as dist
    from numpyro.infer import SVI, Trace_ELBO, autoguide

    def model() -> None:
        v = numpyro.sample("v", dist.ImproperUniform(dist.constraints.real_vector, (), (dim,)))
        numpyro.factor("target", target(v))

    guide = autoguide.AutoMultivariateNormal(model)
    svi = SVI(model, guide, numpyro.optim.Adam(0.01), Trace_ELBO(num_particles=10))
    found = svi.run(jax.random.key(seed), steps, progress_bar=False)
    jax.block_until_ready(found.params)
    return found.params["auto_loc"], found.params["auto_scale_tril"], 10 * steps


def blackjax_(target: Any, dim: int, seed: int, steps: int = 2000) -> tuple[Any, Any, int]:
    """Full-rank variational inference with Adam."""
    import blackjax
    import optax

    optimizer = optax.adam(0.01)
    algorithm = blackjax.fullrank_vi(target, optimizer, num_samples=10)
    state = algorithm.init(jnp.zeros(dim))

    @jax.jit
    def run(state: Any, keys: Any) -> Any:
        return jax.lax.scan(lambda state, key: algorithm.step(key, state), state, keys)[0]

    state = jax.block_until_ready(run(state, jax.random.split(jax.random.key(seed), steps)))
    rho = jnp.asarray(state.rho if hasattr(state, "rho") else state.chol_params)
    lower = jnp.zeros((dim, dim)).at[jnp.tril_indices(dim, -1)].set(rho[dim:]) + jnp.diag(jnp.exp(rho[:dim]))
    return state.mu, lower, 10 * steps


LIBRARIES = {"kljax": ours, "numpyro": numpyro_, "blackjax": blackjax_}


def one_process(library: str, name: str, seeds: int, posteriors: Path) -> None:
    """Prints one line of JSON a seed: the first is cold, the others are warm."""
    entry = json.loads(posteriors.read_text(encoding="utf-8"))[name]
    target, dim = make(name, entry["data"]), entry["dimension"]
    fit = LIBRARIES[library]
    if library == "kljax":
        from kljax import variational  # noqa: F401  importing is not timed
    elif library == "numpyro":
        import numpyro.infer.autoguide  # noqa: F401
    else:
        import blackjax  # noqa: F401
    for seed in range(seeds):
        began = time.perf_counter()
        loc, scale, gradients = fit(target, dim, seed)
        taken = time.perf_counter() - began
        kl = distance(target, loc, scale, entry["log_z"])
        print(json.dumps({"seconds": taken, "kl": kl, "gradients": gradients}), flush=True)


def rows(library: str, name: str, seeds: int, posteriors: Path) -> list[dict[str, float]] | None:
    command = [sys.executable, __file__, "--one", library, name, "--seeds", str(seeds), "--posteriors", str(posteriors)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "0"}
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if lines:
        return lines
    print(f"{name} {library}: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'nothing'}")
    return None


def table(seeds: int, posteriors: Path) -> None:
    print(f"{'target':10}{'library':>10}{'KL worst':>10}{'excess':>9}{'seeds ≤ 0.02':>14}{'gradients':>11}"
          f"{'cold s':>8}{'warm s':>8}")  # fmt: skip
    for name, best in BEST.items():
        for library in LIBRARIES:
            found = rows(library, name, seeds if library == "kljax" else min(seeds, 3), posteriors)
            if found is None:
                continue
            kls = np.array([one["kl"] for one in found])
            good = int((kls <= best + 0.02).sum())
            warm = np.median([one["seconds"] for one in found[1:]]) if len(found) > 1 else math.nan
            print(
                f"{name:10}{library:>10}{kls.max():10.3f}{kls.max() - best:9.3f}{f'{good} of {len(kls)}':>14}"
                f"{max(one['gradients'] for one in found):11.0f}{found[0]['seconds']:8.2f}{warm:8.3f}",
                flush=True,
            )


def flow(posteriors: Path, seeds: int) -> None:
    from kljax import variational

    entry = json.loads(posteriors.read_text(encoding="utf-8"))["eight_nc"]
    target = make("eight_nc", entry["data"])
    for seed in range(min(seeds, 4)):
        began = time.perf_counter()
        result = variational.fit(target, variational.coupling_flow(10), key=jax.random.key(seed))
        khat = float(result.khat)
        print(
            f"coupling flow on eight_nc: KL {entry['log_z'] - float(result.elbo.value):.4f} ± "
            f"{float(result.elbo.stderr):.4f}, k̂ {khat:.2f}, {time.perf_counter() - began:.1f} s"
            f"{' cold' if seed == 0 else ''}, {int(result.gradients)} gradients",
            flush=True,
        )


def big() -> None:
    """A Gaussian of 1000 coordinates and condition 10⁴ in a random basis, of which neither guide is capable."""
    from kljax import variational

    dim, rng = 1000, np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.standard_normal((dim, dim)))
    spectrum = np.geomspace(1e-2, 1e2, dim)
    precision = ((basis * spectrum) @ basis.T).astype(np.float32)
    best = 0.5 * (np.log(np.diag(precision)).sum() - np.log(spectrum).sum())

    def target(x: jax.Array) -> jax.Array:
        return -0.5 * x @ (precision @ x) + 0.5 * np.log(spectrum).sum() - 0.5 * dim * math.log(2.0 * math.pi)

    print(f"KL of the best mean field: {best:.1f} nats")
    for guide in (variational.mean_field(dim), variational.low_rank(dim)):
        began = time.perf_counter()
        result = variational.fit(target, guide, key=jax.random.key(0))
        print(
            f"{guide.name}: KL {-float(result.elbo.value):.1f}, {time.perf_counter() - began:.1f} s\n{result.verdict}"
        )


def many() -> None:
    """A thousand posteriors of a mean and a scale from five numbers each, under vmap."""
    from kljax import variational

    data = np.random.default_rng(0).standard_normal((1000, 5)).astype(np.float32) * 2 + 1

    def one(y: jax.Array, key: jax.Array) -> Any:
        def target(v: jax.Array) -> jax.Array:
            likelihood = -0.5 * jnp.square((y - v[0]) * jnp.exp(-v[1])).sum() - 5.0 * v[1]
            return likelihood - 0.5 * jnp.square(v[0] / 10.0) - 0.5 * jnp.square(v[1])

        result = variational.fit(target, variational.full_rank(2), key=key)
        return result.elbo.value, result.converged

    fits, keys = jax.jit(jax.vmap(one)), jax.random.split(jax.random.key(0), len(data))
    for label in ("with compilation", "again"):
        began = time.perf_counter()
        _, converged = jax.block_until_ready(fits(data, keys))
        print(
            f"1000 fits under vmap: {time.perf_counter() - began:.1f} s {label}, {float(converged.mean()):.0%} settled"
        )


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--what", nargs="*", default=["posteriors"], choices=["posteriors", "flow", "big", "map"])
    made.add_argument("--seeds", type=int, default=8)
    made.add_argument("--posteriors", type=Path, default=POSTERIORS, help="the file of reference posteriors")
    made.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    chosen = made.parse_args()
    if chosen.one is not None:
        one_process(*chosen.one, chosen.seeds, chosen.posteriors)
        return
    if {"posteriors", "flow"} & set(chosen.what) and not chosen.posteriors.exists():
        sys.exit(f"{chosen.posteriors} is not there: name the file of reference posteriors with --posteriors.")
    print(f"{os.cpu_count()} cores, jax {jax.__version__}, float32")
    if "posteriors" in chosen.what:
        table(chosen.seeds, chosen.posteriors)
    if "flow" in chosen.what:
        flow(chosen.posteriors, chosen.seeds)
    if "big" in chosen.what:
        big()
    if "map" in chosen.what:
        many()


if __name__ == "__main__":
    main()
