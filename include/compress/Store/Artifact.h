//===- Artifact.h - the files of an artifact, checked ---------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What loading and verifying have in common: no byte of an artifact is used
// before it was compared with what the manifest says. Nothing here runs code.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_STORE_ARTIFACT_H
#define COMPRESS_STORE_ARTIFACT_H

#include "compress/Store/Manifest.h"

namespace mlir::compress::store {

struct ArtifactOptions {
  /// Do not read all weights to compare their checksums.
  bool skipWeightChecksums = false;
  /// For checksums.
  unsigned numThreads = 1;
  /// Of the weights.
  Placement placement = Placement::Map;
};

/// An artifact directory with its weights in memory.
class Artifact {
public:
  static StatusOr<std::shared_ptr<const Artifact>>
  open(const std::string &path, const ArtifactOptions &options);

  const std::string &path() const { return directory; }
  std::string codePath() const { return directory + "/" + kCodeFile; }
  const Manifest &manifest() const { return contents; }
  /// The tensors of the manifest's weights file, in its order, which is that of
  /// the table of pointers that the code reads.
  const std::vector<const TensorView *> &tensors() const { return table; }
  /// Null if there is none.
  const TensorView *find(const std::string &name) const {
    return weights->find(name);
  }

private:
  Status checkWeights(const ArtifactOptions &options);
  Status checkCode() const;
  std::string directory;
  Manifest contents;
  std::shared_ptr<const SafetensorsFile> weights;
  std::vector<const TensorView *> table;
};

} // namespace mlir::compress::store

#endif // COMPRESS_STORE_ARTIFACT_H
