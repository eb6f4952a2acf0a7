"""Functions that use a compressed weight: what they compute, random ones, their text.

Of the tests fused.py and fused_table.py. An op is described by the names of its loops:
`x`, `w` and `out` list, for each dimension of the image or activations, the weight and the
result, the loop that runs along it.
"""

import math
import random
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import quant_reference as reference
from quant_reference import Codec

SIZES = [0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 96, 128, 130, 257]
TILE = 4096  # compress-tile-and-fuse's max-elements
MAX_ELEMENTS = 20000
NUMPY = {
    "f32": np.float32, "f16": np.float16, "bf16": np.uint16, "i32": np.int32, "i64": np.int64,
    "f8E4M3FN": np.uint8, "f8E8M0FNU": np.uint8,
}  # fmt: skip
# Unit roundoff, and the smallest subnormal.
UNIT = {"f32": 2.0**-24, "f16": 2.0**-11, "bf16": 2.0**-8}
TINY = {"f32": 2.0**-149, "f16": 2.0**-24, "bf16": 2.0**-133}


# ===----------------------------------------------------------------------===
# Numbers
# ===----------------------------------------------------------------------===


def store(element: str, values: np.ndarray) -> np.ndarray:
    """f64 -> rounded to f32 and then to the type, as it is stored."""
    return reference.narrow(element, np.asarray(values, np.float32)).reshape(np.shape(values))


def widen(element: str, stored: np.ndarray) -> np.ndarray:
    return reference.widen(element, stored).astype(np.float64)


def round_to(element: str, values: np.ndarray) -> np.ndarray:
    return widen(element, store(element, values))


# ===----------------------------------------------------------------------===
# What a function computes
# ===----------------------------------------------------------------------===


@dataclass
class Window:
    """An index of an image: out * stride + tap * dilation."""

    out: str
    stride: int
    tap: str
    dilation: int

    def size(self, sizes: dict[str, int]) -> int:
        reach = (sizes[self.tap] - 1) * self.dilation
        return (sizes[self.out] - 1) * self.stride + reach + 1 if sizes[self.out] else reach


Index = str | Window


@dataclass
class Op:
    """out[..] += x[..] * w[..], by the names of its loops; or, if `combine` is not `dot`,
    out[..] = x[..] * w[..], x[..] + w[..], or w[x[..], ..]."""

    kind: str
    name: str  # of the linalg op
    x: list[Index]
    w: list[str]
    out: list[str]
    loops: list[str]
    has_maps: bool = False
    weight_first: bool = False
    attributes: str = ""
    combine: str = "dot"

    @property
    def reduced(self) -> list[str]:
        return [loop for loop in self.loops if loop not in self.out]


@dataclass
class Weight:
    name: str
    shape: list[int]
    element: str
    request: str  # the codec, or the name of a preset in quotes
    is_global: bool
    values: np.ndarray = field(repr=False)
    # If all decoded values are multiples of it with 8 bits: then sums can be exact.
    quantum: float | None = None

    @property
    def type(self) -> str:
        return tensor_type(self.shape, self.element)


@dataclass
class Move:
    """Of a weight, before the op: `transpose`, `broadcast` or `cast`."""

    kind: str
    loops: list[str]  # of the result
    element: str  # of the result
    is_linalg: bool = True


@dataclass
class Function:
    index: int
    op: Op
    weight: Weight
    moves: list[Move]
    sizes: dict[str, int]
    dynamic: list[str]
    loose: set[int]  # static dimensions of x that its type leaves out
    loose_out: set[int]  # the same of the result
    element: str  # of x
    out_element: str
    stored_loops: list[str]
    has_init: bool

    @property
    def name(self) -> str:
        return f"f{self.index}"

    @property
    def terms(self) -> int:
        return math.prod(self.sizes[loop] for loop in self.op.reduced)


def tensor_type(shape, element: str) -> str:
    return f"tensor<{''.join(f'{size}x' for size in shape)}{element}>"


# ===----------------------------------------------------------------------===
# Draw an op
# ===----------------------------------------------------------------------===


def shuffled(rng: random.Random, items) -> list:
    return rng.sample(list(items), len(items))


