"""Convolutions for GPUs: gpu-convolutions.py DIRECTORY [FAMILY...]. Of the family `random`, COMPRESS_TEST_SEED and COMPRESS_TEST_CASES say which and
how many.

Artifacts are run on the fake CUDA driver, their kernels on the model of ptx_model: those of contractions, and those of what is around them. Results are
compared with f64, of the decode without kernels and of x as it is rounded; the bound is that of gpu-kernels.py.
"""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from compress_runtime import Model
from fake_gpu import FakeGpu

kernels = importlib.import_module("gpu-kernels")
SEED = int(os.environ.get("COMPRESS_TEST_SEED", "1"))


class Case:
    """A convolution of `images` images, the number of which is known if it is static. Weights are hwcf, fhwc or fchw; fchw is of images with channels first."""

    def __init__(self, codec, c, f, window, out, form="hwcf", strides=(1, 1), dilations=(1, 1), pad=(0, 0, 0, 0), images=(2,), static=False, x="f16",
                 weight="f32", compute="f16", epilogue=None, groups=1):  # fmt: skip
        self.codec, self.c, self.f, self.window, self.out, self.form = codec, c, f, window, out, form
        self.strides, self.dilations, self.pad, self.images, self.static = strides, dilations, pad, images, static
        self.x, self.weight, self.compute, self.epilogue, self.groups = x, weight, compute, epilogue, groups
        # What windows reach, less the border (top, bottom, left, right).
        reach = [(o - 1) * s + (k - 1) * d + 1 for o, s, k, d in zip(out, strides, window, dilations)]
        self.size = (reach[0] - pad[0] - pad[1], reach[1] - pad[2] - pad[3])
        self.k = window[0] * window[1] * c

    def is_channels_first(self):
        return self.form == "fchw"

    def label(self):
        return f"{self.codec or self.weight} {self.form} c={self.c} f={self.f} {self.window} out={self.out} strides={self.strides} dilations={self.dilations} pad={self.pad} x={self.x} {self.compute}"

    def arrange(self, image, channels):
        """The type or array of an image or result."""
        return (image[0], channels, *image[1:]) if self.is_channels_first() else (*image, channels)


def preset(name):
    return f'"{name}"'


def quant(storage, block, scale="f16", more=""):
    return f"#compress.quant<{storage}, block = [{', '.join(map(str, block))}], scale = {scale}{more}>"


FAMILIES = {
    "channels": [
        Case(preset("int8-channel"), 64, 40, (3, 3), (5, 6)),
        Case(preset("int8-channel"), 20, 33, (3, 3), (4, 5), images=(1, 3)),
        Case(preset("int8-channel"), 3, 24, (3, 2), (5, 4), strides=(2, 1), x="f32"),
        Case(preset("int8-channel"), 8, 16, (3, 3), (4, 4), strides=(1, 3), dilations=(2, 1), static=True),
        Case(preset("int4-b32"), 64, 40, (3, 3), (5, 3), static=True, images=(3,)),
        Case(quant("i4", (1, 1, 64, 1)), 64, 24, (2, 2), (4, 3), strides=(2, 2), form="hwcf"),
        Case(quant("i4", (1, 3, 3, 3)), 3, 24, (3, 3), (4, 3), form="fhwc"),
        Case(preset("palette4"), 20, 24, (3, 3), (3, 4)),
        Case(preset("palette4"), 7, 24, (2, 3), (3, 4), form="fhwc", x="bf16", compute="f16"),
        Case(None, 8, 24, (3, 3), (3, 4), weight="f16"),
        Case(None, 3, 24, (5, 3), (3, 4), weight="f16", strides=(2, 2)),
        Case(preset("fp8-e4m3-channel"), 32, 24, (1, 3), (5, 4), x="bf16", compute="bf16", form="fhwc"),
    ],
    "one": [
        Case(preset("int8-channel"), 64, 24, (1, 1), (5, 4)),
        Case(preset("int8-channel"), 20, 24, (1, 1), (5, 4), strides=(2, 2)),
        Case(preset("int4-b32"), 64, 24, (1, 1), (5, 4), form="fchw"),
        Case(preset("int8-channel"), 20, 24, (1, 1), (3, 4), pad=(1, 1, 1, 1)),
    ],
    "borders": [
        Case(preset("int8-channel"), 16, 24, (3, 3), (5, 6), pad=(1, 1, 1, 1), epilogue="bias-relu"),
        Case(preset("int8-channel"), 20, 24, (3, 3), (4, 5), pad=(1, 0, 0, 2), strides=(2, 1), x="f32"),
        Case(preset("int8-channel"), 5, 16, (3, 3), (6, 6), pad=(2, 2, 1, 1), dilations=(2, 1), form="fchw", static=True),
    ],
    "first": [
        Case(preset("int8-channel"), 6, 33, (3, 3), (4, 5), form="fchw"),
        Case(quant("i4", (1, 6, 3, 3)), 6, 16, (3, 3), (4, 5), form="fchw", epilogue="bias-relu"),
    ],
}  # fmt: skip


