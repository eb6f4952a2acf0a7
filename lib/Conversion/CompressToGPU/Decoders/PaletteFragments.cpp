//===- PaletteFragments.cpp - fragments of shared values ------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Indices into codebooks that have all columns, of one row or more. Codebooks
// are tables in shared memory. That of all rows, if it is short, has an entry
// for each pair of indices, so that a lookup is a register; of 3 or 4 bits the
// two indices of a register are a byte. Other tables have numbers, of which a
// register takes two.
//
//===----------------------------------------------------------------------===//

#include "FragmentLayout.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::compress;

/// Indices of more bits have no table of pairs.
static constexpr unsigned kMaxPairBits = 4;

namespace {
/// The codebooks of a weight, and the table that they become.
class PaletteTable {
public:
  PaletteTable(Attribute attr, const FragmentWeight &weight)
      : weight(weight), bits(cast<PaletteAttr>(attr).getBits()) {
    int64_t rank = weight.logical.getRank();
    leaf = weight.leaves[1];
    ArrayRef<int64_t> shape = leaf.type.getShape();
    isWhole = computeProduct(shape.take_front(rank)) == 1;
    // Of a row of tiles: as many as it has rows, or one.
    books = computeProduct(shape.drop_front(rank).drop_back());
    isWhole &= books == 1;
  }

  bool hasPairs() const { return isWhole && bits <= kMaxPairBits; }
  /// Of one codebook.
  int64_t getEntries() const {
    return int64_t(1) << (hasPairs() ? 2 * bits : bits);
  }
  int64_t getNumEntries(int64_t tileRows) const {
    return isWhole ? getEntries() : tileRows * books * getEntries();
  }
  int64_t getBytes(int64_t tileRows) const {
    return getNumEntries(tileRows) * (hasPairs() ? 4 : 2);
  }

  /// Fills entry `number`.
  void emitEntry(ImplicitLocOpBuilder &b, const FragmentPlace &first,
                 Value number, MmaKind kind) const;

  /// Two neighbours in a row: `positions` are where their indices are in a
  /// word. The row is that of the lane which has this number among the rows
  /// that it has of a tile.
  Value emitLookup(ImplicitLocOpBuilder &b, const FragmentPlace &place,
                   Value word, ArrayRef<int64_t> positions, int64_t row) const;

private:
  Value getView(ImplicitLocOpBuilder &b) const {
    auto bytes = cast<MemRefType>(weight.table.getType());
    Type entry = b.getIntegerType(hasPairs() ? 32 : 16);
    int64_t size = bytes.getDimSize(0) * 8 / entry.getIntOrFloatBitWidth();
    auto type = MemRefType::get(size, entry, MemRefLayoutAttrInterface(),
                                bytes.getMemorySpace());
    return memref::ViewOp::create(b, type, weight.table,
                                  arith::ConstantIndexOp::create(b, 0),
                                  ValueRange());
  }
  /// A number of the codebooks of a row of tiles, as the kernel multiplies it.
  Value loadNumber(ImplicitLocOpBuilder &b, const FragmentPlace &first,
                   Value tileRow, Value at, MmaKind kind) const;

  const FragmentWeight &weight;
  unsigned bits;
  TiledAttr::Leaf leaf;
  /// Whether there is one codebook.
  bool isWhole;
  int64_t books;
};
} // namespace

static Value index(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

static Value constant(ImplicitLocOpBuilder &b, int32_t value) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
}

Value PaletteTable::loadNumber(ImplicitLocOpBuilder &b,
                               const FragmentPlace &first, Value tileRow,
                               Value at, MmaKind kind) const {
  int64_t rank = weight.logical.getRank();
  SmallVector<Value> place(first.outer);
  if (tileRow) {
    // Rows behind the last one have what that has.
    Value row = arith::AddIOp::create(b, place.back(), tileRow);
    place.back() =
        arith::MinUIOp::create(b, row, index(b, weight.getNumTileRows() - 1));
  }
  for (int64_t dim = 0; dim + 1 < rank; ++dim) {
    if (leaf.type.getDimSize(dim) == 1)
      place[dim] = index(b, 0);
    else if (leaf.tiles[dim] > 1)
      place[dim] =
          arith::DivUIOp::create(b, place[dim], index(b, leaf.tiles[dim]));
  }
  place.append({index(b, 0), at});
  // Codebooks are the first component that is in no record.
  Value number = memref::LoadOp::create(b, first.shared.front(), place);
  Type half = kind == MmaKind::F16 ? Type(b.getF16Type()) : b.getBF16Type();
  if (number.getType() == half)
    return number;
  if (!number.getType().isF32())
    number = arith::ExtFOp::create(b, b.getF32Type(), number);
  return arith::TruncFOp::create(b, half, number);
}

