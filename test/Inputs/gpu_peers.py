"""What run_gpu.py times kernels beside, as far as it can be imported: torch's FP8, int8 and 2:4 products, and a kernel of Triton for int4.

They run in the same process, on the stream of the kernels. A peer gives functions that each multiply with another copy of the weight. One that cannot
be used raises LookupError, which says why.
"""

try:
    import triton
    import triton.language as tl
except ImportError:
    triton = None

GROUP = 128  # codes that share a scale, for Triton


if triton:

    @triton.jit
    def int4_matmul(x, w, scales, y, m, n, k, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
        """y (m x n) = x (m x k) times codes less 8 times scales. Of w, a word has 8 codes of a column, and of scales, BK columns have a row."""
        rows, columns = tl.program_id(0) * BM + tl.arange(0, BM), tl.program_id(1) * BN + tl.arange(0, BN)
        sums = tl.zeros((BM, BN), tl.float32)
        for first in range(0, k, BK):
            at = first + tl.arange(0, BK)
            a = tl.load(x + rows[:, None] * k + at[None, :], mask=rows[:, None] < m, other=0.0)
            words = tl.load(w + (at // 8)[:, None] * n + columns[None, :])
            codes = (words >> ((at % 8) * 4)[:, None]) & 15
            scale = tl.load(scales + first // BK * n + columns)
            sums = tl.dot(a, (codes - 8).to(tl.float16) * scale[None, :], sums)
        tl.store(y + rows[:, None] * n + columns[None, :], sums.to(tl.float16), mask=rows[:, None] < m)


class Torch:
    """torch, on the stream and the device of the kernels."""

    def __init__(self, number, stream):
        try:
            import torch
        except ImportError:
            raise LookupError("no torch") from None
        if not torch.cuda.is_available():
            raise LookupError("torch finds no GPU")
        torch.cuda.set_device(number)
        self.torch, self.stream = torch, torch.cuda.ExternalStream(stream)

    def on_stream(self, function):
        def run():
            with self.torch.cuda.stream(self.stream):
                function()

        return run

    def finish(self):
        """Gives memory back, for kernels that are timed next."""
        self.torch.cuda.synchronize()
        self.torch.cuda.empty_cache()

    def random(self, rows, columns):
        return self.torch.randn(rows, columns, dtype=self.torch.float16, device="cuda")


class Fp8:
    """cuBLASLt: both operands of FP8 with one scale each, results of f16."""

    name = "torch._scaled_mm, FP8 x FP8"

    def __init__(self, torch):
        if not hasattr(torch.torch, "_scaled_mm") or not hasattr(torch.torch, "float8_e4m3fn"):
            raise LookupError("torch has no _scaled_mm")
        self.torch = torch

    def prepare(self, m, n, k, count):
        torch = self.torch.torch
        one = torch.ones((), dtype=torch.float32, device="cuda")
        x = self.torch.random(m, k).to(torch.float8_e4m3fn)
        weights = [self.torch.random(n, k).to(torch.float8_e4m3fn).t() for _ in range(count(n * k))]
        return [lambda w=w: torch._scaled_mm(x, w, scale_a=one, scale_b=one, out_dtype=torch.float16, use_fast_accum=True) for w in weights]


class Int8:
    """int8 times int8 to int32. It takes 17 rows at least: fewer are 32 here."""

    name = "torch._int_mm"

    def __init__(self, torch):
        if not hasattr(torch.torch, "_int_mm"):
            raise LookupError("torch has no _int_mm")
        self.torch = torch

    def prepare(self, m, n, k, count):
        torch = self.torch.torch
        integers = lambda *shape: torch.randint(-127, 128, shape, dtype=torch.int8, device="cuda")
        x = integers(m if m > 16 else 32, k)
        weights = [integers(n, k).t() for _ in range(count(n * k))]
        return [lambda w=w: torch._int_mm(x, w) for w in weights]


class Sparse:
    """2:4 weights of f16. Rows of x are multiples of 8."""

    name = "cuSPARSELt, 2:4 f16"

    def __init__(self, torch):
        if not hasattr(torch.torch.sparse, "to_sparse_semi_structured"):
            raise LookupError("torch has no to_sparse_semi_structured")
        self.torch = torch

    def prepare(self, m, n, k, count):
        torch = self.torch.torch
        x = self.torch.random(-(-m // 8) * 8, k).t()
        kept = torch.tensor([1, 1, 0, 0], dtype=torch.float16, device="cuda").tile((n, k // 4))
        weights = [torch.sparse.to_sparse_semi_structured(self.torch.random(n, k) * kept) for _ in range(count(n * k + n * k // 8))]
        return [lambda w=w: torch.mm(w, x) for w in weights]


class Triton:
    """A simple kernel, which nobody has tuned."""

    name = "Triton, int4 x f16"

    def __init__(self, torch):
        if not triton:
            raise LookupError("no triton")
        self.torch = torch

    def prepare(self, m, n, k, count):
        torch, rows, columns = self.torch.torch, 16 if m <= 16 else 64, 64
        if n % columns or k % GROUP:
            raise LookupError(f"it is for multiples of {columns} x {GROUP}")
        x, y = self.torch.random(m, k), self.torch.random(m, n)
        copies = range(count(n * k // 2 + n * k // GROUP * 2))
        words = [torch.randint(-(1 << 31), (1 << 31) - 1, (k // 8, n), dtype=torch.int32, device="cuda") for _ in copies]
        scales = [self.torch.random(k // GROUP, n) for _ in copies]
        grid = (-(-m // rows), n // columns)
        return [lambda w=w, s=s: int4_matmul[grid](x, w, s, y, m, n, k, BM=rows, BN=columns, BK=GROUP) for w, s in zip(words, scales)]


KINDS = {"fp8": Fp8, "int8": Int8, "sparse": Sparse, "int4": Triton}


class Peers:
    """Those that there are, by kind."""

    def __init__(self, number, stream, wanted):
        """`missing`: why others are not there."""
        self.torch, self.found, self.missing = None, {}, {}
        for kind in wanted:
            try:
                self.torch = self.torch or Torch(number, stream)
                self.found[kind] = KINDS[kind](self.torch)
            except LookupError as error:
                self.missing[KINDS[kind].name] = error.args[0]

    def prepare(self, kind, m, n, k, count):
        """Its functions. Each has run once: what cannot be computed says so now."""
        peer = self.found[kind]
        functions = [self.torch.on_stream(f) for f in peer.prepare(m, n, k, count)]
        # Weights are made on torch's own stream.
        self.torch.torch.cuda.synchronize()
        for function in functions:
            function()
        return functions

    def finish(self):
        if self.torch:
            self.torch.finish()
