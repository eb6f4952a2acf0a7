//===- SafetensorsTest.cpp - reading and writing safetensors --------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Store/Safetensors.h"
#include "TestUtils.h"
#include "compress/Store/Checksum.h"
#include <algorithm>
#include <csignal>
#include <cstring>
#include <sys/resource.h>

using namespace mlir::compress::store;
using namespace mlir::compress::store::test;

/// A file from a header and data.
static std::string makeFile(const std::string &header,
                            const std::string &data = "") {
  uint64_t length = header.size();
  return std::string(reinterpret_cast<const char *>(&length), 8) + header +
         data;
}

namespace {
class SafetensorsTest : public Scratch {
protected:
  /// The error for a file, without the path.
  std::string getError(const std::string &bytes) {
    std::string name = path("w.safetensors");
    writeBytes(name, bytes);
    auto file = SafetensorsFile::open(name);
    if (file.ok())
      return "no error";
    std::string prefix = "'" + name + "'";
    const std::string &message = file.status().message();
    EXPECT_EQ(message.substr(0, prefix.size()), prefix);
    return "W" + message.substr(prefix.size());
  }
  std::string getHeaderError(const std::string &header,
                             const std::string &data = "") {
    return getError(makeFile(header, data));
  }
  /// The error of SafetensorsWriter::create.
  std::string getCreateError(std::vector<TensorDescription> tensors) {
    std::string name = path("w.safetensors");
    auto writer = SafetensorsWriter::create(name, std::move(tensors));
    if (writer.ok())
      return "no error";
    std::string prefix = "'" + name + "'";
    const std::string &message = writer.status().message();
    EXPECT_EQ(message.substr(0, prefix.size()), prefix);
    EXPECT_FALSE(exists(name));
    return "W" + message.substr(prefix.size());
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

TEST_F(SafetensorsTest, Reads) {
  std::string header =
      R"({"__metadata__":{"format":"pt"},)"
      R"("b":{"dtype":"I8","shape":[2,2],"data_offsets":[12,16]},)"
      R"("a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}   )";
  std::string data("0123456789abWXYZ");
  writeBytes(path("a"), makeFile(header, data));
  auto file = SafetensorsFile::open(path("a"));
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ((*file)->path(), path("a"));
  ASSERT_EQ((*file)->tensors().size(), 2u);
  const TensorView &a = (*file)->tensors()[0], &b = (*file)->tensors()[1];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.dtype, DType::F32);
  EXPECT_EQ(a.shape, std::vector<int64_t>{3});
  EXPECT_EQ(a.nbytes, 12u);
  EXPECT_EQ(std::string(a.data, a.data + a.nbytes), "0123456789ab");
  EXPECT_EQ(b.name, "b");
  EXPECT_EQ(b.dtype, DType::I8);
  EXPECT_EQ(b.shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(std::string(b.data, b.data + b.nbytes), "WXYZ");
  EXPECT_EQ((*file)->find("a"), &a);
  EXPECT_EQ((*file)->find("b"), &b);
  EXPECT_EQ((*file)->find("c"), nullptr);
  EXPECT_EQ((*file)->find("__metadata__"), nullptr);
  std::string start = makeFile(header);
  EXPECT_EQ((*file)->headerHash(), hashToHex(start.data(), start.size()));
}

TEST_F(SafetensorsTest, ReadsEmptyFilesAndTensors) {
  EXPECT_EQ(getHeaderError("{}"), "no error");
  EXPECT_EQ(getHeaderError("{}  \n"), "no error");
  EXPECT_EQ(getHeaderError(R"({"__metadata__":{}})"), "no error");
  // No elements, in the middle and in one place; no dimensions.
  writeBytes(path("a"),
             makeFile(R"({"z":{"dtype":"F32","shape":[0,3],)"
                      R"("data_offsets":[4,4]},)"
                      R"("y":{"dtype":"U8","shape":[0],"data_offsets":[4,4]},)"
                      R"("s":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
                      R"("t":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}})",
                      "01234"));
  auto file = SafetensorsFile::open(path("a"));
  ASSERT_TRUE(file.ok()) << file.status().message();
  std::string order;
  for (const TensorView &view : (*file)->tensors())
    order += view.name;
  EXPECT_EQ(order, "szyt");
  EXPECT_EQ((*file)->find("z")->nbytes, 0u);
  EXPECT_TRUE((*file)->find("s")->shape.empty());
}

TEST_F(SafetensorsTest, NotAFile) {
  EXPECT_EQ(SafetensorsFile::open(path("none")).status().message(),
            "cannot read '" + path("none") + "': No such file or directory");
  EXPECT_EQ(SafetensorsFile::open(directory).status().message(),
            "'" + directory +
                "': expected a regular file, but got a directory");
}

TEST_F(SafetensorsTest, HeaderLength) {
  EXPECT_EQ(getError(""), "W: expected 8 bytes with the header's length, but "
                          "the file has 0");
  EXPECT_EQ(getError("1234567"), "W: expected 8 bytes with the header's "
                                 "length, but the file has 7");
  EXPECT_EQ(getError(std::string(8, '\0')),
            "W: expected a header that begins with '{'");
  EXPECT_EQ(getError(makeFile("{}").substr(0, 9)),
            "W: header ends at byte 10 of a file of 9 bytes");
  EXPECT_EQ(getError(std::string(8, '\xff') + "{}"),
            "W: expected a header of at most 100000000 bytes, but got "
            "18446744073709551615");
  uint64_t length = kMaxHeaderSize + 1;
  std::string bytes(reinterpret_cast<const char *>(&length), 8);
  EXPECT_EQ(getError(bytes), "W: expected a header of at most 100000000 bytes, "
                             "but got 100000001");
  length = kMaxHeaderSize;
  bytes.assign(reinterpret_cast<const char *>(&length), 8);
  EXPECT_EQ(getError(bytes),
            "W: header ends at byte 100000008 of a file of 8 bytes");
}

TEST_F(SafetensorsTest, HeaderSyntax) {
  EXPECT_EQ(getHeaderError(" {}"), "W: expected a header that begins with '{'");
  EXPECT_EQ(getHeaderError("[]"), "W: expected a header that begins with '{'");
  EXPECT_EQ(getHeaderError("{"), "W: header is not valid JSON at byte 2");
  EXPECT_EQ(getHeaderError("{} x"), "W: header is not valid JSON at byte 4");
  EXPECT_EQ(getHeaderError("{}{}"), "W: header is not valid JSON at byte 3");
  EXPECT_EQ(getHeaderError("{\"__metadata__\":{},}"),
            "W: header is not valid JSON at byte 20");
  EXPECT_EQ(getHeaderError("{\"a\":NaN}"),
            "W: header is not valid JSON at byte 6");
  EXPECT_EQ(getHeaderError("{/**/}"), "W: header is not valid JSON at byte 2");
  // A zero byte ends nothing.
  EXPECT_EQ(getHeaderError(std::string("{}\0rest", 7)),
            "W: header is not valid JSON at byte 3");
  // UTF-8: a lone continuation, an overlong slash, a surrogate.
  EXPECT_EQ(getHeaderError("{\"\x80\":{}}"),
            "W: header is not valid JSON at byte 3");
  EXPECT_EQ(getHeaderError("{\"\xc0\xaf\":{}}"),
            "W: header is not valid JSON at byte 3");
  EXPECT_EQ(getHeaderError("{\"\xed\xa0\x80\":{}}"),
            "W: header is not valid JSON at byte 4");
  EXPECT_EQ(getHeaderError("{\"\\ud800\":{}}"),
            "W: header is not valid JSON at byte 9");
  // Too large for a double.
  EXPECT_EQ(getHeaderError("{\"a\":1e999}"),
            "W: header is not valid JSON at byte 10");
}

TEST_F(SafetensorsTest, HeaderNesting) {
  EXPECT_EQ(getHeaderError(R"({"a":{"shape":[[]]}})"),
            "W: header is nested deeper than 3 levels");
  EXPECT_EQ(getHeaderError("{\"a\":" + std::string(1000000, '[')),
            "W: header is nested deeper than 3 levels");
  std::string deep;
  for (int i = 0; i < 100000; ++i)
    deep += "{\"a\":";
  EXPECT_EQ(getHeaderError(deep), "W: header is nested deeper than 3 levels");
}

TEST_F(SafetensorsTest, HeaderSize) {
  std::string many = R"({"a":{"dtype":"U8","data_offsets":[0,0],"shape":[0)";
  for (int i = 0; i < (1 << 20); ++i)
    many += ",1";
  EXPECT_EQ(getHeaderError(many + "]}}"),
            "W: header has more than 1048576 values in 'a'");
}

TEST_F(SafetensorsTest, DuplicateKeys) {
  std::string entry = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_EQ(getHeaderError(R"({"a":)" + entry + R"(,"a":)" + entry + "}"),
            "W: header has the key 'a' twice");
  // The same name in other letters.
  EXPECT_EQ(getHeaderError(R"({"a":)" + entry + R"(,"\u0061":)" + entry + "}"),
            "W: header has the key 'a' twice");
  EXPECT_EQ(getHeaderError(R"({"a":{"dtype":"U8","dtype":"U8"}})"),
            "W: header has the key 'dtype' twice");
  EXPECT_EQ(getHeaderError(R"({"__metadata__":{},"__metadata__":{}})"),
            "W: header has the key '__metadata__' twice");
  EXPECT_EQ(getHeaderError(R"({"__metadata__":{"x":"1","x":"1"}})"),
            "W: header has the key 'x' twice");
}

TEST_F(SafetensorsTest, Metadata) {
  std::string error = "W: expected '__metadata__' to be an object of strings";
  EXPECT_EQ(getHeaderError(R"({"__metadata__":{"a":"1","b":""}})"), "no error");
  for (const char *value : {"[]", "\"x\"", "null", "3", R"({"a":1})",
                            R"({"a":"1","b":null})", R"({"a":{}})"})
    EXPECT_EQ(getHeaderError("{\"__metadata__\":" + std::string(value) + "}"),
              error);
}

TEST_F(SafetensorsTest, Fields) {
  auto entry = [&](const std::string &fields) {
    return getHeaderError("{\"a\":{" + fields + "}}", "12345678");
  };
  std::string type = R"("dtype":"U8")", shape = R"("shape":[8])",
              offsets = R"("data_offsets":[0,8])";
  EXPECT_EQ(entry(offsets + "," + type + "," + shape), "no error");
  EXPECT_EQ(getHeaderError(R"({"a":[]})"), "W: tensor 'a': expected an object");
  EXPECT_EQ(getHeaderError(R"({"a":null})"),
            "W: tensor 'a': expected an object");
  EXPECT_EQ(entry(""), "W: tensor 'a': 'dtype' is missing");
  EXPECT_EQ(entry(type), "W: tensor 'a': 'shape' is missing");
  EXPECT_EQ(entry(type + "," + shape),
            "W: tensor 'a': 'data_offsets' is missing");
  EXPECT_EQ(entry(type + "," + shape + "," + offsets + ",\"x\\n\":1"),
            "W: tensor 'a': unknown key 'x\\x0a'");
  EXPECT_EQ(entry(shape + "," + offsets + R"(,"dtype":8)"),
            "W: tensor 'a': expected 'dtype' to be a string");
  EXPECT_EQ(entry(shape + "," + offsets + R"(,"dtype":"F4")"),
            "W: tensor 'a': expected a dtype of whole bytes such as 'F32', but "
            "got 'F4'");
  EXPECT_EQ(entry(shape + "," + offsets + R"(,"dtype":"u8")"),
            "W: tensor 'a': expected a dtype of whole bytes such as 'F32', but "
            "got 'u8'");
}

TEST_F(SafetensorsTest, Shapes) {
  auto shape = [&](const std::string &value) {
    return getHeaderError("{\"a\":{\"dtype\":\"U8\",\"shape\":" + value +
                              ",\"data_offsets\":[0,8]}}",
                          "12345678");
  };
  std::string error = "W: tensor 'a': expected 'shape' to be an array of "
                      "non-negative integers";
  EXPECT_EQ(shape("[8]"), "no error");
  EXPECT_EQ(shape("[2,1,4]"), "no error");
  for (const char *value :
       {"8", "null", "\"8\"", "{}", "[-8]", "[-0]", "[8.0]", "[8e0]", "[\"8\"]",
        "[null]", "[true]", "[9223372036854775808]", "[18446744073709551616]"})
    EXPECT_EQ(shape(value), error) << value;
  EXPECT_EQ(shape("[]"),
            "W: tensor 'a': expected 1 bytes for U8 of shape [], but got 8");
  EXPECT_EQ(
      shape("[3,3]"),
      "W: tensor 'a': expected 9 bytes for U8 of shape [3, 3], but got 8");
  EXPECT_EQ(shape("[4294967296,4294967296]"),
            "W: tensor 'a': expected a size below 2^63 bytes, but got U8 of "
            "shape [4294967296, 4294967296]");
  // 2^64 + 8 elements, and zero elements of an overflowing shape.
  EXPECT_EQ(shape("[8,2305843009213693953]"),
            "W: tensor 'a': expected a size below 2^63 bytes, but got U8 of "
            "shape [8, 2305843009213693953]");
  EXPECT_EQ(shape("[0,4294967296,4294967296]"),
            "W: tensor 'a': expected a size below 2^63 bytes, but got U8 of "
            "shape [0, 4294967296, 4294967296]");
}

TEST_F(SafetensorsTest, Offsets) {
  auto offsets = [&](const std::string &value) {
    return getHeaderError(
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":" + value +
            "}}",
        "12345678");
  };
  std::string error =
      "W: tensor 'a': expected 'data_offsets' to be two non-negative integers";
  for (const char *value :
       {"8", "[]", "[0]", "[0,8,8]", "[-0,8]", "[0.0,8]", "[\"0\",8]",
        "[0,8.0]", "[0,null]", "{\"begin\":0,\"end\":8}", "null",
        "[0,18446744073709551616]"})
    EXPECT_EQ(offsets(value), error) << value;
  EXPECT_EQ(offsets("[8,0]"),
            "W: tensor 'a' begins at byte 8 and ends at byte 0");
  EXPECT_EQ(offsets("[0,9]"),
            "W: tensor 'a' ends at byte 9 of a data section of 8 bytes");
  EXPECT_EQ(offsets("[18446744073709551608,18446744073709551615]"),
            "W: tensor 'a' ends at byte 18446744073709551615 of a data section "
            "of 8 bytes");
  EXPECT_EQ(offsets("[0,7]"),
            "W: tensor 'a': expected 8 bytes for U8 of shape [8], but got 7");
}

TEST_F(SafetensorsTest, Tiling) {
  auto entry = [](const char *name, int begin, int end) {
    return "\"" + std::string(name) + "\":{\"dtype\":\"U8\",\"shape\":[" +
           std::to_string(end - begin) + "],\"data_offsets\":[" +
           std::to_string(begin) + "," + std::to_string(end) + "]}";
  };
  auto pair = [&](const std::string &first, const std::string &second) {
    return getHeaderError("{" + first + "," + second + "}", "12345678");
  };
  EXPECT_EQ(pair(entry("b", 4, 8), entry("a", 0, 4)), "no error");
  EXPECT_EQ(pair(entry("a", 0, 4), entry("b", 5, 8)),
            "W: tensor 'b' begins at byte 5, but the data before it end at "
            "byte 4");
  EXPECT_EQ(pair(entry("a", 1, 4), entry("b", 4, 8)),
            "W: tensor 'a' begins at byte 1, but the data before it end at "
            "byte 0");
  EXPECT_EQ(pair(entry("a", 0, 5), entry("b", 4, 8)),
            "W: tensor 'b' begins at byte 4, inside tensor 'a'");
  EXPECT_EQ(pair(entry("a", 0, 8), entry("b", 0, 8)),
            "W: tensor 'b' begins at byte 0, inside tensor 'a'");
  EXPECT_EQ(pair(entry("a", 0, 8), entry("b", 4, 4)),
            "W: tensor 'b' begins at byte 4, inside tensor 'a'");
  EXPECT_EQ(pair(entry("a", 0, 4), entry("b", 4, 7)),
            "W: expected 7 bytes in the data section, but got 8");
  EXPECT_EQ(getHeaderError("{}", "x"),
            "W: expected 0 bytes in the data section, but got 1");
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

TEST_F(SafetensorsTest, WritesExactBytes) {
  auto writer = SafetensorsWriter::create(
      path("a"), {{"a", DType::I16, {3}}, {"b\"\n", DType::F32, {}}});
  ASSERT_TRUE(writer.ok()) << writer.status().message();
  ASSERT_TRUE((*writer)->append("012345", 6).ok());
  ASSERT_TRUE((*writer)->append("wxyz", 4).ok());
  auto summary = (*writer)->finish();
  ASSERT_TRUE(summary.ok()) << summary.status().message();

  std::string header =
      R"({"a":{"dtype":"I16","shape":[3],"data_offsets":[0,6]},)"
      R"("__padding__0":{"dtype":"U8","shape":[58],"data_offsets":[6,64]},)"
      R"("b\"\n":{"dtype":"F32","shape":[],"data_offsets":[64,68]}})";
  header.resize(184, ' ');
  std::string start = makeFile(header);
  EXPECT_EQ(readBytes(path("a")),
            start + "012345" + std::string(58, '\0') + "wxyz");
  EXPECT_EQ(summary->size, 192u + 68u);
  EXPECT_EQ(summary->headerXxh3, hashToHex(start.data(), start.size()));
  ASSERT_EQ(summary->tensors.size(), 2u);
  EXPECT_EQ(summary->tensors[0].name, "a");
  EXPECT_EQ(summary->tensors[0].xxh3, hashToHex("012345", 6));
  EXPECT_EQ(summary->tensors[1].name, "b\"\n");
  EXPECT_EQ(summary->tensors[1].xxh3, hashToHex("wxyz", 4));
}

