//===- ManifestTest.cpp - manifest.json -----------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Store/Manifest.h"
#include "TestUtils.h"
#include "compress/Store/Checksum.h"
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

using namespace mlir::compress::store;
using namespace mlir::compress::store::test;
using nlohmann::ordered_json;

static Manifest makeManifest() {
  Manifest manifest;
  manifest.producer = "mlir-compress 0.1.0";
  manifest.target = {
      "x86_64-linux-gnu",
      {{"x86-64-v3", {"avx2", "fma"}, ".v3"}, {"x86-64", {}, ".v1"}},
      "sm_90a"};
  manifest.functions = {
      {"main",
       "compress_entry_main",
       {{"x", DType::F32, {kDynamic, 64}}, {"mask", DType::Bool, {}}},
       {{"output0", DType::BF16, {kDynamic, 0}}}}};
  ManifestWeight dense;
  dense.name = "bias";
  dense.dtype = DType::F32;
  dense.shape = {64};
  dense.storedBits = 2048;
  dense.tensors = {"bias"};
  ManifestWeight compressed;
  compressed.name = "w\xc3\xa9\n\"";
  compressed.dtype = DType::F16;
  compressed.shape = {64, 64};
  compressed.codec = "#compress.quant<i4, [1, 32]>";
  compressed.fused = true;
  compressed.compute = "int8";
  compressed.storedBits = 18432;
  compressed.certificate = {"round-to-nearest", "0123456789abcdef", 0.1,
                            1.0 / 3, 42.25};
  compressed.tensors = {"w.codes", "w.scales"};
  manifest.weights = {dense, compressed};
  manifest.modelSo = {12345, "fedcba9876543210"};
  manifest.weightsFile = {67890,
                          "00000000ffffffff",
                          {{"bias", "1111111111111111"},
                           {"w.codes", "2222222222222222"},
                           {"w.scales", "3333333333333333"}}};
  return manifest;
}

static void expectEqual(const std::vector<ManifestTensorType> &a,
                        const std::vector<ManifestTensorType> &b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    EXPECT_EQ(a[i].dtype, b[i].dtype);
    EXPECT_EQ(a[i].shape, b[i].shape);
  }
}

static void expectEqual(const Manifest &a, const Manifest &b) {
  EXPECT_EQ(a.producer, b.producer);
  EXPECT_EQ(a.target.triple, b.target.triple);
  EXPECT_EQ(a.target.gpu, b.target.gpu);
  ASSERT_EQ(a.target.versions.size(), b.target.versions.size());
  for (size_t i = 0; i < a.target.versions.size(); ++i) {
    const ManifestVersion &first = a.target.versions[i];
    const ManifestVersion &second = b.target.versions[i];
    EXPECT_EQ(first.cpu, second.cpu);
    EXPECT_EQ(first.cpuFeatures, second.cpuFeatures);
    EXPECT_EQ(first.symbolSuffix, second.symbolSuffix);
  }
  ASSERT_EQ(a.functions.size(), b.functions.size());
  for (size_t i = 0; i < a.functions.size(); ++i) {
    EXPECT_EQ(a.functions[i].name, b.functions[i].name);
    EXPECT_EQ(a.functions[i].symbol, b.functions[i].symbol);
    expectEqual(a.functions[i].inputs, b.functions[i].inputs);
    expectEqual(a.functions[i].outputs, b.functions[i].outputs);
  }
  ASSERT_EQ(a.weights.size(), b.weights.size());
  for (size_t i = 0; i < a.weights.size(); ++i) {
    const ManifestWeight &v = a.weights[i], &w = b.weights[i];
    EXPECT_EQ(v.name, w.name);
    EXPECT_EQ(v.dtype, w.dtype);
    EXPECT_EQ(v.shape, w.shape);
    EXPECT_EQ(v.codec, w.codec);
    EXPECT_EQ(v.fused, w.fused);
    EXPECT_EQ(v.compute, w.compute);
    EXPECT_EQ(v.storedBits, w.storedBits);
    EXPECT_EQ(v.tensors, w.tensors);
    ASSERT_EQ(v.certificate.has_value(), w.certificate.has_value());
    if (!v.certificate)
      continue;
    EXPECT_EQ(v.certificate->algorithm, w.certificate->algorithm);
    EXPECT_EQ(v.certificate->sourceXxh3, w.certificate->sourceXxh3);
    EXPECT_EQ(v.certificate->maxAbsError, w.certificate->maxAbsError);
    EXPECT_EQ(v.certificate->relativeFrobeniusError,
              w.certificate->relativeFrobeniusError);
    EXPECT_EQ(v.certificate->sqnrDb, w.certificate->sqnrDb);
  }
  EXPECT_EQ(a.modelSo.size, b.modelSo.size);
  EXPECT_EQ(a.modelSo.xxh3, b.modelSo.xxh3);
  EXPECT_EQ(a.weightsFile.size, b.weightsFile.size);
  EXPECT_EQ(a.weightsFile.headerXxh3, b.weightsFile.headerXxh3);
  ASSERT_EQ(a.weightsFile.tensors.size(), b.weightsFile.tensors.size());
  for (size_t i = 0; i < a.weightsFile.tensors.size(); ++i) {
    EXPECT_EQ(a.weightsFile.tensors[i].name, b.weightsFile.tensors[i].name);
    EXPECT_EQ(a.weightsFile.tensors[i].xxh3, b.weightsFile.tensors[i].xxh3);
  }
}

