"""Checks what compress-bench kernels writes. Usage: FILE.json SHAPE..."""

import json
import math
import sys

FIELDS = {
    "name": str,
    "shape": list,
    "m": int,
    "threads": int,
    "mode": str,
    "compute": str,
    "ours": float,
    "peer": float,
    "peer_name": str,
    "ratio": float,
    "goal": float,
    "spread": float,
    "compile_seconds": float,
    "spills": int,
    "note": str,
}
ALWAYS = ("name", "shape", "m", "threads", "mode", "peer_name")
# Kernels whose loops must keep all that they work on in registers.
WITHOUT_SPILLS = ("int4-b32 f32", "int4-b32 int8", "int8-channel int8", "dense f32")

with open(sys.argv[1], encoding="utf-8") as file:
    rows = json.load(file)
shapes = [[int(size) for size in shape.split("x")] for shape in sys.argv[2:]]
assert rows
for row in rows:
    assert row.keys() == FIELDS.keys(), row
    for key, kind in FIELDS.items():
        value = row[key]
        if value is None:
            assert key not in ALWAYS, row
        else:
            assert isinstance(value, (int, float) if kind is float else kind), (key, row)
    assert row["mode"] in ("hot", "cold"), row
    assert row["shape"] in shapes or row["name"].startswith("conv"), row
    # What was not measured says why.
    assert (row["ours"] is None or row["peer"] is None) == (row["note"] is not None), row
    assert row["note"] is None or (row["note"] and "signal" not in row["note"] and "process" not in row["note"]), row
    assert (row["ratio"] is None) == (row["peer"] is None), row
    if row["ours"] is not None:
        assert row["ours"] > 0 and row["compute"] in ("f32", "bf16", "int8", "xnor", "loops", "decode"), row
        assert ("xnor" in row["name"]) == (row["compute"] == "xnor"), row
    if row["ratio"] is not None:
        assert math.isclose(row["ratio"], row["peer"] / row["ours"]), row
    if row["name"] in WITHOUT_SPILLS and row["compute"] not in ("loops", "decode"):
        assert not row["spills"], row
missing = [row["note"] for row in rows if row["peer_name"].startswith("ggml") and row["ours"] is not None]
assert all("package llama-cpp-python" in note or "cannot store" in note for note in missing), missing
names = {row["name"] for row in rows if row["ours"] is not None}
assert "int4-b32 f32" in names, names
for shape in shapes:
    assert any(row["shape"] == shape and row["ours"] is not None for row in rows), shape
print(f"{len(rows)} rows, {len(names)} kernels measured")
