//===- Kernels.h - The inner loops, once per instruction set ----*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of inner loops. They see contiguous runs of elements and nothing of
// shapes, threads or files. Kernels.inc defines them; each Kernels<Isa>.cpp
// compiles it for one instruction set. All variants compute the same bits.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_ALGORITHMS_KERNELS_H
#define COMPRESS_LIB_ALGORITHMS_KERNELS_H

#include "compress/Algorithms/FloatFormat.h"
#include "compress/Algorithms/Isa.h"
#include "compress/Algorithms/Quantize.h"

#include <cstddef>
#include <cstdint>

namespace mlir::compress::algorithms {

/// A contiguous run of elements that is cut into blocks: element i belongs to
/// block (phase + i) / block of the parameter arrays. Blocks of one element are
/// the case of blocks along an outer dimension: one parameter per column.
struct Run {
  size_t size;
  size_t block;
  size_t phase;
};

/// How a value becomes a code; see Quantize.h.
struct EncodeRule {
  enum Kind : uint8_t {
    /// clamp(round(x / divisor))
    Plain,
    /// clamp(round(x / divisor) + offset)
    IntegerZero,
    /// clamp(round(x / divisor + offset))
    RealZero,
    /// clamp(round((x - offset) / divisor))
    Min,
  };
  /// Plain unless codes are integers.
  Kind kind;
  CodeKind codes;
  /// What the lowest and the highest code stand for.
  float minCode;
  float maxCode;

  /// Whether the lowest code is further off zero than the highest one.
  bool isLopsided() const { return minCode < -maxCode; }
};

/// How a code becomes a value; see Quantize.h.
struct DecodeRule {
  enum Kind : uint8_t { Plain, Zero, Min };
  /// Plain unless codes are integers.
  Kind kind;
  CodeKind codes;
  /// Whether codes are signed integers.
  bool isSigned;
};

/// Partial sums of ErrorStats over one chunk.
struct ErrorSums {
  double squaredError;
  double squares;
  double maxAbsError;
};

/// Candidate scales and offsets of one block, side by side. A candidate decodes
/// code q to scale * q + base. Codes are counted from `ScaleRule::center`, and
/// scales are positive: a negative one is the positive one with the range of
/// codes mirrored.
struct Candidates {
  static constexpr size_t kLanes = 16;
  static constexpr size_t kMaxSize = 160;

  /// A multiple of kLanes.
  size_t size = 0;
  /// Errors count in squares of this.
  float unit = 1;
  alignas(64) float scale[kMaxSize];
  alignas(64) float base[kMaxSize];
  /// The stored minimum or zero point that `base` comes from.
  alignas(64) float offset[kMaxSize];
  alignas(64) float minCode[kMaxSize];
  alignas(64) float maxCode[kMaxSize];
  /// Squared error of the first kLanes, after `improve`.
  alignas(64) float error[kLanes];
};

/// For each candidate, sums over elements x with their codes q, where
/// r = (x - base) / scale - q. The last two are unspecified where there is no
/// base.
struct CandidateSums {
  alignas(64) float rr[Candidates::kMaxSize];
  alignas(64) float rq[Candidates::kMaxSize];
  alignas(64) float qq[Candidates::kMaxSize];
  alignas(64) float r[Candidates::kMaxSize];
  alignas(64) float q[Candidates::kMaxSize];
};

/// How candidates are stored.
struct ScaleRule {
  EncodeRule::Kind kind;
  FloatKind scale;
  /// Of real-valued zero points and minima.
  FloatKind offset;
  float center;
  /// The range of zero points.
  float minZero, maxZero;
};

struct Kernels {
  void (*widen)(FloatKind kind, const uint8_t *bytes, size_t n, float *out);
  void (*narrow)(FloatKind kind, const float *values, size_t n, uint8_t *out);

  /// Folds the run into the running extremes `lo` and `hi` of its blocks.
  /// Returns false if an element is not finite; extremes are then unspecified.
  bool (*minMax)(const float *x, const Run &run, float *lo, float *hi);
  /// Adds the magnitudes of the run to the sums of its blocks.
  void (*addMagnitudes)(const float *x, const Run &run, double *sums);

  /// One code a byte; integers below eight bits are sign-extended. A divisor is
  /// a scale, or infinity for the scale 0.
  void (*encode)(const EncodeRule &rule, const float *x, const Run &run,
                 const float *divisor, const float *offset, uint8_t *codes);
  void (*decode)(const DecodeRule &rule, const uint8_t *codes, const Run &run,
                 const float *scale, const float *offset, float *out);

  /// 8 * n codes, one a byte, to n bytes of eight and back.
  void (*pack1)(const uint8_t *codes, size_t n, uint8_t *out);
  void (*unpack1)(const uint8_t *bytes, size_t n, uint8_t *codes);
  /// 2 * n codes, one a byte, to n bytes of two and back (sign-extended if
  /// `isSigned`).
  void (*pack4)(const uint8_t *codes, size_t n, uint8_t *out);
  void (*unpack4)(const uint8_t *bytes, size_t n, bool isSigned,
                  uint8_t *codes);

  ErrorSums (*errorSums)(const float *w, const float *decoded, size_t n);

  /// Sums for each candidate over elements of a block.
  void (*computeSums)(const EncodeRule &rule, const float *x, size_t n,
                      const Candidates &candidates, CandidateSums &sums);

  /// Moves each candidate to the least-squares solution for its codes, rounded
  /// to what is stored, unless the error of the same codes gets larger. Of the
  /// candidates i, i + kLanes, ... then keeps the best (of equal ones the
  /// first), which leaves kLanes of them. `numElements` is the size of the
  /// block. Returns whether the best of all moved.
  bool (*improve)(const ScaleRule &rule, float numElements,
                  const CandidateSums &sums, Candidates &candidates);
};

/// The loops for `isa`, which is resolved first.
const Kernels &getKernels(Isa isa);

// One per Kernels<Isa>.cpp; null where the architecture has no such thing.
const Kernels *getBaselineKernels();
const Kernels *getX86V3Kernels();
const Kernels *getX86V4Kernels();

} // namespace mlir::compress::algorithms

#endif // COMPRESS_LIB_ALGORITHMS_KERNELS_H
