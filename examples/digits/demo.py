"""Compresses both digit models, runs the 360 held-out images, prints what it cost.

`make demo` calls this. It needs compressc, numpy and scikit-learn; PyTorch and the
importer are only needed to make the models again (reproduce.py). Every step is an
ordinary compressc command in a subprocess, `--verbose` prints them.

The exit status is 1 if one of the bounds below does not hold.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import data

HERE = Path(__file__).resolve().parent
MODELS = ("cnn", "transformer")

# The most images, right before, that a preset may get wrong. The others have no bound.
MAX_LOST_IMAGES = {"none": 0, "int8-channel": 1, "int4-b32": 4}
# Preset none differs from PyTorch by the order of additions alone.
MAX_DENSE_LOGIT_ERROR = 1e-4
MIN_COMPRESSED_SHARE = 0.95
# These leave a weight dense whose rank is too high for factors to pay.
CHOOSY_PRESETS = {"lowrank-energy90", "lowrank-error10"}


class DemoError(Exception):
    """A command failed or gave something that this demo cannot read."""


@dataclass
class Result:
    """One row: one model under one preset."""

    model: str
    preset: str
    weights_bytes: float
    dense_bytes: float
    compressed_share: float
    fused_share: float | None
    images: int
    right: int
    lost: int
    changed: int
    mean_logit_error: float
    max_logit_error: float
    worst_relative_error: float | None
    worst_sqnr_db: float | None
    compile_seconds: float
    verify_seconds: float
    run_seconds: float

    @property
    def ratio(self) -> float:
        """How many times smaller than the dense weights."""
        return self.dense_bytes / self.weights_bytes


class Compressc:
    """Runs compressc commands and times them."""

    def __init__(self, path: Path, verbose: bool) -> None:
        self.path = path.resolve()
        self.verbose = verbose

    def __call__(self, *arguments: str | Path) -> tuple[str, float]:
        """Returns what the command printed and the seconds it took."""
        command = [str(self.path), *map(str, arguments)]
        if self.verbose:
            print("$", shlex.join(command), file=sys.stderr)
        start = time.perf_counter()
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise DemoError(f"cannot start {self.path}: {error.strerror}") from error
        seconds = time.perf_counter() - start
        if self.verbose and done.stderr:
            print(done.stderr, end="", file=sys.stderr)
        if done.returncode:
            raise DemoError(
                f"exit status {done.returncode} from\n  {shlex.join(command)}\n"
                f"{done.stderr.strip() or done.stdout.strip()}"
            )
        return done.stdout, seconds


def source_bytes(weight: dict[str, Any]) -> int:
    """Size of a weight before compression; 0 if it is not of a float type."""
    float_type = re.match(r"b?f(\d+)", weight["dtype"].lower())
    if not float_type:
        return 0
    elements = 1
    for extent in weight["shape"]:
        elements *= extent
    return elements * int(float_type[1]) // 8


def worst(
    values: Iterable[float | str], choose: Callable[[list[float]], float]
) -> float | None:
    """The worst of the certificates' numbers ("inf" is a string in JSON)."""
    numbers = [float(value) for value in values]
    return choose(numbers) if numbers else None


def fused_share(compressed: list[dict[str, Any]]) -> float | None:
    """Share of the compressed bytes that no code decodes as a whole."""
    stored = sum(entry["stored_bits"] for entry in compressed)
    fused = sum(entry["stored_bits"] for entry in compressed if entry["fused"])
    return fused / stored if stored else None


