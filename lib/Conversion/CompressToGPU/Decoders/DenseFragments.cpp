//===- DenseFragments.cpp - fragments of values as they are ---------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Words are registers. Values of the other 16-bit type are converted.
//
//===----------------------------------------------------------------------===//

#include "FragmentLayout.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::compress;

namespace {
struct DenseFragmentDecoder
    : FragmentDecoderInterface::ExternalModel<DenseFragmentDecoder, DenseAttr> {
  std::optional<FragmentCodes> getFragmentCodes(Attribute attr,
                                                RankedTensorType logical,
                                                unsigned columnDim) const {
    if (cast<DenseAttr>(attr).getStoredType(logical).getElementTypeBitWidth() !=
        16)
      return std::nullopt;
    return FragmentCodes{/*bits=*/16, logical.getDimSize(columnDim)};
  }

  FragmentFormat getFragmentFormat(Attribute, const FragmentWeight &,
                                   MmaKind) const {
    return {};
  }

  SmallVector<Value> emitFragment(Attribute attr, OpBuilder &builder,
                                  Location loc, const FragmentWeight &weight,
                                  const FragmentPlace &, ValueRange words,
                                  int64_t rowTile, int64_t step, MmaKind kind,
                                  ValueRange) const {
    ImplicitLocOpBuilder b(loc, builder);
    FragmentLayout layout = FragmentLayout::of(/*bits=*/16, weight);
    Type stored =
        cast<DenseAttr>(attr).getStoredType(weight.logical).getElementType();
    Type wanted = kind == MmaKind::F16 ? Type(b.getF16Type()) : b.getBF16Type();
    SmallVector<Value> registers;
    for (int64_t reg = 0; reg < 4; ++reg) {
      Value word = words[layout.getField(rowTile, step, reg).word];
      if (stored != wanted) {
        auto pair = [](Type type) { return VectorType::get(2, type); };
        Value values = LLVM::BitcastOp::create(b, pair(stored), word);
        values = arith::ExtFOp::create(b, pair(b.getF32Type()), values);
        values = arith::TruncFOp::create(b, pair(wanted), values);
        word = LLVM::BitcastOp::create(b, b.getI32Type(), values);
      }
      registers.push_back(word);
    }
    return registers;
  }
};
} // namespace

void mlir::compress::registerDenseFragmentDecoder(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CompressDialect *) {
    DenseAttr::attachInterface<DenseFragmentDecoder>(*context);
  });
}