def random_cases(rng, count):
    cases = []
    for _ in range(count):
        form = str(rng.choice(["hwcf", "fhwc", "fchw"]))
        codec = rng.choice([preset("int8-channel"), preset("palette4"), preset("binary"), preset("ternary"), None])
        window = tuple(int(v) for v in rng.integers(1, 4, 2))
        x = str(rng.choice(["f16", "f32"]))
        cases.append(
            Case(codec, int(rng.choice([1, 2, 3, 8, 12, 20, 64])), int(rng.integers(1, 60)), window, tuple(int(v) for v in rng.integers(2, 7, 2)), form=form,
                 strides=tuple(int(v) for v in rng.integers(1, 4, 2)), dilations=tuple(int(v) for v in rng.integers(1, 3, 2)),
                 pad=tuple(int(v) for v in rng.integers(0, 2, 4)), images=(int(rng.integers(1, 4)),), static=bool(rng.integers(2)), x=x,
                 weight="f32" if codec else "f16", epilogue=str(rng.choice(["", "bias-relu"])))
        )  # fmt: skip
    return [case for case in cases if min(case.size) > 0]


def tensor(shape, element):
    return f"tensor<{'x'.join(map(str, shape))}x{element}>"


def function(number, case):
    n = case.images[0] if case.static else "?"
    x = tensor(case.arrange((n, *case.size), case.c), case.x)
    padded_size = (case.size[0] + case.pad[0] + case.pad[1], case.size[1] + case.pad[2] + case.pad[3])
    padded = tensor(case.arrange((n, *padded_size), case.c), case.x)
    y = tensor(case.arrange((n, *case.out), case.f), "f32")
    sizes = {"h": case.window[0], "w": case.window[1], "c": case.c, "f": case.f}
    w = tensor([sizes[d] for d in case.form], case.weight)
    codec = f" {{compress.codec = {case.codec}}}" if case.codec else ""
    constant = f"  %w = arith.constant{codec} dense_resource<w{number}> : {w}\n"
    text = constant + f"  %zero = arith.constant 0.0 : f32\n  %c0 = arith.constant 0 : index\n"
    image = "%x"
    if any(case.pad):
        low, high = case.arrange((0, case.pad[0], case.pad[2]), 0), case.arrange((0, case.pad[1], case.pad[3]), 0)
        text += (
            f"  %none = arith.constant 0.0 : {case.x}\n  %p = tensor.pad %x low{list(low)} high{list(high)} {{\n  ^bb0(%a: index, %b: index, %c: index, %d: index):\n"
            f"    tensor.yield %none : {case.x}\n  }} : {x} to {padded}\n"
        )
        image = "%p"
    size = "%n" if n == "?" else ""
    text += f"  %n = tensor.dim %x, %c0 : {x}\n" if n == "?" else ""
    text += f"  %e = tensor.empty({size}) : {y}\n  %i = linalg.fill ins(%zero : f32) outs(%e : {y}) -> {y}\n"
    name = {"hwcf": "nhwc_hwcf", "fhwc": "nhwc_fhwc", "fchw": "nchw_fchw"}[case.form]
    numbers = lambda values: f"dense<[{values[0]}, {values[1]}]> : tensor<2xi64>"
    text += (
        f"  %y = linalg.conv_2d_{name} {{strides = {numbers(case.strides)}, dilations = {numbers(case.dilations)}}}\n"
        f"    ins({image}, %w : {padded}, {w}) outs(%i : {y}) -> {y}\n"
    )
    args, result = f"%x: {x}", "%y"
    if case.epilogue == "bias-relu":
        args += f", %bias: tensor<{case.f}xf32>"
        channel = "f" if not case.is_channels_first() else "h"
        text += (
            f"  %r = linalg.generic {{indexing_maps = [affine_map<(n, h, w, f) -> (n, h, w, f)>, affine_map<(n, h, w, f) -> ({channel})>, "
            f'affine_map<(n, h, w, f) -> (n, h, w, f)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}}\n'
            f"    ins(%y, %bias : {y}, tensor<{case.f}xf32>) outs(%e : {y}) {{\n  ^bb0(%a: f32, %b: f32, %o: f32):\n    %s = arith.addf %a, %b : f32\n"
            f"    %m = arith.maximumf %s, %zero : f32\n    linalg.yield %m : f32\n  }} -> {y}\n"
        )
        result = "%r"
    convolution = f"func.func @f{number}({args}) -> {y} {{\n{text}  return {result} : {y}\n}}\n"
    decode = f"func.func @d{number}() -> {w} {{\n{constant}  return %w : {w}\n}}\n"
    return convolution, decode


