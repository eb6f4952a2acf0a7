"""Kernels for GPUs as compiled code in artifacts: gpu-code.py DIRECTORY [PTXAS]. Tools that write a few bytes stand in for NVIDIA's, and the fake driver takes
what they wrote; with PTXAS, the real ones compile, too."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from compress_runtime import Model, ModelError
from fake_gpu import FakeGpu

directory = Path(sys.argv[1]).resolve()
module = Path(__file__).resolve().parent / "gpu-layer.mlir"
CUBIN, FATBIN = b"\x7fELF, of a test", b"P\xedU\xba, of a test"
# Neither PATH nor the variables have a toolkit.
own = str(directory / "own")
os.makedirs(own)
compressc = shutil.which("compressc")
environment = {k: v for k, v in os.environ.items() if not k.startswith("CUDA_")} | {"PATH": own}


def make_tool(folder, name, option, data, status=0):
    tool = directory / folder / "bin" / name
    tool.parent.mkdir(parents=True, exist_ok=True)
    tool.write_text(
        f"#!{sys.executable}\nimport sys\n"
        + (f"sys.exit('no such architecture')\n" if status else f"open(sys.argv[sys.argv.index({option!r}) + 1], 'wb').write({data!r})\n")
    )
    tool.chmod(0o755)


make_tool("toolkit", "ptxas", "-o", CUBIN)
make_tool("toolkit", "fatbinary", "--create", FATBIN)
make_tool("small", "ptxas", "-o", CUBIN)
make_tool("broken", "ptxas", "-o", CUBIN, status=1)


def compile_for(name, *options, target="nvptx:sm_80", **variables):
    command = [compressc, "compile", module, "--preset", "int4-b32", "--target", target, "-o", directory / name, *options]
    return subprocess.run(command, env=environment | variables, capture_output=True, text=True, check=False)


def expect_error(message, *options, target="nvptx:sm_80", **variables):
    done = compile_for("none", *options, target=target, **variables)
    assert done.returncode == 1 and message in done.stderr and not (directory / "none").exists(), (message, done)


def make(name, *options, **variables):
    done = compile_for(name, *options, **variables)
    assert (done.returncode, done.stderr) == (0, ""), done
    return (directory / name / "model.so").read_bytes()


where = "'ptxas', which compiles kernels: expected it in PATH, in the bin folder of CUDA_HOME, CUDA_PATH or CUDA_ROOT, or of --cuda-path"
for code in ("cubin", "fatbin"):
    expect_error(f"error: cannot find {where}", "--gpu-code", code)
expect_error(f"error: cannot find {where}", "--gpu-code", "cubin", CUDA_HOME=str(directory / "nowhere"))
expect_error(
    f"error: cannot find 'ptxas' in '{directory}/nowhere/bin': expected --cuda-path to be the folder of a CUDA toolkit",
    "--gpu-code", "cubin", "--cuda-path", str(directory / "nowhere"),
)  # fmt: skip
expect_error(f"error: cannot find 'fatbinary' in '{directory}/small/bin'", "--gpu-code", "fatbin", "--cuda-path", str(directory / "small"))
expect_error("no such architecture", "--gpu-code", "cubin", "--cuda-path", str(directory / "broken"))
wrong = "error: expected --emit artifact and a target nvptx:CHIP for --gpu-code, but got target "
expect_error(wrong + "'nvptx:sm_80'", "--gpu-code", "cubin", "--emit", "ptx")
expect_error(wrong + "'cpu'", "--gpu-code", "fatbin", target="cpu")

# PTX needs no tool. Compiled code is in the artifact instead of it, or beside it.
assert b".version" in make("ptx", "--gpu-code", "ptx")
toolkit = str(directory / "toolkit")
for code, wanted in (("cubin", CUBIN), ("fatbin", FATBIN)):
    library = make(code, "--gpu-code", code, "--cuda-path", toolkit)
    assert wanted in library and b".version" not in library, code
    for way in ({"PATH": os.pathsep.join([own, toolkit + "/bin"])}, {"CUDA_HOME": toolkit}, {"CUDA_PATH": toolkit}, {"CUDA_ROOT": toolkit}):
        assert make(code, "--gpu-code", code, **way) == library, way

# The driver gets it as it is, once.
gpu = FakeGpu()
log = directory / "log"
launched = []
gpu.run = lambda ptx, name, grid, shared_bytes, parameters: launched.append((ptx, name))
x = np.ones((3, 64), np.float32)
for code in ("cubin", "fatbin"):
    model = Model(directory / code)
    os.environ["FAKE_CUDA_LOG"] = str(log)
    for _ in range(2):
        assert model.run("main", x)[0].shape == (3, 32)
    del os.environ["FAKE_CUDA_LOG"]
    gpu.check()
    assert log.read_text().count("cuModuleLoadDataEx") == log.read_text().count(f"cuModuleLoadDataEx({code})") == 1, log.read_text()
    assert launched == [("", "main_contract0_m8")] * 2, launched
    model.close()
    assert gpu.lib.fakeCudaCountModules() == gpu.lib.fakeCudaCountAllocations() == gpu.lib.fakeCudaCountStreams() == 0
    log.unlink()
    launched.clear()

# Code of another kind of GPU: the driver says it, and the next run tries again.
model = Model(directory / "cubin")
os.environ["FAKE_CUDA_FAIL"] = "cuModuleLoadDataEx=209"
try:
    model.run("main", x)
    raise AssertionError("expected an error, but got none")
except ModelError as error:
    wanted = "function 'main': the driver does not take the code for the GPU: no kernel image is available for execution on the device (CUDA_ERROR_NO_BINARY_FOR_GPU)"
    assert str(error) == wanted, error
del os.environ["FAKE_CUDA_FAIL"]
model.run("main", x)
model.close()
assert gpu.lib.fakeCudaCountModules() == gpu.lib.fakeCudaCountAllocations() == gpu.lib.fakeCudaCountStreams() == 0

if len(sys.argv) > 2:
    toolkit = Path(sys.argv[2]).resolve().parent.parent
    assert b"\x7fELF\x02\x01\x01" in make("real", "--gpu-code", "cubin", "--cuda-path", str(toolkit))[4:]
    if (toolkit / "bin" / "fatbinary").exists():
        assert b"P\xedU\xba\x01\x00" in make("real", "--gpu-code", "fatbin", "--cuda-path", str(toolkit))
print("compiled code in artifacts: all well")
