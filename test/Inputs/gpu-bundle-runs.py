"""What run_gpu.py makes of a bundle where the driver has no GPU, and kernels run on a model: gpu-bundle-runs.py BUNDLE OUTPUT"""

import contextlib
import importlib.util
import io
import json
import os
import sys
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
        status = run_gpu.main([*arguments, "--output", str(output)])
    return status, out.getvalue(), err.getvalue()


def expect_error(message, *arguments):
    got = run(*arguments)
    assert got == (2, "", f"run_gpu.py: error: {message}\n"), got


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
assert all(0 < c["worst"] <= 1 for c in report["checks"]), report
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
assert status == 1 and f"FAILED {first['name']}: {first['launches'][0]['kernel']}: invalid resource handle (400)" in out, (status, out, err)
assert f"{count - 1} of {count} kernels" in out, out

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
assert "not run" in out and report["device"] == "fake GPU" and report["bandwidth"] > 0
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
print("the bundle runs: all well")
