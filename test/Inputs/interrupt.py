"""Signals to commands that are at work: interrupt.py DIRECTORY.

Each is to die of the signal, leave the old output as it is, and nothing else, neither
beside the output nor among the temporary files. Expects model.mlir, w.safetensors and
x.npy there, whose compilation takes a while.
"""

import os
import signal
import subprocess
import sys
import time

from commands import Workplace

place = Workplace(sys.argv[1])
SOURCE = ["model.mlir", "--weights", "w.safetensors"]
place.path("tmp").mkdir(exist_ok=True)
environment = os.environ | {"TMPDIR": str(place.path("tmp"))}
start = time.perf_counter()
place.succeed("compile", *SOURCE, "--preset", "int8", "-o", "old", env=environment)
took = time.perf_counter() - start


def interrupt(number: int, delay: float, *arguments: str) -> bool:
    """Sends a signal after a while; whether the command was still at work."""
    before = place.state()
    process = subprocess.Popen(
        ["compressc", *arguments],
        cwd=place.directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # The whole group, as a terminal does.
        start_new_session=True,
    )
    time.sleep(delay)
    os.killpg(process.pid, number)
    output, errors = process.communicate()
    if process.returncode == 0:
        return False
    place.count += 1
    after = place.state()
    changed = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
    if changed and "-o" in arguments:
        # The signal came when all was done: then the new output is whole.
        output = arguments[arguments.index("-o") + 1]
        whole = output.endswith(".s") or is_whole(output)
        changed = {k for k in changed if not whole or k.split("/")[0] != output}
    if process.returncode != -number or errors or changed:
        place.failures += 1
        print(f"{arguments} after {delay:.3f} s: {process.returncode}, {errors!r}")
        print("  changed:", changed)
    return True


def is_whole(artifact: str) -> bool:
    """Whether it has its three files, with the right checksums."""
    names = sorted(path.name for path in place.path(artifact).iterdir())
    done = place.run("run", artifact, "--input", "x.npy", "--output", "-")
    return names == ["manifest.json", "model.so", "weights.safetensors"] and not done.returncode


# At many moments; the last ones may be too late, and then the output is new and whole.
hits = 0
for i in range(36):
    # Not before main() has set up its handler.
    delay = 0.03 + (took - 0.03) * (i % 12) / 12
    output = ("old", "new")[i % 2]
    number = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[i % 3]
    if interrupt(number, delay, "compile", *SOURCE, "--preset", "int4-b32", "-o", output):
        hits += 1
    else:
        # The machine has become faster.
        took = max(0.04, min(took, delay))
    if hits >= 4 and i >= 11:
        break
else:
    raise AssertionError(f"only {hits} commands were at work")
for i in range(4):
    interrupt(signal.SIGINT, 0.03 + took * i / 4, "verify", "old", "--original", *SOURCE)
    interrupt(
        signal.SIGINT, 0.03 + took * i / 4, "compare", "old", "--original", *SOURCE,
        "--input", "x.npy",
    )  # fmt: skip
    interrupt(
        signal.SIGINT, took * i / 8, "compile", *SOURCE, "--preset", "int8", "--emit", "asm",
        "-o", "a.s",
    )  # fmt: skip
place.finish()
