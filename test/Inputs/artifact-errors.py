"""Artifacts that are damaged, or for something else: artifact-errors.py DIRECTORY.

Expects mlp.safetensors and x.npy there. One flipped bit at many random places, of all
three files, must be an error of one line each time; COMPRESS_TEST_SEED chooses others.
"""

import os
import random
import shutil
import struct
import sys

import artifact
from commands import MLP, Workplace
from compress_runtime import Model, ModelError

SEED = int(os.environ.get("COMPRESS_TEST_SEED", "1"))
FILES = ("manifest.json", "model.so", "weights.safetensors")
place = Workplace(sys.argv[1])
SOURCE = [MLP, "--weights", "mlp.safetensors"]
place.succeed("compile", *SOURCE, "--preset", "int8-channel", "-o", "good")
GOOD = place.path("good")
RUN = ["run", "bad", "--input", "x.npy", "--output", "y.npy"]
VERIFY = ["verify", "bad", "--original", *SOURCE]
COMPARE = ["compare", "bad", "--original", *SOURCE, "--input", "x.npy"]
INSPECT = ["inspect", "bad"]


def copy() -> None:
    shutil.rmtree(place.path("bad"), ignore_errors=True)
    shutil.copytree(GOOD, place.path("bad"))


def fail_all(message: str, *commands: list[str]) -> None:
    for command in commands:
        place.fail(message, *command)


def edit(*path: str | int, value: object = None, remove: bool = False) -> None:
    """Makes a copy with another member of the manifest, and the right checksum."""
    copy()
    manifest = artifact.read_manifest(place.path("bad"))
    parent = manifest
    for key in path[:-1]:
        parent = parent[key]
    if remove:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    artifact.write_manifest(place.path("bad"), manifest)


# What the helper writes is what compressc writes.
edit("format_version", value=1)
assert artifact.snapshot(place.path("bad")) == artifact.snapshot(GOOD)
place.succeed(*RUN)

# Another version, another machine.
at = "'bad/manifest.json': "
for version in (0, 2, 10**12, -1):
    edit("format_version", value=version)
    fail_all(
        at + f"artifact format version {version}, but this version of mlir-compress reads 1",
        RUN, VERIFY, COMPARE, INSPECT, [*INSPECT, "--json"],
    )  # fmt: skip
edit("target", "triple", value="riscv64-unknown-linux-gnu")
fail_all("'bad' is for riscv64, but this machine is x86_64", RUN, COMPARE)
edit("target", "versions", 0, "cpu_features", value=["sse3", "avx1024", "turbo"])
edit_cpu = artifact.read_manifest(place.path("bad"))["target"]["versions"][0]["cpu"]
fail_all(
    f"'bad' is for {edit_cpu} and needs CPU features that this machine lacks: avx1024, turbo",
    RUN, COMPARE,
)  # fmt: skip

# Fields.
edit("target", remove=True)
fail_all(at + "'target' is missing", RUN, VERIFY, INSPECT)
edit("weights", 0, "dtype", value="f7")
fail_all(at + "unknown element type 'f7' at 'weights[0].dtype'", RUN, VERIFY, INSPECT)
edit("functions", 0, "inputs", 0, "shape", value=[-2, 256])
fail_all(at + "expected non-negative integers and '?' at 'functions[0].inputs[0].shape'", RUN)
edit("weights", 1, "name", value="fc")
fail_all(at + "weight 'fc' is there twice", RUN, VERIFY)
edit("extra", value=1)
fail_all(at + "unknown key 'extra'", RUN, VERIFY, INSPECT)
edit("target", "versions", value=[])
fail_all(at + "expected at least one of 'target.versions'", RUN, VERIFY, INSPECT)
edit("target", "versions", 0, "symbol_suffix", value=".other")
fail_all("'bad/model.so': expected code of ABI version 2, but got none", RUN)
edit("functions", 0, "symbol", value="compress_entry_other")
fail_all("'bad/model.so': expected symbol 'compress_entry_other' of function 'main'", RUN)
at = "'bad/weights.safetensors': "
edit("weights", 0, "tensors", 1, value="nothing")
fail_all(at + "expected tensor 'nothing' of weight 'fc', but there is none", RUN, VERIFY)
edit("weights_file", "tensors", 0, "name", value="nothing")
fail_all(at + "expected tensor 'nothing', but there is none", RUN, VERIFY)
copy()
place.write("bad/manifest.json", "{}")
fail_all("'bad/manifest.json': 'format_version' is missing", RUN, VERIFY, INSPECT)

