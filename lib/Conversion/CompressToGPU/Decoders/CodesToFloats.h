//===- CodesToFloats.h - packed codes to pairs of floats --------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both halves of a 32-bit word are unpacked at once, to two f16 or bf16 in a
// register. All of this is exact.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_CODESTOFLOATS_H
#define COMPRESS_LIB_CONVERSION_CODESTOFLOATS_H

#include "compress/Algorithms/MmaFragments.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::compress {

/// Codes of up to 8 bits in the bytes of a word.
struct CodeFields {
  unsigned bits;
  int64_t perByte;

  /// Where a field begins in a half of the word.
  int64_t getPosition(int64_t field) const {
    return field / perByte * 8 + field % perByte * bits;
  }
};

/// The numbers of unsigned codes, less `bias`: field number `field` of each
/// half of `word`.
Value unpackIntegers(ImplicitLocOpBuilder &b, Value word, CodeFields fields,
                     int64_t field, int64_t bias, algorithms::MmaKind kind);

/// The same, of bits that mean -1 and 1.
Value unpackSigns(ImplicitLocOpBuilder &b, Value word, CodeFields fields,
                  int64_t field, algorithms::MmaKind kind);

/// Codes of up to 8 bits that are integers, as bytes.
enum class ByteCodes { Unsigned, InvertedSigns, PlusMinusOne };

/// How many bits codes are shifted left by `unpackBytes`: those with signs are
/// the upper bits of bytes.
int64_t getByteShift(ByteCodes codes, unsigned bits);

/// Four of them, from fields `field` and `field + 1` of each half.
Value unpackBytes(ImplicitLocOpBuilder &b, Value word, CodeFields fields,
                  ByteCodes codes, int64_t field);

/// The same, of all codes of a word that are bits of a float of 4 or 8 bits: a
/// register for each field. Values of codes are `getFloatUnit` times as large.
SmallVector<Value> unpackFloats(ImplicitLocOpBuilder &b, Value word,
                                FloatType type, algorithms::MmaKind kind);

/// A power of two: codes have their bits in the places of a float with another
/// bias.
double getFloatUnit(FloatType type, algorithms::MmaKind kind);

/// Numbers times a power of two that is not less than 1.
Value multiplyFloats(ImplicitLocOpBuilder &b, Value pair, double factor,
                     algorithms::MmaKind kind);

/// That of the largest numbers.
int64_t getMaxExponent(algorithms::MmaKind kind);

/// A register with one half of another one in both halves.
Value repeatHalf(ImplicitLocOpBuilder &b, Value pair, int64_t half);

/// A register with two of a power of two, given in f32, times 2^shift, but at
/// most the largest one.
Value powerToPair(ImplicitLocOpBuilder &b, Value power, int64_t shift,
                  algorithms::MmaKind kind);

/// The same with a byte, negated.
Value negatedToPair(ImplicitLocOpBuilder &b, Value byte, bool isSigned,
                    algorithms::MmaKind kind);

/// The same with a number in f32, rounded, and with what that leaves of it.
std::pair<Value, Value> splitToPairs(ImplicitLocOpBuilder &b, Value number,
                                     algorithms::MmaKind kind);

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_CODESTOFLOATS_H
