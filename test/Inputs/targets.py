"""Artifacts for several CPUs, and for others: targets.py MODULE DIRECTORY, where w.safetensors is."""

import json
import os
import sys
from pathlib import Path

import artifact
import numpy as np
from commands import Workplace
from compress_runtime import Model, ModelError, lib

MODULE = Path(sys.argv[1]).resolve()
place = Workplace(sys.argv[2])
FLAGS = set(Path("/proc/cpuinfo").read_text().split())
SOURCE = ["compile", MODULE, "--weights", "w.safetensors", "--preset", "int4-b32"]
MULTI = ["x86-64-v4-bf16", "x86-64-v4-vnni", "x86-64-v4", "x86-64-v3", "x86-64"]
# What this machine is taken for, and the version that it gets then.
LEVELS = {"x86-64": "x86-64", "x86-64-v2": "x86-64"}
if {"avx2", "fma", "f16c", "bmi2"} <= FLAGS:
    LEVELS["x86-64-v3"] = "x86-64-v3"
if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= FLAGS:
    LEVELS["x86-64-v4"] = "x86-64-v4"
LEVELS["native"] = LEVELS[list(LEVELS)[-1]]
if "x86-64-v4" in LEVELS and "avx512_vnni" in FLAGS:
    LEVELS["native"] = "x86-64-v4-vnni"
    if {"avx512_bf16", "avx512vbmi", "avx512_vpopcntdq", "gfni"} <= FLAGS:
        LEVELS["native"] = "x86-64-v4-bf16"

rng = np.random.default_rng(11)
inputs = [rng.standard_normal((m, 160)).astype(np.float32) for m in (1, 3, 16, 21)]


def open_error(path: Path, cpu: str | None = None) -> str:
    try:
        Model(path, cpu=cpu).close()
    except ModelError as error:
        return str(error)
    return "nothing"


def expect(expected: str, actual: str) -> None:
    assert expected == actual, f"expected {expected!r}, but got {actual!r}"


def get_weights(path: Path) -> bytes:
    return (path / "weights.safetensors").read_bytes()


def test_multi(compute: str) -> None:
    """The versions compute the same, up to rounding, from one layout of the weights."""
    multi, one = place.path(f"multi-{compute}"), place.path(f"one-{compute}")
    options = [*SOURCE, "--compute", compute]
    place.succeed(*options, "--target", "cpu:multi", "-o", multi)
    place.succeed(*options, "--target", "cpu:x86-64", "-o", one)
    manifest = json.loads((multi / "manifest.json").read_text())
    versions = manifest["target"]["versions"]
    assert [v["cpu"] for v in versions] == MULTI, versions
    assert versions[-1]["cpu_features"] == []
    for better, worse in zip(versions, versions[1:]):
        assert set(better["cpu_features"]) > set(worse["cpu_features"]), (better, worse)
    assert get_weights(multi) == get_weights(one)
    again = place.path("again")
    place.succeed(*options, "--target", "cpu:multi", "-j", 1, "-o", again)
    assert artifact.snapshot(again) == artifact.snapshot(multi)
    with Model(one) as model:
        expected = [model.run("main", x)[0] for x in inputs]
    for cpu, version in LEVELS.items():
        with Model(multi, cpu=cpu) as model:
            expect(version, lib.compressModelGetCpu(model.handle).decode())
            for x, y in zip(inputs, expected):
                (actual,) = model.run("main", x)
                # Sums of 160 products, in another order and with other roundings.
                bound = 160 * 2.0**-23 * np.abs(x).sum(1, keepdims=True) * 4
                assert (np.abs(actual - y) <= bound).all(), (cpu, np.abs(actual - y).max())
            try:
                model.run("main", np.zeros((0, 160), np.float32))
                raise SystemExit("expected an error")
            except ModelError as error:
                expect("function 'main': an assertion of the model failed: expected rows", str(error))
    out = place.succeed("inspect", multi.name)
    assert out.splitlines()[1].endswith(", " + " or ".join(MULTI)), out


