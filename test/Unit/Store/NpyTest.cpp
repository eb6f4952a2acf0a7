//===- NpyTest.cpp - numpy's files ----------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Store/Npy.h"
#include "TestUtils.h"

using namespace mlir::compress::store;
using namespace mlir::compress::store::test;

/// A file of a version from a header and data.
static std::string makeNpy(const std::string &header, const std::string &data,
                           int major = 1, int minor = 0) {
  std::string result = "\x93NUMPY";
  result += static_cast<char>(major);
  result += static_cast<char>(minor);
  uint32_t length = header.size();
  result.append(reinterpret_cast<const char *>(&length), major == 1 ? 2 : 4);
  return result + header + data;
}

/// A header as numpy writes it.
static std::string makeHeader(const std::string &descr,
                              const std::string &shape,
                              const std::string &fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran +
         ", 'shape': " + shape + ", }";
}

namespace {
class NpyTest : public Scratch {
protected:
  std::string name = path("x.npy");

  std::string getError(const std::string &bytes) {
    writeBytes(name, bytes);
    auto array = readNpy(name);
    if (array.ok())
      return "no error";
    std::string prefix = "'" + name + "'";
    const std::string &message = array.status().message();
    EXPECT_EQ(message.substr(0, prefix.size()), prefix);
    EXPECT_EQ(message.find('\n'), std::string::npos);
    return "N" + message.substr(prefix.size());
  }
  std::string getHeaderError(const std::string &header,
                             const std::string &data = "") {
    return getError(makeNpy(header, data));
  }
  NpyArray read(const std::string &bytes) {
    writeBytes(name, bytes);
    auto array = readNpy(name);
    EXPECT_TRUE(array.ok()) << array.status().message();
    return array.ok() ? *array : NpyArray{DType::U8, {}, {}};
  }
};
} // namespace

static std::string toString(const std::vector<uint8_t> &bytes) {
  return {bytes.begin(), bytes.end()};
}

//===----------------------------------------------------------------------===//
// Round trip
//===----------------------------------------------------------------------===//

TEST_F(NpyTest, WritesExactBytes) {
  ASSERT_EQ(writeNpy(name, {DType::I16, {2, 3}, std::vector<uint8_t>(12, 'x')})
                .message(),
            "");
  std::string header = makeHeader("<i2", "(2, 3)");
  header.resize(117, ' ');
  EXPECT_EQ(readBytes(name), makeNpy(header + "\n", "xxxxxxxxxxxx"));
  EXPECT_EQ(readBytes(name).size(), 128u + 12u);
  EXPECT_EQ(listNames(directory), std::set<std::string>{"x.npy"});
}

TEST_F(NpyTest, WritesShapes) {
  auto header = [&](std::vector<int64_t> shape, size_t size) {
    NpyArray array{DType::U8, shape, std::vector<uint8_t>(size)};
    EXPECT_EQ(writeNpy(name, array).message(), "");
    std::string bytes = readBytes(name);
    EXPECT_EQ((bytes.size() - size) % 64, 0u);
    size_t begin = bytes.find("'shape': ") + 9;
    return bytes.substr(begin, bytes.find(" }") - begin);
  };
  EXPECT_EQ(header({}, 1), "(),");
  EXPECT_EQ(header({7}, 7), "(7,),");
  EXPECT_EQ(header({7, 0}, 0), "(7, 0),");
  EXPECT_EQ(header({1, 2, 3}, 6), "(1, 2, 3),");
  // All lengths of padding.
  for (size_t rank = 0; rank <= 64; ++rank) {
    NpyArray array{DType::U8, std::vector<int64_t>(rank, 1), {42}};
    ASSERT_EQ(writeNpy(name, array).message(), "");
    EXPECT_EQ(readBytes(name).size() % 64, 1u);
    auto result = readNpy(name);
    ASSERT_TRUE(result.ok()) << result.status().message();
    EXPECT_EQ(result->shape, array.shape);
  }
}

TEST_F(NpyTest, RoundTripOfElementTypes) {
  const char *descrs[] = {"|b1", "|u1", "|i1", "<u2", "<i2", "<u4",
                          "<i4", "<u8", "<i8", "<f2", "<V2", "<f4",
                          "<f8", "|V1", "|V1", "|V1"};
  for (int i = 0; i < 16; ++i) {
    auto dtype = static_cast<DType>(i);
    NpyArray array{dtype, {3}, {}};
    for (size_t j = 0; j < 3 * getDTypeSize(dtype); ++j)
      array.data.push_back(j * 37);
    ASSERT_EQ(writeNpy(name, array).message(), "");
    EXPECT_NE(readBytes(name).find("'" + std::string(descrs[i]) + "'"),
              std::string::npos);
    auto result = readNpy(name);
    ASSERT_TRUE(result.ok()) << result.status().message();
    // Which 8-bit float it was, the file does not say.
    EXPECT_EQ(result->dtype, i < 13 ? dtype : DType::U8);
    EXPECT_EQ(result->shape, array.shape);
    EXPECT_EQ(result->data, array.data);
  }
}

