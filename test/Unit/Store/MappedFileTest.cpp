//===- MappedFileTest.cpp - mapped files ----------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Store/MappedFile.h"
#include "TestUtils.h"

using namespace mlir::compress::store;
using namespace mlir::compress::store::test;

namespace {
class MappedFileTest : public Scratch {};
} // namespace

TEST_F(MappedFileTest, Content) {
  writeBytes(path("a"), "hello");
  auto file = MappedFile::open(path("a"));
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ((*file)->path(), path("a"));
  ASSERT_EQ((*file)->size(), 5u);
  EXPECT_EQ(std::string((*file)->data(), (*file)->data() + 5), "hello");
}

TEST_F(MappedFileTest, Copy) {
  // More than a huge page.
  std::string content(3 << 20, 'x');
  content.back() = 'y';
  writeBytes(path("a"), content);
  auto file = MappedFile::open(path("a"), Placement::Copy);
  ASSERT_TRUE(file.ok()) << file.status().message();
  ASSERT_EQ((*file)->size(), content.size());
  // What happens to the file changes nothing.
  writeBytes(path("a"), "");
  EXPECT_EQ(std::string((*file)->data(), (*file)->data() + content.size()),
            content);
  auto empty = MappedFile::open(path("a"), Placement::Copy);
  ASSERT_TRUE(empty.ok());
  EXPECT_EQ((*empty)->size(), 0u);
  EXPECT_EQ(MappedFile::open(path("none"), Placement::Copy).status().message(),
            "cannot read '" + path("none") + "': No such file or directory");
}

TEST_F(MappedFileTest, OutlivesItsName) {
  writeBytes(path("a"), "hello");
  auto file = MappedFile::open(path("a"));
  ASSERT_TRUE(file.ok());
  ::unlink(path("a").c_str());
  EXPECT_EQ((*file)->data()[4], 'o');
}

TEST_F(MappedFileTest, Empty) {
  writeBytes(path("a"), "");
  auto file = MappedFile::open(path("a"));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ((*file)->size(), 0u);
  EXPECT_EQ((*file)->data(), nullptr);
}

TEST_F(MappedFileTest, Errors) {
  auto message = [](const std::string &path) {
    return MappedFile::open(path).status().message();
  };
  EXPECT_EQ(message(path("none")),
            "cannot read '" + path("none") + "': No such file or directory");
  EXPECT_EQ(message(directory), "'" + directory +
                                    "': expected a regular file, but got a "
                                    "directory");
  EXPECT_EQ(message("/dev/null"), "'/dev/null': expected a regular file");
  EXPECT_EQ(message(""), "cannot read '': No such file or directory");
  // Does not wait for a writer.
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(message(path("pipe")),
            "'" + path("pipe") + "': expected a regular file");
  // One line, whatever the name.
  EXPECT_EQ(message("/no\nsuch\x1b\x7f"),
            "cannot read '/no\\x0asuch\\x1b\\x7f': No such file or directory");
}
