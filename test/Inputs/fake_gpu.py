"""The fake CUDA driver (test/FakeCuda), whose kernels run on the model of ptx_model."""

import ctypes
import os
import shutil
from pathlib import Path

import numpy as np
from ptx_model import Kernel, memref_args, run_grid

PATH = str(Path(shutil.which("compressc")).parent.parent / "test" / "lib" / "libFakeCuda.so")
LAUNCHER = ctypes.CFUNCTYPE(
    None, ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint), ctypes.c_uint, ctypes.POINTER(ctypes.POINTER(ctypes.c_uint64))
)


class FakeGpu:
    """The driver, as this process has it. Pointers begin far above any size."""

    def __init__(self):
        os.environ["COMPRESS_LIBCUDA"] = PATH
        self.lib = ctypes.CDLL(PATH)
        self.lib.fakeCudaCountBytesFrom.restype = ctypes.c_size_t
        self.lib.fakeCudaCountBytesFrom.argtypes = [ctypes.c_void_p]
        self.launches, self.errors, self.kernels = [], [], {}
        self.launcher = LAUNCHER(self.launch)
        self.lib.fakeCudaSetLauncher(self.launcher)

    def count(self, function):
        return self.lib.fakeCudaCountCalls(function.encode())

    def check(self):
        """Raises what a kernel raised, which a callback cannot."""
        if self.errors:
            raise self.errors.pop()

    def launch(self, ptx, name, grid, shared_bytes, parameters):
        try:
            self.run(ptx.decode(), name.decode(), [grid[i] for i in range(3)], shared_bytes, parameters)
        except Exception as error:
            self.errors.append(error)

    def run(self, ptx, name, grid, shared_bytes, parameters):
        kernel = self.kernels.setdefault((hash(ptx), name), Kernel(ptx, name))
        self.launches.append((name, grid))
        values = [parameters[i][0] for i in range(len(kernel.params))]
        # { pointer, pointer, offset, sizes, strides } each.
        starts = [i for i in range(len(values) - 1) if values[i] == values[i + 1] and self.lib.fakeCudaCountBytesFrom(values[i])]
        args, buffers = [], []
        for start, end in zip(starts, starts[1:] + [len(values)]):
            rank, rest = divmod(end - start - 3, 2)
            assert rest == 0, values
            # Parts of buffers have offsets and strides of their own.
            args += memref_args(len(buffers), values[start + 3 : start + 3 + rank])[:2] + values[start + 2 : end]
            size = self.lib.fakeCudaCountBytesFrom(values[start])
            buffers.append(np.frombuffer((ctypes.c_uint8 * size).from_address(values[start]), np.uint8))
        assert len(args) == len(values), values
        run_grid(kernel, args, buffers, grid, shared_bytes)


class DeviceArray:
    """An array in memory of the GPU."""

    def __init__(self, gpu, array, offset=0):
        self.gpu, self.shape, self.dtype = gpu, array.shape, array.dtype
        self.base = ctypes.c_uint64()
        previous = ctypes.c_void_p()
        assert gpu.lib.cuCtxPushCurrent_v2(ctypes.c_void_p(1)) == 0
        assert gpu.lib.cuMemAlloc_v2(ctypes.byref(self.base), ctypes.c_size_t(array.nbytes + offset)) == 0
        assert gpu.lib.cuCtxPopCurrent_v2(ctypes.byref(previous)) == 0
        self.pointer = self.base.value + offset
        self.nbytes = array.nbytes
        ctypes.memmove(self.pointer, np.ascontiguousarray(array).ctypes.data, array.nbytes)

    def read(self):
        return np.frombuffer(ctypes.string_at(self.pointer, self.nbytes), self.dtype).reshape(self.shape)

    def free(self):
        previous = ctypes.c_void_p()
        assert self.gpu.lib.cuCtxPushCurrent_v2(ctypes.c_void_p(1)) == 0
        assert self.gpu.lib.cuMemFree_v2(self.base) == 0
        assert self.gpu.lib.cuCtxPopCurrent_v2(ctypes.byref(previous)) == 0
