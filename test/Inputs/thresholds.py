"""Batch normalization in front of signs, folded into thresholds, against the same that is not folded: bit for bit.

Functions yield signs of normalized numbers; others yield the normalized numbers, too, which nothing is folded for then.
Numbers are those where signs change, by one float up and down, and whatever else floats can be. Networks of two layers,
contractions and convolutions, are compared with numpy, which rounds as they do.

Usage: thresholds.py WORK_DIRECTORY. COMPRESS_TEST_SEED and COMPRESS_TEST_CASES set the seed and the number of modules.
"""

import os
import random
import subprocess
import sys
from pathlib import Path

import artifact
import numpy as np
from compress_runtime import Model

SEED = int(os.environ.get("COMPRESS_TEST_SEED", "1"))
CASES = int(os.environ.get("COMPRESS_TEST_CASES", "4"))
EPSILON = np.float32(1e-5)
F32 = np.float32


def tensor(shape, element="f32"):
    return f"tensor<{'x'.join(map(str, shape))}x{element}>"


class Normalization:
    """Of channels, the last dimension of `shape`."""

    def __init__(self, rng, numbers, name, shape):
        self.name, self.shape, c = name, shape, shape[-1]
        draw = lambda special: np.where(
            numbers.random(c) < 0.4, numbers.choice(F32(special), c), numbers.standard_normal(c).astype(F32)
        ).astype(F32)
        self.mean = draw([0, 3, -7])
        self.variance = numbers.uniform(0.1, 4, c).astype(F32)
        self.gamma = draw([0, -0.0, 1e-30, -1e-30, 1e30, -1e-40, 1, -1])
        self.beta = draw([0, -0.0, 1e-20, 1])
        self.form = rng.choice(["rsqrt", "sqrt", "scale"])
        self.compare = rng.choice(["oge", "ogt", "ult", "ule"])
        if self.form == "scale":
            self.mean, self.variance = np.zeros(c, F32), np.ones(c, F32)

    def stored(self):
        parts = ["gamma", "beta"] + ["mean", "variance"] * (self.form != "scale")
        return {f"{self.name}.{part}": ("F32", getattr(self, part)) for part in parts}

    def text(self, x):
        """From %x to %x_n and %x_s, its signs, in one op or in three."""
        full, one = tensor(self.shape), tensor(self.shape[-1:])
        dims = [f"d{i}" for i in range(len(self.shape))]
        identity = f"affine_map<({', '.join(dims)}) -> ({', '.join(dims)})>"
        channel = f"affine_map<({', '.join(dims)}) -> ({dims[-1]})>"
        kinds = "[" + ", ".join(['"parallel"'] * len(dims)) + "]"
        p = x + "_"
        lines = [f"  {x}_e = tensor.empty() : {full}"]
        constants = [name.split(".")[1] for name in self.stored()]
        for part in constants:
            lines.append(f'  {p}{part} = arith.constant dense_resource<"{self.name}.{part}"> : {one}')

        def op(result, parts, inputs, body, yielded):
            maps = ", ".join([identity] + [channel] * len(parts) + [identity])
            values = ", ".join([inputs] + [p + part for part in parts])
            types = ", ".join([full] + [one] * len(parts))
            arguments = ", ".join(["%a: f32"] + [f"%{part}: f32" for part in parts] + ["%o: f32"])
            lines.append(
                f"  {result} = linalg.generic {{indexing_maps = [{maps}], iterator_types = {kinds}}} "
                f"ins({values} : {types}) outs({x}_e : {full}) {{\n  ^bb0({arguments}):"
            )
            lines.extend(f"    {line}" for line in body)
            lines.append(f"    linalg.yield {yielded} : f32\n  }} -> {full}")

        if self.form == "scale":
            op(f"{p}m", ["gamma"], x, ["%0 = arith.mulf %a, %gamma : f32"], "%0")
            op(f"{p}n", ["beta"], f"{p}m", ["%0 = arith.addf %beta, %a : f32"], "%0")
        else:
            body = ["%0 = arith.subf %a, %mean : f32", "%1 = arith.addf %variance, %epsilon : f32"]
            if self.form == "rsqrt":
                body += ["%2 = math.rsqrt %1 : f32", "%3 = arith.mulf %0, %2 : f32"]
            else:
                body += ["%2 = math.sqrt %1 : f32", "%3 = arith.divf %0, %2 : f32"]
            body += ["%4 = arith.mulf %3, %gamma : f32", "%5 = arith.addf %4, %beta : f32"]
            op(f"{p}n", constants, x, body, "%5")
        select = "%minus, %one" if self.compare.startswith("u") else "%one, %minus"
        op(f"{p}s", [], f"{p}n",
           [f"%0 = arith.cmpf {self.compare}, %a, %zero : f32", f"%1 = arith.select %0, {select} : f32"], "%1")  # fmt: skip
        return "\n".join(lines)

    def normalize(self, d):
        with np.errstate(all="ignore"):
            if self.form == "scale":
                return d * self.gamma + self.beta
            if self.form == "rsqrt":
                x = (d - self.mean) * (F32(1) / np.sqrt(self.variance + EPSILON))
            else:
                x = (d - self.mean) / np.sqrt(self.variance + EPSILON)
            return x * self.gamma + self.beta

    def signs(self, d):
        n = self.normalize(d)
        assert n.dtype == F32
        # Of those that hold for NaN, too, the opposite is 1.
        holds = {"oge": n >= 0, "ogt": n > 0, "ult": n >= 0, "ule": n > 0}[self.compare]
        return np.where(holds, F32(1), F32(-1))

    def hard(self, numbers, rows):
        """Numbers about where signs change, and special ones."""
        c = self.shape[-1]
        with np.errstate(all="ignore"):
            deviation = np.sqrt(self.variance.astype(np.float64) + EPSILON)
            root = (self.mean - self.beta / self.gamma.astype(np.float64) * deviation).astype(F32)
        root = np.where(np.isfinite(root), root, 0).astype(F32)
        values = [root]
        for direction in (F32(np.inf), F32(-np.inf)):
            at = root
            for _ in range(6):
                at = np.nextafter(at, direction)
                values.append(at)
        for special in (0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 3.4028235e38, -3.4028235e38, 1e-38):
            values.append(np.full(c, special, F32))
        values.append((numbers.standard_normal(c) * 10.0 ** numbers.integers(-30, 30, c)).astype(F32))
        return np.stack(values)[np.arange(rows) % len(values)]