/// Puts the right checksum into a text that begins as manifests do.
static std::string seal(std::string text) {
  text.replace(17, 16, 16, '0');
  return text.replace(17, 16, hashToHex(text.data(), text.size()));
}

/// The value that "/weights/0/name" means, made if it is not there. Not
/// nlohmann's JSON pointers: their templates warn of themselves.
static ordered_json &resolve(ordered_json &value, const std::string &pointer) {
  if (pointer.empty())
    return value;
  size_t end = std::min(pointer.find('/', 1), pointer.size());
  std::string key = pointer.substr(1, end - 1);
  ordered_json &child = value.is_array() ? value[std::stoul(key)] : value[key];
  return resolve(child, pointer.substr(end));
}

namespace {
class ManifestTest : public Scratch {
protected:
  std::string name = path("manifest.json");
  std::string where = "'" + name + "'";

  std::string getError(const std::string &text) {
    writeBytes(name, text);
    auto manifest = readManifest(name);
    if (manifest.ok())
      return "no error";
    const std::string &message = manifest.status().message();
    EXPECT_EQ(message.substr(0, where.size()), where);
    EXPECT_EQ(message.find('\n'), std::string::npos);
    return "M" + message.substr(where.size());
  }

  /// The text of makeManifest().
  std::string getText() {
    EXPECT_EQ(writeManifest(name, makeManifest()).message(), "");
    return readBytes(name);
  }

  /// The error for a manifest of which one value has another, but with the
  /// right checksum. No value erases the old one.
  std::string getErrorWith(const std::string &pointer,
                           std::optional<ordered_json> value) {
    ordered_json object = ordered_json::parse(getText());
    size_t slash = pointer.rfind('/');
    ordered_json &parent = resolve(object, pointer.substr(0, slash));
    if (value)
      resolve(parent, pointer.substr(slash)) = *value;
    else
      parent.erase(pointer.substr(slash + 1));
    return getError(seal(object.dump(2)));
  }
};
} // namespace

