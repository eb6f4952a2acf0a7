"""Safetensors files and the manifests of artifacts, independent of the library's code.

Tensors are numpy arrays; BF16 is read and written as uint16, 8-bit floats as uint8, the bits. As a script:
`artifact.py seal DIRECTORY [KEY=JSON]...` sets members of a manifest, such as
`producer="somebody"`, and puts the checksum right again.
"""

import json
import re
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

NUMPY = {
    "BOOL": np.bool_, "U8": np.uint8, "I8": np.int8, "U16": np.uint16, "I16": np.int16,
    "U32": np.uint32, "I32": np.int32, "U64": np.uint64, "I64": np.int64,
    "F16": np.float16, "BF16": np.uint16, "F32": np.float32, "F64": np.float64,
    "F8_E4M3": np.uint8, "F8_E5M2": np.uint8, "F8_E8M0": np.uint8,
}  # fmt: skip


def read_header(path: Path) -> tuple[dict[str, Any], bytes]:
    """The header and the data section."""
    content = Path(path).read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """All tensors but padding."""
    header, data = read_header(path)
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__" or name.startswith("__padding__"):
            continue
        begin, end = entry["data_offsets"]
        array = np.frombuffer(data[begin:end], NUMPY[entry["dtype"]])
        tensors[name] = array.reshape(entry["shape"])
    return tensors


def write_file(path: Path, header: dict[str, Any] | str, data: bytes = b"") -> None:
    """A safetensors file with a header as it is given."""
    text = header if isinstance(header, str) else json.dumps(header)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text.encode() + data)


def write_tensors(path: Path, tensors: dict[str, tuple[str, np.ndarray]]) -> None:
    """Tensors by name as (dtype, array), without padding between them."""
    header, data = {}, b""
    for name, (dtype, array) in tensors.items():
        assert array.dtype == NUMPY[dtype], name
        content = array.tobytes()
        header[name] = {
            "dtype": dtype,
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(content)],
        }
        data += content
    write_file(path, header, data)


def read_manifest(directory: Path) -> dict[str, Any]:
    return json.loads((Path(directory) / "manifest.json").read_text())


def write_manifest(directory: Path, manifest: dict[str, Any]) -> None:
    """Writes a manifest with the checksum that belongs to it."""
    manifest["checksum"] = "0" * 16
    text = json.dumps(manifest, indent=2) + "\n"
    digest = xxhash.xxh3_64_hexdigest(text.encode())
    text = re.sub(r'(?<="checksum": ")0{16}', digest, text, count=1)
    (Path(directory) / "manifest.json").write_text(text)


def seal(directory: Path) -> None:
    """Makes the checksums of a manifest those of the files beside it."""
    directory = Path(directory)
    manifest = read_manifest(directory)
    code = (directory / "model.so").read_bytes()
    manifest["model_so"] = {
        "size": len(code),
        "xxh3": xxhash.xxh3_64_hexdigest(code),
    }
    path = directory / "weights.safetensors"
    header, data = read_header(path)
    entry = manifest["weights_file"]
    entry["size"] = path.stat().st_size
    prefix = path.read_bytes()[: entry["size"] - len(data)]
    entry["header_xxh3"] = xxhash.xxh3_64_hexdigest(prefix)
    for tensor in entry["tensors"]:
        begin, end = header[tensor["name"]]["data_offsets"]
        tensor["xxh3"] = xxhash.xxh3_64_hexdigest(data[begin:end])
    write_manifest(directory, manifest)


def snapshot(directory: Path) -> dict[str, bytes]:
    """All files below a directory, with their content."""
    directory = Path(directory)
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else b""
        for path in sorted(directory.rglob("*"))
    }



def main() -> None:
    command, directory, *changes = sys.argv[1:]
    assert command == "seal", command
    manifest = read_manifest(Path(directory))
    for change in changes:
        path, _, value = change.partition("=")
        *parents, key = path.split(".")
        target: Any = manifest
        for parent in parents:
            target = target[int(parent) if parent.isdigit() else parent]
        target[int(key) if key.isdigit() else key] = json.loads(value)
    write_manifest(Path(directory), manifest)


if __name__ == "__main__":
    main()
