"""Makes the committed files again: trains, imports, externalizes.

`--check` compares with the committed files byte for byte, without it they are
replaced. `--no-train` starts from the committed weights instead of training them,
which takes seconds, and still checks that the importer gives the committed IR.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
MODELS = ("cnn", "transformer")


def make(out: Path, compressc: Path, with_training: bool) -> list[str]:
    """Writes the files to `out` and returns their names."""
    checkpoints = out / "checkpoints" if with_training else HERE
    names = []
    if with_training:
        run("train.py", "--out", checkpoints)
        for model in MODELS:
            logits = f"expected_logits_{model}.npy"
            shutil.copyfile(checkpoints / logits, out / logits)
            names.append(logits)
    run(
        "import.py",
        "--checkpoints",
        checkpoints,
        "--out",
        out,
        "--compressc",
        compressc,
    )
    for model in MODELS:
        names += [f"{model}.mlirbc", f"{model}.safetensors"]
    return sorted(names)


def run(script: str, *arguments: str | Path) -> None:
    """Runs one of the scripts beside this one."""
    subprocess.run([sys.executable, HERE / script, *arguments], check=True)


def differs(first: Path, second: Path) -> bool:
    """Whether two files differ, a missing one included."""
    return not second.exists() or first.read_bytes() != second.read_bytes()


def main() -> int:
    """Makes the files and compares or replaces the committed ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--no-train", action="store_true", help="keep the weights")
    parser.add_argument(
        "--compressc", type=Path, default=REPOSITORY / "build" / "bin" / "compressc"
    )
    arguments = parser.parse_args()
    compressc = arguments.compressc.resolve()
    if not compressc.exists():
        print(
            f"reproduce: error: no compressc at {compressc}: build the "
            "project first, or name it with --compressc",
            file=sys.stderr,
        )
        return 1
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory)
        try:
            names = make(out, compressc, not arguments.no_train)
        except subprocess.CalledProcessError as error:
            print(f"reproduce: error: {error}", file=sys.stderr)
            return 1
        changed = [name for name in names if differs(out / name, HERE / name)]
        for name in names:
            size = (out / name).stat().st_size
            print(f"{'differs' if name in changed else 'same':8}{size:9}  {name}")
            if not arguments.check:
                shutil.copyfile(out / name, HERE / name)
    if arguments.check and changed:
        print(
            f"reproduce: error: {len(changed)} of {len(names)} files differ from the "
            'committed ones (see README.md, "Reproducing")',
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
