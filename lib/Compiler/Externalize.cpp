//===- Externalize.cpp - data of constants into a file of their own -------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Compiler/Compiler.h"
#include "compress/Dialect/Compress/Transforms/ExternalWeights.h"
#include "compress/Dialect/Compress/Transforms/StoreTypes.h"
#include "compress/Dialect/Compress/Transforms/Weights.h"
#include "compress/Store/AtomicOutput.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;
using namespace mlir::compress;

LogicalResult mlir::compress::externalizeModule(ModuleOp module,
                                                StringRef output,
                                                StringRef weights) {
  // Resources are named already; they keep their names, so that the module and
  // the file agree without a change to the module.
  llvm::MapVector<StringRef, ExternalWeight> tensors;
  WalkResult result = module.walk([&](Operation *op) -> WalkResult {
    for (NamedAttribute attr : op->getAttrDictionary()) {
      auto resource = dyn_cast<DenseResourceElementsAttr>(attr.getValue());
      if (!resource)
        continue;
      StringRef name = resource.getRawHandle().getKey();
      auto type = dyn_cast<RankedTensorType>(resource.getShapedType());
      if (!type || !getStoreType(type.getElementType()) ||
          !getRawData(resource))
        return emitError(op->getLoc())
               << "resource '" << name
               << "': expected a static tensor of integers or floats with its "
                  "data in the module, but got "
               << resource.getType();
      auto [it, inserted] =
          tensors.try_emplace(name, ExternalWeight{name.str(), type, resource});
      if (!inserted && it->second.type != type)
        return emitError(op->getLoc())
               << "resource '" << name << "' is used as " << it->second.type
               << " and as " << type;
    }
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  if (tensors.empty())
    return emitError(module.getLoc())
           << "found no dense_resource constant to move";

  bool same = false;
  (void)llvm::sys::fs::equivalent(output, weights, same);
  if (same || output == weights)
    return emitError(module.getLoc())
           << "expected two files for the module and its weights, but got '"
           << output << "' for both";
  auto check = [&](const store::Status &status) -> LogicalResult {
    if (status.ok())
      return success();
    return emitError(module.getLoc()) << status.message();
  };
  SmallVector<ExternalWeight> list;
  for (auto &[name, tensor] : tensors)
    list.push_back(tensor);
  std::string bytecode;
  llvm::raw_string_ostream os(bytecode);
  BytecodeWriterConfig config("mlir-compress");
  config.setElideResourceDataFlag();
  if (failed(writeBytecodeToFile(module, os, config)))
    return failure();
  // Both files are complete before either one is replaced.
  auto weightFile = store::StagedFile::create(weights.str());
  if (!weightFile.ok())
    return check(weightFile.status());
  auto moduleFile = store::StagedFile::create(output.str());
  if (!moduleFile.ok())
    return check(moduleFile.status());
  if (failed(check(writeWeights((*weightFile)->path(), list).status())) ||
      failed(check(store::writeFile((*moduleFile)->path(), bytecode.data(),
                                    bytecode.size()))) ||
      failed(check((*weightFile)->commit())))
    return failure();
  return check((*moduleFile)->commit());
}
