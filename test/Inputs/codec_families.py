"""Codecs in numpy, one class a family: random parameters, what is stored, decode.

Of the test codec-trees.py. Written from the descriptions of the codecs
(include/compress/Dialect/Compress/Codecs/*.td), not from the code. Arrays are of the types
of `NUMPY`; bf16 is uint16 and an 8-bit float uint8, the bits.
"""

import math
import random
from dataclasses import dataclass, field, replace

import numpy as np
import quant_reference as reference
import xxhash
from quant_reference import Stored, Tiling, narrow, widen

FLOATS = ["f32", "f16", "bf16"]
NUMPY = {
    "f32": np.float32, "f16": np.float16, "bf16": np.uint16,
    "i8": np.int8, "i16": np.int16, "i32": np.int32,
    "f8E4M3FN": np.uint8, "f8E8M0FNU": np.uint8,
}  # fmt: skip


@dataclass
class Tensor:
    """A dense tensor that is to be compressed."""

    shape: list[int]
    element: str
    # 1: no element is negative. -1: none is positive if unsigned codes are to store them.
    sign: int = 0
    ternary: bool = False  # bytes are four ternary codes each

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass
class Component:
    """What a codec stores. The size of one of shape None depends on the data."""

    name: str
    shape: list[int] | None
    element: str
    sign: int = 0
    ternary: bool = False
    compressed: bool = False  # always, and its codec is a parameter

    @property
    def tensor(self) -> Tensor:
        return Tensor(self.shape, self.element, self.sign, self.ternary)


def draw_extents(rng: random.Random, shape: list[int]) -> list[int]:
    """Of a block."""
    return [rng.choice([1, size or 1, rng.randint(1, size + 2), 4, 32]) for size in shape]