def draw_matmul(rng: random.Random) -> Op:
    """Named, with or without indexing maps; the weight on either side."""
    batch = [] if rng.random() < 0.7 else ["b"]
    x, w = (
        batch + rng.choice([["m", "k"], ["k", "m"]]),
        batch + rng.choice([["n", "k"], ["k", "n"]]),
    )
    left = rng.random() < 0.4
    out = batch + (["n", "m"] if left else ["m", "n"])
    a, b = (w, x) if left else (x, w)
    plain = a[-1] == "k" and b[-2] == "k"
    name = "batch_matmul" if batch else "matmul"
    return Op(name, name, x, w, out, [*out, "k"], not plain, left)


def draw_vector(rng: random.Random) -> Op:
    name, x, w, out, first = rng.choice(
        [
            ("matvec", "k", "nk", "n", True), ("vecmat", "k", "kn", "n", False),
            ("batch_matvec", "bk", "bnk", "bn", True), ("batch_vecmat", "bk", "bkn", "bn", False),
            ("dot", "k", "k", "", rng.random() < 0.5),
            ("batch_reduce_matmul", "bmk", "bkn", "mn", False),
        ]
    )  # fmt: skip
    loops = [
        *out,
        *([] if name == "batch_reduce_matmul" or "b" not in w else []),
        *dict.fromkeys(w),
    ]
    loops = list(dict.fromkeys(loops))
    return Op(name, name, list(x), list(w), list(out), loops, False, first)


def draw_contraction(rng: random.Random, name: str) -> Op:
    """Any number of dimensions of each kind, in any order."""
    batch = list("ab")[: rng.choice([0, 0, 0, 1, 2])]
    m = list("mop")[: rng.choice([0, 1, 1, 2, 2, 3])]
    n = list("nq")[: rng.choice([1, 1, 1, 1, 2, 0])]
    k = list("kl")[: rng.choice([1, 1, 1, 1, 2])]
    x = shuffled(rng, batch + m + k)
    w = shuffled(rng, batch + n + k)
    out = shuffled(rng, batch + m + n)
    # linalg.contract takes any order too, and names loops by their use.
    loops = shuffled(rng, batch + m + n + k)
    return Op(name, name, x, w, out, loops, True, rng.random() < 0.5)


CONVOLUTIONS = [
    # x, with an image dimension as its two loops, w, out
    ("conv_2d_nchw_fchw", "n c yi xj", "fcij", "nfyx"),
    ("conv_2d_nchw_fchw", "n c yi xj", "fcij", "nfyx"),
    ("conv_2d_nhwc_hwcf", "n yi xj c", "ijcf", "nyxf"),
    ("conv_2d_nhwc_hwcf", "n yi xj c", "ijcf", "nyxf"),
    ("conv_2d_nhwc_fhwc", "n yi xj c", "fijc", "nyxf"),
    ("conv_2d_ngchw_gfchw", "n g c yi xj", "gfcij", "ngfyx"),
    ("depthwise_conv_2d_nhwc_hwc", "n yi xj c", "ijc", "nyxc"),
    ("depthwise_conv_2d_nhwc_hwcm", "n yi xj c", "ijcm", "nyxcm"),
    ("depthwise_conv_2d_nchw_chw", "n c yi xj", "cij", "ncyx"),
    ("conv_1d_nwc_wcf", "n yi c", "icf", "nyf"),
    ("conv_1d_ncw_fcw", "n c yi", "fci", "nfy"),
    ("depthwise_conv_1d_nwc_wc", "n yi c", "ic", "nyc"),
    ("conv_1d", "yi", "i", "y"),
    ("conv_2d", "yi xj", "ij", "yx"),
    ("conv_3d_ndhwc_dhwcf", "n yi xj zl c", "ijlcf", "nyxzf"),
]


def draw_convolution(rng: random.Random) -> Op:
    name, x, w, out = rng.choice(CONVOLUTIONS)
    strided = "n" in x
    pick = lambda: rng.choice([1, 1, 2, 3]) if strided else 1
    indices = [
        part if len(part) == 1 else Window(part[0], pick(), part[1], pick()) for part in x.split()
    ]
    windows = [index for index in indices if isinstance(index, Window)]
    attributes = ""
    if strided:
        values = {
            "dilations": [w.dilation for w in windows],
            "strides": [w.stride for w in windows],
        }
        attributes = ", ".join(
            f"{key} = dense<{value}> : tensor<{len(value)}xi64>" for key, value in values.items()
        )
        attributes = f"{{{attributes}}}"
    loops = list(dict.fromkeys([*out, *w]))
    return Op(name, name, indices, list(w), list(out), loops, attributes=attributes)


