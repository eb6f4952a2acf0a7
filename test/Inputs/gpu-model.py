"""Changes the PTX of a kernel in ways that a GPU would answer with wrong numbers, now and then or always, and checks that the model of one notices:
gpu-model.py DIRECTORY."""

import re
import sys
from pathlib import Path

import numpy as np
from gpu_module import compile_module
from ptx_model import Fault, launch

N, K, M = 64, 512, 12
rng = np.random.default_rng(3)
weight = rng.standard_normal((N, K)).astype(np.float16)
x = rng.standard_normal((M, K)).astype(np.float16)
text = f"""
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @f(%x: tensor<{M}x{K}xf16>, %init: tensor<{M}x{N}xf32>) -> tensor<{M}x{N}xf32> {{
  %w = arith.constant dense_resource<w> : tensor<{N}x{K}xf16>
  %y = linalg.generic {{indexing_maps = [#mk, #nk, #mn], iterator_types = ["parallel", "parallel", "reduction"]}}
    ins(%x, %w : tensor<{M}x{K}xf16>, tensor<{N}x{K}xf16>) outs(%init : tensor<{M}x{N}xf32>) {{
  ^bb0(%a: f16, %b: f16, %c: f32):
    %0 = arith.extf %a : f16 to f32
    %1 = arith.extf %b : f16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %c, %2 : f32
    linalg.yield %3 : f32
  }} -> tensor<{M}x{N}xf32>
  return %y : tensor<{M}x{N}xf32>
}}
{{-# dialect_resources: {{ builtin: {{ w: "0x40000000{weight.tobytes().hex().upper()}" }} }} #-}}
"""
path = str(Path(sys.argv[1]).resolve())


def run(ptx, given=x, seed=0):
    [call] = module.launches("f")
    arrays, out = [], None
    for i, name in enumerate(call.args):
        constant = module.array(call, "f", i)
        if constant is None and name != "%arg0":
            constant, out = np.zeros((M, N), np.float32), i
        arrays.append(given if name == "%arg0" else constant)
    launch(ptx, call.kernel, arrays, call.grid, call.shared_bytes, {out}, seed)
    return np.max(np.abs(arrays[out] - expected))


def change(pattern, to, count=0):
    changed, times = re.subn(pattern, to, module.ptx, count=count)
    assert times, f"expected {pattern} in the kernel"
    return changed


def expect_fault(what, ptx, message, given=x):
    try:
        run(ptx, given)
    except Fault as fault:
        assert message in str(fault), f"{what}: expected '{message}', but got '{fault}'"
        return
    raise AssertionError(f"{what}: the model noticed nothing")


module = compile_module(text, path)
expected = x.astype(np.float64) @ weight.T.astype(np.float64)
assert run(module.ptx) < 1e-3
expect_fault("no barriers", change(r"bar\.sync\s+0;", ""), "since the last barrier")
expect_fault("no waits", change(r"cp\.async\.wait_group\s+\d+;", ""), "still being copied")
expect_fault("waits for too few", change(r"cp\.async\.wait_group\s+(\d+);", lambda m: f"cp.async.wait_group {int(m.group(1)) + 1};"), "still being copied")
expect_fault("only the first barrier", change(r"(?s)(bar\.sync\s+0;.*?)bar\.sync\s+0;", r"\1"), "")
expect_fault("a barrier of some", change(r"bar\.sync\s+0;", "bar.sync 1;"), "the barrier of all threads")
expect_fault("blocks have the same outputs", change(r"%ctaid\.x", "0"), "another thread stores to")
expect_fault("a chip of less shared memory", change(r"\.target sm_80", ".target sm_86"), "more than 101376")
expect_fault("x is too short", module.ptx, "ends at", x[: M - 1])
# Two registers of operand A change places.
wrong = run(change(r"(mma\.sync\S*\s+\{[^}]*\},\s*\{)([^,]*), ([^,]*),", r"\1\3, \2,"))
assert wrong > 1, f"registers in another order: an error of {wrong}"
# The lanes of a matrix have other rows.
wrong = run(change(r"\.m8n8\.x4\.shared\.b16(\s+\{)([^,]*), ([^,]*),", r".m8n8.x4.shared.b16\1\3, \2,"))
assert wrong > 1, f"matrices in another order: an error of {wrong}"

