//===- CodecsTest.cpp - Damaged components of codecs ----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Algorithms/SparseReference.h"
#include "Mutations.h"
#include "compress/Algorithms/Bitmask.h"
#include "compress/Algorithms/Huffman.h"
#include "compress/Algorithms/NmSparsity.h"
#include "compress/Algorithms/Palette.h"
#include "compress/Algorithms/Quantize.h"

#include <cmath>

using namespace mlir::compress::algorithms;
using namespace stored_data;

static FloatKind pickKind(Random &random) {
  return FloatKind(random.pick(0, 2));
}

static Bytes makeWeight(Random &random, int64_t count, FloatKind kind) {
  return sparse_reference::narrow(random.normals(count), kind);
}

static bool areFinite(const Bytes &bytes, FloatKind kind) {
  return !findNonFinite(kind, bytes);
}

static int64_t countElements(llvm::ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

//===----------------------------------------------------------------------===//
// Prefix codes
//===----------------------------------------------------------------------===//

static Sample makeHuffman(Random &random) {
  const std::optional<FloatKind> splits[] = {std::nullopt, FloatKind::BF16,
                                             FloatKind::F16, FloatKind::F32};
  HuffmanShape shape;
  shape.shape = {random.pick(1, 4), random.pick(1, 40)};
  shape.tile = {random.pick(1, 3), random.pick(1, 40)};
  shape.split = splits[random.pick(0, 3)];
  shape.maxLength = random.pick(kMinHuffmanLength, kMaxHuffmanLength);
  Bytes source;
  if (shape.split)
    source = makeWeight(random, shape.getNumElements(), *shape.split);
  else
    for (int64_t i = 0; i < shape.getNumElements(); ++i)
      source.push_back(uint8_t(int(4 * random.normal())));
  Bytes table(shape.getTableBytes()), symbols(256),
      offsets(4 * shape.getNumStreams()), stream,
      rest(shape.getNumElements() * (shape.getWidth() - 1));
  EXPECT_FALSE(encodeHuffman(source, shape, table, symbols, offsets, rest,
                             [&](int64_t size) {
                               stream.resize(size);
                               return llvm::MutableArrayRef<uint8_t>(stream);
                             }));
  return {{table, symbols, offsets, stream, rest},
          [=](const std::vector<Bytes> &parts) {
            HuffmanStorage storage = {parts[0], parts[1], parts[2], parts[3],
                                      parts[4]};
            const bool valid = !validateHuffman(shape, storage);
            // Decodes inside of the components, whatever these hold.
            Bytes decoded(source.size());
            const bool fits = decodeHuffman(shape, storage, 0, decoded);
            EXPECT_TRUE(fits || !valid);
            // The checksums see to all but the bytes that are not coded.
            if (valid && parts[4] == rest)
              EXPECT_EQ(decoded, source);
            return valid;
          }};
}

TEST(StoredData, Huffman) { testMutations(makeHuffman); }

//===----------------------------------------------------------------------===//
// Sparse values
//===----------------------------------------------------------------------===//

static Sample makeBitmask(Random &random) {
  BitmaskShape shape;
  shape.rows = random.pick(1, 5);
  shape.columns = random.pick(1, 20);
  const FloatKind kind = pickKind(random);
  shape.width = getByteWidth(kind);
  if (random.pick(0, 1))
    shape.keep = random.pick(0, shape.columns);
  else if (shape.rows % 2 == 0)
    shape.block = 2;
  const Bytes source = makeWeight(random, shape.rows * shape.columns, kind);
  Bytes mask(shape.rows * shape.getRowBytes());
  EXPECT_FALSE(shape.keep ? selectLargestOfRows(source, kind, shape, mask)
                          : selectLargest(source, kind, shape, 0.5, mask));
  Bytes values(countValues(shape, mask) * shape.width),
      offsets(shape.getOffsetBytes());
  EXPECT_TRUE(gatherValues(source, shape, mask, values, offsets));
  return {{mask, values, offsets}, [=](const std::vector<Bytes> &parts) {
            const bool valid =
                !validateBitmask(shape, kind, parts[0], parts[1], parts[2]);
            Bytes decoded(source.size());
            const bool fits =
                decodeBitmask(shape, parts[0], parts[1], parts[2], 0, decoded);
            EXPECT_TRUE(fits || !valid);
            if (valid)
              EXPECT_TRUE(areFinite(decoded, kind));
            return valid;
          }};
}

TEST(StoredData, Bitmask) { testMutations(makeBitmask); }

/// Positions, one by one.
static void checkPositions(const Bytes &metadata, const NmShape &shape) {
  const int64_t rank = shape.shape.size(), length = shape.shape[shape.axis];
  const int64_t groups = (length + shape.group - 1) / shape.group;
  int64_t inner = 1;
  for (int64_t i = shape.axis + 1; i < rank; ++i)
    inner *= shape.shape[i];
  const int64_t row =
      shape.axis == rank - 1 ? groups * shape.kept : shape.shape.back();
  const std::vector<unsigned> positions =
      sparse_reference::unpackRows(metadata, shape.getPositionBits(), row);
  ASSERT_EQ(sparse_reference::packRows(positions, shape.getPositionBits(), row),
            metadata);
  for (size_t i = 0; i < positions.size(); ++i) {
    const int64_t along = int64_t(i) / inner % (groups * shape.kept);
    const int64_t g = along / shape.kept, n = along % shape.kept;
    const int64_t size = std::min(shape.group, length - g * shape.group);
    ASSERT_LT(positions[i], std::max(size, shape.kept));
    if (n > 0) {
      ASSERT_GT(positions[i], positions[i - inner]);
    }
  }
}

static Sample makeNm(Random &random) {
  NmShape shape;
  shape.group = random.pick(2, 16);
  shape.kept = random.pick(1, shape.group - 1);
  for (int64_t rank = random.pick(1, 3); rank > 0; --rank)
    shape.shape.push_back(random.pick(1, 9));
  shape.axis = random.pick(0, shape.shape.size() - 1);
  const FloatKind kind = pickKind(random);
  const NmSizes sizes = *computeSizes(shape);
  const Bytes source = makeWeight(random, sizes.numElements, kind);
  Bytes values(sizes.numValues * getByteWidth(kind)),
      metadata(sizes.metadataBytes);
  EXPECT_FALSE(encodeNmMagnitude(source, kind, shape, values, metadata));
  return {{values, metadata}, [=](const std::vector<Bytes> &parts) {
            const bool valid = !validateNm(shape, kind, parts[0], parts[1]);
            Bytes decoded(source.size());
            const bool fits =
                decodeNm(shape, kind, parts[0], parts[1], 0, decoded);
            EXPECT_TRUE(fits || !valid);
            if (valid) {
              EXPECT_TRUE(areFinite(decoded, kind));
              checkPositions(parts[1], shape);
            }
            return valid;
          }};
}

TEST(StoredData, Nm) { testMutations(makeNm); }

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

static Sample makeQuant(Random &random) {
  using Offset = QuantFormat::Offset;
  QuantFormat format;
  const unsigned bits[] = {2, 3, 4, 8};
  format.bits = bits[random.pick(0, 3)];
  format.offset = Offset(random.pick(0, 2));
  // Unsigned codes without an offset are for values that are not negative.
  format.isSigned = format.offset == Offset::None ||
                    (format.offset == Offset::Zero && random.pick(0, 1));
  format.narrow = format.isSigned && random.pick(0, 1);
  format.scale = pickKind(random);
  if (format.offset == Offset::Min ||
      (format.offset == Offset::Zero && random.pick(0, 1)))
    format.offsetKind = pickKind(random);
  QuantShape shape;
  for (int64_t rank = random.pick(1, 3); rank > 0; --rank) {
    shape.shape.push_back(random.pick(1, 9));
    shape.block.push_back(random.pick(1, 10));
  }
  const QuantSizes sizes = *computeSizes(shape, format);
  const FloatKind kind = pickKind(random);
  const Bytes source = makeWeight(random, sizes.numElements, kind);
  Bytes codes(sizes.codeBytes), scales(sizes.scaleBytes),
      offsets(sizes.offsetBytes);
  EXPECT_FALSE(
      quantizeRtn(source, kind, shape, format, codes, scales, offsets));
  return {{codes, scales, offsets}, [=](const std::vector<Bytes> &parts) {
            const bool valid =
                !validateStorage(shape, format, parts[0], parts[1], parts[2]);
            std::vector<float> decoded(sizes.numElements);
            const bool fits = dequantizeRange(shape, format, kind, parts[0],
                                              parts[1], parts[2], 0, decoded);
            EXPECT_TRUE(fits || !valid);
            return valid;
          }};
}

TEST(StoredData, Quant) { testMutations(makeQuant); }

static Sample makePalette(Random &random) {
  PaletteFormat format;
  format.bits = random.pick(1, 8);
  format.dim = 1u << random.pick(0, 2);
  format.codebook = pickKind(random);
  if (random.pick(0, 1))
    format.scale = pickKind(random);
  PaletteShape shape;
  for (int64_t rank = random.pick(1, 3); rank > 0; --rank) {
    const int64_t size = random.pick(1, 9);
    shape.shape.push_back(size);
    // No group cuts a vector.
    shape.group.push_back(random.pick(0, 1) ? size : format.dim);
    if (format.scale)
      shape.block.push_back(random.pick(0, 1) ? size : 1);
  }
  const PaletteSizes sizes = *computePaletteSizes(shape, format);
  // Any index names an entry: indices of zero have no padding to break.
  Bytes indices(sizes.indexBytes),
      codebooks = makeWeight(
          random, sizes.codebookBytes / getByteWidth(format.codebook),
          format.codebook),
      scales;
  if (format.scale)
    scales = makeWeight(random, sizes.scaleBytes / getByteWidth(*format.scale),
                        *format.scale);
  const FloatKind kind = pickKind(random);
  return {{indices, codebooks, scales}, [=](const std::vector<Bytes> &parts) {
            const bool valid =
                !validatePalette(shape, format, parts[0], parts[1], parts[2]);
            std::vector<float> decoded(countElements(shape.shape));
            const bool fits = decodePalette(shape, format, kind, parts[0],
                                            parts[1], parts[2], 0, decoded);
            EXPECT_TRUE(fits || !valid);
            return valid;
          }};
}

TEST(StoredData, Palette) { testMutations(makePalette); }