TEST_F(SafetensorsTest, WritesNothing) {
  auto writer = SafetensorsWriter::create(path("a"), {});
  ASSERT_TRUE(writer.ok());
  auto summary = (*writer)->finish();
  ASSERT_TRUE(summary.ok());
  EXPECT_EQ(readBytes(path("a")), makeFile("{}" + std::string(54, ' ')));
  EXPECT_EQ(summary->size, 64u);
  EXPECT_TRUE(SafetensorsFile::open(path("a")).ok());
}

TEST_F(SafetensorsTest, RoundTrip) {
  Random random;
  for (int round = 0; round < 50; ++round) {
    std::vector<TensorDescription> tensors;
    std::vector<std::string> contents;
    for (size_t i = 0, count = random(12); i < count; ++i) {
      TensorDescription tensor{"t" + std::to_string(i) + "\xc3\xa9",
                               static_cast<DType>(random(16)),
                               {}};
      for (size_t rank = random(4); rank; --rank)
        tensor.shape.push_back(random(7));
      std::string content(*computeByteSize(tensor.dtype, tensor.shape), '\0');
      for (char &byte : content)
        byte = static_cast<char>(random(256));
      tensors.push_back(tensor);
      contents.push_back(content);
    }
    auto writer = SafetensorsWriter::create(path("a"), tensors);
    ASSERT_TRUE(writer.ok()) << writer.status().message();
    for (const std::string &content : contents)
      ASSERT_TRUE((*writer)->append(content.data(), content.size()).ok());
    auto summary = (*writer)->finish();
    ASSERT_TRUE(summary.ok());

    auto file = SafetensorsFile::open(path("a"));
    ASSERT_TRUE(file.ok()) << file.status().message();
    EXPECT_EQ(summary->size, readBytes(path("a")).size());
    EXPECT_EQ(summary->headerXxh3, (*file)->headerHash());
    ASSERT_EQ(summary->tensors.size(), tensors.size());
    // A mapping begins on a page, so addresses tell offsets.
    for (size_t i = 0; i < tensors.size(); ++i) {
      const TensorView *view = (*file)->find(tensors[i].name);
      ASSERT_NE(view, nullptr);
      EXPECT_EQ(view->dtype, tensors[i].dtype);
      EXPECT_EQ(view->shape, tensors[i].shape);
      EXPECT_EQ(std::string(view->data, view->data + view->nbytes),
                contents[i]);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(view->data) % 64, 0u);
      EXPECT_EQ(summary->tensors[i].xxh3, hashToHex(view->data, view->nbytes));
    }
    size_t paddings = 0;
    for (const TensorView &view : (*file)->tensors())
      if (view.name.compare(0, kPaddingPrefix.size(), kPaddingPrefix) == 0) {
        EXPECT_EQ(view.name, "__padding__" + std::to_string(paddings++));
        EXPECT_TRUE(std::all_of(view.data, view.data + view.nbytes,
                                [](uint8_t byte) { return byte == 0; }));
      }
    EXPECT_EQ((*file)->tensors().size(), tensors.size() + paddings);
  }
}

