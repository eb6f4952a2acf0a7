//===- WeightFiles.cpp - several weight files as one ----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Store/WeightFiles.h"
#include "Json.h"
#include "Support.h"
#include <climits>
#include <cstdlib>

using namespace mlir::compress::store;
using nlohmann::json;

/// "weight_map" has a value for each tensor of a model. Other members are free.
static constexpr JsonLimits kMapLimits = {/*depth=*/16, /*values=*/1 << 22};

namespace {
struct ShardEntry {
  std::string tensor;
  /// The path of its file.
  std::string file;
};

/// The files of one WeightFiles by their real paths.
class FileSet {
public:
  StatusOr<const SafetensorsFile *> open(const std::string &path) {
    char buffer[PATH_MAX];
    // A path that has no real path fails to open below.
    const char *real = ::realpath(path.c_str(), buffer);
    auto [position, isNew] =
        opened.try_emplace(real ? real : path.c_str(), nullptr);
    if (isNew) {
      auto file = SafetensorsFile::open(path);
      if (!file.ok())
        return file.status();
      position->second = file->get();
      files.push_back(*file);
    }
    return position->second;
  }

  /// In the order of their opening.
  std::vector<std::shared_ptr<const SafetensorsFile>> files;

private:
  std::unordered_map<std::string, const SafetensorsFile *> opened;
};
} // namespace

static Status parseWeightMap(const std::string &path, const json &value,
                             std::vector<ShardEntry> &entries) {
  std::string where = quote(path) + ": ";
  if (!value.is_object())
    return Status::error(where + "expected 'weight_map' to be an object");
  // Empty if there is no slash: the current directory.
  std::string directory = path.substr(0, path.rfind('/') + 1);
  for (const auto &[name, file] : value.items()) {
    const auto *text = file.get_ptr<const std::string *>();
    // A zero byte would cut the path short.
    if (!text || text->empty() || *text == "." || *text == ".." ||
        text->find_first_of(std::string_view("/\0", 2)) != std::string::npos)
      return Status::error(where + "tensor " + quote(name) +
                           ": expected the name of a file beside the map" +
                           (text ? ", but got " + quote(*text) : ""));
    entries.push_back({name, directory + *text});
  }
  return {};
}

static StatusOr<std::vector<ShardEntry>> readShardMap(const std::string &path) {
  auto file = MappedFile::open(path);
  if (!file.ok())
    return file.status();
  if ((*file)->size() > kMaxHeaderSize)
    return Status::error(quote(path) + ": expected a shard map of at most " +
                         std::to_string(kMaxHeaderSize) + " bytes, but got " +
                         std::to_string((*file)->size()));
  std::vector<ShardEntry> entries;
  bool found = false;
  std::string_view text(reinterpret_cast<const char *>((*file)->data()),
                        (*file)->size());
  Status status =
      readJsonObject(text, quote(path), kMapLimits,
                     [&](const std::string &key, json &value) -> Status {
                       if (key != "weight_map")
                         return {};
                       found = true;
                       return parseWeightMap(path, value, entries);
                     });
  if (!status.ok())
    return status;
  if (!found)
    return Status::error(quote(path) + ": expected a shard map, but there is "
                                       "no 'weight_map'");
  return entries;
}

static bool isShardMap(const std::string &path) {
  constexpr std::string_view kSuffix = ".json";
  return path.size() >= kSuffix.size() &&
         path.compare(path.size() - kSuffix.size(), kSuffix.size(), kSuffix) ==
             0;
}

StatusOr<std::shared_ptr<const WeightFiles>>
WeightFiles::open(const std::vector<std::string> &paths) {
  FileSet set;
  for (const std::string &path : paths) {
    if (!isShardMap(path)) {
      if (auto file = set.open(path); !file.ok())
        return file.status();
      continue;
    }
    auto entries = readShardMap(path);
    if (!entries.ok())
      return entries.status();
    for (const ShardEntry &entry : *entries) {
      auto file = set.open(entry.file);
      if (!file.ok())
        return file.status();
      if (!(*file)->find(entry.tensor))
        return Status::error(quote(path) + ": tensor " + quote(entry.tensor) +
                             " is not in " + quote(entry.file));
    }
  }

  auto result = std::make_shared<WeightFiles>();
  result->files = std::move(set.files);
  std::unordered_map<std::string_view, const SafetensorsFile *> owners;
  for (const auto &file : result->files)
    for (const TensorView &view : file->tensors()) {
      if (view.name.compare(0, kPaddingPrefix.size(), kPaddingPrefix) == 0)
        continue;
      auto [owner, isNew] = owners.try_emplace(view.name, file.get());
      if (!isNew)
        return Status::error("tensor " + quote(view.name) + " is in " +
                             quote(owner->second->path()) + " and in " +
                             quote(file->path()));
      result->index.emplace(view.name, &view);
    }
  return std::shared_ptr<const WeightFiles>(std::move(result));
}

const TensorView *WeightFiles::find(const std::string &name) const {
  auto found = index.find(name);
  return found == index.end() ? nullptr : found->second;
}
