"""Convolutions for GPUs: gpu-convolutions.py DIRECTORY [FAMILY...]. Of the family `random`, COMPRESS_TEST_SEED and COMPRESS_TEST_CASES say which and
how many.

Artifacts are run on the fake CUDA driver, their kernels on the model of ptx_model: those of contractions, and those of what is around them. Results are
compared with f64, of the decode without kernels and of x as it is rounded; the bound is that of gpu-kernels.py.
"""

import copy
import importlib
import os
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
from compress_runtime import Model
from fake_gpu import FakeGpu

kernels = importlib.import_module("gpu-kernels")
SEED = int(os.environ.get("COMPRESS_TEST_SEED", "1"))


# Image, weight and result of conv_2d_*. In numpy they are nhwgc, ghwcf and nhwgf.
FORMS = {
    "nhwc_hwcf": ("nhwc", "hwcf", "nhwf"),
    "nhwc_fhwc": ("nhwc", "fhwc", "nhwf"),
    "nchw_fchw": ("nchw", "fchw", "nfhw"),
    "nhwgc_gfhwc": ("nhwgc", "gfhwc", "nhwgf"),
    "ngchw_fgchw": ("ngchw", "fgchw", "ngfhw"),
    "ngchw_gfchw": ("ngchw", "gfchw", "ngfhw"),
    # Of depthwise convolutions channels are groups.
    "nhwc_hwc": ("nhwg", "hwg", "nhwg"),
    "nchw_chw": ("nghw", "ghw", "nghw"),
    "nhwc_hwcm": ("nhwg", "hwgf", "nhwgf"),
}
DEPTHWISE = [form for form, dims in FORMS.items() if "c" not in dims[1]]


class Case:
    """A convolution of `images` images, the number of which is known if it is static."""

    def __init__(self, codec, c, f, window, out, form="nhwc_hwcf", strides=(1, 1), dilations=(1, 1), pad=(0, 0, 0, 0), images=(2,), static=False, x="f16",
                 weight="f32", compute="f16", epilogue=None, groups=1, few=False, other=None, row=False, has_parts=False):  # fmt: skip
        self.codec, self.c, self.f, self.window, self.out, self.form, self.groups, self.few = codec, c, f, window, out, form, groups, few
        self.strides, self.dilations, self.pad, self.images, self.static = strides, dilations, pad, images, static
        self.x, self.weight, self.compute, self.epilogue = x, weight, compute, epilogue
        # Rows of images of which no size is known: their outputs in another run. And whether windows are rounded as rows.
        self.other, self.row = other, row
        self.has_parts = has_parts  # of sums, which a second kernel adds up
        # What windows reach, less the border (top, bottom, left, right).
        reach = [(o - 1) * s + (k - 1) * d + 1 for o, s, k, d in zip(out, strides, window, dilations)]
        self.size = (reach[0] - pad[0] - pad[1], reach[1] - pad[2] - pad[3])
        self.k = window[0] * window[1] * c

    def with_outputs(self, out):
        case = copy.copy(self)
        case.out = out
        case.size = tuple(size + (o - before) * stride for size, o, before, stride in zip(self.size, out, self.out, self.strides))
        return case

    def label(self):
        return (f"{self.codec or self.weight} {self.form} g={self.groups} c={self.c} f={self.f} {self.window} out={self.out} strides={self.strides} "
                f"dilations={self.dilations} pad={self.pad} x={self.x} {self.compute}")  # fmt: skip

    def signs(self):
        """Whether x is compared with 0 first, so that what is counted is exact."""
        return self.compute in ("xnor", "auto")

    def is_decoded(self):
        """Whether there is no kernel, and what computes it decodes single elements."""
        return self.few or self.form in DEPTHWISE

    def weight_shape(self):
        sizes = {"g": self.groups, "h": self.window[0], "w": self.window[1], "c": self.c, "f": self.f}
        return [sizes[d] for d in FORMS[self.form][1]]