def draw_elementwise(rng: random.Random) -> Op:
    loops = list("mnkq")[: rng.choice([1, 2, 3, 4])]
    w = shuffled(rng, rng.sample(loops, rng.randint(1, len(loops))))
    combine = rng.choice(["mul", "add"])
    return Op("elementwise", "generic", shuffled(rng, loops), w, shuffled(rng, loops), loops, True,
              rng.random() < 0.5, combine=combine)  # fmt: skip


def draw_lookup(rng: random.Random) -> Op:
    """w[x[..], ..]: `v` is looked up."""
    x = list("st")[: rng.choice([1, 2, 2])]
    kept = list("dq")[: rng.choice([1, 1, 1, 2])]
    w = ["v", *kept] if rng.random() < 0.8 else [kept[0], "v", *kept[1:]]
    if w[-1] == "v":  # sub-byte codes are packed along it
        w = ["v", *kept]
    loops = x + kept
    return Op("lookup", "generic", x, w, loops, loops, True, combine="lookup")


def draw_op(rng: random.Random) -> Op:
    return rng.choices(
        [
            lambda: draw_matmul(rng), lambda: draw_vector(rng),
            lambda: draw_contraction(rng, "contract"), lambda: draw_contraction(rng, "generic"),
            lambda: draw_convolution(rng), lambda: draw_elementwise(rng), lambda: draw_lookup(rng),
        ],
        [8, 3, 4, 4, 6, 3, 3],
    )[0]()  # fmt: skip


# ===----------------------------------------------------------------------===
# Draw a weight
# ===----------------------------------------------------------------------===


def draw_sizes(rng: random.Random, op: Op, stored: list[str], shape=None) -> dict[str, int]:
    """Half of the weights are more than one tile. `shape` is that of a weight there is."""
    wanted = rng.choice(["small", "any", "large", "large"])
    taps = [index.tap for index in op.x if isinstance(index, Window)]
    if all(loop in taps for loop in stored) or len(stored) == 1:
        wanted = "small"
    while True:
        sizes = {}
        for loop in op.loops + ["v"]:
            if loop in taps:
                sizes[loop] = rng.choice([1, 2, 3, 3, 5])
            elif loop in stored:
                sizes[loop] = rng.choice(SIZES[1:] if rng.random() < 0.95 else [0])
            else:
                sizes[loop] = rng.choice([1, 2, 3, 4, 5, 7, 17] if len(op.out) < 4 else [1, 2, 3])
        if shape:
            sizes.update(zip(stored, shape))
        elements = math.prod(sizes[loop] for loop in stored)
        if not shape:
            if elements > MAX_ELEMENTS or (wanted == "small" and elements > TILE):
                continue
            if wanted == "large" and elements <= TILE and rng.random() < 0.98:
                continue
        # A row that is looked up is a tile, or tiles divide it.
        if op.combine == "lookup" and (sizes["v"] == 0 or elements / sizes["v"] > TILE):
            if shape:
                return {}
            continue
        if math.prod(max(sizes[loop], 1) for loop in op.loops if loop not in taps) > 400000:
            if shape and rng.random() < 0.1:
                return {}
            continue
        return sizes


def draw_codec(
    rng: random.Random, shape: list[int], names: list[str], compute: str = "f32"
) -> Codec:
    block = []
    if compute != "f32" and rng.random() < 0.8:
        # Blocks along one dimension, as kernels that compute with codes have them.
        wanted = ["i8", "u8", "i4", "u4", "i2", "u2"]
        if compute == "bf16":
            wanted += ["binary", "f8E4M3FN", "f8E5M2", "f4E2M1FN"]
        names = [name for name in names if name in wanted]
        reduced = rng.randrange(len(shape))
        extents = [16, 32, 32, 48, 64, 96, 128, max(shape[reduced], 1)]
        block = [rng.choice(extents) if d == reduced else 1 for d in range(len(shape))]
        shape = []
    for size in shape:
        whole = size or 1
        block.append(
            rng.choice([1, 1, whole, whole, 8, 16, 32, rng.randint(1, whole + 3), min(64, whole)])
        )
    codec = Codec(rng.choice(names), block, rng.choice([*UNIT, "f8E4M3FN", "f8E8M0FNU"]))
    offset = rng.choice(["none", "zero", "min"])
    if not codec.integer or codec.scale == "f8E8M0FNU":
        offset = "none"
    if offset == "zero":
        codec.zero = rng.choice(["i8", "i8", *UNIT])
    elif offset == "min" and not codec.signed:
        codec.min = rng.choice([*UNIT])
    codec.narrow = codec.signed and rng.random() < 0.4
    return codec


