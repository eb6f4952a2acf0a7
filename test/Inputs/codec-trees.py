"""Random trees of codecs: components that are compressed again, to any depth.

For every tree: its type comes back from text and from bytecode; `compressc verify` finds its
certificate in what the compiled reference decode yields; that decode yields, bit for bit,
what codec_families.py makes of what is stored; a fused contraction is within the bound of
docs/Numerics.md of decode-then-contract.

Which codec may compress which component is asked of compress-opt. Every such pair must occur
five times, and every type of codes and of scales.

Usage: codec-trees.py WORK_DIRECTORY. COMPRESS_TEST_SEED and COMPRESS_TEST_CASES set the seed
and the least number of trees. A failure names its module: `codec-trees.py DIRECTORY-OF-MODULE`
checks that again.
"""

import math
import os
import pickle
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import artifact
import numpy as np
from codec_families import FAMILIES, FLOATS, Decoded, LowRank, Quant, Sum, Tensor, Tree, decode
from compress_runtime import Model
from differential import STORE, expect, expect_same, tensor_type, write_maps
from fused_ops import TILE, TINY, UNIT, store, widen

SEED = int(os.environ.get("COMPRESS_TEST_SEED", "1"))
CASES = int(os.environ.get("COMPRESS_TEST_CASES", "200"))
LEAST = 5  # of each pair
TREES = 20  # of a module
SIZES = [0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 96, 130]
MAX_ELEMENTS = 12000
MAX_DEPTH = 8
CODECS = Path(__file__).parents[2] / "include/compress/Dialect/Compress/Codecs"


def run_tool(*arguments, text: str = "", fails: bool = False) -> subprocess.CompletedProcess:
    done = subprocess.run(
        [*map(str, arguments)], input=text, capture_output=True, text=True, check=False
    )
    expect(fails or done.returncode == 0, f"{arguments[:2]}: {done.stderr[:3000]}")
    return done


# ===----------------------------------------------------------------------===
# Which codec may compress which component
# ===----------------------------------------------------------------------===


