//===- FragmentLayout.cpp - codes in the order of mma fragments -----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FragmentLayout.h"
#include "compress/Conversion/CompressToGPU/Mma.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::compress;

static constexpr int64_t kWords = kLaneBytes / 4;

static const algorithms::MmaFragment &getFragment() {
  static const algorithms::MmaFragment fragment =
      algorithms::getMmaShape(MmaKind::F16).a;
  return fragment;
}

int64_t FragmentLayout::getColumns() const {
  return getFragment().columns * (isSparse ? 2 : 1);
}

std::optional<FragmentLayout> FragmentLayout::choose(const FragmentCodes &codes,
                                                     int64_t columns) {
  if (codes.bits > 8 && codes.bits != 16)
    return std::nullopt;
  FragmentLayout layout = {codes.bits, 1, 1, 1, codes.hasPairs, codes.isSparse};
  // Sums of bytes take twice the columns.
  const bool isOneBlock = codes.block >= columns;
  if (codes.bits <= 8)
    columns = std::max(columns, layout.getColumns() + 1);
  int64_t most = layout.areRowsFields() ? 8 / codes.bits
                 : codes.bits <= 8      ? 2
                                        : 1;
  // Positions of several fragments would share bytes.
  if (layout.isSparse && most > 2)
    return std::nullopt;
  // What of a fragment's four registers is no field takes words.
  int64_t registers = (layout.areRowsFields() ? 1 : 2) * (most > 1 ? 1 : 2);
  for (int64_t fields = most; fields; fields = fields > 2 ? fields / 2 : 0) {
    layout.columnFields = fields;
    for (int64_t steps = kWords / registers; steps; steps /= 2) {
      layout.outerSteps = steps;
      layout.rowTiles = kWords / registers / steps;
      int64_t extent = layout.getSteps() * layout.getColumns();
      // One block takes as many columns as it needs, others as many as divide
      // it.
      if (isOneBlock ? steps == 1 || extent / 2 < columns
                     : codes.block % extent == 0)
        return layout;
    }
  }
  return std::nullopt;
}

FragmentLayout FragmentLayout::of(unsigned bits, const FragmentWeight &weight) {
  FragmentLayout layout = {bits, 1, 1, 1};
  layout.rowTiles = weight.getTileRows() / getFragment().rows;
  // Codes that are a byte lie along the last factor.
  if (layout.areRowsFields())
    layout.columnFields = weight.codec.getLayout().getFactors().back().extent;
  else if (bits <= 8)
    layout.columnFields = 2;
  layout.outerSteps = weight.getTileColumns() / getFragment().columns /
                      layout.getStepsPerWord();
  return layout;
}

