"""Presets of #compress.quant and of its nestings, against numpy: quant-presets.py DIRECTORY.

For each preset: the decoded weight is bit-equal to round to nearest in numpy, where that is
what chooses the numbers, by the two steps of codecs with two levels: scales are compressed
first, then codes are chosen for what is left of them. Where it is a projection, encoding the
decoded weight once more changes nothing. Prints bits and errors.
"""

import os
import re
import sys

import artifact
import numpy as np
import quant_reference as reference
from commands import Workplace
from compress_runtime import Model
from quant_reference import Codec

SEED = int(os.environ.get("COMPRESS_TEST_SEED", "1"))
# 500 columns: last blocks, and last blocks of blocks, are short.
SHAPES = {"w": [48, 512], "r": [33, 500]}
MODULE = "".join(
    f"""func.func @use_{name}(%x: tensor<2x{k}xf32>, %i: tensor<2x{n}xf32>) -> tensor<2x{n}xf32> {{
  %w = arith.constant dense_resource<{name}> : tensor<{n}x{k}xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
    affine_map<(m, n, k) -> (m, n)>] ins(%x, %w : tensor<2x{k}xf32>, tensor<{n}x{k}xf32>)
    outs(%i : tensor<2x{n}xf32>) -> tensor<2x{n}xf32>
  return %y : tensor<2x{n}xf32>
}}
func.func @decode_{name}() -> tensor<{n}x{k}xf32> {{
  %w = arith.constant dense_resource<{name}> : tensor<{n}x{k}xf32>
  return %w : tensor<{n}x{k}xf32>
}}
"""
    for name, (n, k) in SHAPES.items()
)
# Least squared error is no matter of this reference.
SEARCHED = ["ternary", "ternary-base3"]
# What is stored is stored again. Scales of 4 bits and 6 bits may move.
NO_PROJECTION = ["q4_K", "q2_K", "q6_K"]
PRESETS = [
    "fp8-e4m3", "fp8-e4m3-channel", "fp8-e4m3-b128x128", "fp8-e5m2", "fp8-e5m2-channel",
    "fp8-e5m2-b128x128", "mxfp8", "mxfp4", "nvfp4", "ternary", "ternary-base3", "binary",
    "q4_0", "q4_1", "q8_0", "q4_K", "q6_K", "q2_K",
]  # fmt: skip
place = Workplace(sys.argv[1])
place.write("model.mlir", MODULE)


def parse(text: str) -> tuple[Codec, dict[str, Codec]]:
    """A codec, and those of its components."""
    tiled = re.fullmatch(r"#compress\.tiled<(.*), tile = .*>", text)
    text = tiled[1] if tiled else text
    codecs = re.findall(r"(?:(\w+) = )?(#compress\.quant<[^>]*>)", text)
    return Codec.parse(codecs[0][1]), {name: Codec.parse(text) for name, text in codecs[1:]}


def round_to_nearest(text: str, w: np.ndarray) -> np.ndarray:
    codec, nested = parse(text)
    scales, offsets = reference.choose_scales(codec, w, min_at_most_zero="mins" in nested)
    scales = reference.widen(codec.scale, scales)
    if codec.min:
        offsets = reference.widen(codec.min, offsets)

    def again(values: np.ndarray, inner: Codec | None) -> np.ndarray:
        if not inner:
            return values
        stored = reference.quantize(inner, values, "f32")
        return reference.decode(inner, stored, list(values.shape), "f32")

    scales = again(scales, nested.get("scales"))
    if codec.min:
        offsets = again(offsets, nested.get("mins"))
    shape = list(w.shape)
    codes = reference.unpack(codec, reference.choose_codes(codec, w, scales, offsets), shape)
    offset = codec.spread(offsets, shape) if codec.min else None
    return reference.combine(codec, codes, codec.spread(scales, shape), offset, "f32")


def encode(preset: str, weights: dict[str, np.ndarray]) -> tuple[dict, dict]:
    """Decoded weights, and their entries in the manifest."""
    artifact.write_tensors(place.path("w"), {name: ("F32", w) for name, w in weights.items()})
    done = place.run(
        "compile", "model.mlir", "--weights", "w", "--preset", preset, "--allow-dense", "-o", "out"
    )
    assert done.returncode == 0, done
    place.succeed("verify", "out", "--original", "model.mlir", "--weights", "w")
    entries = {e["name"]: e for e in artifact.read_manifest(place.path("out"))["weights"]}
    model = Model(place.path("out"))
    return {name: model.run(f"decode_{name}")[0] for name in weights}, entries


def expect_same(what: str, actual: np.ndarray, expected: np.ndarray) -> None:
    place.count += 1
    different = np.count_nonzero(actual.view(np.uint32) != expected.view(np.uint32))
    if different:
        place.failures += 1
        at = np.unravel_index(np.argmax(actual != expected), actual.shape)
        print(
            f"seed {SEED}: {what}: {different} of {actual.size} differ, the first at {at}: "
            f"expected {expected[at]!r}, but got {actual[at]!r}"
        )


rng = np.random.default_rng(SEED)
weights = {}
for name, shape in SHAPES.items():
    w = rng.standard_normal(shape) * 10.0 ** rng.integers(-2, 2, [shape[0], 1])
    w[1] = abs(w[1]) + 5  # minima above zero
    w[2] = 0
    w[3, 32:64] = 0
    weights[name] = w.astype(np.float32)
for preset in PRESETS:
    decoded, entries = encode(preset, weights)
    for name, w in weights.items():
        if preset not in SEARCHED:
            wanted = round_to_nearest(entries[name]["codec"], w)
            expect_same(f"{preset}, {name}", decoded[name], wanted)
    if preset not in NO_PROJECTION:
        again, _ = encode(preset, decoded)
        for name, w in decoded.items():
            expect_same(f"{preset}, {name}, once more", again[name] + 0, w + 0)
    bits = entries["w"]["stored_bits"] / weights["w"].size
    error = float(entries["w"]["certificate"]["relative_frobenius_error"])
    print(f"{preset}: {bits:.3f} bits, relative error {error:.3f}")
place.finish()