TEST_F(NpyTest, WriteErrors) {
  std::string where = "'" + name + "': ";
  EXPECT_EQ(
      writeNpy(name, {DType::F32, {2}, std::vector<uint8_t>(7)}).message(),
      where + "expected 8 bytes of data for shape [2], but got 7");
  EXPECT_EQ(writeNpy(name, {DType::F32, {-1}, {}}).message(),
            where + "expected 2^63 or more bytes of data for shape [-1], but "
                    "got 0");
  EXPECT_EQ(
      writeNpy(name, {DType::U8, std::vector<int64_t>(65, 1), {1}}).message(),
      where + "expected at most 64 dimensions, but got 65");
  EXPECT_EQ(writeNpy(directory, {DType::U8, {}, {1}}).message(),
            "'" + directory + "' is a directory");
  EXPECT_EQ(writeNpy("/dev/full", {DType::U8, {}, {1}}).message(),
            "'/dev/full' is not a regular file");
  EXPECT_TRUE(listNames(directory).empty());
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

TEST_F(NpyTest, Versions) {
  std::string header = makeHeader("<u2", "(2,)");
  for (int major : {1, 2, 3}) {
    NpyArray array = read(makeNpy(header, "abcd", major));
    EXPECT_EQ(array.dtype, DType::U16);
    EXPECT_EQ(array.shape, std::vector<int64_t>{2});
    EXPECT_EQ(toString(array.data), "abcd");
  }
  EXPECT_EQ(getError(makeNpy(header, "abcd", 0)),
            "N: expected version 1.0, 2.0 or 3.0, but got 0.0");
  EXPECT_EQ(getError(makeNpy(header, "abcd", 4)),
            "N: expected version 1.0, 2.0 or 3.0, but got 4.0");
  EXPECT_EQ(getError(makeNpy(header, "abcd", 1, 1)),
            "N: expected version 1.0, 2.0 or 3.0, but got 1.1");
}

TEST_F(NpyTest, ColumnMajor) {
  // [[a, b, c], [d, e, f]]
  NpyArray array = read(makeNpy(makeHeader("|u1", "(2, 3)", "True"), "adbecf"));
  EXPECT_EQ(toString(array.data), "abcdef");
  EXPECT_EQ(array.shape, (std::vector<int64_t>{2, 3}));
  array = read(makeNpy(makeHeader("<u2", "(2, 2)", "True"), "aAcCbBdD"));
  EXPECT_EQ(toString(array.data), "aAbBcCdD");
  EXPECT_EQ(toString(read(makeNpy(makeHeader("|u1", "()", "True"), "a")).data),
            "a");
  EXPECT_EQ(
      toString(read(makeNpy(makeHeader("|u1", "(3,)", "True"), "abc")).data),
      "abc");
  EXPECT_TRUE(
      read(makeNpy(makeHeader("<f4", "(3, 0, 2)", "True"), "")).data.empty());
  // Four dimensions against the definition.
  std::vector<int64_t> shape = {2, 3, 1, 4};
  std::string source(24, '\0'), expected(24, '\0');
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      for (int l = 0; l < 4; ++l) {
        char value = static_cast<char>('a' + i * 12 + j * 4 + l);
        source[i + 2 * (j + 3 * l)] = value;
        expected[(i * 3 + j) * 4 + l] = value;
      }
  array = read(makeNpy(makeHeader("|i1", "(2, 3, 1, 4)", "True"), source));
  EXPECT_EQ(array.shape, shape);
  EXPECT_EQ(toString(array.data), expected);
}

TEST_F(NpyTest, OtherSpellings) {
  for (const char *header :
       {"{\"shape\":(2,),\"descr\":\"<u2\",\"fortran_order\":False}",
        "{ 'fortran_order' : False , 'shape' : ( 2 , ) , 'descr' : '<u2' , } "
        "\n",
        "\n{'descr':'<u2','fortran_order':False,'shape':(2L,)}\t",
        "{'descr':'<u2','fortran_order':False,'shape':(2, 1)}"})
    EXPECT_EQ(getHeaderError(header, "abcd"), "no error") << header;
  // bf16 with either mark.
  EXPECT_EQ(read(makeNpy(makeHeader("|V2", "()"), "ab")).dtype, DType::BF16);
  EXPECT_EQ(read(makeNpy(makeHeader("<V1", "()"), "a")).dtype, DType::U8);
}

TEST_F(NpyTest, NotAFile) {
  EXPECT_EQ(readNpy(path("none")).status().message(),
            "cannot read '" + path("none") + "': No such file or directory");
  EXPECT_EQ(getError(""), "N: expected a .npy file");
  EXPECT_EQ(getError("PK\3\4"), "N: expected a .npy file");
  EXPECT_EQ(getError("\x93NUMPX"), "N: expected a .npy file");
}

TEST_F(NpyTest, Truncated) {
  std::string bytes = makeNpy(makeHeader("|u1", "(3,)"), "abc");
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_NE(getError(bytes.substr(0, size)), "no error") << size;
  EXPECT_EQ(getError(bytes.substr(0, 6)), "N: file ends in the header");
  EXPECT_EQ(getError(bytes.substr(0, 9)), "N: file ends in the header");
  EXPECT_EQ(getError(bytes.substr(0, 20)),
            "N: header ends at byte " + std::to_string(bytes.size() - 3) +
                " of a file of 20 bytes");
  EXPECT_EQ(getError(std::string("\x93NUMPY\2\0\xff\xff\xff\xff", 12)),
            "N: expected a header of at most 1048576 bytes, but got "
            "4294967295");
}

TEST_F(NpyTest, SizeOfData) {
  EXPECT_EQ(getHeaderError(makeHeader("<f4", "(2, 3)"), std::string(20, 'x')),
            "N: expected 24 bytes of data for shape [2, 3], but got 20");
  EXPECT_EQ(getHeaderError(makeHeader("<f4", "(2, 3)"), std::string(25, 'x')),
            "N: expected 24 bytes of data for shape [2, 3], but got 25");
  EXPECT_EQ(getHeaderError(makeHeader("<f4", "()"), ""),
            "N: expected 4 bytes of data for shape [], but got 0");
  EXPECT_EQ(getHeaderError(makeHeader("<f4", "(4611686018427387904,)"), ""),
            "N: expected a size below 2^63 bytes, but got shape "
            "[4611686018427387904]");
  EXPECT_EQ(getHeaderError(makeHeader("|u1", "(4294967296, 4294967296)"), ""),
            "N: expected a size below 2^63 bytes, but got shape [4294967296, "
            "4294967296]");
  EXPECT_EQ(
      getHeaderError(makeHeader("|u1", "(0, 4294967296, 4294967296)"), ""),
      "N: expected a size below 2^63 bytes, but got shape [0, 4294967296, "
      "4294967296]");
}

// A file that is larger than memory but takes no room.
TEST_F(NpyTest, SparseFile) {
  uint64_t size = uint64_t(1) << 43;
  std::string bytes = makeNpy(makeHeader("|u1", "(8796093022208,)"), "");
  writeBytes(name, bytes);
  if (::truncate(name.c_str(), bytes.size() + size) != 0)
    GTEST_SKIP() << "no large files here";
  EXPECT_EQ(readNpy(name).status().message(),
            "'" + name +
                "': 8796093022208 bytes of data do not fit into memory");
}

TEST_F(NpyTest, ElementTypes) {
  auto error = [&](const std::string &descr) {
    return getHeaderError(makeHeader(descr, "()"), "12345678");
  };
  EXPECT_EQ(error(">f4"), "N: expected little-endian numbers, but got '>f4'");
  EXPECT_EQ(error(">V2"), "N: expected little-endian numbers, but got '>V2'");
  EXPECT_EQ(error("|O"), "N: expected numbers, but got Python objects");
  EXPECT_EQ(error("O"), "N: expected numbers, but got Python objects");
  for (const char *descr :
       {"<c8", "<U5", "|S8", "<M8[ns]", "<m8", "<f16", "|V8", "=f4", "f4",
        "|f4", "<f5", "<f", "<", "<b2", "<f44"})
    EXPECT_EQ(error(descr), "N: expected integers, floats or booleans, but got "
                            "elements of type '" +
                                std::string(descr) + "'");
  EXPECT_EQ(error(""), "N: unknown element type ''");
  EXPECT_EQ(getHeaderError("{'descr': [('a', '<f4')], 'fortran_order': False, "
                           "'shape': ()}",
                           "1234"),
            "N: expected numbers, but got a structured type");
}

TEST_F(NpyTest, HeaderSyntax) {
  auto at = [](const std::string &what, int byte) {
    return "N: expected " + what + " at byte " + std::to_string(byte) +
           " of the header";
  };
  EXPECT_EQ(getHeaderError(""), at("'{'", 0));
  EXPECT_EQ(getHeaderError("[]"), at("'{'", 0));
  EXPECT_EQ(getHeaderError("{"), at("a key", 1));
  EXPECT_EQ(getHeaderError("{3"), at("a key", 1));
  EXPECT_EQ(getHeaderError("{'descr"), at("a key", 1));
  EXPECT_EQ(getHeaderError("{'de\\x73cr': 1"), at("a key", 1));
  EXPECT_EQ(getHeaderError("{'descr\""), at("a key", 1));
  EXPECT_EQ(getHeaderError("{'descr'"), at("':'", 8));
  EXPECT_EQ(getHeaderError("{'descr':"), at("the element type", 9));
  EXPECT_EQ(getHeaderError("{'descr':<f4"), at("the element type", 9));
  EXPECT_EQ(getHeaderError("{'descr':'<f4'"), at("','", 14));
  EXPECT_EQ(getHeaderError("{'descr':'<f4';"), at("','", 14));
  EXPECT_EQ(getHeaderError("{'fortran_order':"), at("True or False", 17));
  EXPECT_EQ(getHeaderError("{'fortran_order':0"), at("True or False", 17));
  EXPECT_EQ(getHeaderError("{'fortran_order':Falsey"), at("','", 22));
  EXPECT_EQ(getHeaderError("{'x':1}"), "N: unknown key 'x' in the header");
  EXPECT_EQ(getHeaderError("{}"), "N: 'descr' is missing in the header");
  EXPECT_EQ(getHeaderError("{'descr':'<f4'}"),
            "N: 'fortran_order' is missing in the header");
  EXPECT_EQ(getHeaderError("{'descr':'<f4','fortran_order':False}"),
            "N: 'shape' is missing in the header");
  EXPECT_EQ(getHeaderError("{'shape':(),'shape':()}"),
            "N: key 'shape' is in the header twice");
  EXPECT_EQ(getHeaderError(makeHeader("|u1", "()") + "x", "1"),
            at("spaces", makeHeader("|u1", "()").size()));
  EXPECT_EQ(getHeaderError(makeHeader("|u1", "()") + std::string(1, '\0'), "1"),
            at("spaces", makeHeader("|u1", "()").size()));
}

TEST_F(NpyTest, Shapes) {
  auto shape = [&](const std::string &text) {
    return getHeaderError("{'shape':" + text);
  };
  auto at = [](const std::string &what, int byte) {
    return "N: expected " + what + " at byte " + std::to_string(byte) +
           " of the header";
  };
  EXPECT_EQ(shape("3"), at("a tuple", 9));
  EXPECT_EQ(shape("[3]"), at("a tuple", 9));
  EXPECT_EQ(shape("("), at("a non-negative integer", 10));
  EXPECT_EQ(shape("(,)"), at("a non-negative integer", 10));
  // A number in Python.
  EXPECT_EQ(shape("(3)"), at("','", 11));
  EXPECT_EQ(shape("(3"), at("','", 11));
  EXPECT_EQ(shape("(3,"), at("a non-negative integer", 12));
  EXPECT_EQ(shape("(3,,)"), at("a non-negative integer", 12));
  EXPECT_EQ(shape("(3 4)"), at("','", 12));
  EXPECT_EQ(shape("(-3,)"), at("a non-negative integer", 10));
  EXPECT_EQ(shape("(+3,)"), at("a non-negative integer", 10));
  EXPECT_EQ(shape("(True,)"), at("a non-negative integer", 10));
  EXPECT_EQ(shape("(3.0,)"), at("','", 11));
  EXPECT_EQ(shape("(03,)"), at("a non-negative integer", 12));
  EXPECT_EQ(shape("(3LL,)"), at("','", 12));
  EXPECT_EQ(shape("(9223372036854775808,)"), at("a size below 2^63", 28));
  EXPECT_EQ(shape("(99999999999999999999,)"), at("a size below 2^63", 28));
  std::string many = "(";
  for (int i = 0; i < 65; ++i)
    many += "1,";
  EXPECT_EQ(shape(many + ")}"), "N: expected at most 64 dimensions");
}
