//===- MmaFragments.cpp - Where matrices lie in a warp --------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/MmaFragments.h"
#include "llvm/Support/ErrorHandling.h"
#include <cassert>

using namespace mlir::compress::algorithms;

static constexpr unsigned kRow = 0, kColumn = 1;

int64_t MmaFragment::getSize(llvm::ArrayRef<Factor> factors) {
  int64_t size = 1;
  for (const Factor &factor : factors)
    size *= factor.extent;
  return size;
}

MmaFragment::Place MmaFragment::getPlace(int64_t lane, int64_t reg,
                                         int64_t element) const {
  int64_t place[2] = {0, 0};
  auto add = [&](llvm::ArrayRef<Factor> factors, int64_t number) {
    for (const Factor &factor : llvm::reverse(factors)) {
      place[factor.dim] += number % factor.extent * factor.stride;
      number /= factor.extent;
    }
  };
  add(lanes, lane);
  add(registers, reg);
  add(elements, element);
  return {place[kRow], place[kColumn]};
}

/// Lanes in groups of four: a group has a row (or of B, a column), and its
/// lanes take turns along the other dimension, `packed` elements at a time.
static MmaShape makeShape(int64_t packed) {
  int64_t half = 4 * packed, k = 2 * half;
  MmaShape shape;
  shape.m = 16;
  shape.n = 8;
  shape.k = k;
  shape.a = {16,
             k,
             {{kRow, 8, 1}, {kColumn, 4, packed}},
             {{kColumn, 2, half}, {kRow, 2, 8}},
             {{kColumn, packed, 1}}};
  shape.b = {k,
             8,
             {{kColumn, 8, 1}, {kRow, 4, packed}},
             {{kRow, 2, half}},
             {{kRow, packed, 1}}};
  // Of 32 bits each.
  shape.d = {16,
             8,
             {{kRow, 8, 1}, {kColumn, 4, 2}},
             {{kRow, 2, 8}, {kColumn, 2, 1}},
             {}};
  return shape;
}

MmaShape mlir::compress::algorithms::getMmaShape(MmaKind kind) {
  switch (kind) {
  case MmaKind::F16:
  case MmaKind::BF16:
    return makeShape(2);
  case MmaKind::S8:
  case MmaKind::U8:
  case MmaKind::E4M3:
  case MmaKind::E5M2:
    return makeShape(4);
  case MmaKind::B1:
    return makeShape(32);
  }
  llvm_unreachable("unknown kind");
}

SparseMmaShape mlir::compress::algorithms::getSparseMmaShape(MmaKind kind) {
  // Values lie as those of a dense A do, and B goes on where a dense one ends.
  MmaShape dense = getMmaShape(kind);
  SparseMmaShape shape;
  shape.m = dense.m;
  shape.n = dense.n;
  shape.k = 2 * dense.k;
  shape.a = dense.a;
  shape.b = dense.b;
  shape.b.rows = shape.k;
  shape.b.registers.front().extent *= 2;
  shape.d = dense.d;
  // A word has 16 positions: those of 8 values of two rows, which two lanes
  // take turns with, or of 16 values of a row, which four take turns with.
  shape.metadata = {dense.a.rows, dense.a.columns, {}, {}, {}};
  assert(kind != MmaKind::B1 && "bits have no mma.sp");
  if (dense.a.getElementBits() == 8) {
    shape.metadata.lanes = {{kRow, 8, 1}, {kColumn, 2, 16}, {kRow, 2, 8}};
    shape.metadata.elements = {{kColumn, 16, 1}};
    shape.selectors = 1;
  } else {
    shape.metadata.lanes = {{kRow, 8, 1}, {kColumn, 2, 0}, {kColumn, 2, 8}};
    shape.metadata.elements = {{kRow, 2, 8}, {kColumn, 8, 1}};
    shape.selectors = 2;
  }
  return shape;
}

MmaFragment mlir::compress::algorithms::getLdmatrixFragment() {
  return {8, 8, {{kRow, 8, 1}, {kColumn, 4, 2}}, {}, {{kColumn, 2, 1}}};
}
