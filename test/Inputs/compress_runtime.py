"""The C interface of libCompressRuntime.so (include/compress-c/Runtime.h) in ctypes.

Arrays are numpy arrays of any strides. numpy has no bf16: such tensors are arrays of
uint16, the bits.
"""

import ctypes
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ABI_VERSION = 3

# By number, as CompressDType has them.
DTYPES = [
    "bool", "u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64",
    "f16", "bf16", "f32", "f64", "f8E4M3FN", "f8E5M2", "f8E8M0FNU",
]  # fmt: skip
NUMPY = [
    np.bool_, np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64,
    np.float16, np.uint16, np.float32, np.float64, np.uint8, np.uint8, np.uint8,
]  # fmt: skip
CODES = {name: code for code, name in enumerate(DTYPES)}
DYNAMIC = -1


class Tensor(ctypes.Structure):
    """CompressTensor."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_int32),
        ("rank", ctypes.c_int32),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("placement", ctypes.c_int32),
    ]


class TensorInfo(ctypes.Structure):
    """CompressTensorInfo."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("dtype", ctypes.c_int32),
        ("rank", ctypes.c_int32),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
    ]


class OpenOptions(ctypes.Structure):
    """CompressOpenOptions."""

    _fields_ = [
        ("structSize", ctypes.c_size_t),
        ("skipWeightChecksums", ctypes.c_int32),
        ("numThreads", ctypes.c_int32),
        ("copyWeights", ctypes.c_int32),
        ("cpu", ctypes.c_char_p),
        ("gpu", ctypes.c_int32),
    ]


