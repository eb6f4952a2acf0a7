#!/usr/bin/env python3
"""Checks and times the kernels of this folder on a GPU. Needs Python with numpy and an NVIDIA driver; with libcublas, torch or Triton, ratios to them, too.

Checks: results against f64, and that they are the same bits in every run. Times: of the kernel and of cuBLAS (f16 weights, f16 results) in turn, each
on weights that it has not touched for as long as 4 times the L2 cache takes; medians; behind copies that keep the GPU busy until all is queued. Where
another kernel rounds activations first, that is part of the time. Weights are random bits. What is printed is written to results.json and results.md, too.

A kernel that fails, or does not end, breaks what a process has of a GPU: a second process goes on behind it, from results.json.
Exit code: 0, or 1 where a kernel failed, or 2 where nothing could be done.
"""

import argparse
import ctypes
import datetime
import glob
import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

MAJOR, MINOR, L2_BYTES, PROCESSORS = 75, 76, 38, 16  # of cuDeviceGetAttribute
NOT_READY = 600  # a CUresult
SHARED_BYTES = 8  # of cuFuncSetAttribute
BATCH = 8  # of samples that are queued at once
GO_ON = 3  # exit code of a process that another one has to follow
CHECKED = 0.6  # of the budget, at most, for checks

# Reads all of a buffer: 4 times 16 bytes of each thread, each time around. What all parameters are is told by their names, which are those of buffers of
# one dimension. Sums of bits keep the loads.
READ_PTX = """.version 7.1
.target sm_80
.address_size 64
.visible .entry read_all(
  .param .u64 from, .param .u64 from_aligned, .param .u64 from_offset, .param .u64 size, .param .u64 from_stride,
  .param .u64 to, .param .u64 to_aligned, .param .u64 to_offset, .param .u64 threads, .param .u64 to_stride
)
.maxntid 256, 1, 1
{
  .reg .pred %p<2>;
  .reg .b32 %r<24>;
  .reg .b64 %rd<12>;
  ld.param.u64 %rd1, [from];
  ld.param.u64 %rd2, [size];
  ld.param.u64 %rd3, [to];
  ld.param.u64 %rd4, [threads];
  cvta.to.global.u64 %rd1, %rd1;
  cvta.to.global.u64 %rd3, %rd3;
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %tid.x;
  mad.lo.s32 %r3, %r1, 256, %r2;
  cvt.u64.u32 %rd5, %r3;
  shl.b64 %rd6, %rd5, 4;
  shl.b64 %rd7, %rd4, 4;
  shl.b64 %rd8, %rd4, 6;
  mov.u32 %r4, 0;
$around:
  add.s64 %rd9, %rd1, %rd6;
  ld.global.v4.u32 {%r5, %r6, %r7, %r8}, [%rd9];
  add.s64 %rd9, %rd9, %rd7;
  ld.global.v4.u32 {%r9, %r10, %r11, %r12}, [%rd9];
  add.s64 %rd9, %rd9, %rd7;
  ld.global.v4.u32 {%r13, %r14, %r15, %r16}, [%rd9];
  add.s64 %rd9, %rd9, %rd7;
  ld.global.v4.u32 {%r17, %r18, %r19, %r20}, [%rd9];
  xor.b32 %r5, %r5, %r6;
  xor.b32 %r7, %r7, %r8;
  xor.b32 %r9, %r9, %r10;
  xor.b32 %r11, %r11, %r12;
  xor.b32 %r13, %r13, %r14;
  xor.b32 %r15, %r15, %r16;
  xor.b32 %r17, %r17, %r18;
  xor.b32 %r19, %r19, %r20;
  xor.b32 %r5, %r5, %r7;
  xor.b32 %r9, %r9, %r11;
  xor.b32 %r13, %r13, %r15;
  xor.b32 %r17, %r17, %r19;
  xor.b32 %r5, %r5, %r9;
  xor.b32 %r13, %r13, %r17;
  xor.b32 %r5, %r5, %r13;
  xor.b32 %r4, %r4, %r5;
  add.s64 %rd6, %rd6, %rd8;
  setp.lt.u64 %p1, %rd6, %rd2;
  @%p1 bra $around;
  shl.b64 %rd10, %rd5, 2;
  add.s64 %rd11, %rd3, %rd10;
  st.global.u32 [%rd11], %r4;
  ret;
}
"""