# Files.
for name in FILES:
    copy()
    place.path(f"bad/{name}").unlink()
    message = f"cannot read 'bad/{name}': No such file or directory"
    fail_all(message, RUN, VERIFY, COMPARE)
    place.path(f"bad/{name}").mkdir()
    fail_all(f"'bad/{name}': expected a regular file, but got a directory", RUN, VERIFY)
shutil.rmtree(place.path("bad"))
fail_all(
    "cannot read 'bad/manifest.json': No such file or directory", RUN, VERIFY, COMPARE, INSPECT
)
place.write("file", "")
place.fail("cannot read 'file/manifest.json': Not a directory", "inspect", "file")
for name in ("model.so", "weights.safetensors"):
    size = (GOOD / name).stat().st_size
    content = (GOOD / name).read_bytes()
    for changed in (content[:-1], content + b"\0", b""):
        copy()
        place.write(f"bad/{name}", changed)
        done = place.run(*RUN)
        lines = done.stderr.splitlines()
        assert done.returncode == 1 and len(lines) == 1, done
        assert lines[0].startswith(f"compressc: error: 'bad/{name}': "), lines

# Code that is none, with the right checksums.
for code, message in [
    (b"garbage", "file too short"),
    (b"\x7fELF" + bytes(5000), "wrong ELF class: ELFCLASS32"),
]:
    copy()
    place.write("bad/model.so", code)
    artifact.seal(place.path("bad"))
    fail_all(f"cannot load 'bad/model.so': {message}", RUN)
copy()
shutil.copy("/lib/x86_64-linux-gnu/libm.so.6", place.path("bad/model.so"))
artifact.seal(place.path("bad"))
fail_all("'bad/model.so': expected code of ABI version 2, but got none", RUN)

# Code or weights of another artifact.
place.write(
    "other.mlir",
    "func.func @main(%x: tensor<?x256xf32>) -> tensor<?x256xf32> { return %x : tensor<?x256xf32> }",
)
place.succeed("compile", "other.mlir", "--preset", "none", "-o", "other")
copy()
shutil.copy(place.path("other/model.so"), place.path("bad/model.so"))
size = [(p / "model.so").stat().st_size for p in (GOOD, place.path("other"))]
fail_all(f"'bad/model.so': expected {size[0]} bytes, but got {size[1]}", RUN, VERIFY)


# Flipped bits. In this process, which a crash would end.
def flip(name: str, bit: int) -> None:
    data = bytearray((GOOD / name).read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    place.path(f"bad/{name}").write_bytes(data)


rng = random.Random(SEED)
copy()
for name, count in (("manifest.json", 150), ("model.so", 150), ("weights.safetensors", 300)):
    size = (GOOD / name).stat().st_size * 8
    (header_size,) = struct.unpack("<Q", (GOOD / "weights.safetensors").read_bytes()[:8])
    header_bits = 8 * (8 + header_size)
    for i in range(count):
        # A third of those of the weights in the header.
        bit = rng.randrange(header_bits if name == FILES[2] and i % 3 == 0 else size)
        flip(name, bit)
        place.count += 1
        try:
            Model(place.path("bad"), threads=2).close()
            text = "nothing"
        except ModelError as error:
            text = str(error)
        if "\n" in text or "manifest.json" not in text and name not in text:
            place.failures += 1
            print(f"seed {SEED}: bit {bit} of {name}: {text}")
        # Without the checksums of tensors, all but their data are checked.
        if name != FILES[2] or bit < header_bits:
            try:
                Model(place.path("bad"), skip_weight_checksums=True).close()
                place.failures += 1
                print(f"seed {SEED}: bit {bit} of {name}: found only by the tensors' checksums")
            except ModelError:
                pass
    # Some of them in processes of their own.
    for command in (RUN, VERIFY, COMPARE):
        for _ in range(5):
            bit = rng.randrange(size)
            flip(name, bit)
            before = place.state()
            done = place.run(*command)
            ok = done.returncode == 1 and done.stderr.count("\n") == 1
            place.count += 1
            if not ok or not done.stderr.startswith("compressc: error: ") or place.state() != before:
                place.failures += 1
                print(f"seed {SEED}: bit {bit} of {name}: {done}")
    shutil.copy(GOOD / name, place.path(f"bad/{name}"))
place.succeed(*RUN)
print(f"seed {SEED}")
place.finish()
