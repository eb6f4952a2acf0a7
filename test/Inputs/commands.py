"""Runs compressc in a directory, and checks what a failure must leave alone."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

INPUTS = Path(__file__).parent
MLP = str(INPUTS / "mlp.mlir")


class Workplace:
    """A directory in which commands run, so that messages have relative paths."""

    def __init__(self, directory: str | Path):
        self.directory = Path(directory).resolve()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.count = 0
        self.failures = 0

    def path(self, name: str) -> Path:
        return self.directory / name

    def write(self, name: str, content: str | bytes) -> str:
        data = content.encode() if isinstance(content, str) else content
        self.path(name).write_bytes(data)
        return name

    def run(self, *arguments: Any, **options: Any) -> subprocess.CompletedProcess:
        """Runs a command, whatever becomes of it."""
        command = ["compressc", *map(str, arguments)]
        options = {"capture_output": True, "text": True, "errors": "replace"} | options
        return subprocess.run(command, cwd=self.directory, check=False, **options)

    def succeed(self, *arguments: Any, **options: Any) -> str:
        """Runs a command that must succeed without a word; returns its output."""
        done = self.run(*arguments, **options)
        assert (done.returncode, done.stderr) == (0, ""), f"{arguments}: {done}"
        return done.stdout

    def state(self) -> dict[str, Any]:
        """Names of all files, and what would change with them."""
        entries = {}
        for path in sorted(self.directory.rglob("*")):
            info = path.lstat()
            name = str(path.relative_to(self.directory))
            if path.is_dir():
                entries[name] = info.st_ino
                continue
            small = path.is_file() and info.st_size < 1 << 20
            entries[name] = (
                info.st_ino,
                info.st_size,
                info.st_mtime_ns,
                path.read_bytes() if small else None,
            )
        return entries

    def fail(self, message: str, *arguments: Any, code: int = 1, **options: Any) -> None:
        """Runs a command that must fail with one line and change nothing. In the message,
        "{tmp}" is the part of a temporary name that is random."""
        self.count += 1
        before = self.state()
        done = self.run(*arguments, **options)
        text = done.stderr
        if "{tmp}" in message:
            text = re.sub(r"(?<=\.)\w{6}(?=\.tmp\b)", "{tmp}", text)
        expected = (code, "", f"compressc: error: {message}\n")
        actual = (done.returncode, done.stdout or "", text)
        after = self.state()
        if actual == expected and before == after:
            return
        self.failures += 1
        print(f"compressc {' '.join(map(str, arguments))}\n  expected {expected}\n  but got  {actual}")
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                print(f"  '{name}' has changed")

    def finish(self) -> None:
        """Ends the script."""
        print(f"{self.failures} of {self.count} cases failed")
        sys.exit(1 if self.failures else 0)
