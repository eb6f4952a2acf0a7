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

def compile_text(name, text, weights, *options):
    """For a GPU with the options, and for a CPU. What the former says."""
    blobs = ", ".join(f'{weight}: "0x40000000{values.tobytes().hex().upper()}"' for weight, values in weights.items())
    source = directory / f"{name}.mlir"
    source.write_text(text + "{-# dialect_resources: { builtin: { " + blobs + " } } #-}\n")
    command = ["compressc", "compile", source, "--preset", "none", "--target"]
    subprocess.run([*command, "cpu", "-o", directory / f"{name}-cpu"], check=True)
    return subprocess.run([*command, "nvptx:sm_80", *options, "-o", directory / name], capture_output=True, text=True)


def compare(name, *inputs):
    with Model(directory / name) as model, Model(directory / f"{name}-cpu") as reference:
        [y], [expected] = (m.run("main", *inputs) for m in (model, reference))
        gpu.check()
    assert y.shape == expected.shape and np.allclose(y, expected, rtol=1e-5, atol=1e-6), np.abs(y - expected).max()
    assert gpu.lib.fakeCudaCountAllocations() == 0


# Rows of a compressed table are decoded where they are looked up.
rng = np.random.default_rng(6)
lookup = """
func.func @main(%ids: tensor<?xi64>) -> tensor<?x24xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %ids, %c0 : tensor<?xi64>
  %w = arith.constant {compress.codec = #compress.quant<i4, block = [1, 24], scale = f16>} dense_resource<w> : tensor<50x24xf32>
  %e = tensor.empty(%n) : tensor<?x24xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(n, d) -> (n)>, affine_map<(n, d) -> (n, d)>], iterator_types = ["parallel", "parallel"]}
    ins(%ids : tensor<?xi64>) outs(%e : tensor<?x24xf32>) {
  ^bb0(%id: i64, %o: f32):
    %row = arith.index_cast %id : i64 to index
    %d = linalg.index 1 : index
    %v = tensor.extract %w[%row, %d] : tensor<50x24xf32>
    linalg.yield %v : f32
  } -> tensor<?x24xf32>
  return %y : tensor<?x24xf32>
}
"""
compiled = compile_text("lookup", lookup, {"w": rng.standard_normal((50, 24), np.float32)})
assert compiled.returncode == 0 and not compiled.stderr, compiled
compare("lookup", np.array([49, 0, 7], np.int64))

# A weight that has no kernel is decoded on the GPU, if that is allowed.
matmul = """
func.func @main(%x: tensor<?x32xf32>) -> tensor<?x20xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x32xf32>
  %w = arith.constant {compress.codec = #compress.quant<i3, block = [8, 1], scale = f16>} dense_resource<w> : tensor<32x20xf32>
  %e = tensor.empty(%n) : tensor<?x20xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x20xf32>) -> tensor<?x20xf32>
  %y = linalg.matmul ins(%x, %w : tensor<?x32xf32>, tensor<32x20xf32>) outs(%f : tensor<?x20xf32>) -> tensor<?x20xf32>
  return %y : tensor<?x20xf32>
}
"""
weights = {"w": rng.standard_normal((32, 20), np.float32)}
message = "weight 'w' is decoded as a whole, to 'tensor<32x20xf32>'"
refused = compile_text("matmul", matmul, weights)
assert refused.returncode and "error: " in refused.stderr and message in refused.stderr, refused
allowed = compile_text("matmul", matmul, weights, "--allow-dense")
assert allowed.returncode == 0 and "warning: " in allowed.stderr and message in allowed.stderr, allowed
compare("matmul", rng.standard_normal((3, 32), np.float32))
print("the networks run")
