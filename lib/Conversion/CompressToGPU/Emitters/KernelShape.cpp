//===- KernelShape.cpp - how kernels divide the work ----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Few rows of lhs: what counts is that all multiprocessors read the weight, so
// blocks are many and share what is reduced where outputs are few. Many rows:
// products count, so warps have as many sums as fit their registers, which
// makes what they read from shared memory for each mma less.
//
//===----------------------------------------------------------------------===//

#include "PackSigns.h"
#include "SharedMemory.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace mlir::compress;

/// Warps of a block.
static constexpr int64_t kWarps = 8;
/// Rows of lhs of a block; the last ones are those of kernels for many rows.
static constexpr int64_t kLhsRows[] = {8, 16, 32, 64}, kManyLhsRows = 128;
/// Outputs of a warp, rows of lhs of one at most, and columns of lhs that it
/// takes in a stage, at least.
static constexpr int64_t kWarpRows = 32, kWarpLhsRows = 64, kWarpColumns = 64;
/// The same of kernels for many rows, columns in bytes of lhs.
static constexpr int64_t kManyWarpRows = 64, kManyWarpBytes = 128;
/// Columns of a tile: of more, what is unpacked takes more registers than are
/// left.
static constexpr int64_t kManyTileColumns = 64;
/// Sums of all outputs and rows of a warp, where each block of the weight is
/// summed up apart.
static constexpr int64_t kMaxSums = kWarpRows * kWarpLhsRows;
/// Stages: one is computed with while others arrive.
static constexpr int64_t kMinStages = 2, kGoodStages = 3, kMaxStages = 4;
/// A multiprocessor has so much shared memory more than a block may have, and
/// takes so much more for each block.
static constexpr int64_t kReservedBytes = 1024;
/// What a block is taken to read while a kernel is launched, and how many parts
/// of sums one kernel adds up.
static constexpr int64_t kLaunchBytes = 64 * 1024, kMostParts = 32;
/// See KernelShape::neighbours.
static constexpr int64_t kNeighbours = 16;

/// The most of kLhsRows that a weight has a kernel for: sums must fit
/// registers.
static int64_t getMostLhsRows(const FragmentWeight &weight, MmaKind kind,
                              const GpuChip &chip) {
  int64_t outputs = std::max(kWarpRows, weight.getTileRows()), most = 0;
  int64_t mostSums = kMaxSums;
  auto decoder = cast<FragmentDecoderInterface>(weight.codec.getBase());
  FragmentFormat format = decoder.getFragmentFormat(weight, kind);
  // What is converted takes registers, too, and so do the scales of blocks that
  // are as short as a fragment.
  if (format.tilesPerBlock && isMmaConverted(kind, chip))
    mostSums /= 4;
  else if (format.tilesPerBlock * weight.getTileColumns() == kMmaColumns &&
           !decoder.getScaledFormat(weight, kind))
    mostSums /= 2;
  for (int64_t rows : kLhsRows)
    if (rows * outputs <= mostSums)
      most = rows;
  return most;
}

namespace {
/// Chooses shapes for one weight and chip.
class ShapeChooser {
public:
  ShapeChooser(const FragmentWeight &weight, MmaKind kind, int64_t planes,
               const GpuChip &chip)
      : weight(weight),
        decoder(cast<FragmentDecoderInterface>(weight.codec.getBase())),
        chip(chip), kind(kind), lhsBits(getMmaElementBits(kind) * planes),
        batches(computeProduct(weight.getTiled().getShape().take_front(
            weight.logical.getRank() - 2))) {}

  /// For up to so many rows, of which there are so many blocks.
  KernelShape chooseForFew(int64_t lhsRows, int64_t lhsBlocks) const;
  /// For any number of rows, if there is a better one than chooseForFew has.
  std::optional<KernelShape> chooseForMany() const;
  /// How many blocks keep most of the GPU busy.
  int64_t getBusyBlocks() const {
    return llvm::divideCeilSigned(3 * chip.multiprocessors, 4);
  }
  int64_t getNumBlocks(const KernelShape &shape) const {
    return getNumOutputBlocks(weight, shape) * batches;
  }

private:
  bool fits(KernelShape &shape, int64_t stages) const {
    shape.stages = stages;
    return getSharedBytes(weight, shape) <= chip.sharedBytes;
  }
  int64_t getResidentBlocks(const KernelShape &shape) const;
  int64_t getSplits(const KernelShape &shape, int64_t lhsBlocks,
                    int64_t most) const;
  void makeParts(KernelShape &shape, int64_t lhsBlocks) const;
  KernelShape make(int64_t lhsRows, int64_t lhsBlocks, int64_t rowWarps,
                   int64_t columnWarps) const;

  bool prefersScaled(int64_t lhsRows) const;

  const FragmentWeight &weight;
  FragmentDecoderInterface decoder;
  const GpuChip &chip;
  MmaKind kind;
  int64_t lhsBits, batches;
};
} // namespace