void PaletteTable::emitEntry(ImplicitLocOpBuilder &b,
                             const FragmentPlace &first, Value number,
                             MmaKind kind) const {
  Value table = getView(b);
  Type entry = cast<MemRefType>(table.getType()).getElementType();
  Value value;
  if (hasPairs()) {
    Value count = index(b, int64_t(1) << bits);
    Value lower = arith::RemUIOp::create(b, number, count);
    Value upper = arith::DivUIOp::create(b, number, count);
    Value numbers[] = {loadNumber(b, first, Value(), lower, kind),
                       loadNumber(b, first, Value(), upper, kind)};
    auto pair = VectorType::get(2, numbers[0].getType());
    value = LLVM::BitcastOp::create(
        b, entry, vector::FromElementsOp::create(b, pair, numbers));
  } else if (isWhole) {
    value = arith::BitcastOp::create(
        b, entry, loadNumber(b, first, Value(), number, kind));
  } else {
    Value perTileRow = index(b, books * getEntries());
    Value tileRow = arith::DivUIOp::create(b, number, perTileRow);
    Value at = arith::RemUIOp::create(b, number, perTileRow);
    value = arith::BitcastOp::create(b, entry,
                                     loadNumber(b, first, tileRow, at, kind));
  }
  memref::StoreOp::create(b, value, table, number);
}

Value PaletteTable::emitLookup(ImplicitLocOpBuilder &b,
                               const FragmentPlace &place, Value word,
                               ArrayRef<int64_t> positions, int64_t row) const {
  auto extract = [&](Value word, int64_t position, int32_t mask) -> Value {
    if (position)
      word = arith::ShRUIOp::create(b, word, constant(b, position));
    return arith::AndIOp::create(b, word, constant(b, mask));
  };
  auto load = [&](Value table, Value entry) -> Value {
    Value at = arith::IndexCastUIOp::create(b, b.getIndexType(), entry);
    if (!isWhole) {
      Value book = arith::MulIOp::create(b, place.blockRow, index(b, books));
      if (books > 1) {
        // The rows of a lane are neighbours.
        int64_t rows = weight.getTileRows() / 8;
        Value own = arith::MulIOp::create(b, place.group, index(b, rows));
        own = arith::AddIOp::create(b, own, index(b, row));
        book = arith::AddIOp::create(b, book, own);
      }
      book = arith::MulIOp::create(b, book, index(b, getEntries()));
      at = arith::AddIOp::create(b, book, at);
    }
    return memref::LoadOp::create(b, table, at);
  };
  int32_t mask = (1 << bits) - 1;
  Value table = getView(b);
  if (hasPairs()) {
    int64_t apart = positions[1] - positions[0];
    if (apart == bits)
      return load(table, extract(word, positions[0], mask << bits | mask));
    // Those of a whole word are moved beside the others, every other one at
    // once.
    int64_t twice = 2 * bits, first = positions[0] / twice * twice;
    uint32_t masks = mask;
    for (int64_t at = twice; at < 32; at += twice)
      masks |= uint32_t(mask) << at;
    Value both = extract(word, positions[0] - first, masks);
    Value moved = arith::ShRUIOp::create(b, both, constant(b, apart - bits));
    both = arith::OrIOp::create(b, both, moved);
    return load(table, extract(both, first, mask << bits | mask));
  }
  SmallVector<Value> numbers;
  for (int64_t position : positions)
    numbers.push_back(load(table, extract(word, position, mask)));
  auto pair = VectorType::get(2, b.getI16Type());
  return LLVM::BitcastOp::create(
      b, b.getI32Type(), vector::FromElementsOp::create(b, pair, numbers));
}

