"""Output that cannot be written: output-errors.py DIRECTORY.

Whatever fails leaves the old output as it is and nothing beside it.
"""

import os
import resource
import subprocess
import sys

from commands import MLP, Workplace

place = Workplace(sys.argv[1])
SOURCE = [MLP, "--weights", "mlp.safetensors"]
COMPILE = ["compile", *SOURCE, "--preset", "int8", "-o"]
place.path("full").mkdir(exist_ok=True)
place.succeed(*COMPILE, "old")
place.succeed(*COMPILE, "old.mlirbc", "--emit", "mlir")
place.succeed("externalize", place.write(
    "small.mlir",
    'func.func @main() -> tensor<2xf32> {\n'
    "  %0 = arith.constant dense_resource<w> : tensor<2xf32>\n  return %0 : tensor<2xf32>\n}\n"
    '{-# dialect_resources: { builtin: { w: "0x040000000000803f00000040" } } #-}\n',
), "-o", "m.mlirbc", "--weights", "w.safetensors")  # fmt: skip

# Paths. Root may write anywhere, so nothing here is about permissions.
for message, path in [
    ("cannot write 'no/a': directory 'no': No such file or directory", "no/a"),
    ("cannot write 'mlp.safetensors/a': Not a directory", "mlp.safetensors/a"),
    ("'mlp.safetensors' is not a directory", "mlp.safetensors"),
    ("'full/..': expected a directory that is new, empty or has 'manifest.json'", "full/.."),
    ("expected a directory that can be replaced, but got '.'", "."),
    ("expected a directory that can be replaced, but got '/'", "/"),
    ("'/dev/full' is not a directory", "/dev/full"),
]:
    if path == "full/..":
        message = "expected a directory that can be replaced, but got 'full/..'"
    place.fail(message, *COMPILE, path)
place.path("directory").mkdir(exist_ok=True)
place.write("directory/file", "precious")
place.fail(
    "'directory': expected a directory that is new, empty or has 'manifest.json'",
    *COMPILE, "directory",
)  # fmt: skip
place.write("directory/manifest.json", "{}")
place.path("directory/below").mkdir(exist_ok=True)
place.fail(
    "'directory': expected nothing but plain files, but 'below' is not one", *COMPILE, "directory"
)
for kind in ("mlir", "llvm", "asm", "obj"):
    emit = [*COMPILE[:-1], "--emit", kind, "-o"]
    for message, path in [
        ("cannot write 'no/a': directory 'no': No such file or directory", "no/a"),
        ("'old' is a directory", "old"),
        ("'/dev/full' is not a regular file", "/dev/full"),
        ("expected the path of a file, but got 'new/'", "new/"),
    ]:
        place.fail(message, *emit, path)


# Files that may not grow: the limit ends a write as a full disk does.
def limit(size: int):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


for path in ("old", "new"):
    for file, size in (("weights.safetensors", 1000), ("weights.safetensors", 20000)):
        place.fail(
            f"cannot write '.{path}.{{tmp}}.tmp/{file}': File too large",
            *COMPILE, path, preexec_fn=limit(size),
        )  # fmt: skip
place.fail(
    "cannot write 'new.mlirbc': File too large",
    *COMPILE, "new.mlirbc", "--emit", "mlir", preexec_fn=limit(1000),
)  # fmt: skip
place.fail(
    "cannot write 'old.mlirbc': File too large",
    *COMPILE, "old.mlirbc", "--emit", "mlir", preexec_fn=limit(1000),
)  # fmt: skip
# The weights have 72 bytes, the module more.
for output, weights in (("m.mlirbc", "w.safetensors"), ("n.mlirbc", "v.safetensors")):
    for path, size in ((weights, 60), (output, 100)):
        place.fail(
            f"cannot write '.{path}.{{tmp}}.tmp': File too large",
            "externalize", "small.mlir", "-o", output, "--weights", weights,
            preexec_fn=limit(size),
        )  # fmt: skip
# OpenMP would warn that it cannot write to shared memory.
place.succeed(*COMPILE, "serial", "--parallel=false")
place.fail(
    "cannot write 'y.npy': File too large",
    "run", "serial", "--input", "x.npy", "--output", "y.npy", preexec_fn=limit(200),
)  # fmt: skip

# A standard output that takes nothing.
with open("/dev/full", "w") as full:
    for arguments in (
        ["inspect", "old"],
        ["inspect", "old", "--json"],
        ["presets"],
        ["verify", "old", "--original", *SOURCE],
        ["compare", "old", "--original", *SOURCE, "--input", "x.npy"],
        ["compile", *SOURCE, "--preset", "int8", "--dry-run"],
    ):
        place.fail(
            "cannot write to standard output: No space left on device",
            *arguments, capture_output=False, stdout=full, stderr=subprocess.PIPE,
        )  # fmt: skip

# A disk that is full, in a name space of mounts that ends with the command.
script = 'mount -t tmpfs -o size=$1k none full && cp "$2" full/w && cd full && shift 2 && "$@"'


def on_small_disk(kilobytes: int, *arguments: str) -> subprocess.CompletedProcess:
    weights = place.path("mlp.safetensors")
    command = ["unshare", "-m", "sh", "-c", script, "sh", str(kilobytes), weights, *arguments]
    return subprocess.run(command, cwd=place.directory, capture_output=True, text=True, check=False)


if on_small_disk(1000, "true").returncode:
    print("no full disk: this system mounts nothing for us")
else:
    source = ["compressc", "compile", MLP, "--weights", "w", "--preset", "int8", "-o"]
    # The weights have 140 KB, the artifact 40 KB.
    for size in (140, 150, 156, 164, 172, 180):
        done = on_small_disk(size, *source, "a")
        if done.returncode == 0:
            assert size > 160, size
            continue
        lines = done.stderr.splitlines()
        place.count += 1
        if len(lines) != 1 or "error: " not in lines[0] or done.returncode != 1:
            place.failures += 1
            print(f"on {size} KB: {done}")
        left = on_small_disk(size, "sh", "-c", " ".join(source) + " a 2> ../log; ls -A")
        if left.stdout != "w\n":
            place.failures += 1
            print(f"on {size} KB: left {left.stdout!r}")
    place.path("log").unlink(missing_ok=True)
place.finish()
