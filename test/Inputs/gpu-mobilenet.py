"""A block of MobileNetV2 for GPUs: gpu-mobilenet.py DIRECTORY

A convolution of 1x1 to more channels, a depthwise one of 3x3, one of 1x1 back, and the block's input added; channels first and channels last. Artifacts run on
the fake CUDA driver, kernels on the model of ptx_model. Results are compared with those of an artifact for CPUs of the same compressed weights, which computes
in f32.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
from compress_runtime import Model
from fake_gpu import FakeGpu

directory = Path(sys.argv[1]).resolve()
C, WIDE, SIZE = 16, 64, 6
CONVOLUTIONS = {
    "nchw": ("linalg.conv_2d_nchw_fchw", "linalg.depthwise_conv_2d_nchw_chw"),
    "nhwc": ("linalg.conv_2d_nhwc_fhwc", "linalg.depthwise_conv_2d_nhwc_hwc"),
}


def block(order, stride, unknown):
    """Of images of SIZE, or, of stride 1, of sizes that are not known."""
    first = order == "nchw"
    out = (SIZE - 1) // stride + 1
    known = lambda size: "?" if unknown else size
    shape = lambda n, c, size: f"tensor<{n}x{c}x{known(size)}x{known(size)}xf32>" if first else f"tensor<{n}x{known(size)}x{known(size)}x{c}xf32>"
    sizes = "%n, %h, %w" if unknown else "%n"
    weight = lambda f, c: f"tensor<{f}x{c}x1x1xf32>" if first else f"tensor<{f}x1x1x{c}xf32>"
    place = f"tensor<{WIDE}x3x3xf32>" if first else f"tensor<3x3x{WIDE}xf32>"
    dims, channel = "n, a, b, c", "a" if first else "c"
    maps = f"affine_map<({dims}) -> ({dims})>, affine_map<({dims}) -> ({channel})>, affine_map<({dims}) -> ({dims})>"
    loops = ", ".join(['"parallel"'] * 4)
    full, depthwise = CONVOLUTIONS[order]
    text = ""

    def layer(number, op, x, x_type, w_type, y_type, stride, activation):
        nonlocal text
        channels = WIDE if number < 2 else C
        clamp = "%u = arith.maximumf %s, %zero : f32\n    %v = arith.minimumf %u, %six : f32" if activation else "%v = arith.addf %s, %zero : f32"
        text += f"""
  %w{number} = arith.constant {{compress.codec = CODEC{number}}} dense_resource<w{number}> : {w_type}
  %e{number} = tensor.empty({sizes}) : {y_type}
  %z{number} = linalg.fill ins(%zero : f32) outs(%e{number} : {y_type}) -> {y_type}
  %c{number} = {op} {{strides = dense<{stride}> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}}
    ins({x}, %w{number} : {x_type}, {w_type}) outs(%z{number} : {y_type}) -> {y_type}
  %y{number} = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{loops}]}}
    ins(%c{number}, %b{number} : {y_type}, tensor<{channels}xf32>) outs(%e{number} : {y_type}) {{
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    {clamp}
    linalg.yield %v : f32
  }} -> {y_type}"""

    x, wide, padded = shape("?", C, SIZE), shape("?", WIDE, SIZE), shape("?", WIDE, SIZE + 2)
    small, result = shape("?", WIDE, out), shape("?", C, out)
    layer(0, full, "%x", x, weight(WIDE, C), wide, 1, True)
    border = [0, 0, 1, 1] if first else [0, 1, 1, 0]
    text += f"""
  %p = tensor.pad %y0 low{border} high{border} {{
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  }} : {wide} to {padded}"""
    layer(1, depthwise, "%p", padded, place, small, stride, True)
    layer(2, full, "%y1", small, weight(C, WIDE), result, 1, False)
    last = "%y2"
    if stride == 1:
        text += f"\n  %sum = arith.addf %y2, %x : {x}"
        last = "%sum"
    return f"""
func.func @main(%x: {x}, %b0: tensor<{WIDE}xf32>, %b1: tensor<{WIDE}xf32>, %b2: tensor<{C}xf32>) -> {result} {{
  %first = arith.constant 0 : index
  %second = arith.constant {2 if first else 1} : index
  %third = arith.constant {3 if first else 2} : index
  %zero = arith.constant 0.0 : f32
  %six = arith.constant 6.0 : f32
  %n = tensor.dim %x, %first : {x}
  %h = tensor.dim %x, %second : {x}
  %w = tensor.dim %x, %third : {x}{text}
  return {last} : {result}
}}
"""


def compile_for(source, target, name, *options):
    subprocess.run(["compressc", "compile", source, "--preset", "none", "--target", target, "-o", directory / name, *options], check=True)
    return directory / name


gpu, rng = FakeGpu(), np.random.default_rng(11)
weights = {0: rng.standard_normal((WIDE, C)), 1: rng.standard_normal((WIDE, 9)), 2: rng.standard_normal((C, WIDE))}
biases = [rng.standard_normal(size).astype(np.float32) for size in (WIDE, WIDE, C)]
BLOCKS = [
    ("nchw", 1, False, ["int8-channel"] * 3),
    ("nhwc", 2, False, ["int4-b32", "int8-channel", "int4-b32"]),
    ("nhwc", 1, True, ["int4-b32"] * 3),
]
for order, stride, unknown, codecs in BLOCKS:
    text = block(order, stride, unknown)
    for i, codec in enumerate(codecs):
        text = text.replace(f"CODEC{i}", f'"{codec}"')
    blobs = ",".join(f'w{i}: "0x40000000{w.astype(np.float32).tobytes().hex().upper()}"' for i, w in weights.items())
    name = f"{order}{stride}{codecs[1]}"
    source = directory / f"{name}.mlir"
    source.write_text(text + f"{{-# dialect_resources: {{ builtin: {{ {blobs} }} }} #-}}\n")
    height, width = (5, 9) if unknown else (SIZE, SIZE)
    images = rng.standard_normal((2, C, height, width) if order == "nchw" else (2, height, width, C)).astype(np.float32)
    gpu.launches.clear()
    with Model(compile_for(source, "nvptx:sm_80", name, "--compute=f16")) as model, Model(compile_for(source, "cpu", name + "-cpu", "--compute=f32")) as reference:
        [y], [expected] = (m.run("main", images, *biases) for m in (model, reference))
        gpu.check()
    error = np.linalg.norm(y - expected) / np.linalg.norm(expected)
    assert y.shape == expected.shape and 0 < error < 2**-9, f"{name}: relative error {error}"
    names = [launched for launched, _ in gpu.launches]
    assert sum("_contract" in n for n in names) == 2 and gpu.lib.fakeCudaCountAllocations() == 0, names
    print(f"{name}: {error:.2e}: {', '.join(names)}")
