//===- Plugin.cpp - entry points for stock mlir-opt -----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Load with both --load-dialect-plugin and --load-pass-plugin; the passes are
// reachable through --pass-pipeline.
//
//===----------------------------------------------------------------------===//

#include "compress/InitCompress.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

extern "C" LLVM_ATTRIBUTE_WEAK mlir::DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Compress", LLVM_VERSION_STRING,
          [](mlir::DialectRegistry *registry) {
            mlir::compress::registerDialect(*registry);
          }};
}

extern "C" LLVM_ATTRIBUTE_WEAK mlir::PassPluginLibraryInfo
mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Compress", LLVM_VERSION_STRING,
          [] { mlir::compress::registerPassesAndPipelines(); }};
}
