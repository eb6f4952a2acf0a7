//===- ExpandTypes.cpp - compress-expand-types ----------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Func/Transforms/FuncConversions.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Transforms/DialectConversion.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSEXPANDTYPES
#include "compress/Dialect/Compress/Transforms/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

static void disassemble(OpBuilder &b, Location loc, Value value,
                        SmallVectorImpl<Value> &leaves) {
  if (!isa<CompressedTensorType>(value.getType()))
    return leaves.push_back(value);
  for (Value part : getComponents(b, loc, value))
    disassemble(b, loc, part, leaves);
}

/// Attributes of arguments or results, for all that these become.
static SmallVector<Attribute> expandAttrs(ArrayRef<Type> types,
                                          ArrayAttr attrs) {
  SmallVector<Attribute> expanded;
  for (auto [type, attr] : llvm::zip_equal(types, attrs)) {
    SmallVector<Type> leaves;
    getLeafTypes(type, leaves);
    expanded.append(leaves.size(), attr);
  }
  return expanded;
}

namespace {
struct ExpandTypesPass
    : compress::impl::CompressExpandTypesBase<ExpandTypesPass> {
  void runOnOperation() override {
    TypeConverter converter;
    converter.addConversion([](Type type) { return type; });
    converter.addConversion(
        [](CompressedTensorType type, SmallVectorImpl<Type> &types) {
          getLeafTypes(type, types);
          return success();
        });
    converter.addSourceMaterialization(
        [](OpBuilder &b, CompressedTensorType type, ValueRange leaves,
           Location loc) { return assembleLeaves(b, loc, type, leaves); });
    converter.addTargetMaterialization(
        [](OpBuilder &b, TypeRange, ValueRange inputs, Location loc) {
          SmallVector<Value> leaves;
          for (Value value : inputs)
            disassemble(b, loc, value, leaves);
          return leaves;
        });
    ConversionTarget target(getContext());
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    target.addDynamicallyLegalOp<func::FuncOp>([&](func::FuncOp function) {
      return converter.isSignatureLegal(function.getFunctionType()) &&
             converter.isLegal(&function.getBody());
    });
    target.addDynamicallyLegalOp<func::CallOp, func::ReturnOp>(
        [&](Operation *op) { return converter.isLegal(op); });
    RewritePatternSet patterns(&getContext());
    populateFunctionOpInterfaceTypeConversionPattern<func::FuncOp>(patterns,
                                                                   converter);
    populateCallOpTypeConversionPattern(patterns, converter);
    populateReturnOpTypeConversionPattern(patterns, converter);
    scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                         target);
    // The patterns leave attributes where they were in the lists.
    Builder b(&getContext());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (ArrayAttr attrs = function.getArgAttrsAttr())
        function.setArgAttrsAttr(
            b.getArrayAttr(expandAttrs(function.getArgumentTypes(), attrs)));
      if (ArrayAttr attrs = function.getResAttrsAttr())
        function.setResAttrsAttr(
            b.getArrayAttr(expandAttrs(function.getResultTypes(), attrs)));
    }
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
