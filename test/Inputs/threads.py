"""Kernels on several threads: threads.py MODULE DIRECTORY, where w.safetensors is."""

import ctypes
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
from commands import Workplace
from compress_runtime import Model, lib

MODULE = Path(sys.argv[1]).resolve()
place = Workplace(sys.argv[2])
K = 1056
OPENMP = ctypes.CDLL("libomp.so.5")
random = np.random.default_rng(5)
inputs = [random.standard_normal((m, K)).astype(np.float32) for m in (1, 2, 5, 16, 37)]


def compile_to(name: str, *options: str) -> Path:
    place.succeed(
        "compile", MODULE, "--weights", "w.safetensors", "--preset", "int4-b32", *options, "-o", name
    )
    return place.path(name)


def count_threads() -> int:
    """Of this process."""
    return len(os.listdir("/proc/self/task"))


def run_all(model: Model) -> list[bytes]:
    return [model.run("main", x)[0].tobytes() for x in inputs]


def is_parallel(path: Path) -> bool:
    return b"__kmpc_fork_call" in (path / "model.so").read_bytes()


def test_numbers(name: str, *options: str) -> tuple[Path, list[bytes]]:
    """Any number of threads yields what code without them does."""
    serial = compile_to(f"{name}-serial", "--parallel=false", *options)
    path = compile_to(name, *options)
    assert is_parallel(path) and not is_parallel(serial)
    # The weights are the same, in the same layout.
    first, second = ((p / "weights.safetensors").read_bytes() for p in (serial, path))
    assert first == second
    with Model(serial, threads=4) as model:
        before = count_threads()
        expected = run_all(model)
        assert count_threads() == before, "code of one thread started others"
    with Model(path) as model:
        for number in (1, 2, 3, 4, 7, 16, 1):
            assert lib.compressModelSetNumThreads(model.handle, number) == 0
            assert run_all(model) == expected, (name, number)
    return path, expected


def test_callers(path: Path, expected: list[bytes]) -> None:
    """Many threads of the caller, with the default and with a number of their own."""
    problems: list[BaseException] = []

    def work(model: Model, start: threading.Barrier) -> None:
        try:
            start.wait()
            for _ in range(15):
                assert run_all(model) == expected
        except BaseException as error:
            problems.append(error)

    for threads, callers in ((0, 8), (3, 4), (1, 8)):
        with Model(path, threads=threads) as model:
            start = threading.Barrier(callers)
            workers = [threading.Thread(target=work, args=(model, start)) for _ in range(callers)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            if problems:
                raise problems[0]


def test_no_more_threads(path: Path, expected: list[bytes]) -> None:
    """In a process of its own: how many threads there are."""
    script = f"""
import sys, threading, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
import numpy as np, os
from compress_runtime import Model, lib
x = np.ones((5, {K}), np.float32)
count = lambda: len(os.listdir("/proc/self/task"))
base = count()
model = Model({str(path)!r})
model.run("main", x)
# One of the environment: none but the caller. Then as many as are asked for.
assert count() == base, count()
lib.compressModelSetNumThreads(model.handle, 4)
model.run("main", x)
assert count() == base + 3, count()
# Callers of one thread each start none.
other = Model({str(path)!r})
callers = [threading.Thread(target=lambda: other.run("main", x)) for _ in range(6)]
for caller in callers: caller.start()
for caller in callers: caller.join()
# The system takes a moment to forget the callers.
deadline = time.monotonic() + 10
while count() != base + 3 and time.monotonic() < deadline: time.sleep(0.01)
assert count() == base + 3, count()
"""
    environment = os.environ | {"COMPRESS_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)


def test_within_region(path: Path, expected: list[bytes]) -> None:
    """In a parallel region of the caller a run has the thread that it is called on."""
    script = f"""
import ctypes, os, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import numpy as np
from compress_runtime import Model
openmp = ctypes.CDLL("libomp.so.5", ctypes.RTLD_GLOBAL)
x = np.ones((5, {K}), np.float32)
model = Model({str(path)!r}, threads=4)
expected = model.run("main", x)[0]
openmp.omp_set_num_threads(2)
results = []
@ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
def body(*_):
    results.append(model.run("main", x)[0])
before = len(os.listdir("/proc/self/task"))
place = (ctypes.c_int32 * 4)(0, 2, 0, 0), b";unknown;unknown;0;0;;"
class Ident(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_int32 * 4), ("text", ctypes.c_char_p)]
openmp.__getattr__("__kmpc_fork_call")(ctypes.byref(Ident(*place)), 0, body)
assert len(results) == 2, results
assert all((y == expected).all() for y in results)
assert len(os.listdir("/proc/self/task")) == before
# The number of the caller's own regions is as it was.
assert openmp.omp_get_max_threads() == 2
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_errors(path: Path, serial: Path) -> None:
    np.save(place.path("x.npy"), inputs[0])
    run = ["run", path.name, "--input", "x.npy", "--output", "y.npy"]
    place.succeed(*run, "--threads", 3)
    place.fail("expected --threads of 1 or more, but got 0", *run, "--threads", 0, code=2)
    for number in (-1, 1025):
        text = f"expected a number of threads from 1 to 1024, but got {number}"
        place.fail(text, *run, "--threads", number)
    for text in ("0", "-2", "many", "1025"):
        place.fail(
            f"expected COMPRESS_NUM_THREADS to be a number of threads from 1 to 1024, but got '{text}'",
            *run, env=os.environ | {"COMPRESS_NUM_THREADS": text},
        )  # fmt: skip
    # Nothing that is called so can be loaded.
    fakes = place.path("fakes")
    fakes.mkdir(exist_ok=True)
    for library in ("libomp.so.5", "libomp.so", "libiomp5.so"):
        (fakes / library).write_text("nothing")
    without = os.environ | {"LD_LIBRARY_PATH": str(fakes)}
    place.fail(
        f"'{path.name}/model.so': cannot load the OpenMP runtime libomp.so.5, which code that runs on "
        "several threads needs (Debian package libomp-22-dev)",
        *run, env=without,
    )  # fmt: skip
    place.succeed("run", serial.name, *run[2:], env=without)


def main() -> None:
    modes = [("f32",), ("int8", "--compute", "int8")]
    flags = Path("/proc/cpuinfo").read_text().split()
    if not {"avx512f", "avx512bw", "avx512_vnni"} <= set(flags):
        modes.pop()
    for name, *options in modes:
        path, expected = test_numbers(name, *options)
        test_callers(path, expected)
        test_no_more_threads(path, expected)
        test_within_region(path, expected)
        weights = json.loads((path / "manifest.json").read_text())["weights"]
        assert weights[0]["compute"] == name, weights
    test_errors(path, place.path(f"{name}-serial"))
    place.finish()


if __name__ == "__main__":
    main()