algorithms::TileLayout FragmentLayout::getTiles(int64_t rank, unsigned rowDim,
                                                unsigned columnDim) const {
  const algorithms::MmaFragment &fragment = getFragment();
  algorithms::TileLayout layout;
  layout.tile.assign(rank, 1);
  layout.tile[rowDim] = rowTiles * fragment.rows;
  layout.tile[columnDim] = getSteps() * getColumns();
  // Digits of rows and columns: those of the fragment, and what is beyond it.
  struct Digit {
    int64_t extent, stride, index;
  };
  SmallVector<Digit> digits[2];
  for (ArrayRef<algorithms::MmaFragment::Factor> factors :
       {ArrayRef(fragment.lanes), ArrayRef(fragment.registers),
        ArrayRef(fragment.elements)})
    for (const algorithms::MmaFragment::Factor &factor : factors)
      digits[factor.dim].push_back({factor.extent, factor.stride, 0});
  for (SmallVector<Digit> &dim : digits)
    llvm::sort(dim, [](const Digit &a, const Digit &b) {
      return a.stride > b.stride;
    });
  // Half fragments of several steps are one digit.
  digits[1].front().extent *= getStepsPerWord();
  digits[0].insert(digits[0].begin(), {rowTiles, fragment.rows, 0});
  digits[1].insert(digits[1].begin(),
                   {outerSteps, getStepsPerWord() * fragment.columns, 0});
  // Of four columns as many elements as a register has.
  if (isSparse)
    digits[1].back().extent *= 2;
  for (unsigned dim = 0; dim < rank; ++dim) {
    if (dim != rowDim && dim != columnDim) {
      layout.order.push_back(dim);
      layout.inside.push_back(layout.split.size());
      layout.split.push_back(1);
      continue;
    }
    for (Digit &digit : digits[dim == columnDim]) {
      digit.index = layout.split.size();
      layout.split.push_back(digit.extent);
    }
  }
  layout.order.append({rowDim, columnDim});
  auto append = [&](unsigned dim, int64_t stride) {
    const Digit *digit = llvm::find_if(digits[dim], [&](const Digit &digit) {
      return digit.stride == stride;
    });
    layout.inside.push_back(digit->index);
  };
  auto appendFactors = [&](ArrayRef<algorithms::MmaFragment::Factor> factors) {
    for (const algorithms::MmaFragment::Factor &factor : factors)
      append(factor.dim, factor.stride);
  };
  appendFactors(fragment.lanes);
  layout.inside.push_back(digits[1].front().index);
  layout.inside.push_back(digits[0].front().index);
  auto isField = [&](const algorithms::MmaFragment::Factor &factor) {
    return factor.dim ? columnFields > 1 : areRowsFields();
  };
  auto appendRegisters = [&](bool fields, unsigned dim) {
    for (const algorithms::MmaFragment::Factor &factor : fragment.registers)
      if (isField(factor) == fields && factor.dim == dim)
        append(factor.dim, factor.stride);
  };
  for (unsigned dim : {1, 0})
    appendRegisters(/*fields=*/false, dim);
  if (!hasPairs)
    appendFactors(fragment.elements);
  // Columns last: what is packed into a byte lies along one digit.
  for (unsigned dim : {0, 1})
    appendRegisters(/*fields=*/true, dim);
  if (hasPairs)
    appendFactors(fragment.elements);
  if (bits > 4 && bits < 8) {
    // One in each byte.
    layout.inside.push_back(layout.split.size());
    layout.split.push_back(1);
  }
  if (!isSparse)
    return layout;
  // Positions, fragment by fragment in the order of the words that mma.sp takes
  // for values of 16 bits.
  algorithms::MmaFragment metadata =
      algorithms::getSparseMmaShape(MmaKind::F16).metadata;
  for (int64_t factor = 0, count = layout.split.size(); factor < count;
       ++factor)
    if (llvm::none_of(digits, [&](ArrayRef<Digit> dim) {
          return llvm::any_of(
              dim, [&](const Digit &digit) { return digit.index == factor; });
        }))
      layout.positions.push_back(factor);
  layout.positions.push_back(digits[0].front().index);
  layout.positions.push_back(digits[1].front().index);
  for (ArrayRef<algorithms::MmaFragment::Factor> factors :
       {ArrayRef(metadata.lanes), ArrayRef(metadata.elements)})
    for (const algorithms::MmaFragment::Factor &factor : factors)
      for (const Digit &digit : ArrayRef(digits[factor.dim]).drop_front())
        if (digit.stride >= factor.stride &&
            digit.stride < factor.stride * factor.extent)
          layout.positions.push_back(digit.index);
  return layout;
}

FragmentLayout::Field FragmentLayout::getField(int64_t rowTile, int64_t step,
                                               int64_t reg) const {
  algorithms::MmaFragment::Place place = getFragment().getPlace(0, reg, 0);
  int64_t row = place.row != 0, column = place.column != 0;
  int64_t columns = columnFields;
  Field field = {step / getStepsPerWord() * rowTiles + rowTile, 0};
  if (columns == 1)
    field.word = 2 * field.word + column;
  if (!areRowsFields())
    field.word = 2 * field.word + row;
  else
    field.field = row * columns;
  if (columns > 1)
    field.field += step % getStepsPerWord() * 2 + column;
  return field;
}