class GpuError(Exception):
    pass


class BrokenError(GpuError):
    """After it, nothing works in this process."""


class Gpu:
    """The driver, one of its devices, and a stream."""

    def __init__(self, number, timeout):
        self.number, self.timeout = number, timeout
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
            text, name = ctypes.c_char_p(), ctypes.c_char_p()
            self.lib.cuGetErrorString(result, ctypes.byref(text))
            self.lib.cuGetErrorName(result, ctypes.byref(name))
            say = lambda value, otherwise: value.value.decode() if value.value else otherwise
            raise GpuError(f"{function}: {say(text, 'unknown error')} ({say(name, result)})")

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

    def recover(self, error):
        """After an error: gives memory back, or says that this is not possible."""
        if isinstance(error, BrokenError):
            raise error
        try:
            self.free_all()
        except GpuError:
            raise BrokenError(str(error)) from None

    def wait(self):
        begin = time.monotonic()
        while True:
            result = self.lib.cuStreamQuery(self.stream)
            if result != NOT_READY:
                return self.must("cuStreamQuery", result)
            if time.monotonic() - begin > self.timeout:
                raise BrokenError(f"the GPU is not done after {self.timeout} s")
            time.sleep(1e-4)

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
        code = path.read_bytes()
        return self.load_text(path.name, gzip.decompress(code) if path.suffix == ".gz" else code)

    def load_text(self, name, text):
        module = ctypes.c_void_p()
        log = ctypes.create_string_buffer(8192)
        options = (ctypes.c_int * 2)(5, 6)  # the errors of the assembler, and room for them
        values = (ctypes.c_void_p * 2)(ctypes.cast(log, ctypes.c_void_p), len(log))
        result = self.lib.cuModuleLoadDataEx(ctypes.byref(module), ctypes.c_char_p(text), 2, options, values)
        if result:
            raise GpuError(f"{name}: the driver does not load it ({result}): {log.value.decode(errors='replace').strip()}")
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
    def __init__(self, gpu, samples):
        self.gpu, self.events = gpu, []
        # What a copy of much more than the L2 cache reads and writes in a second, and what a kernel reads.
        threads = 8 * gpu.attribute(PROCESSORS) * 256
        self.size = max(16 * gpu.l2_bytes // (64 * threads), 1) * 64 * threads
        self.ends = gpu.allocate(self.size), gpu.allocate(self.size)
        sums = gpu.allocate(4 * threads)
        gpu.allocated = []  # to stay
        launch = {"kernel": "read_all", "grid": [threads // 256, 1, 1], "threads": 256, "shared_bytes": 0}
        read = gpu.prepare(gpu.load_text("read_all", READ_PTX.encode()), launch, [(self.ends[0], [self.size]), (sums, [threads])])
        self.copies, self.copy_seconds = 4, None
        self.busy()
        copied, read = self.measure([self.busy, read], min(samples, 20))
        self.copy_seconds = copied / 1e3
        self.copy_bandwidth, self.read_bandwidth = 2 * self.size / copied / 1e6, self.size / read / 1e6
        self.bandwidth = max(self.copy_bandwidth, self.read_bandwidth)

    def busy(self):
        self.gpu.copy(self.ends[0].value, self.ends[1].value, self.size)

    def measure(self, functions, samples):
        """Milliseconds of each, one after the other, medians. A function that is called with a number gets that of the sample."""
        times = [[] for _ in functions]
        for first in range(0, samples, BATCH):
            count = min(BATCH, samples - first)
            while len(self.events) < count * len(functions):
                self.events.append((ctypes.c_void_p(), ctypes.c_void_p()))
                for event in self.events[-1]:
                    self.gpu.call("cuEventCreate", ctypes.byref(event), 0)
            for _ in range(self.copies):
                self.busy()
            begin = time.monotonic()
            for number in range(count * len(functions)):
                start, end = self.events[number]
                self.gpu.call("cuEventRecord", start, self.gpu.stream)
                functions[number % len(functions)]()
                self.gpu.call("cuEventRecord", end, self.gpu.stream)
            if self.copy_seconds:
                # The GPU must have enough to do until all is queued, the next time, too.
                needed = 2 * (time.monotonic() - begin) / self.copy_seconds
                self.copies = int(min(max(self.copies, needed), 200))
            self.gpu.wait()
            for number in range(count * len(functions)):
                elapsed = ctypes.c_float()
                self.gpu.call("cuEventElapsedTime", ctypes.byref(elapsed), *self.events[number])
                times[number % len(functions)].append(elapsed.value)
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


def prepare_peers(peers, case, count):
    """Functions by name, and why there are none."""
    functions, errors = {}, {}
    for kind in case.get("peers", []):
        if not peers or kind not in peers.found:
            continue
        name = peers.found[kind].name
        try:
            functions[name] = peers.prepare(kind, case["m"], case["n"], case["k"], count)
        except Exception as error:  # whatever others raise
            errors[name] = {"error": (str(error).splitlines() or [type(error).__name__])[0]}
    return functions, errors


def time_shape(gpu, module, timer, cublas, peers, pattern, words, case, samples):
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
    x_bytes = case["buffers"][case["x"]]["bytes"]
    gpu.upload(activations, rng.standard_normal(x_bytes // 2).astype(np.float16))
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
    dense = []
    if cublas:
        dense_bytes, result = 2 * n * k, gpu.allocate(2 * m * n)
        matrix = activations
        if x_bytes != 2 * m * k:
            # Of a convolution, the matrix of windows, which it is given.
            matrix = gpu.allocate(2 * m * k)
            gpu.upload(matrix, rng.standard_normal(m * k, np.float32).astype(np.float16))
        for i in range(copies(dense_bytes)):
            weight = gpu.allocate(dense_bytes)
            gpu.fill(weight, dense_bytes, pattern, 4096 * i)
            dense.append(cublas.prepare(m, n, k, matrix, weight, result))
    others, errors = prepare_peers(peers, case, copies)

    def rotate(functions):
        state = [0]

        def run():
            functions[state[0] % len(functions)]()
            state[0] += 1

        return run

    functions = [rotate(f) for f in (ours, dense, *others.values()) if f]
    timer.measure(functions, 3)
    measured = timer.measure(functions, samples)
    gpu.free_all()
    other_times = measured[len(measured) - len(others) :]
    others = {name: {"us": 1e3 * t, "ratio": t / measured[0]} for name, t in zip(others, other_times)}
    bytes_moved = weight_bytes + x_bytes + result_bytes
    return {
        "kernel": case["name"], "m": m, "n": n, "k": k, "us": 1e3 * measured[0], "gb_per_s": bytes_moved / measured[0] / 1e6,
        "of_bandwidth": bytes_moved / measured[0] / 1e6 / timer.bandwidth, "tflops": 2 * m * n * k / measured[0] / 1e9,
        "cublas_us": 1e3 * measured[1] if cublas else None, "ratio": measured[1] / measured[0] if cublas else None,
        "peers": {**others, **errors},
    }  # fmt: skip


def markdown(report):
    say = lambda name, peer: f"{name}: {peer['error']}" if "error" in peer else f"{name}: {peer['us']:.1f} µs, {peer['ratio']:.2f}"
    lines = [f"{report['device']} (sm_{report['capability']}), {report['date']}, `{report['command']}`.", ""]
    failed = [c for c in report["checks"] if c["error"]]
    if report["checks"]:
        lines.append(f"{len(report['checks']) - len(failed)} of {len(report['checks'])} kernels agree with the decode, {report['runs']} runs each with the same bits.")
    lines += [f"- {c['name']}: {c['error']}" for c in failed]
    if report["times"]:
        lines += ["", f"Medians of {report['samples']}; a copy moves {report['copy_bandwidth']:.0f} GB/s, and {report['read_bandwidth']:.0f} GB/s are read. "
                  "Results in f32, of others in f16 or integers. Ratios are times of others to that of the kernel.", ""]  # fmt: skip
        lines += ["| kernel | rows | weight | µs | of the larger bandwidth | TFLOP/s | cuBLAS f16, µs | ratio | others |", "|---|---|---|---|---|---|---|---|---|"]
    for t in report["times"]:
        if "error" in t:
            lines.append(f"| {t['kernel']} | {t['m']} | {t['n']} x {t['k']} | {t['error']} | | | | | |")
            continue
        peer = f"{t['cublas_us']:.1f} | {t['ratio']:.2f}" if t["ratio"] else "not run | not run"
        lines.append(f"| {t['kernel']} | {t['m']} | {t['n']} x {t['k']} | {t['us']:.1f} | {100 * t['of_bandwidth']:.0f}% | {t['tflops']:.1f} | {peer} | {'; '.join(say(*peer) for peer in t['peers'].items())} |")
    if report["not_run"]:
        lines += ["", f"Not run, because {report['budget']} s were over: {report['not_run']['checks']} checks, {report['not_run']['times']} shapes."]
    return "\n".join(lines) + "\n"


class Progress:
    """Says from time to time how far things are, and how long the rest may take."""

    def __init__(self, what, count):
        self.what, self.count, self.done = what, count, 0
        self.begin = self.said = time.monotonic()

    def step(self):
        self.done += 1
        now = time.monotonic()
        if now - self.said >= 10 and self.done < self.count:
            left = (now - self.begin) / self.done * (self.count - self.done)
            print(f"{self.what}: {self.done} of {self.count} in {now - self.begin:.0f} s, about {left:.0f} s left", flush=True)
            self.said = now


class Session:
    """A run of the bundle."""

    def __init__(self, options):
        self.options = options
        self.folder = Path(__file__).resolve().parent if options.bundle is None else Path(options.bundle)
        self.index = json.loads((self.folder / "index.json").read_text())
        self.checks, self.times = (
            [case for case in self.index[part] if not options.only or options.only in case["name"]] for part in ("checks", "times")
        )
        if options.no_checks:
            self.checks = []
        if options.no_times:
            self.times = []
        if options.no_checks and options.no_times:
            raise GpuError("expected one of --no-checks and --no-times, but got both")
        if not self.checks and not self.times:
            raise GpuError(f"no kernel has '{options.only}' in its name")
        self.gpu = gpu = Gpu(options.gpu, options.timeout)
        wanted = int(self.index["chip"].strip("sm_a"))
        if gpu.capability != wanted if self.index["chip"].endswith("a") else gpu.capability < wanted:
            raise GpuError(f"the code is for {self.index['chip']}, but GPU {options.gpu} is sm_{gpu.capability}")
        self.modules = {}
        now = datetime.datetime.now(datetime.timezone.utc)
        self.report = {
            "device": gpu.name, "capability": gpu.capability, "date": now.strftime("%Y-%m-%d %H:%M UTC"), "begin": time.time(),
            "command": " ".join(["run_gpu.py", *options.arguments]), "runs": options.runs, "samples": options.samples, "budget": options.budget,
            "checks": [], "times": [], "not_run": None,
        }  # fmt: skip
        if options.resume:
            self.report = json.loads(Path(options.output, "results.json").read_text())

    def save(self):
        Path(self.options.output, "results.json").write_text(json.dumps(self.report, indent=1) + "\n")
        Path(self.options.output, "results.md").write_text(markdown(self.report))

    def module_of(self, case):
        if case["code"] not in self.modules:
            self.modules[case["code"]] = self.gpu.load(self.folder / case["code"])
        return self.modules[case["code"]]

    def is_over(self, part=1.0):
        return self.options.budget is not None and time.time() - self.report["begin"] > part * self.options.budget

    def go_through(self, what, cases, results, part, compute, describe):
        """Computes the results that are not there yet. An error is a result, too."""
        cases = cases[len(results) :]
        progress = Progress(what, len(cases))
        for number, case in enumerate(cases):
            if self.is_over(part):
                return len(cases) - number
            try:
                results.append(compute(case))
            except GpuError as error:
                results.append({**describe(case), "error": str(error)})
                print(f"FAILED {case['name']}: {error}", flush=True)
                self.save()
                self.gpu.recover(error)
            self.save()
            progress.step()
        return 0

    def run_checks(self):
        if not self.checks:
            return 0
        with np.load(self.folder / "data.npz") as data:
            def compute(case):
                return {"name": case["name"], "worst": check(self.gpu, self.module_of(case), data, case, self.options.runs), "error": None}

            part = CHECKED if self.times else 1.0
            return self.go_through("checks", self.checks, self.report["checks"], part, compute, lambda case: {"name": case["name"], "worst": None})

    def run_times(self):
        gpu, options = self.gpu, self.options
        if not self.times or self.is_over():
            return len(self.times) - len(self.report["times"])
        timer = Timer(gpu, options.samples)
        self.report["copy_bandwidth"], self.report["read_bandwidth"] = timer.copy_bandwidth, timer.read_bandwidth
        try:
            cublas = Cublas(gpu, options.cublas)
        except LookupError:
            cublas = None
            print("note: no libcublas: no ratios (--cublas PATH says where it is)", flush=True)
        peers = None
        if not options.no_peers:
            import gpu_peers

            peers = gpu_peers.Peers(options.gpu, gpu.stream.value, sorted({kind for case in self.times for kind in case.get("peers", [])}))
            for name, why in peers.missing.items():
                print(f"note: {why}: no times of {name}", flush=True)
        # Without the highest bit of the exponent of floats: bits are random, and scales finite.
        words = np.random.default_rng(0).integers(0, 1 << 16, min(32 << 20, 2 * gpu.l2_bytes), np.uint16) & np.uint16(0xBFFF)
        pattern = gpu.allocate(words.nbytes), words.nbytes
        gpu.allocated = []
        gpu.upload(pattern[0], words)

        def compute(case):
            try:
                result = time_shape(gpu, self.module_of(case), timer, cublas, peers, pattern, words, case, options.samples)
                if peers:
                    peers.finish()
                return result
            except GpuError:
                raise
            except Exception as error:  # of a peer
                raise BrokenError(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}") from None

        describe = lambda case: {"kernel": case["name"], "m": case["m"], "n": case["n"], "k": case["k"]}
        return self.go_through("times", self.times, self.report["times"], 1.0, compute, describe)

    def run(self):
        self.save()
        print(f"{len(self.checks)} checks, {self.options.runs} runs each; {len(self.times)} shapes, {self.options.samples} samples each", flush=True)
        left = {"checks": self.run_checks(), "times": self.run_times()}
        self.report["not_run"] = left if any(left.values()) else None
        self.save()
        print(markdown(self.report), end="")
        return 1 if any(c["error"] for c in self.report["checks"]) or any("error" in t for t in self.report["times"]) else 0


def run(options):
    try:
        return Session(options).run()
    except BrokenError as error:
        print(f"note: this process can do no more on the GPU: {error}", flush=True)
        return GO_ON


def supervise(arguments, output):
    """Runs processes, each of which goes on where the one before had to stop, as long as they come further."""
    command = [sys.executable, os.path.abspath(__file__), *arguments, "--one-process"]
    status, results = subprocess.call(command), 0
    while status == GO_ON:
        report = json.loads(Path(output, "results.json").read_text())
        before, results = results, len(report["checks"]) + len(report["times"])
        if results == before:
            raise GpuError("the GPU does nothing that was asked for")
        status = subprocess.call([*command, "--resume"])
    return status


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpu", type=int, default=0, metavar="N")
    parser.add_argument("--runs", type=int, default=100, help="of each check (%(default)s)")
    parser.add_argument("--samples", type=int, default=200, help="of each time (%(default)s)")
    parser.add_argument("--no-times", action="store_true", help="check only, as under compute-sanitizer")
    parser.add_argument("--no-checks", action="store_true", help="time only")
    parser.add_argument("--no-peers", action="store_true", help="do not import torch and Triton")
    parser.add_argument("--budget", type=float, metavar="SECONDS", help="begin nothing new after so long; checks take 60%% of it at most")
    parser.add_argument("--timeout", type=float, default=60, metavar="SECONDS", help="for what is queued at once, before it counts as hung (%(default)s)")
    parser.add_argument("--one-process", action="store_true", help=f"where a kernel breaks what the process has of the GPU, end with exit code {GO_ON}")
    parser.add_argument("--resume", action="store_true", help="go on behind what results.json has")
    parser.add_argument("--only", metavar="TEXT", help="kernels whose names have it")
    parser.add_argument("--cublas", metavar="PATH", help="libcublas.so, where it is not found")
    parser.add_argument("--output", default=".", metavar="DIRECTORY", help="of results.json and results.md")
    parser.add_argument("--bundle", metavar="DIRECTORY", help="where index.json is, if not beside this file")
    options = parser.parse_args(arguments)
    options.arguments = [a for a in arguments if a not in ("--one-process", "--resume")]
    for name, least in (("runs", 1), ("samples", 1), ("budget", 0), ("timeout", 0)):
        value = getattr(options, name)
        if value is not None and value < least or value == 0:
            parser.error(f"--{name}: expected a number above 0, but got {value}")
    try:
        return run(options) if options.one_process else supervise(arguments, options.output)
    except GpuError as error:
        print(f"run_gpu.py: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
