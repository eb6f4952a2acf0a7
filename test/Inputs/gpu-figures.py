"""What ptxas makes of kernels, and what their main loops cost: gpu-figures.py DIRECTORY PTXAS [--table] [KIND...].

For each kind of weight, 8192 x 28672, and each number of rows: registers, spills and shared memory by ptxas for every chip, and instructions of the
main loop, counted in PTX. With --table, the rows of docs/gpu-results.md.
"""

import math
import re
import subprocess
import sys
from pathlib import Path

from gpu_module import GpuModule
from ptx_model import SHARED, SHARED_OF_OTHERS

N, K = 28672, 8192
CHIPS = ["sm_80", "sm_86", "sm_89", "sm_90", "sm_90a", "sm_100", "sm_120"]
FOUR = "split = [1, 2, 8, 4, 2, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4]"
FOUR32 = "split = [2, 2, 8, 2, 2, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4]"
EIGHT = "split = [1, 2, 8, 2, 2, 4, 2], inside = [2, 5, 3, 0, 1, 6, 4]"
# Two of four columns are stored, and their positions in the order of mma.sp.
POSITIONS = "positions = [0, 3, 2, 4, 1, 5, 6]"
SPARSE = {bits: f"split = [1, 2, 8, {outer}, 2, 4, 4], inside = [{inside}], {POSITIONS}"
          for bits, outer, inside in [(4, 4, "2, 5, 3, 0, 6, 1, 4"), (8, 2, "2, 5, 3, 0, 1, 6, 4"), (16, 1, "2, 5, 3, 0, 4, 1, 6")]}  # fmt: skip


