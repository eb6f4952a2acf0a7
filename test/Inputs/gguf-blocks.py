"""Blocks of GGUF against gguf.quants, bit for bit.

Random bytes of each block type are taken apart into the components of the codec that stands
for it, as the structs of ggml-common.h have them, and decoded by compiled code.
`write MODULE` makes the module, `check ARTIFACT` runs it.
"""

import os
import sys
from pathlib import Path

import numpy as np
import quant_reference as reference
from compress_runtime import Model
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants
from quant_reference import Codec

SEED = int(os.environ.get("COMPRESS_TEST_SEED", "1"))
ROWS, COLUMNS = 3, 1024


def plain(base: str) -> tuple[str, dict[str, str]]:
    return base, {}


# The codec of a block type, and those of its components that are compressed again.
CODECS = {
    "Q4_0": plain("#compress.quant<i4, block = [1, 32], scale = f16>"),
    "Q4_1": plain("#compress.quant<u4, block = [1, 32], scale = f16, min = f16>"),
    "Q8_0": plain("#compress.quant<i8, block = [1, 32], scale = f16>"),
    "Q2_K": (
        "#compress.quant<u2, block = [1, 16], scale = f32, min = f32>",
        dict.fromkeys(["mins", "scales"], "#compress.quant<u4, block = [1, 16], scale = f16>"),
    ),
    "Q4_K": (
        "#compress.quant<u4, block = [1, 32], scale = f32, min = f32>",
        dict.fromkeys(["mins", "scales"], "#compress.quant<u6, block = [1, 8], scale = f16>"),
    ),
    "Q6_K": (
        "#compress.quant<i6, block = [1, 16], scale = f32>",
        {"scales": "#compress.quant<i8, block = [1, 16], scale = f16>"},
    ),
}


# ===----------------------------------------------------------------------===
# Blocks. A row of `blocks` is one: fields as [blocks, ...], codes in the order of elements.
# ===----------------------------------------------------------------------===


def halves(blocks: np.ndarray, at: int) -> np.ndarray:
    return np.ascontiguousarray(blocks[:, at : at + 2]).view(np.float16)


def spread(packed: np.ndarray, shifts: list[int], mask: int) -> np.ndarray:
    """[blocks, groups, n] -> [blocks, groups, shifts, n]: first the lowest bits of all n."""
    return packed[:, :, None, :] >> np.array(shifts)[:, None] & mask


def q4_0(blocks):
    # f16 d; u8 qs[16]: element j is the low half of byte j, element j + 16 the high one.
    q = spread(blocks[:, None, 2:], [0, 4], 15)
    return {"codes": q.astype(int) - 8, "scales": halves(blocks, 0)}


def q4_1(blocks):
    # f16 d, m; u8 qs[16], as above.
    q = spread(blocks[:, None, 4:], [0, 4], 15)
    return {"codes": q, "scales": halves(blocks, 0), "mins": halves(blocks, 2)}


def q8_0(blocks):
    # f16 d; i8 qs[32].
    return {"codes": blocks[:, 2:].view(np.int8), "scales": halves(blocks, 0)}


def q2_k(blocks):
    # u8 scales[16], the scale in the low half and the minimum in the high one; u8 qs[64], each
    # 32 of them four times 32 elements; f16 d, dmin. Minima are subtracted.
    q = spread(blocks[:, 16:80].reshape(-1, 2, 32), [0, 2, 4, 6], 3)
    return {
        "codes": q,
        "scales": (blocks[:, :16] & 15, halves(blocks, 80)),
        "mins": (blocks[:, :16] >> 4, -halves(blocks, 82)),
    }


def q4_k(blocks):
    # f16 d, dmin; u8 scales[12]; u8 qs[128], each 32 of them twice 32 elements. Of the 8 scales
    # and 8 minima, of 6 bits, the first 4 are in the low bits of bytes 0..3 and 4..7; the other
    # 4 have the low half in bytes 8..11, low and high, and the rest on top of 0..3 and 4..7.
    packed = blocks[:, 4:16]
    first, second, third = packed[:, :4], packed[:, 4:8], packed[:, 8:]
    scales = np.hstack([first & 63, third & 15 | first >> 6 << 4])
    mins = np.hstack([second & 63, third >> 4 | second >> 6 << 4])
    q = spread(blocks[:, 16:].reshape(-1, 4, 32), [0, 4], 15)
    return {
        "codes": q,
        "scales": (scales, halves(blocks, 0)),
        "mins": (mins, -halves(blocks, 2)),
    }


def q6_k(blocks):
    # u8 ql[128], each 64 of them the low 4 bits of twice 64 elements; u8 qh[64], each 32 of
    # them the high 2 bits of four times 32; i8 scales[16]; f16 d. Codes are 32 too large.
    low = spread(blocks[:, :128].reshape(-1, 2, 64), [0, 4], 15).reshape(-1, 256)
    high = spread(blocks[:, 128:192].reshape(-1, 2, 32), [0, 2, 4, 6], 3).reshape(-1, 256)
    scales = blocks[:, 192:208].view(np.int8)
    return {
        "codes": (low | high << 4).astype(int) - 32,
        "scales": (scales, halves(blocks, 208)),
    }