def draw_values(rng: random.Random, shape: list[int], codec: Codec | None) -> np.ndarray:
    numbers = np.random.default_rng(rng.getrandbits(32))
    values = numbers.standard_normal(shape) * 10.0 ** rng.choice([-3, -1, 0, 0, 0, 1])
    values += rng.choice([0, 0, 0, 1, -3]) * abs(values).max(initial=0)
    if rng.random() < 0.1:
        values *= numbers.random(shape) < 0.3
    if codec and codec.integer and not codec.signed and not codec.offset:
        values = abs(values)
    return values


def draw_exact_values(rng: random.Random, shape: list[int], codec: Codec) -> np.ndarray:
    """Values that the codec stores exactly: small integers that make each block's scale 1."""
    numbers = np.random.default_rng(rng.getrandbits(32))
    values = np.zeros(shape)
    span = codec.highest - codec.lowest
    for index in np.ndindex(*codec.grid(shape)):
        box = tuple(slice(i * e, (i + 1) * e) for i, e in zip(index, codec.block))
        block = numbers.integers(codec.lowest, codec.highest + 1, values[box].shape)
        flat = block.reshape(-1)
        one, other = numbers.permutation(flat.size)[:2] if flat.size > 1 else (0, 0)
        if codec.zero:
            flat[one], flat[other] = codec.lowest, codec.highest
            zero = numbers.integers(codec.lowest, codec.highest + 1)
            block = (
                block - zero
                if flat.size > 1
                else np.full_like(block, numbers.choice([-span, span]))
            )
        elif codec.min:
            flat[one], flat[other] = codec.highest, 0
            block = block - numbers.integers(0, 9)
        elif codec.signed and not codec.narrow:
            flat[one] = codec.lowest
            block = block * numbers.choice([-1, 1])
        else:
            flat[one] = codec.highest
        values[box] = block
    return values


# ===----------------------------------------------------------------------===
# Draw a function
# ===----------------------------------------------------------------------===


def draw_elements(rng: random.Random, half: str, terms: int) -> tuple[str, str, str]:
    """Of the weight, of x and of the result: f32, and f16 or bf16 but not both."""
    mixed = ["f32", "f32", half]
    out = rng.choice(mixed)
    # Sums in bf16 of many terms have no bound.
    if terms * UNIT[out] > 0.4 and rng.random() < 0.9:
        out = "f32"
    return rng.choice(mixed), rng.choice(mixed), out


def draw_moves(rng: random.Random, op: Op) -> tuple[list[Move], list[str]]:
    """What happens to the weight before the op, and the loops of its dimensions as it is
    stored. Element types come later."""
    if op.combine == "lookup" or rng.random() < 0.6:
        return [], op.w
    moves, loops = [], op.w
    for kind in shuffled(rng, ["transpose", "cast", "broadcast"])[: rng.choice([1, 1, 2])]:
        if kind == "cast" or (kind == "transpose" and len(loops) > 1):
            moves.insert(0, Move(kind, loops, "", rng.random() < 0.6))
        if kind == "transpose":
            loops = shuffled(rng, loops)
        elif kind == "broadcast" and op.name == "batch_matmul" and "b" in loops:
            moves.insert(0, Move(kind, loops, ""))
            loops = [loop for loop in loops if loop != "b"]
    return moves, loops