def weight_kinds(n, k):
    """Kinds of weights, n x k: codec, tile, order, record with flip, bytes of a record, shared components; and what a main loop may cost for each
    8 weights of a lane: lop3, prmt, and operations on two halves."""
    return {
        "int4-b128": ("quant<i4, block = [1, 128], scale = f16>", (16, 64), FOUR, "record = 2, flip = 136", 1056, [], (4, 0, 4)),
        "int4-b128 x bf16": ("quant<i4, block = [1, 128], scale = f16>", (16, 64), FOUR, "record = 2, flip = 136", 1056, [], (4, 0, 4)),
        "int4-b32": ("quant<i4, block = [1, 32], scale = f16>", (32, 32), FOUR32, "record = 1, flip = 136", 576, [], (4, 0, 4)),
        "int4-b32-asym": ("quant<u4, block = [1, 32], scale = f16, min = f16>", (32, 32), FOUR32, "record = 1", 640, [], (4, 0, 4)),
        "int3-b32": ("quant<i3, block = [1, 32], scale = f16>", (32, 32), FOUR32, "record = 1, flip = 36", 576, [], (4, 0, 4)),
        "q6_K": ("nested<#compress.quant<i6, block = [1, 16], scale = f32>, scales = #compress.quant<i8, block = [1, 16], scale = f16>>", (32, 16), "split = [2, 2, 8, 1, 2, 4, 2, 1], inside = [2, 5, 3, 0, 1, 6, 4, 7]", "record = 16, flip = 32", 8768, [], (4, 2, 4)),
        "int8-channel": (f"quant<i8, block = [1, {k}], scale = f32, narrow>", (16, 32), EIGHT, "record = 1, flip = 128", 512, [f"{n // 16}x1x8x1x1x1x2x1x1xf32"], (0, 4, 4)),
        "int8 x int8": (f"quant<i8, block = [1, {k}], scale = f32, narrow>", (16, 32), EIGHT, "record = 1, flip = 128", 512, [f"{n // 16}x1x8x1x1x1x2x1x1xf32"], (0, 0, 0)),
        "int4 x int8": (f"quant<i4, block = [1, {k}], scale = f32, narrow>", (16, 64), FOUR, "record = 1, flip = 136", 512, [f"{n // 16}x1x8x1x1x1x1x2x1xf32"], (0, 0, 0)),
        "int8-b128 x int8": ("quant<i8, block = [1, 128], scale = f16>", (16, 32), EIGHT, "record = 4, flip = 128", 2080, [], (0, 0, 0)),
        "int4-b128 x int8": ("quant<i4, block = [1, 128], scale = f16>", (16, 64), FOUR, "record = 2, flip = 136", 1056, [], (0, 0, 0)),
        "int4-b32 x int8": ("quant<i4, block = [1, 32], scale = f16>", (32, 32), FOUR32, "record = 1, flip = 136", 576, [], (0, 0, 0)),
        "int4-b32-asym x int8": ("quant<u4, block = [1, 32], scale = f16, min = f16>", (32, 32), FOUR32, "record = 1", 640, [], (0, 0, 0)),
        "fp8-e5m2-channel": (f"quant<f8E5M2, block = [1, {k}], scale = f32>", (16, 32), EIGHT, "record = 1", 512, [f"{n // 16}x1x8x1x1x1x2x1x1xf32"], (0, 0, 0)),
        "fp8-e4m3-channel": (f"quant<f8E4M3FN, block = [1, {k}], scale = f32>", (16, 32), EIGHT, "record = 1", 512, [f"{n // 16}x1x8x1x1x1x2x1x1xf32"], (4, 0, 0)),
        "fp8-e4m3-b128x128": ("quant<f8E4M3FN, block = [128, 128], scale = f32>", (16, 32), EIGHT, "record = 4", 2048, [f"{-(-n // 128)}x{-(-k // 128)}x1x1x1x1x1x1x1xf32"], (4, 0, 0)),
        "fp8-e4m3 x fp8": (f"quant<f8E4M3FN, block = [1, {k}], scale = f32>", (16, 32), EIGHT, "record = 1", 512, [f"{n // 16}x1x8x1x1x1x2x1x1xf32"], (0, 0, 0)),
        "fp8-e5m2-b128 x fp8": ("quant<f8E5M2, block = [1, 128], scale = f16>", (16, 32), EIGHT, "record = 4", 2080, [], (0, 0, 0)),
        "binary": (f"quant<binary, block = [1, {k}], scale = f16>", (16, 256), "split = [1, 2, 8, 4, 8, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4]", "record = 1", 512, [f"{n // 16}x1x8x1x1x1x1x2x1xf16"], (4, 0, 0)),
        "binary x signs": (f"quant<binary, block = [1, {k}], scale = f16>", (16, 256), "split = [1, 2, 8, 4, 8, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4]", "record = 1", 512, [f"{n // 16}x1x8x1x1x1x1x2x1xf16"], (0, 0.25, 0)),
        "mxfp4": ("quant<f4E2M1FN, block = [1, 32], scale = f8E8M0FNU>", (32, 32), FOUR32, "record = 1", 544, [], (2, 4, 0)),
        "nvfp4": (f"nested<#compress.quant<f4E2M1FN, block = [1, 16], scale = f32>, scales = #compress.quant<f8E4M3FN, block = [{n}, {k // 16}], scale = f32>>", (64, 16), "split = [4, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4]", "record = 1", 576, ["1x1x1x1x1x1x1x1x1xf32"], (3, 6, 5)),
        "nf4": (f"palette<bits = 4, group = [{n}, {k}], codebook = f32, scale = f16, block = [1, 64]>", (16, 64), "split = [1, 2, 8, 4, 2, 4, 2], inside = [2, 5, 3, 0, 1, 4, 6]", "record = 1", 544, ["1x1x1x1x1x1x1x1x1x16xf32"], (0, 0, 0)),
        "palette4": (f"palette<bits = 4, group = [{n}, {k}], codebook = f16>", (16, 64), "split = [1, 2, 8, 4, 2, 4, 2], inside = [2, 5, 3, 0, 1, 4, 6]", "record = 1", 512, ["1x1x1x1x1x1x1x1x1x16xf16"], (0, 0, 0)),
        "palette2": (f"palette<bits = 2, group = [{n}, {k}], codebook = f16>", (16, 128), "split = [1, 2, 8, 4, 4, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4]", "record = 1", 512, ["1x1x1x1x1x1x1x1x1x4xf16"], (0, 0, 0)),
        "palette3": (f"palette<bits = 3, group = [{n}, {k}], codebook = f16>", (16, 64), "split = [1, 2, 8, 4, 2, 4, 2], inside = [2, 5, 3, 0, 1, 4, 6]", "record = 1", 512, ["1x1x1x1x1x1x1x1x1x8xf16"], (0, 0, 0)),
        "palette4-row": (f"palette<bits = 4, group = [1, {k}], codebook = f16>", (16, 64), "split = [1, 2, 8, 4, 2, 4, 2], inside = [2, 5, 3, 0, 1, 4, 6]", "record = 1", 512, [f"{n // 16}x1x8x1x1x1x2x1x1x16xf16"], (0, 0, 0)),
        "palette8": (f"palette<bits = 8, group = [{n}, {k}], codebook = f16>", (16, 32), EIGHT, "record = 1", 512, ["1x1x1x1x1x1x1x1x1x256xf16"], (0, 0, 0)),
        "dense": ("dense", (16, 16), "split = [1, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 4, 1, 6]", "record = 1", 512, [], (0, 0, 0)),
        "sparse f16": ("nm<2:4, axis = 1>", (16, 32), SPARSE[16], "record = 2", 1152, [], (0, 0, 0)),
        "sparse int4-b64": ("nested<#compress.nm<2:4, axis = 1>, values = #compress.quant<i4, block = [1, 64], scale = f16>>", (16, 128), SPARSE[4], "record = 1, flip = 136", 800, [], (4, 0, 4)),
        "sparse int8-channel": (f"nested<#compress.nm<2:4, axis = 1>, values = #compress.quant<i8, block = [1, {k // 2}], scale = f32, narrow>>", (16, 64), SPARSE[8], "record = 1, flip = 128", 640, [f"{n // 16}x1x8x1x1x1x2x1x1xf32"], (0, 4, 4)),
        "sparse int8 x int8": (f"nested<#compress.nm<2:4, axis = 1>, values = #compress.quant<i8, block = [1, {k // 2}], scale = f32, narrow>>", (16, 64), SPARSE[8], "record = 1, flip = 128", 640, [f"{n // 16}x1x8x1x1x1x2x1x1xf32"], (0, 2.5, 0)),
    }  # fmt: skip