def measure(
    compressc: Compressc, model: str, preset: str, out: Path, digits: data.Digits
) -> Result | None:
    """Compiles, verifies and runs one model under one preset. Nothing for a preset
    that would make no weight smaller."""
    source = HERE / f"{model}.mlirbc"
    weights = HERE / f"{model}.safetensors"
    artifact = out / f"{model}-{preset}"
    images, logits_file = out / "images.npy", out / f"{model}-{preset}-logits.npy"

    try:
        _, compile_seconds = compressc(
            *("compile", source, "--weights", weights, "--preset", preset),
            *("-j", "1", "-o", artifact),
        )
    except DemoError as error:
        if "found no weight to encode" in str(error):
            return None
        raise
    _, verify_seconds = compressc(
        "verify", artifact, "--original", source, "--weights", weights
    )
    manifest = json.loads(compressc("inspect", artifact, "--json")[0])
    _, run_seconds = compressc(
        "run", artifact, "--input", images, "--output", logits_file
    )

    expected = np.load(HERE / f"expected_logits_{model}.npy")
    logits = np.load(logits_file)
    if logits.shape != expected.shape:
        raise DemoError(
            f"{model}, {preset}: expected logits of shape {expected.shape}, "
            f"but got {logits.shape}"
        )
    error = np.abs(logits.astype(np.float64) - expected)
    before, after = expected.argmax(1), logits.argmax(1)
    labels = digits.test_labels

    entries = manifest["weights"]
    dense = sum(source_bytes(entry) for entry in entries)
    if not dense:
        raise DemoError(f"{artifact}: no float weights in the manifest")
    compressed = [entry for entry in entries if entry["codec"] is not None]
    certificates = [e["certificate"] for e in compressed if e.get("certificate")]
    return Result(
        model=model,
        preset=preset,
        weights_bytes=sum(entry["stored_bits"] for entry in entries) / 8,
        dense_bytes=dense,
        compressed_share=sum(map(source_bytes, compressed)) / dense,
        fused_share=fused_share(compressed),
        images=len(labels),
        right=int((after == labels).sum()),
        lost=int(((before == labels) & (after != labels)).sum()),
        changed=int((before != after).sum()),
        mean_logit_error=float(error.mean()),
        max_logit_error=float(error.max()),
        worst_relative_error=worst(
            (c["relative_frobenius_error"] for c in certificates), max
        ),
        worst_sqnr_db=worst((c["sqnr_db"] for c in certificates), min),
        compile_seconds=compile_seconds,
        verify_seconds=verify_seconds,
        run_seconds=run_seconds,
    )


def violations(result: Result) -> list[str]:
    """The bounds that a result breaks, in words."""
    where = f"{result.model}, {result.preset}"
    found = []
    limit = MAX_LOST_IMAGES.get(result.preset)
    if limit is not None and result.lost > limit:
        found.append(
            f"{where}: expected at most {limit} lost images, but got {result.lost}"
        )
    # Written so that a NaN fails.
    if result.preset == "none":
        if not result.max_logit_error <= MAX_DENSE_LOGIT_ERROR:
            found.append(
                f"{where}: expected PyTorch's logits within {MAX_DENSE_LOGIT_ERROR:g}, "
                f"but got an error of {result.max_logit_error:.3g}"
            )
    elif (
        result.preset not in CHOOSY_PRESETS
        and not result.compressed_share >= MIN_COMPRESSED_SHARE
    ):
        found.append(
            f"{where}: expected {MIN_COMPRESSED_SHARE:.0%} of the weight bytes "
            f"compressed, but got {result.compressed_share:.2%}"
        )
    if result.fused_share is not None and result.fused_share < 1:
        found.append(
            f"{where}: expected all compressed weights fused, but only "
            f"{result.fused_share:.2%} of their bytes are"
        )
    return found


COLUMNS: dict[str, Callable[[Result], str]] = {
    "model": lambda r: r.model,
    "preset": lambda r: r.preset,
    "weights KiB": lambda r: f"{r.weights_bytes / 1024:.1f}",
    "smaller": lambda r: f"{r.ratio:.2f}x",
    "compressed": lambda r: f"{r.compressed_share:.1%}",
    "fused": lambda r: optional(r.fused_share, "{:.0%}"),
    "accuracy": lambda r: f"{r.right / r.images:.2%}",
    "lost": lambda r: str(r.lost),
    "changed": lambda r: str(r.changed),
    "logit error mean": lambda r: f"{r.mean_logit_error:.1e}",
    "max": lambda r: f"{r.max_logit_error:.1e}",
    "worst weight": lambda r: optional(r.worst_relative_error, "{:.2%}"),
    "SQNR dB": lambda r: optional(r.worst_sqnr_db, "{:.1f}"),
    "compile s": lambda r: f"{r.compile_seconds:.2f}",
    "run s": lambda r: f"{r.run_seconds:.2f}",
}