def draw_weight(
    rng: random.Random, index: int, shape: list[int], element: str, settings: dict
) -> Weight:
    codec = draw_codec(rng, shape, settings["storages"], settings["compute"])
    quantum = None
    request = str(codec)
    if rng.random() < 0.2:
        request = f'"{rng.choice(settings["presets"])}"'
        values = draw_values(rng, shape, None)
    elif codec.integer and codec.scale != "f8E8M0FNU" and rng.random() < 0.5:
        quantum = 2.0 ** rng.choice([-1, 0, 0, 1])
        values = draw_exact_values(rng, shape, codec) * quantum
    else:
        values = draw_values(rng, shape, codec)
    values = store(element, values)
    return Weight(f"w{index}", shape, element, request, rng.random() < 0.5, values, quantum)


def draw_loose(rng: random.Random, indices: list[Index], dynamic: list[str]) -> set[int]:
    return {
        i
        for i, at in enumerate(indices)
        if isinstance(at, str) and at not in dynamic and rng.random() < 0.05
    }


def draw_function(rng: random.Random, index: int, settings: dict) -> Function:
    op, half = draw_op(rng), rng.choice(["f16", "bf16"])
    moves, stored = draw_moves(rng, op)
    sizes = draw_sizes(rng, op, stored)
    seen, element, out_element = draw_elements(
        rng, half, math.prod(sizes[loop] for loop in op.reduced)
    )
    # Element types from the op back to the weight.
    for move in reversed(moves):
        move.element = seen
        if move.kind == "cast":
            seen = half if seen == "f32" else "f32"
    weight = draw_weight(rng, index, [sizes[loop] for loop in stored], seen, settings)
    return finish_function(rng, index, op, weight, moves, sizes, stored, element, out_element)


def draw_twin(rng: random.Random, index: int, weight: Weight) -> Function | None:
    """Another function for a weight: it is stored once."""
    op, half = draw_op(rng), rng.choice(["f16", "bf16"])
    if len(op.w) != len(weight.shape) or any(isinstance(at, Window) for at in op.x):
        return None
    sizes = draw_sizes(rng, op, op.w, weight.shape)
    if not sizes:
        return None
    half = half if weight.element == "f32" else weight.element
    _, element, out_element = draw_elements(
        rng, half, math.prod(sizes[loop] for loop in op.reduced)
    )
    return finish_function(rng, index, op, weight, [], sizes, op.w, element, out_element)


def finish_function(rng, index, op, weight, moves, sizes, stored, element, out_element) -> Function:
    free = [loop for loop in op.loops if loop not in stored]
    dynamic = [loop for loop in free if rng.random() < 0.8] if rng.random() < 0.75 else []
    if op.combine == "lookup":
        element = rng.choice(["i32", "i64"])
    has_init = op.combine == "dot" and rng.random() < 0.3
    loose_out = draw_loose(rng, op.out, dynamic) if has_init else set()
    return Function(
        index, op, weight, moves, sizes, dynamic, draw_loose(rng, op.x, dynamic), loose_out,
        element, out_element, stored, has_init,
    )  # fmt: skip


def draw_module(rng: random.Random, settings: dict) -> list[Function]:
    functions: list[Function] = []
    while len(functions) < settings["functions"]:
        index = len(functions)
        twin = None
        if functions and rng.random() < 0.25:
            twin = draw_twin(rng, index, rng.choice(functions).weight)
        functions.append(twin or draw_function(rng, index, settings))
    return functions


# ===----------------------------------------------------------------------===
# The module
# ===----------------------------------------------------------------------===


