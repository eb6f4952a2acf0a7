"""Counts instructions in the innermost loop of a kernel. Usage: FILE.s FMAS

The innermost loop with multiply-adds must have FMAS of them, all on whole 512-bit
registers, no scalar floating-point instruction, and no access to the stack (a spill).
"""

import re
import sys


def innermost_loops(lines: list[str]) -> list[list[str]]:
    """Bodies between a label and a jump back to it, without jumps in between."""
    labels: dict[str, int] = {}
    loops = []
    for number, line in enumerate(lines):
        if label := re.match(r"(\.L\w+):", line):
            labels[label[1]] = number
        elif jump := re.match(r"\s+j\w+\s+(\.L\w+)", line):
            begin = labels.get(jump[1])
            if begin is not None:
                body = lines[begin + 1 : number]
                if not any(re.match(r"(\.L\w+):|\s+j\w+\s", item) for item in body):
                    loops.append([item.strip() for item in body])
    return loops


path, expected = sys.argv[1], int(sys.argv[2])
with open(path, encoding="utf-8") as file:
    loops = innermost_loops(file.read().splitlines())
kernels = [loop for loop in loops if any("vfmadd" in item for item in loop)]
counts = [sum("vfmadd" in item for item in loop) for loop in kernels]
if expected not in counts:
    sys.exit(f"expected a loop of {expected} multiply-adds, but got {counts}")
kernel = kernels[counts.index(expected)]
for item in kernel:
    if "vfmadd" in item and "%zmm" not in item:
        sys.exit(f"expected 512-bit multiply-adds only, but got: {item}")
    if re.match(r"v(add|sub|mul|div|mov|fn?m(add|sub)\d+|cvt\w+2)s[sd]\s", item):
        sys.exit(f"expected no scalar floating-point instruction, but got: {item}")
    if re.search(r"\(%r[sb]p", item):
        sys.exit(f"expected no spill, but got: {item}")
print(f"{len(kernel)} instructions, {expected} multiply-adds, no scalar, no spill")
