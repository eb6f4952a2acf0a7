//===- TestUtils.h - scratch files and processes for tests ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_TEST_UNIT_STORE_TESTUTILS_H
#define COMPRESS_TEST_UNIT_STORE_TESTUTILS_H

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mlir::compress::store::test {

inline void writeBytes(const std::string &path, const std::string &bytes) {
  // ext4 flushes a file that is cut and written again to disk, at once.
  ::unlink(path.c_str());
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  ASSERT_TRUE(file.good()) << path;
}

inline std::string readBytes(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline bool exists(const std::string &path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0;
}

inline std::set<std::string> listNames(const std::string &path) {
  std::set<std::string> names;
  if (DIR *directory = ::opendir(path.c_str())) {
    while (const dirent *entry = ::readdir(directory))
      if (std::string name = entry->d_name; name != "." && name != "..")
        names.insert(name);
    ::closedir(directory);
  }
  return names;
}

/// An empty directory that goes with the test.
class Scratch : public ::testing::Test {
protected:
  Scratch() {
    const char *base = std::getenv("TMPDIR");
    directory = std::string(base ? base : "/tmp") + "/store-test-XXXXXX";
    EXPECT_NE(::mkdtemp(directory.data()), nullptr);
  }
  ~Scratch() override {
    std::string command = "rm -rf '" + directory + "'";
    EXPECT_EQ(std::system(command.c_str()), 0);
  }
  std::string path(const std::string &name) const {
    return directory + "/" + name;
  }
  std::string directory;
};

/// Runs a function in a child process; its wait status.
inline int runInChild(const std::function<int()> &function) {
  std::fflush(nullptr);
  pid_t child = ::fork();
  if (child == 0)
    ::_exit(function());
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

/// A random number generator whose seed is printed if the test fails.
class Random {
public:
  explicit Random(unsigned seed = std::random_device()())
      : trace(__FILE__, __LINE__, "seed " + std::to_string(seed)),
        generator(seed) {}
  /// From 0 to bound - 1.
  size_t operator()(size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(generator);
  }

private:
  ::testing::ScopedTrace trace;
  std::mt19937_64 generator;
};

} // namespace mlir::compress::store::test

#endif // COMPRESS_TEST_UNIT_STORE_TESTUTILS_H