def transpose(array, dims, wanted):
    """Dimensions that are not wanted, or not there, are of one."""
    array = array.reshape([size for size, d in zip(array.shape, dims) if d in wanted])
    kept = [d for d in dims if d in wanted]
    array = array.transpose([kept.index(d) for d in wanted if d in kept])
    return np.ascontiguousarray(np.expand_dims(array, [i for i, d in enumerate(wanted) if d not in kept]))


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
        Case(quant("i4", (1, 1, 64, 1)), 64, 24, (2, 2), (4, 3), strides=(2, 2)),
        Case(quant("i4", (1, 3, 3, 3)), 3, 24, (3, 3), (4, 3), form="nhwc_fhwc"),
        Case(preset("palette4"), 20, 24, (3, 3), (3, 4)),
        Case(preset("palette4"), 7, 24, (2, 3), (3, 4), form="nhwc_fhwc", x="bf16", compute="f16"),
        Case(preset("palette4-row"), 20, 24, (3, 3), (3, 4)),
        Case(preset("fp8-e4m3-b128x128"), 128, 200, (2, 2), (3, 3)),
        Case(None, 8, 24, (3, 3), (3, 4), weight="f16"),
        Case(None, 3, 24, (5, 3), (3, 4), weight="f16", strides=(2, 2)),
        Case(preset("fp8-e4m3-channel"), 32, 24, (1, 3), (5, 4), x="bf16", compute="bf16", form="nhwc_fhwc"),
        Case(preset("sparse-int4"), 64, 24, (3, 3), (3, 4), form="nhwc_fhwc"),
        Case(preset("int8-channel"), 4, 16, (2, 2), (3, 3)),  # 8 columns are neighbours, and begin at multiples of 4
    ],
    "one": [
        Case(preset("int8-channel"), 64, 24, (1, 1), (5, 4)),
        Case(preset("int8-channel"), 20, 24, (1, 1), (5, 4), strides=(2, 2)),
        Case(preset("int4-b32"), 64, 24, (1, 1), (5, 4), form="nchw_fchw"),
        Case(preset("int8-channel"), 20, 24, (1, 1), (3, 4), pad=(1, 1, 1, 1)),
    ],
    "borders": [
        Case(preset("int8-channel"), 16, 24, (3, 3), (5, 6), pad=(1, 1, 1, 1), epilogue="bias-relu"),
        Case(preset("int8-channel"), 20, 24, (3, 3), (4, 5), pad=(1, 0, 0, 2), strides=(2, 1), x="f32"),
        Case(None, 128, 64, (3, 3), (3, 3), weight="f16", pad=(1, 1, 1, 1), epilogue="bias-relu", has_parts=True),
        Case(preset("int8-channel"), 5, 16, (3, 3), (6, 6), pad=(2, 2, 1, 1), dilations=(2, 1), form="nchw_fchw", static=True),
        Case(None, 3, 16, (7, 7), (4, 5), weight="f16", pad=(3, 3, 3, 3), strides=(2, 2)),
    ],
    "first": [
        Case(preset("int8-channel"), 6, 33, (3, 3), (4, 5), form="nchw_fchw"),
        Case(quant("i4", (1, 6, 3, 3)), 6, 16, (3, 3), (4, 5), form="nchw_fchw", epilogue="bias-relu"),
    ],
    "groups": [
        Case(preset("int8-channel"), 20, 24, (3, 2), (3, 4), form="nhwgc_gfhwc", groups=3, pad=(1, 0, 0, 1)),
        Case(preset("int8-channel"), 8, 17, (3, 3), (3, 4), form="ngchw_fgchw", groups=2, strides=(2, 1), x="f32", static=True),
    ],
    "signs": [
        Case(preset("binary"), 64, 40, (3, 3), (5, 6), compute="xnor", pad=(1, 1, 1, 1), images=(1, 3)),
        Case(preset("binary"), 20, 33, (3, 3), (4, 5), compute="auto", x="f32", static=True, strides=(1, 2)),
        Case(preset("binary"), 15, 24, (3, 3), (5, 3), compute="auto", form="nchw_fchw", pad=(1, 0, 0, 2), strides=(2, 1), epilogue="bias-relu"),
        Case(preset("binary"), 48, 16, (2, 3), (3, 4), compute="xnor", x="bf16", pad=(2, 1, 1, 1), dilations=(2, 1), form="nhwc_fhwc", images=(11,)),
        Case(preset("binary"), 150, 24, (1, 1), (3, 4), compute="xnor"),
        Case(preset("binary"), 160, 24, (1, 1), (3, 4), compute="xnor", strides=(2, 2)),
        Case(preset("binary"), 136, 24, (1, 1), (5, 6), compute="auto", pad=(1, 1, 0, 1)),
        Case(preset("binary"), 200, 40, (3, 3), (4, 4), compute="auto", pad=(1, 1, 1, 1), static=True, images=(2,)),
    ],
    # Of which windows are copied to a matrix.
    "unrolled": [
        Case(preset("int8-channel"), 16, 24, (3, 3), (5, 6), pad=(1, 1, 1, 1), epilogue="bias-relu", images=(1, 2), other=(3, 4)),
        Case(preset("int4-b32"), 64, 40, (3, 2), (4, 5), x="f32", strides=(2, 1), other=(2, 7)),
        Case(preset("int8-channel"), 6, 17, (3, 3), (4, 5), form="nchw_fchw", dilations=(2, 1), epilogue="bias-relu", other=(5, 3)),
        Case(preset("int8-channel"), 20, 24, (1, 1), (4, 5), other=(3, 3)),
        Case(preset("int8-channel"), 8, 17, (3, 3), (3, 4), form="ngchw_fgchw", groups=2, x="f32", other=(4, 2)),
        Case(None, 3, 24, (5, 3), (3, 4), weight="f16", strides=(2, 2), pad=(2, 2, 1, 1), other=(4, 3)),
        Case(preset("int8-channel"), 1, 1, (3, 3), (3, 4), form="nhwc_hwc", groups=6, pad=(1, 1, 1, 1), other=(6, 3)),
        Case(preset("binary"), 20, 24, (3, 3), (3, 4), compute="auto", other=(2, 5)),
        Case(preset("int8-channel"), 32, 24, (3, 3), (3, 4), compute="int8", row=True, x="f32", other=(2, 5)),
        Case(preset("int8-channel"), 20, 24, (3, 3), (3, 4), compute="int8", row=True, pad=(1, 1, 1, 1)),
        Case(quant("i4", (1, 1, 32, 1)), 64, 24, (2, 2), (3, 4), compute="int8", row=32),
        Case(quant("u4", (3, 3, 16, 1), "f32", ", zero = i8"), 16, 24, (3, 3), (3, 4), compute="int8", row=True, x="bf16", epilogue="bias-relu"),
        Case(preset("sparse-int4"), 64, 24, (3, 3), (3, 4), form="nhwc_fhwc", compute="int8", row=64),
        Case(preset("sparse-int4"), 64, 24, (3, 3), (3, 4), form="nhwc_fhwc", other=(2, 2)),
        Case(preset("fp8-e4m3-channel"), 16, 24, (3, 3), (3, 4), compute="f8", row=True, pad=(1, 1, 0, 0), x="f32"),
        Case(preset("mxfp8"), 32, 24, (2, 2), (3, 4), compute="f8", row=32, images=(1, 3)),
    ],
    "depthwise": [
        Case(preset("int8-channel"), 1, 1, (3, 3), (5, 6), form="nhwc_hwc", groups=20, pad=(1, 1, 1, 1), images=(1, 3)),
        Case(preset("int4-b32"), 1, 1, (3, 3), (4, 5), form="nchw_chw", groups=5, x="f32", strides=(2, 2), pad=(1, 0, 0, 1)),
        Case(preset("int8-channel"), 1, 1, (3, 2), (1, 7), form="nchw_chw", groups=3, epilogue="bias-relu", static=True),
        Case(preset("int8"), 1, 3, (2, 3), (3, 4), form="nhwc_hwcm", groups=6, dilations=(2, 1)),
        Case(preset("fp8-e4m3-channel"), 1, 1, (5, 5), (2, 3), form="nhwc_hwc", groups=7),
        Case(preset("palette4"), 1, 1, (3, 3), (3, 4), form="nchw_chw", groups=6),
        Case(preset("binary"), 1, 1, (3, 3), (3, 4), form="nchw_chw", groups=6),
        Case(preset("ternary"), 1, 1, (3, 3), (3, 4), form="nhwc_hwc", groups=6),
        Case(preset("nf4"), 1, 1, (3, 3), (3, 4), form="nchw_chw", groups=6),
        Case(preset("int3-b32"), 1, 1, (3, 3), (3, 4), form="nchw_chw", groups=10),
        Case(preset("mxfp4"), 1, 1, (3, 3), (3, 4), form="nhwc_hwc", groups=6),
        Case(preset("q4_K"), 1, 1, (3, 3), (3, 4), form="nchw_chw", groups=6),
        Case(preset("int4-b32-asym"), 1, 1, (3, 3), (3, 4), form="nchw_chw", groups=6),
        Case(preset("int8-channel"), 2, 3, (3, 3), (3, 4), form="ngchw_gfchw", groups=5, pad=(1, 1, 1, 1), few=True),
        Case(preset("int4-b32"), 1, 1, (3, 3), (3, 4), form="ngchw_fgchw", groups=6, strides=(1, 2), few=True),
        Case(None, 1, 1, (3, 3), (4, 4), form="nhwc_hwc", groups=6, weight="f16"),
        Case(preset("int8-channel"), 4, 4, (3, 3), (3, 4), form="ngchw_gfchw", groups=3),
    ],
    "bytes": [
        Case(preset("int8-channel"), 64, 40, (3, 3), (5, 6), compute="int8"),
        Case(preset("int8-channel"), 16, 33, (3, 2), (3, 4), compute="int8", images=(1, 11), pad=(1, 1, 1, 0), epilogue="bias-relu"),
        Case(preset("int8-channel"), 32, 24, (2, 3), (4, 3), compute="int8", form="nchw_fchw", x="f32", static=True, strides=(2, 1)),
        Case(quant("i4", (3, 3, 48, 1)), 48, 24, (3, 3), (3, 4), compute="int8", x="bf16", dilations=(1, 2)),
        Case(preset("int8-channel"), 32, 24, (1, 1), (3, 4), compute="int8", strides=(2, 2)),
        Case(preset("int8-channel"), 20, 24, (1, 1), (3, 4), compute="int8"),
        Case(preset("int8-channel"), 16, 24, (2, 2), (1, 1), compute="int8", images=(17,)),
        Case(preset("int8-channel"), 16, 24, (3, 2), (3, 4), compute="int8", form="nhwgc_gfhwc", groups=2, images=(3,)),
    ],
}  # fmt: skip


