"""Runs modules that are drawn at random, and says what came of them."""

import subprocess
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import artifact
from codec_families import Decoded, Tree, decode
from differential import expect, tensor_type

# CPUs that integers are multiplied on, and what a machine must have for each.
TARGETS = {
    "x86-64": [],
    "x86-64-v2": ["ssse3"],
    "x86-64-v3": ["avx2", "fma", "f16c"],
    "x86-64-v4": ["fma", "avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512cd"],
    "icelake-server": ["fma", "avx512_vpopcntdq", "avx512_vnni", "avx512vbmi"],
}

# Cases by target, what failed, and the largest share of a bound that errors took.
Result = tuple[Counter, list[str], float]


def run_tool(*arguments) -> None:
    done = subprocess.run([*map(str, arguments)], capture_output=True, text=True, check=False)
    expect(done.returncode == 0, f"{arguments[:2]}: exit code {done.returncode}: {done.stderr[:2000]}")


def decode_stored(directory: Path, weights: Path, trees: dict[str, Tree]) -> dict[str, Decoded]:
    """What is stored of each weight as its codec, decoded: in the order of the codec, because nothing is contracted."""
    module = directory / "dense.mlir"
    module.write_text(
        "".join(
            f'func.func @"{name}"() -> {type_} {{\n'
            f'  %w = arith.constant {{compress.codec = {tree}}} dense_resource<"{name}"> : {type_}\n'
            f"  return %w : {type_}\n}}\n"
            for name, tree in trees.items()
            for type_ in [tensor_type(tree.tensor.shape, tree.tensor.element)]
        )
    )
    run_tool("compressc", "compile", module, "--weights", weights, "--preset", "none", "-j", 1,
             "--allow-dense", "-o", directory / "dense")  # fmt: skip
    tensors = artifact.read_tensors(directory / "dense" / "weights.safetensors")
    return {
        entry["name"]: decode(trees[entry["name"]], iter([tensors[t] for t in entry["tensors"]]))
        for entry in artifact.read_manifest(directory / "dense")["weights"]
    }


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
