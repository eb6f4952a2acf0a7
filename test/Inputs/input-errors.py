"""Arrays that run must refuse, and results that do not fit: input-errors.py DIRECTORY."""

import struct
import sys

import numpy as np
from commands import MLP, Workplace

place = Workplace(sys.argv[1])
place.write(
    "two.mlir",
    """func.func @one(%x: tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<2xi64>) {
  %c = arith.constant dense<[1, 2]> : tensor<2xi64>
  return %x, %c : tensor<?x2xf32>, tensor<2xi64>
}
func.func @other(%x: tensor<bf16>, %i: tensor<3xi8>) -> tensor<3xi8> {
  return %i : tensor<3xi8>
}
""",
)
place.succeed("compile", "two.mlir", "--preset", "none", "-o", "two")
np.save(place.path("x.npy"), np.ones((3, 2), np.float32))
np.save(place.path("y.npy"), np.zeros(7))
npy = place.path("x.npy").read_bytes()


def fail(message: str, *inputs: str, function: str = "one", outputs=("o.npy", "y.npy")) -> None:
    """A run with a result that exists already and one that does not."""
    options = [option for name in inputs for option in ("--input", name)]
    options += [option for name in outputs for option in ("--output", name)]
    place.fail(message, "run", "two", "--function", function, *options)


def fail_array(message: str, array: np.ndarray, **options) -> None:
    np.save(place.path("a.npy"), array, allow_pickle=True)
    fail(message, "a.npy", **options)


def fail_file(message: str, content: bytes) -> None:
    place.write("a.npy", content)
    fail("'a.npy'" + message, "a.npy")


# What the function does not take.
where = "input 0 ('input0') of function 'one': "
fail_array(where + "expected elements of type F32, but got F64", np.ones((3, 2)))
fail_array(where + "expected elements of type F32, but got I32", np.ones((3, 2), np.int32))
fail_array(where + "expected elements of type F32, but got BOOL", np.ones((3, 2), bool))
fail_array(where + "expected shape [?, 2], but got [2, 3]", np.ones((2, 3), np.float32))
fail_array(where + "expected rank 2 [?, 2], but got rank 1", np.ones(2, np.float32))
fail_array(where + "expected rank 2 [?, 2], but got rank 0", np.float32(2))
fail_array(where + "expected rank 2 [?, 2], but got rank 3", np.ones((1, 3, 2), np.float32))
fail("function 'one': expected 1 inputs, but got 0")
fail("function 'one': expected 1 inputs, but got 2", "x.npy", "x.npy")
fail("function 'other': expected 2 inputs, but got 1", "x.npy", function="other", outputs=["y.npy"])
fail("expected 2 --output, but got 1", "x.npy", outputs=["y.npy"])
fail("expected 2 --output, but got 3", "x.npy", outputs=["y.npy", "o.npy", "-"])
fail("expected a function of the model (one, other), but got 'three'", "x.npy", function="three")
place.fail(
    "expected --function, for 'two' has several: one, other", "run", "two", "--input", "x.npy"
)

# Files that are no arrays, or arrays of something else.
fail("cannot read 'missing.npy': No such file or directory", "missing.npy")
fail("'two': expected a regular file, but got a directory", "two")
fail_file(": expected a .npy file", b"")
fail_file(": expected a .npy file", b"garbage, and quite a lot of it")
fail_file(": expected a .npy file", b"PK\3\4" + npy)
fail_file(": file ends in the header", npy[:9])
fail_file(": expected version 1.0, 2.0 or 3.0, but got 9.0", npy[:6] + b"\x09\x00" + npy[8:])
fail_file(": header ends at byte 128 of a file of 100 bytes", npy[:100])
fail_file(
    ": expected 24 bytes of data for shape [3, 2], but got 23", npy[:-1]
)
fail_file(": expected 24 bytes of data for shape [3, 2], but got 25", npy + b"x")
fail_file(": unknown key 'fortran' in the header", npy.replace(b"fortran_order", b"fortran"))
fail_array("'a.npy': expected little-endian numbers, but got '>f4'", np.ones((3, 2), ">f4"))
fail_array("'a.npy': expected numbers, but got Python objects", np.array([[1, None]], object))
fail_array(
    "'a.npy': expected numbers, but got a structured type", np.zeros(3, [("a", "f4"), ("b", "f4")])
)
for dtype in ("c8", "S4", "U2", "M8[s]", "f16"):
    array = np.zeros((3, 2), dtype)
    fail_array(
        "'a.npy': expected integers, floats or booleans, but got elements of type "
        f"'{array.dtype.str}'",
        array,
    )