def random_cases(rng, count):
    cases = []
    for _ in range(count):
        form = str(rng.choice(["nhwc_hwcf", "nhwc_fhwc", "nchw_fchw"]))
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
    image_dims, weight_dims, out_dims = FORMS[case.form]
    sizes = {"n": case.images[0] if case.static else "?", "g": case.groups, "c": case.c, "f": case.f}
    border = {"h": case.pad[:2], "w": case.pad[2:]}
    known = {} if case.other else {"h": case.out[0], "w": case.out[1]}
    inside, around = dict(zip("hw", case.size)), {d: size + sum(border[d]) for d, size in zip("hw", case.size)}
    if case.other:
        inside = around = {"h": "?", "w": "?"}
    x = tensor([{**sizes, **inside}[d] for d in image_dims], case.x)
    padded = tensor([{**sizes, **around}[d] for d in image_dims], case.x)
    y = tensor([{"h": "?", "w": "?", **sizes, **known}[d] for d in out_dims], "f32")
    w = tensor(case.weight_shape(), case.weight)
    codec = f" {{compress.codec = {case.codec}}}" if case.codec else ""
    constant = f"  %w = arith.constant{codec} dense_resource<w{number}> : {w}\n"
    text = constant + "  %zero = arith.constant 0.0 : f32\n  %c0 = arith.constant 0 : index\n"
    image = "%x"
    if case.signs():
        given = f"affine_map<({', '.join(image_dims)}) -> ({', '.join(image_dims)})>"
        kinds = ", ".join(['"parallel"'] * len(image_dims))
        text += (
            f"  %signs = linalg.generic {{indexing_maps = [{given}, {given}], iterator_types = [{kinds}]}} ins(%x : {x}) outs(%x : {x}) {{\n"
            f"  ^bb0(%a: {case.x}, %b: {case.x}):\n    %f = arith.constant 0.0 : {case.x}\n    %p = arith.constant 1.0 : {case.x}\n"
            f"    %m = arith.constant -1.0 : {case.x}\n    %c = arith.cmpf oge, %a, %f : {case.x}\n    %r = arith.select %c, %p, %m : {case.x}\n"
            f"    linalg.yield %r : {case.x}\n  }} -> {x}\n"
        )
        image = "%signs"
    if any(case.pad):
        low, high = ([border.get(d, (0, 0))[side] for d in image_dims] for side in (0, 1))
        indices = ", ".join(f"%i{d}: index" for d in image_dims)
        text += (
            f"  %none = arith.constant 0.0 : {case.x}\n  %p = tensor.pad {image} low{low} high{high} {{\n  ^bb0({indices}):\n"
            f"    tensor.yield %none : {case.x}\n  }} : {x} to {padded}\n"
        )
        image = "%p"
    size = "" if case.static else "%n"
    if case.other:
        for i, d in enumerate("hw"):
            reach = (case.window[i] - 1) * case.dilations[i] + 1
            text += (
                f"  %p{d} = arith.constant {image_dims.index(d)} : index\n  %s{d} = tensor.dim {image}, %p{d} : {padded}\n"
                f"  %r{d} = arith.constant {reach} : index\n  %l{d} = arith.subi %s{d}, %r{d} : index\n"
                f"  %t{d} = arith.constant {case.strides[i]} : index\n  %q{d} = arith.divui %l{d}, %t{d} : index\n"
                f"  %one{d} = arith.constant 1 : index\n  %o{d} = arith.addi %q{d}, %one{d} : index\n"
            )
        size = ", ".join(["%n"] * (not case.static) + ["%oh", "%ow"])
    text += "" if case.static else f"  %n = tensor.dim %x, %c0 : {x}\n"
    text += f"  %e = tensor.empty({size}) : {y}\n  %i = linalg.fill ins(%zero : f32) outs(%e : {y}) -> {y}\n"
    numbers = lambda values: f"dense<[{values[0]}, {values[1]}]> : tensor<2xi64>"
    text += (
        f"  %y = linalg.{'depthwise_' * (case.form in DEPTHWISE)}conv_2d_{case.form} {{strides = {numbers(case.strides)}, dilations = {numbers(case.dilations)}}}\n"
        f"    ins({image}, %w : {padded}, {w}) outs(%i : {y}) -> {y}\n"
    )
    args, result = f"%x: {x}", "%y"
    if case.epilogue == "bias-relu":
        channels = "f" if "f" in out_dims else "g"
        args += f", %bias: tensor<{sizes[channels]}xf32>"
        dims = ", ".join(out_dims)
        loops = ", ".join(['"parallel"'] * len(out_dims))
        text += (
            f"  %r = linalg.generic {{indexing_maps = [affine_map<({dims}) -> ({dims})>, affine_map<({dims}) -> ({channels})>, "
            f"affine_map<({dims}) -> ({dims})>], iterator_types = [{loops}]}}\n"
            f"    ins(%y, %bias : {y}, tensor<{sizes[channels]}xf32>) outs(%e : {y}) {{\n  ^bb0(%a: f32, %b: f32, %o: f32):\n    %s = arith.addf %a, %b : f32\n"
            f"    %m = arith.maximumf %s, %zero : f32\n    linalg.yield %m : f32\n  }} -> {y}\n"
        )
        result = "%r"
    convolution = f"func.func @f{number}({args}) -> {y} {{\n{text}  return {result} : {y}\n}}\n"
    decode = f"func.func @d{number}() -> {w} {{\n{constant}  return %w : {w}\n}}\n"
    return convolution, decode