TEST_F(ManifestTest, ExactText) {
  std::string text = getText();
  EXPECT_EQ(text, seal(R"({
  "checksum": "0000000000000000",
  "format_version": 1,
  "producer": "mlir-compress 0.1.0",
  "target": {
    "triple": "x86_64-linux-gnu",
    "versions": [
      {
        "cpu": "x86-64-v3",
        "cpu_features": [
          "avx2",
          "fma"
        ],
        "symbol_suffix": ".v3"
      },
      {
        "cpu": "x86-64",
        "cpu_features": [],
        "symbol_suffix": ".v1"
      }
    ],
    "gpu": "sm_90a"
  },
  "functions": [
    {
      "name": "main",
      "symbol": "compress_entry_main",
      "inputs": [
        {
          "name": "x",
          "dtype": "f32",
          "shape": [
            "?",
            64
          ]
        },
        {
          "name": "mask",
          "dtype": "bool",
          "shape": []
        }
      ],
      "outputs": [
        {
          "name": "output0",
          "dtype": "bf16",
          "shape": [
            "?",
            0
          ]
        }
      ]
    }
  ],
  "weights": [
    {
      "name": "bias",
      "dtype": "f32",
      "shape": [
        64
      ],
      "codec": null,
      "fused": false,
      "compute": "f32",
      "stored_bits": 2048,
      "certificate": null,
      "tensors": [
        "bias"
      ]
    },
    {
      "name": "wé\n\"",
      "dtype": "f16",
      "shape": [
        64,
        64
      ],
      "codec": "#compress.quant<i4, [1, 32]>",
      "fused": true,
      "compute": "int8",
      "stored_bits": 18432,
      "certificate": {
        "algorithm": "round-to-nearest",
        "source_xxh3": "0123456789abcdef",
        "max_abs_error": 0.1,
        "relative_frobenius_error": 0.3333333333333333,
        "sqnr_db": 42.25
      },
      "tensors": [
        "w.codes",
        "w.scales"
      ]
    }
  ],
  "model_so": {
    "size": 12345,
    "xxh3": "fedcba9876543210"
  },
  "weights_file": {
    "size": 67890,
    "header_xxh3": "00000000ffffffff",
    "tensors": [
      {
        "name": "bias",
        "xxh3": "1111111111111111"
      },
      {
        "name": "w.codes",
        "xxh3": "2222222222222222"
      },
      {
        "name": "w.scales",
        "xxh3": "3333333333333333"
      }
    ]
  }
}
)"));
  // The rule for other programs: XXH3 with zeros in the checksum's place.
  std::string zeros = text;
  zeros.replace(text.find(": \"") + 3, 16, "0000000000000000");
  EXPECT_EQ(text.substr(0, 36), "{\n  \"checksum\": \"" +
                                    hashToHex(zeros.data(), zeros.size()) +
                                    "\",\n");
}

TEST_F(ManifestTest, RoundTrip) {
  ASSERT_EQ(writeManifest(name, makeManifest()).message(), "");
  auto manifest = readManifest(name);
  ASSERT_TRUE(manifest.ok()) << manifest.status().message();
  expectEqual(*manifest, makeManifest());
}

TEST_F(ManifestTest, RoundTripOfNothing) {
  Manifest empty;
  empty.target.versions.emplace_back();
  empty.modelSo.xxh3 = empty.weightsFile.headerXxh3 = "0123456789abcdef";
  ASSERT_EQ(writeManifest(name, empty).message(), "");
  auto manifest = readManifest(name);
  ASSERT_TRUE(manifest.ok()) << manifest.status().message();
  expectEqual(*manifest, empty);
}

TEST_F(ManifestTest, RoundTripOfElementTypes) {
  const char *names[] = {
      "bool", "u8",  "i8",   "u16", "i16", "u32",      "i32",    "u64",
      "i64",  "f16", "bf16", "f32", "f64", "f8E4M3FN", "f8E5M2", "f8E8M0FNU"};
  for (int i = 0; i < 16; ++i) {
    Manifest manifest = makeManifest();
    manifest.weights[0].dtype = static_cast<DType>(i);
    ASSERT_EQ(writeManifest(name, manifest).message(), "");
    EXPECT_NE(
        readBytes(name).find("\"dtype\": \"" + std::string(names[i]) + "\""),
        std::string::npos);
    EXPECT_EQ(readManifest(name)->weights[0].dtype, static_cast<DType>(i));
  }
}