def find_errors(types: list[str]) -> dict[int, str]:
    """What compress-opt says about each type that it does not accept."""
    separator = "// -----\n"
    text = separator.join(f"func.func private @f() -> {type_}\n" for type_ in types)
    done = run_tool("compress-opt", "--split-input-file", "-", "-o", os.devnull, text=text, fails=True)
    lines = re.findall(r"^.*?:(\d+):\d+: error: (.*)", done.stderr, re.M)
    return {(int(line) - 1) // 2: message for line, message in lines}


def find_parents(rng: random.Random) -> list[Tree]:
    """Codecs that store all components that their family can store."""
    parents, seen = [], set()
    tensors = [Tensor([16, 32], element) for element in FLOATS]
    tensors.append(Tensor([16, 32], "i8", ternary=True))
    for name, family in FAMILIES.items():
        for tensor in tensors if name != "matrix" else []:
            for _ in range(100):
                tree = draw_codec(rng, family, tensor)
                components = tree and [(c.name, c.element) for c in tree.codec.storage(tree.tensor)]
                if tree and (name, *components) not in seen:
                    seen.add((name, *components))
                    parents.append(tree)
    return parents


def draw_codec(rng: random.Random, family, tensor: Tensor) -> Tree | None:
    """A codec with no component that is compressed but those that always are."""
    codec = family.draw(rng, tensor)
    if not codec:
        return None
    parts = {
        component.name: Tree(FAMILIES["bitmask"](), component.tensor)
        for component in codec.storage(tensor)
        if component.compressed
    }
    return Tree(codec, tensor, parts)


def find_legal_pairs(rng: random.Random) -> set[tuple[str, str, str]]:
    parents = find_parents(rng)
    compressed = lambda tree, codec: (
        f"!compress.tensor<{tensor_type(tree.tensor.shape, tree.tensor.element)[7:-1]}, {codec}>"
    )
    # An unknown component makes the tool name those that there are.
    exact = FAMILIES["bitmask"]()
    errors = find_errors(
        [compressed(tree, f"#compress.nested<{tree}, unknown = {exact}>") for tree in parents]
    )
    asked = {}  # types by pair, with what matters of the component
    for i, tree in enumerate(parents):
        storage = tree.codec.storage(tree.tensor)
        listed = re.findall(r"'(\w+)'", errors[i].partition("which are")[2])[:-1]
        wanted = [component.name for component in storage if not component.compressed]
        expect(listed == wanted, f"{tree}: expected components {wanted}, but got {listed}")
        for component in storage:
            rank = 1 if component.shape is None else len(component.shape)
            for name, family in FAMILIES.items():
                for probe in family.probes(rank):
                    if component.compressed:
                        codec = str(tree.codec).format(**tree.parts | {component.name: probe})
                    else:
                        codec = f"#compress.nested<{tree}, {component.name} = {probe}>"
                    pair = (tree.family, component.name, name)
                    asked[pair, component.element, probe] = compressed(tree, codec)
    errors = find_errors([*asked.values()])
    legal = {pair for i, (pair, *_) in enumerate(asked) if i not in errors}
    # Types do not say what bytes are; other ones than these cannot be encoded.
    ternary = {("quant", "codes"), ("tiled", "codes")}
    return {pair for pair in legal if pair[2] != "base3" or pair[:2] in ternary}


def check_table() -> None:
    """The families here are those of the dialect, with all that can be stored."""
    text = "".join(path.read_text() for path in sorted(CODECS.glob("*.td")))
    mnemonics = set(re.findall(r'Compress_Codec<"\w+", "(\w+)"', text))
    expect(mnemonics == {*FAMILIES, "nested"}, f"expected a family for each of {mnemonics}")
    storages = re.search(r'"QuantStorage",.*?\{', text, re.S).group()
    storages = set(re.findall(r'I32EnumAttrCase<"\w+", \d+, "(\w+)">', storages))
    known = set(Quant.STORAGES)
    expect(storages == known, f"expected storages {storages}, but got {known}")
    scales = re.search(r"quant_c2: scale is (.*)", text).group(1)
    scales, known = {*re.findall(r"\w*\d\w*", scales)}, {*Quant.SCALES}
    expect(scales == known, f"expected scales {scales}, but got {known}")


# ===----------------------------------------------------------------------===
# Draw a tree
# ===----------------------------------------------------------------------===


class Forest:
    """Draws trees. Those with pairs that there are too few of come first."""

    def __init__(self, rng: random.Random, legal: set[tuple[str, str, str]]):
        self.rng = rng
        self.pairs = Counter(dict.fromkeys(legal, 0))
        self.trees: list[Tree] = []

    def lack(self) -> list[tuple[str, str, str]]:
        return [pair for pair, count in self.pairs.items() if count < LEAST]

    def lacks(self, tree: Tree) -> int:
        """Pairs that there are too few of without the tree."""
        return sum(self.pairs[pair] < LEAST for pair in {*tree.pairs()})

    def grow(self, count: int) -> None:
        # No more than ten times as many, should a pair never be drawn.
        while len(self.trees) < count or (self.lack() and len(self.trees) < 10 * count):
            candidates = [self.draw_root() for _ in range(31 if self.lack() else 1)]
            tree = max(candidates, key=self.lacks)
            self.pairs.update(tree.pairs())
            self.trees.append(tree)

    def draw_root(self) -> Tree:
        return self.draw(self.draw_tensor(), self.rng.choice([2, 3, 4, 5, 6, 7, MAX_DEPTH]))

    def draw_tensor(self) -> Tensor:
        while True:
            shape = [self.rng.choice(SIZES) for _ in range(self.rng.choice([1, 2, 2, 2, 3, 4]))]
            if 0 in shape and self.rng.random() < 0.8:
                continue
            if math.prod(shape) < 500 and self.rng.random() < 0.6:
                continue
            if math.prod(shape) <= MAX_ELEMENTS:
                return Tensor(shape, self.rng.choice(FLOATS), int(self.rng.random() < 0.3))

    def draw(self, tensor: Tensor, depth: int, parent: str = "", component: str = "") -> Tree:
        candidates, weights = [], []
        for name, family in FAMILIES.items():
            if name == "matrix" and parent:
                continue
            tree = draw_codec(self.rng, family, tensor)
            if tree and tree.depth <= depth:
                parts = [part.name for part in tree.codec.storage(tensor)]
                rare = sum(
                    count < LEAST and of == name and part in parts
                    for (of, part, _), count in self.pairs.items()
                )
                candidates.append(tree)
                weights.append((1 + rare) / (1 + self.pairs[parent, component, name]))
        (tree,) = self.rng.choices(candidates, weights)
        if tree.family == "matrix":
            return tree
        below = depth - (2 if tree.family == "tiled" else 1)
        often = self.rng.choice([0.4, 0.8])
        for part in tree.codec.storage(tensor):
            optional = part.shape is not None and depth > tree.depth and self.rng.random() < often
            if part.compressed or optional:
                tree.parts[part.name] = self.draw(part.tensor, below, tree.family, part.name)
        tree.split = len(tree.nested) > 1 and tree.depth < depth and self.rng.random() < 0.2
        return tree


# ===----------------------------------------------------------------------===
# A module of trees
# ===----------------------------------------------------------------------===


@dataclass
class Case:
    tree: Tree
    index: int
    rows: int
    first: bool  # contract the weight's first dimension, or its last
    values: np.ndarray = field(repr=False)

    @property
    def name(self) -> str:
        return f"w{self.index}"

    @property
    def type(self) -> str:
        return tensor_type(self.tree.tensor.shape, self.tree.tensor.element)

    @property
    def axis(self) -> int:
        return 0 if self.first else len(self.tree.tensor.shape) - 1


def make_case(rng: random.Random, index: int, tree: Tree) -> Case:
    tensor = tree.tensor
    numbers = np.random.default_rng(rng.getrandbits(32))
    values = numbers.standard_normal(tensor.shape) * 10.0 ** rng.choice([-2, 0, 0, 1])
    if rng.random() < 0.15:
        values = np.round(values)
    if rng.random() < 0.1:
        values = np.zeros(tensor.shape)
    if tensor.sign:
        values = abs(values)
    return Case(
        tree, index, rng.choice([1, 3, 8]), rng.random() < 0.3, store(tensor.element, values)
    )


def write_load(case: Case) -> str:
    return (
        f"  %w = arith.constant {{compress.codec = {case.tree}}} "
        f'dense_resource<"{case.name}"> : {case.type}\n'
    )


def write_decode(case: Case) -> str:
    return (
        f"func.func @f{case.index}() -> {case.type} {{\n{write_load(case)}"
        f"  return %w : {case.type}\n}}\n"
    )


def write_contraction(case: Case) -> str:
    shape, axis = case.tree.tensor.shape, case.axis
    dims = [f"n{i}" for i in range(len(shape))]
    kept = dims[:axis] + dims[axis + 1 :]
    x = tensor_type([case.rows, shape[axis]])
    y = tensor_type([case.rows, *shape[:axis], *shape[axis + 1 :]])
    loops = f"({', '.join(['m', *dims])}) -> "
    maps = write_maps(
        f"{loops}(m, {dims[axis]})", f"{loops}({', '.join(dims)})", f"{loops}({', '.join(['m', *kept])})"
    )
    return (
        f"func.func @f{case.index}(%x: {x}) -> {y} {{\n{write_load(case)}"
        f"  %e = tensor.empty() : {y}\n  %z = arith.constant 0.0 : f32\n"
        f"  %i = linalg.fill ins(%z : f32) outs(%e : {y}) -> {y}\n"
        f"  %y = linalg.contract {maps} ins(%x, %w : {x}, {case.type}) outs(%i : {y}) -> {y}\n"
        f"  return %y : {y}\n}}\n"
    )


# ===----------------------------------------------------------------------===
# The bound
# ===----------------------------------------------------------------------===


@dataclass
class Summed:
    """Of a contraction with a weight, or with its parts instead: see docs/Numerics.md."""

    roundings: int  # of a term
    magnitude: np.ndarray  # what is multiplied with |x|
    deviation: np.ndarray  # of the product or sum of the parts from the weight
    underflows: float  # smallest subnormals in a result


def analyze(weight: Decoded, axis: int, terms: int) -> Summed:
    """Contracted along `axis`, which has `terms` elements."""
    values = widen(weight.tensor.element, weight.values)
    whole = Summed(terms + 1, abs(values), np.zeros(values.shape), terms)
    if not isinstance(weight.codec, (Sum, LowRank)):
        return whole
    a, b = weight.parts.values()
    exact = [widen(part.tensor.element, part.values) for part in (a, b)]
    if isinstance(weight.codec, Sum):
        a, b = analyze(a, axis, terms), analyze(b, axis, terms)
        magnitude, deviation = a.magnitude + b.magnitude, a.deviation + b.deviation
        underflows = a.underflows + b.underflows
        made = exact[0] + exact[1]
    else:
        rank = weight.codec.rank
        # One factor has the dimension, the other is contracted along the rank.
        a = analyze(a, *((0, terms) if axis == 0 else (1, rank)))
        b = analyze(b, *((0, rank) if axis == 0 else (axis, terms)))
        multiply = lambda u, v: np.tensordot(u, v, 1)
        magnitude = multiply(a.magnitude, b.magnitude)
        deviation = multiply(a.deviation, b.magnitude) + multiply(a.magnitude, b.deviation)
        largest = [np.max(part.magnitude, initial=0) for part in (a, b)]
        underflows = a.underflows * (1 + rank * largest[1]) + b.underflows * (1 + rank * largest[0])
        made = multiply(*exact)
    return Summed(
        a.roundings + b.roundings,
        np.maximum(whole.magnitude, magnitude),
        deviation + abs(made - values),
        max(whole.underflows, underflows),
    )


def check_contraction(case: Case, weight: Decoded, model: Model) -> float:
    """The worst error, in units of the bound."""
    axis, shape = case.axis, case.tree.tensor.shape
    x = np.random.default_rng(case.index).standard_normal((case.rows, shape[axis]), np.float32)
    (actual,) = model.run(f"f{case.index}", x)
    w = widen(weight.tensor.element, weight.values)
    contract = lambda x, w: np.tensordot(x, w, ([1], [axis]))
    expected = contract(x.astype(np.float64), w)
    expect(actual.dtype == np.float32 and actual.shape == expected.shape, "type of the result")
    of = analyze(weight, axis, shape[axis])
    n = of.roundings * UNIT["f32"]
    x = abs(x.astype(np.float64))
    bound = n / (1 - n) * contract(x, of.magnitude) + contract(x, of.deviation)
    bound = (bound + of.underflows * TINY["f32"]) * (1 + 2.0**-20)
    ratio = float(np.max(abs(actual - expected) / np.maximum(bound, 1e-300), initial=0))
    expect(ratio <= 1, f"an error of {ratio:g} times the bound")
    return ratio


# ===----------------------------------------------------------------------===
# One module
# ===----------------------------------------------------------------------===


@dataclass
class Tally:
    failures: list[str] = field(default_factory=list)
    refused: int = 0  # weights that no kernel and no tiles read
    worst: float = 0.0  # error, in units of its bound


def cuts_badly(tree: Tree) -> bool:
    """Whether tiles may have to be large: docs/Rationale.md says where."""
    of_blocks = {"scales", "zeros", "mins", "codebooks"} & {*tree.parts}
    stores_boxes = tree.family in ("huffman", "tiled", "matrix") or bool(of_blocks)
    return stores_boxes or any(map(cuts_badly, tree.parts.values()))


def compile_module(directory: Path, name: str, cases: list[Case], write) -> set[str]:
    """Names of the weights that are decoded as a whole."""
    path = directory / f"{name}.mlir"
    path.write_text("".join(write(case) for case in cases))
    warnings = run_tool(
        "compressc", "compile", path, "--weights", directory / "w.safetensors", "--preset", "none",
        "--allow-dense", "-j", 1, "-o", directory / name,
    ).stderr  # fmt: skip
    return set(re.findall(r"warning: .*weight '(\w+)' is decoded as a whole", warnings))


def check_types(directory: Path, cases: list[Case]) -> None:
    """What is printed, and what comes back from bytecode, is what was written."""
    types = [
        f"!compress.tensor<{case.type[7:-1]}, {case.tree}>" for case in cases
    ]
    text = "".join(f"func.func private @f{i}({type_})\n" for i, type_ in enumerate(types))
    binary = directory / "types.mlirbc"
    run_tool("compress-opt", "-", "--emit-bytecode", "-o", binary, text=text)
    for source in ("-", binary):
        printed = run_tool("compress-opt", source, text=text).stdout
        printed = re.findall(r"@f\d+\((.*)\)$", printed, re.M)
        for one, other in zip(types, printed, strict=True):
            expect(one == other, f"expected {one}, but printed {other}")


def check_case(case: Case, entry: dict, tensors: dict, dense: Model, fused: Model) -> float:
    """The worst error of the fused contraction, in units of its bound."""
    expect(entry["codec"] == str(case.tree), f"codec {entry['codec']}")
    leaves = [tensors[name] for name in entry["tensors"]]
    expect(entry["stored_bits"] == 8 * sum(leaf.nbytes for leaf in leaves), "stored_bits")
    rest = iter(leaves)
    weight = decode(case.tree, rest)
    expect(next(rest, None) is None, "more tensors than components")
    expect_same(dense.run(f"f{case.index}")[0], weight.values, "decoded weight")
    return check_contraction(case, weight, fused)


def check_module(directory: Path) -> Tally:
    cases = pickle.loads((directory / "cases.pickle").read_bytes())
    weights, tally = directory / "w.safetensors", Tally()
    artifact.write_tensors(
        weights, {case.name: (STORE[case.tree.tensor.element], case.values) for case in cases}
    )
    check_types(directory, cases)
    compile_module(directory, "dense", cases, write_decode)
    run_tool(
        "compressc", "verify", directory / "dense", "--original", directory / "dense.mlir",
        "--weights", weights,
    )  # fmt: skip
    refused = compile_module(directory, "fused", cases, write_contraction)
    tally.refused = len(refused)
    entries = {e["name"]: e for e in artifact.read_manifest(directory / "dense")["weights"]}
    tensors = artifact.read_tensors(directory / "dense" / "weights.safetensors")
    with Model(directory / "dense") as dense, Model(directory / "fused") as fused:
        for case in cases:
            (directory / "running").write_text(f"{case.name}: {case.tree}")
            try:
                large = case.tree.tensor.size > TILE and cuts_badly(case.tree)
                expect(case.name not in refused or large, "is decoded as a whole")
                error = check_case(case, entries[case.name], tensors, dense, fused)
                tally.worst = max(tally.worst, error)
            except Exception as error:
                text = f"{case.name}, {case.type}, {case.tree}: {type(error).__name__}: {error}"
                tally.failures.append(text)
    return tally


def run_module(directory: Path, trees: list[Tree]) -> Tally:
    """In a process of its own: a crash is a failure too."""
    rng = random.Random(f"{SEED}/{directory.name}")
    cases = [make_case(rng, i, tree) for i, tree in enumerate(trees)]
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    (directory / "cases.pickle").write_bytes(pickle.dumps(cases))
    command = ["timeout", "600", sys.executable, __file__, str(directory)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode == 0:
        tally = pickle.loads(done.stdout)
    else:
        running = directory / "running"
        where = running.read_text() if running.exists() else "before the first run"
        error = done.stderr.decode()[-1500:]
        tally = Tally([f"{where}: exit code {done.returncode}: {error}"])
    tally.failures = [f"seed {SEED}, {directory}: {text}" for text in tally.failures]
    if not tally.failures:
        shutil.rmtree(directory)
    return tally


# ===----------------------------------------------------------------------===
# All modules
# ===----------------------------------------------------------------------===


def report(forest: Forest, tallies: list[Tally], seconds: float) -> int:
    for (parent, component, codec), count in sorted(forest.pairs.items()):
        print(f"{parent + '.' + component:18} {codec:9} {count:6}")
    depths = Counter(tree.depth for tree in forest.trees)
    print("depths:", ", ".join(f"{depth}: {count}" for depth, count in sorted(depths.items())))
    failures = [text for tally in tallies for text in tally.failures]
    if forest.lack():
        failures.append(f"expected {LEAST} of each pair, but got less of {forest.lack()}")
    failures += [] if max(depths) >= 4 else ["expected a tree of depth 4 or more"]
    for text in failures[:40]:
        print(f"FAILED {text}")
    print(
        f"seed {SEED}: {len(forest.trees)} trees, {len(forest.pairs)} pairs in {seconds:.1f} s; "
        f"{sum(tally.refused for tally in tallies)} not fused, largest error "
        f"{max(tally.worst for tally in tallies):.3f} of the bound, {len(failures)} failed"
    )
    return 1 if failures else 0


def main() -> int:
    root = Path(sys.argv[1])
    if (root / "cases.pickle").exists():
        sys.stdout.buffer.write(pickle.dumps(check_module(root)))
        return 0
    begin = time.monotonic()
    rng = random.Random(SEED)
    check_table()
    types = {("quant", "storage", storage) for storage in Quant.STORAGES}
    types |= {("quant", "scale", scale) for scale in Quant.SCALES}
    forest = Forest(rng, find_legal_pairs(rng) | types)
    forest.grow(CASES)
    modules = range(0, len(forest.trees), TREES)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        run = lambda at: run_module(root / f"module-{at}", forest.trees[at : at + TREES])
        tallies = list(pool.map(run, modules))
    return report(forest, tallies, time.monotonic() - begin)


if __name__ == "__main__":
    sys.exit(main())
