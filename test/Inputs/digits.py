"""The models of examples/digits through every command: digits.py EXAMPLES DIRECTORY.

For presets and two targets: compile, verify, run, compare. Both targets have the same
weights and nearly the same results, which are near to those of the dense model.
"""

import json
import sys
from pathlib import Path

import numpy as np
from commands import Workplace

examples = Path(sys.argv[1]).resolve()
place = Workplace(sys.argv[2])
TARGETS = ("cpu:x86-64-v2", "cpu:native")
# Largest relative errors of the logits. Code for the transformer takes a while.
BOUNDS = {
    "cnn": {"int8-channel": 0.03, "int4-b32": 0.3},
    "transformer": {"int4-b32": 0.3},
}


def relative_error(actual: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(actual - expected) / np.linalg.norm(expected))


def run(artifact: str) -> np.ndarray:
    place.succeed("run", artifact, "--input", "x.npy", "--output", f"{artifact}.npy")
    return np.load(place.path(f"{artifact}.npy")).astype(float)


for model, bounds in BOUNDS.items():
    source = [examples / f"{model}.mlirbc", "--weights", examples / f"{model}.safetensors"]
    place.succeed("compile", *source, "--preset", "none", "-o", f"{model}-none")
    dense = run(f"{model}-none")
    for preset, bound in bounds.items():
        results = {}
        for target in TARGETS:
            artifact = f"{model}-{preset}-{target.partition(':')[2]}"
            place.succeed("compile", *source, "--preset", preset, "--target", target, "-o", artifact)
            report = json.loads(place.succeed("verify", artifact, "--original", *source, "--json"))
            results[target] = run(artifact)
            error = relative_error(results[target], dense)
            assert 0 < error < bound, f"{artifact}: relative error {error}"
        old, native = (results[target] for target in TARGETS)
        assert relative_error(old, native) < 1e-5, f"{model}, {preset}: targets differ"
        weights = [
            place.path(f"{model}-{preset}-{target.partition(':')[2]}/weights.safetensors")
            for target in TARGETS
        ]
        assert weights[0].read_bytes() == weights[1].read_bytes()
        # The same error by compare, which compiles the original itself.
        text = place.succeed("compare", artifact, "--original", *source, "--input", "x.npy", "--json")
        (output,) = json.loads(text)["outputs"]
        assert output["elements"] == 160
        assert abs(output["relative_error"] - relative_error(native, dense)) < 1e-5, output
        print(f"{model} {preset}: {report['compressed_weights']} compressed weights")
print("all results are as expected")