def compute_of(name):
    return {"int8": "int8", "signs": "xnor", "fp8": "f8", "bf16": "bf16"}.get(name.rpartition(" x ")[2], "f16")


def positions_of(name, n, k):
    """Where the positions of few elements lie in a record, or nothing: four bits for each four columns."""
    codec, (rows, columns), order, more, size, _, _ = weight_kinds(n, k)[name]
    if POSITIONS not in order:
        return None
    count = rows * columns * int(re.search(r"record = (\d+)", more).group(1)) // 8
    return {"record": size, "offset": size - count, "bytes": count}


# Convolutions with windows of 3 x 3 and zeros around images: kind of the weight, outputs, size of images, and channels.
WINDOWS = {
    "int8-channel-3x3": ("int8-channel", 256, 28, 256),
    "int4-b32-3x3": ("int4-b32", 256, 28, 256),
    "dense-3x3": ("dense", 512, 14, 512),
    "int8-3x3 x int8": ("int8 x int8", 512, 14, 512),
    "binary-3x3 x signs": ("binary x signs", 1024, 14, 1024),
}

# Few outputs, whose sums have parts on chips without clusters: kind of the weight, outputs and columns.
FEW = {
    "int4-b128 few": ("int4-b128", 1024, 8192),
    "int8-channel few": ("int8-channel", 1024, 8192),
    "int8 few x int8": ("int8 x int8", 1024, 8192),
    "binary few x signs": ("binary x signs", 512, 65536),
    "dense few": ("dense", 1024, 8192),
}
# How many of such kernels there are for 8, 16, 32 and 64 rows: blocks of outputs, and parts.
PARTS = {
    ("int4-b128 few", "sm_80"): [(32, 2), (32, 2), (16, 4), (8, 8)],
    ("int4-b128 few", "sm_89"): [(32, 4), (16, 8), (8, 16), (8, 16)],
}