std::optional<algorithms::TileLayout>
mlir::compress::getFragmentLayout(FragmentDecoderInterface decoder,
                                  RankedTensorType logical, unsigned rowDim,
                                  unsigned columnDim) {
  auto codes = decoder.getFragmentCodes(logical, columnDim);
  if (!codes)
    return std::nullopt;
  auto codec = cast<CodecAttrInterface>(Attribute(decoder));
  int64_t block = codes->block;
  int64_t columns = logical.getDimSize(columnDim), rank = logical.getRank();
  std::optional<FragmentLayout> fragments =
      FragmentLayout::choose(*codes, columns);
  if (!fragments)
    return std::nullopt;
  algorithms::TileLayout layout = fragments->getTiles(rank, rowDim, columnDim);
  layout.flip = codes->flip;
  if (!codec.getTiledCodec(logical, layout))
    return std::nullopt;
  // Records of whole accesses, with the scales of whole blocks.
  int64_t tiles = block >= columns
                      ? 1
                      : std::max<int64_t>(block / layout.tile[columnDim], 1);
  // A word of metadata is shared by two fragments.
  if (codes->isSparse && fragments->rowTiles * fragments->getSteps() == 1 &&
      columns > layout.tile[columnDim])
    tiles = std::max<int64_t>(tiles, 2);
  // Three and their multiples are blocks of a row of a window.
  for (int64_t blocks : {1, 2, 4, 8, 16, 3, 6, 12}) {
    layout.record = tiles * blocks;
    auto tiled = TiledAttr::get(codec, layout);
    auto records = tiled.getRecords(logical);
    if (!records || records->bytes % kLaneBytes != 0)
      continue;
    // What is stored for a tile is stored for each row, or once for all.
    auto leaves = tiled.getLeaves(logical);
    int64_t tiledRank = tiled.getTiledType(logical).getRank();
    for (const TiledAttr::Leaf &leaf : llvm::drop_begin(*leaves)) {
      if (leaf.role == ComponentRole::Metadata)
        continue;
      ArrayRef<int64_t> shape = leaf.type.getShape();
      int64_t count =
          computeProduct(shape.take_front(tiledRank).drop_front(rank));
      if (int64_t(shape.size()) < tiledRank ||
          (count != 1 && count != layout.tile[rowDim]))
        return std::nullopt;
      // What has more dimensions becomes a table, which is of all columns.
      if (int64_t(shape.size()) > tiledRank && shape[rank - 1] != 1)
        return std::nullopt;
    }
    return layout;
  }
  return std::nullopt;
}

/// What is stored for the rows that a lane has of a tile, or for all of them:
/// as bytes out of records, or as elements.
static Value loadRowVector(ImplicitLocOpBuilder &b,
                           const FragmentWeight &weight,
                           const FragmentPlace &place, unsigned leaf) {
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, value);
  };
  const TiledAttr::Leaf &of = weight.leaves[leaf];
  Type element = of.type.getElementType();
  int64_t rank = weight.logical.getRank();
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  // The rows of a lane are neighbours in what is stored for all rows.
  int64_t rows = weight.getTileRows() / 8;
  int64_t count = computeProduct(of.type.getShape().drop_front(rank));
  bool isShared = count == 1;
  auto vector = VectorType::get(isShared ? 1 : rows, element);
  Value loaded;
  if (const auto &part = weight.records.parts[leaf]) {
    int64_t entries = part->bytes / (count * bytes);
    int64_t tilesPerEntry = weight.getTilesPerRecord() / entries;
    Value at = arith::AddIOp::create(
        b, place.record,
        index(part->offset + place.tile / tilesPerEntry * count * bytes));
    if (!isShared)
      at = arith::AddIOp::create(
          b, at, arith::MulIOp::create(b, place.group, index(rows * bytes)));
    int64_t size = vector.getNumElements() * bytes;
    // Parts begin where each lane's share is aligned to its size.
    int64_t alignment = llvm::MinAlign(
        llvm::MinAlign(weight.records.bytes, part->offset), size);
    loaded = vector::LoadOp::create(b, VectorType::get(size, b.getI8Type()),
                                    place.buffer, at, /*nontemporal=*/false,
                                    llvm::MaybeAlign(alignment));
  } else {
    unsigned number =
        llvm::count_if(ArrayRef(weight.records.parts).take_front(leaf),
                       [](const auto &part) { return !part; });
    SmallVector<Value> at;
    for (int64_t dim = 0; dim + 1 < rank; ++dim) {
      Value entry = place.outer[dim];
      if (of.type.getDimSize(dim) == 1)
        entry = index(0);
      else if (of.tiles[dim] > 1)
        entry = arith::DivUIOp::create(b, entry, index(of.tiles[dim]));
      at.push_back(entry);
    }
    // Columns, and what is inside of a tile.
    if (of.type.getDimSize(rank - 1) == 1)
      at.push_back(index(0));
    else
      at.push_back(
          arith::DivUIOp::create(b, place.column, index(of.tiles.back())));
    at.push_back(
        isShared
            ? index(0)
            : arith::MulIOp::create(b, place.group, index(rows)).getResult());
    loaded = vector::LoadOp::create(b, vector, place.shared[number], at);
  }
  return loaded;
}

