"""Prints the tensors of a safetensors file in the order of their data, without padding."""

import json
import struct
import sys

from safetensors.numpy import load_file

path = sys.argv[1]
with open(path, "rb") as file:
    (size,) = struct.unpack("<Q", file.read(8))
    header = json.loads(file.read(size))
tensors = load_file(path)
header.pop("__metadata__", None)
for name in sorted(header, key=lambda n: header[n]["data_offsets"]):
    if not name.startswith("__padding__"):
        array = tensors[name]
        print(name, array.dtype, list(array.shape), array.tolist())
