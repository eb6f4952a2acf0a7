//===- FilesTest.cpp - Damaged files --------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Mutations.h"
#include "compress/Store/Checksum.h"
#include "compress/Store/Manifest.h"
#include "compress/Store/Npy.h"
#include "compress/Store/Safetensors.h"

#include <sys/mman.h>
#include <unistd.h>

using namespace mlir::compress::store;
using namespace stored_data;

namespace {
/// A file in memory, with a path.
class MemoryFile {
public:
  explicit MemoryFile(const Bytes &bytes)
      : descriptor(::memfd_create("stored-data", MFD_CLOEXEC)) {
    EXPECT_GE(descriptor, 0);
    EXPECT_EQ(::write(descriptor, bytes.data(), bytes.size()),
              ssize_t(bytes.size()));
  }
  MemoryFile() : MemoryFile(Bytes()) {}
  ~MemoryFile() { ::close(descriptor); }
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;

  std::string path() const {
    return "/proc/self/fd/" + std::to_string(descriptor);
  }

private:
  int descriptor;
};
} // namespace

static Bytes toBytes(const std::string &text) {
  return Bytes(text.begin(), text.end());
}

/// An error is one line.
static bool isOk(const Status &status) {
  EXPECT_EQ(status.message().find('\n'), std::string::npos);
  return status.ok();
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

static Sample makeSafetensors(Random &random) {
  std::string header =
      R"({"__metadata__":{"format":"pt"},)"
      R"("a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("empty":{"dtype":"I64","shape":[0,4],"data_offsets":[24,24]},)"
      R"("b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]}})";
  header.append(random.pick(0, 8), ' ');
  Bytes file;
  for (int i = 0; i < 8; ++i)
    file.push_back(uint8_t(header.size() >> 8 * i));
  file.insert(file.end(), header.begin(), header.end());
  for (int i = 0; i < 26; ++i)
    file.push_back(random.pick(0, 255));
  return {{file}, [](const std::vector<Bytes> &parts) {
            MemoryFile memory(parts[0]);
            auto opened = SafetensorsFile::open(memory.path());
            if (!isOk(opened.status()))
              return false;
            // Tensors are all of the data section.
            uint64_t total = 8, length = 0;
            for (int i = 7; i >= 0; --i)
              length = length << 8 | parts[0][i];
            for (const TensorView &view : (*opened)->tensors()) {
              EXPECT_EQ(computeByteSize(view.dtype, view.shape), view.nbytes);
              total += view.nbytes;
              (void)hash(view.data, view.nbytes);
            }
            EXPECT_EQ(total + length, parts[0].size());
            return true;
          }};
}

TEST(StoredData, Safetensors) { testMutations(makeSafetensors); }

static Sample makeNpy(Random &random) {
  const int version = random.pick(1, 3);
  std::string header = "{'descr': '<f4', 'fortran_order': ";
  header += random.pick(0, 1) ? "True" : "False";
  header += ", 'shape': (2, 3), }";
  header.append(random.pick(0, 40), ' ');
  header += '\n';
  Bytes file = toBytes("\x93NUMPY");
  file.push_back(version);
  file.push_back(0);
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i)
    file.push_back(uint8_t(header.size() >> 8 * i));
  file.insert(file.end(), header.begin(), header.end());
  for (int i = 0; i < 24; ++i)
    file.push_back(random.pick(0, 255));
  return {{file}, [](const std::vector<Bytes> &parts) {
            MemoryFile memory(parts[0]);
            auto array = readNpy(memory.path());
            if (!isOk(array.status()))
              return false;
            EXPECT_EQ(computeByteSize(array->dtype, array->shape),
                      array->data.size());
            return true;
          }};
}

TEST(StoredData, Npy) { testMutations(makeNpy); }

//===----------------------------------------------------------------------===//
// Manifests
//===----------------------------------------------------------------------===//

static std::string makeManifest() {
  Manifest manifest;
  manifest.producer = "test";
  manifest.target = {
      "x86_64-pc-linux-gnu", {{"znver4", {"avx2", "fma"}, ""}}, ""};
  manifest.functions.push_back({"main",
                                "compress_entry_main",
                                {{"x", DType::F32, {kDynamic, 256}}},
                                {{"y", DType::BF16, {kDynamic, 128}}}});
  ManifestWeight weight;
  weight.name = "fc";
  weight.dtype = DType::F32;
  weight.shape = {128, 256};
  weight.codec = "#compress.huffman<>";
  weight.fused = true;
  weight.storedBits = 4096;
  weight.tensors = {"fc.codes"};
  weight.certificate =
      ManifestCertificate{"rtn", "0123456789abcdef", 0.5, 1e-3, 60.25};
  manifest.weights = {weight};
  manifest.modelSo = {1234, "0123456789abcdef"};
  manifest.weightsFile = {
      5678, "0123456789abcdef", {{"fc.codes", "fedcba9876543210"}}};
  MemoryFile memory;
  EXPECT_TRUE(writeManifest(memory.path(), manifest).ok());
  auto file = MappedFile::open(memory.path());
  EXPECT_TRUE(file.ok());
  return std::string(reinterpret_cast<const char *>((*file)->data()),
                     (*file)->size());
}

/// Puts the checksum right again, as who means harm does.
static std::string seal(std::string text) {
  const std::string key = "\"checksum\": \"";
  const size_t at = text.rfind(key);
  if (at == std::string::npos || text.size() < at + key.size() + 16)
    return text;
  text.replace(at + key.size(), 16, 16, '0');
  text.replace(at + key.size(), 16, hashToHex(text.data(), text.size()));
  return text;
}

static Sample makeManifestSample(Random &random) {
  static const std::string original = makeManifest();
  const bool sealed = random.pick(0, 1);
  // The line break at the end means nothing.
  const std::string text =
      sealed ? seal(original.substr(0, original.size() - 1)) : original;
  return {{toBytes(text)}, [=](const std::vector<Bytes> &parts) {
            std::string changed(parts[0].begin(), parts[0].end());
            MemoryFile memory(toBytes(sealed ? seal(changed) : changed));
            return isOk(readManifest(memory.path()).status());
          }};
}

TEST(StoredData, Manifest) { testMutations(makeManifestSample); }