class Writer:
    """The text of one function."""

    def __init__(self, function: Function):
        self.f = function
        self.lines: list[str] = []
        self.dims: dict[str, str] = {}
        self.count = 0

    def add(self, text: str) -> str:
        self.count += 1
        self.lines.append(f"  %{self.count} = {text}")
        return f"%{self.count}"

    def shape(self, loops) -> list:
        return ["?" if loop in self.f.dynamic else self.f.sizes[loop] for loop in loops]

    def x_type(self) -> str:
        shape = []
        for i, index in enumerate(self.f.op.x):
            if isinstance(index, str):
                shape.append("?" if i in self.f.loose else self.shape([index])[0])
            else:
                shape.append("?" if index.out in self.f.dynamic else index.size(self.f.sizes))
        return tensor_type(shape, self.f.element)

    def out_type(self) -> str:
        shape = self.shape(self.f.op.out)
        shape = ["?" if i in self.f.loose_out else size for i, size in enumerate(shape)]
        return tensor_type(shape, self.f.out_element)

    def dim(self, loop: str) -> str:
        """The size of a dynamic loop."""
        if loop in self.dims:
            return self.dims[loop]
        for i, index in enumerate(self.f.op.x):
            if index == loop or (isinstance(index, Window) and index.out == loop):
                at = self.add(f"arith.constant {i} : index")
                value = self.add(f"tensor.dim %x, {at} : {self.x_type()}")
                if isinstance(index, Window):
                    reach = (self.f.sizes[index.tap] - 1) * index.dilation + 1
                    reach = self.add(f"arith.constant {reach} : index")
                    stride = self.add(f"arith.constant {index.stride} : index")
                    one = self.add("arith.constant 1 : index")
                    value = self.add(f"arith.subi {value}, {reach} : index")
                    value = self.add(f"arith.floordivsi {value}, {stride} : index")
                    value = self.add(f"arith.addi {value}, {one} : index")
                self.dims[loop] = value
                return value
        raise AssertionError(f"loop {loop} of no dimension of x")

    def empty(self, loops, element: str) -> tuple[str, str]:
        sizes = ", ".join(self.dim(loop) for loop in loops if loop in self.f.dynamic)
        type_ = tensor_type(self.shape(loops), element)
        return self.add(f"tensor.empty({sizes}) : {type_}"), type_

    def load(self, barrier: bool) -> str:
        weight = self.f.weight
        if weight.is_global:
            value = self.add(f"ml_program.global_load_const @{weight.name} : {weight.type}")
        else:
            value = self.add(
                f"arith.constant {{compress.codec = {weight.request}}} "
                f'dense_resource<"{weight.name}"> : {weight.type}'
            )
        if barrier:
            value = self.add(
                f"func.call @dense_{self.f.name}({value}) : ({weight.type}) -> {weight.type}"
            )
        return value

    def move(self, value: str, loops: list[str], element: str, move: Move) -> str:
        source = tensor_type(self.shape(loops), element)
        if move.kind == "cast":
            name = "arith.extf" if move.element == "f32" else "arith.truncf"
            if not move.is_linalg:
                return self.add(
                    f"{name} {value} : {source} to {tensor_type(self.shape(loops), move.element)}"
                )
            empty, target = self.empty(loops, move.element)
            dims = ", ".join(f"d{i}" for i in range(len(loops)))
            one = f"affine_map<({dims}) -> ({dims})>"
            kinds = ", ".join(['"parallel"'] * len(loops))
            return self.add(
                f"linalg.generic {{indexing_maps = [{one}, {one}], iterator_types = [{kinds}]}} "
                f"ins({value} : {source}) outs({empty} : {target}) {{\n"
                f"  ^bb0(%in: {element}, %o: {move.element}):\n"
                f"    %cast = {name} %in : {element} to {move.element}\n"
                f"    linalg.yield %cast : {move.element}\n  }} -> {target}"
            )
        empty, target = self.empty(move.loops, move.element)
        if move.kind == "transpose":
            argument = f"permutation = {[loops.index(loop) for loop in move.loops]}"
        else:
            argument = f"dimensions = {[i for i, l in enumerate(move.loops) if l not in loops]}"
        return self.add(
            f"linalg.{move.kind} ins({value} : {source}) outs({empty} : {target}) {argument}"
        )

    def map(self, indices: list[Index]) -> str:
        name = {loop: f"d{i}" for i, loop in enumerate(self.f.op.loops)}
        results = [
            name[index] if isinstance(index, str)
            else f"{name[index.out]} * {index.stride} + {name[index.tap]} * {index.dilation}"
            for index in indices
        ]  # fmt: skip
        return f"affine_map<({', '.join(name.values())}) -> ({', '.join(results)})>"

    def cast(self, value: str, source: str, target: str) -> tuple[str, str]:
        """A value and the line that makes it, in a body."""
        if source == target:
            return value, ""
        name = "arith.extf" if target == "f32" else "arith.truncf"
        return f"{value}c", f"    {value}c = {name} {value} : {source} to {target}\n"

    def generic(self, w: str, w_type: str, element: str, init: str) -> str:
        f, op = self.f, self.f.op
        out = f.out_element
        operands = [("%x", op.x, f.element, "%a", self.x_type())]
        if op.combine != "lookup":
            operands.insert(0 if op.weight_first else 1, (w, op.w, element, "%b", w_type))
        maps = [self.map(indices) for _, indices, *_ in operands] + [self.map(op.out)]
        kinds = [f'"{"parallel" if loop in op.out else "reduction"}"' for loop in op.loops]
        arguments = ", ".join(f"{name}: {e}" for _, _, e, name, _ in operands)
        text = (
            f"linalg.generic {{indexing_maps = [{', '.join(maps)}], iterator_types = [{', '.join(kinds)}]}} "
            f"ins({', '.join(v for v, *_ in operands)} : {', '.join(t for *_, t in operands)}) "
            f"outs({init} : {self.out_type()}) {{\n  ^bb0({arguments}, %o: {out}):\n"
        )
        if op.combine == "lookup":
            at = []
            for i, loop in enumerate(op.w):
                if loop == "v":
                    text += f"    %v = arith.index_cast %a : {f.element} to index\n"
                else:
                    text += f"    %at{i} = linalg.index {op.loops.index(loop)} : index\n"
                at.append("%v" if loop == "v" else f"%at{i}")
            text += f"    %y = tensor.extract {w}[{', '.join(at)}] : {w_type}\n"
            y, line = self.cast("%y", element, out)
            text += line
        else:
            a, first = self.cast("%a", f.element, out)
            b, second = self.cast("%b", element, out)
            name = "addf" if op.combine == "add" else "mulf"
            text += first + second + f"    %y = arith.{name} {a}, {b} : {out}\n"
            y = "%y"
            if op.combine == "dot":
                text += f"    %s = arith.addf %o, %y : {out}\n"
                y = "%s"
        return self.add(f"{text}    linalg.yield {y} : {out}\n  }} -> {self.out_type()}")

    def write(self, barrier: bool) -> str:
        f, op = self.f, self.f.op
        value, loops, element = self.load(barrier), f.stored_loops, f.weight.element
        for move in f.moves:
            value = self.move(value, loops, element, move)
            loops, element = move.loops, move.element
        w_type = tensor_type(self.shape(loops), element)
        out_type, x_type = self.out_type(), self.x_type()
        init = "%init"
        if not f.has_init:
            init, _ = self.empty(op.out, f.out_element)
            if op.combine == "dot":
                zero = self.add(f"arith.constant 0.0 : {f.out_element}")
                init = self.add(
                    f"linalg.fill ins({zero} : {f.out_element}) outs({init} : {out_type}) -> {out_type}"
                )
        if op.name == "generic":
            result = self.generic(value, w_type, element, init)
        else:
            operands = [("%x", x_type, op.x), (value, w_type, op.w)]
            if op.weight_first:
                operands.reverse()
            maps = ""
            if op.has_maps:
                texts = [self.map(indices) for *_, indices in operands] + [self.map(op.out)]
                maps = f" indexing_maps = [{', '.join(texts)}]"
            result = self.add(
                f"linalg.{op.name}{maps} {op.attributes} ins({', '.join(v for v, *_ in operands)} : "
                f"{', '.join(t for _, t, _ in operands)}) outs({init} : {out_type}) -> {out_type}"
            )
        arguments = f"%x: {x_type}" + (f", %init: {out_type}" if f.has_init else "")
        text = ""
        if barrier:
            t = f.weight.type
            text = f"func.func private @dense_{f.name}(%w: {t}) -> {t} {{\n  return %w : {t}\n}}\n"
        body = "\n".join(self.lines)
        return (
            text
            + f"func.func @{f.name}({arguments}) -> {out_type} {{\n{body}\n  return {result} : {out_type}\n}}\n"
        )


def write_module(functions: list[Function], path: Path, barrier: bool = False) -> None:
    globals_ = {}
    for f in functions:
        weight = f.weight
        if weight.is_global:
            globals_[weight.name] = (
                f"ml_program.global private @{weight.name}(#ml_program.extern : {weight.type}) : "
                f"{weight.type} {{compress.codec = {weight.request}}}\n"
            )
    path.write_text(
        "".join(globals_.values()) + "".join(Writer(f).write(barrier) for f in functions)
    )
