"""Damaged prefix codes that verify must find although every checksum of the artifact is right:
huffman-data.py DIRECTORY."""

import shutil
import sys

import artifact
import numpy as np
from commands import Workplace

MODULE = """func.func @main(%x: tensor<2x64xbf16>, %i: tensor<2x16xf32>) -> tensor<2x16xf32> {
  %w = arith.constant {compress.codec = #compress.huffman<tile = [4, 64], split = exponent>}
    dense_resource<w> : tensor<16x64xbf16>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
    affine_map<(m, n, k) -> (m, n)>] ins(%x, %w : tensor<2x64xbf16>, tensor<16x64xbf16>)
    outs(%i : tensor<2x16xf32>) -> tensor<2x16xf32>
  return %y : tensor<2x16xf32>
}
"""
place = Workplace(sys.argv[1])
place.write("w.mlir", MODULE)
values = np.random.default_rng(1).standard_normal((16, 64)).astype(np.float32)
bits = (values.view(np.uint32) >> 16).astype(np.uint16)
artifact.write_tensors(place.path("w.safetensors"), {"w": ("BF16", bits)})
SOURCE = ["w.mlir", "--weights", "w.safetensors"]
place.succeed("compile", *SOURCE, "--preset", "none", "-o", "good")
place.succeed("verify", "good", "--original", *SOURCE)
header, _ = artifact.read_header(place.path("good/weights.safetensors"))
size = place.path("good/weights.safetensors").stat().st_size
start = size - max(entry["data_offsets"][1] for entry in header.values())


def damage(message: str, tensor: str, index: int, value: int) -> None:
    """One byte has another value, and verify says `message`."""
    shutil.rmtree(place.path("bad"), ignore_errors=True)
    shutil.copytree(place.path("good"), place.path("bad"))
    path = place.path("bad/weights.safetensors")
    content = bytearray(path.read_bytes())
    begin, end = header[f"w.{tensor}"]["data_offsets"]
    content[start + (begin if index >= 0 else end) + index] ^= value
    path.write_bytes(content)
    artifact.seal(place.path("bad"))
    place.fail(f"weight 'w': {message}", "verify", "bad", "--original", *SOURCE)


damage("expected the table of a complete prefix code, but length 12 has others than its codes", "table", 24, 1)
damage("expected each symbol once and zeros after the last, but symbol 255 is another", "symbols", 255, 1)
damage("expected streams one after the other and zeros at the end, but stream 0 lies elsewhere", "offsets", 0, 1)
damage("expected streams one after the other and zeros at the end, but stream 4 lies elsewhere", "stream", -1, 1)
damage("expected the codes of all its symbols and no more in stream 0", "stream", 0, 2)
damage("stream 0 has another checksum", "stream", 1, 1)
place.finish()