/// How many elements that vector has.
static int64_t getStoredRows(const FragmentWeight &weight, unsigned leaf) {
  ArrayRef<int64_t> shape = weight.leaves[leaf].type.getShape();
  bool isShared =
      computeProduct(shape.drop_front(weight.logical.getRank())) == 1;
  return isShared ? 1 : weight.getTileRows() / 8;
}

SmallVector<Value> mlir::compress::loadRows(ImplicitLocOpBuilder &b,
                                            const FragmentWeight &weight,
                                            const FragmentPlace &place,
                                            unsigned leaf) {
  int64_t stored = getStoredRows(weight, leaf);
  Value loaded = vector::BitCastOp::create(
      b, VectorType::get(stored, weight.leaves[leaf].type.getElementType()),
      loadRowVector(b, weight, place, leaf));
  SmallVector<Value> result;
  for (int64_t row = 0; row < weight.getTileRows() / 8; ++row)
    result.push_back(vector::ExtractOp::create(b, loaded, row % stored));
  return result;
}

SmallVector<std::pair<Value, int64_t>>
mlir::compress::loadRowBytes(ImplicitLocOpBuilder &b,
                             const FragmentWeight &weight,
                             const FragmentPlace &place, unsigned leaf) {
  int64_t stored = getStoredRows(weight, leaf);
  int64_t perWord = std::min<int64_t>(stored, 4);
  Type integer = b.getIntegerType(8 * perWord);
  Value loaded =
      vector::BitCastOp::create(b, VectorType::get(stored / perWord, integer),
                                loadRowVector(b, weight, place, leaf));
  SmallVector<Value> words;
  for (int64_t i = 0; i < stored / perWord; ++i) {
    words.push_back(vector::ExtractOp::create(b, loaded, i));
    if (perWord < 4)
      words[i] = arith::ExtUIOp::create(b, b.getI32Type(), words[i]);
  }
  SmallVector<std::pair<Value, int64_t>> bytes;
  for (int64_t row = 0; row < weight.getTileRows() / 8; ++row)
    bytes.push_back({words[row % stored / perWord], row % perWord});
  return bytes;
}

SmallVector<Value> mlir::compress::loadRowPairs(ImplicitLocOpBuilder &b,
                                                const FragmentWeight &weight,
                                                const FragmentPlace &place,
                                                unsigned leaf) {
  int64_t stored = getStoredRows(weight, leaf);
  int64_t perWord = std::min<int64_t>(stored, 2);
  Type integer = b.getIntegerType(16 * perWord);
  Value loaded =
      vector::BitCastOp::create(b, VectorType::get(stored / perWord, integer),
                                loadRowVector(b, weight, place, leaf));
  SmallVector<Value> words, pairs;
  for (int64_t i = 0; i < stored / perWord; ++i) {
    words.push_back(vector::ExtractOp::create(b, loaded, i));
    if (perWord < 2)
      words[i] = arith::ExtUIOp::create(b, b.getI32Type(), words[i]);
  }
  for (int64_t row = 0; row < weight.getTileRows() / 8; ++row)
    pairs.push_back(
        repeatHalf(b, words[row % stored / perWord], row % perWord));
  return pairs;
}

SmallVector<Value> RowFactors::flatten() const {
  SmallVector<Value> all(scale);
  llvm::append_range(all, lowScale);
  llvm::append_range(all, minusZero);
  llvm::append_range(all, min);
  return all;
}

RowFactors RowFactors::of(ValueRange factors, const FragmentWeight &weight,
                          bool hasLowScale, bool hasZero) {
  size_t rows = weight.getTileRows() / 8;
  RowFactors result;
  auto take = [&](SmallVector<Value> &some) {
    some = llvm::to_vector(factors.take_front(rows));
    factors = factors.drop_front(rows);
  };
  take(result.scale);
  if (hasLowScale)
    take(result.lowScale);
  if (hasZero)
    take(result.minusZero);
  if (!factors.empty())
    take(result.min);
  return result;
}

bool mlir::compress::hasLowScales(Type scale, MmaKind kind) {
  return kind == MmaKind::BF16 && scale && (scale.isF16() || scale.isF32());
}

void RowFactors::loadScales(ImplicitLocOpBuilder &b,
                            const FragmentWeight &weight,
                            const FragmentPlace &place, Type type,
                            unsigned leaf, MmaKind kind) {
  if (!hasLowScales(type, kind)) {
    scale = loadRowPairs(b, weight, place, leaf);
    return;
  }
  for (Value number :
       emitComponent(b, weight, place, type, /*isSigned=*/false, leaf)) {
    auto [high, low] = splitToPairs(b, number, kind);
    scale.push_back(high);
    lowScale.push_back(low);
  }
}