def windows(case, x):
    """The windows of images nhwgc: n x oh x ow x g x (kh kw c)."""
    x = np.pad(x, ((0, 0), case.pad[:2], case.pad[2:], (0, 0), (0, 0)))
    rows = []
    for i in range(case.window[0]):
        for j in range(case.window[1]):
            part = x[:, i * case.dilations[0] :, j * case.dilations[1] :]
            rows.append(part[:, : (case.out[0] - 1) * case.strides[0] + 1 : case.strides[0], : (case.out[1] - 1) * case.strides[1] + 1 : case.strides[1]])
    return np.concatenate(rows, -1)


def round_images(case, x):
    """x as the kernel multiplies it: as docs/Numerics.md says, with a scale for each image, or pixel."""
    if case.is_decoded():
        return x
    if case.signs():
        return np.where(x >= 0, 1.0, -1.0)
    if case.compute not in ("int8", "f8"):
        return kernels.from_bits(kernels.to_bits(x, case.compute), case.compute)
    largest = np.abs(x).max((4,) if case.window == (1, 1) else (1, 2, 4), keepdims=True).astype(np.float32)
    return np.rint(x.astype(np.float32) * (np.float32(127) / largest)).astype(np.float64) * (largest / np.float32(127)).astype(np.float64)


def round_rows(case, rows):
    """Windows as rows are rounded, with a scale for each block of columns: nhwgk."""
    block = case.k if case.row is True else case.row
    whole = np.pad(rows, [(0, 0)] * (rows.ndim - 1) + [(0, -rows.shape[-1] % block)])
    parts = whole.reshape(*rows.shape[:-1], -1, block)
    largest = np.abs(parts).max(-1, keepdims=True).astype(np.float32)
    most = np.float32(kernels.ROUNDED[case.compute])
    scaled = parts.astype(np.float32) * (most / largest)
    rounded = np.rint(scaled) if case.compute == "int8" else scaled.astype(ml_dtypes.float8_e4m3fn)
    return (rounded.astype(np.float64) * (largest / most).astype(np.float64)).reshape(whole.shape)[..., : rows.shape[-1]]


