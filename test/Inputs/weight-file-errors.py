"""Safetensors files that lie, and weights that do not fit: weight-file-errors.py DIRECTORY.

The old artifact must stay as it is, and nothing may be left behind.
"""

import json
import struct
import sys

import artifact
import numpy as np
from commands import MLP, Workplace

place = Workplace(sys.argv[1])
TENSORS = {
    "fc": ("F32", np.ones((128, 256), np.float32)),
    "head": ("F32", np.ones((16, 128), np.float32)),
    "bias": ("F32", np.ones(128, np.float32)),
}
artifact.write_tensors(place.path("good"), TENSORS)
place.succeed("compile", MLP, "--weights", "good", "--preset", "int8", "-o", "old")
header, data = artifact.read_header(place.path("good"))
content = place.path("good").read_bytes()


def fail(message: str, *weights: str) -> None:
    """Over an artifact that is there already."""
    options = [option for name in weights for option in ("--weights", name)]
    place.fail(message, "compile", MLP, *options, "--preset", "int8", "-o", "old")


def fail_file(message: str, file: bytes) -> None:
    place.write("w", file)
    fail("'w': " + message, "w")


def fail_header(message: str, new_header: dict | str, new_data: bytes = data) -> None:
    artifact.write_file(place.path("w"), new_header, new_data)
    fail("'w'" + message, "w")


def change(name: str, **fields) -> dict:
    """The good header, but one tensor's."""
    return header | {name: header[name] | fields}


# The file as a whole.
fail("cannot read 'missing': No such file or directory", "missing")
fail("'.': expected a regular file, but got a directory", ".")
fail_file("expected 8 bytes with the header's length, but the file has 0", b"")
fail_file("expected 8 bytes with the header's length, but the file has 7", content[:7])
(length,) = struct.unpack("<Q", content[:8])
fail_file(f"header ends at byte {8 + length} of a file of 100 bytes", content[:100])
for huge in (100_000_001, 2**63, 2**64 - 1):
    fail_file(
        f"expected a header of at most 100000000 bytes, but got {huge}",
        struct.pack("<Q", huge) + content[8:],
    )
fail_file("expected a header that begins with '{'", struct.pack("<Q", 0) + content[8:])
fail_file(
    f"tensor 'bias' ends at byte {len(data)} of a data section of {len(data) - 1} bytes",
    content[:-1],
)
fail_file(
    f"expected {len(data)} bytes in the data section, but got {len(data) + 1}", content + b"x"
)
fail_header(": header is not valid JSON at byte 9", '{"fc": nonsense')
fail_header(": header has the key 'fc' twice", json.dumps(header)[:-1] + ', "fc": {}}')
fail_header(": header is nested deeper than 3 levels", '{"a": {"b": {"c": [[]]}}}')
fail_header(": tensor 'fc': expected an object", '{"fc": 1}')

# One tensor.
fc_end = header["fc"]["data_offsets"][1]
fail_header(": tensor 'fc': 'dtype' is missing", '{"fc": {}}')
fail_header(
    ": tensor 'fc': expected a dtype of whole bytes such as 'F32', but got 'F4'",
    change("fc", dtype="F4"),
)
fail_header(": tensor 'fc': unknown key 'extra'", change("fc", extra=1))
for shape in ([-1, 256], [1.5], "128x256", [2**64]):
    fail_header(
        ": tensor 'fc': expected 'shape' to be an array of non-negative integers",
        change("fc", shape=shape),
    )
fail_header(
    f": tensor 'fc': expected 262144 bytes for F32 of shape [256, 256], but got {fc_end}",
    change("fc", shape=[256, 256]),
)
for shape in ([2**62, 2], [2**32, 2**32], [2**40, 2**40, 0]):
    fail_header(
        f": tensor 'fc': expected a size below 2^63 bytes, but got F32 of shape {shape}",
        change("fc", shape=shape),
    )
