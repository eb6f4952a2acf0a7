//===- CpuFeatures.h - what this processor can do -------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_STORE_CPUFEATURES_H
#define COMPRESS_STORE_CPUFEATURES_H

#include <string>
#include <string_view>
#include <vector>

namespace mlir::compress::store {

/// The features that an artifact can require, by LLVM's names ("avx2",
/// "avx512vnni"), oldest first. Empty on processors other than x86-64.
const std::vector<std::string_view> &listKnownCpuFeatures();

/// Whether this processor has a feature and the system saves its registers.
/// False for names that are not known.
bool hasCpuFeature(std::string_view name);

/// Those of `required` that this processor lacks.
std::vector<std::string>
findMissingCpuFeatures(const std::vector<std::string> &required);

} // namespace mlir::compress::store

#endif // COMPRESS_STORE_CPUFEATURES_H
