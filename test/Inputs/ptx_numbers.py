"""What registers of PTX hold: bits, as numpy arrays of uint64, and the numbers that they stand for."""

import numpy as np


class Fault(Exception):
    pass


def f32(bits):
    return bits.astype(np.uint32).view(np.float32)


def bits32(values):
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(np.float32).view(np.uint32).astype(np.uint64)


def f16(bits):
    return bits.astype(np.uint16).view(np.float16)


def bits16(values):
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(np.float16).view(np.uint16).astype(np.uint64)


def bf16(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def bitsbf16(values):
    """To nearest even, from f64 or f32; through f32 only where that is exact."""
    with np.errstate(over="ignore", invalid="ignore"):
        wide = np.asarray(values, np.float64)
        single = wide.astype(np.float32)
        # Round to odd first, so that the second rounding is the only one that counts.
        raw = single.view(np.uint32).astype(np.int64)
        away = np.abs(single.astype(np.float64)) > np.abs(wide)
        inexact = single.astype(np.float64) != wide
        raw = np.where(inexact, np.where(away, raw - 1, raw) | 1, raw)
        rounded = (raw + 0x7FFF + ((raw >> 16) & 1)) >> 16
        rounded = np.where(np.isnan(wide), 0x7FC0, rounded)
    return (rounded & 0xFFFF).astype(np.uint64)


def float8(bits, mantissa):
    """e4m3 or e5m2, whose exponents have the bits that are left of 7."""
    bits = bits.astype(np.int64)
    sign, exponent, digits = bits >> 7, (bits & 127) >> mantissa, bits & ((1 << mantissa) - 1)
    bias = (1 << (6 - mantissa)) - 1
    value = np.ldexp(np.where(exponent, digits + (1 << mantissa), digits).astype(np.float64), np.maximum(exponent, 1) - bias - mantissa)
    return np.where(sign, -value, value)


def e4m3(bits):
    return np.where((bits & np.uint64(127)) == 127, np.nan, float8(bits, 3))


def e5m2(bits):
    value, rest = float8(bits, 2), bits & np.uint64(127)
    return np.where(rest > 124, np.nan, np.where(rest == 124, np.copysign(np.inf, value), value))


def bits_e4m3(values):
    """To nearest even; the largest number where that is too large."""
    values = np.asarray(values, np.float64)
    table = e4m3(np.arange(127, dtype=np.uint64))
    size = np.minimum(np.abs(np.nan_to_num(values)), table[-1])
    above = np.clip(np.searchsorted(table, size), 1, len(table) - 1)
    down, up = size - table[above - 1], table[above] - size
    nearest = np.where((down < up) | ((down == up) & (above % 2 == 1)), above - 1, above)
    return np.where(np.isnan(values), 127, nearest | np.where(np.signbit(values), 128, 0)).astype(np.uint64)


FLOATS = {"f32": (f32, bits32), "f16": (f16, bits16), "bf16": (bf16, bitsbf16)}
INTEGERS = {"rzi": np.trunc, "rni": np.rint, "rmi": np.floor, "rpi": np.ceil}
LANES = np.arange(32)


def halves(bits):
    return bits & np.uint64(0xFFFF), (bits >> np.uint64(16)) & np.uint64(0xFFFF)