def test_environment() -> None:
    np.save(place.path("x.npy"), inputs[1])
    run = ["run", "multi-f32", "--input", "x.npy", "--output"]
    results = {}
    for cpu in ("x86-64", "native", ""):
        place.succeed(*run, f"{cpu}.npy", env=os.environ | {"COMPRESS_CPU": cpu})
        results[cpu] = np.load(place.path(f"{cpu}.npy"))
    assert results[""].tobytes() == results["native"].tobytes()
    with Model(place.path("multi-f32"), cpu="x86-64") as model:
        assert model.run("main", inputs[1])[0].tobytes() == results["x86-64"].tobytes()
    place.fail(
        "expected one of the CPUs native, x86-64, x86-64-v2, x86-64-v3, x86-64-v4, but got 'i486'",
        *run, "y.npy", env=os.environ | {"COMPRESS_CPU": "i486"},
    )  # fmt: skip


def test_missing_features() -> None:
    """No code runs that the processor does not have the instructions for."""
    v3 = place.path("v3")
    place.succeed(*SOURCE, "--target", "cpu:x86-64-v3", "-o", v3)
    lacks = "'{}' is for {} and needs CPU features that {} lacks: {}"
    new = "xsave, avx, f16c, avx2, bmi, bmi2, fma, lzcnt, movbe"
    expect(lacks.format(v3, "x86-64-v3", "x86-64-v2", new), open_error(v3, "x86-64-v2"))
    old = "cx16, sahf, sse3, ssse3, sse4.1, sse4.2, popcnt"
    expect(lacks.format(v3, "x86-64-v3", "x86-64", f"{old}, {new}"), open_error(v3, "x86-64"))
    # An artifact of several versions, none of which is for the oldest machines.
    multi = place.path("multi-f32")
    manifest = artifact.read_manifest(multi)
    versions = manifest["target"]["versions"]
    manifest["target"]["versions"] = versions[:4]
    artifact.write_manifest(multi, manifest)
    expect(lacks.format(multi, "x86-64-v3", "x86-64-v2", new), open_error(multi, "x86-64-v2"))
    # Only AMD's CPUs of 2011 to 2017 have this.
    name = "cpu:x86-64-v3,+tbm,-avx2"
    place.succeed(*SOURCE, "--target", name, "-o", "other")
    np.save(place.path("x.npy"), inputs[0])
    if "tbm" not in FLAGS:
        place.fail(
            lacks.format("other", "x86-64-v3+tbm-avx2", "this machine", "tbm"),
            "run", "other", "--input", "x.npy", "--output", "y.npy",
        )  # fmt: skip
    (version,) = artifact.read_manifest(place.path("other"))["target"]["versions"]
    assert "avx" in version["cpu_features"] and "avx2" not in version["cpu_features"]


def test_features() -> None:
    """What is taken away and added is what code has."""
    for spec, has in (("cpu:x86-64-v3", True), ("cpu:x86-64-v3,-fma", False), ("cpu:x86-64,+fma", True)):
        place.succeed(*SOURCE, "--target", spec, "--emit", "asm", "-o", "code.s")
        assert (b"vfmadd" in place.path("code.s").read_bytes()) == has, spec
    for kind in ("asm", "llvm", "obj"):
        place.fail(
            "expected a target of one CPU for code that is not an artifact, but got 'cpu:multi'",
            *SOURCE, "--target", "cpu:multi", "--emit", kind, "-o", "code",
        )  # fmt: skip
    place.succeed(*SOURCE, "--target", "cpu:multi", "--emit", "mlir", "-o", "code.mlir")
    place.succeed(*SOURCE, "--target", "cpu:native,-avx512f", "-o", "without")
    (version,) = artifact.read_manifest(place.path("without"))["target"]["versions"]
    assert not any(f.startswith("avx512") for f in version["cpu_features"]), version
    Model(place.path("without")).close()


def main() -> None:
    for compute in ("f32", "int8", "bf16"):
        test_multi(compute)
    test_environment()
    test_features()
    test_missing_features()
    place.finish()


if __name__ == "__main__":
    main()
