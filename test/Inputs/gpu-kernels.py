"""Compares kernels for GPUs, run on a model of one (ptx_model.py), with the reference decode: gpu-kernels.py DIRECTORY [FAMILY...].
Of the family `random`, COMPRESS_TEST_SEED and COMPRESS_TEST_CASES say which and how many.

What is decoded comes from the CPU, element by element, without kernels. Weights are f32, so that decode rounds nothing to a shorter type; a kernel
multiplies x with it up to the rounding of sums, and of entries of a codebook (`inexact`). With mma's sums exact, a sum of K products of which a mma adds 16 is rounded at most K / 16 times
for each warp and once more for each block and each warp, with 4 more for scales. `M` bounds what is added up: with zero points and minima, more than |w|.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
from gpu_module import ELEMENTS, choose, compile_module
from ptx_model import launch

# What x may be rounded to, and the largest of it.
ROUNDED = {"int8": 127, "f8": 448}
SEED = int(os.environ.get("COMPRESS_TEST_SEED", "1"))


def preset(name):
    return f'"{name}"'


def sparse(values):
    return f"#compress.nested<#compress.nm<2:4, axis = 1>, values = {values}>"


def quant(storage, block, scale="f16", more=""):
    return f"#compress.quant<{storage}, block = [1, {block}], scale = {scale}{more}>"


class Case:
    """Kernels for x of m rows, for each m."""

    def __init__(self, codec, n, k, rows, static=None, x="f16", y="f32", compute="auto", epilogue=None, accumulate=False, batch=(), weight="f32", wide=1, inexact=False, rank=0, special=False, block=None, spread=None, positive=False, largest=False, chip=None, options="", scaled=None, twice=False):
        self.codec, self.n, self.k, self.rows, self.static = codec, n, k, rows, static
        self.x, self.y, self.compute, self.epilogue, self.accumulate = x, y, compute, epilogue, accumulate
        self.batch, self.weight, self.wide, self.inexact, self.rank = tuple(batch), weight, wide, inexact, rank
        self.spread = spread  # exponents of powers of two that rows of the weight are multiplied by
        self.chip, self.options = chip, options  # of the pipeline; a chip where the test's own will not do
        # For which rows numbers are multiplied by their scales first, and rounded as decode does, or up to one rounding more (`twice`). None: no matter.
        self.scaled = rows if scaled is True else [] if scaled is False else scaled
        self.twice = twice
        self.special = special  # rows of x that are large, small, or 0
        self.positive = positive  # all weights are
        self.largest = largest  # nearly all of x and of the weight have the largest codes, so that sums of integers are the largest ones, too
        self.block = min(block or k, k)  # columns of x that are rounded with one scale
        self.has_parts = False  # of sums, for sure

    def is_sparse(self):
        return any(name in (self.codec or "") for name in ("#compress.nm<", '"nm', "sparse-int4"))

    def signs(self):
        """Whether x is compared with 0 first, and what that makes counted."""
        return self.compute == "xnor"

    def half(self):
        if self.compute != "auto":
            return self.compute
        return next((t for t in (self.x, self.weight) if t != "f32"), "bf16")


ONE, HOPPER = "multiprocessors=1", "sm_90a"


# Wide: how many times |w| of the largest one what is added up may be.
FAMILIES = {
    "int4": [
        Case(preset("int4-b128"), 64, 256, [1, 8, 5, 16, 13, 40, 70]),
        Case(preset("int4-b32"), 64, 256, [3, 16]),
        Case(preset("int4-b64"), 40, 200, [7], static=7),
        Case(preset("int4-b32"), 33, 77, [2, 9], y="f16"),
        Case(preset("int4-b32-asym"), 48, 256, [4, 17], wide=4),
        Case(quant("u4", 64, "f32", ", zero = i8"), 48, 256, [4], wide=4),
        Case(quant("u4", 32, "f16", ", zero = f16"), 48, 160, [4], x="bf16", wide=4),
        Case(preset("int4-b128"), 2100, 128, [2], static=2),
        Case(preset("int4-b32"), 32, 96, [9], x="bf16"),
        Case(preset("int4-b32"), 32, 96, [9], x="f32", compute="f16"),
        Case(preset("int4-b32"), 32, 97, [5], x="f32"),
        Case(preset("int4-b128"), 512, 1024, [64], static=64),
    ],
    "int8": [
        Case(preset("int8"), 64, 256, [5, 20]),
        Case(preset("int8-channel"), 72, 136, [5], static=5),
        Case(preset("int8"), 4, 9, [3]),  # one tile
        Case(preset("fp8-e4m3"), 16, 16, [3], static=3, x="bf16"),
        Case("#compress.quant<u8, block = [1, 1], scale = f16, zero = i8>", 1, 1, [2], wide=4),
        Case(preset("int8-channel"), 64, 128, [70], x="bf16"),
        Case(quant("u8", 32, "f16", ", min = f16"), 48, 96, [11], wide=4),
        Case(quant("i8", 32), 24, 70, [4], x="bf16"),
    ],
    "rounded": [
        Case(preset("int8-channel"), 64, 256, [1, 5, 13, 20, 70], compute="int8"),
        Case(preset("int8-channel"), 40, 77, [5, 9], x="f32", compute="int8"),
        Case(preset("int8"), 9, 30, [3], compute="int8"),
        Case(preset("int8-channel"), 72, 1050, [7], static=7, x="bf16", compute="int8", accumulate=True),
        Case(quant("i8", 17, "f32"), 33, 17, [3], x="f32", compute="int8", epilogue="bias-relu"),
        Case(quant("i4", 300), 40, 300, [5, 18], compute="int8"),
        Case("#compress.quant<i4, block = [48, 64], scale = f32>", 48, 64, [2], y="f16", compute="int8"),
        Case(preset("int8-channel"), 512, 1024, [64], static=64, compute="int8"),
        Case("#compress.quant<i8, block = [1, 1, 70], scale = f32>", 32, 70, [6], x="bf16", compute="int8", batch=[3]),
        Case("#compress.quant<i8, block = [1, 1, 1, 70], scale = f32>", 24, 70, [3], compute="int8", batch=[2, 2]),
        Case(preset("int8-channel"), 16, 48, [7], x="f32", compute="int8", special=True),
    ],
    "rounded-blocks": [
        Case(quant("i8", 128), 64, 256, [1, 13, 70], compute="int8", block=128),
        Case(preset("int4-b32"), 48, 200, [9, 40], x="f32", compute="int8", block=32),
        Case(preset("int4-b64"), 40, 200, [7], static=7, x="bf16", compute="int8", block=64, accumulate=True),
        Case(preset("int4-b128"), 33, 515, [20], compute="int8", block=128, y="f16"),
        Case(quant("i4", 96), 33, 300, [3], compute="int8", block=96),
        Case(quant("i8", 1024, "f32"), 16, 2000, [2], compute="int8", block=1024),
        Case("#compress.quant<i8, block = [1, 1, 64], scale = f32>", 32, 130, [10], compute="int8", batch=[2], block=64),
        Case(preset("int4-b32"), 16, 48, [7], x="f32", compute="int8", special=True, block=32),
        Case(quant("i8", 384), 24, 768, [5], compute="int8", block=384, largest=True),
        Case("#compress.quant<i8, block = [16, 32], scale = f16>", 64, 512, [5], compute="int8", block=32),  # 8 blocks in a record
    ],
    "rounded-offsets": [
        Case(preset("int4-b32-asym"), 48, 256, [4, 17], compute="int8", block=32, wide=4),
        Case(quant("u4", 64, "f32", ", zero = i8"), 48, 200, [4], compute="int8", block=64, wide=4),
        Case(quant("u8", 32, "f16", ", min = f16"), 48, 96, [11, 33], x="bf16", compute="int8", block=32, wide=4),
        Case(quant("u8", 300, "f32", ", zero = f16"), 40, 300, [5], compute="int8", wide=4),
        Case(quant("i8", 1100, "f16", ", zero = i8"), 24, 1100, [9], static=9, x="f32", compute="int8", wide=4),
        Case(preset("q4_K"), 40, 288, [9], compute="int8", block=32, wide=4),
        Case(quant("u8", 128, "f32", ", min = f32"), 24, 256, [5], compute="int8", block=128, wide=4, largest=True),
        Case(quant("u8", 160, "f32", ", min = f32"), 24, 320, [5], compute="int8", block=160, wide=4, largest=True),
    ],
    "rounded-narrow": [
        Case(preset("int2-b32"), 64, 128, [5], compute="int8", block=32),
        Case(quant("binary", 32), 40, 130, [5], compute="int8", block=32),
        Case(preset("int3-b32"), 40, 130, [5], compute="int8", block=32),
        Case(quant("u6", 32, "f16", ", min = f16"), 40, 130, [5], compute="int8", block=32, wide=4),
        Case(preset("ternary"), 40, 300, [5, 18], compute="int8"),
        Case(preset("binary"), 40, 300, [5], x="bf16", compute="int8"),
        Case(quant("binary", 64), 40, 130, [5], compute="int8", block=64),
        Case(quant("u2", 64, "f16", ", min = f16"), 64, 128, [5], compute="int8", block=64, wide=4),
        Case(preset("int8-channel"), 16, 33000, [1], compute="int8"),
    ],
    "float8": [
        Case(preset("fp8-e4m3-channel"), 64, 256, [1, 13, 70], compute="f8"),
        Case(preset("fp8-e5m2"), 40, 130, [5], x="f32", compute="f8", epilogue="bias-relu"),
        Case(preset("fp8-e4m3"), 33, 77, [20], static=20, x="bf16", compute="f8", accumulate=True),
        Case(preset("mxfp8"), 40, 200, [9, 33], compute="f8", block=32),
        Case(quant("f8E5M2", 128, "f32"), 48, 515, [3], x="f32", compute="f8", block=128, y="f16"),
        Case(preset("fp8-e4m3-channel"), 16, 48, [7], x="f32", compute="f8", special=True),
    ],
    "signs": [
        Case(preset("binary"), 64, 512, [1, 5, 13, 20, 70], compute="xnor"),
        Case(preset("binary"), 40, 300, [5, 9], x="f32", compute="xnor", special=True),
        Case(preset("binary"), 33, 1001, [7], static=7, x="bf16", compute="xnor", accumulate=True),
        Case(quant("binary", 130, "f32"), 24, 130, [3], compute="xnor", weight="f16", epilogue="bias-relu"),
        Case("#compress.quant<binary, block = [48, 4160], scale = bf16>", 48, 4160, [2, 30], y="f16", compute="xnor", special=True),
        Case("#compress.quant<binary, block = [1, 1, 260], scale = f32>", 32, 260, [6], x="bf16", compute="xnor", batch=[3]),
        Case("#compress.quant<binary, block = [1, 1, 1, 140], scale = f32>", 24, 140, [3], compute="xnor", batch=[2, 2]),
    ],
    "narrow": [
        Case(preset("int2-b32"), 64, 128, [5, 20]),
        Case(preset("int2-b32"), 64, 128, [5], x="bf16"),
        Case(quant("i2", 16), 40, 130, [5, 20]),
        Case(quant("binary", 32), 40, 130, [5]),
        Case(quant("binary", 16), 40, 130, [5], x="bf16"),
        Case(preset("int3-b32"), 64, 160, [5, 20]),
        Case(preset("int3-b32"), 40, 130, [5], x="bf16"),
        Case(quant("u3", 64, "f16", ", min = f16"), 40, 130, [5], wide=4),
        Case(quant("i6", 16), 40, 130, [5]),
        Case(quant("u6", 32, "f16", ", min = f16"), 40, 130, [5], x="bf16", wide=4),
        Case(preset("ternary"), 40, 300, [5]),
        Case(preset("binary"), 40, 300, [5, 18]),
        Case(preset("binary"), 40, 300, [5], x="bf16"),
        Case(quant("u2", 64, "f16", ", min = f16"), 64, 128, [5], wide=4),
    ],
    "floats": [
        Case(preset("fp8-e4m3"), 64, 128, [5, 20]),
        Case(preset("fp8-e5m2-channel"), 64, 128, [5]),
        Case(preset("fp8-e4m3-channel"), 40, 130, [5], x="bf16"),
        Case(preset("fp8-e4m3"), 40, 96, [5], spread=(-18, 1)),
        Case(preset("fp8-e4m3"), 40, 96, [5], x="bf16", spread=(-18, 1)),
        Case(preset("fp8-e5m2"), 40, 130, [5], x="bf16"),
        Case(preset("fp8-e4m3-b128x128"), 200, 300, [5, 20]),
        Case(preset("fp8-e5m2-b128x128"), 40, 512, [5], x="bf16"),
        Case("#compress.quant<i4, block = [64, 64], scale = f32>", 150, 1100, [5]),
        Case("#compress.quant<i4, block = [32, 32], scale = f16>", 64, 512, [5]),  # 8 blocks in a record
        Case("#compress.quant<u8, block = [1, 32, 32], scale = f32, min = f16>", 70, 130, [5], batch=[2], wide=4),
        Case(quant("f4E2M1FN", 32), 40, 130, [5]),
        Case(quant("f4E2M1FN", 32), 40, 130, [5], x="bf16"),
    ],
    # Of the type that kernels compute in: with many rows or short blocks, what is multiplied is what decode yields, whether it is tiny or huge.
    "scaled": [
        Case(preset("int4-b128"), 64, 256, [1, 33], weight="f16", scaled=[33]),
        Case(preset("int4-b32"), 33, 97, [9], weight="f16", y="f16", scaled=True),
        Case(preset("int4-b64"), 40, 320, [40], weight="f16", scaled=True, spread=(-24, 13)),
        Case(quant("i8", 32), 24, 70, [33], weight="f16", scaled=True, spread=(-24, 13)),
        Case(quant("i4", 32, "bf16"), 40, 130, [20], x="bf16", weight="bf16", scaled=True, spread=(-120, 120)),
        Case(quant("u4", 32, "f16", ", zero = i8"), 48, 96, [5, 20], weight="f16", scaled=[20], wide=4),
        Case(quant("u8", 32, "f16", ", zero = i8"), 48, 96, [20], weight="f16", scaled=True, wide=4),
        Case(quant("i4", 32, "f16", ", zero = i8"), 48, 96, [20], weight="f16", scaled=True, wide=4),
        Case(preset("int4-b32-asym"), 48, 96, [5], weight="f16", scaled=True, wide=4, twice=True),
        Case(quant("u6", 32, "bf16", ", min = bf16"), 40, 130, [20], x="bf16", weight="bf16", scaled=True, wide=4, twice=True),
        Case(quant("i4", 32, "f32"), 40, 130, [40], weight="f16", scaled=False),
        Case(quant("u4", 32), 40, 130, [5, 40], x="bf16", weight="bf16", scaled=[40], spread=(-14, 13), positive=True),
        Case(quant("u8", 32, "f32", ", zero = i8"), 24, 70, [64], x="bf16", weight="bf16", scaled=False),
        Case(quant("i8", 32, "f32"), 24, 70, [64], x="bf16", weight="bf16", scaled=True, twice=True, spread=(-110, 110)),
        Case(preset("fp8-e4m3-b128x128"), 300, 260, [70], x="bf16", weight="bf16", scaled=True, twice=True, options=ONE),
        Case(preset("mxfp4"), 64, 96, [40], weight="f16", scaled=True, spread=(-20, 12)),
        Case(preset("mxfp4"), 40, 130, [64], x="bf16", weight="bf16", scaled=True, spread=(-120, 120)),
        Case(preset("mxfp8"), 40, 130, [40], weight="f16", scaled=False, spread=(-20, 12)),
        Case(preset("mxfp8"), 40, 96, [33], x="bf16", weight="bf16", scaled=True, spread=(-120, 110)),
        Case(quant("f8E5M2", 32, "f16"), 40, 130, [40], weight="f16", scaled=True),
        Case(preset("nf4"), 40, 130, [40], weight="f16", scaled=True, inexact=True, twice=True, spread=(-24, 13)),
        Case(preset("sparse-int4"), 40, 256, [40], weight="f16", scaled=True),
        Case(preset("int4-b64"), 300, 128, [129], weight="f16", scaled=True, options=ONE),
        Case(quant("u4", 128), 260, 256, [70], x="bf16", weight="bf16", scaled=True, positive=True, options=ONE),
        Case(preset("nf4"), 260, 96, [70], x="bf16", weight="f16", scaled=False, inexact=True, options=ONE),
        Case(preset("nf4"), 40, 96, [40], x="bf16", weight="bf16", scaled=True, inexact=True, twice=True),
    ],
    "palettes": [
        Case(preset("palette4"), 64, 256, [5, 20]),
        Case(preset("palette4"), 40, 130, [5], x="bf16", compute="f16"),
        Case("#compress.palette<bits = 4, group = [40, 130], codebook = bf16>", 40, 130, [5], x="bf16"),
        Case(preset("palette1"), 40, 300, [5]),
        Case(preset("palette2"), 40, 130, [5, 20]),
        Case(preset("palette3"), 40, 130, [5, 20]),
        Case(preset("palette5"), 40, 130, [5], x="bf16", inexact=True),
        Case(preset("palette6"), 40, 130, [5]),
        Case(preset("palette8"), 64, 256, [5, 20]),
        Case(preset("palette1-row"), 40, 300, [5]),
        Case(preset("palette2-row"), 40, 130, [5], x="bf16", inexact=True),
        Case(preset("palette3-row"), 40, 130, [5]),
        Case(preset("palette4-row"), 72, 130, [5, 20, 70]),
        Case(preset("palette7-row"), 40, 130, [5]),
        Case(preset("palette8-row"), 40, 256, [5, 70]),
        Case("#compress.palette<bits = 4, group = [32, 130], codebook = f16, scale = f16, block = [1, 32]>", 72, 130, [5]),
        Case("#compress.palette<bits = 6, group = [1, 1, 96], codebook = f32>", 24, 96, [5], batch=[2], inexact=True),
        Case(preset("nf4"), 64, 256, [5, 20], inexact=True),
        Case(preset("nf4"), 40, 130, [5], x="bf16", inexact=True),
    ],
    "scales": [
        Case(preset("mxfp4"), 64, 256, [5, 20]),
        Case(preset("mxfp8"), 40, 130, [5]),
        Case(preset("mxfp4"), 40, 130, [5], x="bf16"),
        Case(preset("nvfp4"), 64, 256, [5, 20]),
        Case(preset("nvfp4"), 40, 130, [5], x="bf16"),
        Case(preset("mxfp4"), 40, 96, [5], spread=(-130, 110)),
        Case(preset("mxfp4"), 40, 96, [5], x="bf16", spread=(-130, 110)),
        Case(preset("nvfp4"), 40, 96, [5], spread=(-16, 1)),
        Case(preset("nvfp4"), 40, 17, [5]),
        Case(preset("nvfp4"), 40, 96, [5], x="bf16", spread=(-16, 1)),
        Case("#compress.nested<#compress.quant<f4E2M1FN, block = [64, 16], scale = f32>, scales = #compress.quant<f8E4M3FN, block = [1, 32], scale = f32>>", 64, 512, [5]),
        Case(preset("q4_K"), 64, 512, [5], wide=4),
        Case(preset("q4_K"), 40, 288, [9], wide=4),
        Case(preset("q2_K"), 64, 512, [5, 20], wide=4),
        Case(preset("q2_K"), 40, 288, [5], x="bf16", wide=4),
        Case(preset("q6_K"), 40, 288, [9]),
        Case(preset("q6_K"), 40, 512, [5], x="bf16"),
        Case("#compress.nested<#compress.quant<f4E2M1FN, block = [1, 32], scale = f32>, scales = #compress.quant<f8E4M3FN, block = [1, 8], scale = f32>>", 64, 256, [5], x="bf16"),
    ],
    "factors": [
        Case("#compress.lowrank<16>", 64, 256, [5, 20], weight="f16", rank=16),
        Case("#compress.lowrank<24>", 40, 136, [3], static=3, weight="f16", x="bf16", rank=24),
    ],
    "dense": [
        Case(None, 64, 256, [1, 16, 70], weight="f16"),
        Case(None, 40, 99, [9], weight="f16"),
        Case(None, 64, 256, [5], x="bf16", weight="bf16"),
        Case(None, 24, 17, [5], weight="f16", accumulate=True),
        Case(None, 32, 64, [6], weight="f16", batch=[3]),
        Case(None, 24, 64, [3], weight="f16", batch=[2, 2]),
    ],
    "sparse": [
        Case(preset("nm2:4"), 64, 256, [1, 8, 5, 16, 13, 40, 70], weight="f16"),
        Case(preset("nm2:4"), 33, 77, [2, 9], weight="f16", y="f16", epilogue="bias-relu"),
        Case(preset("nm2:4"), 40, 96, [7], static=7, weight="bf16", x="bf16", accumulate=True),
        Case(preset("nm2:4"), 24, 30, [3], weight="bf16", x="f16", inexact=True),
        Case(preset("nm1:4"), 64, 250, [5, 20], weight="f16"),
        Case("#compress.nm<1:2, axis = 1>", 40, 102, [9], weight="bf16", x="bf16"),
        Case("#compress.nested<#compress.nm<1:2, axis = 1>, values = #compress.quant<i4, block = [1, 64], scale = f16>>", 40, 390, [9]),
        Case("#compress.nm<2:4, axis = 2>", 32, 64, [6], weight="f16", batch=[3]),
        Case(preset("sparse-int4"), 64, 512, [1, 13, 70]),
        Case(preset("sparse-int4"), 40, 398, [9], static=9, x="bf16"),
        Case(sparse(quant("i4", 32)), 33, 77, [5], y="f16"),
        Case(sparse(quant("i4", 128)), 48, 768, [20]),
        Case(sparse(quant("i8", 512, "f32")), 64, 1000, [5, 20]),
        Case(sparse(quant("f8E4M3FN", 32)), 40, 130, [5], x="bf16"),
        Case(sparse(quant("i3", 64)), 40, 300, [5]),
        Case(sparse("#compress.nested<#compress.quant<f4E2M1FN, block = [1, 16], scale = f32>, scales = #compress.quant<f8E4M3FN, block = [40, 8], scale = f32>>"), 40, 256, [5]),
        Case(sparse("#compress.palette<bits = 4, group = [40, 256], codebook = f16>"), 40, 256, [5]),
    ],
    "sparse-rounded": [
        Case(sparse(quant("i8", 512, "f32")), 64, 256, [1, 5, 13, 70], compute="int8"),
        Case(sparse(quant("i8", 512, "f32")), 40, 77, [9], x="f32", compute="int8", accumulate=True),
        Case(sparse(quant("i8", 600, "f32")), 72, 1050, [7], static=7, x="bf16", compute="int8"),
        Case("#compress.nested<#compress.nm<1:2, axis = 1>, values = #compress.quant<i8, block = [1, 600], scale = f32>>", 40, 101, [5], compute="int8"),
        Case(sparse(quant("i4", 600)), 40, 300, [5, 18], compute="int8", epilogue="bias-relu"),
        Case(preset("sparse-int4"), 40, 398, [9], compute="int8", block=128),
        Case(sparse(quant("u8", 64)), 33, 300, [5], x="f32", compute="int8", block=128, positive=True),
    ],
    # Blocks of many rows, as on a GPU of one multiprocessor; and clusters of blocks that share what is reduced.
    "many": [
        Case(preset("int8-channel"), 300, 136, [70], options=ONE),
        Case(preset("fp8-e5m2-channel"), 72, 130, [129], x="bf16", options=ONE),
        Case(preset("int4-b64"), 300, 128, [70], options=ONE),
        Case(preset("q6_K"), 40, 512, [5], chip="sm_86"),  # has less shared memory
        Case(preset("int8-channel"), 300, 150, [150], static=150, compute="int8", options=ONE),
        Case(None, 520, 77, [260], weight="f16", y="f16", options=ONE),
        Case(None, 24, 160, [131], static=131, weight="bf16", x="bf16", accumulate=True, chip="sm_89", options=ONE),
    ],
    "clusters": [
        Case(preset("int4-b128"), 64, 4200, [1, 13], chip=HOPPER),
        Case(preset("int8-channel"), 40, 4100, [5], static=5, x="bf16", epilogue="bias-relu", chip=HOPPER),
        Case(quant("u4", 64, "f16", ", min = f16"), 300, 1400, [40], wide=4, chip=HOPPER),
        Case(quant("u8", 2100, "f16", ", zero = f16"), 40, 2100, [20], wide=4, chip=HOPPER),
        Case(preset("int8-channel"), 48, 3000, [9, 50], compute="int8", chip=HOPPER),
        Case(None, 32, 2100, [6], weight="f16", batch=[3], chip=HOPPER),
        Case(None, 32, 2100, [20], static=20, weight="f16", accumulate=True, chip=HOPPER),
    ],
    # Without clusters: parts of sums, which a second kernel adds up.
    "parts": [
        Case(preset("int4-b128"), 48, 8500, [1, 13]),
        Case(preset("int8-channel"), 20, 4100, [5], static=5, x="bf16", epilogue="bias-relu"),
        Case(quant("u4", 64, "f16", ", min = f16"), 40, 3500, [40], wide=4),
        Case(quant("u8", 2600, "f16", ", zero = f16"), 40, 2600, [20], wide=4, chip="sm_89"),
        Case(preset("int8-channel"), 40, 4100, [9], compute="int8", y="f16"),
        Case(preset("binary"), 40, 33000, [5], compute="xnor", accumulate=True),
        Case(preset("fp8-e4m3-channel"), 32, 4100, [5], compute="f8", chip="sm_89", epilogue="bias-relu", y="f16"),
        Case(preset("palette4"), 24, 8300, [5], x="bf16", compute="f16", epilogue="gelu", chip="sm_89"),
        Case(None, 40, 2100, [6, 70], weight="f16", batch=[2]),
        Case(None, 32, 2100, [20], static=20, weight="f16", accumulate=True),
        Case(preset("nm2:4"), 20, 4200, [5], weight="f16", y="f16"),
    ],
    "epilogues": [
        Case(preset("int4-b32"), 33, 96, [2, 9], epilogue="bias-relu"),
        Case(preset("int4-b32"), 33, 96, [9], epilogue="bias-relu", y="f16"),
        Case(preset("int4-b32"), 33, 96, [9], epilogue="gelu", y="f32"),
        Case(preset("int4-b32"), 33, 96, [9], accumulate=True),
    ],
}

for case in FAMILIES["parts"]:
    case.has_parts = True


def random_cases(rng, count):
    """Any codec, types and sizes."""
    def blocks(storage, block, *more):
        return quant(rng.choice(storage), block, *more), int(block)

    def sparse_blocks(storage, block):
        # Of stored values, of which two of four bytes make an mma of 32.
        return sparse(quant(rng.choice(storage), block)), 2 * int(block) if block >= 32 else None

    # With the blocks of x where that may be rounded to integers: None where it may not.
    codecs = [
        lambda: (*blocks(["i4", "i2", "i8", "i3", "i6"], rng.choice([32, 64, 128])), 1),
        lambda: (*blocks(["u4", "u8", "u2", "u3", "u6"], rng.choice([32, 64]), "f16", rng.choice([", min = f16", ", min = f32", ", zero = i8", ", zero = f16"])), 4),
        lambda: (preset(rng.choice(["int8", "int8-channel", "ternary", "binary"])), 400, 1),
        lambda: (preset(rng.choice(["fp8-e4m3", "fp8-e5m2-channel", "mxfp4", "mxfp8", "nvfp4", "fp8-e4m3-b128x128"])), None, 1),
        lambda: (f'"palette{rng.integers(1, 9)}{rng.choice(["", "-row"])}"', None, 1),
        lambda: (None, None, 1),
        lambda: (preset("nm2:4"), None, 1),
        lambda: (*sparse_blocks(["i4", "i8"], rng.choice([16, 32, 256])), 1),
    ]  # fmt: skip
    cases = []
    for _ in range(count):
        if rng.integers(8) == 0:
            rows, scale = [int(rng.integers(1, 80))], rng.choice(["f32", "f16", "bf16"])
            k = int(rng.integers(129, 1200))
            cases.append(
                Case(quant("binary", k, scale), int(rng.integers(1, 150)), k, rows, static=rows[0] if rng.integers(2) else None,
                     x=str(rng.choice(["f16", "bf16", "f32"])), accumulate=bool(rng.integers(2)), weight=str(rng.choice(["f32", "f16", "bf16"])),
                     compute="xnor", special=bool(rng.integers(2)))
            )  # fmt: skip
            continue
        codec, block, wide = codecs[rng.integers(len(codecs))]()
        compute = str(rng.choice(["int8", "auto"])) if block else "auto"
        x = str(rng.choice(["f16", "f16", "bf16", "f32"]))
        are_values = codec in (None, preset("nm2:4"))
        weight = str(rng.choice(["f16", "bf16"])) if are_values else "f32"
        # Of the type that the kernel computes in, what decode yields may be multiplied.
        scaled = None
        if not are_values and compute == "auto" and x != "f32" and rng.integers(2):
            weight, scaled = x, []
        rows = [int(rng.integers(1, 80))]
        least = 33 if codec and "nm<2:4" in codec else 17
        # Entries of a codebook, and values of the other type, are rounded.
        inexact = "palette" in (codec or "") or (are_values and x not in ("f32", weight))
        cases.append(
            Case(codec, int(rng.integers(1, 150)), int(rng.integers(least if compute == "int8" else 1, 400)), rows, static=rows[0] if rng.integers(2) else None,
                 x=x, accumulate=bool(rng.integers(2)), wide=wide, weight=weight, inexact=inexact, compute=compute, block=block, scaled=scaled)
        )  # fmt: skip
    return cases


def to_bits(values, element):
    if element == "bf16":
        raw = values.astype(np.float32).view(np.uint32)
        return ((raw + 0x7FFF + ((raw >> 16) & 1)) >> 16).astype(np.uint16)
    return values.astype({"f16": np.float16, "f32": np.float32}[element])


def from_bits(bits, element):
    if element == "bf16":
        return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return bits.astype(np.float64)


def function(number, case):
    """The function of a case, for both targets, and the one that decodes its weight."""
    b = "".join(f"{size}x" for size in case.batch)
    m = case.static if case.static else "?"
    x, w, y = f"tensor<{b}{m}x{case.k}x{case.x}>", f"tensor<{b}{case.n}x{case.k}x{case.weight}>", f"tensor<{b}{m}x{case.n}x{case.y}>"
    codec = f" {{compress.codec = {case.codec}}}" if case.codec else ""
    constant = f"  %w = arith.constant{codec} dense_resource<w{number}> : {w}\n"
    signs = ""
    if case.signs():
        given = f"affine_map<({', '.join(f'd{i}' for i in range(len(case.batch) + 2))}) -> ({', '.join(f'd{i}' for i in range(len(case.batch) + 2))})>"
        kinds = ", ".join(['"parallel"'] * (len(case.batch) + 2))
        signs = (
            f"  %x = linalg.generic {{indexing_maps = [{given}, {given}], iterator_types = [{kinds}]}} ins(%given : {x}) outs(%given : {x}) {{\n"
            f"  ^bb0(%a: {case.x}, %b: {case.x}):\n    %f = arith.constant 0.0 : {case.x}\n    %p = arith.constant 1.0 : {case.x}\n"
            f"    %n = arith.constant -1.0 : {case.x}\n    %c = arith.cmpf oge, %a, %f : {case.x}\n    %r = arith.select %c, %p, %n : {case.x}\n"
            f"    linalg.yield %r : {case.x}\n  }} -> {x}\n"
        )
    dims = ", ".join([f"b{i}" for i in range(len(case.batch))] + ["m", "n", "k"])
    of = lambda *names: f"affine_map<({dims}) -> ({', '.join([f'b{i}' for i in range(len(case.batch))] + list(names))})>"
    loops = ", ".join(['"parallel"'] * (len(case.batch) + 2) + ['"reduction"'])
    text = constant + signs
    init = "%init"
    if not case.accumulate:
        text += f"  %zero = arith.constant 0.0 : {case.y}\n  %z = linalg.fill ins(%zero : {case.y}) outs(%init : {y}) -> {y}\n"
        init = "%z"
    extend = lambda name, element: (
        f"    %{name}w = arith.extf %{name} : {element} to f32\n" if element != "f32" else f"    %{name}w = arith.addf %{name}, %none : f32\n"
    )
    narrow = f"    %o = arith.truncf %s : f32 to {case.y}\n" if case.y != "f32" else "    %none2 = arith.constant -0.0 : f32\n    %o = arith.addf %s, %none2 : f32\n"
    if case.x == case.weight == case.y and not case.batch:
        text += f"  %y = linalg.matmul indexing_maps = [{of('m', 'k')}, {of('n', 'k')}, {of('m', 'n')}] ins(%x, %w : {x}, {w}) outs({init} : {y}) -> {y}\n"
    else:
        cast = lambda name, element: f"    %{name}c = arith.extf %{name} : {element} to {case.y}\n" if width(element) < width(case.y) else (
            f"    %{name}c = arith.truncf %{name} : {element} to {case.y}\n" if width(element) > width(case.y) else "")
        name_of = lambda name, element: f"%{name}c" if width(element) != width(case.y) else f"%{name}"
        text += (
            f"  %y = linalg.generic {{indexing_maps = [{of('m', 'k')}, {of('n', 'k')}, {of('m', 'n')}], iterator_types = [{loops}]}}\n"
            f"    ins(%x, %w : {x}, {w}) outs({init} : {y}) {{\n  ^bb0(%a: {case.x}, %c: {case.weight}, %d: {case.y}):\n"
            + cast("a", case.x) + cast("c", case.weight)
            + f"    %p = arith.mulf {name_of('a', case.x)}, {name_of('c', case.weight)} : {case.y}\n"
            f"    %s = arith.addf %d, %p : {case.y}\n    linalg.yield %s : {case.y}\n  }} -> {y}\n"
        )
    args, result = f"{'%given' if signs else '%x'}: {x}, %init: {y}", "%y"
    if case.epilogue == "bias-relu":
        args += f", %bias: tensor<{case.n}x{case.y}>"
        text += (
            f"  %e = linalg.generic {{indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, n)>], "
            f'iterator_types = ["parallel", "parallel"]}}\n    ins(%y, %bias : {y}, tensor<{case.n}x{case.y}>) outs(%init : {y}) {{\n'
            f"  ^bb0(%a: {case.y}, %c: {case.y}, %d: {case.y}):\n    %s = arith.addf %a, %c : {case.y}\n    %f = arith.constant 0.0 : {case.y}\n"
            f"    %r = arith.maximumf %s, %f : {case.y}\n    linalg.yield %r : {case.y}\n  }} -> {y}\n"
        )
        result = "%e"
    elif case.epilogue == "gelu":
        text += (
            f"  %e = linalg.generic {{indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], "
            f'iterator_types = ["parallel", "parallel"]}}\n    ins(%y : {y}) outs(%init : {y}) {{\n  ^bb0(%a: f32, %d: f32):\n'
            "    %t = math.tanh %a : f32\n    %r = arith.mulf %a, %t : f32\n    linalg.yield %r : f32\n  } -> " + y + "\n"
        )
        result = "%e"
    matmul = f"func.func @f{number}({args}) -> {y} {{\n{text}  return {result} : {y}\n}}\n"
    decode = f"func.func @d{number}() -> {w} {{\n{constant}  return %w : {w}\n}}\n"
    return matmul, decode


def width(element):
    return 32 if element == "f32" else 16


def decode_all(path, decodes, blobs, count):
    """What the CPU decodes, without kernels."""
    Path(path + ".decode.mlir").write_text("".join(decodes) + blobs)
    subprocess.run(["compressc", "compile", path + ".decode.mlir", "--preset", "none", "--allow-dense", "-o", path + ".artifact"],
                   check=True, capture_output=True)
    for i in range(count):
        subprocess.run(["compressc", "run", path + ".artifact", "--function", f"d{i}", "--output", f"{path}.d{i}.npy"], check=True)
        array = np.load(f"{path}.d{i}.npy")
        yield from_bits(array.view(np.uint16), "bf16") if array.dtype.kind == "V" else array


def chosen_launches(module, function, m):
    """What runs for m rows: contractions one after another. With the rows of a block. Those that prepare x come first."""
    contractions, rounding = {}, []
    for call in module.launches(function):
        if call.kernel.endswith(("_round", "_signs")):
            rounding.append((call, 1))
        else:
            contractions.setdefault(call.contraction, []).append(call)
    chosen = []
    for number in sorted(contractions):
        first = choose(contractions[number], m)
        chosen += [(call, call.rows) for call in contractions[number] if call.kernel in (first.kernel, first.kernel + "_sum")]
    return rounding + chosen


def make_inputs(case, m, rng):
    """x, what results are added to, and a bias."""
    x, init, bias = (rng.standard_normal(shape) for shape in ((*case.batch, m, case.k), (*case.batch, m, case.n), case.n))
    if case.largest:
        x = 1 + 2.0**-8 * rng.random(x.shape)
    if case.compute == "f8":  # many are subnormals of 8 bits
        x *= 2.0 ** -rng.integers(0, 18, x.shape)
    if case.special and case.signs():
        numbers = np.array([0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1e-7, -1e-7])
        x = np.where(rng.random(x.shape) < 0.3, rng.choice(numbers, x.shape), x)
    elif case.special:
        x[:3] *= np.array([2.0**100, 2.0**-98, 2.0**-120])[:, None]
        x[1, 1:] /= 64  # most of them are below 2^-100
        x[3] = 0
    return [to_bits(x, case.x), to_bits(init, case.y), to_bits(bias, case.y)]


def grids(module, function, m):
    """The launches for m rows, and their grids."""
    for chosen, block_rows in chosen_launches(module, function, m):
        # What rounds x has blocks for 8 rows, and several for these; what packs signs one for each row.
        rows = next((rows for end, rows in (("_round", 8), ("_signs", 1)) if chosen.kernel.endswith(end)), block_rows)
        x, y, z = chosen.grid
        yield chosen, [chosen.blocks * -(-m // rows) if x is None else x, y, z]


def shape_of(launch, i, m):
    """Sizes of an operand for m rows, and its type. Scales of x are those of 8 rows together, parts of sums those of a block's."""
    *shape, element = re.match(r"memref<([^,>]*)", launch.types[i]).group(1).split("x")
    rows = m
    if launch.kernel.endswith("_round") and i == 2:
        rows = -(-m // 8)
    elif launch.has_parts and i + 1 == len(launch.types):
        rows = -(-m // launch.rows)
    return [rows if size == "?" else int(size) for size in shape], element


def bind(module, number, case, m, inputs):
    """The launches for m rows: kernel, grid, and arrays, of which those that are written to have the numbers that come last."""
    given = {f"%arg{i}": array for i, array in enumerate(inputs)}
    bound = []
    for chosen, grid in grids(module, f"f{number}", m):
        arrays, constants = [], set()
        for i, name in enumerate(chosen.args):
            constant = module.array(chosen, f"f{number}", i)
            if constant is not None:
                arrays.append(constant)
                constants.add(i)
                continue
            if name not in given:  # a buffer for results
                shape, element = shape_of(chosen, i, m)
                given[name] = np.full(shape, 7, ELEMENTS[element])
            arrays.append(given[name])
        if not constants:  # what x becomes, and numbers of its rows
            bound.append((chosen, grid, arrays, (1, 2)))
            continue
        # What is written follows the components: it is the first one behind them. Parts come last.
        has_results = chosen.kernel.endswith("_sum") or not chosen.has_parts
        bound.append((chosen, grid, arrays, (max(constants) + 1 if has_results else len(arrays) - 1,)))
    return bound


def expect(case, inputs, weight):
    """What f64 gives, and how far from it a kernel may be."""
    x, init, bias = inputs
    half, m = case.half(), inputs[0].shape[-2]
    is_rounded = half in ROUNDED
    x = from_bits(x, case.x)
    if case.signs():
        return expect_signs(case, np.where(x >= 0, 1.0, -1.0), init, bias, weight)
    wanted_x = x if is_rounded else from_bits(to_bits(x, half), half)
    if is_rounded:
        most = np.float32(ROUNDED[half])
        # What docs/Numerics.md says of x, and how far that is from x at most.
        largest = np.maximum.reduceat(np.abs(x), np.arange(0, case.k, case.block), axis=-1)
        a = np.repeat(largest, case.block, axis=-1)[..., : case.k].astype(np.float32)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            factor = np.where(a < 2.0**-100, np.float32(0), most / a)
        scaled, scale = x.astype(np.float32) * factor, (a / most).astype(np.float64)
        if half == "f8":
            wanted_x = np.clip(scaled, -most, most).astype(ml_dtypes.float8_e4m3fn).astype(np.float64) * scale
            off = np.maximum(1.0001 * 2.0**-4 * np.abs(x), 1.0001 * 2.0**-10 * scale)
        else:
            wanted_x = np.rint(scaled).astype(np.float64) * scale
            off = 0.50004 * scale
        off = np.where(a < 2.0**-100, a, off)
        assert np.all(np.abs(wanted_x - x) <= off)
    w = weight.astype(np.float64)
    expected = wanted_x @ np.swapaxes(w, -1, -2)
    largest = np.abs(w).max() * (case.wide - 1)
    terms = np.abs(wanted_x) @ (np.abs(np.swapaxes(w, -1, -2)) + largest)
    bound = (case.k / 8 + 40) * 2.0**-24 * terms + 2.0**-126
    if half == "int8":  # the sum of a block's integers is exact: of it three roundings are left, of sums two for each block, and those of decode and warps
        bound = (8 + 2 * (-(-case.k // case.block) - 1)) * 2.0**-24 * terms + 2.0**15 * case.k * 2.0**-149
    if half == "f8":  # as halves, and of each block two roundings more
        bound = bound + 2 * -(-case.k // case.block) * 2.0**-24 * terms + 2.0**15 * case.k * 2.0**-149
    if case.scaled is not None:
        roundoff, tiny = (2.0**-8, 2.0**-133) if case.weight == "bf16" else (2.0**-11, 2.0**-24)
        if m not in case.scaled or case.twice:  # decode rounds, and the kernel in another way or not at all
            bound = bound + 2 * roundoff * terms + tiny * np.abs(wanted_x).sum(-1, keepdims=True)
        elif "mxfp" in case.codec:  # powers that f16 has not
            bound = bound + 6 * tiny * np.abs(wanted_x).sum(-1, keepdims=True)
    if case.inexact:  # entries of a codebook are rounded
        bound = bound + terms * (2.0**-8 if half == "bf16" else 2.0**-11)
    if case.rank:
        # What is between the factors is rounded, and so is the weight that is decoded, whose elements are sums over the rank.
        bound = bound + terms.max() * (2.0**-8 if half == "bf16" else 2.0**-11)
    if case.accumulate:
        expected, bound = expected + from_bits(init, case.y), bound + np.abs(from_bits(init, case.y)) * 2.0**-22
    if case.epilogue == "bias-relu":
        shifted = expected + from_bits(bias, case.y)
        bound, expected = bound + np.abs(shifted) * 2.0**-22, np.maximum(shifted, 0)
        if case.y == "f16":
            bound = bound + 2.0**-10 * (np.abs(shifted) + np.abs(from_bits(bias, case.y)))
    elif case.epilogue == "gelu":
        bound, expected = 2 * bound + np.abs(expected) * 2.0**-18, expected * np.tanh(expected)
    if case.y == "f16":
        bound = bound + np.abs(expected) * 2.0**-11 + 2.0**-24
    return expected, bound


def expect_signs(case, x, init, bias, weight):
    """The exact sum, rounded once, and nothing away from it."""
    single = lambda values: values.astype(np.float32)
    expected = single(x @ np.swapaxes(weight.astype(np.float64), -1, -2))
    if case.accumulate:
        expected = single(from_bits(init, case.y)) + expected
    if case.epilogue == "bias-relu":
        expected = np.maximum(expected + single(from_bits(bias, case.y)), np.float32(0))
    if case.y == "f16":
        expected = expected.astype(np.float16)
    return expected.astype(np.float64), np.full(expected.shape, 2.0**-149)


def label_of(case, m):
    return f"{case.codec or case.weight} {case.n}x{case.k} m={m} x={case.x} y={case.y} {case.epilogue or ''}".rstrip()


def check(module, number, case, weight, rng, report):
    for m in case.rows:
        inputs = make_inputs(case, m, rng)
        # Sums may be added to in place.
        expected, bound = expect(case, [array.copy() for array in inputs], weight)
        counts = {}

        def run(seed=SEED):
            for chosen, grid, arrays, out in bind(module, number, case, m, inputs):
                for op, c in launch(module.ptx, chosen.kernel, arrays, grid, chosen.shared_bytes, set(out), seed).items():
                    counts[op] = counts.get(op, 0) + c
            return chosen, from_bits(arrays[out[0]], case.y)

        chosen, result = run()
        if case.special and not case.signs():
            result = result.copy()
            inputs[0][4, 3], inputs[0][5, 2] = np.inf, np.nan
            again = run()[1]
            assert np.isnan(again[4:6]).all() and np.array_equal(np.delete(again, [4, 5], 0), np.delete(result, [4, 5], 0)), again
        assert chosen.has_parts or not case.has_parts, chosen.kernel
        if (case.chip or chosen.has_parts) and not case.accumulate:
            assert np.array_equal(run(SEED + 1)[1], result), "results depend on the order of blocks"
        types = {"int8": r"[su]8\.s8", "f8": r"e[45]m[23]\.e4m3", "xnor": r"b1\.b1"}.get(case.compute, r"(b?f16)\.\1")
        products = [op for op in counts if op.startswith("mma")]
        assert products and all(re.search(rf"\.{types}\.\w+(\.and\.popc)?$", op) for op in products), counts
        assert case.is_sparse() == any(op.startswith("mma.sp::ordered_metadata") for op in products), counts
        worst = np.max(np.abs(result - expected) / bound)
        label = label_of(case, m)
        assert np.all(np.isfinite(result)) and worst <= 1, f"{label}: {worst:.3g} times the bound; seed {SEED}"
        mma = sum(c for op, c in counts.items() if op.startswith("mma"))
        report.append((label, worst, mma))
        print(f"{chosen.kernel}: {label}: {worst:.3f} of the bound, {mma:.0f} mma", flush=True)


def number_of(chip):
    return int(chip.strip("sm_a"))


def compile_cases(cases, path, rng, chip="sm_80"):
    """Of each case its number, its module, and its weight as the CPU decodes it."""
    matmuls, decodes, blobs = [], [], []
    for i, case in enumerate(cases):
        matmul, decode = function(i, case)
        matmuls.append(matmul)
        decodes.append(decode)
        values = rng.standard_normal((*case.batch, case.n, case.k)) + (0.5 if case.wide > 1 else 0)
        if case.spread:
            values *= 2.0 ** rng.integers(*case.spread, (case.n, 1))
        if case.largest:
            values = np.where(np.arange(case.k) % case.block, 1.0, 0.0) * np.ones((case.n, 1))
        values = to_bits(np.abs(values) if case.positive else values, case.weight)
        blobs.append(f'    w{i}: "0x40000000{values.tobytes().hex().upper()}"')
    resources = "{-# dialect_resources: { builtin: {\n" + ",\n".join(blobs) + "\n} } #-}\n"
    weights = list(decode_all(path, decodes, resources, len(cases)))
    # Options are of all of a module.
    # The oldest chip that has the instructions.
    oldest = lambda case: "sm_89" if case.compute == "f8" and number_of(chip) < 89 else chip
    options_of = [(case.chip or oldest(case), f"compute={case.compute} {case.options}") for case in cases]
    for number, options in enumerate(sorted(set(options_of))):
        chosen = [i for i in range(len(cases)) if options_of[i] == options]
        module = compile_module("".join(matmuls[i] for i in chosen) + resources, f"{path}.{number}", *options)
        for i in chosen:
            yield i, module, weights[i]


def main():
    path = str(Path(sys.argv[1]).resolve())
    report = []
    for family in sys.argv[2:] or FAMILIES:
        rng = np.random.default_rng(SEED)
        cases = FAMILIES[family] if family != "random" else random_cases(rng, int(os.environ.get("COMPRESS_TEST_CASES", "12")))
        for i, module, weight in compile_cases(cases, f"{path}.{family}", rng):
            check(module, i, cases[i], weight, rng, report)
    assert report
    print(f"{len(report)} kernels agree with the decode, seed {SEED}")


if __name__ == "__main__":
    main()
