"""Makes a folder that checks and times kernels on a machine with a GPU, and needs nothing of this project: gpu-bundle.py [options] DIRECTORY

In it: PTX in gzip, or what ptxas makes of it, data.npz with packed weights, inputs and what to expect of them (in f64, from the decode without kernels), index.json that says what to
launch, and run_gpu.py. Of the weights of large shapes only the sizes are in it.
"""

import argparse
import copy
import gzip
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from gpu_module import GpuModule, compile_module

# Their names are those of tests.
convolutions = importlib.import_module("gpu-convolutions")
figures = importlib.import_module("gpu-figures")
kernels = importlib.import_module("gpu-kernels")

SEED = int(os.environ.get("COMPRESS_TEST_SEED", "1"))
ROWS = [1, 16, 64, 1024]
LIMIT = 60 << 20
BYTES = {"i8": 1, "f16": 2, "bf16": 2, "f32": 4, "i32": 4}
# What is timed first: kinds of weights, outputs, rows.
FIRST = [
    ("dense", 8192, 8192), ("int4-b128", 28672, 16), ("int4-b128", 8192, 16), ("int8-channel", 28672, 16), ("binary", 28672, 16), ("palette4", 28672, 16),
    ("fp8-e4m3-channel", 28672, 16), ("int8 x int8", 8192, 8192), ("int4-b128", 28672, 64), ("int4-b128", 28672, 1024), ("binary x signs", 28672, 16),
    ("mxfp4", 28672, 16), ("nvfp4", 28672, 16), ("int4-b128", 28672, 1), ("int4-b128 x int8", 28672, 16),
]  # fmt: skip


def peers_of(name):
    """Kinds of gpu_peers that a kind of weights is timed beside."""
    if name in figures.WINDOWS:
        return []
    weight, _, x = name.partition(" x ")
    kinds = {"int8": weight.startswith("int8") or x == "int8", "fp8": weight.startswith(("fp8", "mxfp8")), "int4": weight.startswith("int4") and not x,
             "sparse": any(part in weight for part in ("2:4", "sparse"))}  # fmt: skip
    return [kind for kind, is_wanted in kinds.items() if is_wanted]