HEAD = """  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %minus = arith.constant -1.0 : f32
  %epsilon = arith.constant 9.99999974E-6 : f32
"""


def functions(bn):
    full = tensor(bn.shape)
    return f"""func.func @{bn.name}_folded(%x: {full}) -> {full} {{
{HEAD}{bn.text("%x")}
  return %x_s : {full}
}}
func.func @{bn.name}_kept(%x: {full}) -> ({full}, {full}) {{
{HEAD}{bn.text("%x")}
  return %x_n, %x_s : {full}, {full}
}}
"""


def write_network(name, m, k, bn, out, bn_out):
    """x -> signs -> w1 -> bn -> signs -> w2 -> bn_out -> signs."""
    x, h, y = tensor([m, k]), tensor(bn.shape), tensor([m, out])
    w1, w2 = tensor([bn.shape[-1], k]), tensor([out, bn.shape[-1]])
    maps = ("indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, "
            "affine_map<(m, n, k) -> (m, n)>]")  # fmt: skip
    return f"""func.func @{name}(%x: {x}) -> {y} {{
{HEAD}  %ones = arith.constant dense<1.0> : {x}
  %signs = math.copysign %ones, %x : {x}
  %w1 = arith.constant dense_resource<{name}.w1> : {w1}
  %e1 = tensor.empty() : {h}
  %i1 = linalg.fill ins(%zero : f32) outs(%e1 : {h}) -> {h}
  %d = linalg.matmul {maps} ins(%signs, %w1 : {x}, {w1}) outs(%i1 : {h}) -> {h}
{bn.text("%d")}
  %w2 = arith.constant dense_resource<{name}.w2> : {w2}
  %e2 = tensor.empty() : {y}
  %i2 = linalg.fill ins(%zero : f32) outs(%e2 : {y}) -> {y}
  %z = linalg.matmul {maps} ins(%d_s, %w2 : {h}, {w2}) outs(%i2 : {y}) -> {y}
{bn_out.text("%z")}
  return %z_s : {y}
}}
"""


def write_convolutions(name, side, c, bn, out):
    """The same with two convolutions of 3 x 3, with zeros around both images, and no normalization at the end."""
    x, h, y = tensor([1, side, side, c]), tensor(bn.shape), tensor([1, side, side, out])
    w1, w2 = tensor([bn.shape[-1], 3, 3, c]), tensor([out, 3, 3, bn.shape[-1]])
    pad = lambda value, t, channels: (
        f"tensor.pad {value} low[0, 1, 1, 0] high[0, 1, 1, 0] {{\n  ^bb0(%p: index, %q: index, %r: index, %s: index):\n"
        f"    tensor.yield %zero : f32\n  }} : {t} to {tensor([1, side + 2, side + 2, channels])}"
    )
    return f"""func.func @{name}(%x: {x}) -> {y} {{
{HEAD}  %ones = arith.constant dense<1.0> : {x}
  %signs = math.copysign %ones, %x : {x}
  %p1 = {pad("%signs", x, c)}
  %w1 = arith.constant dense_resource<{name}.w1> : {w1}
  %e1 = tensor.empty() : {h}
  %i1 = linalg.fill ins(%zero : f32) outs(%e1 : {h}) -> {h}
  %d = linalg.conv_2d_nhwc_fhwc ins(%p1, %w1 : {tensor([1, side + 2, side + 2, c])}, {w1}) outs(%i1 : {h}) -> {h}
{bn.text("%d")}
  %p2 = {pad("%d_s", h, bn.shape[-1])}
  %w2 = arith.constant dense_resource<{name}.w2> : {w2}
  %e2 = tensor.empty() : {y}
  %i2 = linalg.fill ins(%zero : f32) outs(%e2 : {y}) -> {y}
  %z = linalg.conv_2d_nhwc_fhwc ins(%p2, %w2 : {tensor([1, side + 2, side + 2, bn.shape[-1]])}, {w2}) outs(%i2 : {y}) -> {y}
  return %z : {y}
}}
"""