fail_header(
    f": tensor 'fc' begins at byte {fc_end} and ends at byte 0",
    change("fc", data_offsets=[fc_end, 0]),
)
fail_header(
    ": tensor 'fc': expected 'data_offsets' to be two non-negative integers",
    change("fc", data_offsets=[-4, 0]),
)
fail_header(
    f": tensor 'bias' ends at byte {2**63} of a data section of {len(data)} bytes",
    change("bias", data_offsets=[2**63 - 512, 2**63]),
)
# Overlaps and holes.
begin, end = header["head"]["data_offsets"]
fail_header(
    f": tensor 'head' begins at byte {begin - 4}, inside tensor 'fc'",
    change("head", data_offsets=[begin - 4, end - 4]),
)
fail_header(
    f": tensor 'bias' begins at byte {end}, but the data before it end at byte {begin}",
    {name: header[name] for name in ("fc", "bias")},
)

# Against the module.
at = f"{MLP}:"


def fail_tensors(message: str, **changes) -> None:
    tensors = {name: t for name, t in (TENSORS | changes).items() if t}
    artifact.write_tensors(place.path("w"), tensors)
    fail(at + message, "w")


fail_tensors("6:1: weight 'head' is not in 'w'", head=None)
fail_tensors(
    "11:9: weight 'fc': expected elements of type 'f32', but the file has F16",
    fc=("F16", np.ones((128, 256), np.float16)),
)
fail_tensors(
    "11:9: weight 'fc': expected shape [128, 256], but the file has [256, 128]",
    fc=("F32", np.ones((256, 128), np.float32)),
)
fail_tensors(
    "12:11: weight 'bias': expected shape [128], but the file has []",
    bias=("F32", np.ones((), np.float32)),
)
fail(at + "6:1: weight 'head' has no data in the module; give the file that has them with --weights")

# Several files, and maps of shards.
place.write("twin", content)
fail("tensor 'fc' is in 'good' and in 'twin'", "good", "twin")


def fail_map(message: str, value: object) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    place.write("map.index.json", text)
    fail("'map.index.json'" + message, "map.index.json")


fail_map(" is not valid JSON at byte 1", "x")
fail_map(": expected a shard map, but there is no 'weight_map'", {})
fail_map(": expected 'weight_map' to be an object", {"weight_map": []})
fail_map(
    ": tensor 'fc': expected the name of a file beside the map, but got '../good'",
    {"weight_map": {"fc": "../good"}},
)
fail_map(
    ": tensor 'nothing' is not in 'good'", {"weight_map": {"fc": "good", "nothing": "good"}}
)
place.write("map.index.json", json.dumps({"weight_map": {"fc": "missing"}}))
fail("cannot read 'missing': No such file or directory", "map.index.json")

# Values, by name and index.
at = f"{MLP}:11:9: weight 'fc': "


def fail_value(message: str, preset: str, index: tuple[int, int], value: float) -> None:
    weight = np.ones((128, 256), np.float32)
    weight[index] = value
    artifact.write_tensors(place.path("w"), TENSORS | {"fc": ("F32", weight)})
    place.fail(
        at + message, "compile", MLP, "--weights", "w", "--preset", preset, "-o", "old"
    )


for preset in ("int8", "int4-b32", "int4-b32-asym"):
    fail_value("expected finite values, but got nan at [3, 200]", preset, (3, 200), np.nan)
    fail_value("expected finite values, but got inf at [127, 255]", preset, (127, 255), np.inf)
    fail_value("expected finite values, but got -inf at [0, 0]", preset, (0, 0), -np.inf)
fail_value(
    "the block at [5, 32] with largest magnitude 1e+06 needs scale -125000, which overflows 'f16'",
    "int4-b32", (5, 40), 1e6,
)  # fmt: skip
fail_value(
    "the block at [5, 32] with largest magnitude 1e+06 needs scale 66666.6, which overflows 'f16'",
    "int4-b32-asym", (5, 40), 1e6,
)  # fmt: skip
fail_value(
    "the block at [5, 32] needs offset -100000, which overflows its type",
    "int4-b32-asym", (5, 40), -1e5,
)  # fmt: skip
place.finish()
