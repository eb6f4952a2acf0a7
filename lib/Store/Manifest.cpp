//===- Manifest.cpp - what an artifact says about itself ------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Store/Manifest.h"
#include "Json.h"
#include "Support.h"
#include "compress/Store/AtomicOutput.h"
#include "compress/Store/Checksum.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>

using namespace mlir::compress::store;
using nlohmann::json;
using nlohmann::ordered_json;

/// What a manifest begins with; sixteen digits and kChecksumEnd follow.
static constexpr std::string_view kChecksumBegin = "{\n  \"checksum\": \"";
static constexpr std::string_view kChecksumEnd = "\",\n";
static constexpr size_t kChecksumSize = 16;

/// About ten times what the largest models need.
static constexpr size_t kMaxManifestSize = 64 << 20;
static constexpr JsonLimits kManifestLimits = {/*depth=*/6,
                                               /*values=*/1 << 23};

/// Element types by the names that MLIR gives them; by number.
static constexpr std::string_view kTypeNames[] = {
    "bool", "u8",  "i8",   "u16", "i16", "u32",      "i32",    "u64",
    "i64",  "f16", "bf16", "f32", "f64", "f8E4M3FN", "f8E5M2", "f8E8M0FNU"};

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static ordered_json convert(double value) {
  // JSON has no words for these.
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  return value;
}

static ordered_json convert(DType dtype) {
  return kTypeNames[static_cast<int32_t>(dtype)];
}

static ordered_json convertShape(const std::vector<int64_t> &shape) {
  ordered_json result = ordered_json::array();
  for (int64_t extent : shape)
    result.push_back(extent == kDynamic ? ordered_json("?")
                                        : ordered_json(extent));
  return result;
}

static ordered_json convert(const ManifestTensorType &type) {
  return {{"name", type.name},
          {"dtype", convert(type.dtype)},
          {"shape", convertShape(type.shape)}};
}

// For the template.
static ordered_json convert(const ManifestVersion &version);
static ordered_json convert(const ManifestFunction &function);
static ordered_json convert(const ManifestWeight &weight);
static ordered_json convert(const TensorChecksum &tensor);

template <typename T>
static ordered_json convertAll(const std::vector<T> &values) {
  ordered_json result = ordered_json::array();
  for (const T &value : values)
    result.push_back(convert(value));
  return result;
}

static ordered_json convert(const ManifestVersion &version) {
  return {{"cpu", version.cpu},
          {"cpu_features", version.cpuFeatures},
          {"symbol_suffix", version.symbolSuffix}};
}

static ordered_json convert(const ManifestFunction &function) {
  return {{"name", function.name},
          {"symbol", function.symbol},
          {"inputs", convertAll(function.inputs)},
          {"outputs", convertAll(function.outputs)}};
}

static ordered_json convert(const ManifestCertificate &certificate) {
  return {
      {"algorithm", certificate.algorithm},
      {"source_xxh3", certificate.sourceXxh3},
      {"max_abs_error", convert(certificate.maxAbsError)},
      {"relative_frobenius_error", convert(certificate.relativeFrobeniusError)},
      {"sqnr_db", convert(certificate.sqnrDb)}};
}

static ordered_json convert(const ManifestWeight &weight) {
  ordered_json result = {{"name", weight.name},
                         {"dtype", convert(weight.dtype)},
                         {"shape", convertShape(weight.shape)},
                         {"codec", nullptr},
                         {"fused", weight.fused},
                         {"compute", weight.compute},
                         {"stored_bits", weight.storedBits},
                         {"certificate", nullptr},
                         {"tensors", weight.tensors}};
  if (weight.codec)
    result["codec"] = *weight.codec;
  if (weight.certificate)
    result["certificate"] = convert(*weight.certificate);
  return result;
}

static ordered_json convert(const TensorChecksum &tensor) {
  return {{"name", tensor.name}, {"xxh3", tensor.xxh3}};
}

static ordered_json convert(const Manifest &manifest) {
  const ManifestTarget &target = manifest.target;
  return {{"checksum", std::string(kChecksumSize, '0')},
          {"format_version", kArtifactFormatVersion},
          {"producer", manifest.producer},
          {"target",
           {{"triple", target.triple},
            {"versions", convertAll(target.versions)},
            {"gpu",
             target.gpu.empty() ? ordered_json() : ordered_json(target.gpu)}}},
          {"functions", convertAll(manifest.functions)},
          {"weights", convertAll(manifest.weights)},
          {"model_so",
           {{"size", manifest.modelSo.size}, {"xxh3", manifest.modelSo.xxh3}}},
          {"weights_file",
           {{"size", manifest.weightsFile.size},
            {"header_xxh3", manifest.weightsFile.headerXxh3},
            {"tensors", convertAll(manifest.weightsFile.tensors)}}}};
}