def make_inputs(case, n, rng):
    """Images nhwgc, and a bias."""
    x = rng.standard_normal((n, *case.size, case.groups, case.c))
    x *= 2.0 ** rng.integers(-3, 4, (n, 1, 1, 1, 1))  # images have scales of their own
    if case.signs():
        x[rng.random(x.shape) < 0.05] = 0
        x[rng.random(x.shape) < 0.05] = -0.0
        x[rng.random(x.shape) < 0.02] = np.nan
    return kernels.to_bits(x, case.x), rng.standard_normal((case.groups, 1) if case.form in DEPTHWISE else case.f).astype(np.float32)


def expect(case, x, bias, weight):
    """What f64 gives, nhwgf, and how far from it a kernel may be."""
    matrix = transpose(weight.astype(np.float64), FORMS[case.form][1], "ghwcf").reshape(case.groups, case.k, case.f)
    numbers = kernels.from_bits(x, case.x)
    rows = round_rows(case, windows(case, numbers)) if case.row else windows(case, round_images(case, numbers))
    expected, terms = (np.einsum("nhwgk,gkf->nhwgf", *both) for both in ((rows, matrix), (np.abs(rows), np.abs(matrix))))
    if case.signs():
        # The exact sum, rounded once, and nothing away from it.
        expected, bound = expected.astype(np.float32), np.full(expected.shape, 2.0**-149)
        return np.maximum(expected + bias, 0) if case.epilogue else expected, bound
    # Sums of integers are exact.
    bound = (8 if case.compute == "int8" else case.k / 8 + 40) * 2.0**-24 * terms + 2.0**-126
    if case.epilogue:
        shifted = expected + bias
        expected, bound = np.maximum(shifted, 0), bound + np.abs(shifted) * 2.0**-22
    return expected, bound