def kind_of(name):
    """The kind of a weight, its sizes, and size and channels of the images that windows are of, if any."""
    if name in FEW:
        return *FEW[name], None
    if name not in WINDOWS:
        return name, N, K, None
    kind, n, size, c = WINDOWS[name]
    return kind, n, 9 * c, (size, c)


def module(name, n, k, image=None):
    codec, (rows, columns), order, more, size, shared, _ = weight_kinds(n, k)[name]
    record = int(re.search(r"record = (\d+)", more).group(1))
    lhs, window = f"memref<?x{k}x{'bf16' if compute_of(name) == 'bf16' else 'f16'}>", ""
    if image:
        s, c = image
        lhs = f"memref<?x{s}x{s}x{c}xf16>"
        window = (
            f" window affine_map<(m, k) -> (m floordiv {s * s}, (m mod {s * s}) floordiv {s} + k floordiv {3 * c} - 1, "
            f"m mod {s} + (k mod {3 * c}) floordiv {c} - 1, k mod {c})> border"
        )
    types = [lhs, f"memref<{n // rows}x{k // columns // record}x{size}xi8>", *(f"memref<{s}>" for s in shared), f"memref<?x{n}xf32>"]
    # Of the type that kernels multiply, so that they may multiply by scales first.
    element = compute_of(name) if compute_of(name) in ("f16", "bf16") else "f32"
    operands = [f"%a{i}" for i in range(len(types))]
    weight = f"!compress.tensor<{n}x{k}x{element}, #compress.tiled<#compress.{codec}, tile = [{rows}, {columns}], order = [0, 1], {order}, {more}>>"
    return (
        f"func.func @f({', '.join(f'{n}: {t}' for n, t in zip(operands, types))}) {{\n"
        f"  compress.contract ins({', '.join(operands[:-1])} : {', '.join(types[:-1])}) outs({operands[-1]} : {types[-1]}) overwrite\n"
        f"    weight({weight}, affine_map<(m, n, k) -> (n, k)>){window} compute = {compute_of(name)}\n  return\n}}\n"
    )


def kernels(ptx):
    return {m.group(1): m.group(2) for m in re.finditer(r"\.visible \.entry (\w+)\((.*?)\n\}", ptx, re.S)}


def main_loop(body):
    """The instructions between a label and the jump back to it that have mma."""
    lines = [line.split("//")[0].strip() for line in body.splitlines()]
    found = []
    for at, line in enumerate(lines):
        label = re.match(r"(\$\w+):", line)
        if not label:
            continue
        ends = [i for i in range(at, len(lines)) if re.search(r"bra\S*\s+" + re.escape(label.group(1)) + r"\s*;", lines[i])]
        if ends and any(re.search(r"\bmma\.s", l) for l in lines[at : ends[-1]]):
            found.append(lines[at : ends[-1] + 1])
    assert found, "expected a loop with mma"
    opcodes = {}
    for line in max(found, key=len):
        line = re.sub(r"^@\S+\s+", "", line)
        if re.match(r"[a-z]", line):
            opcode = line.split()[0]
            opcodes[opcode] = opcodes.get(opcode, 0) + 1
    return opcodes


def count(opcodes, *prefixes):
    return sum(c for o, c in opcodes.items() if o.startswith(prefixes))


def shared_bytes(opcodes):
    """What a warp reads from shared memory in the main loop."""
    total = 0
    for opcode, times in opcodes.items():
        if opcode.startswith("ldmatrix"):
            total += times * 128 * int(re.search(r"\.x(\d)", opcode).group(1))
        elif opcode.startswith("ld.shared"):
            vector = re.search(r"\.v(\d)", opcode)
            total += times * 4 * int(re.search(r"\.[bfusx]+(\d+)$", opcode).group(1)) * int(vector.group(1) if vector else 1)
    return total


