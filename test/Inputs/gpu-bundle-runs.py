"""What run_gpu.py makes of a bundle where the driver has no GPU, and kernels run on a model: gpu-bundle-runs.py BUNDLE OUTPUT. Of peers, numpy takes the
place, so that it is seen what they are asked for."""

import contextlib
import importlib.util
import io
import json
import os
import sys
import types
from pathlib import Path

import numpy as np
from fake_gpu import FakeGpu

bundle, output = Path(sys.argv[1]), Path(sys.argv[2])
spec = importlib.util.spec_from_file_location("run_gpu", bundle / "run_gpu.py")
run_gpu = importlib.util.module_from_spec(spec)
spec.loader.exec_module(run_gpu)
libraries, load = {}, run_gpu.ctypes.CDLL


def load_library(name):
    """No cuBLAS that this machine may have."""
    if "libcublas" in name and name not in libraries:
        raise OSError(name)
    return libraries.get(name) or load(name)


run_gpu.ctypes.CDLL = load_library
index = json.loads((bundle / "index.json").read_text())


def run(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run_gpu.main([*arguments, "--output", str(output), "--one-process"])
    return status, out.getvalue(), err.getvalue()


def expect_error(message, *arguments):
    status, _, err = run(*arguments)
    assert (status, err) == (2, f"run_gpu.py: error: {message}\n"), (status, err)


# Neither is there, until it is.
sys.modules["torch"] = sys.modules["triton"] = None


os.environ["COMPRESS_LIBCUDA"] = "libno-such-driver.so.1"
expect_error("no CUDA driver (libno-such-driver.so.1)")
gpu = FakeGpu()
os.environ["FAKE_CUDA_DEVICES"] = "0"
expect_error("no CUDA device: the driver finds no GPU in this machine")
del os.environ["FAKE_CUDA_DEVICES"]
expect_error("expected the number of a GPU below 1, but got 3", "--gpu", "3")
os.environ["FAKE_CUDA_CAPABILITY"] = "100"
expect_error("the code is for sm_90a, but GPU 0 is sm_100")
del os.environ["FAKE_CUDA_CAPABILITY"]
expect_error("no kernel has 'no-such' in its name", "--only", "no-such", "--no-times")
expect_error("expected one of --no-checks and --no-times, but got both", "--no-checks", "--no-times")

# Every check passes; each kernel ran twice.
gpu.launches.clear()
status, out, err = run("--runs", "2", "--no-times")
gpu.check()
assert (status, err) == (0, ""), (status, out, err)
count = len(index["checks"])
assert count > 8 and f"{count} of {count} kernels agree with the decode, 2 runs each" in out, out
assert len(gpu.launches) == 2 * sum(len(c["launches"]) for c in index["checks"])
report = json.loads((output / "results.json").read_text())
assert [c["name"] for c in report["checks"]] == [c["name"] for c in index["checks"]]
# Sums of signs are exact.
assert all(0 < c["worst"] <= 1 or c["worst"] == 0 and c["name"].endswith(("xnor", "auto")) for c in report["checks"]), report
assert gpu.lib.fakeCudaCountAllocations() == 0

# A weight that is not the one that was expected, by one bit of a code.
data = dict(np.load(bundle / "data.npz"))
case = next(c for c in index["checks"] if c["name"].endswith("gelu"))
weight = next(b["data"] for b in case["buffers"] if b["data"] and data[b["data"]].dtype == np.uint8)
flipped = data[weight].copy()
flipped.view(np.uint8).reshape(-1)[0] ^= 0x08
broken = output / "broken"
broken.mkdir()
for file in bundle.iterdir():
    (broken / file.name).symlink_to(file.resolve())
(broken / "data.npz").unlink()
np.savez(broken / "data.npz", **{**data, weight: flipped})
status, out, err = run("--runs", "1", "--no-times", "--only", case["name"], "--bundle", str(broken))
assert status == 1 and f"FAILED {case['name']}: " in out and "times the bound" in out, (status, out, err)

# Bits that change from run to run: those of the second result.
launch, calls = gpu.run, [0]


def run_and_change(ptx, name, grid, shared_bytes, parameters):
    launch(ptx, name, grid, shared_bytes, parameters)
    calls[0] += 1
    if calls[0] == 2:
        size = [b["bytes"] for b in case["buffers"]][case["out"]]
        at = next(p for p in (parameters[i][0] for i in range(40)) if gpu.lib.fakeCudaCountBytesFrom(p) == size)
        run_gpu.ctypes.c_uint8.from_address(at).value ^= 1


gpu.run = run_and_change
status, out, err = run("--runs", "2", "--no-times", "--only", case["name"])
gpu.check()
assert status == 1 and f"FAILED {case['name']}: results differ between runs" in out, (status, out, err)
gpu.run = launch

# What the driver refuses is said of the kernel; the next one runs.
first = index["checks"][0]
os.environ["FAKE_CUDA_FAIL"] = "cuLaunchKernel=400@1"
gpu.lib.fakeCudaReset()
status, out, err = run("--runs", "1", "--no-times")
del os.environ["FAKE_CUDA_FAIL"]
assert status == 1 and f"FAILED {first['name']}: {first['launches'][0]['kernel']}: invalid resource handle (CUDA_ERROR_INVALID_HANDLE)" in out, (status, out, err)
assert f"{count - 1} of {count} kernels" in out, out

# A GPU that is broken, or does not end: the process ends, and another one goes on behind the kernel.
os.environ["FAKE_CUDA_FAIL"] = "cuStreamQuery=600"
status, out, err = run("--runs", "1", "--no-times", "--timeout", "0.05")
hung = "the GPU is not done after 0.05 s"
assert status == run_gpu.GO_ON and f"FAILED {first['name']}: {hung}\nnote: this process can do no more on the GPU: {hung}\n" in out, (status, out, err)
processes = []


def call(command):
    """A process after the first one has a GPU that works."""
    processes.append(command)
    status = run_gpu.main(command[2:])
    os.environ["FAKE_CUDA_FAIL"] = ""
    return status


run_gpu.subprocess.call = call
gpu.lib.fakeCudaReset()
os.environ["FAKE_CUDA_FAIL"] = "cuStreamQuery=700@3,cuStreamQuery=700@4"
with contextlib.redirect_stdout(io.StringIO()):
    status = run_gpu.main(["--runs", "1", "--no-times", "--output", str(output)])
report = json.loads((output / "results.json").read_text())
assert status == 1 and len(processes) == 2 and processes[1] == [*processes[0], "--resume"], processes
assert report["command"] == f"run_gpu.py --runs 1 --no-times --output {output}", report["command"]
assert [c["name"] for c in report["checks"]] == [c["name"] for c in index["checks"]]
assert [c["error"] for c in report["checks"] if c["error"]] == ["cuStreamQuery: an illegal memory access was encountered (CUDA_ERROR_ILLEGAL_ADDRESS)"]

# Where no process comes further, there is an end.
processes.clear()
run_gpu.subprocess.call = lambda command: processes.append(command) or (output / "results.json").write_text('{"checks": [1, 2], "times": []}') and run_gpu.GO_ON
err = io.StringIO()
with contextlib.redirect_stderr(err):
    status = run_gpu.main(["--no-times", "--output", str(output)])
assert (status, err.getvalue()) == (2, "run_gpu.py: error: the GPU does nothing that was asked for\n") and len(processes) == 2, (status, err.getvalue())

# When time is over, nothing new begins.
status, out, err = run("--runs", "1", "--samples", "1", "--budget", "1e-9")
assert (status, err) == (0, "") and f"Not run, because 1e-09 s were over: {count} checks, {len(index['times'])} shapes." in out, (status, out, err)

# Times mean nothing here, but they are taken: of every shape, in turns, on more than one copy of the weight.
gpu.launches.clear()
status, out, err = run("--samples", "3", "--runs", "1", "--only", index["times"][0]["name"])
gpu.check()
assert (status, err) == (0, ""), (status, out, err)
report = json.loads((output / "results.json").read_text())
wanted = [t for t in index["times"] if t["name"] == index["times"][0]["name"]]
assert [(t["kernel"], t["m"], t["n"], t["k"]) for t in report["times"]] == [(t["name"], t["m"], t["n"], t["k"]) for t in wanted]
for t in report["times"]:
    assert t["us"] > 0 and t["ratio"] is None, t
    assert f"| {t['kernel']} | {t['m']} | {t['n']} x {t['k']} |" in out
assert "not run" in out and report["device"] == "fake GPU" and report["copy_bandwidth"] > 0 and report["read_bandwidth"] > 0
assert "note: no torch: no times of Triton, int4 x f16\n" in out and "_int_mm" not in out, out
timed = [name for name, _ in gpu.launches if name.startswith("f_contract")]
assert len(timed) == len(wanted) * (2 + 3 + 3), timed

# Where x is rounded first, that is part of the time.
gpu.launches.clear()
rounded = [t for t in index["times"] if t["name"].endswith("x int8")]
status, out, err = run("--samples", "3", "--runs", "1", "--only", rounded[0]["name"])
gpu.check()
assert (status, err) == (0, ""), (status, out, err)
timed = [name for name, _ in gpu.launches if name.startswith("f_contract")]
assert len(timed) == len(rounded) * 2 * (2 + 3 + 3) and timed[:2] == ["f_contract0_round", "f_contract0_m8"], timed


class Blas:
    """What BLAS says of column-major matrices, of the arguments of cublasGemmEx; results are kept."""

    def __init__(self):
        self.results = []

    def cublasCreate_v2(self, handle):
        return 0

    def cublasSetStream_v2(self, handle, stream):
        assert stream
        return 0

    def cublasGemmEx(self, handle, trans_a, trans_b, m, n, k, alpha, a, a_type, lda, b, b_type, ldb, beta, c, c_type, ldc, compute, algorithm):
        assert (trans_a, trans_b, a_type, b_type, c_type, compute, algorithm) == (1, 0, 2, 2, 2, 68, -1)
        assert (alpha._obj.value, beta._obj.value) == (1, 0)

        def columns(pointer, count, leading, rows):
            size = 2 * count * leading
            assert leading >= rows and gpu.lib.fakeCudaCountBytesFrom(pointer.value) == size
            return np.frombuffer((run_gpu.ctypes.c_uint8 * size).from_address(pointer.value), np.float16).reshape(count, leading)[:, :rows]

        out = columns(c, n, ldc, m)
        out[:] = columns(b, n, ldb, k).astype(np.float32) @ columns(a, m, lda, k).astype(np.float32).T
        self.results.append((out.copy(), columns(b, n, ldb, k).copy(), columns(a, m, lda, k).copy()))
        return 0


# In turns with cuBLAS: m x n, of x and a weight that is n x k.
blas = libraries["libcublas-of-test.so"] = Blas()
status, out, err = run("--samples", "2", "--runs", "1", "--only", index["times"][0]["name"], "--cublas", "libcublas-of-test.so")
gpu.check()
assert (status, err) == (0, ""), (status, out, err)
report = json.loads((output / "results.json").read_text())
assert len(blas.results) == len(wanted) * (3 + 2)
for (y, x, w), t in zip(blas.results[::5], wanted):
    assert (y.shape, x.shape, w.shape) == ((t["m"], t["n"]), (t["m"], t["k"]), (t["n"], t["k"]))
    assert np.all(np.isfinite(w))
    assert np.array_equal(x, np.random.default_rng(1).standard_normal(x.shape).astype(np.float16))
for t in report["times"]:
    assert t["cublas_us"] > 0 and abs(t["ratio"] * t["us"] / t["cublas_us"] - 1) < 1e-6, t
assert "not run" not in out, out
expect_error("cannot load libcublas-no-such.so", "--only", index["times"][0]["name"], "--cublas", "libcublas-no-such.so")

# A convolution: cuBLAS is given the matrix of windows, which is larger than the images.
[windows] = [t for t in index["times"] if t["name"].endswith("3x3")]
assert (windows["m"], windows["n"], windows["k"]) == (3 * 4 * 4, 32, 9 * 32) and windows["buffers"][windows["x"]]["shape"] == [3, 4, 4, 32]
gpu.launches.clear()
blas.results.clear()
status, out, err = run("--samples", "2", "--runs", "1", "--only", windows["name"], "--cublas", "libcublas-of-test.so")
gpu.check()
assert (status, err) == (0, ""), (status, out, err)
assert {name: grid for name, grid in gpu.launches if name.startswith("f_")} == {"f_contract0_m64": [1, 1, 1]}, gpu.launches
assert {x.shape for _, x, _ in blas.results} == {(windows["m"], windows["k"])}

class Array(np.ndarray):
    """As tensors are."""

    def to(self, dtype):
        return self if dtype == "float8" else self.astype(dtype)

    def t(self):
        return self.T

    def tile(self, repeats):
        return np.tile(self, repeats).view(Array)


class Pointers:
    """To an array, as Triton has them."""

    def __init__(self, array, places=0):
        self.array, self.places = array.reshape(-1), places

    def __add__(self, offset):
        return Pointers(self.array, self.places + offset)


class Launcher:
    """A kernel of Triton, of which programs run one after another."""

    def __init__(self, function):
        self.function = function

    def __getitem__(self, grid):
        def run(*args, **constants):
            for language.program in np.ndindex(grid):
                self.function(*[Pointers(a) if isinstance(a, np.ndarray) else a for a in args], **constants)
            *operands, y, m, n, k = args
            calls.append(("triton", active[-1], *operands, y.copy(), m, n, k))

        return run


def load_places(pointers, mask=True, other=0):
    mask, places = np.broadcast_arrays(mask, pointers.places)
    return np.where(mask, pointers.array[np.where(mask, places, 0)], pointers.array.dtype.type(other)).view(Array)


def store_places(pointers, values, mask):
    mask = np.broadcast_to(mask, pointers.places.shape)
    pointers.array[pointers.places[mask]] = values[mask]


@contextlib.contextmanager
def on_stream(stream):
    active.append(stream)
    yield
    active.pop()


def record(name, result):
    def call(*args, **options):
        calls.append((name, active[-1], *args))
        return result(*args)

    return call


calls, active, numbers = [], [None], np.random.default_rng(5)
language = types.SimpleNamespace(
    constexpr=None, float16=np.float16, float32=np.float32, program_id=lambda axis: language.program[axis], arange=np.arange, load=load_places,
    store=store_places, zeros=lambda shape, dtype: np.zeros(shape, dtype).view(Array), dot=lambda a, b, c: c + a.astype(np.float32) @ b.astype(np.float32),
)  # fmt: skip
torch = types.SimpleNamespace(
    float16=np.float16, float32=np.float32, int8=np.int8, int32=np.int32, float8_e4m3fn="float8",
    randn=lambda *shape, dtype, device: numbers.standard_normal(shape).astype(dtype).view(Array),
    randint=lambda low, high, shape, dtype, device: numbers.integers(low, high, shape, dtype).view(Array),
    ones=lambda shape, dtype, device: np.ones(shape, dtype).view(Array), tensor=lambda values, dtype, device: np.array(values, dtype).view(Array),
    _scaled_mm=record("_scaled_mm", lambda x, w: x @ w), _int_mm=record("_int_mm", lambda x, w: x.astype(np.int32) @ w.astype(np.int32)),
    mm=record("mm", lambda w, x: w @ x), sparse=types.SimpleNamespace(to_sparse_semi_structured=lambda w: w),
    cuda=types.SimpleNamespace(is_available=lambda: True, set_device=lambda number: None, ExternalStream=lambda stream: stream, stream=on_stream,
                               synchronize=lambda: None, empty_cache=lambda: None),
)  # fmt: skip
sys.modules.update({"torch": torch, "triton": types.SimpleNamespace(jit=Launcher, language=language), "triton.language": language})
del sys.modules["gpu_peers"]

# All peers, in turns with a kernel, on its stream, and on more than one copy of the weight.
beside = output / "beside"
beside.mkdir()
for file in bundle.iterdir():
    (beside / file.name).symlink_to(file.resolve())
(beside / "index.json").unlink()
few = next(t for t in index["times"] if t["name"] == "int4-b128" and t["m"] == 70)
(beside / "index.json").write_text(json.dumps({**index, "checks": [], "times": [{**few, "peers": ["fp8", "int8", "sparse", "int4"]}]}))
status, out, err = run("--samples", "2", "--bundle", str(beside))
gpu.check()
assert (status, err) == (0, ""), (status, out, err)
report = json.loads((output / "results.json").read_text())
names = ["torch._scaled_mm, FP8 x FP8", "torch._int_mm", "cuSPARSELt, 2:4 f16", "Triton, int4 x f16"]
assert list(report["times"][0]["peers"]) == names, report["times"]
for name, peer in report["times"][0]["peers"].items():
    assert peer["us"] > 0 and f"{name}: {peer['us']:.1f} µs, {peer['ratio']:.2f}" in out, out
m, n, k = few["m"], few["n"], few["k"]
stream = calls[0][1]
assert stream and all(s == stream for _, s, *_ in calls)
by_name = lambda name: [args for called, _, *args in calls if called == name]
for name in ("_scaled_mm", "_int_mm"):
    assert all((x.shape, w.shape, w.flags.f_contiguous) == ((m, k), (k, n), True) for x, w in by_name(name))
for w, x in by_name("mm"):
    assert (w.shape, x.shape) == ((n, k), (k, 72)) and not w.reshape(n, -1, 4)[..., 2:].any()
for x, words, scales, y, *sizes in by_name("triton"):
    codes = (words[:, None, :] >> (4 * np.arange(8, dtype=np.int32))[None, :, None] & 15).reshape(k, n) - 8
    wanted = x.astype(np.float32) @ (codes * np.repeat(scales, 128, axis=0).astype(np.float32))
    assert sizes == [m, n, k] and np.max(np.abs(y - wanted)) <= 0.01 * np.max(np.abs(wanted))
for name in ("_scaled_mm", "_int_mm", "mm", "triton"):
    copies = {id(args[0 if name == "mm" else 1]) for args in by_name(name)}
    assert len(copies) >= 2 and len(by_name(name)) == len(copies) + 3 + 2, (name, len(copies), len(by_name(name)))


# A peer that cannot do it leaves the others.
def refuse(*args, **options):
    raise RuntimeError("no kernel for this\nat all")


torch._int_mm = refuse
status, out, err = run("--samples", "1", "--bundle", str(beside))
assert (status, err) == (0, "") and "torch._int_mm: no kernel for this |" in out and "Triton, int4 x f16: " in out, (status, out, err)
print("the bundle runs: all well")
