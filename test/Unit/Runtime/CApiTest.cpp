//===- CApiTest.cpp - the C interface without an artifact -----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What can be called without code to run: errors of opening, arguments that are
// missing, numbers of threads. The rest is in test/Integration/runtime.test.
//
//===----------------------------------------------------------------------===//

#include "compress-c/Runtime.h"
#include "compress/Store/DType.h"
#include "compress/Store/Manifest.h"
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir::compress;

namespace {

/// The reason why a path cannot be opened.
std::string open(const char *path,
                 const CompressOpenOptions *options = nullptr) {
  char error[512] = "untouched";
  EXPECT_EQ(compressModelOpen(path, options, error, sizeof(error)), nullptr);
  return error;
}

/// A directory that goes with the test, and the environment as it was.
class CApi : public ::testing::Test {
protected:
  CApi() {
    const char *base = std::getenv("TMPDIR");
    directory = std::string(base ? base : "/tmp") + "/capi-test-XXXXXX";
    EXPECT_NE(::mkdtemp(directory.data()), nullptr);
    ::unsetenv("COMPRESS_NUM_THREADS");
  }
  ~CApi() override {
    ::unsetenv("COMPRESS_NUM_THREADS");
    std::string command = "rm -rf '" + directory + "'";
    EXPECT_EQ(std::system(command.c_str()), 0);
  }

  /// An artifact that is complete but for its code.
  void writeArtifact() {
    auto writer = store::SafetensorsWriter::create(
        directory + "/weights.safetensors", {});
    ASSERT_TRUE(writer.ok());
    store::Manifest manifest;
    manifest.producer = "CApiTest";
    manifest.target = {"x86_64-pc-linux-gnu", {{"x86-64", {}, ""}}, ""};
    manifest.modelSo = {4, "0000000000000000"};
    manifest.weightsFile = *(*writer)->finish();
    ASSERT_TRUE(
        store::writeManifest(directory + "/manifest.json", manifest).ok());
  }