def draw_weight(numbers, shape):
    """What binary codes with one scale a channel keep exactly, and its two parts."""
    signs, scales = numbers.choice([-1.0, 1.0], shape), numbers.choice([0.25, 0.375, 1, 1.25, 3], shape[0])
    return (signs * scales.reshape([-1] + [1] * (len(shape) - 1))).astype(F32), signs, scales


def contract(x, signs, scales):
    return (np.tensordot(x, signs, (-1, -1)) * scales).astype(F32)


def convolve(x, signs, scales):
    image = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    h, w = x.shape[1:3]
    rows = np.concatenate([image[:, i : i + h, j : j + w] for i in range(3) for j in range(3)], -1)
    return (rows @ signs.reshape(len(signs), -1).T * scales).astype(F32)


def run_module(directory, number):
    rng = random.Random(f"{SEED}/{number}")
    numbers = np.random.default_rng(rng.getrandbits(32))
    directory.mkdir(parents=True, exist_ok=True)
    m, k, n, out = rng.choice([1, 5, 30]), rng.choice([40, 64, 200]), rng.choice([33, 64]), rng.choice([10, 17])
    side, c, f = rng.choice([3, 6]), rng.choice([32, 64]), rng.choice([32, 64])
    direct = [Normalization(rng, numbers, f"bn{i}", [40, rng.choice([1, 7, 16, 50])]) for i in range(3)]
    hidden, last = Normalization(rng, numbers, "hidden", [m, n]), Normalization(rng, numbers, "last", [m, out])
    pixels = Normalization(rng, numbers, "pixels", [1, side, side, f])
    stored, parts = {}, {}
    for bn in (*direct, hidden, last, pixels):
        stored |= bn.stored()
    shapes = {"net.w1": (n, k), "net.w2": (out, n), "conv.w1": (f, 3, 3, c), "conv.w2": (out, 3, 3, f)}
    for name, shape in shapes.items():
        w, *parts[name] = draw_weight(numbers, shape)
        stored[name] = ("F32", w)
    module, weights = directory / "m.mlir", directory / "w.safetensors"
    artifact.write_tensors(weights, stored)
    module.write_text(
        "".join(map(functions, direct))
        + write_network("net", m, k, hidden, out, last)
        + write_convolutions("conv", side, c, pixels, out)
    )
    path = directory / "artifact"
    subprocess.run(["compressc", "compile", module, "--weights", weights, "--preset", "binary", "--compute", "auto",
                    "--min-elements", "320", "-o", path], check=True)  # fmt: skip
    subprocess.run(["compressc", "verify", path, "--original", module, "--weights", weights],
                   check=True, capture_output=True)  # fmt: skip
    computes = {w["name"]: w["compute"] for w in artifact.read_manifest(path)["weights"]}
    assert all(computes[name] == "xnor" for name in shapes), computes
    # Nothing is left of what was folded.
    left = {name for name in computes if name.split(".")[0] in ("hidden", "last", "pixels")}
    assert not left, left
    count = 0
    with Model(path) as model:
        for bn in direct:
            d = bn.hard(numbers, 40)
            (folded,) = model.run(bn.name + "_folded", d)
            normalized, kept = model.run(bn.name + "_kept", d)
            same = np.array_equal(folded, kept) and np.array_equal(folded, bn.signs(d))
            assert same and np.array_equal(normalized, bn.normalize(d), equal_nan=True), (SEED, number, vars(bn))
            assert {*np.unique(folded)} <= {-1, 1}
            count += d.size
        x = numbers.standard_normal((m, k)).astype(F32)
        h = hidden.signs(contract(np.copysign(1, x), *parts["net.w1"]))
        y = last.signs(contract(h, *parts["net.w2"]))
        assert np.array_equal(model.run("net", x)[0], y), (SEED, number, "net")
        x = numbers.standard_normal((1, side, side, c)).astype(F32)
        h = pixels.signs(convolve(np.copysign(1, x), *parts["conv.w1"]))
        y = convolve(h, *parts["conv.w2"])
        assert np.array_equal(model.run("conv", x)[0], y), (SEED, number, "conv")
    return count


total = sum(run_module(Path(sys.argv[1]) / f"module-{number}", number) for number in range(CASES))
print(f"seed {SEED}: {total} numbers and {2 * CASES} networks agree bit for bit")