# Two of four columns.
module = compile_module(text.replace("arith.constant dense_resource", 'arith.constant {compress.codec = "nm2:4"} dense_resource'), path + "-sparse")
groups = np.abs(weight.reshape(N, K // 4, 4))
order = np.argsort(np.argsort(-groups, axis=-1, kind="stable"), axis=-1)
expected = x.astype(np.float64) @ (weight * (order < 2).reshape(N, K)).T.astype(np.float64)
assert run(module.ptx) < 1e-3
expect_fault("positions as they are stored", change(r"(xor\.b32\s+\S+\s+\S+\s+)1145324612;", r"\g<1>0;"), "do not ascend")
expect_fault("positions in any order", change(r"mma\.sp::ordered_metadata", "mma.sp"), "in any order")
expect_fault("no such selector", change(r"(mma\.sp[^;]*,\s*)1;", r"\g<1>2;"), "the selector is 0 or 1")
wrong = run(change(r"(mma\.sp[^;]*,\s*)1;", r"\g<1>0;"))
assert wrong > 1, f"positions of another tile: an error of {wrong}"
wrong = run(change(r"(mma\.sp\S*\s+\{[^}]*\},\s*\{[^}]*\},\s*\{)([^,]*), ([^,]*),", r"\1\3, \2,"))
assert wrong > 1, f"registers of x in another order: an error of {wrong}"

# Threads of a warp that meet at different barriers, neighbours' results that are read, and registers that some threads set.
own = """.visible .entry k(.param .u64 a, .param .u64 b, .param .u64 offset, .param .u64 size, .param .u64 stride) .reqntid 64 {
mov.u32 %r0, %tid.x;
ld.param.u64 %rd1, [a];
mul.wide.u32 %rd2, %r0, 4;
add.s64 %rd3, %rd1, %rd2;
xor.b32 %r1, %r0, 1;
mul.wide.u32 %rd4, %r1, 4;
add.s64 %rd5, %rd1, %rd4;
setp.eq.s32 %p1, %r0, 7;
BODY
ret;
}
"""


def run_own(*body, seed=0, blocks=1):
    out = np.zeros(64, np.uint32)
    launch(own.replace("BODY", "\n".join(body)), "k", [out], (blocks, 1, 1), 16, {0}, seed)
    return out


def expect_own(what, message, *body, **how):
    try:
        run_own(*body, **how)
    except Fault as fault:
        assert message in str(fault), f"{what}: expected '{message}', but got '{fault}'"
        return
    raise AssertionError(f"{what}: the model noticed nothing")


store, load = "st.global.b32 [%rd3], %r0;", "ld.global.b32 %r2, [%rd5];"
assert list(run_own(store, "bar.sync 0;", load, "bar.sync 0;", "st.global.b32 [%rd3], %r2;")) == [i ^ 1 for i in range(64)]
expect_own("two barriers", "different barriers", "@%p1 bra $other;", "bar.sync 0;", "bra $end;", "$other:", "bar.sync 0;", "$end:")
expect_own("a barrier that one passes by", "others never reach", "@%p1 bra $end;", "bar.sync 0;", "$end:")
expect_own("a neighbour's result", "another thread stores to", store, load)
expect_own("before a neighbour reads", "another thread reads", load, store)
first = ["mov.u32 %r3, %ctaid.x;", "setp.eq.s32 %p2, %r3, 0;", "@%p2 " + store, "bar.sync 0;", "@!%p2 ld.global.b32 %r2, [%rd3];"]
for seed in range(4):
    expect_own("another block's results, in any order of blocks", "another thread", *first, seed=seed, blocks=2)
expect_own("after a neighbour", "one place", store, "st.global.b32 [%rd5], %r0;")
unset = [run_own("@%p1 mov.b32 %r2, 5;", "st.global.b32 [%rd3], %r2;", seed=seed) for seed in (1, 2)]
assert unset[0][7] == unset[1][7] == 5 and (unset[0] != unset[1]).sum() == 63, unset

# Blocks of a cluster share what is reduced.
longer = rng.standard_normal((N, 4 * K)).astype(np.float16)
text = text.replace(f"{K}xf16", f"{4 * K}xf16").replace(weight.tobytes().hex().upper(), longer.tobytes().hex().upper())
module = compile_module(text, path + "-cluster", "sm_90a")
x = rng.standard_normal((M, 4 * K)).astype(np.float16)
expected = x.astype(np.float64) @ longer.T.astype(np.float64)
assert run(module.ptx, x) < 1e-2
pair = r"barrier\.cluster\.arrive\.aligned;\s*barrier\.cluster\.wait\.aligned;"
expect_fault("no waits of the cluster", change(pair, ""), "", x)
expect_fault("only the last wait of the cluster", change(pair, "", count=1), "another block", x)
expect_fault("only the first wait of the cluster", change(rf"(?s)(.*){pair}", r"\1"), "of the cluster", x)
wrong = run(change(r"(mapa\S*\s+\S+\s+\S+,\s*)1;", r"\g<1>0;"), x)
assert wrong > 1, f"sums of another block: an error of {wrong}"
print("the model notices all of them")
