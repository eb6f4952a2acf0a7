"""Convolutions of signs: kernels that count bits against numpy, bit for bit, with and without a border of zeros.

Random sizes, strides, dilations, borders and orders of dimensions. The border of an image of signs is 0, which is no
sign: it adds nothing. Scales of channels are multiplied with exact integers, so results are rounded once.

Usage: xnor-convolutions.py WORK_DIRECTORY. COMPRESS_TEST_SEED and COMPRESS_TEST_CASES set the seed and the number of
modules.
"""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import artifact
import numpy as np
from compress_runtime import Model

SEED = int(os.environ.get("COMPRESS_TEST_SEED", "1"))
CASES = int(os.environ.get("COMPRESS_TEST_CASES", "4"))
TARGETS = {
    "x86-64": [],
    "x86-64-v3": ["avx2", "fma", "f16c"],
    "icelake-server": ["fma", "avx512_vpopcntdq", "avx512_vnni", "avx512vbmi"],
}
FORMS = {"nhwc_hwcf": "hwcf", "nhwc_fhwc": "fhwc", "nchw_fchw": "fchw"}


def tensor(shape):
    return f"tensor<{'x'.join(map(str, shape))}xf32>"


class Case:
    def __init__(self, rng, name, form):
        self.name, self.form, self.weight = name, form, FORMS[form]
        pick = rng.choice
        self.c, self.f = pick([32, 64, 96]), pick([1, 7, 16, 33, 50])
        self.kh, self.kw = pick([(1, 1), (3, 3), (3, 2), (1, 3), (5, 5)])
        self.stride, self.dilation = (pick([1, 1, 2]), pick([1, 2, 3])), (pick([1, 1, 2]), pick([1, 1, 3]))
        self.low = [pick([0, 0, 1, 2]), pick([0, 1, 1, 3])]
        self.high = [pick([0, 1, 1]), pick([0, 0, 1, 2])]
        self.images, self.dynamic = pick([1, 2, 3]), rng.random() < 0.5
        self.oh, self.ow = pick([1, 2, 5, 9]), pick([1, 3, 6, 17])
        # What is left of the padded image, at least one pixel.
        whole = [(o - 1) * s + (k - 1) * d + 1 for o, s, k, d in
                 zip((self.oh, self.ow), self.stride, (self.kh, self.kw), self.dilation)]  # fmt: skip
        for i in range(2):
            while self.low[i] + self.high[i] >= whole[i]:
                self.low[i] = max(self.low[i] - 1, 0)
                self.high[i] = max(self.high[i] - 1, 0)
        self.padded = whole
        self.h, self.w = (whole[i] - self.low[i] - self.high[i] for i in range(2))

    def shape(self, order, **sizes):
        return [sizes[d] for d in order]

    def text(self):
        order, out = self.form[:4], self.form[:4].replace("c", "f")
        n = "?" if self.dynamic else self.images
        x = tensor(self.shape(order, n=n, h=self.h, w=self.w, c=self.c))
        p = tensor(self.shape(order, n=n, h=self.padded[0], w=self.padded[1], c=self.c))
        y = tensor(self.shape(out, n=n, h=self.oh, w=self.ow, f=self.f))
        w = tensor(self.shape(self.weight, h=self.kh, w=self.kw, c=self.c, f=self.f))
        low = self.shape(order, n=0, h=self.low[0], w=self.low[1], c=0)
        high = self.shape(order, n=0, h=self.high[0], w=self.high[1], c=0)
        size, dim = ("%n", f"%n = tensor.dim %x, %c0 : {x}") if self.dynamic else ("", "")
        identity = "affine_map<(a, b, c, d) -> (a, b, c, d)>"
        return f"""
func.func @{self.name}(%x: {x}) -> {y} {{
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %minus = arith.constant -1.0 : f32
  {dim}
  %to = tensor.empty({size}) : {x}
  %signs = linalg.generic {{indexing_maps = [{identity}, {identity}],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}} ins(%x : {x}) outs(%to : {x}) {{
  ^bb0(%a: f32, %o: f32):
    %s = arith.cmpf oge, %a, %zero : f32
    %t = arith.select %s, %one, %minus : f32
    linalg.yield %t : f32
  }} -> {x}
  %padded = tensor.pad %signs low[{", ".join(map(str, low))}] high[{", ".join(map(str, high))}] {{
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  }} : {x} to {p}
  %w = arith.constant dense_resource<{self.name}> : {w}
  %e = tensor.empty({size}) : {y}
  %i = linalg.fill ins(%zero : f32) outs(%e : {y}) -> {y}
  %y = linalg.conv_2d_{self.form} {{strides = dense<[{self.stride[0]}, {self.stride[1]}]> : tensor<2xi64>,
                                 dilations = dense<[{self.dilation[0]}, {self.dilation[1]}]> : tensor<2xi64>}}
    ins(%padded, %w : {p}, {w}) outs(%i : {y}) -> {y}
  return %y : {y}
}}"""

    def reference(self, x, signs, scales):
        """Of an image n x h x w x c; signs are h x w x c x f."""
        around = [(0, 0), (self.low[0], self.high[0]), (self.low[1], self.high[1]), (0, 0)]
        image = np.pad(np.where(x >= 0, 1.0, -1.0), around)
        (sh, sw), (dh, dw) = self.stride, self.dilation
        rows = [image[:, i * dh :, j * dw :][:, : (self.oh - 1) * sh + 1 : sh, : (self.ow - 1) * sw + 1 : sw]
                for i in range(self.kh) for j in range(self.kw)]  # fmt: skip
        sums = np.concatenate(rows, -1) @ signs.reshape(-1, self.f)
        return (sums * scales).astype(np.float32)