SPLIT = {"Q4_0": q4_0, "Q4_1": q4_1, "Q8_0": q8_0, "Q2_K": q2_k, "Q4_K": q4_k, "Q6_K": q6_k}


# ===----------------------------------------------------------------------===
# Module and check
# ===----------------------------------------------------------------------===


def codec_text(base: str, nested: dict[str, str]) -> str:
    if not nested:
        return base
    return f"#compress.nested<{base}, {', '.join(f'{k} = {v}' for k, v in nested.items())}>"


def leaves(name: str) -> list[tuple[str, Codec | None]]:
    """Names of the stored tensors in order, and the codec for those that are packed codes."""
    base, nested = CODECS[name]
    codec = Codec.parse(base)
    result = [("codes", codec)]
    for part in ["scales", "mins"] if codec.min else ["scales"]:
        if part in nested:
            result += [(f"{part}.codes", Codec.parse(nested[part])), (f"{part}.scales", None)]
        else:
            result.append((part, None))
    return result


def tensors(name: str, fields: dict) -> list[np.ndarray]:
    """The stored tensors of a weight."""
    flat = {}
    for part, value in fields.items():
        if isinstance(value, tuple):
            flat[f"{part}.codes"], flat[f"{part}.scales"] = value
        else:
            flat[part] = value
    result = []
    for part, codec in leaves(name):
        rows = np.ascontiguousarray(flat[part].reshape(ROWS, -1))
        result.append(reference.pack(codec, rows) if codec else rows)
    return result


def sample(name: str) -> np.ndarray:
    """Random blocks whose f16 fields are finite."""
    elements, size = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    rng = np.random.default_rng([SEED, size])
    blocks = rng.integers(0, 256, (ROWS * COLUMNS // elements, size), dtype=np.uint8)
    high = {"Q4_0": [1], "Q4_1": [1, 3], "Q8_0": [1], "Q2_K": [81, 83], "Q4_K": [1, 3], "Q6_K": [209]}
    for at in high[name]:
        # An exponent of ones would be an infinity or a NaN.
        blocks[:, at] &= np.where((blocks[:, at] & 0x7C) == 0x7C, 0xBF, 0xFF).astype(np.uint8)
    return blocks


def write(module: Path) -> None:
    text = ""
    types = {np.dtype(np.int8): "i8", np.dtype(np.float16): "f16"}
    for name, (base, nested) in CODECS.items():
        stored = tensors(name, SPLIT[name](sample(name)))
        names = [part.replace(".", "_") for part, _ in leaves(name)]
        kinds = [f"tensor<{ROWS}x{a.shape[1]}x{types[a.dtype]}>" for a in stored]
        arguments = ", ".join(f"%{n}: {t}" for n, t in zip(names, kinds))
        weight = f"!compress.tensor<{ROWS}x{COLUMNS}xf32, {codec_text(base, nested)}>"
        text += f"func.func @{name}({arguments}) -> tensor<{ROWS}x{COLUMNS}xf32> {{\n"
        of = dict(zip(names, kinds))
        for part, codec in nested.items():
            grid = COLUMNS // Codec.parse(base).block[1]
            of[part] = f"!compress.tensor<{ROWS}x{grid}xf32, {codec}>"
            text += (
                f"%{part} = compress.assemble %{part}_codes, %{part}_scales : "
                f"{of[f'{part}_codes']}, {of[f'{part}_scales']} -> {of[part]}\n"
            )
        parts = [part for part in ("codes", "scales", "mins") if part in of]
        text += (
            f"%0 = compress.assemble {', '.join(f'%{p}' for p in parts)} : "
            f"{', '.join(of[p] for p in parts)} -> {weight}\n"
            f"%w = compress.decode %0 : {weight}\nreturn %w : tensor<{ROWS}x{COLUMNS}xf32>\n}}\n"
        )
    module.write_text(text)


def check(artifact: Path) -> int:
    model, failed = Model(artifact), 0
    for name in CODECS:
        blocks = sample(name)
        wanted = quants.dequantize(blocks, GGMLQuantizationType[name]).reshape(ROWS, COLUMNS)
        (got,) = model.run(name, *tensors(name, SPLIT[name](blocks)))
        different = np.count_nonzero(got.view(np.uint32) != wanted.view(np.uint32))
        print(f"{name}: {different} of {wanted.size} differ, {np.unique(wanted).size} values")
        failed += bool(different)
    print(f"seed {SEED}: {failed} of {len(CODECS)} block types differ")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit({"write": write, "check": check}[sys.argv[1]](Path(sys.argv[2])))