TEST_F(ManifestTest, RoundTripOfDoubles) {
  Random random;
  std::vector<double> values = {0.0,
                                -0.0,
                                1.0,
                                1e300,
                                -1e-300,
                                HUGE_VAL,
                                -HUGE_VAL,
                                std::numeric_limits<double>::max(),
                                std::numeric_limits<double>::min(),
                                std::numeric_limits<double>::denorm_min(),
                                std::nextafter(1.0, 2.0),
                                9007199254740993.0,
                                123456789012345680.0};
  while (values.size() < 300) {
    uint64_t bits = random(SIZE_MAX);
    double value;
    std::memcpy(&value, &bits, 8);
    if (!std::isnan(value))
      values.push_back(value);
  }
  Manifest manifest = makeManifest();
  for (double value : values) {
    manifest.weights[1].certificate->sqnrDb = value;
    ASSERT_EQ(writeManifest(name, manifest).message(), "");
    auto read = readManifest(name);
    ASSERT_TRUE(read.ok()) << read.status().message();
    double result = read->weights[1].certificate->sqnrDb;
    EXPECT_EQ(std::memcmp(&result, &value, 8), 0) << value << " " << result;
  }
  manifest.weights[1].certificate->sqnrDb = std::nan("");
  ASSERT_EQ(writeManifest(name, manifest).message(), "");
  EXPECT_TRUE(std::isnan(readManifest(name)->weights[1].certificate->sqnrDb));
}

TEST_F(ManifestTest, NumbersWithoutWords) {
  Manifest manifest = makeManifest();
  *manifest.weights[1].certificate = {"", "", HUGE_VAL, -HUGE_VAL,
                                      std::nan("")};
  ASSERT_EQ(writeManifest(name, manifest).message(), "");
  EXPECT_NE(readBytes(name).find("\"max_abs_error\": \"inf\",\n        "
                                 "\"relative_frobenius_error\": \"-inf\",\n   "
                                 "     \"sqnr_db\": \"nan\""),
            std::string::npos);
}

TEST_F(ManifestTest, RefusesToWriteWhatCannotBeRead) {
  Manifest manifest = makeManifest();
  manifest.weights[0].name = "\xff";
  EXPECT_EQ(writeManifest(name, manifest).message(),
            where + ": '\xff' is not UTF-8");
  manifest = makeManifest();
  manifest.weights[1].name = "bias";
  EXPECT_EQ(writeManifest(name, manifest).message(),
            where + ": weight 'bias' is there twice");
  manifest = makeManifest();
  manifest.weights[0].shape = {kDynamic};
  EXPECT_EQ(writeManifest(name, manifest).message(),
            where + ": expected non-negative integers at 'weights[0].shape'");
  manifest = makeManifest();
  manifest.weights[0].storedBits = -1;
  EXPECT_EQ(
      writeManifest(name, manifest).message(),
      where + ": expected a non-negative integer at 'weights[0].stored_bits'");
  manifest = makeManifest();
  manifest.modelSo.xxh3.clear();
  EXPECT_EQ(writeManifest(name, manifest).message(),
            where + ": expected 16 lower-case hex digits at 'model_so.xxh3'");
  EXPECT_FALSE(exists(name));
}

TEST_F(ManifestTest, FileErrors) {
  EXPECT_EQ(readManifest(path("none")).status().message(),
            "cannot read '" + path("none") + "': No such file or directory");
  EXPECT_EQ(writeManifest("/dev/full", makeManifest()).message(),
            "cannot write '/dev/full': No space left on device");
  EXPECT_EQ(writeManifest(path("no/m"), makeManifest()).message(),
            "cannot write '" + path("no/m") + "': No such file or directory");
  // Sparse; nothing of it is read.
  writeBytes(name, "{");
  ASSERT_EQ(::truncate(name.c_str(), (64 << 20) + 1), 0);
  EXPECT_EQ(readManifest(name).status().message(),
            where + ": expected at most 67108864 bytes, but got 67108865");
}

