"""Instructions of PTX that the lanes of a warp execute together: products of matrices, ldmatrix, votes, shuffles."""

import re

import numpy as np
from ptx_numbers import FLOATS, LANES, Fault, bf16, bits32, e4m3, e5m2, f16, f32, halves

# Of D, A, B and C, for products of bytes.
BYTE_KINDS = [["s32", "s8", "s8", "s32"], ["s32", "u8", "s8", "s32"], ["f32", "e4m3", "e4m3", "f32"], ["f32", "e5m2", "e4m3", "f32"]]


class WarpOperations:
    """Of a block of threads (ptx_model.Block)."""

    def whole_warps(self, idx):
        if len(idx) % 32 or np.any(idx.reshape(-1, 32) != idx[::32, None] + LANES) or np.any(idx[::32] % 32):
            raise Fault("a warp is not whole")

    def op_ldmatrix(self, parts, ops, idx):
        self.whole_warps(idx)
        count = next(int(p[1:]) for p in parts if re.fullmatch(r"x\d", p))
        if "trans" in parts:
            raise Fault("transposed matrices are not modelled")
        warps = len(idx) // 32
        addresses = self.address(ops[1], idx).reshape(warps, 32)[:, : 8 * count]
        threads = idx.reshape(warps, 32)[:, : 8 * count]
        rows = self.load_shared(addresses.ravel(), threads.ravel(), 16, "ldmatrix", by_warp=True)
        rows = rows.reshape(warps, count, 8, 16)
        names = [p.strip() for p in ops[0].strip("{}").split(",")]
        # "Each row of 8 elements of 16 bits is held by four consecutive threads, two elements each."
        for i, name in enumerate(names):
            value = np.zeros((warps, 32), np.uint64)
            for byte in range(4):
                value |= rows[:, i, LANES // 4, LANES % 4 * 4 + byte].astype(np.uint64) << np.uint64(8 * byte)
            self.write(name, idx, value.ravel())

    def op_vote(self, parts, ops, idx):
        self.whole_warps(idx)
        if parts[1:] != ["sync", "ballot", "b32"] or int(ops[2]) != -1:
            raise Fault("no model of this vote")
        bits = self.read(ops[1], idx).astype(bool).reshape(-1, 32).astype(np.uint64) << LANES.astype(np.uint64)
        self.write(ops[0], idx, np.repeat(bits.sum(-1, dtype=np.uint64), 32))

    def op_mma(self, parts, ops, idx):
        self.whole_warps(idx)
        if parts[1].startswith("sp"):
            return self.sparse_mma(parts, ops, idx)
        warps = len(idx) // 32
        d, a, b, c = ([p.strip() for p in op.strip("{}").split(",")] for op in ops)
        get = lambda name: self.read(name, idx).reshape(warps, 32)
        group, quarter = LANES >> 2, LANES % 4
        if "m16n8k16" in parts and parts[-4:] in (["f32", "f16", "f16", "f32"], ["f32", "bf16", "bf16", "f32"]):
            decode = FLOATS[parts[-3]][0]
            left, right = np.zeros((warps, 16, 16)), np.zeros((warps, 16, 8))
            for i in range(8):  # a0 .. a7
                row = group + (0 if i < 2 or 4 <= i < 6 else 8)
                col = quarter * 2 + (i & 1) + (0 if i < 4 else 8)
                left[:, row, col] = decode(halves(get(a[i // 2]))[i & 1]).reshape(warps, 32)
            for i in range(4):  # b0 .. b3
                row = quarter * 2 + (i & 1) + (0 if i < 2 else 8)
                right[:, row, group] = decode(halves(get(b[i // 2]))[i & 1]).reshape(warps, 32)
            convert = (f32, bits32)
        elif "m16n8k32" in parts and parts[-4:] in BYTE_KINDS:
            is_float = parts[-4] == "f32"
            left, right = (np.zeros((warps, *shape), np.float64 if is_float else np.int64) for shape in ((16, 32), (32, 8)))
            raw = lambda value, i: (value >> np.uint64(8 * i)) & np.uint64(255)
            decode = {"s8": lambda v: self.signed(v, 8), "u8": lambda v: v.astype(np.int64), "e4m3": e4m3, "e5m2": e5m2}
            for i in range(16):
                row = group + (0 if i < 4 or 8 <= i < 12 else 8)
                col = quarter * 4 + (i & 3) + (0 if i < 8 else 16)
                left[:, row, col] = decode[parts[-3]](raw(get(a[i // 4]), i & 3))
            for i in range(8):
                row = quarter * 4 + (i & 3) + (0 if i < 4 else 16)
                right[:, row, group] = decode[parts[-2]](raw(get(b[i // 4]), i & 3))
            convert = (f32, bits32) if is_float else (lambda v: self.signed(v, 32), lambda v: self.mask(v.view(np.uint64), 32))
        elif "m16n8k256" in parts and parts[-6:] == ["s32", "b1", "b1", "s32", "and", "popc"]:
            left, right = np.zeros((warps, 16, 256), np.int64), np.zeros((warps, 256, 8), np.int64)
            bit = lambda value, i: ((value >> np.uint64(i)) & np.uint64(1)).astype(np.int64)
            for i in range(128):
                row = group + (0 if i < 32 or 64 <= i < 96 else 8)
                col = quarter * 32 + (i & 31) + (0 if i < 64 else 128)
                left[:, row, col] = bit(get(a[i // 32]), i & 31)
            for i in range(64):
                row = quarter * 32 + (i & 31) + (0 if i < 32 else 128)
                right[:, row, group] = bit(get(b[i // 32]), i & 31)
            convert = (lambda v: self.signed(v, 32), lambda v: self.mask(v.view(np.uint64), 32))
        else:
            raise Fault("no model of this mma")
        self.add_product(left, right, d, c, idx, convert)

    def sparse_mma(self, parts, ops, idx):
        warps = len(idx) // 32
        d, a, b, c = ([p.strip() for p in op.strip("{}").split(",")] for op in ops[:4])
        get = lambda name: self.read(name, idx).reshape(warps, 32)
        group, quarter, selector = LANES >> 2, LANES % 4, int(ops[5], 0)
        if parts[1] != "sp::ordered_metadata":
            raise Fault("metadata in any order is slow on some chips")
        word = self.mask(get(ops[4]), 32).astype(np.int64)
        if "m16n8k32" in parts and parts[-4:] in (["f32", "f16", "f16", "f32"], ["f32", "bf16", "bf16", "f32"]):
            decode = FLOATS[parts[-3]][0]
            if selector not in (0, 1):
                raise Fault("the selector is 0 or 1")
            # Chunks of four columns of rows: T0 (or T2) of a group has those of columns 0..15, of row groupID in its lower half and of
            # groupID + 8 in its upper one; T1 (or T3) has columns 16..31.
            chunks = np.zeros((warps, 16, 8), np.int64)
            for chunk in range(8):
                lanes = np.arange(8) * 4 + 2 * selector + chunk // 4
                chunks[:, :8, chunk] = word[:, lanes] >> 4 * (chunk % 4) & 15
                chunks[:, 8:, chunk] = word[:, lanes] >> 16 + 4 * (chunk % 4) & 15
            packed, right = np.zeros((warps, 16, 16)), np.zeros((warps, 32, 8))
            for i in range(8):  # a0 .. a7: two of the chunk from 4 threadID_in_group on, or 16 columns behind it
                row = group + (0 if i < 2 or 4 <= i < 6 else 8)
                packed[:, row, (quarter * 4 + (0 if i < 4 else 16)) // 2 + (i & 1)] = decode(halves(get(a[i // 2]))[i & 1]).reshape(warps, 32)
            for i in range(8):  # b0 .. b7
                right[:, quarter * 2 + (i & 1) + i // 2 * 8, group] = decode(halves(get(b[i // 2]))[i & 1]).reshape(warps, 32)
            convert = (f32, bits32)
        elif "m16n8k64" in parts and parts[-4:] in (["s32", "s8", "s8", "s32"], ["s32", "u8", "s8", "s32"]):
            if selector:
                raise Fault("the selector is 0")
            # T0 has columns 0..31 of row groupID, T1 those of groupID + 8, T2 and T3 columns 32..63 of the same.
            chunks = np.zeros((warps, 16, 16), np.int64)
            for chunk in range(16):
                lanes = np.arange(8) * 4 + 2 * (chunk // 8)
                chunks[:, :8, chunk] = word[:, lanes] >> 4 * (chunk % 8) & 15
                chunks[:, 8:, chunk] = word[:, lanes + 1] >> 4 * (chunk % 8) & 15
            packed, right = np.zeros((warps, 16, 32), np.int64), np.zeros((warps, 64, 8), np.int64)
            raw = lambda value, i: (value >> np.uint64(8 * i)) & np.uint64(255)
            byte = lambda value, i: self.signed(raw(value, i), 8)
            stored = byte if parts[-3] == "s8" else lambda value, i: raw(value, i).astype(np.int64)
            for i in range(16):  # two of each of the two chunks from 8 threadID_in_group on, or 32 columns behind them
                row = group + (0 if i < 4 or 8 <= i < 12 else 8)
                packed[:, row, (quarter * 8 + (0 if i < 8 else 32)) // 2 + (i & 3)] = stored(get(a[i // 4]), i & 3)
            for i in range(16):
                right[:, quarter * 4 + (i & 3) + i // 4 * 16, group] = byte(get(b[i // 4]), i & 3)
            convert = (lambda v: self.signed(v, 32), lambda v: self.mask(v.view(np.uint64), 32))
        else:
            raise Fault("no model of this mma")
        first, second = chunks & 3, chunks >> 2
        if np.any(first >= second):
            raise Fault("positions in metadata do not ascend")
        left = np.zeros((warps, 16, 4 * chunks.shape[2]), packed.dtype)
        for number, position in enumerate((first, second)):
            at = 4 * np.arange(chunks.shape[2]) + position
            np.put_along_axis(left, at, packed[:, :, number::2], axis=2)
        self.add_product(left, right, d, c, idx, convert)

    def add_product(self, left, right, d, c, idx, convert):
        warps, group, quarter = len(left), LANES >> 2, LANES % 4
        get = lambda name: self.read(name, idx).reshape(warps, 32)
        with np.errstate(over="ignore", invalid="ignore"):
            product = left @ right
        for i in range(4):  # c0 .. c3
            row, col = group + (0 if i < 2 else 8), quarter * 2 + (i & 1)
            before = convert[0](get(c[i]).ravel()).reshape(warps, 32)
            self.write(d[i], idx, convert[1]((product[:, row, col] + before).ravel()))

    # Lanes

    def op_shfl(self, parts, ops, idx):
        self.whole_warps(idx)
        if parts[1:] != ["sync", "bfly", "b32"] or np.any(self.number(ops[4], idx, "u32") != 0xFFFFFFFF) or np.any(self.read(ops[3], idx) != 31):
            raise Fault("no model of this shuffle")
        [by] = np.unique(self.read(ops[2], idx))
        value = self.read(ops[1], idx).reshape(-1, 32)
        self.write(ops[0].split("|")[0], idx, value[:, LANES ^ int(by)].ravel())

    def op_redux(self, parts, ops, idx):
        self.whole_warps(idx)
        functions = {("max", "u32"): np.max, ("add", "s32"): np.sum}
        function = functions.get((parts[2], parts[3]))
        if function is None or np.any(self.number(ops[2], idx, "u32") != 0xFFFFFFFF):
            raise Fault("no model of this reduction")
        result = function(self.number(ops[1], idx, parts[3]).reshape(-1, 32), axis=1)
        self.write(ops[0], idx, self.mask(np.repeat(result, 32).astype(np.uint64), 32))
