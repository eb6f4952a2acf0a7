"""Counts instructions in the innermost loop of a kernel. Usage: FILE.s INSTRUCTION COUNT

An innermost loop must have COUNT instructions whose name begins so, all on whole 512-bit
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


path, name, expected = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open(path, encoding="utf-8") as file:
    loops = innermost_loops(file.read().splitlines())
counts = [sum(item.startswith(name) for item in loop) for loop in loops]
if expected not in counts:
    sys.exit(f"expected a loop of {expected} {name}, but got {[n for n in counts if n]}")
kernel = loops[counts.index(expected)]
for item in kernel:
    if item.startswith(name) and "%zmm" not in item:
        sys.exit(f"expected 512-bit {name} only, but got: {item}")
    if re.match(r"v(add|sub|mul|div|mov|fn?m(add|sub)\d+|cvt\w+2)s[sd]\s", item):
        sys.exit(f"expected no scalar floating-point instruction, but got: {item}")
    if re.search(r"\(%rsp", item):
        sys.exit(f"expected no spill, but got: {item}")
print(f"{len(kernel)} instructions, {expected} {name}, no scalar, no spill")
