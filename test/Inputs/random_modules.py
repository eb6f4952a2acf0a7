"""Runs modules that are drawn at random, and says what came of them."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Cases by target, what failed, and the largest share of a bound that errors took.
Result = tuple[Counter, list[str], float]


def run_modules(run: Callable[[Path, int], Result], root: Path, seed: int, count: int) -> int:
    """Calls `run` with a directory and a number for each module; the exit code, after a report."""
    with ThreadPoolExecutor(2) as pool:
        results = [*pool.map(lambda i: run(root / f"module-{i}", i), range(count))]
    cases, failures = Counter(), []
    for one, errors, _ in results:
        cases += one
        failures += errors
    for text in failures[:40]:
        print(f"FAILED seed {seed}: {text}")
    worst = max(ratio for _, _, ratio in results)
    print(", ".join(f"{target}: {number}" for target, number in cases.items()))
    print(f"seed {seed}: {sum(cases.values())} cases, {worst:.3f} of the bound, {len(failures)} failed")
    return 1 if failures else 0