/// Blocks that a multiprocessor has at once, of those that are wanted: two of
/// few rows, as their registers allow, so that one computes while the other
/// begins or ends.
int64_t ShapeChooser::getResidentBlocks(const KernelShape &shape) const {
  int64_t most = shape.lhsRows <= 32 ? 2 : 1;
  return std::min(most, (chip.sharedBytes + kReservedBytes) /
                            (getSharedBytes(weight, shape) + kReservedBytes));
}

/// How many blocks share what is reduced, so that there are as many blocks as
/// the GPU has room for: `most` at most, of which each has some stages.
int64_t ShapeChooser::getSplits(const KernelShape &shape, int64_t lhsBlocks,
                                int64_t most) const {
  int64_t blocks = getNumBlocks(shape) * lhsBlocks, splits = 1;
  int64_t stages =
      llvm::divideCeilSigned(weight.records.count, shape.getStageRecords());
  while (2 * splits <= most &&
         2 * splits * blocks <= chip.multiprocessors * shape.residentBlocks &&
         4 * splits <= stages)
    splits *= 2;
  return splits;
}

/// Without clusters a kernel of its own adds up what blocks have: where even
/// small blocks are too few, and what each reads less is worth the launch. Sums
/// are to be less than what is read of the weight.
void ShapeChooser::makeParts(KernelShape &shape, int64_t lhsBlocks) const {
  if (chip.clusterBlocks > 1 ||
      getNumBlocks(shape) * lhsBlocks >= getBusyBlocks())
    return;
  int64_t tileRows = shape.getBlockTileRows();
  int64_t bytes = tileRows * weight.records.count * weight.records.bytes;
  int64_t sums = shape.lhsRows * tileRows * weight.getTileRows() * 4;
  int64_t splits =
      getSplits(shape, lhsBlocks, std::min(bytes / sums, kMostParts));
  if (bytes - bytes / splits > kLaunchBytes)
    shape.splits = splits;
}

/// Whether to multiply numbers by their scales takes no more than to do so with
/// sums of blocks, for a warp with so many rows of lhs: for each of its mma
/// that is one operation on four sums for a block, and another one with the
/// sums of lhs.
bool ShapeChooser::prefersScaled(int64_t lhsRows) const {
  std::optional<FragmentFormat> scaled = decoder.getScaledFormat(weight, kind);
  if (!scaled)
    return false;
  FragmentFormat format = decoder.getFragmentFormat(weight, kind);
  int64_t sums = lhsRows / kMmaRows * 4;
  int64_t perBlock = format.hasOffset() ? 2 * sums : sums;
  int64_t columns = format.tilesPerBlock * weight.getTileColumns();
  int64_t fragments =
      columns / (format.isSparse ? 2 * kMmaColumns : kMmaColumns);
  return scaled->factorCost * fragments <= perBlock;
}

KernelShape ShapeChooser::make(int64_t lhsRows, int64_t lhsBlocks,
                               int64_t rowWarps, int64_t columnWarps) const {
  KernelShape shape;
  shape.isScaled = prefersScaled(lhsRows);
  shape.lhsBits = lhsBits;
  shape.lhsRows = lhsRows;
  shape.lhsWarps = 1;
  shape.tileRows = std::max<int64_t>(kWarpRows / weight.getTileRows(), 1);
  int64_t columns = weight.getTilesPerRecord() * weight.getTileColumns();
  shape.records = std::min(llvm::divideCeilSigned(kWarpColumns, columns),
                           weight.records.count);
  shape.rowWarps = rowWarps;
  shape.columnWarps = columnWarps;
  while (shape.columnWarps > 1 &&
         (shape.getStageRecords() > weight.records.count ||
          !fits(shape, kGoodStages)))
    shape.columnWarps /= 2;
  int64_t best = kMinStages - 1, resident = 0;
  for (int64_t stages = kMaxStages; stages >= kMinStages; --stages)
    if (fits(shape, stages) && getResidentBlocks(shape) > resident &&
        (resident == 0 || stages >= kGoodStages)) {
      best = stages;
      resident = getResidentBlocks(shape);
    }
  shape.stages = best;
  shape.residentBlocks = std::max<int64_t>(resident, 1);
  if (chip.clusterBlocks > 1)
    shape.splits = getSplits(shape, lhsBlocks, chip.clusterBlocks);
  shape.isCluster = shape.splits > 1;
  return shape;
}