def check(gpu, model, number, case, weight, rng):
    image_dims, _, out_dims = FORMS[case.form]
    for n, case in [(n, at) for n in case.images for at in [case, *([case.with_outputs(case.other)] if case.other else [])]]:
        x, bias = make_inputs(case, n, rng)
        gpu.launches.clear()
        [y] = model.run(f"f{number}", transpose(x, "nhwgc", image_dims), *([bias.ravel()] if case.epilogue else []))
        gpu.check()
        expected, bound = expect(case, x, bias, weight)
        worst = np.max(np.abs(transpose(y, out_dims, "nhwgf") - expected) / bound)
        names = [name for name, _ in gpu.launches]
        has_parts = any(name.endswith("_sum") for name in names)
        wanted = 0 if case.is_decoded() else 1 + has_parts + (case.signs() or case.compute in ("int8", "f8"))
        assert has_parts == case.has_parts and sum("_contract" in name for name in names) == wanted, names
        assert worst <= 1, f"{case.label()}: {worst:.3g} times the bound; seed {SEED}"
        print(f"{case.label()}: {worst:.3f} of the bound: {', '.join(names)}", flush=True)


def make_modules(cases, path, rng):
    """Of each case its function, then what all share, and weights as the CPU decodes them."""
    functions, blobs = [function(i, case) for i, case in enumerate(cases)], []
    for i, case in enumerate(cases):
        values = kernels.to_bits(rng.standard_normal(case.weight_shape()), case.weight)
        blobs.append(f'    w{i}: "0x40000000{values.tobytes().hex().upper()}"')
    resources = "{-# dialect_resources: { builtin: {\n" + ",\n".join(blobs) + "\n} } #-}\n"
    # Presets choose blocks by what reads a weight, so that is there, too.
    weights = list(kernels.decode_all(path, [f + d for f, d in functions], resources, len(cases)))
    return [f for f, _ in functions], resources, weights