class Bundle:
    def __init__(self, directory, chip, ptxas=None):
        self.directory, self.chip, self.ptxas = Path(directory), chip, ptxas
        self.data, self.checks, self.times = {}, [], []

    def write_code(self, name, module):
        """As PTX, which the driver compiles; or compiled, as far as ptxas is given."""
        ptx = self.directory / f"{name}.ptx"
        if not self.ptxas:
            packed = ptx.with_suffix(".ptx.gz")
            packed.write_bytes(gzip.compress(module.ptx.encode(), mtime=0))
            return packed.name
        ptx.write_text(module.ptx)
        cubin = ptx.with_suffix(".cubin")
        subprocess.run([self.ptxas, f"-arch={self.chip}", ptx, "-o", cubin], check=True)
        ptx.unlink()
        return cubin.name

    def keep(self, key, array):
        self.data[key] = array
        return key

    def add_family(self, family, cases, scratch):
        """Kernels that are compared. In the index, a buffer is `data` to begin with, or nothing that counts."""
        rng = np.random.default_rng(SEED)
        cases = [case for case in cases if case.chip in (None, self.chip)]
        modules, written = [], []
        for i, module, weight in kernels.compile_cases(cases, f"{scratch}/{family}", rng, self.chip):
            case = cases[i]
            if not modules or modules[-1] is not module:
                modules.append(module)
                written.append(self.write_code(f"{family}-{len(modules)}", module))
            for m in case.rows:
                inputs = kernels.make_inputs(case, m, rng)
                expected, bound = kernels.expect(case, inputs, weight)
                key = f"{family}.{i}.{m}"
                buffers, numbers, launches = [], {}, []
                for chosen, grid, arrays, out in kernels.bind(module, i, case, m, inputs):
                    for array, name in zip(arrays, chosen.args):
                        if name not in numbers:
                            numbers[name] = len(buffers)
                            is_input = name.startswith("%arg") or module.constant(f"f{i}", name) is not None
                            data = self.keep(f"{key}.{len(buffers)}", array) if is_input else None
                            buffers.append({"shape": array.shape, "bytes": array.nbytes, "data": data})
                    launches.append(
                        {"kernel": chosen.kernel, "grid": grid, "threads": chosen.threads, "shared_bytes": chosen.shared_bytes,
                         "args": [numbers[name] for name in chosen.args]}
                    )  # fmt: skip
                self.checks.append(
                    {"name": kernels.label_of(case, m), "code": written[-1], "buffers": buffers, "launches": launches, "out": numbers[chosen.args[out[0]]],
                     "element": case.y, "expected": self.keep(key + ".expected", expected), "bound": self.keep(key + ".bound", bound)}
                )  # fmt: skip

    def add_convolutions(self, scratch):
        """Those that are kernels of contractions alone, of one number of images."""
        rng = np.random.default_rng(SEED)
        cases = [case for family in ("channels", "borders", "bytes", "signs") for case in convolutions.FAMILIES[family]]
        cases = [copy.copy(case) for case in cases if case.form.startswith("nhwc_") and case.window != (1, 1)]
        for case in cases:
            case.static = True
        functions, resources, weights = convolutions.make_modules(cases, f"{scratch}/convolutions", rng)
        for i, case in enumerate(cases):
            module = compile_module(functions[i] + resources, f"{scratch}/convolution{i}", self.chip, f"compute={case.compute}")
            code = self.write_code(f"convolution{i}", module)
            x, bias = convolutions.make_inputs(case, case.images[0], rng)
            given = {"%arg0": x[..., 0, :], "%arg1": bias}
            buffers, numbers, launches = [], {}, []
            for launch in module.launches(f"f{i}"):
                for j, name in enumerate(launch.args):
                    if name in numbers:
                        continue
                    numbers[name] = len(buffers)
                    constant = module.array(launch, f"f{i}", j)
                    array = given.get(name) if constant is None else constant
                    shape, element = kernels.shape_of(launch, j, 0)
                    data = None if array is None else self.keep(f"convolution.{i}.{len(buffers)}", np.ascontiguousarray(array).reshape(shape))
                    buffers.append({"shape": shape, "bytes": int(np.prod(shape)) * BYTES[element], "data": data})
                launches.append(
                    {"kernel": launch.kernel, "grid": launch.grid, "threads": launch.threads, "shared_bytes": launch.shared_bytes,
                     "args": [numbers[name] for name in launch.args]}
                )  # fmt: skip
            rows = case.images[0] * case.out[0] * case.out[1]
            [out] = [number for number, buffer in enumerate(buffers) if buffer["data"] is None and buffer["shape"] == [rows, case.f]]
            expected, bound = (array.reshape(-1, case.f) for array in convolutions.expect(case, x, bias, weights[i]))
            self.checks.append(
                {"name": case.label(), "code": code, "buffers": buffers, "launches": launches, "out": out, "element": "f32",
                 "expected": self.keep(f"convolution.{i}.expected", expected), "bound": self.keep(f"convolution.{i}.bound", bound)}
            )  # fmt: skip

    def add_shape(self, name, n, k, rows, scratch, image=None):
        """Kernels that are timed: of f(x, components, y). With an image, x is as many of them as there are rows."""
        path = f"{scratch}/{name}-{n}x{k}.mlir"
        Path(path).write_text(figures.module(figures.kind_of(name)[0], n, k, image))
        text = subprocess.run(["compress-opt", path, f"--compress-to-nvvm=chip={self.chip}"], check=True, capture_output=True, text=True).stdout
        module = GpuModule(text)
        code = self.write_code(f"{name}-{n}x{k}", module)
        # x, components of the weight, and y are arguments; others are made on the way.
        arguments = sorted({name for launch in module.launches("f") for name in launch.args if name.startswith("%arg")}, key=lambda name: int(name[4:]))
        for m in rows:
            buffers, numbers, launches = [], {}, []
            images = m
            if image:
                m = images * image[0] ** 2
            for chosen, grid in kernels.grids(module, "f", m):
                if chosen.kernel.endswith("_round"):
                    grid[0] = -(-images // 8)
                if image and chosen.kernel.endswith("_signs"):
                    grid[0] = -(-m // 8)  # of windows a block has eight
                for i, buffer in enumerate(chosen.args):
                    if buffer not in numbers:
                        numbers[buffer] = len(buffers)
                        is_image = image and (chosen.kernel.endswith("_round") or buffer == arguments[0])
                        shape, element = kernels.shape_of(chosen, i, images if is_image else m)
                        buffers.append({"shape": shape, "bytes": int(np.prod(shape)) * BYTES[element]})
                launches.append(
                    {"kernel": chosen.kernel, "grid": grid, "threads": chosen.threads, "shared_bytes": chosen.shared_bytes,
                     "args": [numbers[buffer] for buffer in chosen.args]}
                )  # fmt: skip
            x, *components, y = (numbers[name] for name in arguments)
            positions = figures.positions_of(figures.kind_of(name)[0], n, k)
            if positions:
                buffers[components[0]]["positions"] = positions
            self.times.append(
                {"name": name, "m": m, "n": n, "k": k, "code": code, "buffers": buffers, "launches": launches, "x": x, "components": components, "y": y,
                 "peers": peers_of(name)}
            )  # fmt: skip

    def write(self):
        np.savez_compressed(self.directory / "data.npz", **self.data)
        for script in ("run_gpu.py", "gpu_peers.py"):
            shutil.copy(Path(__file__).parent / script, self.directory)
        place = lambda time: FIRST.index(key) if (key := (time["name"], time["n"], time["m"])) in FIRST else len(FIRST)
        self.times.sort(key=place)
        index = {"chip": self.chip, "seed": SEED, "checks": self.checks, "times": self.times}
        (self.directory / "index.json").write_text(json.dumps(index, indent=1))
        size = sum(file.stat().st_size for file in self.directory.iterdir())
        assert size <= LIMIT, f"{self.directory} has {size} bytes, more than {LIMIT}"
        print(f"{self.directory}: {len(self.checks)} checks, {len(self.times)} shapes to time, {size / 1e6:.1f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("directory")
    parser.add_argument("--chip", default="sm_90a")
    parser.add_argument("--ptxas", metavar="PATH", help="compiles the kernels now, for this chip alone, so that the driver need not")
    parser.add_argument("--families", nargs="+", choices=[*kernels.FAMILIES, "random", "convolutions"], default=[*kernels.FAMILIES, "random", "convolutions"])
    kinds = [*figures.weight_kinds(figures.N, figures.K), *figures.WINDOWS, *figures.FEW]
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=kinds, help="of weights that are timed")
    parser.add_argument("--shape", nargs=2, type=int, metavar=("N", "K"), help="the only one that is timed")
    parser.add_argument("--rows", nargs="+", type=int, default=ROWS)
    parser.add_argument("--window", nargs=3, type=int, metavar=("N", "SIZE", "C"), help="outputs, size of images and channels of convolutions that are timed")
    parser.add_argument("--images", nargs="+", type=int, default=[1, 16, 64], help="of convolutions that are timed")
    options = parser.parse_args()
    shutil.rmtree(options.directory, ignore_errors=True)
    os.makedirs(options.directory)
    bundle = Bundle(options.directory, options.chip, options.ptxas)
    with tempfile.TemporaryDirectory() as scratch:
        for family in options.families:
            if family == "convolutions":
                bundle.add_convolutions(scratch)
                continue
            if family == "float8" and kernels.number_of(options.chip) < 89:
                print(f"no kernels of the family {family}: {options.chip} has no mma of 8-bit floats")
                continue
            cases = kernels.FAMILIES.get(family) or kernels.random_cases(np.random.default_rng(SEED), int(os.environ.get("COMPRESS_TEST_CASES", "24")))
            bundle.add_family(family, cases, scratch)
        for name in options.kinds:
            if name in figures.WINDOWS:
                _, n, k, image = figures.kind_of(name)
                if options.window:
                    n, *image = options.window
                    k = 9 * image[1]
                bundle.add_shape(name, n, k, options.images, scratch, image)
                continue
            shapes = [figures.FEW[name][1:]] if name in figures.FEW else [(28672, 8192), (8192, 8192), (4096, 14336)]
            for n, k in [options.shape] if options.shape else shapes:
                rows = options.rows + ([8192] if n == 8192 and not options.shape else [])
                bundle.add_shape(name, n, k, rows, scratch)
    bundle.write()


if __name__ == "__main__":
    sys.exit(main())