def _load() -> ctypes.CDLL:
    """The library that belongs to the compressc on PATH, or COMPRESS_RUNTIME."""
    path = os.environ.get("COMPRESS_RUNTIME")
    if not path:
        tool = shutil.which("compressc")
        assert tool, "expected compressc on PATH, or COMPRESS_RUNTIME"
        path = str(Path(tool).parent.parent / "lib" / "libCompressRuntime.so")
    library = ctypes.CDLL(path)
    i32, text, pointer = ctypes.c_int32, ctypes.c_char_p, ctypes.c_void_p
    signatures = {
        "compressRuntimeGetABIVersion": (i32, []),
        "compressModelOpen": (
            pointer,
            [text, ctypes.POINTER(OpenOptions), pointer, ctypes.c_size_t],
        ),
        "compressModelClose": (None, [pointer]),
        "compressModelGetError": (text, [pointer]),
        "compressModelSetNumThreads": (i32, [pointer, i32]),
        "compressModelGetNumThreads": (i32, [pointer]),
        "compressModelGetCpu": (text, [pointer]),
        "compressModelGetNumFunctions": (i32, [pointer]),
        "compressModelGetFunctionName": (text, [pointer, i32]),
        "compressModelFindFunction": (i32, [pointer, text]),
        "compressModelGetNumInputs": (i32, [pointer, i32]),
        "compressModelGetNumOutputs": (i32, [pointer, i32]),
        "compressModelGetInput": (i32, [pointer, i32, i32, ctypes.POINTER(TensorInfo)]),
        "compressModelGetOutput": (i32, [pointer, i32, i32, ctypes.POINTER(TensorInfo)]),
        "compressModelRun": (i32, [pointer, i32, pointer, i32, pointer, i32]),
        "compressTensorRelease": (None, [ctypes.POINTER(Tensor)]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    assert library.compressRuntimeGetABIVersion() == ABI_VERSION
    return library


lib = _load()


class ModelError(Exception):
    """What the library says."""


@dataclass
class Type:
    """A tensor of a signature."""

    name: str
    dtype: str
    shape: list[int]


def view(array: np.ndarray, dtype: str) -> Tensor:
    """The array as a CompressTensor, which keeps it alive."""
    assert all(stride % array.itemsize == 0 for stride in array.strides)
    rank = array.ndim
    shape = (ctypes.c_int64 * rank)(*array.shape)
    strides = (ctypes.c_int64 * rank)(*(s // array.itemsize for s in array.strides))
    tensor = Tensor(array.ctypes.data, CODES[dtype], rank, shape, strides)
    tensor.keep = (array, shape, strides)
    return tensor


def take(tensor: Tensor) -> np.ndarray:
    """A copy of an output that the library allocated; releases the output."""
    shape = [tensor.shape[i] for i in range(tensor.rank)]
    dtype = np.dtype(NUMPY[tensor.dtype])
    elements = int(np.prod(shape, dtype=np.int64))
    strides = [tensor.strides[i] for i in range(tensor.rank)]
    expected = [int(np.prod(shape[i + 1 :], dtype=np.int64)) for i in range(len(shape))]
    assert strides == expected, f"expected row-major strides, but got {strides}"
    assert tensor.data % 64 == 0, "expected an output aligned to 64 bytes"
    data = ctypes.string_at(tensor.data, elements * dtype.itemsize)
    array = np.frombuffer(data, dtype).reshape(shape).copy()
    lib.compressTensorRelease(ctypes.byref(tensor))
    assert not tensor.data and not tensor.shape and not tensor.strides
    return array


class Model:
    """An open artifact."""

    def __init__(
        self,
        path,
        threads: int = 0,
        skip_weight_checksums: bool = False,
        copy_weights: bool = False,
        cpu: str | None = None,
        gpu: int = 0,
    ):
        self.handle = None
        error = ctypes.create_string_buffer(4096)
        options = OpenOptions(
            ctypes.sizeof(OpenOptions), int(skip_weight_checksums), threads, int(copy_weights),
            None if cpu is None else cpu.encode(), gpu,
        )  # fmt: skip
        self.handle = lib.compressModelOpen(
            os.fsencode(path), ctypes.byref(options), error, len(error)
        )
        if not self.handle:
            raise ModelError(error.value.decode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        self.close()

    def close(self) -> None:
        if self.handle:
            lib.compressModelClose(self.handle)
        self.handle = None

    def error(self) -> str:
        return lib.compressModelGetError(self.handle).decode()

    def find(self, name: str) -> int:
        index = lib.compressModelFindFunction(self.handle, name.encode())
        if index < 0:
            raise ModelError(self.error())
        return index

    def names(self) -> list[str]:
        return [
            lib.compressModelGetFunctionName(self.handle, i).decode()
            for i in range(lib.compressModelGetNumFunctions(self.handle))
        ]

    def _types(self, function: int, count, get) -> list[Type]:
        types = []
        for i in range(count(self.handle, function)):
            info = TensorInfo()
            if get(self.handle, function, i, ctypes.byref(info)):
                raise ModelError(self.error())
            shape = [info.shape[k] for k in range(info.rank)]
            types.append(Type(info.name.decode(), DTYPES[info.dtype], shape))
        return types

    def inputs(self, function: int) -> list[Type]:
        return self._types(
            function, lib.compressModelGetNumInputs, lib.compressModelGetInput
        )

    def outputs(self, function: int) -> list[Type]:
        return self._types(
            function, lib.compressModelGetNumOutputs, lib.compressModelGetOutput
        )

    def run_tensors(
        self, function: int, inputs: list[Tensor], outputs: list[Tensor]
    ) -> None:
        """compressModelRun as it is."""
        given = (Tensor * len(inputs))(*inputs)
        wanted = (Tensor * len(outputs))(*outputs)
        status = lib.compressModelRun(
            self.handle, function, given, len(inputs), wanted, len(outputs)
        )
        for i in range(len(outputs)):
            outputs[i].data, outputs[i].dtype = wanted[i].data, wanted[i].dtype
            outputs[i].rank = wanted[i].rank
            outputs[i].shape, outputs[i].strides = wanted[i].shape, wanted[i].strides
        if status:
            raise ModelError(self.error())

    def run(self, name: str, *arrays: np.ndarray, into=None) -> list[np.ndarray]:
        """Runs a function; `into` are arrays for the outputs, None for those that the
        library is to allocate."""
        function = self.find(name)
        types, results = self.inputs(function), self.outputs(function)
        names = [t.dtype for t in types] + [
            DTYPES[NUMPY.index(a.dtype.type)] for a in arrays[len(types) :]
        ]
        inputs = []
        for array, dtype in zip(arrays, names):
            # By the type of the array, so that a wrong one is the library's to find.
            if array.dtype != NUMPY[CODES[dtype]]:
                dtype = DTYPES[NUMPY.index(array.dtype.type)]
            inputs.append(view(array, dtype))
        into = into or [None] * len(results)
        outputs = [
            Tensor() if array is None else view(array, result.dtype)
            for array, result in zip(into, results)
        ]
        self.run_tensors(function, inputs, outputs)
        return [
            take(tensor) if array is None else array
            for tensor, array in zip(outputs, into)
        ]
