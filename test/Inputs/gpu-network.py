"""A whole network for GPUs: gpu-network.py EXAMPLES DIRECTORY

The trained CNN of examples/digits, with convolutions, borders, pooling and layers behind each other, on the fake CUDA driver: kernels run on the model of
ptx_model. Results are compared with those of an artifact for CPUs of the same compressed weights, which computes in f32.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
from compress_runtime import Model
from fake_gpu import FakeGpu

examples, directory = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()


def compile_for(target, name, *options):
    subprocess.run(
        ["compressc", "compile", examples / "cnn.mlirbc", "--weights", examples / "cnn.safetensors", "--preset", "int8-channel", "--target", target,
         "-o", directory / name, *options], check=True
    )  # fmt: skip
    return directory / name


gpu = FakeGpu()
images = np.random.default_rng(5).random((3, 1, 8, 8), np.float32)
with Model(compile_for("cpu", "cpu")) as model:
    [expected] = model.run("main", images)
for compute, bound in (("f16", 2**-9), ("bf16", 2**-6)):
    gpu.launches.clear()
    with Model(compile_for("nvptx:sm_80", compute, "--compute", compute)) as model:
        [logits] = model.run("main", images)
        gpu.check()
        for count in (0, 1):
            assert model.run("main", images[:count])[0].shape == (count, 10)
        gpu.check()
    assert logits.shape == (3, 10) and np.isfinite(logits).all()
    error = np.linalg.norm(logits - expected) / np.linalg.norm(expected)
    assert 0 < error < bound, f"{compute}: relative error {error}"
    assert (logits.argmax(1) == expected.argmax(1)).all()
    names = [name for name, _ in gpu.launches]
    print(f"{compute}: {error:.2e}: {', '.join(dict.fromkeys(names))}")
    assert len([n for n in names if "_contract" in n]) == 4 * 2 and any("pooling" in n for n in names), names
assert gpu.lib.fakeCudaCountAllocations() == 0
print("the network runs")
