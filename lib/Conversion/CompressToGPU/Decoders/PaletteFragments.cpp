//===- PaletteFragments.cpp - fragments of shared values ------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Indices of 4 bits into one codebook. The two of a register are a byte, and
// the table in shared memory has both entries for each byte: a lookup is a
// register.
//
//===----------------------------------------------------------------------===//

#include "FragmentLayout.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::compress;

static constexpr unsigned kBits = 4;
/// Entries of the table.
static constexpr int64_t kPairs = 1 << (2 * kBits);

namespace {
struct PaletteFragmentDecoder
    : FragmentDecoderInterface::ExternalModel<PaletteFragmentDecoder,
                                              PaletteAttr> {
  std::optional<FragmentCodes> getFragmentCodes(Attribute attr,
                                                RankedTensorType logical,
                                                unsigned columnDim) const {
    auto codec = cast<PaletteAttr>(attr);
    if (codec.getBits() != kBits || codec.getDim() != 1)
      return std::nullopt;
    FragmentCodes codes = {kBits, logical.getDimSize(columnDim)};
    if (codec.getScale())
      codes.block = codec.getBlock()[columnDim];
    codes.hasPairs = true;
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

  int64_t getTableBytes(Attribute, const FragmentWeight &) const {
    return kPairs * 4;
  }

  void emitTable(Attribute, OpBuilder &builder, Location loc,
                 const FragmentWeight &, ValueRange shared, Value table,
                 Value thread, int64_t numThreads, MmaKind kind) const {
    ImplicitLocOpBuilder b(loc, builder);
    auto index = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(b, value);
    };
    Type half = kind == MmaKind::F16 ? Type(b.getF16Type()) : b.getBF16Type();
    auto pair = VectorType::get(2, half);
    // The codebook is the first component that is in no record.
    int64_t rank = cast<MemRefType>(shared.front().getType()).getRank();
    auto loop = scf::ForOp::create(b, thread, index(kPairs), index(numThreads));
    b.setInsertionPointToStart(loop.getBody());
    Value number = loop.getInductionVar();
    SmallVector<Value> numbers;
    for (Value entry : {Value(arith::RemUIOp::create(b, number, index(16))),
                        Value(arith::DivUIOp::create(b, number, index(16)))}) {
      SmallVector<Value> at(rank - 1, index(0));
      at.push_back(entry);
      Value value = memref::LoadOp::create(b, shared.front(), at);
      if (value.getType() != half) {
        if (!value.getType().isF32())
          value = arith::ExtFOp::create(b, b.getF32Type(), value);
        value = arith::TruncFOp::create(b, half, value);
      }
      numbers.push_back(value);
    }
    Value both = vector::FromElementsOp::create(b, pair, numbers);
    memref::StoreOp::create(b, LLVM::BitcastOp::create(b, b.getI32Type(), both),
                            table, number);
  }

  SmallVector<Value> emitFragment(Attribute, OpBuilder &builder, Location loc,
                                  const FragmentWeight &weight,
                                  ValueRange words, int64_t rowTile,
                                  int64_t step, MmaKind) const {
    ImplicitLocOpBuilder b(loc, builder);
    FragmentLayout layout = FragmentLayout::of(kBits, weight);
    auto constant = [&](int32_t value) -> Value {
      return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
    };
    SmallVector<Value> registers;
    for (int64_t reg = 0; reg < 4; ++reg) {
      auto [word, field] = layout.getField(rowTile, step, reg);
      Value byte = words[word];
      if (field)
        byte = arith::ShRUIOp::create(b, byte, constant(8 * field));
      byte = arith::AndIOp::create(b, byte, constant(kPairs - 1));
      Value at = arith::IndexCastUIOp::create(b, b.getIndexType(), byte);
      registers.push_back(memref::LoadOp::create(b, weight.table, at));
    }
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
};
} // namespace

void mlir::compress::registerPaletteFragmentDecoder(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CompressDialect *) {
    PaletteAttr::attachInterface<PaletteFragmentDecoder>(*context);
  });
}
