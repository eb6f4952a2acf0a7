"""Artifacts for GPUs, from the command line to results, on the fake CUDA driver: gpu-host.py DIRECTORY. Kernels run on the model of ptx_model, and
results are compared with those of an artifact for CPUs of the same compressed weights, which computes in f32."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

directory = Path(sys.argv[1]).resolve()
directory.mkdir(parents=True, exist_ok=True)
os.environ["COMPRESS_LIBCUDA"] = "libno-such-driver.so.1"
for name in ("FAIL", "DEVICES", "CAPABILITY", "LOG"):
    os.environ.pop("FAKE_CUDA_" + name, None)

from compress_runtime import Model, ModelError, Tensor, view  # noqa: E402

N, H, K = 24, 96, 64
rng = np.random.default_rng(7)
w1 = rng.standard_normal((H, K)).astype(np.float32)
w2 = rng.standard_normal((N, H)).astype(np.float32)
bias = rng.standard_normal(H).astype(np.float32)


def blob(array):
    return f'"0x40000000{array.tobytes().hex().upper()}"'


text = f"""
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @main(%x: tensor<?x{K}xf32>) -> tensor<?x{N}xf32> {{
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x{K}xf32>
  %w1 = arith.constant dense_resource<w1> : tensor<{H}x{K}xf32>
  %w2 = arith.constant dense_resource<w2> : tensor<{N}x{H}xf32>
  %bias = arith.constant dense_resource<bias> : tensor<{H}xf32>
  %e = tensor.empty(%m) : tensor<?x{H}xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x{H}xf32>) -> tensor<?x{H}xf32>
  %h = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w1 : tensor<?x{K}xf32>, tensor<{H}x{K}xf32>) outs(%f : tensor<?x{H}xf32>) -> tensor<?x{H}xf32>
  %r = linalg.generic {{indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, n)>],
                       iterator_types = ["parallel", "parallel"]}}
    ins(%h, %bias : tensor<?x{H}xf32>, tensor<{H}xf32>) outs(%e : tensor<?x{H}xf32>) {{
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.addf %a, %b : f32
    %1 = arith.maximumf %0, %zero : f32
    linalg.yield %1 : f32
  }} -> tensor<?x{H}xf32>
  %e2 = tensor.empty(%m) : tensor<?x{N}xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x{N}xf32>) -> tensor<?x{N}xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%r, %w2 : tensor<?x{H}xf32>, tensor<{N}x{H}xf32>) outs(%f2 : tensor<?x{N}xf32>) -> tensor<?x{N}xf32>
  return %y : tensor<?x{N}xf32>
}}
func.func @accumulate(%x: tensor<4x{K}xf32>, %init: tensor<4x{H}xf32>) -> tensor<4x{H}xf32> {{
  %w1 = arith.constant dense_resource<w1> : tensor<{H}x{K}xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w1 : tensor<4x{K}xf32>, tensor<{H}x{K}xf32>) outs(%init : tensor<4x{H}xf32>) -> tensor<4x{H}xf32>
  return %y : tensor<4x{H}xf32>
}}
func.func @same(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {{
  return %x : tensor<?x3xf32>
}}
{{-# dialect_resources: {{ builtin: {{ w1: {blob(w1)}, w2: {blob(w2)}, bias: {blob(bias)} }} }} #-}}
"""
(directory / "m.mlir").write_text(text)


def compile_for(target, name, *options, preset="int4-b32"):
    subprocess.run(
        ["compressc", "compile", directory / "m.mlir", "--preset", preset, "--target", target, "-o", directory / name, *options], check=True
    )
    return directory / name


on_cpu = compile_for("cpu", "cpu")
on_gpu = compile_for("nvptx:sm_80", "gpu", "--compute=f16")
for_hopper = compile_for("nvptx:sm_90a", "hopper")
reference = Model(on_cpu)


def expect_error(message, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except ModelError as error:
        assert str(error) == message, f"expected '{message}', but got '{error}'"
        return
    raise AssertionError(f"expected the error '{message}', but got none")


# Loading asks for no GPU. Running does, again each time.
x = rng.standard_normal((3, K)).astype(np.float32)
model = Model(on_gpu)
assert model.names() == ["main", "accumulate", "same"]
assert model.inputs(0)[0].shape == [-1, K]
for _ in range(2):
    expect_error("function 'main': no CUDA driver (libno-such-driver.so.1), which code for GPUs needs", model.run, "main", x)

import fake_gpu  # noqa: E402
from fake_gpu import PATH, DeviceArray, FakeGpu  # noqa: E402

gpu = FakeGpu()
os.environ["FAKE_CUDA_DEVICES"] = "0"
expect_error(f"function 'main': no CUDA device: the driver {PATH} finds no GPU in this machine", model.run, "main", x)
del os.environ["FAKE_CUDA_DEVICES"]
expect_error("function 'main': expected the number of a GPU below 1, but got 1", Model(on_gpu, gpu=1).run, "main", x)
expect_error("function 'main': expected the number of a GPU below 1, but got -1", Model(on_gpu, gpu=-1).run, "main", x)
os.environ["FAKE_CUDA_CAPABILITY"] = "75"
expect_error("function 'main': the code is for sm_80, but GPU 0 is sm_75", model.run, "main", x)
os.environ["FAKE_CUDA_CAPABILITY"] = "100"
expect_error("function 'main': the code is for sm_90a, but GPU 0 is sm_100", Model(for_hopper).run, "main", x)
del os.environ["FAKE_CUDA_CAPABILITY"]

# Weights that do not fit. What was allocated for them is freed.
os.environ["FAKE_CUDA_FAIL"] = "cuMemAlloc_v2=2@2"
gpu.lib.fakeCudaReset()
expect_error(
    "function 'main': cannot copy the weights to the GPU: cannot allocate 2048 bytes of memory of the GPU: out of memory (CUDA_ERROR_OUT_OF_MEMORY)",
    model.run, "main", x,
)  # fmt: skip
del os.environ["FAKE_CUDA_FAIL"]
assert gpu.lib.fakeCudaCountAllocations() == 0
assert gpu.lib.fakeCudaCountStreams() == 0


def expect_close(actual, expected, inputs):
    """Activations, weights and what is between the layers are rounded to f16; int4 weights are at most 1.3 times as large as theirs."""
    hidden = np.abs(inputs) @ np.abs(w1).T * 1.3
    size = (hidden + np.abs(bias)) @ np.abs(w2).T * 1.3
    assert actual.shape == expected.shape, (actual.shape, expected.shape)
    worst = np.max(np.abs(actual - expected) / size, initial=0)
    assert worst < 4 * 2**-11, worst
    assert not np.array_equal(actual, expected) or not actual.size, "f16 gives the same as f32"


# Rounded to integers on both, the same sums are scaled. What is between the layers may be rounded the other way where it is a tie.
integers = [compile_for(target, f"{target[:3]}8", "--compute=int8", preset="int8-channel") for target in ("cpu", "nvptx:sm_80")]
for rows in (3, 70, 0):
    x = rng.standard_normal((rows, K)).astype(np.float32)
    [wanted], [got] = (Model(path).run("main", x) for path in integers)
    gpu.check()
    largest = (np.abs(x) @ np.abs(w1).T + np.abs(bias)).max(initial=0) * np.abs(w2).max() / 127
    assert got.shape == wanted.shape and np.max(np.abs(got - wanted), initial=0) <= largest, (got, wanted)
    assert np.sum(np.abs(got - wanted) > 2**-18 * largest * 127) <= 0.1 * got.size
    assert gpu.lib.fakeCudaCountAllocations() == 0
assert {name for name, _ in gpu.launches} == {f"main_contract{i}_{kernel}" for i in (0, 1) for kernel in ("round", "m8", "m64")}
gpu.launches.clear()

# Results, for every kernel of @main, on tensors of the host.
for rows in (3, 16, 20, 1, 65, 0):
    x = rng.standard_normal((rows, K)).astype(np.float32)
    [y] = model.run("main", x)
    gpu.check()
    expect_close(y, reference.run("main", x)[0], x)
assert {name for name, _ in gpu.launches} == {f"main_contract{i}_m{rows}" for i in (0, 1) for rows in (8, 16, 32, 64)}

# Without a kernel.
x = rng.standard_normal((5, 3)).astype(np.float32)
assert np.array_equal(model.run("same", x)[0], x)

# Weights are on the GPU once. A second run of a size needs no new memory, stream or kernel.
x = rng.standard_normal((3, K)).astype(np.float32)
expected = model.run("main", x)[0]
gpu.lib.fakeCudaReset()
[y] = model.run("main", x)
assert np.array_equal(y, expected)
for function in ("cuMemAlloc_v2", "cuStreamCreate", "cuModuleLoadDataEx", "cuModuleGetFunction"):
    assert gpu.count(function) == 0, function
assert gpu.count("cuMemcpyAsync") == 2, "the input and the output"
assert gpu.count("cuLaunchKernel") == 2

# Strides of the host.
wide = np.zeros((3, 2 * K), np.float32)
wide[:, ::2] = x
out = np.full((N, 3), np.nan, np.float32)
model.run("main", wide[:, ::2], into=[out.T])
assert np.array_equal(out.T, expected)

# An argument that is accumulated to is not changed.
four = rng.standard_normal((4, K)).astype(np.float32)
init = rng.standard_normal((4, H)).astype(np.float32)
before = init.copy()
[y] = model.run("accumulate", four, init)
gpu.check()
assert np.array_equal(init, before)
assert np.max(np.abs(y - reference.run("accumulate", four, init)[0]) / (np.abs(four) @ np.abs(w1).T * 1.3)) < 3 * 2**-11
on_device = DeviceArray(gpu, init)


def device(array, dtype="f32"):
    """A DeviceArray as a tensor."""
    tensor = view(np.zeros(array.shape, array.dtype), dtype)
    tensor.data, tensor.placement = array.pointer, 1
    return tensor


outputs = [Tensor()]
model.run_tensors(1, [view(four, "f32"), device(on_device)], outputs)
assert np.array_equal(on_device.read(), before)
on_device.free()

# Memory of the GPU, in and out; one that is not aligned as kernels want it.
for offset in (0, 4):
    given, taken = DeviceArray(gpu, x, offset), DeviceArray(gpu, np.zeros((3, N), np.float32), offset)
    gpu.lib.fakeCudaReset()
    model.run_tensors(0, [device(given)], [device(taken)])
    gpu.check()
    assert np.array_equal(taken.read(), expected)
    assert gpu.count("cuMemcpyAsync") == (1 if offset == 0 else 2)
    given.free()
    taken.free()

# Of the wrong kind.
given, taken = DeviceArray(gpu, x), DeviceArray(gpu, np.zeros((3, N), np.float32))
host, result = view(x, "f32"), view(np.zeros((3, N), np.float32), "f32")
main = [lambda inputs, outputs, m=m: m.run_tensors(0, inputs, outputs) for m in (model, reference)]
what = "{} 0 ('{}0') of function 'main': expected {}"


def changed(tensor, **fields):
    copy = Tensor(tensor.data, tensor.dtype, tensor.rank, tensor.shape, tensor.strides, tensor.placement)
    for name, value in fields.items():
        setattr(copy, name, value)
    copy.keep = tensor
    return copy


kinds = "memory of {}, as its placement says, but got memory of {}"
for tensor, kind in [(changed(host, placement=1), kinds.format("a GPU", "the host")), (changed(device(given), placement=0), kinds.format("the host", "a GPU"))]:
    expect_error(what.format("input", "input", kind), main[0], [tensor], [result])
for tensor, kind in [(changed(result, placement=1), kinds.format("a GPU", "the host")), (changed(device(taken), placement=0), kinds.format("the host", "a GPU"))]:
    expect_error(what.format("output", "output", kind), main[0], [host], [tensor])
expect_error(what.format("input", "input", "a placement of COMPRESS_HOST or COMPRESS_GPU, but got 2"), main[0], [changed(host, placement=2)], [result])
expect_error(
    what.format("input", "input", "row-major strides, because it is in memory of a GPU"), main[0], [changed(device(given), strides=host.shape)], [result]
)
expect_error(
    what.format("output", "output", "data, because outputs are allocated in memory of the host only"), main[0], [host], [Tensor(placement=1)]
)
expect_error(
    what.format("output", "output", "a buffer of shape [3, 24], but got [4, 24]"), main[0], [host], [view(np.zeros((4, N), np.float32), "f32")]
)
for tensors in ([changed(host, placement=1)], [result]), ([host], [changed(result, placement=1)]):
    kind = "input" if tensors[0][0].placement else "output"
    expect_error(what.format(kind, kind, "memory of the host, because the model is for CPUs"), main[1], *tensors)
given.free()
taken.free()

# What the driver refuses ends the run, not the process; the next run works.
for failure, message in [
    ("cuMemAlloc_v2=2", "cannot allocate 76800 bytes of memory of the GPU: out of memory (CUDA_ERROR_OUT_OF_MEMORY)"),
    ("cuLaunchKernel=400@2", "cannot launch kernel 'main_contract1_m64': invalid resource handle (CUDA_ERROR_INVALID_HANDLE)"),
    ("cuStreamSynchronize=700", "the GPU failed: an illegal memory access was encountered (CUDA_ERROR_ILLEGAL_ADDRESS)"),
]:
    rows = rng.standard_normal((300 if "Alloc" in failure else 65, K)).astype(np.float32)
    os.environ["FAKE_CUDA_FAIL"] = failure
    gpu.lib.fakeCudaReset()
    expect_error(f"function 'main': {message}", model.run, "main", rows)
    del os.environ["FAKE_CUDA_FAIL"]
    assert np.array_equal(model.run("main", x)[0], expected)

# A second model of an artifact has the same kernels, and weights of its own.
allocations = gpu.lib.fakeCudaCountAllocations()
second = Model(on_gpu)
assert np.array_equal(second.run("main", x)[0], expected)
assert gpu.lib.fakeCudaCountModules() == 1
second.close()
assert gpu.lib.fakeCudaCountAllocations() == allocations
assert np.array_equal(model.run("main", x)[0], expected)

# More than 65535 blocks of rows, of which the first and the last run: grids may have as many along x.
tall = rng.integers(1, 5, (1, 8)).astype(np.float16)
(directory / "tall.mlir").write_text(f"""
func.func @main(%x: tensor<?x8xf16>, %y: tensor<?x1xf32>) -> tensor<?x1xf32> {{
  %w = arith.constant dense_resource<w> : tensor<1x8xf16>
  %r = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<?x8xf16>, tensor<1x8xf16>) outs(%y : tensor<?x1xf32>) -> tensor<?x1xf32>
  return %r : tensor<?x1xf32>
}}
{{-# dialect_resources: {{ builtin: {{ w: {blob(tall)} }} }} #-}}
""")
subprocess.run(["compressc", "compile", directory / "tall.mlir", "--preset", "palette4", "--min-elements=1", "--target", "nvptx:sm_80", "--compute=f16", "-o", directory / "tall"], check=True)  # fmt: skip
rows = 65536 * 64 + 5
x_tall = np.zeros((rows, 8), np.float16)
x_tall[[0, 63, rows - 6, rows - 1]] = rng.integers(1, 5, (4, 8))
all_blocks = fake_gpu.run_grid


def run_ends(kernel, args, buffers, grid, shared_bytes):
    """Of buffers, the result is less than x."""
    for buffer in buffers:
        buffer.flags.writeable = len(buffer) < 8 * rows
    all_blocks(kernel, args, buffers, grid, shared_bytes, only=[0, grid[0] - 1])


fake_gpu.run_grid = run_ends
with Model(directory / "tall") as one:
    [y_tall] = one.run("main", x_tall, np.zeros((rows, 1), np.float32))
    gpu.check()
fake_gpu.run_grid = all_blocks
assert gpu.launches[-1] == ("main_contract0_m64_many", [65537, 1, 1]), gpu.launches[-1]
touched = [*range(64), *range(rows - 5, rows)]
assert np.array_equal(y_tall[touched], x_tall[touched] @ tall.T) and np.count_nonzero(y_tall) == 3, y_tall[y_tall != 0]

# Two models have weights of their own, and give all back.
other = Model(for_hopper)
[y] = other.run("main", x)
gpu.check()
assert gpu.lib.fakeCudaCountModules() == 2
other.close()
assert gpu.lib.fakeCudaCountModules() == 1
assert np.array_equal(model.run("main", x)[0], expected)
model.close()
assert gpu.lib.fakeCudaCountModules() == 0
assert gpu.lib.fakeCudaCountAllocations() == 0
assert gpu.lib.fakeCudaCountStreams() == 0
print("artifacts for GPUs: all well")