def header(text: str) -> bytes:
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode()


for shape in ("(4611686018427387904, 2)", "(4611686018427387904, 4, 0)"):
    fail_file(
        f": expected a size below 2^63 bytes, but got shape [{shape[1:-1]}]",
        header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}\n"),
    )
fail_file(
    ": expected a non-negative integer at byte 51 of the header",
    header("{'descr': '<f4', 'fortran_order': False, 'shape': (-3, 2)}\n"),
)

# Places that cannot be written to.
fail("cannot write 'no/o.npy': directory 'no': No such file or directory", "x.npy", outputs=["-", "no/o.npy"])
fail("'two' is a directory", "x.npy", outputs=["two", "-"])
fail("'/dev/full' is not a regular file", "x.npy", outputs=["/dev/full", "-"])
fail("cannot write 'x.npy/o.npy': Not a directory", "x.npy", outputs=["x.npy/o.npy", "-"])
fail("cannot write 'no/i': directory 'no': No such file or directory", "x.npy", outputs=["y.npy", "no/i"])
fail("expected a file for each output, but got 'o.npy' twice", "x.npy", outputs=["o.npy", "o.npy"])

# What is taken: big dimensions of nothing, Fortran order, other names for the same bits.
np.save(place.path("f.npy"), np.asfortranarray(np.arange(6, dtype=np.float32).reshape(3, 2)))
place.succeed("run", "two", "--function", "one", "--input", "f.npy", "--output", "o.npy", "-")
assert np.array_equal(np.load(place.path("o.npy")), np.arange(6).reshape(3, 2))
np.save(place.path("empty.npy"), np.zeros((0, 2), np.float32))
place.succeed("run", "two", "--function", "one", "--input", "empty.npy", "--output", "o.npy", "i.npy")
assert np.load(place.path("o.npy")).shape == (0, 2)
assert np.array_equal(np.load(place.path("i.npy")), [1, 2])
np.save(place.path("h.npy"), np.array(0x3F80, np.uint16).view("V2"))
np.save(place.path("u.npy"), np.array([1, 200, 3], np.uint8))
place.succeed("run", "two", "--function", "other", "--input", "h.npy", "u.npy", "--output", "o.npy")
assert np.load(place.path("o.npy")).tolist() == [1, -56, 3]

# Compare.
artifact = ["compare", "two", "--function", "one", "--original"]
place.fail("cannot read 'missing': No such file or directory", *artifact, "missing", "--input", "x.npy")
place.fail("function 'one': expected 1 inputs, but got 0", *artifact, "two.mlir")
place.fail(
    "expected a function of the model (main), but got 'one'",
    *artifact, place.write("b.mlir", "func.func @main() { return }"), "--input", "x.npy",
)  # fmt: skip
place.write(
    "b.mlir",
    "func.func @one(%x: tensor<?x2xf32>) -> tensor<?x2xf32> { return %x : tensor<?x2xf32> }",
)
place.fail("expected 1 outputs, as the original has, but got 2", *artifact, "b.mlir", "--input", "x.npy")
place.fail(
    f"{MLP}:6:1: weight 'head' has no data in the module; give the file that has them with --weights",
    *artifact, MLP, "--input", "x.npy",
)  # fmt: skip
place.finish()
