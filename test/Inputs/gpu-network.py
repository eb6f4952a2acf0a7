"""Whole networks for GPUs: gpu-network.py EXAMPLES DIRECTORY

The trained CNN and the transformer of examples/digits on the fake CUDA driver: kernels run on the model of ptx_model. Results are compared with those of an
artifact for CPUs of the same compressed weights, which computes in f32.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
from compress_runtime import Model
from fake_gpu import FakeGpu

examples, directory = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()


def compile_for(target, name, *options, network="cnn", preset="int8-channel"):
    subprocess.run(
        ["compressc", "compile", examples / f"{network}.mlirbc", "--weights", examples / f"{network}.safetensors", "--preset", preset, "--target", target,
         "-o", directory / name, *options], check=True
    )  # fmt: skip
    return directory / name


gpu = FakeGpu()
images = np.random.default_rng(5).random((3, 1, 8, 8), np.float32)
with Model(compile_for("cpu", "cpu")) as model:
    [expected] = model.run("main", images)
for compute, bound in (("f16", 2**-9), ("bf16", 2**-6)):
    gpu.launches.clear()
    with Model(compile_for("nvptx:sm_80", compute, "--compute", compute)) as model:
        [logits] = model.run("main", images)
        gpu.check()
        for count in (0, 1):
            assert model.run("main", images[:count])[0].shape == (count, 10)
        gpu.check()
    assert logits.shape == (3, 10) and np.isfinite(logits).all()
    error = np.linalg.norm(logits - expected) / np.linalg.norm(expected)
    assert 0 < error < bound, f"{compute}: relative error {error}"
    assert (logits.argmax(1) == expected.argmax(1)).all()
    names = [name for name, _ in gpu.launches]
    # Nothing is transposed but what comes and what becomes a matrix; bias and ReLU are in kernels.
    wanted = ["main_transpose", "main_contract0_m", "main_contract1_m", "main_fill", "main_generic", "main_transpose", "main_contract2_m", "main_contract3_m"]
    assert [n.rstrip("0123456789") for n in names] == 2 * wanted, names
    print(f"{compute}: {error:.2e}: {', '.join(dict.fromkeys(names))}")

# Normalization, attention and GELU are between the layers of the other one.
network = {"network": "transformer", "preset": "int4-b32"}
with Model(compile_for("cpu", "transformer-cpu", **network)) as model:
    [expected] = model.run("main", images[:1])
gpu.launches.clear()
with Model(compile_for("nvptx:sm_80", "transformer", "--compute=f16", **network)) as model:
    [logits] = model.run("main", images[:1])
    gpu.check()
error = np.linalg.norm(logits - expected) / np.linalg.norm(expected)
assert logits.shape == (1, 10) and 0 < error < 2**-9, f"transformer: relative error {error}"
assert {n.rstrip("0123456789") for n, _ in gpu.launches} >= {"main_batch_matmul", "main_contract9_m", "main_generic"}, gpu.launches
print(f"transformer: {error:.2e}: {len(gpu.launches)} kernels")

# A weight that has no kernel is decoded on the GPU, if that is allowed: results are those of a CPU, where sums are in the same order.
(directory / "depthwise.mlir").write_text("""
func.func @main(%x: tensor<?x6x7x5xf32>) -> tensor<?x2x3x5xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x6x7x5xf32>
  %w = arith.constant {compress.codec = #compress.quant<i4, block = [3, 3, 1], scale = f16>} dense_resource<w> : tensor<3x3x5xf32>
  %e = tensor.empty(%n) : tensor<?x2x3x5xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x2x3x5xf32>) -> tensor<?x2x3x5xf32>
  %y = linalg.depthwise_conv_2d_nhwc_hwc {strides = dense<2> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
    ins(%x, %w : tensor<?x6x7x5xf32>, tensor<3x3x5xf32>) outs(%f : tensor<?x2x3x5xf32>) -> tensor<?x2x3x5xf32>
  return %y : tensor<?x2x3x5xf32>
}
{-# dialect_resources: { builtin: { w: "0x40000000WEIGHT" } } #-}
""".replace("WEIGHT", np.random.default_rng(6).standard_normal((3, 3, 5), np.float32).tobytes().hex().upper()))
command = ["compressc", "compile", directory / "depthwise.mlir", "--preset", "none", "--target"]
refused = subprocess.run([*command, "nvptx:sm_80", "-o", directory / "none"], capture_output=True, text=True)
message = "weight 'w' is decoded as a whole, to 'tensor<3x3x5xf32>'"
assert refused.returncode and "error: " in refused.stderr and message in refused.stderr, refused
allowed = subprocess.run([*command, "nvptx:sm_80", "--allow-dense", "-o", directory / "depthwise"], capture_output=True, text=True, check=True)
assert "warning: " in allowed.stderr and message in allowed.stderr, allowed
subprocess.run([*command, "cpu", "-o", directory / "depthwise-cpu"], check=True)
images = np.random.default_rng(7).standard_normal((2, 6, 7, 5), np.float32)
with Model(directory / "depthwise") as model, Model(directory / "depthwise-cpu") as reference:
    [y], [expected] = (m.run("main", images) for m in (model, reference))
    gpu.check()
assert y.shape == (2, 2, 3, 5) and np.allclose(y, expected, rtol=1e-5, atol=1e-6), np.abs(y - expected).max()
assert gpu.lib.fakeCudaCountAllocations() == 0
print("the networks run")