//===----------------------------------------------------------------------===//
// Checksum and version
//===----------------------------------------------------------------------===//

TEST_F(ManifestTest, Checksum) {
  std::string text = getText();
  std::string right = text.substr(17, 16);
  std::string changed = text;
  changed.replace(changed.find("12345"), 5, "12346");
  std::string actual = seal(changed).substr(17, 16);
  EXPECT_EQ(getError(changed), "M does not match its checksum: expected " +
                                   right + ", but got " + actual);
  changed = text;
  changed.replace(17, 16, "0000000000000000");
  EXPECT_EQ(getError(changed), "M does not match its checksum: expected "
                               "0000000000000000, but got " +
                                   right);
  // Bytes that JSON does not care for.
  EXPECT_NE(getError(text + "\n"), "no error");
  EXPECT_NE(getError(text.substr(0, text.size() - 1)), "no error");
}

TEST_F(ManifestTest, ChecksumInAnotherPlace) {
  std::string error = "M: expected the checksum of 16 lower-case hex digits on "
                      "the second line";
  std::string text = getText();
  EXPECT_EQ(getError(ordered_json::parse(text).dump()), error);
  std::string changed = text;
  EXPECT_EQ(getError(changed.replace(17, 16, "00000000ABCDEF00")), error);
  changed = text;
  EXPECT_EQ(getError(changed.insert(1, " ")), error);
  ordered_json object = ordered_json::parse(text);
  object.erase("checksum");
  EXPECT_EQ(getError(object.dump(2)), error);
}

TEST_F(ManifestTest, Version) {
  std::string reads = ", but this version of mlir-compress reads 1";
  EXPECT_EQ(getErrorWith("/format_version", 2),
            "M: artifact format version 2" + reads);
  EXPECT_EQ(getErrorWith("/format_version", -1),
            "M: artifact format version -1" + reads);
  EXPECT_EQ(getErrorWith("/format_version", UINT64_MAX),
            "M: artifact format version 18446744073709551615" + reads);
  EXPECT_EQ(getErrorWith("/format_version", "1"),
            "M: expected an integer at 'format_version'");
  EXPECT_EQ(getErrorWith("/format_version", 1.0),
            "M: expected an integer at 'format_version'");
  EXPECT_EQ(getErrorWith("/format_version", std::nullopt),
            "M: 'format_version' is missing");
  // A later format that has nothing in common with this one.
  EXPECT_EQ(getError(R"({"format_version": 7, "sum": []})"),
            "M: artifact format version 7" + reads);
  // A damaged file says nothing about versions.
  std::string text = getText();
  text.replace(text.find("version\": 1"), 11, "version\": 2");
  EXPECT_EQ(getError(text).substr(0, 29), "M does not match its checksum");
}

TEST_F(ManifestTest, EveryBitCounts) {
  std::string text = getText();
  for (size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string changed = text;
    changed[bit / 8] ^= static_cast<char>(1 << bit % 8);
    EXPECT_NE(getError(changed), "no error") << "bit " << bit;
  }
}

TEST_F(ManifestTest, EveryByteCounts) {
  std::string text = getText();
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_NE(getError(text.substr(0, size)), "no error") << size;
}

//===----------------------------------------------------------------------===//
// Fields
//===----------------------------------------------------------------------===//

