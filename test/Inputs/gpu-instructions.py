"""Runs single instructions on the model of a GPU, on registers that are filled by layouts of CUTLASS, and compares with products of whole matrices.

ptx_warp.py was written from the PTX ISA, and so was the compiler. The numbers here are those of include/cute/atom in CUTLASS 4 (the headers are named
below), whose kernels run on devices: "(T32,V) -> (M,K)" with the fastest digit first, and offsets in a matrix whose rows (of B, columns) come first.
"""

import numpy as np
from ptx_model import Fault, Kernel, run_grid

rng = np.random.default_rng(11)
LANES = range(32)


def offset(digits, number):
    at = 0
    for extent, stride in digits:
        at += number % extent * stride
        number //= extent
    return at


def pack(layout, bits, pick):
    """Registers of 32 lanes, of `bits` a value: `pick` has the bits at an offset. Every `step`th number of the layout is a value."""
    threads, values, step = (*layout, 1)[:3]
    count = int(np.prod([extent for extent, _ in values])) // step
    words = np.zeros((32, count * bits // 32), np.uint32)
    for lane in LANES:
        for i in range(count):
            value = int(pick(offset(threads, lane) + offset(values, i * step))) & ((1 << bits) - 1)
            words[lane, i * bits // 32] |= np.uint32(value << i * bits % 32)
    return words


ROWS = [(4, 32), (8, 1)], [(2, 16), (2, 8)]  # SM80_16x8_Row, of C and D
# mma_traits_sm80.hpp and mma_traits_sm89.hpp: A and B by the bits of an element.
A = {
    16: ([(4, 32), (8, 1)], [(2, 16), (2, 8), (2, 128)]),
    8: ([(4, 64), (8, 1)], [(4, 16), (2, 8), (2, 256)]),
    1: ([(4, 512), (8, 1)], [(32, 16), (2, 8), (2, 2048)]),
}
B = {16: ([(4, 16), (8, 1)], [(2, 8), (2, 64)]), 8: ([(4, 32), (8, 1)], [(4, 8), (2, 128)]), 1: ([(4, 256), (8, 1)], [(32, 8), (2, 1024)])}
# mma_traits_sm120_sparse.hpp has m16n8k64 of bytes. Of 16 bits, mma_traits_sm90_gmma_sparse.hpp has 64 rows for four warps, and the first has 16.
SPARSE_A = {16: ([(4, 256), (8, 1)], [(4, 64), (2, 8), (2, 1024)], 2), 8: ([(4, 128), (8, 1)], [(8, 16), (2, 8), (2, 512)], 2)}
METADATA = {16: ([(2, 1024), (2, 0), (8, 1)], [(16, 64), (2, 8)], 2), 8: ([(2, 8), (2, 512), (8, 1)], [(32, 16)], 2)}
SPARSE_B = {16: ([(4, 16), (8, 1)], [(2, 8), (4, 64)]), 8: ([(4, 32), (8, 1)], [(4, 8), (4, 128)])}
HEIGHT = {16: 64, 8: 16}

# Small numbers, by their bits.
NUMBERS = {
    "f16": (16, {v: int(np.float16(v).view(np.uint16)) for v in (-3, -1, 0, 0.5, 1, 2)}),
    "bf16": (16, {v: int(np.float32(v).view(np.uint32)) >> 16 for v in (-3, -1, 0, 0.5, 1, 2)}),
    "s8": (8, {v: v & 255 for v in (-128, -5, 0, 1, 127)}),
    "u8": (8, {v: v for v in (0, 1, 127, 128, 255)}),
    "e4m3": (8, {0: 0, 0.5: 0x30, 1: 0x38, 1.5: 0x3C, 2: 0x40, -1: 0xB8, -448: 0xFE}),
    "e5m2": (8, {0: 0, 0.5: 0x38, 1: 0x3C, 1.5: 0x3E, 2: 0x40, -1: 0xBC, -448: 0xDF}),
    "b1": (1, {0: 0, 1: 1}),
}


def draw(kind, shape):
    bits, table = NUMBERS[kind]
    values = rng.choice(list(table), shape)
    return bits, values, np.vectorize(table.get)(values)


def run(instruction, a, b, metadata=None, selector=0):
    """One instruction of one warp. Gives D, with C as ROWS has it too."""
    is_float = ".f32." in instruction
    c = rng.integers(-9, 9, (16, 8))
    numbers = [a, b, pack(ROWS, 32, lambda at: (np.float32(c[at % 16, at // 16]).view(np.uint32) if is_float else c[at % 16, at // 16]))]
    numbers += [] if metadata is None else [metadata.reshape(32, 1)]
    names = [chr(ord("a") + i) for i in range(len(numbers) + 1)]
    text = f".visible .entry k({', '.join(f'.param .u64 {n}' for n in names)}) .reqntid 32 {{\nmov.u32 %r0, %tid.x;\n"
    registers = []
    for name, words in zip(names, [*numbers, numbers[2]]):
        count = words.shape[1]
        registers.append([f"%{name}{i}" for i in range(count)])
        text += f"ld.param.u64 %rd1, [{name}];\nmul.wide.u32 %rd2, %r0, {4 * count};\nadd.s64 %rd{name}, %rd1, %rd2;\n"
        if name != names[-1]:
            text += "".join(f"ld.global.b32 {r}, [%rd{name}+{4 * i}];\n" for i, r in enumerate(registers[-1]))
    braces = ["{" + ", ".join(r) + "}" for r in registers]
    tail = "" if metadata is None else f", {registers[3][0]}, {selector}"
    text += f"{instruction} {braces[-1]}, {braces[0]}, {braces[1]}, {braces[2]}{tail};\n"
    text += "".join(f"st.global.b32 [%rd{names[-1]}+{4 * i}], {r};\n" for i, r in enumerate(registers[-1])) + "ret;\n}\n"
    buffers = [words.view(np.uint8).reshape(-1) for words in [*numbers, np.zeros((32, 4), np.uint32)]]
    run_grid(Kernel(text, "k"), [(i + 1) << 32 for i in range(len(buffers))], buffers, (1, 1, 1), 16)
    words = buffers[-1].view(np.float32 if is_float else np.int32).reshape(32, 4)
    d = np.zeros((16, 8))
    for lane in LANES:
        for i in range(4):
            at = offset(ROWS[0], lane) + offset(ROWS[1], i)
            d[at % 16, at // 16] = words[lane, i]
    return d, c


def of_factors(instruction):
    """What A and B are, which follow what D is."""
    return instruction.split(".row.col.")[1].split(".")[1:3]


def column_major(matrix, height):
    return lambda at: matrix[at % height, at // height]


checked = 0
for instruction, k in (
    ("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", 16),
    ("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", 16),
    ("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32", 32),
    ("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32", 32),
    ("mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32", 32),
    ("mma.sync.aligned.m16n8k32.row.col.f32.e5m2.e4m3.f32", 32),
    ("mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.and.popc", 256),
):
    kinds = of_factors(instruction)
    bits, a, a_bits = draw(kinds[0], (16, k))
    _, b, b_bits = draw(kinds[1], (8, k))
    d, c = run(instruction, pack(A[bits], bits, column_major(a_bits, 16)), pack(B[bits], bits, column_major(b_bits, 8)))
    assert np.array_equal(d, a @ b.T + c), instruction
    checked += 1

for instruction, k in (
    ("mma.sp::ordered_metadata.sync.aligned.m16n8k32.row.col.f32.f16.f16.f32", 32),
    ("mma.sp::ordered_metadata.sync.aligned.m16n8k32.row.col.f32.bf16.bf16.f32", 32),
    ("mma.sp::ordered_metadata.sync.aligned.m16n8k64.row.col.s32.s8.s8.s32", 64),
    ("mma.sp::ordered_metadata.sync.aligned.m16n8k64.row.col.s32.u8.s8.s32", 64),
):
    kinds = of_factors(instruction)
    bits, values, value_bits = draw(kinds[0], (16, k // 4, 2))
    _, b, b_bits = draw(kinds[1], (8, k))
    positions = np.sort(np.argsort(rng.random((16, k // 4, 4)), axis=-1)[..., :2], axis=-1)
    a = np.zeros((16, k // 4, 4))
    np.put_along_axis(a, positions, values, axis=-1)
    # Offsets are of columns of A; of each four, the first two stand for the first that is stored.
    stored = lambda of: lambda at: of[at % HEIGHT[bits], at // HEIGHT[bits] // 4, at // HEIGHT[bits] % 4 // 2]
    words = pack(METADATA[bits], 2, stored(positions))[:, 0]
    left = pack(SPARSE_A[bits], bits, stored(value_bits))
    right = pack(SPARSE_B[bits], bits, column_major(b_bits, 8))
    # "The sparsity selector must be either 0 (threads T0, T1) or 1 (threads T2, T3)"; of bytes, all threads contribute.
    for selector in (0, 1) if bits == 16 else (0,):
        given = words.copy()
        if bits == 16:
            given[np.arange(32) % 4 // 2 != selector] = 0
        d, c = run(instruction, left, right, given, selector)
        assert np.array_equal(d, a.reshape(16, k) @ b.T + c), f"{instruction}, selector {selector}"
        checked += 1
    try:
        run(instruction, left, right, words, 2 if bits == 16 else 1)
        raise AssertionError("expected a fault at this selector")
    except Fault as fault:
        assert "the selector is" in str(fault)

# What MLIR's test SparseTensor/GPU/CUDA/sparse-mma-2-4-f16.mlir computes on a device: positions 0 and 2 of each four, and some rows of its result.
half = lambda value: int(np.float16(value).view(np.uint16))
left = pack(A[16], 16, lambda at: half(at % 16 + at // 16 + 1))
right = pack(SPARSE_B[16], 16, lambda at: half(at % 8 - at // 8))
d, c = run("mma.sp::ordered_metadata.sync.aligned.m16n8k32.row.col.f32.f16.f16.f32", left, right, np.full(32, 0x88888888, np.uint32))
for row, expected in {
    0: [-2720, -2584, -2448, -2312, -2176, -2040, -1904, -1768],
    8: [-4640, -4376, -4112, -3848, -3584, -3320, -3056, -2792],
    15: [-6320, -5944, -5568, -5192, -4816, -4440, -4064, -3688],
}.items():
    assert (d - c)[row].tolist() == expected, f"row {row}: {d[row] - c[row]}"

# SM75_U32x4_LDSM_N of copy_traits_sm75.hpp: bit v of register r of a thread is bit 32 thread + v + 1024 r of what the threads have the addresses of, 128
# bits each. Rows lie in shared memory in another order.
rows = rng.integers(0, 1 << 32, (32, 4), dtype=np.uint32)
place = rng.permutation(32).astype(np.uint32)
text = """.visible .entry k(.param .u64 a, .param .u64 b, .param .u64 c) .reqntid 32 {
mov.u32 %r0, %tid.x;
ld.param.u64 %rd1, [a];
mul.wide.u32 %rd2, %r0, 16;
add.s64 %rd3, %rd1, %rd2;
ld.global.v4.b32 {%a0, %a1, %a2, %a3}, [%rd3];
ld.param.u64 %rd4, [b];
mul.wide.u32 %rd5, %r0, 4;
add.s64 %rd6, %rd4, %rd5;
ld.global.b32 %r1, [%rd6];
shl.b32 %r2, %r1, 4;
mov.b32 %r3, memory;
add.s32 %r4, %r3, %r2;
st.shared.v4.b32 [%r4], {%a0, %a1, %a2, %a3};
bar.sync 0;
ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%b0, %b1, %b2, %b3}, [%r4];
ld.param.u64 %rd7, [c];
add.s64 %rd8, %rd7, %rd2;
st.global.v4.b32 [%rd8], {%b0, %b1, %b2, %b3};
ret;
}
"""
out = np.zeros((32, 4), np.uint32)
buffers = [array.view(np.uint8).reshape(-1) for array in (rows, place, out)]
run_grid(Kernel(text, "k"), [(i + 1) << 32 for i in range(3)], buffers, (1, 1, 1), 512)
for thread in LANES:
    for register in range(4):
        bit = offset([(32, 32)], thread) + offset([(32, 1), (4, 1024)], 32 * register)
        assert out[thread, register] == rows[bit // 128, bit % 128 // 32]
print(f"{checked} products and ldmatrix are those of CUTLASS's layouts")