TEST_F(SafetensorsTest, RefusesNames) {
  EXPECT_EQ(getCreateError({{"a", DType::U8, {}}, {"a", DType::F32, {2}}}),
            "W: tensor 'a' is there twice");
  EXPECT_EQ(getCreateError({{"__metadata__", DType::U8, {}}}),
            "W: tensor name '__metadata__' is reserved");
  EXPECT_EQ(getCreateError({{"__padding__", DType::U8, {}}}),
            "W: tensor name '__padding__' is reserved");
  EXPECT_EQ(getCreateError({{"__padding__7", DType::U8, {}}}),
            "W: tensor name '__padding__7' is reserved");
  for (const char *name :
       {"\x80", "\xc0\xaf", "\xc1\xbf", "\xc3", "\xe0\x9f\xbf", "\xe2\x82",
        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xff", "\xf0\x9f\x98"})
    EXPECT_EQ(getCreateError({{name, DType::U8, {}}}),
              "W: tensor name '" + std::string(name) + "' is not UTF-8");
}

// The writer's own check of names, against the reader's parser.
TEST_F(SafetensorsTest, NamesAgreeWithTheParser) {
  Random random;
  for (int round = 0; round < 2000; ++round) {
    std::string name;
    // Bytes at the borders of UTF-8's classes.
    for (size_t size = random(6); size; --size)
      name += "a\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xec\xed"
              "\xee\xef\xf0\xf1\xf3\xf4\xf5\xff"[random(24)];
    auto writer =
        SafetensorsWriter::create(path("a"), {{name, DType::U8, {0}}});
    std::string header = "{\"" + name +
                         "\":{\"dtype\":\"U8\",\"shape\":[0],"
                         "\"data_offsets\":[0,0]}}";
    EXPECT_EQ(writer.ok(), getHeaderError(header) == "no error");
  }
}

TEST_F(SafetensorsTest, RefusesShapes) {
  EXPECT_EQ(getCreateError({{"a", DType::F32, {2, kDynamic}}}),
            "W: tensor 'a': expected a size below 2^63 bytes, but got F32 of "
            "shape [2, -1]");
  EXPECT_EQ(getCreateError({{"a", DType::U16, {1ll << 62}}}),
            "W: tensor 'a': expected a size below 2^63 bytes, but got U16 of "
            "shape [4611686018427387904]");
  EXPECT_EQ(getCreateError(
                {{"a", DType::U8, {1ll << 62}}, {"b", DType::U8, {1ll << 62}}}),
            "W: tensor 'b' does not fit into a file");
  EXPECT_EQ(getCreateError({{"a", DType::U8, {INT64_MAX}}}),
            "W: tensor 'a' does not fit into a file");
}

TEST_F(SafetensorsTest, AppendsInOrderAndSize) {
  auto writer = SafetensorsWriter::create(
      path("a"), {{"a", DType::F32, {2}}, {"b", DType::U8, {0}}});
  ASSERT_TRUE(writer.ok());
  std::string where = "'" + path("a") + "'";
  EXPECT_EQ((*writer)->append("0123456", 7).message(),
            where + ": tensor 'a': expected 8 bytes, but got 7");
  EXPECT_EQ((*writer)->finish().status().message(),
            where + ": expected data of tensor 'a'");
  // Neither of these spoils the file.
  EXPECT_TRUE((*writer)->append("01234567", 8).ok());
  EXPECT_EQ((*writer)->finish().status().message(),
            where + ": expected data of tensor 'b'");
  EXPECT_TRUE((*writer)->append(nullptr, 0).ok());
  EXPECT_EQ((*writer)->append("x", 1).message(),
            where + ": all 2 tensors are written already");
  EXPECT_TRUE((*writer)->finish().ok());
  EXPECT_EQ((*writer)->finish().status().message(),
            where + " is finished already");
  EXPECT_EQ((*writer)->append("x", 1).message(),
            where + " is finished already");
  auto file = SafetensorsFile::open(path("a"));
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ((*file)->tensors().size(), 3u);
}

TEST_F(SafetensorsTest, WriteErrors) {
  auto message = [](const std::string &path) {
    return SafetensorsWriter::create(path, {{"a", DType::U8, {1}}})
        .status()
        .message();
  };
  EXPECT_EQ(message(directory),
            "cannot write '" + directory + "': Is a directory");
  EXPECT_EQ(message(path("no/a")),
            "cannot write '" + path("no/a") + "': No such file or directory");
  EXPECT_EQ(message("/dev/full"),
            "cannot write '/dev/full': No space left on device");
}

// The disk fills up in the middle of the data.
TEST_F(SafetensorsTest, WriteErrorLater) {
  int status = runInChild([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto writer = SafetensorsWriter::create(
        path("a"), {{"a", DType::U8, {1000}}, {"b", DType::U8, {10000}}});
    std::string data(10000, 'x');
    if (!writer.ok() || !(*writer)->append(data.data(), 1000).ok())
      return 1;
    std::string expected = "cannot write '" + path("a") + "': File too large";
    // The error stays.
    return (*writer)->append(data.data(), 10000).message() == expected &&
                   (*writer)->append(data.data(), 10000).message() ==
                       expected &&
                   (*writer)->finish().status().message() == expected
               ? 0
               : 2;
  });
  EXPECT_EQ(status, 0);
}