def main():
    path = str(Path(sys.argv[1]).resolve())
    count, gpu = 0, FakeGpu()
    for family in sys.argv[2:] or FAMILIES:
        rng = np.random.default_rng(SEED)
        cases = FAMILIES[family] if family != "random" else random_cases(rng, int(os.environ.get("COMPRESS_TEST_CASES", "10")))
        functions, resources, weights = make_modules(cases, f"{path}.{family}", rng)
        for compute in sorted({case.compute for case in cases}):
            chosen = [i for i, case in enumerate(cases) if case.compute == compute]
            source, artifact = f"{path}.{family}.{compute}.mlir", f"{path}.{family}.{compute}.gpu"
            Path(source).write_text("".join(functions[i] for i in chosen) + resources)
            chip = "sm_89" if compute == "f8" else "sm_80"
            subprocess.run(["compressc", "compile", source, "--preset", "none", "--target", f"nvptx:{chip}", "--compute", compute, "-o", artifact], check=True)
            subprocess.run(["compressc", "verify", artifact, "--original", source], check=True, capture_output=True)
            with Model(artifact) as model:
                for i in chosen:
                    check(gpu, model, i, cases[i], weights[i], rng)
                    count += len(cases[i].images) * (2 if cases[i].other else 1)
    print(f"{count} convolutions agree with the decode, seed {SEED}")


if __name__ == "__main__":
    main()
