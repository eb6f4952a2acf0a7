"""Which presets make weights that kernels for GPUs read, and that docs/gpu-results.md says so: gpu-presets.py DIRECTORY DOCS"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

N, K = 64, 512
path, docs = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2]).read_text()
listed = subprocess.run(["compressc", "presets"], check=True, capture_output=True, text=True).stdout
presets = [line.split()[0] for line in listed.splitlines()]
# Of low rank, so that presets that look for that find it.
rng = np.random.default_rng(1)
weight = rng.standard_normal((N, 4)) @ rng.standard_normal((4, K))
text, blobs = "", []
for i, preset in enumerate(presets):
    codec = f' {{compress.codec = "{preset}"}}' if preset != "none" else ""
    x, w, y = f"tensor<8x{K}xf16>", f"tensor<{N}x{K}xf16>", f"tensor<8x{N}xf32>"
    text += f"""func.func @f{i}(%x: {x}, %init: {y}) -> {y} {{
  %w = arith.constant{codec} dense_resource<w{i}> : {w}
  %y = linalg.generic {{indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
    iterator_types = ["parallel", "parallel", "reduction"]}} ins(%x, %w : {x}, {w}) outs(%init : {y}) {{
  ^bb0(%a: f16, %b: f16, %c: f32):
    %0 = arith.extf %a : f16 to f32
    %1 = arith.extf %b : f16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %c, %2 : f32
    linalg.yield %3 : f32
  }} -> {y}
  return %y : {y}
}}
"""
    values = (weight * (1 + i / 64)).astype(np.float16)
    blobs.append(f'w{i}: "0x40000000{values.tobytes().hex().upper()}"')
text += "{-# dialect_resources: { builtin: { " + ", ".join(blobs) + " } } #-}\n"
Path(path + ".mlir").write_text(text)
passes = ["encode", "expand-types", "fold-movement", "move-factors", "algebra", "pack-weights=gpu", "form-kernels"]
out = subprocess.run(["compress-opt", path + ".mlir", *(f"--compress-{p}" for p in passes), "--canonicalize"], check=True, capture_output=True, text=True).stdout
bodies = dict(re.findall(r"func\.func @f(\d+)\(.*?\n(.*?)\n  }\n", out, re.S))
assert len(bodies) == len(presets)
missing = [p for i, p in enumerate(presets) if "compress.contract" not in bodies[str(i)] or "linalg.generic" in bodies[str(i)]]
section = docs[docs.index("## Presets") :]
section = section[: section.index("\n## ")]
said = re.findall(r"^\| (.*?) \|", section, re.M)[1:]
said = [name for row in said for name in row.replace("`", "").split(", ")]
assert sorted(said) == sorted(missing), f"no kernels: {sorted(missing)}, but docs/gpu-results.md says {sorted(said)}"
print(f"{len(presets) - len(missing)} of {len(presets)} presets have kernels for GPUs")
