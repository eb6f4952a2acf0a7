//===- BufferizableOpInterfaceImpl.cpp - bufferization of our ops ---------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/Transforms/BufferizableOpInterfaceImpl.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"

using namespace mlir;
using namespace mlir::compress;
using namespace mlir::bufferization;

namespace {
struct ContractModel
    : DstBufferizableOpInterfaceExternalModel<ContractModel, ContractOp> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    auto contract = cast<ContractOp>(op);
    return !contract.isDpsInit(&operand) || !contract.getOverwrite();
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    SmallVector<Value> buffers;
    for (Value operand : op->getOperands()) {
      FailureOr<Value> buffer = getBuffer(rewriter, operand, options, state);
      if (failed(buffer))
        return failure();
      buffers.push_back(*buffer);
    }
    ContractOp contract =
        cast<ContractOp>(op).cloneWith(rewriter, TypeRange(), buffers);
    replaceOpWithBufferizedValues(rewriter, op, contract.getInit());
    return success();
  }
};
} // namespace

void mlir::compress::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CompressDialect *) {
    ContractOp::attachInterface<ContractModel>(*context);
  });
}
