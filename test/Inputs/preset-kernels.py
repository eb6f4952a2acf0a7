"""Which kernels read what each preset makes: preset-kernels.py DIRECTORY [DOCS]

Prints the table of docs/Presets.md, or compares with it: every preset for a matrix of 64 x 512 and for a convolution of 64 channels, both of f32.
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

directory = Path(sys.argv[1]).resolve()
rng = np.random.default_rng(1)
# Of low rank, and in steps, so that presets that look for that find it.
factors = rng.standard_normal((64, 4)), rng.standard_normal((4, 576))
MATRIX = (factors[0] @ factors[1])[:, :512].astype(np.float32)
FILTERS = (factors[0] @ factors[1]).astype(np.float32).reshape(64, 64, 3, 3)
PREPARE = ["encode", "expand-types", "fold-movement", "move-factors", "algebra"]


def blob(name, array):
    return f'{{-# dialect_resources: {{ builtin: {{ {name}: "0x40000000{array.tobytes().hex().upper()}" }} }} #-}}'


def matrix(preset, name):
    return f"""
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @{name}(%x: tensor<4x512xf32>, %y: tensor<4x64xf32>) -> tensor<4x64xf32> {{
  %w = arith.constant {{compress.codec = "{preset}"}} dense_resource<w> : tensor<64x512xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<4x512xf32>, tensor<64x512xf32>) outs(%y : tensor<4x64xf32>) -> tensor<4x64xf32>
  return %0 : tensor<4x64xf32>
}}
{blob("w", MATRIX)}
"""


def convolution(preset, name):
    return f"""
func.func @{name}(%x: tensor<1x5x5x64xf32>, %y: tensor<1x3x3x64xf32>) -> tensor<1x3x3x64xf32> {{
  %w = arith.constant {{compress.codec = "{preset}"}} dense_resource<w> : tensor<64x3x3x64xf32>
  %0 = linalg.conv_2d_nhwc_fhwc ins(%x, %w : tensor<1x5x5x64xf32>, tensor<64x3x3x64xf32>) outs(%y : tensor<1x3x3x64xf32>) -> tensor<1x3x3x64xf32>
  return %0 : tensor<1x3x3x64xf32>
}}
{blob("w", np.ascontiguousarray(FILTERS.transpose(0, 2, 3, 1)))}
"""


# What kernels compute with, and the passes that show it.
GPU = ["lower-decode"], ["--canonicalize", "--one-shot-bufferize=bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map", "--convert-compress-to-gpu=chip=sm_89"]
MODES = {
    "CPU f32": ("pack-weights", "form-kernels", [], []),
    "CPU bf16": ("pack-weights=compute=bf16", "form-kernels", [], []),
    "CPU int8": ("pack-weights=compute=int8", "form-kernels", [], []),
    "GPU f16": ("pack-weights=gpu", "form-kernels=compute=f16", *GPU),
    "GPU int8": ("pack-weights=gpu", "form-kernels=compute=int8", *GPU),
    "GPU f8": ("pack-weights=gpu", "form-kernels=compute=f8", *GPU),
}


def find_kernels(presets, make, mode):
    """Of each preset, whether kernels that compute so take all of the product."""
    path = directory / "presets.mlir"
    path.write_text("// -----\n".join(make(preset, f"f{i}") for i, preset in enumerate(presets)))
    pack, form, more, others = MODES[mode]
    passes = [f"--compress-{p}" for p in [*PREPARE, pack, form, *more]] + others
    command = ["compress-opt", path, "--split-input-file", *passes, "--mlir-elide-elementsattrs-if-larger=1", "--mlir-elide-resource-strings-if-larger=1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    # Nothing is printed of a module that is refused, and what is not fused is left.
    bodies = dict(re.findall(r"func\.func @f(\d+)\((.*?)\n  }\n", done.stdout, re.S))

    def reads(body):
        if mode.startswith("CPU"):
            computed = set(re.findall(r"compute = +(\w+)", body)) or {"f32"}
            return "compress.contract" in body and computed == {mode[4:]} and "compress.decode" not in body
        # What is decoded has a kernel of its own for that, and bytes are rounded by one; windows may be copied by another.
        names = re.findall(r"gpu\.launch_func +@\w+::@(\w+)", body)
        others = [name for name in names if "contract" not in name]
        copies = make is convolution and mode.endswith("8") and len(others) == 1 and "generic" in others[0] and len(names) > 1
        rounds = any(name.endswith("_round") for name in names)
        return bool(names) and (not others or copies) and rounds == mode.endswith("8")

    return [reads(bodies.get(str(i), "")) for i in range(len(presets))]


listed = [line.split(maxsplit=3) for line in subprocess.run(["compressc", "presets"], check=True, capture_output=True, text=True).stdout.splitlines()]
presets = [line[0] for line in listed]
columns = [find_kernels(presets, matrix, mode) for mode in MODES] + [find_kernels(presets, convolution, mode) for mode in MODES if mode != "GPU f8"]
table = ""
for i, (preset, bits, _, summary) in enumerate(listed):
    row = [f"`{preset}`", summary, "" if bits == "?" else bits, *("x" if found[i] else "" for found in columns)]
    table += f"| {' | '.join(row)} |\n"
if len(sys.argv) == 2:
    print(table, end="")
else:
    said = "".join(line + "\n" for line in Path(sys.argv[2]).read_text().splitlines() if line.startswith("| `"))
    assert table == said, f"expected these rows in {sys.argv[2]}:\n{table}"
    print(f"{len(presets)} presets are as {Path(sys.argv[2]).name} says")
