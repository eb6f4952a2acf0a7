"""Block quantization in numpy: decode, round to nearest, certificates.

Written from the description of the stored form (docs of #compress.quant and
include/compress/Algorithms/Quantize.h), not from the code. Weights, scales and offsets
are numpy arrays of f32 or f16; bf16 is uint16, the bits.
"""

import re
from dataclasses import dataclass

import ml_dtypes
import numpy as np

F32 = np.float32
# Stored as their bits, in uint8.
SMALL = {
    "f8E4M3FN": ml_dtypes.float8_e4m3fn,
    "f8E5M2": ml_dtypes.float8_e5m2,
    "f4E2M1FN": ml_dtypes.float4_e2m1fn,
    "f8E8M0FNU": ml_dtypes.float8_e8m0fnu,
}


def widen(kind: str, stored: np.ndarray) -> np.ndarray:
    """Stored values as f32."""
    if kind == "bf16":
        return (stored.astype(np.uint32) << 16).view(F32)
    if kind in SMALL:
        return stored.view(SMALL[kind]).astype(F32)
    return stored.astype(F32)


def narrow(kind: str, values: np.ndarray) -> np.ndarray:
    """f32 as stored values, to nearest even. No NaN."""
    values = np.ascontiguousarray(values, F32)
    if kind == "bf16":
        bits = values.view(np.uint32)
        # Half of the last place, less one where that is even already.
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    if kind == "f8E8M0FNU":
        # The nearest power of two; of two that are equally near, the larger one.
        mantissa, exponent = np.frexp(values)
        exponent = np.where(values == 0, -127, exponent - (mantissa < 0.75))
        return (np.clip(exponent, -127, 127) + 127).astype(np.uint8)
    if kind in SMALL:
        return values.astype(SMALL[kind]).view(np.uint8)
    with np.errstate(over="ignore"):
        return values.astype({"f32": F32, "f16": np.float16}[kind])


