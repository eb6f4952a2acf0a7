"""Damaged sparse, ternary and FP8 weights that verify must find although every checksum of the artifact is right:
weight-data.py DIRECTORY."""

import shutil
import sys

import artifact
import numpy as np
from commands import Workplace

# 9 columns: the last group of 4 has one element, a row of the mask 7 padding bits.
MODULE = """func.func @main(%x: tensor<2x9xf32>, %i: tensor<2x6xf32>) -> tensor<2x6xf32> {{
  %w = arith.constant {{compress.codec = {codec}}} dense_resource<w> : tensor<6x9xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
    affine_map<(m, n, k) -> (m, n)>] ins(%x, %w : tensor<2x9xf32>, tensor<6x9xf32>)
    outs(%i : tensor<2x6xf32>) -> tensor<2x6xf32>
  return %y : tensor<2x6xf32>
}}
"""
# No contraction, so no kernel: what is stored is what the codec says.
PLAIN = """func.func @main(%x: tensor<6x9xf32>, %i: tensor<6x9xf32>) -> tensor<6x9xf32> {{
  %w = arith.constant {{compress.codec = {codec}}} dense_resource<w> : tensor<6x9xf32>
  %y = linalg.add ins(%x, %w : tensor<6x9xf32>, tensor<6x9xf32>) outs(%i : tensor<6x9xf32>) -> tensor<6x9xf32>
  return %y : tensor<6x9xf32>
}}
"""
# Of each row, and of each group, the first ones are kept.
ROW = np.array([16, 8, 2, 1, 7, 6, 2, 1, 5], np.float32)
place = Workplace(sys.argv[1])
artifact.write_tensors(place.path("w.safetensors"), {"w": ("F32", np.tile(ROW, (6, 1)))})
SOURCE = ["w.mlir", "--weights", "w.safetensors"]


def make(codec: str, module: str = MODULE) -> None:
    shutil.rmtree(place.path("good"), ignore_errors=True)
    place.write("w.mlir", module.format(codec=codec))
    place.succeed("compile", *SOURCE, "--preset", "none", "-o", "good")
    place.succeed("verify", "good", "--original", *SOURCE)


def damage(message: str, tensor: str, index: int, value: int) -> None:
    """One byte has other bits, and verify says `message`."""
    header, data = artifact.read_header(place.path("good/weights.safetensors"))
    shutil.rmtree(place.path("bad"), ignore_errors=True)
    shutil.copytree(place.path("good"), place.path("bad"))
    path = place.path("bad/weights.safetensors")
    content = bytearray(path.read_bytes())
    content[len(content) - len(data) + header[f"w.{tensor}"]["data_offsets"][0] + index] ^= value
    path.write_bytes(content)
    artifact.seal(place.path("bad"))
    place.fail(f"weight 'w': {message}", "verify", "bad", "--original", *SOURCE)


POSITION = "expected positions that increase and lie inside of their group, but position"
COUNT = "expected a bit of the mask for each value, but row"
make("#compress.nm<2:4, axis = 1>", PLAIN)
# Two bytes a row: positions 0, 1, 0, 1 and 0, 1 with 4 padding bits.
damage("expected zero padding bits, but byte 1 has others", "metadata", 1, 1 << 7)  # nm_c6
damage(f"{POSITION} 1 does not", "metadata", 0, 0b01 << 2)  # nm_c7: 0, 0
damage(f"{POSITION} 11 does not", "metadata", 3, 0b11 << 2)  # nm_c7: 2 where there is one element
damage("value 0 is not finite", "values", 3, 0x41 ^ 0x7F)  # nm_c8: 16.0 is 0x41800000
# In tiles of 16 rows and 32 columns: 16 steps of 64 bytes, and then of four bytes with two bits for each row.
make("#compress.nm<2:4, axis = 1>")
damage(f"{POSITION} 16 does not", "values.tiled", 1024 + 4, 0b01)  # nm_c7: 0, 0
damage(f"{POSITION} 80 does not", "values.tiled", 1024 + 20, 0b01)  # nm_c7, in padding
damage("value 0 is not finite", "values.tiled", 3, 0x41 ^ 0x7F)  # nm_c8
make("#compress.bitmask<keep = 4>", PLAIN)
damage("expected zero padding bits, but byte 3 has others", "mask", 3, 1 << 1)  # bitmask_c9
damage(f"{COUNT} 2 differs", "mask", 4, 1 << 3)  # bitmask_c10
damage("value 0 is not finite", "values", 3, 0x41 ^ 0x7F)  # bitmask_c11
make("#compress.bitmask<density = 0.5>", PLAIN)
damage(f"{COUNT} 1 differs", "offsets", 4, 1)  # bitmask_c10
damage(f"{COUNT} 6 differs", "mask", 10, 1)  # bitmask_c10: one value too many
# The first of each row is 1, the others 0; three bytes a row, with 3 codes and 3 trits of padding.
make("#compress.nested<#compress.quant<i2, block = [1, 9], scale = f16, narrow>, codes = #compress.base3>")
damage("expected trits of at most 242 a byte, but byte 3 is 245", "codes.trits", 3, 122 ^ 245)
damage("expected zero padding trits, but byte 2 has others", "codes.trits", 2, 121 ^ (121 + 9))
damage("expected zero padding bits, but byte 2 of the codes has others", "codes.trits", 1, 121 ^ (121 + 81))
# 16 is 256 times 2^-4. For kernels, the first four codes of 16 rows are together.
make("#compress.quant<f8E4M3FN, block = [1, 9], scale = f8E8M0FNU>")
damage("code 4 is out of range", "codes.tiled", 4, 0x78 ^ 0x7F)
damage("scale 1 is not finite", "scales.tiled", 1, 123 ^ 255)
make("#compress.quant<f8E5M2, block = [1, 9], scale = f8E4M3FN>")
damage("scale 2 is not finite", "scales.tiled", 2, 0 ^ 0x7F)
place.finish()
