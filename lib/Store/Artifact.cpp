//===- Artifact.cpp - the files of an artifact, checked -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Store/Artifact.h"
#include "compress/Store/Checksum.h"
#include <algorithm>
#include <atomic>
#include <thread>

using namespace mlir::compress::store;

static Status checkSize(const std::string &path, uint64_t actual,
                        uint64_t expected) {
  if (actual == expected)
    return {};
  return Status::error("'" + path + "': expected " + std::to_string(expected) +
                       " bytes, but got " + std::to_string(actual));
}

/// Index of the first of `views` whose bytes do not match, or their number.
static size_t findCorrupt(const std::vector<const TensorView *> &views,
                          const std::vector<TensorChecksum> &checksums,
                          unsigned numThreads) {
  std::atomic<size_t> next = 0, corrupt = views.size();
  auto work = [&] {
    for (size_t i = next++; i < views.size(); i = next++)
      if (hashToHex(views[i]->data, views[i]->nbytes) != checksums[i].xxh3) {
        size_t seen = corrupt;
        while (i < seen && !corrupt.compare_exchange_weak(seen, i)) {
        }
      }
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < std::min<size_t>(numThreads, views.size()); ++i)
    threads.emplace_back(work);
  work();
  for (std::thread &thread : threads)
    thread.join();
  return corrupt;
}

Status Artifact::checkWeights(const ArtifactOptions &options) {
  std::string file = directory + "/" + kWeightsFile;
  auto opened = SafetensorsFile::open(file, options.placement);
  if (!opened.ok())
    return opened.status();
  weights = *opened;
  const SafetensorsSummary &expected = contents.weightsFile;
  if (Status status = checkSize(file, weights->size(), expected.size);
      !status.ok())
    return status;
  // Names, types, shapes and places of all tensors.
  if (weights->headerHash() != expected.headerXxh3)
    return Status::error("'" + file +
                         "': the header does not match its checksum");
  for (const TensorChecksum &tensor : expected.tensors) {
    table.push_back(weights->find(tensor.name));
    if (!table.back())
      return Status::error("'" + file + "': expected tensor '" + tensor.name +
                           "', but there is none");
  }
  for (const ManifestWeight &weight : contents.weights)
    for (const std::string &name : weight.tensors)
      if (!weights->find(name))
        return Status::error("'" + file + "': expected tensor '" + name +
                             "' of weight '" + weight.name +
                             "', but there is none");
  if (options.skipWeightChecksums)
    return {};
  size_t corrupt = findCorrupt(table, expected.tensors, options.numThreads);
  if (corrupt < table.size())
    return Status::error("'" + file + "': tensor '" + table[corrupt]->name +
                         "' does not match its checksum");
  for (const TensorView &view : weights->tensors())
    if (view.name.compare(0, kPaddingPrefix.size(), kPaddingPrefix) == 0 &&
        std::any_of(view.data, view.data + view.nbytes,
                    [](uint8_t byte) { return byte != 0; }))
      return Status::error("'" + file + "': expected zeros in '" + view.name +
                           "'");
  return {};
}

Status Artifact::checkCode() const {
  auto file = MappedFile::open(codePath());
  if (!file.ok())
    return file.status();
  if (Status status =
          checkSize(codePath(), (*file)->size(), contents.modelSo.size);
      !status.ok())
    return status;
  if (hashToHex((*file)->data(), (*file)->size()) != contents.modelSo.xxh3)
    return Status::error("'" + codePath() +
                         "': the content does not match its checksum");
  return {};
}

StatusOr<std::shared_ptr<const Artifact>>
Artifact::open(const std::string &path, const ArtifactOptions &options) {
  auto manifest = readManifest(path + "/" + kManifestFile);
  if (!manifest.ok())
    return manifest.status();
  auto artifact = std::make_shared<Artifact>();
  artifact->directory = path;
  artifact->contents = std::move(*manifest);
  if (Status status = artifact->checkWeights(options); !status.ok())
    return status;
  if (Status status = artifact->checkCode(); !status.ok())
    return status;
  return std::shared_ptr<const Artifact>(std::move(artifact));
}
