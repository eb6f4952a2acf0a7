//===- Manifest.h - what an artifact says about itself --------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// manifest.json. Its first member is the checksum of the file itself, taken
// with sixteen zeros in its own place, so that any changed byte is found. Keys
// are snake_case and in a fixed order; numbers that JSON has no word for are
// the strings "inf", "-inf" and "nan".
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_STORE_MANIFEST_H
#define COMPRESS_STORE_MANIFEST_H

#include "compress/Store/Safetensors.h"
#include <optional>

namespace mlir::compress::store {

/// Artifacts of another format version are refused.
inline constexpr int64_t kArtifactFormatVersion = 1;

/// Names of the files of an artifact.
inline constexpr const char *kManifestFile = "manifest.json";
inline constexpr const char *kCodeFile = "model.so";
inline constexpr const char *kWeightsFile = "weights.safetensors";

/// The code for one CPU.
struct ManifestVersion {
  std::string cpu;
  /// What the code may use.
  std::vector<std::string> cpuFeatures;
  /// Ends the names of its symbols in model.so.
  std::string symbolSuffix;
};

struct ManifestTarget {
  std::string triple;
  /// At least one. The first whose features a processor has is the best there.
  std::vector<ManifestVersion> versions;
  /// The kind of GPU that kernels are for, such as sm_90a; empty for CPUs.
  std::string gpu;
};

/// An argument or a result; kDynamic where a size is known at run time only.
struct ManifestTensorType {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
};

struct ManifestFunction {
  std::string name;
  /// The entry in model.so, but for the suffix of the version.
  std::string symbol;
  std::vector<ManifestTensorType> inputs, outputs;
};

/// What an encoding cost; see #compress.certificate.
struct ManifestCertificate {
  std::string algorithm;
  std::string sourceXxh3;
  double maxAbsError = 0;
  double relativeFrobeniusError = 0;
  double sqnrDb = 0;
};

struct ManifestWeight {
  std::string name;
  /// Of the weight as it was before compression.
  DType dtype;
  std::vector<int64_t> shape;
  /// The codec as text; nothing for a dense weight.
  std::optional<std::string> codec;
  /// Whether the code decodes it in registers or tile by tile; a weight that is
  /// not compressed is not.
  bool fused = false;
  /// What kernels compute with: f32, or int8 for activations and codes.
  std::string compute = "f32";
  int64_t storedBits = 0;
  std::optional<ManifestCertificate> certificate;
  /// Names in weights.safetensors, in the order of the codec's storage.
  std::vector<std::string> tensors;
};

struct ManifestFile {
  uint64_t size = 0;
  std::string xxh3;
};

struct Manifest {
  std::string producer;
  ManifestTarget target;
  std::vector<ManifestFunction> functions;
  std::vector<ManifestWeight> weights;
  ManifestFile modelSo;
  /// Size, hash of the header, and a checksum per tensor in the order of the
  /// table of pointers that the code reads.
  SafetensorsSummary weightsFile;
};

Status writeManifest(const std::string &path, const Manifest &manifest);

/// Reads and checks a manifest: its checksum, its version, every field.
StatusOr<Manifest> readManifest(const std::string &path);

} // namespace mlir::compress::store

#endif // COMPRESS_STORE_MANIFEST_H