def run_module(directory: Path, number: int) -> tuple[Counter, list[str]]:
    rng = random.Random(f"{SEED}/{number}")
    numbers = np.random.default_rng(rng.getrandbits(32))
    cases = [Case(rng, form, form) for form in FORMS]
    directory.mkdir(parents=True, exist_ok=True)
    module, weights = directory / "m.mlir", directory / "w.safetensors"
    module.write_text("\n".join(case.text() for case in cases))
    signs, scales, stored = {}, {}, {}
    for case in cases:
        # What binary codes of one scale a channel keep exactly.
        signs[case.name] = numbers.choice([-1.0, 1.0], (case.kh, case.kw, case.c, case.f))
        scales[case.name] = numbers.choice([0.25, 0.375, 1, 1.25, 3], case.f)
        w = (signs[case.name] * scales[case.name]).astype(np.float32)
        stored[case.name] = ("F32", np.ascontiguousarray(w.transpose(["hwcf".index(d) for d in case.weight])))
    artifact.write_tensors(weights, stored)
    flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    done, failures = Counter(), []
    for target, needs in TARGETS.items():
        if not set(needs) <= flags:
            continue
        out = directory / target
        request = "xnor" if target == "x86-64" else "auto"
        subprocess.run(["compressc", "compile", module, "--weights", weights, "--preset", "binary",
                        "--min-elements", "1", "--compute", request, "--target", f"cpu:{target}", "-o", out],
                       check=True)  # fmt: skip
        for entry in json.loads((out / "manifest.json").read_text())["weights"]:
            if entry["compute"] != "xnor" or not entry["fused"]:
                failures.append(f"{entry['name']}: computes in {entry['compute']}")
        with Model(out) as model:
            for case in cases:
                x = numbers.standard_normal((case.images, case.h, case.w, case.c)).astype(np.float32)
                x[numbers.random(x.shape) < 0.1] = 0
                order = ["nhwc".index(d) for d in case.form[:4]]
                (y,) = model.run(case.name, np.ascontiguousarray(x.transpose(order)))
                y = y.transpose([case.form[:4].replace("c", "f").index(d) for d in "nhwf"])
                expected = case.reference(x, signs[case.name], scales[case.name])
                done[target] += 1
                if not np.array_equal(y, expected):
                    failures.append(f"{target}: {vars(case)}: {np.argwhere(y != expected)[:3].tolist()}")
    return done, failures


def main() -> int:
    root = Path(sys.argv[1])
    done, failures = Counter(), []
    for number in range(CASES):
        counts, errors = run_module(root / f"module-{number}", number)
        done += counts
        failures += errors
    for text in failures[:20]:
        print(f"FAILED seed {SEED}: {text}")
    print(", ".join(f"{target}: {count}" for target, count in done.items()))
    print(f"seed {SEED}: {sum(done.values())} convolutions, {len(failures)} failed")
    return 1 if failures else 0


sys.exit(main())