  std::string directory;
};

TEST_F(CApi, Version) {
  EXPECT_EQ(compressRuntimeGetABIVersion(), COMPRESS_RUNTIME_ABI_VERSION);
}

// Numbers that manifests, arrays and callers share.
TEST_F(CApi, ElementTypes) {
  EXPECT_EQ(COMPRESS_BOOL, int(store::DType::Bool));
  EXPECT_EQ(COMPRESS_U8, int(store::DType::U8));
  EXPECT_EQ(COMPRESS_I8, int(store::DType::I8));
  EXPECT_EQ(COMPRESS_U16, int(store::DType::U16));
  EXPECT_EQ(COMPRESS_I16, int(store::DType::I16));
  EXPECT_EQ(COMPRESS_U32, int(store::DType::U32));
  EXPECT_EQ(COMPRESS_I32, int(store::DType::I32));
  EXPECT_EQ(COMPRESS_U64, int(store::DType::U64));
  EXPECT_EQ(COMPRESS_I64, int(store::DType::I64));
  EXPECT_EQ(COMPRESS_F16, int(store::DType::F16));
  EXPECT_EQ(COMPRESS_BF16, int(store::DType::BF16));
  EXPECT_EQ(COMPRESS_F32, int(store::DType::F32));
  EXPECT_EQ(COMPRESS_F64, int(store::DType::F64));
  EXPECT_EQ(COMPRESS_F8_E4M3, int(store::DType::F8_E4M3));
  EXPECT_EQ(COMPRESS_F8_E5M2, int(store::DType::F8_E5M2));
  EXPECT_EQ(COMPRESS_F8_E8M0, int(store::DType::F8_E8M0));
  EXPECT_EQ(COMPRESS_DYNAMIC, store::kDynamic);
}

TEST_F(CApi, OpenFails) {
  EXPECT_EQ(open(nullptr), "expected the path of an artifact");
  std::string missing = directory + "/missing";
  EXPECT_EQ(open(missing.c_str()),
            "cannot read '" + missing +
                "/manifest.json': No such file or directory");
  EXPECT_EQ(open(""),
            "cannot read '/manifest.json': No such file or directory");
}

TEST_F(CApi, OpenCutsTheError) {
  std::string missing = directory + "/missing";
  std::string whole = open(missing.c_str());
  for (size_t size = 1; size <= whole.size() + 2; ++size) {
    std::string error(size + 1, '#');
    EXPECT_EQ(compressModelOpen(missing.c_str(), nullptr, error.data(), size),
              nullptr);
    EXPECT_EQ(error.c_str(), whole.substr(0, size - 1));
    EXPECT_EQ(error[size], '#') << size;
  }
  // Nowhere to write.
  char error = '#';
  EXPECT_EQ(compressModelOpen(missing.c_str(), nullptr, &error, 0), nullptr);
  EXPECT_EQ(error, '#');
  EXPECT_EQ(compressModelOpen(missing.c_str(), nullptr, nullptr, 100), nullptr);
}

TEST_F(CApi, OpenChecksOptions) {
  CompressOpenOptions options = {};
  std::string size = std::to_string(sizeof(CompressOpenOptions));
  EXPECT_EQ(open("x", &options),
            "expected options of " + size + " bytes, but got 0");
  options.structSize = sizeof(CompressOpenOptions) + 8;
  EXPECT_EQ(open("x", &options),
            "expected options of " + size + " bytes, but got " +
                std::to_string(sizeof(CompressOpenOptions) + 8));
  options.structSize = sizeof(CompressOpenOptions);
  for (int32_t number : {-1, 1025, 2147483647, -2147483647 - 1}) {
    options.numThreads = number;
    EXPECT_EQ(open("x", &options),
              "expected a number of threads from 1 to 1024, but got " +
                  std::to_string(number));
  }
  // Threads go first, so this is an error of the path.
  options.numThreads = 1024;
  EXPECT_EQ(open("x", &options),
            "cannot read 'x/manifest.json': No such file or directory");
}

TEST_F(CApi, ThreadsFromTheEnvironment) {
  auto rejects = [&](const char *text) {
    ::setenv("COMPRESS_NUM_THREADS", text, 1);
    std::string expected = "expected COMPRESS_NUM_THREADS to be a number of "
                           "threads from 1 to 1024, but got '" +
                           std::string(text) + "'";
    EXPECT_EQ(open("x"), expected);
  };
  for (const char *text :
       {"0", "-1", "x", "1x", "1.5", "0x10", "4 ", " ", "+", "1025",
        "99999999999999999999", "-99999999999999999999"})
    rejects(text);
  auto accepts = [&](const char *text) {
    ::setenv("COMPRESS_NUM_THREADS", text, 1);
    EXPECT_EQ(open("x"),
              "cannot read 'x/manifest.json': No such file or directory")
        << text;
  };
  for (const char *text : {"1", "8", "007", "1024", ""})
    accepts(text);
  // A number of the caller goes before the environment, which is not read.
  ::setenv("COMPRESS_NUM_THREADS", "x", 1);
  CompressOpenOptions options = {
      sizeof(CompressOpenOptions), 0, 2, 0, nullptr, 0};
  EXPECT_EQ(open("x", &options),
            "cannot read 'x/manifest.json': No such file or directory");
}

TEST_F(CApi, OpenChecksFilesInOrder) {
  std::string manifest = directory + "/manifest.json";
  ASSERT_EQ(::mkdir(manifest.c_str(), 0777), 0);
  EXPECT_EQ(open(directory.c_str()),
            "'" + manifest + "': expected a regular file, but got a directory");
  ASSERT_EQ(::rmdir(manifest.c_str()), 0);
  writeArtifact();
  EXPECT_EQ(open(directory.c_str()),
            "cannot read '" + directory +
                "/model.so': No such file or directory");
  ASSERT_EQ(::unlink((directory + "/weights.safetensors").c_str()), 0);
  EXPECT_EQ(open(directory.c_str()),
            "cannot read '" + directory +
                "/weights.safetensors': No such file or directory");
}

TEST_F(CApi, NothingIsFine) {
  compressModelClose(nullptr);
  compressTensorRelease(nullptr);
  CompressTensor tensor = {nullptr, COMPRESS_F32, 2,
                           nullptr, nullptr,      COMPRESS_HOST};
  compressTensorRelease(&tensor);
  EXPECT_EQ(tensor.data, nullptr);
  compressTensorRelease(&tensor);
}

} // namespace