@dataclass
class Codec:
    """#compress.quant."""

    storage: str
    block: list[int]
    scale: str
    zero: str | None = None
    min: str | None = None
    narrow: bool = False

    @staticmethod
    def parse(text: str) -> "Codec":
        match = re.fullmatch(
            r"#compress\.quant<(\w+), block = \[([\d, ]*)\], scale = (\w+)"
            r"(?:, zero = (\w+))?(?:, min = (\w+))?(, narrow)?>",
            text,
        )
        assert match, f"unknown codec {text}"
        storage, block, scale, zero, minimum, narrowed = match.groups()
        return Codec(
            storage, [int(b) for b in block.split(",")], scale, zero, minimum, bool(narrowed)
        )

    def __str__(self) -> str:
        text = f"#compress.quant<{self.storage}, block = {self.block}, scale = {self.scale}"
        text += f", zero = {self.zero}" if self.zero else ""
        text += f", min = {self.min}" if self.min else ""
        return text + (", narrow>" if self.narrow else ">")

    @property
    def integer(self) -> bool:
        """Neither binary nor a float."""
        return re.fullmatch(r"[iu]\d", self.storage) is not None

    @property
    def bits(self) -> int:
        if self.storage == "binary":
            return 1
        return int(self.storage[1])

    @property
    def signed(self) -> bool:
        return self.storage[0] == "i"

    @property
    def offset(self) -> str | None:
        return self.zero or self.min

    @property
    def lowest(self) -> int:
        return -(1 << (self.bits - 1)) + self.narrow if self.signed else 0

    @property
    def highest(self) -> int:
        """Of codes that are not integers, what it stands for."""
        if self.storage == "binary":
            return 1
        if self.storage in SMALL:
            return int(ml_dtypes.finfo(SMALL[self.storage]).max)
        return (1 << (self.bits - self.signed)) - 1

    def values(self, codes: np.ndarray) -> np.ndarray:
        """What integers that are codes stand for, as f32."""
        if self.storage == "binary":
            return (2 * codes - 1).astype(F32)
        if self.storage in SMALL:
            return widen(self.storage, codes.astype(np.uint8))
        return codes.astype(F32)

    def grid(self, shape: list[int]) -> list[int]:
        return [-(-size // extent) for size, extent in zip(shape, self.block)]

    def spread(self, per_block: np.ndarray, shape: list[int]) -> np.ndarray:
        """One value per block -> one per element."""
        for axis, (size, extent) in enumerate(zip(shape, self.block)):
            per_block = np.take(per_block, np.arange(size) // extent, axis)
        return per_block


@dataclass
class Tiling:
    """The layout of #compress.tiled: each dimension in tiles, the tiles first, what is in
    them last: factors of the extents, in the order of `inside`. With records, the
    components are parts of one stream."""

    tile: list[int]
    order: list[int]
    split: list[int]
    inside: list[int]
    record: int
    flip: int

    @staticmethod
    def plain(tile: list[int], order: list[int]) -> "Tiling":
        """Tiles whose elements lie in the order of the tiles."""
        return Tiling(tile, order, tile, order, record=0, flip=0)

    @staticmethod
    def parse(text: str) -> tuple["Tiling | None", str]:
        """The layout of a codec, if it has one, and the codec inside."""
        match = re.fullmatch(
            r"#compress\.tiled<(.*), tile = \[([\d, ]*)\], order = \[([\d, ]*)\]"
            r"(?:, split = \[([\d, ]*)\], inside = \[([\d, ]*)\])?"
            r"(?:, record = (\d+))?(?:, flip = (\d+))?>",
            text,
        )
        if not match:
            return None, text
        base, *lists, record, flip = match.groups()
        tile, order, split, inside = [[int(n) for n in (t or "").split(",") if n] for t in lists]
        if not split:
            split, inside = tile, order
        return Tiling(tile, order, split, inside, int(record or 0), int(flip or 0)), base

    def factors(self) -> list[tuple[int, int, int]]:
        """Dimension, extent and stride of what is in a tile, as it is stored."""
        factors, left = [], list(self.split)
        for d, extent in enumerate(self.tile):
            while True:
                extent //= left[0]
                factors.append((d, left.pop(0), extent))
                if extent == 1:
                    break
        assert not left, "more factors than extents"
        return [factors[i] for i in self.inside]

    def shape(self, shape: list[int]) -> list[int]:
        grid = [-(-shape[d] // self.tile[d]) for d in self.order]
        return grid + [extent for _, extent, _ in self.factors()]

    def block(self, shape: list[int], block: list[int]) -> list[int]:
        """The block of the tiled tensor that has the elements of `block`."""
        outer, inner = [], {}
        for d in self.order:
            size, extent, tile = shape[d], block[d], self.tile[d]
            if extent >= size:  # one block, and all padding is in it
                extent = max(-(-size // tile), 1) * tile
            assert extent % tile == 0 or tile % extent == 0, "tiles cut blocks"
            outer.append(max(extent // tile, 1))
            inner[d] = min(extent, tile)
        return outer + [
            min(max(inner[d] // stride, 1), extent) for d, extent, stride in self.factors()
        ]

    def undo(self, tiled: np.ndarray, shape: list[int]) -> np.ndarray:
        """Back to the order of the tensor, without padding."""
        rank, axes = len(shape), []
        for d in range(rank):
            parts = [(-s, rank + i) for i, (dim, _, s) in enumerate(self.factors()) if dim == d]
            axes += [self.order.index(d)] + [axis for _, axis in sorted(parts)]
        padded = [-(-size // tile) * tile for size, tile in zip(shape, self.tile)]
        array = tiled.transpose(axes).reshape(padded)
        return array[tuple(slice(size) for size in shape)]

    def stream_shape(self, parts: list[tuple[list[int], np.dtype]], block: list[int]) -> list[int]:
        """Of the stream of components of such shapes and types, codes first."""
        rank, shape = len(self.tile), parts[0][0]
        records = -(-shape[rank - 1] // self.record)
        return [*shape[: rank - 1], records, sum(self.sizes(parts, block))]

    def sizes(self, parts: list[tuple[list[int], np.dtype]], block: list[int]) -> list[int]:
        """Bytes of each component in a record. `block` is that of the tiled tensor."""
        rank = len(self.tile)
        tiles = [1] + [block[rank - 1]] * (len(parts) - 1)  # of an entry
        return [
            self.record // n * int(np.prod(shape[rank:])) * np.dtype(dtype).itemsize
            for n, (shape, dtype) in zip(tiles, parts)
        ]

    def take_apart(
        self, stream: np.ndarray, parts: list[tuple[list[int], np.dtype]], block: list[int]
    ) -> list[np.ndarray]:
        """The components in a stream."""
        rank, arrays, begin = len(self.tile), [], 0
        for (shape, dtype), size in zip(parts, self.sizes(parts, block)):
            part = np.ascontiguousarray(stream[..., begin : begin + size]).view(dtype)
            part = part.reshape(*shape[: rank - 1], -1, *shape[rank:])
            assert not part[tuple([slice(None)] * (rank - 1) + [slice(shape[rank - 1], None)])].any()
            arrays.append(np.take(part, range(shape[rank - 1]), rank - 1))
            begin += size
        assert begin == stream.shape[-1], "bytes of no component"
        return arrays


@dataclass
class Stored:
    """The components; codes as packed bytes."""

    codes: np.ndarray
    scales: np.ndarray
    offsets: np.ndarray | None = None


def pack(codec: Codec, codes: np.ndarray) -> np.ndarray:
    """Integer codes -> the bytes of the codes component, as int8."""
    raw = (codes.astype(np.int64) & ((1 << codec.bits) - 1)).astype(np.uint8)
    planes = np.unpackbits(raw[..., None], -1, count=codec.bits, bitorder="little")
    rows = planes.reshape(*raw.shape[:-1], raw.shape[-1] * codec.bits)
    return np.packbits(rows, -1, bitorder="little").view(np.int8)


def unpack(codec: Codec, stored: np.ndarray, shape: list[int]) -> np.ndarray:
    """The inverse; padding is dropped, and must be zero."""
    used = shape[-1] * codec.bits
    assert list(stored.shape) == [*shape[:-1], -(-used // 8)]
    rows = np.unpackbits(stored.view(np.uint8), -1, bitorder="little")
    assert not rows[..., used:].any(), "expected zero padding bits"
    planes = rows[..., :used].reshape(*shape, codec.bits)
    codes = planes.astype(np.int64) @ (1 << np.arange(codec.bits))
    if codec.signed:
        codes -= (codes >> (codec.bits - 1)) << codec.bits
    return codes


def read_offsets(codec: Codec, stored: np.ndarray) -> np.ndarray:
    """Stored zero points or minima as f32."""
    if codec.offset != "i8":
        return widen(codec.offset, stored)
    return stored.view(np.int8 if codec.signed else np.uint8).astype(F32)


def read_elements(
    codec: Codec, stored: Stored, shape: list[int], tiling: Tiling | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Code, an integer, scale and offset of every element, as f32."""
    if tiling:
        # The same codec for the tiled tensor.
        inner = Codec(**vars(codec) | {"block": tiling.block(shape, codec.block)})
        parts = read_elements(inner, stored, tiling.shape(shape))
        result = tuple(tiling.undo(part, shape) for part in parts)
        codes = np.count_nonzero(result[0])
        assert np.count_nonzero(parts[0]) == codes, "expected zeros in the padding"
        return result
    q = unpack(codec, stored.codes, shape).astype(F32)
    scale = codec.spread(widen(codec.scale, stored.scales), shape)
    if not codec.offset:
        return q, scale, np.zeros_like(scale)
    return q, scale, codec.spread(read_offsets(codec, stored.offsets), shape)


def decode(
    codec: Codec,
    stored: Stored,
    shape: list[int],
    element: str,
    tiling: Tiling | None = None,
) -> np.ndarray:
    """The weight, as stored elements of its type."""
    q, scale, offset = read_elements(codec, stored, shape, tiling)
    return combine(codec, q, scale, offset, element)


def combine(
    codec: Codec, codes: np.ndarray, scale: np.ndarray, offset: np.ndarray, element: str
) -> np.ndarray:
    """The weight from what each of its elements has."""
    q = codec.values(codes)
    if codec.zero:
        value = scale * (q - offset)
    elif codec.min:
        value = scale * q + offset
    else:
        value = scale * q
    assert value.dtype == F32
    return narrow(element, value)


def reduce_blocks(codec: Codec, values: np.ndarray, function) -> np.ndarray:
    """`function` of the elements of each block, in row-major order."""
    result = np.zeros(codec.grid(list(values.shape)), F32)
    for index in np.ndindex(*result.shape):
        box = tuple(slice(i * e, (i + 1) * e) for i, e in zip(index, codec.block))
        result[index] = function(values[box].ravel())
    return result


def choose_scales(
    codec: Codec, w: np.ndarray, min_at_most_zero: bool = False
) -> tuple[np.ndarray, np.ndarray | None]:
    """Stored scales and offsets of round to nearest, for f32."""
    low = reduce_blocks(codec, w, np.min)
    high = reduce_blocks(codec, w, np.max)
    highest = F32(codec.highest)
    lowest = F32(codec.lowest) if codec.integer else -highest
    offsets = None
    if codec.storage == "binary":
        scale = reduce_blocks(codec, w, lambda box: np.mean(abs(box), dtype=np.float64))
    elif codec.scale == "f8E8M0FNU":
        # The power of two that brings the largest magnitude into the binade of the
        # largest code.
        largest = np.frexp(np.maximum(-low, high))[1] - np.frexp(highest)[1]
        empty = (low == 0) & (high == 0)
        scale = np.ldexp(F32(1), np.where(empty, -127, np.maximum(largest, -127)))
    elif codec.zero:
        low, high = np.minimum(low, F32(0)), np.maximum(high, F32(0))
        scale = (high - low) / (highest - lowest)
    elif codec.min:
        low = np.minimum(low, F32(0)) if min_at_most_zero else low
        offsets = narrow(codec.min, low + F32(0))
        # A minimum that was rounded up may lie above all elements.
        scale = np.maximum(high - widen(codec.min, offsets), F32(0)) / highest
    elif codec.integer and codec.signed and not codec.narrow:
        largest = reduce_blocks(codec, w, lambda box: box[np.argmax(np.abs(box))])
        scale = largest / lowest
    elif codec.integer and not codec.signed:
        scale = np.where(high > 0, high, low) / highest
    else:
        scale = np.maximum(-low, high) / highest
    scales = narrow(codec.scale, scale + F32(0))
    scale = widen(codec.scale, scales)
    # Zeros have no sign here.
    scales = np.where(scale == 0, np.zeros_like(scales), scales)
    if codec.zero:
        divisor = np.where(scale == 0, F32(np.inf), scale)
        zero = np.clip(np.rint(lowest - low / divisor), lowest, highest) + F32(0)
        if codec.zero == "i8":
            offsets = zero.astype(np.int64).astype(np.uint8).view(np.int8)
        else:
            offsets = narrow(codec.zero, zero)
    return scales, offsets


def choose_codes(
    codec: Codec, w: np.ndarray, scale: np.ndarray, offset: np.ndarray | None
) -> np.ndarray:
    """The codes component, for f32 and what scales and offsets of blocks are as f32."""
    shape = list(w.shape)
    highest = F32(codec.highest)
    lowest = F32(codec.lowest) if codec.integer else -highest
    divisor = codec.spread(np.where(scale == 0, F32(np.inf), scale), shape)
    if codec.zero == "i8":
        q = np.rint(w / divisor) + codec.spread(offset, shape)
    elif codec.zero:
        q = w / divisor + codec.spread(offset, shape)
    elif codec.min:
        q = (w - codec.spread(offset, shape)) / divisor
    else:
        q = w / divisor
    q = np.clip(q, lowest, highest)
    if codec.storage == "binary":
        q = q >= 0
    elif codec.storage in SMALL:
        q = q.astype(SMALL[codec.storage]).view(np.uint8)
    else:
        q = np.rint(q)
    return pack(codec, q)


def quantize(codec: Codec, weight: np.ndarray, element: str) -> Stored:
    """Round to nearest."""
    w = widen(element, weight)
    scales, offsets = choose_scales(codec, w)
    offset = read_offsets(codec, offsets) if codec.offset else None
    return Stored(choose_codes(codec, w, widen(codec.scale, scales), offset), scales, offsets)


@dataclass
class Errors:
    """What a certificate says."""

    max_abs_error: float
    relative_frobenius_error: float
    sqnr_db: float


def measure(weight: np.ndarray, decoded: np.ndarray, element: str) -> Errors:
    """The error of a decoded weight, in f64."""
    w = widen(element, weight).astype(np.float64).ravel()
    e = widen(element, decoded).astype(np.float64).ravel() - w
    noise, signal = float(e @ e), float(w @ w)
    if noise == 0:
        return Errors(0.0, 0.0, float("inf"))
    if signal == 0:
        return Errors(float(np.abs(e).max()), float("inf"), float("-inf"))
    return Errors(
        float(np.abs(e).max()),
        float(np.sqrt(noise / signal)),
        float(10 * np.log10(signal / noise)),
    )