def windows(case, x):
    """The windows of images n x h x w x c as n x oh x ow x (kh kw c)."""
    x = np.pad(x, ((0, 0), (case.pad[0], case.pad[1]), (case.pad[2], case.pad[3]), (0, 0)))
    rows = []
    for i in range(case.window[0]):
        for j in range(case.window[1]):
            part = x[:, i * case.dilations[0] :, j * case.dilations[1] :]
            rows.append(part[:, : (case.out[0] - 1) * case.strides[0] + 1 : case.strides[0], : (case.out[1] - 1) * case.strides[1] + 1 : case.strides[1]])
    return np.concatenate(rows, -1)


def check(gpu, model, number, case, weight, rng):
    matrix = weight.astype(np.float64).transpose([case.form.index(d) for d in "hwcf"]).reshape(case.k, case.f)
    for n in case.images:
        x = kernels.to_bits(rng.standard_normal((n, *case.size, case.c)), case.x)
        bias = rng.standard_normal(case.f).astype(np.float32)
        given = x.transpose(0, 3, 1, 2) if case.is_channels_first() else x
        gpu.launches.clear()
        [y] = model.run(f"f{number}", np.ascontiguousarray(given), *([bias] if case.epilogue else []))
        gpu.check()
        if case.is_channels_first():
            y = y.transpose(0, 2, 3, 1)
        rows = windows(case, kernels.from_bits(x, case.x))
        rows = kernels.from_bits(kernels.to_bits(rows, case.compute), case.compute)
        expected, terms = rows @ matrix, np.abs(rows) @ np.abs(matrix)
        bound = (case.k / 8 + 40) * 2.0**-24 * terms + 2.0**-126
        if case.epilogue:
            shifted = expected + bias
            expected, bound = np.maximum(shifted, 0), bound + np.abs(shifted) * 2.0**-22
        worst = np.max(np.abs(y - expected) / bound)
        names = [name for name, _ in gpu.launches]
        assert any("_contract" in name for name in names), names
        assert worst <= 1, f"{case.label()}: {worst:.3g} times the bound; seed {SEED}"
        print(f"{case.label()}: {worst:.3f} of the bound: {', '.join(names)}", flush=True)


def main():
    path = str(Path(sys.argv[1]).resolve())
    count, gpu = 0, FakeGpu()
    for family in sys.argv[2:] or FAMILIES:
        rng = np.random.default_rng(SEED)
        cases = FAMILIES[family] if family != "random" else random_cases(rng, int(os.environ.get("COMPRESS_TEST_CASES", "10")))
        functions = [function(i, case) for i, case in enumerate(cases)]
        blobs = []
        for i, case in enumerate(cases):
            sizes = {"h": case.window[0], "w": case.window[1], "c": case.c, "f": case.f}
            values = kernels.to_bits(rng.standard_normal([sizes[d] for d in case.form]), case.weight)
            blobs.append(f'    w{i}: "0x40000000{values.tobytes().hex().upper()}"')
        resources = "{-# dialect_resources: { builtin: {\n" + ",\n".join(blobs) + "\n} } #-}\n"
        # Presets choose blocks by what reads a weight, so that is there, too.
        weights = list(kernels.decode_all(f"{path}.{family}", [f + d for f, d in functions], resources, len(cases)))
        for compute in sorted({case.compute for case in cases}):
            chosen = [i for i, case in enumerate(cases) if case.compute == compute]
            source, artifact = f"{path}.{family}.{compute}.mlir", f"{path}.{family}.{compute}.gpu"
            Path(source).write_text("".join(functions[i][0] for i in chosen) + resources)
            subprocess.run(["compressc", "compile", source, "--preset", "none", "--target", "nvptx:sm_80", "--compute", compute, "-o", artifact], check=True)
            subprocess.run(["compressc", "verify", artifact, "--original", source], check=True, capture_output=True)
            with Model(artifact) as model:
                for i in chosen:
                    check(gpu, model, i, cases[i], weights[i], rng)
                    count += len(cases[i].images)
    print(f"{count} convolutions agree with the decode, seed {SEED}")


if __name__ == "__main__":
    main()
