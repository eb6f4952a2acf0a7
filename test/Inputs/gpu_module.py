"""Modules that compress-to-nvvm made: their PTX, and what they launch."""

import re
import subprocess
from dataclasses import dataclass

import numpy as np

ELEMENTS = {"f16": np.float16, "f32": np.float32, "i8": np.uint8, "bf16": np.uint16, "i32": np.int32}


@dataclass
class Launch:
    kernel: str
    grid: list  # of ints, or None where it depends on sizes
    threads: int
    shared_bytes: int
    args: list  # names of values
    types: list
    most: int = None  # rows that it is launched for at most, where that is asked for
    blocks: int = 1  # along x for each block of rows, where the number of these depends on sizes

    @property
    def has_parts(self):
        """Whether its last argument is parts of sums, which a kernel of its own adds up."""
        return re.search(r"_p\d+(_many)?(_sum)?$", self.kernel) is not None

    @property
    def rows(self):
        """Of lhs, of a block."""
        return int(re.search(r"_contract\d+_m(\d+)", self.kernel).group(1))

    @property
    def contraction(self):
        return int(re.search(r"_contract(\d+)_", self.kernel).group(1))


def choose(launches, m):
    """The one of the launches of a contraction that runs for m rows."""
    return next(launch for launch in launches if launch.most is None or m <= launch.most)


class GpuModule:
    def __init__(self, text):
        self.text = text
        escaped = re.search(r'assembly = "((?:[^"\\]|\\.)*)"', text).group(1)
        self.ptx = re.sub(r"\\([0-9A-Fa-f]{2})", lambda h: chr(int(h.group(1), 16)), escaped).replace('\\"', '"').rstrip("\0")
        self.blobs = {key: bytes.fromhex(data)[4:] for key, data in re.findall(r'([\w.$-]+): "0x([0-9A-F]*)"', text)}
        self.globals = dict(re.findall(r"memref\.global [^@]*@(\S+) : .* = dense_resource<([^>]*)>", text))
        self.functions = {}
        for body in re.split(r"\n(?=  func\.func )", text)[1:]:
            self.functions[re.match(r"  func\.func (?:private )?@(\w+)", body).group(1)] = body

    def launches(self, function):
        body = self.functions[function]
        constants = {n: int(v) for n, v in re.findall(r"(%[\w-]+) = arith\.constant (-?\d+) : (?:index|i32)", body)}
        found, conditions = [], [(c.start(), constants[c.group(1)]) for c in re.finditer(r"arith\.cmpi ule, %[\w-]+, (%[\w-]+) : index", body)]
        for match in re.finditer(
            r"gpu\.launch_func\s+@kernels::@(\w+) blocks in \(([^)]*)\) threads in \(([^),]*)[^)]*\)\s*(?:dynamic_shared_memory_size (\S+) )?args\(([^)]*(?:\([^)]*\)[^)]*)*)\)", body
        ):
            args = re.findall(r"(%[\w-]+) : (memref<[^>]*(?:<[^>]*>[^>]*)*>)", match.group(5))
            names = [name.strip() for name in match.group(2).split(",")]
            grid = [constants.get(name) for name in names]
            # Names are those of values of other branches, too.
            products = re.findall(re.escape(names[0]) + r" = arith\.(\w+) %[\w-]+, (%[\w-]+) : index", body[: match.start()])
            blocks = constants[products[-1][1]] if products and products[-1][0] == "muli" else 1
            # Each condition is right before its launch. What adds up parts comes next.
            most = found[-1].most if match.group(1).endswith("_sum") else None
            while conditions and conditions[0][0] < match.start():
                most = conditions.pop(0)[1]
            found.append(Launch(match.group(1), grid, constants[match.group(3)], constants.get(match.group(4), 0), [a for a, _ in args], [t for _, t in args], most, blocks))
        return found

    def constant(self, function, name):
        """The bytes of a constant that a function reads, or None."""
        symbol = re.search(re.escape(name) + r" = memref\.get_global @(\S+) :", self.functions[function])
        return self.blobs[self.globals[symbol.group(1)]] if symbol else None

    def array(self, launch, function, i):
        """An operand of a launch that is a constant, as an array, or None."""
        data = self.constant(function, launch.args[i])
        if data is None:
            return None
        *shape, element = re.match(r"memref<([^,>]*)", launch.types[i]).group(1).split("x")
        return np.frombuffer(data, ELEMENTS[element]).reshape([int(s) for s in shape])


def compile_module(text, path, chip="sm_80", options=""):
    """Compiles text with compress-opt, through files that begin with `path`."""
    with open(path + ".mlir", "w") as file:
        file.write(text)
    subprocess.run(
        ["compress-opt", path + ".mlir", "--compress-encode", f"--compress-to-nvvm=chip={chip} {options}", "-o", path + ".out.mlir"], check=True
    )
    with open(path + ".out.mlir") as file:
        return GpuModule(file.read())