TEST_F(ManifestTest, Syntax) {
  EXPECT_EQ(getError(""), "M is not valid JSON at byte 1");
  EXPECT_EQ(getError("[]"), "M is not a JSON object");
  EXPECT_EQ(getError("{\"a\":1,\"a\":1}"), "M has the key 'a' twice");
  EXPECT_EQ(getError("{\"a\":[[[[[["), "M is nested deeper than 6 levels");
  std::string text = getText();
  text.replace(text.find("\"cpu_features\""), 14, "\"cpu\"");
  EXPECT_EQ(getError(seal(text)), "M has the key 'cpu' twice");
  std::string many = "{\"a\":[0";
  for (int i = 0; i < (1 << 23); ++i)
    many += ",0";
  EXPECT_EQ(getError(many), "M has more than 8388608 values in 'a'");
}

TEST_F(ManifestTest, OrderOfKeysIsFree) {
  ordered_json object = ordered_json::parse(getText());
  std::function<ordered_json(const ordered_json &)> reverse =
      [&](const ordered_json &value) {
        if (!value.is_object())
          return value;
        ordered_json result = ordered_json::object();
        std::vector<std::string> keys;
        for (const auto &item : value.items())
          keys.insert(keys.begin(), item.key());
        for (const std::string &key : keys)
          result[key] = reverse(value[key]);
        return result;
      };
  ordered_json reversed = ordered_json::object();
  reversed["checksum"] = object["checksum"];
  object.erase("checksum");
  for (ordered_json &weight : object["weights"])
    weight = reverse(weight);
  object = reverse(object);
  for (const auto &item : object.items())
    reversed[item.key()] = item.value();
  ASSERT_EQ(getError(seal(reversed.dump(2))), "no error");
  expectEqual(*readManifest(name), makeManifest());
}

/// All objects of a manifest as JSON pointers.
static void collectObjects(const ordered_json &value, const std::string &place,
                           std::vector<std::string> &places) {
  if (value.is_object())
    places.push_back(place);
  if (value.is_structured())
    for (const auto &item : value.items())
      collectObjects(item.value(), place + "/" + item.key(), places);
}

/// "/weights/1/name" as "weights[1].name".
static std::string spell(const std::string &pointer) {
  std::string result;
  for (size_t i = 1; i < pointer.size(); ++i)
    if (pointer[i] != '/') {
      result += pointer[i];
    } else if (isdigit(pointer[i + 1])) {
      result += "[" + std::string(1, pointer[++i]) + "]";
    } else {
      result += ".";
    }
  return result;
}

TEST_F(ManifestTest, EveryKeyIsDemandedAndNoOther) {
  ordered_json object = ordered_json::parse(getText());
  std::vector<std::string> places;
  collectObjects(object, "", places);
  EXPECT_EQ(places.size(), 16u);
  size_t keys = 0;
  for (const std::string &place : places) {
    for (const auto &item : resolve(object, place).items()) {
      std::string key = place + "/" + item.key();
      ++keys;
      if (key == "/checksum")
        continue;
      EXPECT_EQ(getErrorWith(key, std::nullopt),
                "M: '" + spell(key) + "' is missing");
      // No value of a manifest may be of this type.
      EXPECT_NE(getErrorWith(key, ordered_json::array({true})), "no error")
          << key;
    }
    EXPECT_EQ(getErrorWith(place + "/x", 1),
              "M: unknown key '" + spell(place + "/x") + "'");
  }
  EXPECT_EQ(keys, 64u);
}

