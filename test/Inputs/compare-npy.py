"""Compares two arrays: compare-npy.py ACTUAL EXPECTED RELATIVE_ERROR, by Frobenius norms;
with 0, bit for bit."""

import sys

import numpy as np

actual, expected = np.load(sys.argv[1]), np.load(sys.argv[2])
limit = float(sys.argv[3])
if actual.shape != expected.shape:
    sys.exit(f"expected shape {expected.shape}, but got {actual.shape}")
if limit == 0:
    if actual.dtype != expected.dtype or actual.tobytes() != expected.tobytes():
        sys.exit("expected equal bytes")
    sys.exit()
error = np.linalg.norm(actual.astype(float) - expected) / np.linalg.norm(expected)
# Written so that a NaN fails.
if not error <= limit:
    sys.exit(f"expected a relative error of at most {limit:g}, but got {error:g}")
