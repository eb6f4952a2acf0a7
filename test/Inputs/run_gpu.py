#!/usr/bin/env python3
"""Checks and times the kernels of this folder on a GPU. Needs Python with numpy and an NVIDIA driver; with libcublas, ratios to cuBLAS, too.

Checks: results against f64, and that they are the same bits in every run. Times: of the kernel and of cuBLAS (f16 weights, f16 results) in turn, each
on weights that it has not touched for as long as 4 times the L2 cache takes; medians; behind copies that keep the GPU busy until all is queued. Where
another kernel rounds activations first, that is part of the time. Weights are random bits. What is printed is written to results.json and results.md, too.
"""

import argparse
import ctypes
import datetime
import glob
import json
import os
import sys
from pathlib import Path

import numpy as np

MAJOR, MINOR, L2_BYTES = 75, 76, 38  # of cuDeviceGetAttribute
SHARED_BYTES = 8  # of cuFuncSetAttribute
BATCH = 8  # of samples that are queued at once


class GpuError(Exception):
    pass


class Gpu:
    """The driver, one of its devices, and a stream."""

    def __init__(self, number):
        name = os.environ.get("COMPRESS_LIBCUDA", "libcuda.so.1")
        try:
            self.lib = ctypes.CDLL(name)
        except OSError:
            raise GpuError(f"no CUDA driver ({name})") from None
        count, device, context = ctypes.c_int(), ctypes.c_int(), ctypes.c_void_p()
        result = self.lib.cuInit(0)
        if result == 0:
            self.call("cuDeviceGetCount", ctypes.byref(count))
        if result == 100 or (result == 0 and count.value == 0):
            raise GpuError("no CUDA device: the driver finds no GPU in this machine")
        self.must("cuInit", result)
        if not 0 <= number < count.value:
            raise GpuError(f"expected the number of a GPU below {count.value}, but got {number}")
        self.call("cuDeviceGet", ctypes.byref(device), number)
        self.device = device
        text = ctypes.create_string_buffer(256)
        self.call("cuDeviceGetName", text, len(text), device)
        self.name = text.value.decode()
        self.capability = 10 * self.attribute(MAJOR) + self.attribute(MINOR)
        self.l2_bytes = self.attribute(L2_BYTES)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self.call("cuCtxPushCurrent_v2", context)
        self.stream = ctypes.c_void_p()
        self.call("cuStreamCreate", ctypes.byref(self.stream), 1)
        self.allocated = []

    def call(self, function, *args):
        self.must(function, getattr(self.lib, function)(*args))

    def must(self, function, result):
        if result:
            text = ctypes.c_char_p()
            self.lib.cuGetErrorString(result, ctypes.byref(text))
            raise GpuError(f"{function}: {text.value.decode() if text.value else 'unknown error'} ({result})")

    def attribute(self, which):
        value = ctypes.c_int()
        self.call("cuDeviceGetAttribute", ctypes.byref(value), which, self.device)
        return value.value

    def allocate(self, size):
        pointer = ctypes.c_uint64()
        self.call("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(max(size, 4)))
        self.allocated.append(pointer)
        return pointer

    def free_all(self):
        self.wait()
        for pointer in self.allocated:
            self.call("cuMemFree_v2", pointer)
        self.allocated = []

    def wait(self):
        self.call("cuStreamSynchronize", self.stream)

    def copy(self, to, source, size):
        self.call("cuMemcpyAsync", ctypes.c_uint64(to), ctypes.c_uint64(source), ctypes.c_size_t(size), self.stream)

    def upload(self, pointer, array):
        array = np.ascontiguousarray(array)
        if array.nbytes:
            self.copy(pointer.value, array.ctypes.data, array.nbytes)
            self.wait()

    def download(self, pointer, size):
        array = np.empty(size, np.uint8)
        self.copy(array.ctypes.data, pointer.value, size)
        self.wait()
        return array

    def fill(self, pointer, size, pattern, shift=0):
        """Copies of a pattern on the device, the first one from `shift` on."""
        length = pattern[1]
        at, begin = 0, shift % length
        while at < size:
            part = min(length - begin, size - at)
            self.copy(pointer.value + at, pattern[0].value + begin, part)
            at, begin = at + part, 0

    def load(self, path):
        module = ctypes.c_void_p()
        log = ctypes.create_string_buffer(8192)
        options = (ctypes.c_int * 2)(5, 6)  # the errors of the assembler, and room for them
        values = (ctypes.c_void_p * 2)(ctypes.cast(log, ctypes.c_void_p), len(log))
        result = self.lib.cuModuleLoadDataEx(ctypes.byref(module), ctypes.c_char_p(path.read_bytes()), 2, options, values)
        if result:
            raise GpuError(f"{path.name}: the driver does not load it ({result}): {log.value.decode(errors='replace').strip()}")
        return module

    def prepare(self, module, launch, buffers):
        """A function that launches. `buffers`: pointers and shapes of the kernel's arguments."""
        function = ctypes.c_void_p()
        self.call("cuModuleGetFunction", ctypes.byref(function), module, launch["kernel"].encode())
        self.call("cuFuncSetAttribute", function, SHARED_BYTES, launch["shared_bytes"])
        values = []
        for pointer, shape in buffers:
            strides = [int(np.prod(shape[i + 1 :], dtype=np.int64)) for i in range(len(shape))]
            values += [pointer.value, pointer.value, 0, *shape, *strides]
        holders = [ctypes.c_uint64(v) for v in values]
        parameters = (ctypes.c_void_p * len(holders))(*[ctypes.cast(ctypes.byref(h), ctypes.c_void_p) for h in holders])
        args = [function, *launch["grid"], launch["threads"], 1, 1, launch["shared_bytes"], self.stream, parameters, None]

        def run(holders=holders):
            self.must(launch["kernel"], self.lib.cuLaunchKernel(*args))

        return run


class Cublas:
    """y (m x n) = x (m x k) times the transpose of w (n x k), in f16 with sums in f32."""

    def __init__(self, gpu, name):
        packages = [p for path in sys.path for p in sorted(glob.glob(os.path.join(path, "nvidia", "*", "lib", "libcublas.so.*")))]
        for candidate in [name] if name else ["libcublas.so.13", "libcublas.so.12", "libcublas.so", *packages]:
            try:
                self.lib = ctypes.CDLL(candidate)
                break
            except OSError:
                if name:
                    raise GpuError(f"cannot load {name}") from None
        else:
            raise LookupError
        self.handle = ctypes.c_void_p()
        self.must(self.lib.cublasCreate_v2(ctypes.byref(self.handle)))
        self.must(self.lib.cublasSetStream_v2(self.handle, gpu.stream))
        self.one, self.zero = ctypes.c_float(1), ctypes.c_float(0)

    def must(self, status):
        if status:
            raise GpuError(f"cuBLAS: status {status}")

    def prepare(self, m, n, k, x, w, y):
        half, sums_f32, default = 2, 68, -1
        args = [self.handle, 1, 0, n, m, k, ctypes.byref(self.one), w, half, k, x, half, k, ctypes.byref(self.zero), y, half, n, sums_f32, default]
        return lambda: self.must(self.lib.cublasGemmEx(*args))


class Timer:
    def __init__(self, gpu):
        self.gpu = gpu
        # What a copy of much more than the L2 cache reads and writes in a second.
        self.size = 16 * gpu.l2_bytes
        self.ends = gpu.allocate(self.size), gpu.allocate(self.size)
        gpu.allocated = []  # to stay
        self.busy()
        self.bandwidth = 2 * self.size / self.measure([self.busy], 20)[0] / 1e6

    def busy(self):
        self.gpu.copy(self.ends[0].value, self.ends[1].value, self.size)

    def measure(self, functions, samples):
        """Milliseconds of each, one after the other, medians. A function that is called with a number gets that of the sample."""
        times = [[] for _ in functions]
        for first in range(0, samples, BATCH):
            events = []
            for _ in range(4):
                self.busy()
            for _ in range(min(BATCH, samples - first)):
                for i, function in enumerate(functions):
                    pair = ctypes.c_void_p(), ctypes.c_void_p()
                    for event in pair:
                        self.gpu.call("cuEventCreate", ctypes.byref(event), 0)
                    self.gpu.call("cuEventRecord", pair[0], self.gpu.stream)
                    function()
                    self.gpu.call("cuEventRecord", pair[1], self.gpu.stream)
                    events.append((i, pair))
            self.gpu.wait()
            for i, pair in events:
                elapsed = ctypes.c_float()
                self.gpu.call("cuEventElapsedTime", ctypes.byref(elapsed), *pair)
                times[i].append(elapsed.value)
                for event in pair:
                    self.gpu.call("cuEventDestroy_v2", event)
        return [float(np.median(t)) for t in times]


def values_of(raw, element, shape):
    if element == "bf16":
        return (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32).astype(np.float64).reshape(shape)
    return raw.view({"f16": np.float16, "f32": np.float32}[element]).astype(np.float64).reshape(shape)


def check(gpu, module, data, case, runs):
    """The largest error, as a part of what it may be; raises GpuError where that is above 1, or bits differ between runs."""
    pointers = [gpu.allocate(buffer["bytes"]) for buffer in case["buffers"]]
    launches = [
        gpu.prepare(module, launch, [(pointers[i], case["buffers"][i]["shape"]) for i in launch["args"]]) for launch in case["launches"]
    ]
    out = case["out"]
    first = worst = None
    for _ in range(runs):
        for number, (pointer, buffer) in enumerate(zip(pointers, case["buffers"])):
            if buffer["data"] is None:
                # What nobody wrote is not a number.
                gpu.upload(pointer, np.full(buffer["bytes"], 0xFF, np.uint8))
            elif first is None or number == out:
                gpu.upload(pointer, data[buffer["data"]])
        for launch in launches:
            launch()
        raw = gpu.download(pointers[out], case["buffers"][out]["bytes"])
        if first is None:
            first = raw
            result, expected = values_of(raw, case["element"], case["buffers"][out]["shape"]), data[case["expected"]]
            worst = float(np.max(np.abs(result - expected) / data[case["bound"]]))
            if not np.all(np.isfinite(result)) or not worst <= 1:
                raise GpuError(f"{worst:.3g} times the bound")
        elif not np.array_equal(raw, first):
            raise GpuError("results differ between runs")
    gpu.free_all()
    return worst


def sparse_pattern(gpu, positions, words):
    """Records of random bits, whose positions are those of two different elements of four, in their order: instructions know no others. Four bits have
    both, the second one exclusive-or 1."""
    record, first, size = positions["record"], positions["offset"], positions["bytes"]
    bits = words.view(np.uint8)[: words.nbytes // record * record].reshape(-1, record).copy()
    pairs = np.array([0, 8, 9, 10, 12, 13], np.uint8)[np.random.default_rng(2).integers(0, 6, (len(bits), size, 2))]
    bits[:, first : first + size] = pairs[..., 0] | pairs[..., 1] << 4
    pattern = gpu.allocate(bits.nbytes), bits.nbytes
    gpu.upload(pattern[0], bits)
    return pattern


def time_shape(gpu, module, timer, cublas, pattern, words, case, samples):
    m, n, k = case["m"], case["n"], case["k"]
    components = [case["buffers"][i] for i in case["components"]]
    weight_bytes = sum(buffer["bytes"] for buffer in components)

    def copies(size):
        return max(2, -(-4 * gpu.l2_bytes // size) + 1)

    rng = np.random.default_rng(1)
    # Of activations, results and what is made on the way there is one of each.
    pointers = [None if i in case["components"] else gpu.allocate(buffer["bytes"]) for i, buffer in enumerate(case["buffers"])]
    activations, results = pointers[case["x"]], pointers[case["y"]]
    result_bytes = case["buffers"][case["y"]]["bytes"]
    gpu.upload(activations, rng.standard_normal((m, k)).astype(np.float16))
    records = next((sparse_pattern(gpu, buffer["positions"], words) for buffer in components if "positions" in buffer), None)
    ours = []
    for i in range(copies(weight_bytes)):
        for j, number in enumerate(case["components"]):
            pointers[number] = gpu.allocate(case["buffers"][number]["bytes"])
            buffer = case["buffers"][number]
            positions = buffer.get("positions")
            if positions:
                gpu.fill(pointers[number], buffer["bytes"], records, positions["record"] * 8 * i)
            else:
                gpu.fill(pointers[number], buffer["bytes"], pattern, 4096 * (i + j))
        launches = [
            gpu.prepare(module, launch, [(pointers[i], case["buffers"][i]["shape"]) for i in launch["args"]]) for launch in case["launches"]
        ]
        ours.append(lambda launches=launches: [launch() for launch in launches])
    ours[0]()
    once = gpu.download(results, result_bytes)
    ours[0]()
    if not np.array_equal(once, gpu.download(results, result_bytes)):
        raise GpuError("results differ between runs")
    peers = []
    if cublas:
        dense_bytes, result = 2 * n * k, gpu.allocate(2 * m * n)
        for i in range(copies(dense_bytes)):
            weight = gpu.allocate(dense_bytes)
            gpu.fill(weight, dense_bytes, pattern, 4096 * i)
            peers.append(cublas.prepare(m, n, k, activations, weight, result))

    def rotate(functions):
        state = [0]

        def run():
            functions[state[0] % len(functions)]()
            state[0] += 1

        return run

    functions = [rotate(f) for f in (ours, peers) if f]
    timer.measure(functions, 3)
    measured = timer.measure(functions, samples)
    gpu.free_all()
    bytes_moved = weight_bytes + case["buffers"][case["x"]]["bytes"] + result_bytes
    return {
        "kernel": case["name"], "m": m, "n": n, "k": k, "us": 1e3 * measured[0], "gb_per_s": bytes_moved / measured[0] / 1e6,
        "of_bandwidth": bytes_moved / measured[0] / 1e6 / timer.bandwidth, "tflops": 2 * m * n * k / measured[0] / 1e9,
        "cublas_us": 1e3 * measured[1] if cublas else None, "ratio": measured[1] / measured[0] if cublas else None,
    }  # fmt: skip


def markdown(report):
    lines = [f"{report['device']} (sm_{report['capability']}), {report['date']}, `{report['command']}`.", ""]
    failed = [c for c in report["checks"] if c["error"]]
    if report["checks"]:
        lines.append(f"{len(report['checks']) - len(failed)} of {len(report['checks'])} kernels agree with the decode, {report['runs']} runs each with the same bits.")
    lines += [f"- {c['name']}: {c['error']}" for c in failed]
    if report["times"]:
        lines += ["", f"Medians of {report['samples']}; a copy moves {report['bandwidth']:.0f} GB/s. Results in f32, of cuBLAS in f16.", ""]
        lines += ["| kernel | rows | weight | µs | of that bandwidth | TFLOP/s | cuBLAS f16, µs | ratio |", "|---|---|---|---|---|---|---|---|"]
    for t in report["times"]:
        if "error" in t:
            lines.append(f"| {t['kernel']} | {t['m']} | {t['n']} x {t['k']} | {t['error']} | | | | |")
            continue
        peer = f"{t['cublas_us']:.1f} | {t['ratio']:.2f}" if t["ratio"] else "not run | not run"
        lines.append(f"| {t['kernel']} | {t['m']} | {t['n']} x {t['k']} | {t['us']:.1f} | {100 * t['of_bandwidth']:.0f}% | {t['tflops']:.1f} | {peer} |")
    return "\n".join(lines) + "\n"


def run(options):
    folder = Path(__file__).resolve().parent if options.bundle is None else Path(options.bundle)
    index = json.loads((folder / "index.json").read_text())
    gpu = Gpu(options.gpu)
    wanted = int(index["chip"].strip("sm_a"))
    if gpu.capability != wanted if index["chip"].endswith("a") else gpu.capability < wanted:
        raise GpuError(f"the code is for {index['chip']}, but GPU {options.gpu} is sm_{gpu.capability}")
    report = {
        "device": gpu.name, "capability": gpu.capability, "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "command": " ".join(["run_gpu.py", *options.arguments]), "runs": options.runs, "samples": options.samples, "checks": [], "times": [],
    }  # fmt: skip
    modules = {}

    def module_of(case):
        if case["ptx"] not in modules:
            modules[case["ptx"]] = gpu.load(folder / case["ptx"])
        return modules[case["ptx"]]

    def save():
        Path(options.output, "results.json").write_text(json.dumps(report, indent=1) + "\n")
        Path(options.output, "results.md").write_text(markdown(report))

    checks, times = ([case for case in index[part] if not options.only or options.only in case["name"]] for part in ("checks", "times"))
    if options.no_times:
        times = []
    if not checks and not times:
        raise GpuError(f"no kernel has '{options.only}' in its name")
    with np.load(folder / "data.npz") as data:
        for case in checks:
            try:
                report["checks"].append({"name": case["name"], "worst": check(gpu, module_of(case), data, case, options.runs), "error": None})
            except GpuError as error:
                report["checks"].append({"name": case["name"], "worst": None, "error": str(error)})
                print(f"FAILED {case['name']}: {error}", flush=True)
                gpu.free_all()  # which fails if the GPU did
            save()
    if times:
        timer = Timer(gpu)
        report["bandwidth"] = timer.bandwidth
        try:
            cublas = Cublas(gpu, options.cublas)
        except LookupError:
            cublas = None
            print("note: no libcublas: no ratios (--cublas PATH says where it is)", flush=True)
        # Without the highest bit of the exponent of floats: bits are random, and scales finite.
        words = np.random.default_rng(0).integers(0, 1 << 16, min(32 << 20, 2 * gpu.l2_bytes), np.uint16) & np.uint16(0xBFFF)
        pattern = gpu.allocate(words.nbytes), words.nbytes
        gpu.allocated = []
        gpu.upload(pattern[0], words)
        for case in times:
            try:
                report["times"].append(time_shape(gpu, module_of(case), timer, cublas, pattern, words, case, options.samples))
            except GpuError as error:
                report["times"].append({"kernel": case["name"], "m": case["m"], "n": case["n"], "k": case["k"], "error": str(error)})
                gpu.free_all()
            save()
    print(markdown(report), end="")
    return 1 if any(c["error"] for c in report["checks"]) or any("error" in t for t in report["times"]) else 0


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpu", type=int, default=0, metavar="N")
    parser.add_argument("--runs", type=int, default=100, help="of each check (%(default)s)")
    parser.add_argument("--samples", type=int, default=200, help="of each time (%(default)s)")
    parser.add_argument("--no-times", action="store_true", help="check only, as under compute-sanitizer")
    parser.add_argument("--only", metavar="TEXT", help="kernels whose names have it")
    parser.add_argument("--cublas", metavar="PATH", help="libcublas.so, where it is not found")
    parser.add_argument("--output", default=".", metavar="DIRECTORY", help="of results.json and results.md")
    parser.add_argument("--bundle", metavar="DIRECTORY", help="where index.json is, if not beside this file")
    options = parser.parse_args(arguments)
    options.arguments = arguments
    for name in ("runs", "samples"):
        if getattr(options, name) < 1:
            parser.error(f"--{name}: expected a number above 0, but got {getattr(options, name)}")
    try:
        return run(options)
    except GpuError as error:
        print(f"run_gpu.py: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
