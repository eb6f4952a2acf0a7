"""What run_gpu.py makes of a bundle for a GPU without clusters, where two kernels make a sum: gpu-bundle-parts.py BUNDLE OUTPUT. There is no GPU, kernels run
on a model."""

import contextlib
import importlib.util
import io
import json
import os
import sys
from pathlib import Path

from fake_gpu import FakeGpu

bundle, output = Path(sys.argv[1]), Path(sys.argv[2])
spec = importlib.util.spec_from_file_location("run_gpu", bundle / "run_gpu.py")
run_gpu = importlib.util.module_from_spec(spec)
spec.loader.exec_module(run_gpu)
index = json.loads((bundle / "index.json").read_text())
for name in ("torch", "triton"):
    sys.modules[name] = None
os.environ["FAKE_CUDA_CAPABILITY"] = "89"
gpu = FakeGpu()

for case in index["checks"] + index["times"]:
    kernels = [launch["kernel"] for launch in case["launches"]]
    assert kernels[-1] == kernels[-2] + "_sum", kernels
    assert case["launches"][-1]["grid"] == case["launches"][-2]["grid"], case["launches"]

with contextlib.redirect_stdout(io.StringIO()) as out:
    status = run_gpu.main(["--runs", "2", "--samples", "2", "--only", "int", "--output", str(output), "--one-process"])
gpu.check()
assert status == 0, out.getvalue()
checks = [case for case in index["checks"] if "int" in case["name"]]
assert f"{len(checks)} of {len(checks)} kernels agree with the decode, 2 runs each" in out.getvalue(), out.getvalue()
timed = [name for name, _ in gpu.launches if name.startswith("f_contract")]
assert timed and timed[::2] == ["f_contract0_m8_p4"] * len(timed[::2]) and timed[1::2] == ["f_contract0_m8_p4_sum"] * len(timed[::2]), timed
print(f"{len(checks)} checks, {len(timed)} launches that are timed: all well")