TEST_F(ManifestTest, Types) {
  struct {
    const char *place;
    ordered_json value;
    const char *error;
  } cases[] = {
      {"/producer", 1, "expected a string at 'producer'"},
      {"/target", ordered_json::array(), "expected an object at 'target'"},
      {"/target/versions", ordered_json::array(),
       "expected at least one of 'target.versions'"},
      {"/target/versions/0/cpu", nullptr,
       "expected a string at 'target.versions[0].cpu'"},
      {"/target/versions/0/cpu_features", "avx2",
       "expected an array at 'target.versions[0].cpu_features'"},
      {"/target/versions/0/cpu_features/1", 2,
       "expected strings at 'target.versions[0].cpu_features'"},
      {"/target/gpu", 80, "expected a string or null at 'target.gpu'"},
      {"/target/gpu", "", "expected 'target.gpu' to begin with 'sm_'"},
      {"/target/gpu", "sm", "expected 'target.gpu' to begin with 'sm_'"},
      {"/target/versions/1/symbol_suffix", 2,
       "expected a string at 'target.versions[1].symbol_suffix'"},
      {"/functions", ordered_json::object(),
       "expected an array at 'functions'"},
      {"/functions/0", 1, "expected an object at 'functions[0]'"},
      {"/functions/0/inputs/0/dtype", "f33",
       "unknown element type 'f33' at 'functions[0].inputs[0].dtype'"},
      {"/functions/0/inputs/0/dtype", "F32",
       "unknown element type 'F32' at 'functions[0].inputs[0].dtype'"},
      {"/functions/0/inputs/0/shape/0", -1,
       "expected non-negative integers and '?' at "
       "'functions[0].inputs[0].shape'"},
      {"/functions/0/inputs/0/shape/0", "*",
       "expected non-negative integers and '?' at "
       "'functions[0].inputs[0].shape'"},
      {"/functions/0/inputs/0/shape/0", 1.0,
       "expected non-negative integers and '?' at "
       "'functions[0].inputs[0].shape'"},
      {"/weights/0/shape/0", "?",
       "expected non-negative integers at 'weights[0].shape'"},
      {"/weights/0/shape/0", uint64_t(1) << 63,
       "expected non-negative integers at 'weights[0].shape'"},
      {"/weights/1/codec", 1,
       "expected a string or null at 'weights[1].codec'"},
      {"/weights/1/compute", 8, "expected a string at 'weights[1].compute'"},
      {"/weights/1/fused", nullptr,
       "expected true or false at 'weights[1].fused'"},
      {"/weights/1/stored_bits", -1,
       "expected a non-negative integer at 'weights[1].stored_bits'"},
      {"/weights/1/stored_bits", uint64_t(1) << 63,
       "expected a non-negative integer at 'weights[1].stored_bits'"},
      {"/weights/1/certificate", "",
       "expected an object at 'weights[1].certificate'"},
      {"/weights/1/certificate/sqnr_db", "Inf",
       "expected a number at 'weights[1].certificate.sqnr_db'"},
      {"/weights/1/certificate/sqnr_db", nullptr,
       "expected a number at 'weights[1].certificate.sqnr_db'"},
      {"/weights/1/tensors/0", nullptr,
       "expected strings at 'weights[1].tensors'"},
      {"/model_so/size", 1.5,
       "expected a non-negative integer at "
       "'model_so.size'"},
      {"/model_so/xxh3", "fedcba987654321",
       "expected 16 lower-case hex digits at 'model_so.xxh3'"},
      {"/model_so/xxh3", "FEDCBA9876543210",
       "expected 16 lower-case hex digits at 'model_so.xxh3'"},
      {"/weights_file/header_xxh3", "",
       "expected 16 lower-case hex digits at 'weights_file.header_xxh3'"},
      {"/weights_file/tensors/2/xxh3", "x",
       "expected 16 lower-case hex digits at 'weights_file.tensors[2].xxh3'"},
      {"/weights_file/tensors/2/name", "bias", "tensor 'bias' is there twice"},
      {"/weights/1/name", "bias", "weight 'bias' is there twice"}};
  for (const auto &entry : cases)
    EXPECT_EQ(getErrorWith(entry.place, entry.value),
              std::string("M: ") + entry.error);
  ordered_json function = ordered_json::parse(getText())["functions"][0];
  EXPECT_EQ(getErrorWith("/functions/1", function),
            "M: function 'main' is there twice");
  // A whole number is a number.
  EXPECT_EQ(getErrorWith("/weights/1/certificate/sqnr_db", 42), "no error");
}