/// The first string that is not UTF-8; null if there is none.
static const std::string *findInvalidText(const ordered_json &value) {
  if (value.is_string()) {
    const auto *text = value.get_ptr<const std::string *>();
    return isUtf8(*text) ? nullptr : text;
  }
  if (value.is_structured())
    for (const ordered_json &element : value)
      if (const std::string *text = findInvalidText(element))
        return text;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Reading: fields of objects
//===----------------------------------------------------------------------===//

namespace {
/// Takes fields out of a JSON object. After the first error, of this or of any
/// other reader with the same `failure`, results mean nothing.
class ObjectReader {
public:
  /// `where` is the path to the object in the manifest, such as "weights[3]".
  ObjectReader(const json &object, std::string where, Status &failure)
      : object(object), where(std::move(where)), failure(failure) {
    if (!object.is_object())
      fail("expected an object" + at());
  }

  std::string getString(const char *key) {
    const json *value = get(key);
    if (value && value->is_string())
      return *value->get_ptr<const std::string *>();
    return mismatch<std::string>("a string", key);
  }

  std::optional<std::string> getOptionalString(const char *key) {
    const json *value = get(key);
    if (value && value->is_null())
      return std::nullopt;
    if (value && value->is_string())
      return *value->get_ptr<const std::string *>();
    return mismatch<std::string>("a string or null", key);
  }

  bool getBool(const char *key) {
    const json *value = get(key);
    if (value && value->is_boolean())
      return value->get<bool>();
    return mismatch<bool>("true or false", key);
  }

  /// Sixteen hex digits.
  std::string getHash(const char *key) {
    std::string text = getString(key);
    if (failure.ok() &&
        (text.size() != 16 ||
         text.find_first_not_of("0123456789abcdef") != std::string::npos))
      fail("expected 16 lower-case hex digits" + at(key));
    return text;
  }

  uint64_t getSize(const char *key) {
    const json *value = get(key);
    if (value && value->is_number_unsigned() &&
        value->get<uint64_t>() <= INT64_MAX)
      return value->get<uint64_t>();
    return mismatch<uint64_t>("a non-negative integer", key);
  }

  double getDouble(const char *key) {
    const json *value = get(key);
    if (value && value->is_number())
      return value->get<double>();
    if (value && *value == "nan")
      return std::numeric_limits<double>::quiet_NaN();
    if (value && (*value == "inf" || *value == "-inf"))
      return *value == "inf" ? HUGE_VAL : -HUGE_VAL;
    return mismatch<double>("a number", key);
  }

  DType getDType(const char *key) {
    std::string name = getString(key);
    for (size_t i = 0; i < std::size(kTypeNames); ++i)
      if (kTypeNames[i] == name)
        return static_cast<DType>(i);
    fail("unknown element type " + quote(name) + at(key));
    return DType::U8;
  }

  std::vector<int64_t> getShape(const char *key, bool allowDynamic) {
    std::vector<int64_t> shape;
    for (const json &extent : getArray(key))
      if (extent.is_number_unsigned() && extent.get<uint64_t>() <= INT64_MAX)
        shape.push_back(extent.get<int64_t>());
      else if (allowDynamic && extent == "?")
        shape.push_back(kDynamic);
      else
        fail("expected non-negative integers" +
             std::string(allowDynamic ? " and '?'" : "") + at(key));
    return shape;
  }

  std::vector<std::string> getStrings(const char *key) {
    std::vector<std::string> strings;
    for (const json &element : getArray(key))
      if (const auto *text = element.get_ptr<const std::string *>())
        strings.push_back(*text);
      else
        fail("expected strings" + at(key));
    return strings;
  }

  const json &getArray(const char *key) {
    static const json none = json::array();
    const json *value = get(key);
    if (value && value->is_array())
      return *value;
    mismatch<int>("an array", key);
    return none;
  }

  /// All elements of an array of objects.
  template <typename Function> auto getAll(const char *key, Function &&read) {
    std::vector<decltype(read(std::declval<ObjectReader &>()))> result;
    const json &array = getArray(key);
    for (size_t i = 0; i < array.size() && failure.ok(); ++i) {
      ObjectReader element(
          array[i], getPath(key) + "[" + std::to_string(i) + "]", failure);
      result.push_back(read(element));
      element.finish();
    }
    return result;
  }

  /// A member that is an object, or, if allowed, null, which is not read.
  template <typename Function>
  void readObject(const char *key, Function &&read, bool allowNull = false) {
    const json *value = get(key);
    if (!value || (allowNull && value->is_null()))
      return;
    ObjectReader member(*value, getPath(key), failure);
    read(member);
    member.finish();
  }

  /// An error if there are fields that nobody asked for.
  void finish() {
    if (!failure.ok())
      return;
    for (const auto &[key, value] : object.items())
      if (std::find(used.begin(), used.end(), key) == used.end())
        return fail("unknown key " + quote(getPath(key)));
  }

  void fail(const std::string &text) {
    if (failure.ok())
      failure = Status::error(text);
  }

private:
  std::string getPath(std::string_view key) const {
    return (where.empty() ? "" : where + ".") + std::string(key);
  }
  std::string at(std::string_view key) const {
    return " at " + quote(getPath(key));
  }
  std::string at() const { return where.empty() ? "" : " at " + quote(where); }

  const json *get(const char *key) {
    used.push_back(key);
    if (!failure.ok())
      return nullptr;
    auto found = object.find(key);
    if (found != object.end())
      return &*found;
    fail(quote(getPath(key)) + " is missing");
    return nullptr;
  }

  template <typename T> T mismatch(const char *expected, const char *key) {
    fail("expected " + std::string(expected) + at(key));
    return T();
  }

  const json &object;
  std::string where;
  Status &failure;
  std::vector<std::string_view> used;
};
} // namespace

//===----------------------------------------------------------------------===//
// Reading: the whole
//===----------------------------------------------------------------------===//

static ManifestTensorType readTensorType(ObjectReader &object) {
  return {object.getString("name"), object.getDType("dtype"),
          object.getShape("shape", /*allowDynamic=*/true)};
}

static ManifestVersion readVersion(ObjectReader &object) {
  return {object.getString("cpu"), object.getStrings("cpu_features"),
          object.getString("symbol_suffix")};
}

static ManifestFunction readFunction(ObjectReader &object) {
  return {object.getString("name"), object.getString("symbol"),
          object.getAll("inputs", readTensorType),
          object.getAll("outputs", readTensorType)};
}

static ManifestCertificate readCertificate(ObjectReader &object) {
  return {object.getString("algorithm"), object.getString("source_xxh3"),
          object.getDouble("max_abs_error"),
          object.getDouble("relative_frobenius_error"),
          object.getDouble("sqnr_db")};
}

static ManifestWeight readWeight(ObjectReader &object) {
  ManifestWeight weight;
  weight.name = object.getString("name");
  weight.dtype = object.getDType("dtype");
  weight.shape = object.getShape("shape", /*allowDynamic=*/false);
  weight.codec = object.getOptionalString("codec");
  weight.fused = object.getBool("fused");
  weight.compute = object.getString("compute");
  weight.storedBits = static_cast<int64_t>(object.getSize("stored_bits"));
  object.readObject(
      "certificate",
      [&](ObjectReader &member) {
        weight.certificate = readCertificate(member);
      },
      /*allowNull=*/true);
  weight.tensors = object.getStrings("tensors");
  return weight;
}

static TensorChecksum readTensorChecksum(ObjectReader &object) {
  return {object.getString("name"), object.getHash("xxh3")};
}

/// Names are how everything else refers to things.
template <typename T>
static void checkUnique(const std::vector<T> &values, const char *what,
                        ObjectReader &object) {
  std::unordered_set<std::string_view> names;
  for (const T &value : values)
    if (!names.insert(value.name).second)
      return object.fail(std::string(what) + " " + quote(value.name) +
                         " is there twice");
}

static Manifest readFields(ObjectReader &object) {
  Manifest manifest;
  // Judged by others.
  object.getString("checksum");
  object.getSize("format_version");
  manifest.producer = object.getString("producer");
  object.readObject("target", [&](ObjectReader &target) {
    std::optional<std::string> gpu = target.getOptionalString("gpu");
    manifest.target = {target.getString("triple"),
                       target.getAll("versions", readVersion),
                       gpu.value_or("")};
    if (gpu && gpu->compare(0, 3, "sm_") != 0)
      target.fail("expected 'target.gpu' to begin with 'sm_'");
    if (manifest.target.versions.empty())
      target.fail("expected at least one of 'target.versions'");
  });
  manifest.functions = object.getAll("functions", readFunction);
  manifest.weights = object.getAll("weights", readWeight);
  object.readObject("model_so", [&](ObjectReader &file) {
    manifest.modelSo = {file.getSize("size"), file.getHash("xxh3")};
  });
  object.readObject("weights_file", [&](ObjectReader &file) {
    manifest.weightsFile = {file.getSize("size"), file.getHash("header_xxh3"),
                            file.getAll("tensors", readTensorChecksum)};
  });
  checkUnique(manifest.functions, "function", object);
  checkUnique(manifest.weights, "weight", object);
  checkUnique(manifest.weightsFile.tensors, "tensor", object);
  object.finish();
  return manifest;
}

/// Refuses other versions. Goes before the other fields, which may mean
/// something else there.
static Status checkVersion(const json &object, const std::string &where) {
  auto found = object.find("format_version");
  if (found == object.end())
    return Status::error(where + ": 'format_version' is missing");
  if (!found->is_number_integer())
    return Status::error(where + ": expected an integer at 'format_version'");
  if (*found != kArtifactFormatVersion)
    return Status::error(where + ": artifact format version " + found->dump() +
                         ", but this version of mlir-compress reads " +
                         std::to_string(kArtifactFormatVersion));
  return {};
}

/// The checksum at its place; nothing if the text does not begin as it should.
static std::optional<std::string_view> findChecksum(std::string_view text) {
  size_t end = kChecksumBegin.size() + kChecksumSize;
  if (text.substr(0, kChecksumBegin.size()) != kChecksumBegin ||
      text.size() < end ||
      text.substr(end, kChecksumEnd.size()) != kChecksumEnd)
    return std::nullopt;
  std::string_view digits = text.substr(kChecksumBegin.size(), kChecksumSize);
  if (digits.find_first_not_of("0123456789abcdef") != std::string_view::npos)
    return std::nullopt;
  return digits;
}

/// The checksum that belongs into a text.
static std::string computeChecksum(std::string text) {
  text.replace(kChecksumBegin.size(), kChecksumSize, kChecksumSize, '0');
  return hashToHex(text.data(), text.size());
}

static StatusOr<Manifest> parseManifest(std::string_view text,
                                        const std::string &path) {
  std::string where = quote(path);
  if (text.size() > kMaxManifestSize)
    return Status::error(where + ": expected at most " +
                         std::to_string(kMaxManifestSize) + " bytes, but got " +
                         std::to_string(text.size()));
  std::optional<std::string_view> checksum = findChecksum(text);
  if (checksum) {
    std::string actual = computeChecksum(std::string(text));
    if (actual != *checksum)
      return Status::error(where + " does not match its checksum: expected " +
                           std::string(*checksum) + ", but got " + actual);
  }
  json object = json::object();
  Status status =
      readJsonObject(text, where, kManifestLimits,
                     [&](const std::string &key, json &value) -> Status {
                       object[key] = std::move(value);
                       return {};
                     });
  if (status.ok())
    status = checkVersion(object, where);
  if (!status.ok())
    return status;
  // Later, so that a version that has it elsewhere is called by its name.
  if (!checksum)
    return Status::error(where +
                         ": expected the checksum of 16 lower-case hex digits "
                         "on the second line");
  ObjectReader reader(object, "", status);
  Manifest manifest = readFields(reader);
  if (!status.ok())
    return Status::error(where + ": " + status.message());
  return manifest;
}

StatusOr<Manifest>
mlir::compress::store::readManifest(const std::string &path) {
  auto file = MappedFile::open(path);
  if (!file.ok())
    return file.status();
  return parseManifest(
      std::string_view(reinterpret_cast<const char *>((*file)->data()),
                       (*file)->size()),
      path);
}

Status mlir::compress::store::writeManifest(const std::string &path,
                                            const Manifest &manifest) {
  ordered_json object = convert(manifest);
  if (const std::string *text = findInvalidText(object))
    return Status::error(quote(path) + ": " + quote(*text) + " is not UTF-8");
  std::string text = object.dump(2) + "\n";
  text.replace(kChecksumBegin.size(), kChecksumSize, computeChecksum(text));
  // What is written can be read.
  if (auto parsed = parseManifest(text, path); !parsed.ok())
    return parsed.status();
  return writeFile(path, text.data(), text.size());
}
