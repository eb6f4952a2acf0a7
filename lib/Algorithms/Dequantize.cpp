//===- Dequantize.cpp - Reference decode of block quantization ------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockGrid.h"
#include "BlockParameters.h"
#include "FiniteValues.h"
#include "compress/Algorithms/Quantize.h"

#include <algorithm>
#include <bitset>
#include <cmath>

using namespace mlir::compress::algorithms;

/// Elements decoded at once.
static constexpr int64_t kChunk = 4096;

static bool haveSizes(const QuantSizes &sizes, llvm::ArrayRef<uint8_t> codes,
                      llvm::ArrayRef<uint8_t> scales,
                      llvm::ArrayRef<uint8_t> offsets) {
  return codes.size() == size_t(sizes.codeBytes) &&
         scales.size() == size_t(sizes.scaleBytes) &&
         offsets.size() == size_t(sizes.offsetBytes);
}

bool mlir::compress::algorithms::dequantizeRange(
    const QuantShape &shape, const QuantFormat &format, FloatKind logical,
    llvm::ArrayRef<uint8_t> codes, llvm::ArrayRef<uint8_t> scales,
    llvm::ArrayRef<uint8_t> offsets, int64_t begin,
    llvm::MutableArrayRef<float> out, Isa isa) {
  std::optional<QuantSizes> sizes = computeSizes(shape, format);
  if (!sizes || !haveSizes(*sizes, codes, scales, offsets) || begin < 0 ||
      begin > sizes->numElements ||
      out.size() > size_t(sizes->numElements - begin))
    return false;
  if (out.empty())
    return true;

  const Kernels &kernels = getKernels(isa);
  const BlockGrid grid(shape, format.bits);
  const BlockCoder coder(format, logical, kernels);
  const int64_t inner = grid.getInnerDim(), block = grid.getInnerBlock();
  BlockParameters parameters;
  uint8_t unpacked[kChunk];
  int64_t row = begin / inner, col = begin % inner;
  while (!out.empty()) {
    int64_t n = std::min({kChunk, int64_t(out.size()), inner - col});
    const Run run = {size_t(n), size_t(block), size_t(col % block)};
    parameters.resize((run.phase + n + block - 1) / block);
    coder.read(parameters, grid.getFirstBlockOfRow(row) + col / block,
               scales.data(), offsets.data());
    grid.layout.unpack(kernels, codes.data(), begin, n,
                       format.hasSignedIntegers(), unpacked);
    kernels.decode(coder.getDecodeRule(), unpacked, run,
                   parameters.scale.data(), parameters.offset.data(),
                   out.data());
    roundToKind(logical, out.take_front(n), isa);
    out = out.drop_front(n);
    begin += n;
    col += n;
    if (col == inner) {
      col = 0;
      ++row;
    }
  }
  return true;
}

/// Codes that must not occur: the lowest one of a narrow format, infinities and
/// NaNs.
static std::bitset<256> getExcludedCodes(const QuantFormat &format) {
  std::bitset<256> excluded;
  auto excludeNonFinite = [&](FloatKind kind) {
    for (unsigned code = 0; code < 256; ++code) {
      const uint8_t byte = uint8_t(code);
      float value;
      widenToF32(kind, byte, value);
      excluded[code] = !std::isfinite(value);
    }
  };
  switch (format.codes) {
  case CodeKind::Integer:
    if (format.narrow)
      excluded.set(unsigned(format.getMinCode() - 1) % (1u << format.bits));
    break;
  case CodeKind::F8E4M3FN:
    excludeNonFinite(FloatKind::F8E4M3FN);
    break;
  case CodeKind::F8E5M2:
    excludeNonFinite(FloatKind::F8E5M2);
    break;
  case CodeKind::Binary:
  case CodeKind::F4E2M1FN:
    break;
  }
  return excluded;
}

/// First element whose code is excluded.
static std::optional<int64_t> findExcludedCode(const QuantFormat &format,
                                               const CodeLayout &layout,
                                               const uint8_t *codes,
                                               int64_t numElements) {
  const std::bitset<256> excluded = getExcludedCodes(format);
  if (excluded.none())
    return std::nullopt;
  const Kernels &kernels = getKernels(Isa::Auto);
  uint8_t unpacked[kChunk];
  for (int64_t begin = 0; begin < numElements; begin += kChunk) {
    int64_t n = std::min(kChunk, numElements - begin);
    layout.unpack(kernels, codes, begin, n, /*isSigned=*/false, unpacked);
    const uint8_t *found = std::find_if(
        unpacked, unpacked + n, [&](uint8_t code) { return excluded[code]; });
    if (found != unpacked + n)
      return begin + (found - unpacked);
  }
  return std::nullopt;
}

std::optional<StorageError> mlir::compress::algorithms::validateStorage(
    const QuantShape &shape, const QuantFormat &format,
    llvm::ArrayRef<uint8_t> codes, llvm::ArrayRef<uint8_t> scales,
    llvm::ArrayRef<uint8_t> offsets) {
  using Kind = StorageError::Kind;
  std::optional<QuantSizes> sizes = computeSizes(shape, format);
  if (!sizes || !haveSizes(*sizes, codes, scales, offsets))
    return StorageError{Kind::SizeMismatch};
  if (sizes->numElements == 0)
    return std::nullopt;

  const CodeLayout layout(format.bits,
                          shape.shape.empty() ? 1 : shape.shape.back());
  int64_t rows = sizes->numElements / layout.getRowLength();
  if (std::optional<int64_t> byte = layout.findPadding(codes.data(), rows))
    return StorageError{Kind::Padding, *byte};
  if (std::optional<int64_t> index =
          findExcludedCode(format, layout, codes.data(), sizes->numElements))
    return StorageError{Kind::CodeOutOfRange, *index};
  if (std::optional<int64_t> index = findNonFiniteValue(format.scale, scales))
    return StorageError{Kind::NonFiniteScale, *index};
  if (!format.hasOffset())
    return std::nullopt;
  if (format.offsetKind) {
    if (std::optional<int64_t> index =
            findNonFiniteValue(*format.offsetKind, offsets))
      return StorageError{Kind::InvalidOffset, *index};
    return std::nullopt;
  }
  for (int64_t i = 0; i < sizes->numBlocks; ++i) {
    int zero = format.isSigned ? int(int8_t(offsets[i])) : int(offsets[i]);
    if (zero < format.getMinCode() || zero > format.getMaxCode())
      return StorageError{Kind::InvalidOffset, i};
  }
  return std::nullopt;
}