def optional(value: float | None, layout: str) -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None else layout.format(value)


def table(results: list[Result]) -> str:
    """The results as aligned text, an empty line between the models."""
    rows = [list(COLUMNS)]
    rows += [[cell(result) for cell in COLUMNS.values()] for result in results]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for index, row in enumerate(rows):
        if index and row[0] != rows[index - 1][0]:
            lines.append("")
        lines.append(
            "  ".join(
                cell.ljust(width) if column < 2 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
        )
    return "\n".join(lines)


def explain(out: Path, compressc: Path) -> str:
    """What the columns mean and where to look next."""
    example = out / "transformer-int4-b32"
    return f"""
compressed, fused: shares of the weight bytes; lost: right before, wrong now; changed: other class than PyTorch's; logit errors are
against PyTorch; worst weight: largest relative Frobenius error in the certificates.
Every artifact was verified against its original.

Where to look next
  every weight, its codec and certificate   {compressc} inspect {example}
  all presets                               {compressc} presets
  the compressed IR                         {compressc} compile --emit mlir ...
  how the models were made                  {HERE / "README.md"}"""


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--compressc", type=Path, required=True, help="the compiler")
    parser.add_argument("--out", type=Path, required=True, help="directory to write to")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument(
        "--presets", nargs="+", metavar="PRESET", help="default: all that there are"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, no table")
    parser.add_argument("--verbose", action="store_true", help="print the commands")
    return parser.parse_args()


def collect(
    jobs: list[tuple[str, str]], running: list[Future[Result | None]]
) -> list[Result | None]:
    """Waits for the results, in order, and says on a terminal how far it is."""
    results = []
    for done, ((model, preset), future) in enumerate(zip(jobs, running, strict=True)):
        if sys.stderr.isatty():
            print(
                f"\r\x1b[K[{done}/{len(jobs)}] {model}, {preset}",
                end="",
                file=sys.stderr,
                flush=True,
            )
        try:
            results.append(future.result())
        except BaseException:
            for other in running:
                other.cancel()
            raise
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    return results


def main() -> int:
    """Measures every model under every preset and checks the bounds."""
    arguments = parse_arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    digits = data.load()
    np.save(arguments.out / "images.npy", digits.test_images)
    compressc = Compressc(arguments.compressc, arguments.verbose)
    try:
        presets = arguments.presets or [
            line.split()[0] for line in compressc("presets")[0].splitlines()
        ]
        jobs = list(itertools.product(arguments.models, presets))
        # Each job is one thread's work.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            running = [
                pool.submit(measure, compressc, *job, arguments.out, digits)
                for job in jobs
            ]
            measured = collect(jobs, running)
    except (DemoError, OSError, ValueError, KeyError) as error:
        print(f"demo: error: {error}", file=sys.stderr)
        return 1
    results = [result for result in measured if result]
    left_out = [
        f"{model}, {preset}"
        for (model, preset), result in zip(jobs, measured, strict=True)
        if not result
    ]
    failures = [text for result in results for text in violations(result)]
    if arguments.json:
        rows = [asdict(result) | {"ratio": result.ratio} for result in results]
        # JSON has no infinity: an exact weight's SQNR is the string "inf".
        for row in rows:
            if row["worst_sqnr_db"] == float("inf"):
                row["worst_sqnr_db"] = "inf"
        report = {"results": rows, "left_out": left_out, "failures": failures}
        print(json.dumps(report, indent=2))
    else:
        print(table(results))
        if left_out:
            print(f"\nNo weight gets smaller: {'; '.join(left_out)}")
        print(explain(arguments.out, compressc.path))
    for text in failures:
        print(f"demo: error: {text}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