def count_blocks(shape: list[int], extents: list[int]) -> list[int]:
    return [-(-size // extent) for size, extent in zip(shape, extents)]


def spread(per_block: np.ndarray, shape: list[int], extents: list[int]) -> np.ndarray:
    """One value per block -> one per element; dimensions that follow stay."""
    for axis, (size, extent) in enumerate(zip(shape, extents)):
        per_block = np.take(per_block, np.arange(size) // extent, axis)
    return per_block


def unpack(stored: np.ndarray, bits: int, shape: list[int]) -> np.ndarray:
    return reference.unpack(reference.Codec(f"u{bits}", [], ""), stored, shape)


# ===----------------------------------------------------------------------===
# Families
# ===----------------------------------------------------------------------===


@dataclass
class Quant:
    codec: reference.Codec

    SIGNED = ["i8", "i6", "i4", "i3", "i2"]
    UNSIGNED = ["u8", "u6", "u4", "u3", "u2"]
    STORAGES = [*SIGNED, *UNSIGNED, "binary", "f8E4M3FN", "f8E5M2", "f4E2M1FN"]
    SCALES = [*FLOATS, "f8E8M0FNU", "f8E4M3FN"]

    @staticmethod
    def draw(rng: random.Random, tensor: Tensor) -> "Quant | None":
        if tensor.element not in FLOATS:
            return None
        storage = rng.choice(Quant.STORAGES)
        offset = "none"
        if storage in Quant.SIGNED:
            offset = rng.choice(["none", "zero"])
        elif storage in Quant.UNSIGNED:
            # Without an offset, for values of one sign.
            offset = rng.choice(["zero", "min", "none" if tensor.sign else "min"])
        codec = reference.Codec(storage, draw_extents(rng, tensor.shape), rng.choice(FLOATS))
        # Small floats are scales that only huffman compresses: not too many of them.
        # Those that are powers of two have no sign, and no offset beside them.
        is_negative = tensor.sign < 0 and storage in Quant.UNSIGNED
        if rng.random() < 0.15:
            codec.scale = "f8E4M3FN"
        elif offset == "none" and not is_negative and rng.random() < 0.2:
            codec.scale = "f8E8M0FNU"
        if offset == "zero":
            codec.zero = rng.choice(["i8", *FLOATS])
        elif offset == "min":
            codec.min = rng.choice(FLOATS)
        codec.narrow = codec.signed and rng.random() < 0.5
        return Quant(codec)

    @staticmethod
    def probes(rank: int) -> list[str]:
        return [f"#compress.quant<i8, block = {[1] * rank}, scale = f32>"]

    def __str__(self) -> str:
        return str(self.codec)

    @property
    def bits(self) -> int:
        return self.codec.bits

    def storage(self, tensor: Tensor) -> list[Component]:
        codec, grid = self.codec, self.codec.grid(tensor.shape)
        packed = [*tensor.shape[:-1], -(-tensor.shape[-1] * codec.bits // 8)]
        ternary = codec.storage == "i2" and codec.narrow
        parts = [Component("codes", packed, "i8", ternary=ternary)]
        sign = 1
        if not codec.offset and codec.storage in Quant.UNSIGNED:
            sign = tensor.sign
        elif not codec.offset and codec.signed and not codec.narrow:
            sign = 0  # the largest element is the lowest code
        parts.append(Component("scales", grid, codec.scale, sign))
        if codec.zero:
            parts.append(Component("zeros", grid, codec.zero))
        elif codec.min:
            parts.append(Component("mins", grid, codec.min, sign=-1))
        return parts

    def decode(self, tensor: Tensor, parts: list[np.ndarray]) -> np.ndarray:
        return reference.decode(self.codec, Stored(*parts), tensor.shape, tensor.element)

    def extents(self) -> list[list[int]]:
        return [self.codec.block]

    def tiled(self, tiling: Tiling, shape: list[int]) -> "Quant":
        return Quant(replace(self.codec, block=tiling.block(shape, self.codec.block)))


@dataclass
class Palette:
    bits: int
    group: list[int]
    codebook: str
    dim: int = 1
    scale: str | None = None
    block: list[int] | None = None

    @staticmethod
    def draw(rng: random.Random, tensor: Tensor) -> "Palette | None":
        if tensor.element not in FLOATS:
            return None
        shape, group = tensor.shape, draw_extents(rng, tensor.shape)
        result = Palette(rng.randint(1, 8), group, rng.choice(FLOATS), rng.choice([1, 1, 2, 4]))
        if result.dim > 1 and group[-1] < shape[-1]:
            group[-1] = -(-group[-1] // result.dim) * result.dim
        if rng.random() < 0.5:
            result.scale = rng.choice(FLOATS)
            result.block = [
                extent
                if extent >= size
                else rng.choice([extent, 2 * extent, size or 1, math.gcd(extent, 4)])
                for size, extent in zip(shape, group)
            ]
        while math.prod(count_blocks(shape, group)) << result.bits > 4096 and result.bits > 1:
            result.bits -= 1
        return result

    @staticmethod
    def probes(rank: int) -> list[str]:
        return [f"#compress.palette<bits = 8, group = {[1] * rank}, codebook = f32>"]

    def __str__(self) -> str:
        text = f"bits = {self.bits}, group = {self.group}, codebook = {self.codebook}"
        text += f", dim = {self.dim}" if self.dim > 1 else ""
        text += f", scale = {self.scale}, block = {self.block}" if self.scale else ""
        return f"#compress.palette<{text}>"

    def storage(self, tensor: Tensor) -> list[Component]:
        shape = tensor.shape
        packed = [*shape[:-1], -(-(-(-shape[-1] // self.dim)) * self.bits // 8)]
        books = [*count_blocks(shape, self.group), 1 << self.bits]
        books += [self.dim] if self.dim > 1 else []
        parts = [Component("indices", packed, "i8"), Component("codebooks", books, self.codebook)]
        if self.scale:
            grid = count_blocks(shape, self.block)
            parts.append(Component("scales", grid, self.scale))
        return parts

    def decode(self, tensor: Tensor, parts: list[np.ndarray]) -> np.ndarray:
        shape = tensor.shape
        vectors = [*shape[:-1], -(-shape[-1] // self.dim)]
        columns = np.arange(shape[-1])
        index = np.take(unpack(parts[0], self.bits, vectors), columns // self.dim, -1)
        books = widen(self.codebook, parts[1])
        if self.dim > 1:
            index = index * self.dim + columns % self.dim
            books = books.reshape(*books.shape[:-2], self.dim << self.bits)
        books = spread(books, shape, self.group)
        values = np.take_along_axis(books, index[..., None], -1)[..., 0]
        if self.scale:
            values = spread(widen(self.scale, parts[2]), shape, self.block) * values
        return narrow(tensor.element, values)

    def extents(self) -> list[list[int]]:
        return [self.group, self.block] if self.block else [self.group]

    def tiled(self, tiling: Tiling, shape: list[int]) -> "Palette | None":
        if self.dim > 1 and (tiling.order[-1] != len(shape) - 1 or tiling.tile[-1] % self.dim):
            return None
        block = tiling.block(shape, self.block) if self.block else None
        return replace(self, group=tiling.block(shape, self.group), block=block)


@dataclass
class Nm:
    kept: int
    group: int
    axis: int

    @staticmethod
    def draw(rng: random.Random, tensor: Tensor) -> "Nm | None":
        if tensor.element not in FLOATS:
            return None
        axis = rng.randrange(len(tensor.shape))
        sizes = [group for group in (3, 4, 4, 5, 8, 16) if group <= 2 * tensor.shape[axis]]
        group = rng.choice([2, *sizes])
        return Nm(rng.randint(1, group - 1), group, axis)

    @staticmethod
    def probes(rank: int) -> list[str]:
        return [f"#compress.nm<1:2, axis = {axis}>" for axis in range(rank)]

    def __str__(self) -> str:
        return f"#compress.nm<{self.kept}:{self.group}, axis = {self.axis}>"

    @property
    def bits(self) -> int:
        return (self.group - 1).bit_length()

    def values_shape(self, shape: list[int]) -> list[int]:
        groups = -(-shape[self.axis] // self.group)
        return [groups * self.kept if i == self.axis else size for i, size in enumerate(shape)]

    def storage(self, tensor: Tensor) -> list[Component]:
        values = self.values_shape(tensor.shape)
        return [
            Component("values", values, tensor.element, max(tensor.sign, 0)),
            Component("metadata", [*values[:-1], -(-values[-1] * self.bits // 8)], "i8"),
        ]

    def decode(self, tensor: Tensor, parts: list[np.ndarray]) -> np.ndarray:
        values = np.moveaxis(parts[0], self.axis, -1)
        at = unpack(parts[1], self.bits, self.values_shape(tensor.shape))
        at = np.moveaxis(at, self.axis, -1) + np.arange(values.shape[-1]) // self.kept * self.group
        size = tensor.shape[self.axis]
        dense = np.zeros([*values.shape[:-1], -(-size // self.group) * self.group], values.dtype)
        np.put_along_axis(dense, at, values, -1)
        return np.ascontiguousarray(np.moveaxis(dense[..., :size], -1, self.axis))


@dataclass
class Bitmask:
    keep: int | None = None
    density: float | None = None
    rows: int = 1

    @staticmethod
    def draw(rng: random.Random, tensor: Tensor) -> "Bitmask | None":
        codec = Bitmask.draw_selection(rng, tensor)
        if codec and codec.keep is None and len(tensor.shape) > 1:
            codec.rows = rng.choice([rows for rows in (1, 1, 2, 3, 8) if tensor.shape[-2] % rows == 0])
        return codec

    @staticmethod
    def draw_selection(rng: random.Random, tensor: Tensor) -> "Bitmask | None":
        if tensor.element not in [*FLOATS, "i8", "i16", "i32"]:
            return None
        kind = rng.choice(["keep", "density", "exact"]) if tensor.element in FLOATS else "exact"
        if kind == "keep":
            return Bitmask(keep=rng.randint(0, tensor.shape[-1]))
        return Bitmask(density=rng.choice([0.0, 0.125, 0.5, 1.0])) if kind == "density" else Bitmask()

    @staticmethod
    def probes(rank: int) -> list[str]:
        return ["#compress.bitmask<>", "#compress.bitmask<keep = 1>"]

    def __str__(self) -> str:
        parameters = []
        if self.keep is not None:
            parameters.append(f"keep = {self.keep}")
        if self.density is not None:
            parameters.append(f"density = {self.density:.6e} : f64")
        if self.rows != 1:
            parameters.append(f"rows = {self.rows}")
        return f"#compress.bitmask<{', '.join(parameters)}>"

    def storage(self, tensor: Tensor) -> list[Component]:
        rows = tensor.shape[:-1]
        mask = Component("mask", [*rows, -(-tensor.shape[-1] // 8)], "i8")
        if self.keep is not None:
            values = Component("values", [*rows, self.keep], tensor.element, max(tensor.sign, 0))
            return [mask, values]
        if self.rows != 1:
            rows = [*rows[:-1], rows[-1] // self.rows]
        return [
            mask,
            Component("values", None, tensor.element),
            Component("offsets", [*rows, 1], "i32"),
        ]

    def decode(self, tensor: Tensor, parts: list[np.ndarray]) -> np.ndarray:
        mask = unpack(parts[0], 1, tensor.shape) == 1
        counts = mask.sum(-1)
        if self.keep is not None:
            assert (counts == self.keep).all(), "expected `keep` bits in each row"
        else:
            begins = np.cumsum(counts.ravel()) - counts.ravel()
            assert (parts[2].ravel() == begins[:: self.rows]).all(), "expected offsets as the mask says"
            assert parts[1].size == max(counts.sum(), 1), "expected a value for each bit"
        dense = np.zeros(tensor.shape, parts[1].dtype)
        dense[mask] = parts[1].ravel()[: counts.sum()]
        return dense


@dataclass
class Huffman:
    max_length: int = 12
    tile: list[int] = field(default_factory=list)
    split: bool = False

    BYTES = ["i8", "f8E4M3FN", "f8E8M0FNU"]

    @staticmethod
    def draw(rng: random.Random, tensor: Tensor) -> "Huffman | None":
        if tensor.element not in [*FLOATS, *Huffman.BYTES]:
            return None
        tile = []
        if rng.random() < 0.7:
            tile = [rng.choice([1, size or 1, rng.randint(1, size + 2)]) for size in tensor.shape]
            # Not too many streams.
            while math.prod(count_blocks(tensor.shape, tile)) > 64:
                tile = [2 * extent for extent in tile]
        return Huffman(rng.choice([8, 10, 12, 12, 14]), tile, tensor.element in FLOATS)

    @staticmethod
    def probes(rank: int) -> list[str]:
        extents = f"tile = {[1] * rank}"
        return [f"#compress.huffman<{extents}{split}>" for split in ("", ", split = exponent")]

    def __str__(self) -> str:
        parts = [f"max_length = {self.max_length}"] if self.max_length != 12 else []
        parts += [f"tile = {self.tile}"] if self.tile else []
        parts += ["split = exponent"] if self.split else []
        return f"#compress.huffman<{', '.join(parts)}>"

    def box(self, shape: list[int]) -> list[int]:
        if self.tile:
            return self.tile
        if len(shape) == 1:
            return [2048]
        columns = max(shape[-1], 1)
        return [1] * (len(shape) - 2) + [max(2048 // columns, 1), columns]

    def storage(self, tensor: Tensor) -> list[Component]:
        parts = [
            Component("table", [2, self.max_length + 1], "i16"),
            Component("symbols", [256], "i8"),
            Component("offsets", count_blocks(tensor.shape, self.box(tensor.shape)), "i32"),
            Component("stream", None, "i8"),
        ]
        if self.split:
            width = np.dtype(NUMPY[tensor.element]).itemsize - 1
            parts.append(Component("rest", [*tensor.shape[:-1], tensor.shape[-1] * width], "i8"))
        return parts

    def read_code(self, table: np.ndarray, symbols: np.ndarray) -> tuple[list[int], list[int]]:
        """Length of the code, and its symbol, by the next `max_length` bits."""
        ends, places = table.view(np.uint16).astype(np.int64)
        windows = np.arange(1 << self.max_length)
        lengths = np.minimum(np.searchsorted(ends, windows, "right"), self.max_length)
        codes = windows >> (self.max_length - lengths)
        return lengths.tolist(), symbols[(codes + places[lengths]) % 256].tolist()

    def decode(self, tensor: Tensor, parts: list[np.ndarray]) -> np.ndarray:
        table, symbols, offsets, stream = parts[:4]
        lengths, by_window = self.read_code(table, symbols.view(np.uint8))
        stream, box = stream.view(np.uint8), self.box(tensor.shape)
        assert not stream[-8:].any(), "expected 8 zero bytes at the end"
        dense, end = np.zeros(tensor.shape, np.uint8), 0
        for index in np.ndindex(*offsets.shape):
            place = tuple(slice(i * e, (i + 1) * e) for i, e in zip(index, box))
            begin = int(offsets.view(np.uint32)[index])
            assert begin == end, "expected one stream after the other"
            count = dense[place].size
            payload = stream[begin + 5 : -8]
            assert stream[begin] <= 1, "expected 0 for codes or 1 for symbols"
            if stream[begin]:
                values, size = payload[:count], count
            else:
                values, bits = self.read_symbols(payload, count, lengths, by_window)
                size = -(-bits // 8)
                used = np.unpackbits(payload[:size])
                assert not used[bits:].any(), "expected zero bits up to a whole byte"
            checksum = int.from_bytes(stream[begin + 1 : begin + 5].tobytes(), "little")
            digest = xxhash.xxh3_64_intdigest(values.tobytes())
            assert checksum == digest & 0xFFFFFFFF, "expected the checksum of the symbols"
            dense[place] = values.reshape(dense[place].shape)
            end = begin + 5 + size
        assert end == stream.size - 8, "expected nothing between the streams and the zeros"
        if self.split:
            return self.join(tensor, dense, parts[4])
        return dense.view(NUMPY[tensor.element])

    def read_symbols(
        self, payload: np.ndarray, count: int, lengths: list[int], by_window: list[int]
    ) -> tuple[np.ndarray, int]:
        """So many symbols, and the bits that they take."""
        planes = np.unpackbits(payload[: count * self.max_length // 8 + 1])
        planes = np.concatenate([planes, np.zeros(self.max_length, np.uint8)])
        windows = np.zeros(planes.size - self.max_length + 1, np.int64)
        for i in range(self.max_length):
            windows = windows * 2 + planes[i : i + windows.size]
        windows, at, values = windows.tolist(), 0, []
        for _ in range(count):
            window = windows[at]
            values.append(by_window[window])
            at += lengths[window]
        return np.array(values, np.uint8), at

    @staticmethod
    def join(tensor: Tensor, first: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """Elements of their first byte, turned left by one, and the other ones."""
        bits = np.dtype(NUMPY[tensor.element]).itemsize * 8
        rest = rest.view(np.uint8).reshape(*tensor.shape, bits // 8 - 1).astype(np.uint64)
        turned = first.astype(np.uint64) << np.uint64(bits - 8)
        for i in range(bits // 8 - 1):
            turned |= rest[..., i] << np.uint64(8 * i)
        value = (turned >> np.uint64(1)) | ((turned & np.uint64(1)) << np.uint64(bits - 1))
        return value.astype(f"u{bits // 8}").view(NUMPY[tensor.element])


@dataclass
class Base3:
    # Of each row; all that its bytes hold if there are none.
    codes: int | None = None

    @staticmethod
    def draw(rng: random.Random, tensor: Tensor) -> "Base3 | None":
        return Base3() if tensor.ternary else None

    @staticmethod
    def probes(rank: int) -> list[str]:
        return ["#compress.base3", "#compress.base3<codes = 5>"]

    def __str__(self) -> str:
        return "#compress.base3" + (f"<codes = {self.codes}>" if self.codes else "")

    def row_codes(self, tensor: Tensor) -> int:
        return self.codes or 4 * tensor.shape[-1]

    def storage(self, tensor: Tensor) -> list[Component]:
        return [Component("trits", [*tensor.shape[:-1], -(-self.row_codes(tensor) // 5)], "i8")]

    def decode(self, tensor: Tensor, parts: list[np.ndarray]) -> np.ndarray:
        bytes_ = parts[0].view(np.uint8)
        assert (bytes_ < 3**5).all(), "expected five digits in base 3"
        trits = bytes_[..., None] // 3 ** np.arange(5) % 3 - 1
        trits = trits.reshape(*bytes_.shape[:-1], 5 * bytes_.shape[-1])
        codes = trits[..., : self.row_codes(tensor)]
        assert not trits[..., codes.shape[-1] :].any(), "expected zeros behind the codes"
        return reference.pack(reference.Codec("i2", [], ""), codes)


@dataclass
class Dense:
    element: str | None = None

    @staticmethod
    def draw(rng: random.Random, tensor: Tensor) -> "Dense | None":
        halves = ["f16", "bf16"] if tensor.element == "f32" else []
        return Dense(rng.choice([None, *halves])) if tensor.element in FLOATS else None

    @staticmethod
    def probes(rank: int) -> list[str]:
        return ["#compress.dense", "#compress.dense<f16>"]

    def __str__(self) -> str:
        return f"#compress.dense<{self.element}>" if self.element else "#compress.dense"

    def storage(self, tensor: Tensor) -> list[Component]:
        return [Component("values", tensor.shape, self.element or tensor.element, tensor.sign)]

    def decode(self, tensor: Tensor, parts: list[np.ndarray]) -> np.ndarray:
        return widen(self.element, parts[0]) if self.element else parts[0]

    def extents(self) -> list[list[int]]:
        return []

    def tiled(self, tiling: Tiling, shape: list[int]) -> "Dense":
        return self


@dataclass
class LowRank:
    rank: int

    @staticmethod
    def draw(rng: random.Random, tensor: Tensor) -> "LowRank | None":
        if tensor.element not in FLOATS or len(tensor.shape) < 2:
            return None
        return LowRank(rng.choice([1, 2, 3, 5, 8]))

    @staticmethod
    def probes(rank: int) -> list[str]:
        return ["#compress.lowrank<1>"]

    def __str__(self) -> str:
        return f"#compress.lowrank<{self.rank}>"

    def storage(self, tensor: Tensor) -> list[Component]:
        return [
            Component("u", [tensor.shape[0], self.rank], tensor.element),
            Component("v", [self.rank, *tensor.shape[1:]], tensor.element),
        ]

    def decode(self, tensor: Tensor, parts: list[np.ndarray]) -> np.ndarray:
        u, v = (widen(tensor.element, part) for part in parts)
        total = np.zeros(tensor.shape, np.float32)
        for p in range(self.rank):
            total += np.multiply.outer(u[:, p], v[p])
        return narrow(tensor.element, total)


@dataclass
class Sum:
    @staticmethod
    def draw(rng: random.Random, tensor: Tensor) -> "Sum | None":
        return Sum() if tensor.element in FLOATS else None

    @staticmethod
    def probes(rank: int) -> list[str]:
        return ["#compress.sum<#compress.bitmask<>, #compress.bitmask<>>"]

    def __str__(self) -> str:
        return "#compress.sum<{a}, {b}>"

    def storage(self, tensor: Tensor) -> list[Component]:
        return [
            Component("a", tensor.shape, "f32", max(tensor.sign, 0), compressed=True),
            Component("b", tensor.shape, "f32", compressed=True),
        ]

    def decode(self, tensor: Tensor, parts: list[np.ndarray]) -> np.ndarray:
        return narrow(tensor.element, parts[0] + parts[1])


@dataclass
class Tiled:
    base: Quant | Palette | Dense
    inner: Quant | Palette | Dense  # base for the tiled tensor
    tiling: Tiling

    BASES = [Quant, Palette, Dense]

    @staticmethod
    def draw(rng: random.Random, tensor: Tensor) -> "Tiled | None":
        # Twice as many dimensions, and codebooks have more of them: np.take allows 32.
        if len(tensor.shape) > 8:
            return None
        base = rng.choice(Tiled.BASES).draw(rng, tensor)
        if not base:
            return None
        shape = tensor.shape
        tile = [rng.choice([1, 2, 3, 8, 16, size or 1]) for size in shape]
        # With not too much padding.
        if math.prod(Tiling.plain(tile, [*range(len(shape))]).shape(shape)) > 4 * tensor.size + 64:
            tile = [1 if extent > size else extent for extent, size in zip(tile, shape)]
        # A tile holds whole blocks, or a block whole tiles.
        for extents in base.extents():
            for i, (extent, size) in enumerate(zip(extents, shape)):
                if extent < size and extent % tile[i] and tile[i] % extent:
                    tile[i] = 1
        tiling = Tiling.plain(tile, rng.sample(range(len(shape)), len(shape)))
        inner = base.tiled(tiling, shape)
        return Tiled(base, inner, tiling) if inner else None

    @staticmethod
    def probes(rank: int) -> list[str]:
        tiling = f"tile = {[1] * rank}, order = {list(range(rank))}"
        return [f"#compress.tiled<{probe}, {tiling}>" for probe in Quant.probes(rank)]

    def __str__(self) -> str:
        return f"#compress.tiled<{self.base}, tile = {self.tiling.tile}, order = {self.tiling.order}>"

    def tensor(self, tensor: Tensor) -> Tensor:
        return replace(tensor, shape=self.tiling.shape(tensor.shape))

    def storage(self, tensor: Tensor) -> list[Component]:
        return self.inner.storage(self.tensor(tensor))

    def decode(self, tensor: Tensor, parts: list[np.ndarray]) -> np.ndarray:
        return self.tiling.undo(self.inner.decode(self.tensor(tensor), parts), tensor.shape)


@dataclass
class Matrix:
    """What weights are stored as for GPUs, as a whole: not of a part of another codec, and with no compressed ones."""

    base: Quant | Palette | Dense
    rows: list[int]
    columns: list[int]

    @staticmethod
    def draw(rng: random.Random, tensor: Tensor) -> "Matrix | None":
        if len(tensor.shape) < 2:
            return None
        dims = rng.sample(range(len(tensor.shape)), len(tensor.shape))
        count = rng.randint(1, len(dims) - 1)
        codec = Matrix(Dense(), dims[:count], dims[count:])
        codec.base = rng.choice(Tiled.BASES).draw(rng, codec.matrix(tensor))
        return codec if codec.base else None

    @staticmethod
    def probes(rank: int) -> list[str]:
        return []

    def __str__(self) -> str:
        return f"#compress.matrix<{self.base}, rows = {self.rows}, columns = {self.columns}>"

    def matrix(self, tensor: Tensor) -> Tensor:
        columns = math.prod(tensor.shape[dim] for dim in self.columns)
        return replace(tensor, shape=[*(tensor.shape[dim] for dim in self.rows), columns])

    def storage(self, tensor: Tensor) -> list[Component]:
        return self.base.storage(self.matrix(tensor))

    def decode(self, tensor: Tensor, parts: list[np.ndarray]) -> np.ndarray:
        order = self.rows + self.columns
        values = self.base.decode(self.matrix(tensor), parts)
        return values.reshape([tensor.shape[dim] for dim in order]).transpose(np.argsort(order))


Codec = Quant | Palette | Nm | Bitmask | Huffman | Base3 | Dense | LowRank | Sum | Tiled | Matrix

# By mnemonic. codec-trees.py demands that there are no others but #compress.nested.
FAMILIES = {
    "quant": Quant, "palette": Palette, "nm": Nm, "bitmask": Bitmask, "huffman": Huffman,
    "base3": Base3, "dense": Dense, "lowrank": LowRank, "sum": Sum, "tiled": Tiled,
    "matrix": Matrix,
}  # fmt: skip


# ===----------------------------------------------------------------------===
# Trees
# ===----------------------------------------------------------------------===


@dataclass
class Tree:
    """A codec for a tensor, and the codecs of those of its components that have one."""

    codec: Codec
    tensor: Tensor
    parts: dict[str, "Tree"] = field(default_factory=dict)
    # Whether a #compress.nested is the base of another one.
    split: bool = False

    @property
    def family(self) -> str:
        return next(name for name, of in FAMILIES.items() if type(self.codec) is of)

    @property
    def nested(self) -> list[str]:
        """Components in #compress.nested, in the order in which they are printed."""
        always = [c.name for c in self.codec.storage(self.tensor) if c.compressed]
        return sorted(name for name in self.parts if name not in always)

    def __str__(self) -> str:
        text = str(self.codec)
        if len(self.nested) < len(self.parts):
            text = text.format(**self.parts)
        names = self.nested
        for names in (names[:1], names[1:]) if self.split else (names,):
            if names:
                codecs = "".join(f", {name} = {self.parts[name]}" for name in names)
                text = f"#compress.nested<{text}{codecs}>"
        return text

    @property
    def depth(self) -> int:
        """How deep codecs nest in it, itself included."""
        own = 2 if isinstance(self.codec, (Tiled, Matrix)) else 1
        nested = self.nested
        inline = [part.depth for name, part in self.parts.items() if name not in nested]
        own = max([own, *(1 + depth for depth in inline)])
        for names in (nested[:1], nested[1:]) if self.split else (nested,):
            if names:
                own = 1 + max([own, *(self.parts[name].depth for name in names)])
        return own

    def pairs(self):
        """All (codec, component, codec of the component), and types of quant."""
        base = getattr(self.codec, "base", self.codec)
        if isinstance(base, Quant):
            yield "quant", "storage", base.codec.storage
            yield "quant", "scale", base.codec.scale
        for name, part in self.parts.items():
            yield self.family, name, part.family
            yield from part.pairs()


@dataclass
class Decoded:
    """What a tensor is when it is decoded, and its components if it was compressed."""

    tensor: Tensor
    values: np.ndarray
    codec: Codec | None = None
    parts: dict[str, "Decoded"] = field(default_factory=dict)


def read_leaf(component: Component, leaves) -> Decoded:
    if component.shape is not None and 0 in component.shape:  # not stored
        return Decoded(component.tensor, np.zeros(component.shape, NUMPY[component.element]))
    leaf = next(leaves)
    fits = list(leaf.shape) == component.shape if component.shape is not None else leaf.ndim == 1
    assert fits and leaf.dtype == NUMPY[component.element], (
        f"{component}: stored as {leaf.dtype}{list(leaf.shape)}"
    )
    return Decoded(component.tensor, leaf)


def decode(tree: Tree, leaves) -> Decoded:
    """`leaves` are the stored tensors, in order."""
    parts = {}
    for component in tree.codec.storage(tree.tensor):
        nested = tree.parts.get(component.name)
        parts[component.name] = decode(nested, leaves) if nested else read_leaf(component, leaves)
    values = tree.codec.decode(tree.tensor, [part.values for part in parts.values()])
    return Decoded(tree.tensor, values, tree.codec, parts)
