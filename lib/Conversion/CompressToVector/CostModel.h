//===- CostModel.h - which kernel is the fastest one ----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A contraction with a weight is products, codes that become operands of them,
// and activations that are brought into the form of the mode. Modes with
// cheaper products have dearer activations: what is best depends on how many
// outputs share these. Bytes of the weight are the same in all modes, so they
// do not count.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_COSTMODEL_H
#define COMPRESS_LIB_CONVERSION_COSTMODEL_H

#include "Contraction.h"

namespace mlir::compress {

/// How much work contractions are. Dynamic sizes count as one element.
struct ContractionWork {
  /// Multiplications, outputs being whole vectors of lanes.
  double products = 0;
  /// Elements of the weight that are read, once for all rows.
  double codes = 0;
  /// Elements of what is multiplied with the weight.
  double activations = 0;

  ContractionWork &operator+=(const ContractionWork &other) {
    products += other.products;
    codes += other.codes;
    activations += other.activations;
    return *this;
  }
};

ContractionWork getWork(const Contraction &contraction);

/// Cycles that a kernel of a mode takes on one core of a CPU with such
/// features, where it issues one vector instruction of each kind a cycle.
double estimateCycles(ComputeMode mode, const ContractionWork &work,
                      ArrayRef<std::string> features);

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_COSTMODEL_H
