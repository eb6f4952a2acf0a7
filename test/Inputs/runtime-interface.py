"""The C interface on an artifact made from runtime-interface.mlir, call by call.

Usage: runtime-interface.py ARTIFACT SECOND_ARTIFACT WORK_DIRECTORY, where the second
one is of runtime-second.mlir.
"""

import ctypes
import os
import shutil
import sys
import threading
from pathlib import Path

import numpy as np
from compress_runtime import (
    CODES,
    DYNAMIC,
    Model,
    ModelError,
    OpenOptions,
    Tensor,
    TensorInfo,
    lib,
    take,
    view,
)

F32 = np.float32


def expect_error(text: str, function, *arguments, **options) -> None:
    """That a call fails with exactly this text."""
    try:
        function(*arguments, **options)
    except ModelError as error:
        assert str(error) == text, f"expected {text!r}, but got {str(error)!r}"
        return
    raise AssertionError(f"expected the error {text!r}")


def expect_equal(actual, expected) -> None:
    np.testing.assert_array_equal(actual, expected, strict=True)


def resident_bytes() -> int:
    """Anonymous memory of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no RssAnon")


def test_signatures(model: Model) -> None:
    names = model.names()
    assert names[:3] == ["increment", "exp", "insert"], names
    assert "helper" not in names
    for index, name in enumerate(names):
        assert model.find(name) == index
    assert lib.compressModelGetFunctionName(model.handle, len(names)) is None
    assert model.error() == f"expected a function number below {len(names)}, but got {len(names)}"
    assert lib.compressModelGetFunctionName(model.handle, -1) is None
    expect_error(
        f"expected a function of the model ({', '.join(names)}), but got 'nope'", model.find, "nope"
    )
    assert lib.compressModelFindFunction(model.handle, None) == -1
    same = model.find("same")
    (data,) = model.inputs(same)
    assert (data.name, data.dtype, data.shape) == ("data", "f32", [DYNAMIC, 3])
    assert [t.name for t in model.outputs(same)] == ["first", "output1", "output2"]
    assert model.outputs(same)[2].shape == [2, 2]
    assert lib.compressModelGetNumInputs(model.handle, 99) == -1
    assert lib.compressModelGetNumOutputs(model.handle, -7) == -1
    info = TensorInfo()
    for get, what in (
        (lib.compressModelGetInput, "input"),
        (lib.compressModelGetOutput, "output"),
    ):
        count = {"input": 1, "output": 3}[what]
        for index in (-1, count):
            assert get(model.handle, same, index, ctypes.byref(info)) == 1
            assert model.error() == f"expected a number of an {what} below {count}, but got {index}"
        assert get(model.handle, same, 0, None) == 1
        assert model.error() == "expected a place for the description"
        assert get(model.handle, 99, 0, ctypes.byref(info)) == 1


def test_arguments_are_not_written(model: Model) -> None:
    x = np.array([1, 2, 3, 4], F32)
    expected = {
        "increment": x + 1,
        "exp": None,
        "insert": np.array([5, 2, 3, 4], F32),
        "insert_slice": np.array([1, 7, 8, 4], F32),
        "loop": np.full(4, 9, F32),
        "call": np.array([6, 2, 3, 4], F32),
    }
    for name, result in expected.items():
        given = x.copy()
        given.flags.writeable = False
        (actual,) = model.run(name, given)
        expect_equal(given, x)
        if result is None:
            np.testing.assert_allclose(actual, np.exp(x), rtol=1e-6)
        else:
            expect_equal(actual, result)


def test_weights_are_not_written(model: Model) -> None:
    w = np.arange(40, dtype=F32)
    for index in (0, 39, 7):
        stored, changed = model.run("weight", np.array(index, np.int64))
        expect_equal(stored, w)
        wanted = w.copy()
        wanted[index] = 3
        expect_equal(changed, wanted)


def test_input_layouts(model: Model) -> None:
    x = np.arange(2 * 3 * 4, dtype=F32).reshape(2, 3, 4)
    expected = x.transpose(2, 0, 1)
    large = np.zeros((5, 7, 9), F32)
    large[1:3, ::3, 1:9:2] = x
    raw = bytearray(3 + x.nbytes)
    misaligned = np.frombuffer(raw, F32, offset=3).reshape(x.shape)
    misaligned[...] = x
    assert misaligned.ctypes.data % 4
    views = [
        x,
        np.asfortranarray(x),
        large[1:3, ::3, 1:9:2],
        misaligned,
        misaligned.transpose(1, 0, 2).copy().transpose(1, 0, 2),
    ]
    for array in views:
        expect_equal(array, x)
        (actual,) = model.run("transpose", array)
        expect_equal(actual, expected)
    ones = np.broadcast_to(F32(2), (2, 3, 4))
    (actual,) = model.run("transpose", ones)
    expect_equal(actual, np.full((4, 2, 3), 2, F32))
    # Strides of dimensions of one element say nothing.
    one = np.arange(3, dtype=F32).reshape(1, 3, 1)
    tensor = view(one, "f32")
    tensor.strides[0], tensor.strides[2] = 12345, 777
    out = [Tensor()]
    model.run_tensors(model.find("transpose"), [tensor], out)
    expect_equal(take(out[0]), one.transpose(2, 0, 1))
    for shape in ((0, 3, 4), (2, 0, 4), (2, 3, 0), (0, 0, 0)):
        (actual,) = model.run("transpose", np.zeros(shape, F32))
        assert actual.shape == (shape[2], shape[0], shape[1])
    # Without data, as there are no elements.
    tensor = view(np.zeros((0, 3, 4), F32), "f32")
    tensor.data = None
    out = [Tensor()]
    model.run_tensors(model.find("transpose"), [tensor], out)
    assert take(out[0]).shape == (4, 0, 3)


def test_outputs(model: Model) -> None:
    x = np.arange(6, dtype=F32).reshape(2, 3)
    constant = np.array([[1, 2], [3, 4]], F32)
    first, second, third = model.run("same", x)
    expect_equal(first, x)
    expect_equal(second, x)
    expect_equal(third, constant)
    # Strided and misaligned buffers of the caller; what is between stays.
    canvas = np.full((5, 8), -1, F32)
    raw = bytearray(b"\xff" * (1 + constant.nbytes))
    misaligned = np.frombuffer(raw, F32, offset=1).reshape(2, 2)
    into = [canvas[1:4:2, 1:7:2], np.zeros((3, 2), F32).T, misaligned]
    model.run("same", x, into=into)
    for actual, expected in zip(into, (x, x, constant)):
        expect_equal(np.ascontiguousarray(actual), expected)
    assert (canvas == -1).sum() == canvas.size - 6 and raw[0] == 0xFF
    # An input may be the output.
    model.run("same", x, into=[x, None, None])
    expect_equal(x, np.arange(6, dtype=F32).reshape(2, 3))
    image = np.arange(64, dtype=F32).reshape(8, 8)
    (part,) = model.run("slice", image)
    expect_equal(part, image[1:7:2, 2:6])
    (twice,) = model.run("scalar", np.array(1.25))
    expect_equal(twice, np.array(2.5))
    assert model.run("nothing") == []
    for size in (0, 1, 5, 100_000):
        (ones,) = model.run("big", np.array(size, np.int64))
        expect_equal(ones, np.ones(size, F32))


def test_results_in_place(model: Model) -> None:
    """Of static size: written where they are wanted, but where that is part of an input."""
    x = np.arange(8, dtype=F32)
    out = np.full(8, -1, F32)
    model.run("reverse", x, into=[out])
    expect_equal(out, x[::-1])
    for shift in range(-8, 9):
        memory = np.full(24, -1, F32)
        memory[8:16] = x
        model.run("reverse", memory[8:16], into=[memory[8 + shift : 16 + shift]])
        expect_equal(memory[8 + shift : 16 + shift], x[::-1])
        assert (memory == -1).sum() == 16 - abs(shift)
    # Two results in one place: the last one is what is there.
    twice = np.zeros(40, F32)
    model.run("weight", np.array(0, np.int64), into=[twice, twice])
    expect_equal(twice, np.concatenate([F32([3]), np.arange(1, 40, dtype=F32)]))


def test_types(model: Model) -> None:
    bits = np.random.default_rng(0).integers(0, 256, 8 * 5, np.uint8)
    arrays = [
        bits[: 5 * np.dtype(t).itemsize].view(t)
        for t in ("i1", "i2", "i4", "i8", "f2", "u2", "f8", "u1", "u1")
    ]
    index = model.find("types")
    types = model.inputs(index)
    assert [t.dtype for t in types] == [
        "i8", "i16", "i32", "i64", "f16", "bf16", "f64", "f8E4M3FN", "f8E5M2",
    ]  # fmt: skip
    outputs = [Tensor() for _ in arrays]
    model.run_tensors(index, [view(a, t.dtype) for a, t in zip(arrays, types)], outputs)
    for array, tensor in zip(arrays, outputs):
        assert take(tensor).tobytes() == array.tobytes()


def test_wrong_inputs(model: Model) -> None:
    where = "input 0 ('data') of function 'same': "
    same = model.find("same")

    def run(tensor: Tensor) -> None:
        outputs = [Tensor() for _ in range(3)]
        try:
            model.run_tensors(same, [tensor], outputs)
        finally:
            assert not any(output.data for output in outputs)

    x = np.zeros((2, 3), F32)
    expect_error(
        where + "expected elements of type F32, but got F64", model.run, "same", x.astype(float)
    )
    for code, text in ((99, "dtype 99"), (-1, "dtype -1"), (CODES["bf16"], "BF16")):
        tensor = view(x, "f32")
        tensor.dtype = code
        expect_error(where + f"expected elements of type F32, but got {text}", run, tensor)
    for array in (np.zeros(3, F32), np.zeros((1, 2, 3), F32), np.zeros((), F32)):
        text = f"expected rank 2 [?, 3], but got rank {array.ndim}"
        expect_error(where + text, model.run, "same", array)
    text = "expected shape [?, 3], but got [2, 4]"
    expect_error(where + text, model.run, "same", np.zeros((2, 4), F32))
    tensor = view(x, "f32")
    tensor.rank = -1
    expect_error(where + "expected rank 2 [?, 3], but got rank -1", run, tensor)
    tensor = view(x, "f32")
    tensor.shape[0] = -5
    expect_error(where + "expected shape [?, 3], but got [-5, 3]", run, tensor)
    tensor.shape[0] = -1
    expect_error(where + "expected shape [?, 3], but got [?, 3]", run, tensor)
    tensor.shape[0] = 2**62
    expect_error(where + "expected a shape of less than 2^63 bytes", run, tensor)
    tensor = view(x, "f32")
    tensor.shape = None
    expect_error(where + "expected a shape", run, tensor)
    tensor = view(x, "f32")
    tensor.data = None
    expect_error(where + "expected data", run, tensor)
    text = "expected strides of 0 or more, but got -3"
    expect_error(where + text, model.run, "same", x[::-1])
    where = "function 'same': expected "
    expect_error(where + "1 inputs, but got 0", model.run, "same")
    expect_error(where + "1 inputs, but got 2", model.run, "same", x, x)
    expect_error(where + "3 outputs, but got 2", model.run, "same", x, into=[None, x])
    status = lib.compressModelRun(model.handle, same, None, 1, None, 3)
    assert status == 1 and model.error() == where + "1 inputs, but got 0"
    status = lib.compressModelRun(model.handle, 77, None, 1, None, 3)
    assert status == 1 and "expected a function number below" in model.error()


def test_wrong_outputs(model: Model) -> None:
    x = np.zeros((2, 3), F32)

    def run(*into: np.ndarray | None) -> None:
        model.run("same", x, into=list(into))

    where = "output 2 ('output2') of function 'same': "
    expect_error(
        where + "expected shape [2, 2], but got [2, 3]", run, None, None, np.zeros((2, 3), F32)
    )
    # The size of the first dimension is known after the run only: what was allocated
    # before the error is freed.
    where = "output 1 ('output1') of function 'same': "
    wrong = np.full((4, 3), 7, F32)
    text = "expected a buffer of shape [2, 3], but got [4, 3]"
    outputs = [Tensor(), view(wrong, "f32"), Tensor()]
    expect_error(
        where + text, model.run_tensors, model.find("same"), [view(x, "f32")], outputs
    )
    assert not outputs[0].data and not outputs[2].data
    expect_equal(wrong, np.full((4, 3), 7, F32))
    same_place = np.lib.stride_tricks.as_strided(np.zeros(3, F32), (2, 3), (0, 4))
    expect_error(
        where + "expected a place for each element, but got a stride of 0",
        run, None, same_place, None,
    )  # fmt: skip
    tensor = view(np.zeros((2, 3)), "f64")
    expect_error(
        where + "expected elements of type F32, but got F64",
        model.run_tensors, model.find("same"), [view(x, "f32")], [Tensor(), tensor, Tensor()],
    )  # fmt: skip


def test_assertions(model: Model) -> None:
    where = "function 'check': an assertion of the model failed: "
    x = np.array([1, 2, 3], F32)
    three, four = np.array(3, np.int64), np.array(4, np.int64)
    for _ in range(3):
        expect_error(
            where + 'expected "n" elements, 100% of them', model.run, "check", x, four
        )
        expect_error(where + "expected a first element of 0 or more", model.run, "check", -x, three)
        (actual,) = model.run("check", x, three)
        expect_equal(actual, -x)
        assert model.error() == ""
    # An output of the caller is not written.
    out = np.full(3, 5, F32)
    outputs = [view(out, "f32")]
    expect_error(
        where + 'expected "n" elements, 100% of them',
        model.run_tensors, model.find("check"), [view(x, "f32"), view(four, "i64")], outputs,
    )  # fmt: skip
    expect_equal(out, np.full(3, 5, F32))


def test_threads(model: Model) -> None:
    """Many threads on one handle, failing and succeeding, each with its own error."""
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            rng = np.random.default_rng(number)
            for i in range(150):
                x = rng.standard_normal((number + 1, 3, 5)).astype(F32)
                (actual,) = model.run("transpose", x)
                expect_equal(actual, x.transpose(2, 0, 1))
                text = f"expected a function number below 16, but got {1000 + number}"
                assert lib.compressModelGetNumInputs(model.handle, 1000 + number) == -1
                assert model.error() == text, model.error()
                wanted = np.array(number + 100, np.int64)
                expect_error(
                    "function 'check': an assertion of the model failed: "
                    'expected "n" elements, 100% of them',
                    model.run, "check", np.ones(number, F32), wanted,
                )  # fmt: skip
                if i % 50 == 0:
                    lib.compressModelSetNumThreads(model.handle, number + 1)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def test_number_of_threads(model: Model) -> None:
    handle = model.handle
    assert lib.compressModelSetNumThreads(handle, 3) == 0
    assert lib.compressModelGetNumThreads(handle) == 3
    for number in (-1, 0, 1025, 2**31 - 1):
        assert lib.compressModelSetNumThreads(handle, number) == 1
        text = f"expected a number of threads from 1 to 1024, but got {number}"
        assert model.error() == text
        assert lib.compressModelGetNumThreads(handle) == 3
    assert lib.compressModelSetNumThreads(handle, 1024) == 0
    assert model.error() == ""
    assert lib.compressModelGetNumThreads(handle) == 1024


def test_open(path: Path) -> None:
    expect_error("expected a number of threads from 1 to 1024, but got -2", Model, path, threads=-2)
    with Model(path, threads=5, skip_weight_checksums=True) as model:
        assert lib.compressModelGetNumThreads(model.handle) == 5
        test_weights_are_not_written(model)
    # Without options; paths with and without a slash at the end.
    error = ctypes.create_string_buffer(b"untouched", 64)
    for text in (str(path), f"{path}/"):
        handle = lib.compressModelOpen(text.encode(), None, error, len(error))
        assert handle and error.value == b"untouched"
        lib.compressModelClose(handle)
    # The text is cut to the buffer.
    missing = f"{path}.missing".encode()
    assert lib.compressModelOpen(missing, None, None, 0) is None
    assert lib.compressModelOpen(missing, None, error, 12) is None
    assert error.value == b"cannot read"
    options = OpenOptions(8, 0, 0, 0)
    assert lib.compressModelOpen(missing, ctypes.byref(options), error, 64) is None
    assert error.value == b"expected options of 40 bytes, but got 8"
    # Relative to the working directory, and not among the system's libraries.
    before = os.getcwd()
    os.chdir(path.parent)
    with Model(path.name) as model:
        assert model.find("same") >= 0
    os.chdir(before)


def test_replacing(first: Path, second: Path, work: Path) -> None:
    """An artifact that is replaced while it is open: both run their own code."""
    path = work / "replaced"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(first, path)
    old = Model(path)
    x = np.arange(6, dtype=F32).reshape(2, 3)
    expect_equal(old.run("same", x)[2], np.array([[1, 2], [3, 4]], F32))
    os.rename(path, work / "aside")
    shutil.copytree(second, path)
    new = Model(path)
    assert new.names() == ["same"]
    expect_equal(new.run("same", x)[0], x * 2)
    expect_equal(old.run("same", x)[0], x)
    shutil.rmtree(work / "aside")
    old.close()
    expect_equal(new.run("same", x)[0], x * 2)
    # Two models of one artifact.
    again = Model(path)
    new.close()
    expect_equal(again.run("same", x)[0], x * 2)
    # What a model was opened by goes to another artifact.
    Model(path).close()
    other = Model(first)
    expect_equal(other.run("same", x)[2], np.array([[1, 2], [3, 4]], F32))
    expect_equal(again.run("same", x)[0], x * 2)


def test_leaks(path: Path) -> None:
    """Memory and descriptors do not grow."""
    x = np.ones((64, 64, 64), F32)
    n = np.array(1 << 18, np.int64)

    def round_trip(model: Model) -> None:
        model.run("transpose", x[:, ::2])
        model.run("big", n)
        model.run("same", x[0, :, :3], into=[None, np.empty((64, 3), F32), None])
        try:
            model.run("same", x[0, :, :3], into=[None, np.empty((9, 3), F32), None])
        except ModelError:
            pass

    with Model(path) as model:
        for _ in range(20):
            round_trip(model)
        before = resident_bytes()
        for _ in range(200):
            round_trip(model)
        grown = resident_bytes() - before
        assert grown < 20e6, f"{grown} bytes more after 200 rounds"
    files = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        Model(path).close()
        try:
            Model(path / "nothing")
        except ModelError:
            pass
    assert len(os.listdir("/proc/self/fd")) == files


def main() -> None:
    first, second, work = map(Path, sys.argv[1:])
    with Model(first) as model:
        test_signatures(model)
        test_arguments_are_not_written(model)
        test_weights_are_not_written(model)
        test_input_layouts(model)
        test_outputs(model)
        test_results_in_place(model)
        test_types(model)
        test_wrong_inputs(model)
        test_wrong_outputs(model)
        test_assertions(model)
        test_number_of_threads(model)
        test_threads(model)
    test_open(first)
    test_replacing(first, second, work)
    test_leaks(first)
    print("all calls are as expected")


if __name__ == "__main__":
    main()