KernelShape ShapeChooser::chooseForFew(int64_t lhsRows,
                                       int64_t lhsBlocks) const {
  // With few rows of lhs, reading them again for other outputs costs little, so
  // warps share columns. With many, warps share what is in shared memory.
  int64_t rowWarps = lhsRows <= 8 ? 2 : lhsRows <= 16 ? 4 : kWarps;
  int64_t columnWarps = kWarps / rowWarps;
  KernelShape shape = make(lhsRows, lhsBlocks, rowWarps, columnWarps);
  auto getBlocks = [&](const KernelShape &shape) {
    return getNumBlocks(shape) * lhsBlocks * shape.splits;
  };
  while (rowWarps > 1) {
    rowWarps /= 2;
    // Records may be large.
    if (shape.stages < kMinStages ||
        (rowWarps >= kWarps / 2 && shape.stages < kGoodStages)) {
      shape = make(lhsRows, lhsBlocks, rowWarps, columnWarps);
      continue;
    }
    columnWarps *= 2;
    KernelShape fewer = make(lhsRows, lhsBlocks, rowWarps, columnWarps);
    bool isSmall = shape.getBlockTileRows() / 2 >= weight.getNumTileRows();
    // Small blocks cost the more, the more rows of lhs they read.
    bool isMore = getBlocks(shape) * (lhsRows > 16 ? 2 : 1) < getBusyBlocks() &&
                  getBlocks(fewer) > getBlocks(shape) &&
                  fewer.getNumWarps() >= shape.getNumWarps() &&
                  fewer.stages >= std::min(kGoodStages, shape.stages);
    if (!isSmall && !isMore)
      break;
    shape = fewer;
  }
  makeParts(shape, lhsBlocks);
  return shape;
}

std::optional<KernelShape> ShapeChooser::chooseForMany() const {
  std::optional<FragmentFormat> scaled = decoder.getScaledFormat(weight, kind);
  FragmentFormat format =
      scaled ? *scaled : decoder.getFragmentFormat(weight, kind);
  // Sums of blocks, and of rows of lhs, take registers, too, and so do the
  // columns of lhs that sparse weights choose from, what is looked up, and what
  // is converted.
  if (format.tilesPerBlock || format.isSparse || isMmaConverted(kind, chip) ||
      (decoder.getTableBytes(weight, /*blockTileRows=*/1) && !scaled) ||
      (format.hasOffset() && !isLhsRounded(kind)) ||
      kManyWarpRows % weight.getTileRows() ||
      weight.getTileColumns() > kManyTileColumns)
    return std::nullopt;
  KernelShape shape;
  shape.isScaled = scaled.has_value();
  shape.lhsBits = lhsBits;
  shape.lhsRows = kManyLhsRows;
  shape.lhsWarps = kManyLhsRows / kWarpLhsRows;
  shape.rowWarps = kWarps / shape.lhsWarps;
  shape.columnWarps = 1;
  shape.tileRows = kManyWarpRows / weight.getTileRows();
  shape.neighbours = kNeighbours;
  int64_t columns = weight.getTilesPerRecord() * weight.getTileColumns();
  shape.records =
      std::min(llvm::divideCeilSigned(kManyWarpBytes * 8 / lhsBits, columns),
               weight.records.count);
  while (shape.records > 1 && !fits(shape, kGoodStages))
    shape.records /= 2;
  for (int64_t stages = kMaxStages; stages >= kGoodStages; --stages)
    if (fits(shape, stages))
      return shape;
  return std::nullopt;
}

LhsForm LhsForm::of(ContractOp op) {
  if (getMmaKind(op) == MmaKind::B1)
    return {/*hasWindow=*/false, getSignBits(op)};
  return {bool(op.getWindow())};
}

SmallVector<KernelChoice>
mlir::compress::chooseKernels(const FragmentWeight &weight, MmaKind kind,
                              int64_t rows, const LhsForm &lhs,
                              const GpuChip &chip) {
  ShapeChooser chooser(weight, kind, lhs.planes, chip);
  bool isKnown = !ShapedType::isDynamic(rows);
  SmallVector<KernelChoice> choices;
  int64_t most = getMostLhsRows(weight, kind, chip);
  // Places in windows take registers, too, so blocks stay as they are for many
  // rows.
  auto countBlocks = [&](int64_t lhsRows) {
    if (lhs.hasWindow && lhsRows == most)
      return chip.multiprocessors;
    return isKnown ? llvm::divideCeilSigned(rows, lhsRows) : 1;
  };
  for (int64_t lhsRows : kLhsRows)
    if (lhsRows <= most)
      choices.push_back(
          {chooser.chooseForFew(lhsRows, countBlocks(lhsRows)), lhsRows});
  std::optional<KernelShape> many;
  if (!lhs.hasWindow)
    many = chooser.chooseForMany();
  if (!many) {
    // The same, without a cluster.
    many = chooser.chooseForFew(most, chip.multiprocessors);
    if (many->getNumWarps() == kWarps)
      many->neighbours = kNeighbours;
  }
  // As many rows as do not keep the GPU busy in such large blocks.
  int64_t lhsBlocks =
      llvm::divideCeilSigned(chooser.getBusyBlocks(),
                             std::max<int64_t>(chooser.getNumBlocks(*many), 1));
  choices.back().most = std::max(most, (lhsBlocks - 1) * many->lhsRows);
  choices.push_back({*many, 0});
  if (isKnown) {
    const KernelChoice *chosen = llvm::find_if(choices, [&](auto &choice) {
      return !choice.most || choice.most >= rows;
    });
    return {*chosen};
  }
  return choices;
}
