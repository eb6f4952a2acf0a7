"""Every value of the small floats through compiled code, against ml_dtypes.

`write MODULE` makes the module, `check ARTIFACT` runs its functions and compares: bit for
bit, but for the bits of NaNs. Conversions are scalar, and of vectors of one and two
dimensions.
"""

import sys
from pathlib import Path

import ml_dtypes
import numpy as np
from compress_runtime import Model

FORMATS = {
    "f8E4M3FN": ml_dtypes.float8_e4m3fn,
    "f8E5M2": ml_dtypes.float8_e5m2,
    "f4E2M1FN": ml_dtypes.float4_e2m1fn,
    "f8E8M0FNU": ml_dtypes.float8_e8m0fnu,
}
RESULTS = {"f32": np.uint32, "f16": np.uint16, "bf16": np.uint16}
NARROWED = ("f8E4M3FN", "f8E5M2")
FORMS = ("scalar", "1d", "2d")


def inputs(source: str) -> np.ndarray:
    """All codes; for f32 all f16, and the f32 beside them, which are no ties where these
    are."""
    if source.startswith("f4"):
        return np.tile(np.arange(16), 16).astype(np.int8)
    if source != "f32":
        return np.arange(256).astype(np.uint8).view(np.int8)
    exact = np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32)
    finite = np.where(np.isfinite(exact), exact, np.float32(0))
    beside = [np.nextafter(finite, np.float32(to)) for to in (-np.inf, np.inf)]
    return np.concatenate([exact, *beside])


def body(source: str, target: str, prefix: str = "", suffix: str = "") -> str:
    """Lines that make %r of %a; `prefix` and `suffix` make vectors of the types."""

    def of(element: str) -> str:
        return f"{prefix}{element}{suffix}"

    if source == "f32":
        return (
            f"%t = arith.truncf %a : {of('f32')} to {of(target)}\n"
            f"%r = arith.bitcast %t : {of(target)} to {of('i8')}\n"
        )
    lines, code = "", "%a"
    if source.startswith("f4"):
        lines += f"%nibble = arith.trunci %a : {of('i8')} to {of('i4')}\n"
        code = "%nibble"
    bits = "i4" if source.startswith("f4") else "i8"
    lines += f"%c = arith.bitcast {code} : {of(bits)} to {of(source)}\n"
    if target == "f32":
        return lines + f"%r = arith.extf %c : {of(source)} to {of('f32')}\n"
    return (
        lines + f"%e = arith.extf %c : {of(source)} to {of(target)}\n"
        f"%r = arith.bitcast %e : {of(target)} to {of('i16')}\n"
    )


def function(source: str, target: str, form: str, size: int) -> str:
    name = f"{source}_{target}_{form}"
    result = "i8" if source == "f32" else "f32" if target == "f32" else "i16"
    element = "f32" if source == "f32" else "i8"
    x, y = f"tensor<{size}x{element}>", f"tensor<{size}x{result}>"
    head = f"func.func @{name}(%x: {x}) -> {y} {{\n%init = tensor.empty() : {y}\n"
    if form == "scalar":
        return (
            head + "%0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = "
            f'["parallel"]}} ins(%x : {x}) outs(%init : {y}) {{\n^bb0(%a: {element}, %o: {result}):\n'
            f"{body(source, target)}linalg.yield %r : {result}\n}} -> {y}\nreturn %0 : {y}\n}}\n"
        )
    shape = "16x" if form == "1d" else "4x4x"
    vector = f"vector<16x{element}>"
    loaded = "%v" if form == "2d" else "%a"
    lines = f"{loaded} = vector.transfer_read %x[%i], %pad {{in_bounds = [true]}} : {x}, {vector}\n"
    if form == "2d":
        lines += f"%a = vector.shape_cast %v : {vector} to vector<4x4x{element}>\n"
    lines += body(source, target, f"vector<{shape}", ">")
    flat = "%r"
    if form == "2d":
        lines += f"%f = vector.shape_cast %r : vector<4x4x{result}> to vector<16x{result}>\n"
        flat = "%f"
    lines += f"%w = vector.transfer_write {flat}, %y[%i] {{in_bounds = [true]}} : vector<16x{result}>, {y}\n"
    zero = "0.0" if element == "f32" else "0"
    return (
        head + f"%c0 = arith.constant 0 : index\n%c16 = arith.constant 16 : index\n"
        f"%end = arith.constant {size} : index\n%pad = arith.constant {zero} : {element}\n"
        f"%0 = scf.for %i = %c0 to %end step %c16 iter_args(%y = %init) -> {y} {{\n"
        f"{lines}scf.yield %w : {y}\n}}\nreturn %0 : {y}\n}}\n"
    )


def cases():
    """(source, target, form) of each function."""
    for form in FORMS:
        for name in FORMATS:
            for target in RESULTS:
                yield name, target, form
        for name in NARROWED:
            yield "f32", name, form


def write(module: Path) -> None:
    text = "#id = affine_map<(d0) -> (d0)>\n"
    for source, target, form in cases():
        text += function(source, target, form, inputs(source).size)
    module.write_text(text)


def expected(source: str, target: str) -> np.ndarray:
    with np.errstate(all="ignore"):
        if source == "f32":
            return inputs(source).astype(FORMATS[target]).astype(np.float32)
        values = inputs(source).view(FORMATS[source]).astype(np.float32)
        kind = {"f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16}[target]
        return values.astype(kind)


def check(artifact: Path) -> int:
    compared = 0
    model = Model(artifact)
    for source, target, form in cases():
        want = expected(source, target)
        (got,) = model.run(f"{source}_{target}_{form}", inputs(source))
        if source == "f32":
            got = got.view(FORMATS[target]).astype(np.float32)
        elif target != "f32":
            got = got.view(want.dtype)
        unsigned = {4: np.uint32, 2: np.uint16}[want.dtype.itemsize]
        is_nan = np.isnan(want.astype(np.float32))
        same = np.where(
            is_nan, np.isnan(got.astype(np.float32)), got.view(unsigned) == want.view(unsigned)
        )
        if not same.all():
            i = int(np.flatnonzero(~same)[0])
            print(f"{source} to {target}, {form}, at {i}: expected {want[i]}, but got {got[i]}")
            return 1
        compared += same.size
    print(f"{compared} values are equal")
    return 0


if __name__ == "__main__":
    sys.exit({"write": write, "check": check}[sys.argv[1]](Path(sys.argv[2])))
