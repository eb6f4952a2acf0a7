"""Peak memory of `compressc compile` on about 4 GB of f32 weights.

Not part of `make test`: writes 4.3 GB to DIRECTORY and takes a minute or more.

    build/venv/bin/python test/measure/encode-memory.py --compressc build/bin/compressc \\
      --directory build/encode-memory

Weights stream: one is in memory at a time besides what is written, so anonymous memory
(pages of mapped files are the system's to drop) must stay below
1.5 x the largest weight + the artifact + 300 MB. Exits 1 if it does not.
"""

import argparse
import json
import os
import resource
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

MB = 1 << 20
CHUNK = 16 * MB
# Square matrices: one of 1 GB, twelve of 256 MB.
SIDES = [8192] * 6 + [16384] + [8192] * 6


def write_weights(path: Path) -> None:
    """Random weights, front to back."""
    header, offset = {}, 0
    for index, side in enumerate(SIDES):
        size = side * side * 4
        header[f"w{index}"] = {
            "dtype": "F32",
            "shape": [side, side],
            "data_offsets": [offset, offset + size],
        }
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 64 + 56)
    rng = np.random.default_rng(0)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _ in range(offset // CHUNK):
            file.write(rng.standard_normal(CHUNK // 4, np.float32).tobytes())


def write_module(path: Path) -> None:
    """One function per weight: a vector times the weight."""
    text = ""
    for index, side in enumerate(SIDES):
        matrix, vector = f"tensor<{side}x{side}xf32>", f"tensor<{side}xf32>"
        text += f"""func.func @f{index}(%x: {vector}) -> {vector} {{
  %w = arith.constant dense_resource<w{index}> : {matrix}
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : {vector}
  %f = linalg.fill ins(%z : f32) outs(%e : {vector}) -> {vector}
  %y = linalg.matvec ins(%w, %x : {matrix}, {vector}) outs(%f : {vector}) -> {vector}
  return %y : {vector}
}}
"""
    path.write_text(text)


def read_status(pid: int) -> dict[str, int]:
    """Memory of a process by kind, in bytes; empty once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {
        line.split(":")[0]: int(line.split()[1]) * 1024
        for line in lines
        if line.startswith(("RssAnon", "RssFile", "VmHWM"))
    }


def measure(command: list[str]) -> dict[str, float]:
    """Runs a command; seconds and peaks in bytes."""
    start = time.perf_counter()
    process = subprocess.Popen(command)
    peaks: dict[str, float] = {"RssAnon": 0, "RssFile": 0}
    while process.poll() is None:
        for key, value in read_status(process.pid).items():
            peaks[key] = max(peaks.get(key, 0), value)
        time.sleep(0.002)
    if process.returncode:
        sys.exit(f"exit status {process.returncode} from {command}")
    peaks["seconds"] = time.perf_counter() - start
    # Of all children that have ended, the linker among them; with mapped pages.
    peaks["ru_maxrss"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return peaks


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--compressc", type=Path, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--preset", default="int4-b32")
    parser.add_argument("--keep", action="store_true", help="keep the weights for another run")
    arguments = parser.parse_args()
    directory: Path = arguments.directory
    directory.mkdir(parents=True, exist_ok=True)
    total = sum(side * side * 4 for side in SIDES)
    if shutil.disk_usage(directory).free < 2 * total:
        sys.exit(f"expected {2 * total / MB:.0f} MB of free space in {directory}")
    weights, module = directory / "weights.safetensors", directory / "model.mlir"
    artifact = directory / "artifact"
    if not weights.exists():
        partial = directory / "weights.partial"
        write_weights(partial)
        os.rename(partial, weights)
    write_module(module)
    peaks = measure(
        [
            str(arguments.compressc), "compile", str(module), "--weights", str(weights),
            "--preset", arguments.preset, "-o", str(artifact),
        ]  # fmt: skip
    )
    output = sum(path.stat().st_size for path in artifact.iterdir())
    largest = max(SIDES) ** 2 * 4
    bound = 1.5 * largest + output + 300 * MB
    holds = peaks["RssAnon"] <= bound
    print(f"weights                  {total / MB:8.0f} MB, the largest {largest / MB:.0f} MB")
    print(f"artifact                 {output / MB:8.0f} MB")
    print(f"time                     {peaks['seconds']:8.1f} s")
    print(f"peak of anonymous memory {peaks['RssAnon'] / MB:8.0f} MB")
    print(f"peak of mapped pages     {peaks['RssFile'] / MB:8.0f} MB")
    print(f"ru_maxrss, both          {peaks['ru_maxrss'] / MB:8.0f} MB")
    print(f"bound                    {bound / MB:8.0f} MB: {'holds' if holds else 'DOES NOT HOLD'}")
    if not arguments.keep:
        shutil.rmtree(directory)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