# What a mma may read from shared memory, in bytes for a warp, in the kernel for many rows; and instructions for one.
MANY_BYTES = {"dense": 128, "int8-channel": 96, "fp8-e4m3-channel": 96, "fp8-e5m2-channel": 96, "int8 x int8": 128, "int4 x int8": 96, "int4-b128": 82, "int4-b128 x bf16": 82, "int4-b32": 88, "int4-b32-asym": 96, "mxfp4": 84, "nf4": 148}
MANY_INSTRUCTIONS = {"dense": 1.55, "int8 x int8": 2.06, "int4-b128": 3.04, "int4-b128 x bf16": 3.97, "int4-b32": 3.28, "mxfp4": 4.73, "nf4": 4.09}
# What multiplying 8 numbers by their scales takes: prmt, operations on two halves, and loads that look like lookups.
SCALED = {"int4-b128": (0.25, 4, 0), "int4-b128 x bf16": (0, 8, 0), "int4-b32": (1, 4, 0), "int4-b32-asym": (2, 4, 0), "int3-b32": (1, 4, 0), "mxfp4": (0, 8, 0), "nf4": (0.5, 4, 0.25), "sparse int4-b64": (0.5, 4, 0)}


def main():
    path, ptxas = str(Path(sys.argv[1]).resolve()), sys.argv[2]
    rows_of_table, spilling = [], []
    wanted = [arg for arg in sys.argv[3:] if arg != "--table"] or [*weight_kinds(N, K), *WINDOWS, *FEW]
    for name in wanted:
        kind, n, k, image = kind_of(name)
        _, (rows, columns), _, more, size, shared, costs = weight_kinds(n, k)[kind]
        Path(path + ".mlir").write_text(module(kind, n, k, image))
        for chip in CHIPS:
            if compute_of(name) == "f8" and int(chip.strip("sm_a")) < 89:
                continue  # has no such mma
            out = subprocess.run(
                ["compress-opt", path + ".mlir", f"--compress-to-nvvm=chip={chip}"], check=True, capture_output=True, text=True
            ).stdout
            compiled = GpuModule(out)
            Path(path + ".ptx").write_text(compiled.ptx)
            report = subprocess.run(
                [ptxas, "-v", f"-arch={chip}", path + ".ptx", "-o", path + ".cubin"], capture_output=True, text=True
            )
            assert report.returncode == 0, report.stderr
            usage = {}
            for entry in re.split(r"Compiling entry function '", report.stderr)[1:]:
                kernel = entry.split("'")[0]
                spills = [int(v) for v in re.findall(r"(\d+) bytes (?:stack frame|spill stores|spill loads)", entry)]
                usage[kernel] = (int(re.search(r"Used (\d+) registers", entry).group(1)), sum(spills))
            launches = {launch.kernel: launch for launch in compiled.launches("f")}
            parts = [launch for launch in launches.values() if launch.has_parts]
            assert name not in FEW or (chip in SHARED) == bool(parts), f"{name} {chip}: {list(launches)}"
            if (name, chip) in PARTS:
                expected = [(f"f_contract0_m{8 << i}_p{count}{end}", blocks * count) for i, (blocks, count) in enumerate(PARTS[name, chip]) for end in ("", "_sum")]
                assert [(launch.kernel, launch.blocks) for launch in parts] == expected, parts
            bodies = kernels(compiled.ptx)
            assert sorted(usage) == sorted(launches) == sorted(bodies), (usage, launches)
            for kernel, (registers, spilled) in usage.items():
                if spilled:
                    spilling.append(f"{name} {chip} {kernel}: {spilled} bytes")
                launch = launches[kernel]
                assert launch.shared_bytes <= SHARED.get(chip, SHARED_OF_OTHERS) * 1024, f"{name} {kernel}: {launch.shared_bytes} bytes of shared memory"
                assert registers * launch.threads <= 65536
                # With few stages there may be no loop left.
                if name in FEW or kernel.endswith(("_round", "_signs", "_sum")):
                    continue
                opcodes = main_loop(bodies[kernel])
                m = min(launch.rows, 64)  # of a warp
                # Words of 8 weights, stored ones if they are sparse: of which a mma of each 8 rows of x takes one.
                words = count(opcodes, "mma.s") * 8 / m
                if compute_of(name) in ("int8", "f8"):
                    words *= 2  # two words of bytes
                if compute_of(name) == "xnor":
                    # 128 bits, in two mma where zeros are around images, and one more, with ones.
                    words *= 16 * m / ((2 if image else 1) * m + 8)
                per_word = [count(opcodes, p) / words for p in ("lop3", "prmt")] + [count(opcodes, *(f"{op}{rounded}.{half}x2" for op in ("add", "fma", "mul", "sub") for rounded in (".rn", "") for half in ("f16", "bf16"))) / words]
                # Lookups; of pairs, where one codebook is short.
                is_palette = kind.startswith("palette") or kind == "nf4"
                has_pairs = kind != "palette8" and not kind.endswith("-row")
                per_word.append(count(opcodes, "ld.shared.b32", "ld.shared.b16", "ld.shared.u16") / words if is_palette else 0)
                lookups = 4 if has_pairs else 8
                # Products with scales, unless sums of blocks are multiplied by them, in operations on four f32.
                has_sums = count(opcodes, "fma.rn.f32") > 0
                permutes, products, loads = (0, 0, 0) if has_sums else SCALED.get(kind, (0, 0, 0))
                allowed = [costs[0], costs[1] + permutes, costs[2] + products, lookups + loads]
                assert all(got <= most + 0.01 for got, most in zip(per_word, allowed)), f"{name} {chip} {kernel}: {per_word}, not {allowed}"
                if chip == "sm_90a" and kernel.endswith("_many") and name in MANY_BYTES:
                    per_mma = shared_bytes(opcodes) / count(opcodes, "mma.s")
                    assert per_mma <= MANY_BYTES[name] + 0.01, f"{name} {chip} {kernel}: a mma reads {per_mma} bytes"
                    assert launch.rows == 128, kernel
                    per_mma = sum(opcodes.values()) / count(opcodes, "mma.s")
                    assert per_mma <= MANY_INSTRUCTIONS.get(name, 99) + 0.005, f"{name} {chip} {kernel}: {per_mma} instructions for a mma"
                if chip == "sm_90a" or chip == "sm_80":
                    rows_of_table.append((name, kernel, chip, registers, launch, opcodes, words, per_word))
    assert not spilling, "\n".join([f"{len(spilling)} kernels spill:", *spilling])
    for is_many in [False, True] if "--table" in sys.argv else []:
        for name, kernel, chip, registers, launch, opcodes, words, per_word in rows_of_table:
            if chip != "sm_90a" or kernel.endswith("_many") != is_many or name in FEW:
                continue
            kind, n, k, _ = kind_of(name)
            _, (rows, columns), _, more, size, shared, _ = weight_kinds(n, k)[kind]
            record = int(re.search(r"record = (\d+)", more).group(1))
            weights = rows * columns * record
            per_weight = size / weights + sum(math.prod(map(int, s.split("x")[:-1])) * (2 if s.endswith("f16") else 4) for s in shared) / (n * k)
            warps = launch.threads // 32
            blocks = min(65536 // (-(-registers // 8) * 8 * launch.threads), 227 * 1024 // (launch.shared_bytes + 1024), 64 // warps)
            all_ops = sum(opcodes.values())
            if is_many:
                mma = count(opcodes, "mma.s")
                print(f"| {name} | {launch.rows} | {all_ops / mma:.2f} | {shared_bytes(opcodes) / mma:.0f} | {mma} | {registers} | {launch.shared_bytes} |")
                continue
            print(f"| {name} | {launch.rows} | {per_weight:.4f} | {per_word[0]:.1f} + {per_word[1]:.1f} + {per_word[2]:.1f} + {per_word[3]:.1f} | "
                  f"{count(opcodes, 'mma.s')} | {all_ops / words:.1f} | {registers} | {launch.shared_bytes} | {blocks * warps} |")
    print(f"{len(wanted)} kinds of weights on {len(CHIPS)} chips: no spills")


if __name__ == "__main__":
    main()
