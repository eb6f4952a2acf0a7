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

/// Processors that this one can be taken for, oldest first: "x86-64" to
/// "x86-64-v4", with the features of the x86-64 psABI and no others.
const std::vector<std::string_view> &listCpuLevels();

/// Those of `required` that this processor lacks, or that it lacks when it is
/// taken for one of listCpuLevels().
std::vector<std::string>
findMissingCpuFeatures(const std::vector<std::string> &required,
                       std::string_view level = {});

} // namespace mlir::compress::store

#endif // COMPRESS_STORE_CPUFEATURES_H