void RowFactors::apply(ImplicitLocOpBuilder &b,
                       MutableArrayRef<Value> registers, int64_t rowTile,
                       MmaKind kind) const {
  for (auto [i, number] : llvm::enumerate(registers)) {
    // Registers take turns between the lower and upper 8 rows.
    int64_t row = 2 * rowTile + i % 2;
    if (!minusZero.empty())
      number = emitPairSum(b, kind, number, minusZero[row]);
    Value added;
    if (!min.empty())
      added = min[row];
    else if (!lowScale.empty())
      added = emitPairProduct(b, kind, number, lowScale[row]);
    number = added ? emitPairFMA(b, kind, number, scale[row], added)
                   : emitPairProduct(b, kind, number, scale[row]);
  }
}

bool mlir::compress::hasTypeOfValues(const FragmentWeight &weight,
                                     MmaKind kind) {
  Type element = weight.logical.getElementType();
  return (kind == MmaKind::F16 || kind == MmaKind::BF16) &&
         element == getMmaElement(element.getContext(), kind);
}

/// 2^(byte - 127), in f32, for one byte of a word.
static Value toPowerOfTwo(ImplicitLocOpBuilder &b, Value word, int64_t byte) {
  auto constant = [&](int32_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
  };
  constexpr int64_t digits = 23;
  Value exponent =
      8 * byte > digits
          ? arith::ShRUIOp::create(b, word, constant(8 * byte - digits))
                .getResult()
          : arith::ShLIOp::create(b, word, constant(digits - 8 * byte))
                .getResult();
  exponent = arith::AndIOp::create(b, exponent, constant(0xff << digits));
  // That of 0 is subnormal: of all others, the bits are larger.
  Value bits = arith::MaxUIOp::create(b, exponent, constant(1 << (digits - 1)));
  return arith::BitcastOp::create(b, b.getF32Type(), bits);
}

SmallVector<Value> mlir::compress::emitComponent(ImplicitLocOpBuilder &b,
                                                 const FragmentWeight &weight,
                                                 const FragmentPlace &place,
                                                 Type component, bool isSigned,
                                                 unsigned &leaf) {
  if (auto compressed = dyn_cast<CompressedTensorType>(component))
    return cast<FragmentDecoderInterface>(compressed.getCodec())
        .emitRows(b, b.getLoc(), weight, place, compressed.getLogicalType(),
                  leaf);
  if (isa<Float8E8M0FNUType>(getElementTypeOrSelf(component))) {
    SmallVector<Value> powers;
    for (auto [word, byte] : loadRowBytes(b, weight, place, leaf++))
      powers.push_back(toPowerOfTwo(b, word, byte));
    return powers;
  }
  SmallVector<Value> rows = loadRows(b, weight, place, leaf++);
  for (Value &row : rows) {
    Type f32 = b.getF32Type();
    if (row.getType().isInteger())
      row = isSigned ? arith::SIToFPOp::create(b, f32, row).getResult()
                     : arith::UIToFPOp::create(b, f32, row).getResult();
    else if (!row.getType().isF32())
      row = arith::ExtFOp::create(b, f32, row);
  }
  return rows;
}

//===----------------------------------------------------------------------===//
// FragmentWeight
//===----------------------------------------------------------------------===//

FragmentWeight::FragmentWeight(TiledAttr codec, RankedTensorType logical)
    : codec(codec), logical(logical), leaves(*codec.getLeaves(logical)),
      records(*codec.getRecords(logical)) {}

bool mlir::compress::isFragmentWeight(CompressedTensorType weight,
                                      unsigned rowDim, unsigned columnDim) {
  auto codec = dyn_cast<TiledAttr>(weight.getCodec());
  auto decoder =
      codec ? dyn_cast<FragmentDecoderInterface>(codec.getBase()) : nullptr;
  return decoder && getFragmentLayout(decoder, weight.getLogicalType(), rowDim,
                                      columnDim) == codec.getLayout();
}

void mlir::compress::registerFragmentDecoders(DialectRegistry &registry) {
  registerDenseFragmentDecoder(registry);
  registerNestedFragmentDecoder(registry);
  registerNmFragmentDecoder(registry);
  registerPaletteFragmentDecoder(registry);
  registerQuantFragmentDecoder(registry);
}

#include "compress/Conversion/CompressToGPU/FragmentDecoderInterface.cpp.inc"
