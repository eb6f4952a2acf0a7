//===- WeightFilesTest.cpp - several weight files -------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Store/WeightFiles.h"
#include "TestUtils.h"

using namespace mlir::compress::store;
using namespace mlir::compress::store::test;

namespace {
class WeightFilesTest : public Scratch {
protected:
  /// Writes a file of one-byte tensors.
  void makeWeights(const std::string &name, std::vector<std::string> tensors) {
    std::vector<TensorDescription> descriptions;
    for (const std::string &tensor : tensors)
      descriptions.push_back({tensor, DType::U8, {1}});
    auto writer = SafetensorsWriter::create(path(name), descriptions);
    ASSERT_TRUE(writer.ok());
    for (const std::string &tensor : tensors)
      ASSERT_TRUE((*writer)->append(tensor.data(), 1).ok());
    ASSERT_TRUE((*writer)->finish().ok());
  }
  std::string getError(const std::vector<std::string> &paths) {
    return WeightFiles::open(paths).status().message();
  }
  std::string getMapError(const std::string &text) {
    writeBytes(path("m.json"), text);
    return getError({path("m.json")});
  }
};
} // namespace

TEST_F(WeightFilesTest, NoFiles) {
  auto files = WeightFiles::open({});
  ASSERT_TRUE(files.ok());
  EXPECT_EQ((*files)->find("a"), nullptr);
}

TEST_F(WeightFilesTest, SeveralFiles) {
  makeWeights("1", {"a", "b"});
  makeWeights("2", {"c"});
  auto files = WeightFiles::open({path("1"), path("2")});
  ASSERT_TRUE(files.ok()) << files.status().message();
  for (const char *name : {"a", "b", "c"}) {
    ASSERT_NE((*files)->find(name), nullptr);
    EXPECT_EQ(*(*files)->find(name)->data, *name);
  }
  EXPECT_EQ((*files)->find("d"), nullptr);
  // Both files have no end of them.
  EXPECT_EQ((*files)->find("__padding__0"), nullptr);
}

TEST_F(WeightFilesTest, PaddingInSeveralFiles) {
  makeWeights("1", {"a", "b"});
  makeWeights("2", {"c", "d"});
  EXPECT_EQ(getError({path("1"), path("2")}), "");
}

TEST_F(WeightFilesTest, SameFileTwice) {
  makeWeights("1", {"a"});
  ASSERT_EQ(::symlink("1", path("link").c_str()), 0);
  writeBytes(path("m.json"), R"({"weight_map":{"a":"1"}})");
  EXPECT_EQ(getError({path("1"), path("1"), directory + "/./1", path("link"),
                      path("m.json")}),
            "");
}

TEST_F(WeightFilesTest, SameTensorTwice) {
  makeWeights("1", {"a", "b"});
  makeWeights("2", {"b"});
  EXPECT_EQ(getError({path("1"), path("2")}),
            "tensor 'b' is in '" + path("1") + "' and in '" + path("2") + "'");
}

TEST_F(WeightFilesTest, ShardMap) {
  makeWeights("s1", {"a", "b"});
  makeWeights("s2", {"c"});
  writeBytes(path("m.json"), R"({"metadata":{"total_size":3,"x":[null]},)"
                             R"("weight_map":{"a":"s1","c":"s2","b":"s1"}})");
  auto files = WeightFiles::open({path("m.json")});
  ASSERT_TRUE(files.ok()) << files.status().message();
  for (const char *name : {"a", "b", "c"})
    ASSERT_NE((*files)->find(name), nullptr);
}

TEST_F(WeightFilesTest, ShardMapInTheCurrentDirectory) {
  makeWeights("s1", {"a"});
  writeBytes(path("m.json"), R"({"weight_map":{"a":"s1"}})");
  EXPECT_EQ(runInChild([&] {
              return ::chdir(directory.c_str()) == 0 &&
                             WeightFiles::open({"m.json"}).ok()
                         ? 0
                         : 1;
            }),
            0);
}

TEST_F(WeightFilesTest, ShardMapErrors) {
  makeWeights("s1", {"a"});
  std::string where = "'" + path("m.json") + "'";
  EXPECT_EQ(getMapError(""), where + " is not valid JSON at byte 1");
  EXPECT_EQ(getMapError("[]"), where + " is not a JSON object");
  EXPECT_EQ(getMapError("3"), where + " is not a JSON object");
  EXPECT_EQ(getMapError("{}"),
            where + ": expected a shard map, but there is no 'weight_map'");
  EXPECT_EQ(getMapError(R"({"weight_map":[]})"),
            where + ": expected 'weight_map' to be an object");
  EXPECT_EQ(getMapError(R"({"weight_map":{},"weight_map":{}})"),
            where + " has the key 'weight_map' twice");
  EXPECT_EQ(getMapError(R"({"weight_map":{"a":"s1","a":"s1"}})"),
            where + " has the key 'a' twice");
  EXPECT_EQ(getMapError(R"({"weight_map":{"a":1}})"),
            where + ": tensor 'a': expected the name of a file beside the map");
  for (std::string name : {"", ".", "..", "/etc/passwd", "../s1", "sub/s1"})
    EXPECT_EQ(getMapError(R"({"weight_map":{"a":")" + name + "\"}}"),
              where +
                  ": tensor 'a': expected the name of a file beside the map, "
                  "but got '" +
                  name + "'");
  EXPECT_EQ(getMapError(R"({"weight_map":{"a":"s1\u0000x"}})"),
            where +
                ": tensor 'a': expected the name of a file beside the map, but "
                "got 's1\\x00x'");
  EXPECT_EQ(getMapError(R"({"weight_map":{"b":"s1"}})"),
            where + ": tensor 'b' is not in '" + path("s1") + "'");
  EXPECT_EQ(getMapError(R"({"weight_map":{"b":"s3"}})"),
            "cannot read '" + path("s3") + "': No such file or directory");
  EXPECT_EQ(getMapError(R"({"metadata":)" + std::string(100, '[')),
            where + " is nested deeper than 16 levels");
}

TEST_F(WeightFilesTest, FileErrors) {
  writeBytes(path("bad"), "");
  EXPECT_EQ(getError({path("bad")}),
            "'" + path("bad") +
                "': expected 8 bytes with the header's length, but the file "
                "has 0");
  EXPECT_EQ(getError({path("none")}),
            "cannot read '" + path("none") + "': No such file or directory");
  EXPECT_EQ(getError({path("none.json")}), "cannot read '" + path("none.json") +
                                               "': No such file or directory");
}