namespace {
struct PaletteFragmentDecoder
    : FragmentDecoderInterface::ExternalModel<PaletteFragmentDecoder,
                                              PaletteAttr> {
  std::optional<FragmentCodes> getFragmentCodes(Attribute attr,
                                                RankedTensorType logical,
                                                unsigned columnDim) const {
    auto codec = cast<PaletteAttr>(attr);
    if (codec.getDim() != 1)
      return std::nullopt;
    FragmentCodes codes = {codec.getBits(), logical.getDimSize(columnDim)};
    if (codec.getScale())
      codes.block = codec.getBlock()[columnDim];
    codes.hasPairs = areNeighbours(codec);
    return codes;
  }

  FragmentFormat getFragmentFormat(Attribute attr, const FragmentWeight &weight,
                                   MmaKind) const {
    auto codec = cast<PaletteAttr>(attr);
    FragmentFormat format;
    format.hasScale = bool(codec.getScale());
    if (format.hasScale) {
      int64_t block = codec.getBlock()[weight.getColumnDim()];
      if (block < weight.logical.getDimSize(weight.getColumnDim()))
        format.tilesPerBlock = block / weight.getTileColumns();
    }
    return format;
  }

  std::optional<FragmentFormat> getScaledFormat(Attribute attr,
                                                const FragmentWeight &weight,
                                                MmaKind kind) const {
    auto codec = cast<PaletteAttr>(attr);
    FragmentFormat format = getFragmentFormat(attr, weight, kind);
    bool hasLow = hasLowScales(codec.getScale(), kind);
    if (!format.tilesPerBlock || !hasTypeOfValues(weight, kind) ||
        (codec.getScale() != weight.logical.getElementType() && !hasLow))
      return std::nullopt;
    format.tilesPerFactor = format.tilesPerBlock;
    format.factorCost = hasLow ? 8 : 4;
    format.tilesPerBlock = 0;
    format.hasScale = false;
    return format;
  }

  SmallVector<Value> emitFactors(Attribute attr, OpBuilder &builder,
                                 Location loc, const FragmentWeight &weight,
                                 const FragmentPlace &place,
                                 MmaKind kind) const {
    ImplicitLocOpBuilder b(loc, builder);
    RowFactors factors;
    factors.loadScales(b, weight, place, cast<PaletteAttr>(attr).getScale(),
                       /*leaf=*/2, kind);
    return factors.flatten();
  }

  int64_t getTableBytes(Attribute attr, const FragmentWeight &weight,
                        int64_t tileRows) const {
    return PaletteTable(attr, weight).getBytes(tileRows);
  }

  void emitTable(Attribute attr, OpBuilder &builder, Location loc,
                 const FragmentWeight &weight, const FragmentPlace &first,
                 int64_t tileRows, Value thread, int64_t numThreads,
                 MmaKind kind) const {
    ImplicitLocOpBuilder b(loc, builder);
    PaletteTable table(attr, weight);
    auto loop =
        scf::ForOp::create(b, thread, index(b, table.getNumEntries(tileRows)),
                           index(b, numThreads));
    b.setInsertionPointToStart(loop.getBody());
    table.emitEntry(b, first, loop.getInductionVar(), kind);
  }

  SmallVector<Value> emitFragment(Attribute attr, OpBuilder &builder,
                                  Location loc, const FragmentWeight &weight,
                                  const FragmentPlace &place, ValueRange words,
                                  int64_t rowTile, int64_t step, MmaKind kind,
                                  ValueRange factors) const {
    ImplicitLocOpBuilder b(loc, builder);
    auto codec = cast<PaletteAttr>(attr);
    int64_t bits = codec.getBits();
    FragmentLayout layout = FragmentLayout::of(bits, weight);
    PaletteTable table(attr, weight);
    SmallVector<Value> registers;
    for (int64_t reg = 0; reg < 4; ++reg) {
      auto [word, field] = layout.getField(rowTile, step, reg);
      SmallVector<int64_t> positions;
      if (areNeighbours(codec))
        positions = {8 * field, 8 * field + bits};
      else
        positions = {layout.getFields().getPosition(field),
                     16 + layout.getFields().getPosition(field)};
      registers.push_back(table.emitLookup(b, place, words[word], positions,
                                           2 * rowTile + reg % 2));
    }
    if (!factors.empty())
      RowFactors::of(factors, weight, hasLowScales(codec.getScale(), kind),
                     /*hasZero=*/false)
          .apply(b, registers, rowTile, kind);
    return registers;
  }

  RowScales emitRowScales(Attribute attr, OpBuilder &builder, Location loc,
                          const FragmentWeight &weight,
                          const FragmentPlace &place) const {
    ImplicitLocOpBuilder b(loc, builder);
    RowScales scales;
    if (!cast<PaletteAttr>(attr).getScale())
      return scales;
    unsigned leaf = 2;
    scales.scale =
        emitComponent(b, weight, place, cast<PaletteAttr>(attr).getScale(),
                      /*isSigned=*/false, leaf);
    return scales;
  }

private:
  /// Whether the two indices of a register are a byte.
  static bool areNeighbours(PaletteAttr codec) {
    return codec.getBits() == 3 || codec.getBits() == 4;
  }
};
} // namespace

void mlir::compress::registerPaletteFragmentDecoder(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CompressDialect *) {
    PaletteAttr::attachInterface<PaletteFragmentDecoder>(*context);
  });
}
