//===- NmPacking.cpp - positions of N of M elements in any order ----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodeLayout.h"
#include "compress/Algorithms/NmSparsity.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Parallel.h"

using namespace mlir::compress::algorithms;
using llvm::ArrayRef;
using llvm::MutableArrayRef;
using llvm::SmallVector;

namespace {
/// Where positions of a row lie, a row being what is packed as one.
class Rows {
public:
  explicit Rows(const PackedNmShape &packed)
      : kept(packed.shape.kept), bits(packed.shape.getPositionBits()) {
    const NmShape &nm = packed.shape;
    shape.assign(nm.shape.begin(), nm.shape.end());
    shape[nm.axis] = (shape[nm.axis] + nm.group - 1) / nm.group * kept;
    const int64_t outer = shape.size() - packed.order.size();
    for (int64_t i = 0; i < outer; ++i)
      numRows *= shape[i];
    strides.resize(packed.order.size());
    for (int64_t dim : llvm::reverse(packed.order)) {
      strides[dim - outer] = length;
      length *= shape[dim];
    }
    axis = nm.axis - outer;
    shape.erase(shape.begin(), shape.begin() + outer);
  }

  /// Of the value at a place of a row: where its position is packed, and its
  /// number in the group.
  struct Place {
    int64_t place;
    uint8_t number;
  };
  Place find(int64_t value) const {
    Place found = {0, 0};
    for (size_t dim = shape.size(); dim-- > 0; value /= shape[dim]) {
      found.place += value % shape[dim] * strides[dim];
      if (int64_t(dim) == axis)
        found.number = value % shape[dim] % kept;
    }
    return found;
  }

  CodeLayout getPackedLayout() const { return CodeLayout(bits, length); }
  CodeLayout getLayout() const { return CodeLayout(bits, shape.back()); }

  int64_t kept, bits, axis, numRows = 1, length = 1;
  SmallVector<int64_t, 8> shape, strides;
};
} // namespace

int64_t PackedNmShape::getNumBytes() const {
  const Rows rows(*this);
  return rows.getPackedLayout().getNumBytes(rows.numRows);
}

/// Moves the positions of all rows from one layout to the other.
static void movePositions(const PackedNmShape &shape, bool toPacked,
                          ArrayRef<uint8_t> from, MutableArrayRef<uint8_t> to) {
  const Rows rows(shape);
  const CodeLayout packed = rows.getPackedLayout(), natural = rows.getLayout();
  SmallVector<Rows::Place, 0> places;
  for (int64_t i = 0; i < rows.length; ++i)
    places.push_back(rows.find(i));
  // Row by row: each begins with a byte.
  constexpr int64_t kTaskPositions = 1 << 16;
  const int64_t perTask = std::max<int64_t>(kTaskPositions / rows.length, 1);
  llvm::parallelFor(0, llvm::divideCeil(rows.numRows, perTask), [&](size_t t) {
    const Kernels &kernels = getKernels(Isa::Auto);
    SmallVector<uint8_t, 0> codes(rows.length), moved(rows.length);
    const int64_t end = std::min<int64_t>(rows.numRows, (t + 1) * perTask);
    for (int64_t row = t * perTask; row < end; ++row) {
      (toPacked ? natural : packed)
          .unpack(kernels, from.data(), row * rows.length, rows.length,
                  /*isSigned=*/false, codes.data());
      for (auto [i, place] : llvm::enumerate(places)) {
        if (toPacked)
          moved[place.place] = codes[i] ^ place.number;
        else
          moved[i] = codes[place.place] ^ place.number;
      }
      (toPacked ? packed : natural)
          .pack(kernels, moved.data(), row * rows.length, rows.length,
                to.data());
    }
  });
}

void mlir::compress::algorithms::packNmPositions(
    const PackedNmShape &shape, ArrayRef<uint8_t> metadata,
    MutableArrayRef<uint8_t> packed) {
  movePositions(shape, /*toPacked=*/true, metadata, packed);
}

void mlir::compress::algorithms::unpackNmPositions(
    const PackedNmShape &shape, ArrayRef<uint8_t> packed,
    MutableArrayRef<uint8_t> metadata) {
  movePositions(shape, /*toPacked=*/false, packed, metadata);
}

bool mlir::compress::algorithms::decodePackedNm(
    const PackedNmShape &shape, FloatKind kind, ArrayRef<uint8_t> values,
    ArrayRef<uint8_t> packed, int64_t begin, MutableArrayRef<uint8_t> out) {
  const std::optional<NmSizes> sizes = computeSizes(shape.shape);
  const int64_t width = getByteWidth(kind);
  if (!sizes || values.size() != size_t(sizes->numValues * width) ||
      begin < 0 || begin > sizes->numElements || out.size() % width ||
      out.size() / width > size_t(sizes->numElements - begin))
    return false;
  if (out.empty())
    return true;
  if (packed.size() != size_t(shape.getNumBytes()))
    return false;
  // Few elements are asked for at a time, so only their positions are read.
  const Rows rows(shape);
  const CodeLayout layout = rows.getPackedLayout();
  const Kernels &kernels = getKernels(Isa::Auto);
  const NmShape &nm = shape.shape;
  int64_t inner = 1;
  for (int64_t size : ArrayRef(nm.shape).drop_front(nm.axis + 1))
    inner *= size;
  const int64_t length = nm.shape[nm.axis];
  const int64_t stored = (length + nm.group - 1) / nm.group * nm.kept;
  std::fill(out.begin(), out.end(), uint8_t(0));
  for (; !out.empty(); out = out.drop_front(width), ++begin) {
    const int64_t at = begin / inner % length;
    const int64_t first =
        (begin / inner / length * stored + at / nm.group * nm.kept) * inner +
        begin % inner;
    for (int64_t n = 0; n < nm.kept; ++n) {
      const int64_t value = first + n * inner;
      const Rows::Place place = rows.find(value % rows.length);
      uint8_t position;
      layout.unpack(kernels, packed.data(),
                    value / rows.length * rows.length + place.place, 1,
                    /*isSigned=*/false, &position);
      if ((position ^ place.number) == at % nm.group)
        std::copy_n(values.data() + value * width, width, out.data());
    }
  }
  return true;
}

std::optional<SparseError> mlir::compress::algorithms::validatePackedNm(
    const PackedNmShape &shape, FloatKind kind, ArrayRef<uint8_t> values,
    ArrayRef<uint8_t> packed) {
  const std::optional<NmSizes> sizes = computeSizes(shape.shape);
  if (!sizes)
    return SparseError{SparseError::Kind::InvalidArgument};
  SmallVector<uint8_t, 0> metadata(sizes->metadataBytes);
  if (sizes->numValues) {
    if (packed.size() != size_t(shape.getNumBytes()))
      return SparseError{SparseError::Kind::InvalidArgument};
    const Rows rows(shape);
    if (std::optional<int64_t> byte =
            rows.getPackedLayout().findPadding(packed.data(), rows.numRows))
      return SparseError{SparseError::Kind::Padding, *byte};
    unpackNmPositions(shape, packed, metadata);
  }
  return validateNm(shape.shape, kind, values, metadata);
}
