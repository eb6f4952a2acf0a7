"""What verify must find although all checksums are right: verify-errors.py DIRECTORY.

Expects mlp.safetensors there.
"""

import os
import random
import shutil
import sys

import artifact
import numpy as np
from commands import MLP, Workplace

SEED = int(os.environ.get("COMPRESS_TEST_SEED", "1"))
place = Workplace(sys.argv[1])
SOURCE = [MLP, "--weights", "mlp.safetensors"]
VERIFY = ["verify", "bad", "--original", *SOURCE]
place.succeed("compile", *SOURCE, "--preset", "int4-b32", "-o", "good")
place.succeed("verify", "good", "--original", *SOURCE)
GOOD = place.path("good")
header, _ = artifact.read_header(GOOD / "weights.safetensors")
data_start = (GOOD / "weights.safetensors").stat().st_size - max(
    entry["data_offsets"][1] for entry in header.values()
)


def copy() -> None:
    shutil.rmtree(place.path("bad"), ignore_errors=True)
    shutil.copytree(GOOD, place.path("bad"))


def edit(weight: int, key: str, value: object) -> None:
    copy()
    manifest = artifact.read_manifest(place.path("bad"))
    entry = manifest["weights"][weight]
    *parents, last = key.split(".")
    for parent in parents:
        entry = entry[parent]
    entry[last] = value
    artifact.write_manifest(place.path("bad"), manifest)


def flip(tensor: str, bit: int) -> None:
    """One bit of a tensor, and its new checksum."""
    copy()
    path = place.path("bad/weights.safetensors")
    content = bytearray(path.read_bytes())
    content[data_start + header[tensor]["data_offsets"][0] + bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    artifact.seal(place.path("bad"))


weights = {entry["name"]: i for i, entry in enumerate(artifact.read_manifest(GOOD)["weights"])}
fc, bias = weights["fc"], weights["bias"]
codes, scales = artifact.read_manifest(GOOD)["weights"][fc]["tensors"]
rng = random.Random(SEED)
for tensor, expected in (
    (codes, ("the largest absolute error is ", "the relative Frobenius error is ")),
    (
        scales,
        ("the largest absolute error is ", "the relative Frobenius error is ", "scale "),
    ),
):
    begin, end = header[tensor]["data_offsets"]
    for _ in range(12):
        bit = rng.randrange(8 * (end - begin))
        flip(tensor, bit)
        done = place.run(*VERIFY)
        prefixes = tuple(f"compressc: error: weight 'fc': {text}" for text in expected)
        place.count += 1
        ok = done.returncode == 1 and done.stderr.startswith(prefixes)
        if not ok or done.stderr.count("\n") != 1:
            place.failures += 1
            print(f"seed {SEED}: bit {bit} of {tensor}: {done}")
flip("bias", 77)
place.fail("weight 'bias': its dense data differ from the original", *VERIFY)

certificate = artifact.read_manifest(GOOD)["weights"][fc]["certificate"]
for key, what in (
    ("max_abs_error", "the largest absolute error"),
    ("relative_frobenius_error", "the relative Frobenius error"),
    ("sqnr_db", "the SQNR"),
):
    value = certificate[key]
    wrong = float(np.nextafter(value, 0))  # the last bit
    edit(fc, f"certificate.{key}", wrong)
    texts = [f"{number:.17g}" for number in (value, wrong)]
    place.fail(
        f"weight 'fc': {what} is {texts[0]}, but the certificate says {texts[1]}", *VERIFY
    )
edit(fc, "certificate", None)
place.fail("weight 'fc': expected a certificate, but there is none", *VERIFY)
edit(fc, "certificate.source_xxh3", "0" * 16)
place.fail(
    "weight 'fc': was made from other data: the original has hash "
    f"{certificate['source_xxh3']}, the certificate {'0' * 16}",
    *VERIFY,
)
bits = artifact.read_manifest(GOOD)["weights"][fc]["stored_bits"]
edit(fc, "stored_bits", bits - 1)
place.fail(f"weight 'fc': expected {bits - 1} stored bits, but got {bits}", *VERIFY)
edit(fc, "name", "other")
place.fail("weight 'other': expected it in the original module", *VERIFY)
edit(fc, "shape", [256, 128])
place.fail("weight 'fc': has type 'tensor<128x256xf32>' in the original module", *VERIFY)
edit(bias, "dtype", "f16")
place.fail("weight 'bias': has type 'tensor<128xf32>' in the original module", *VERIFY)
edit(bias, "tensors", [codes])
place.fail("expected tensor 'bias' to belong to a weight of the manifest", *VERIFY)
edit(fc, "codec", "#compress.none")
place.fail("weight 'fc': expected a codec, but got '#compress.none'", *VERIFY)
edit(fc, "codec", "12 : i32")
place.fail("weight 'fc': expected a codec, but got '12 : i32'", *VERIFY)
edit(fc, "codec", "#compress.quant<i4, block = [1, 32], scale = f16>")
place.fail(
    f"weight 'fc': expected stored tensor '{codes}' of type 'tensor<128x128xi8>', "
    "but got 'tensor<8x32x16x4xi8>'",
    *VERIFY,
)
copy()
manifest = artifact.read_manifest(place.path("bad"))
del manifest["weights"][fc]
artifact.write_manifest(place.path("bad"), manifest)
place.fail(f"expected tensor '{codes}' to belong to a weight of the manifest", *VERIFY)

# Another original.
tensors = artifact.read_tensors(place.path("mlp.safetensors"))
changed = {name: ("F32", array.copy()) for name, array in tensors.items()}
changed["fc"][1][5, 5] += 1
artifact.write_tensors(place.path("changed"), changed)
done = place.run("verify", "good", "--original", MLP, "--weights", "changed")
assert done.stderr.startswith("compressc: error: weight 'fc': was made from other data: "), done
changed["fc"] = ("F32", tensors["fc"])
changed["bias"][1][5] += 1
artifact.write_tensors(place.path("changed"), changed)
place.fail(
    "weight 'bias': its dense data differ from the original",
    "verify", "good", "--original", MLP, "--weights", "changed",
)  # fmt: skip
place.write("other.mlir", "func.func @main() { return }")
place.fail(
    "weight 'fc': expected it in the original module", "verify", "good", "--original", "other.mlir"
)
place.finish()
