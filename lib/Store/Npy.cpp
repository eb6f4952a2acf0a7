//===- Npy.cpp - numpy's array files --------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Store/Npy.h"
#include "Support.h"
#include "compress/Store/AtomicOutput.h"
#include <cstring>
#include <unistd.h>

using namespace mlir::compress::store;

/// What a file begins with; two bytes of version and the header's length
/// follow.
static constexpr std::string_view kMagic = "\x93NUMPY";

/// Headers have about 100 bytes unless they describe records.
static constexpr uint64_t kMaxNpyHeaderSize = 1 << 20;

/// numpy's own limit.
static constexpr size_t kMaxRank = 64;

namespace {
/// An element type as the header has it, without the byte order.
struct NpyType {
  std::string_view name;
  DType dtype;
};

/// What the header says.
struct NpyHeader {
  std::string descr;
  bool fortranOrder = false;
  std::vector<int64_t> shape;
};
} // namespace

/// V1 is last: it is written for three types and read as bytes.
static constexpr NpyType kTypes[] = {
    {"b1", DType::Bool}, {"u1", DType::U8},   {"i1", DType::I8},
    {"u2", DType::U16},  {"i2", DType::I16},  {"u4", DType::U32},
    {"i4", DType::I32},  {"u8", DType::U64},  {"i8", DType::I64},
    {"f2", DType::F16},  {"V2", DType::BF16}, {"f4", DType::F32},
    {"f8", DType::F64},  {"V1", DType::U8}};

//===----------------------------------------------------------------------===//
// The header: a Python dictionary
//===----------------------------------------------------------------------===//

namespace {
/// Parses the literal that numpy writes, and the spellings of it that Python
/// takes as the same. The first error ends it.
class HeaderParser {
public:
  HeaderParser(std::string_view text, std::string where)
      : text(text), where(std::move(where)) {}

  StatusOr<NpyHeader> parse();

private:
  void skipSpaces() {
    while (position < text.size() &&
           (text[position] == ' ' || text[position] == '\t' ||
            text[position] == '\n' || text[position] == '\r'))
      ++position;
  }
  /// Takes a token if it is next.
  bool accept(std::string_view token) {
    skipSpaces();
    if (text.substr(position, token.size()) != token)
      return false;
    position += token.size();
    return true;
  }
  Status expected(const std::string &what) const {
    return Status::error(where + ": expected " + what + " at byte " +
                         std::to_string(position) + " of the header");
  }
  /// A string without escapes; nothing if there is none.
  std::optional<std::string> parseString();
  Status parseField(const std::string &key, NpyHeader &header);
  Status parseDescr(std::string &descr);
  Status parseShape(std::vector<int64_t> &shape);
  Status parseExtent(std::vector<int64_t> &shape);

  std::string_view text;
  std::string where;
  size_t position = 0;
};
} // namespace

std::optional<std::string> HeaderParser::parseString() {
  skipSpaces();
  if (position == text.size() ||
      (text[position] != '\'' && text[position] != '"'))
    return std::nullopt;
  size_t end =
      text.find_first_of(std::string("\\\n") + text[position], position + 1);
  if (end == std::string_view::npos || text[end] != text[position])
    return std::nullopt;
  std::string result(text.substr(position + 1, end - position - 1));
  position = end + 1;
  return result;
}

Status HeaderParser::parseDescr(std::string &descr) {
  skipSpaces();
  if (text.substr(position, 1) == "[" || text.substr(position, 1) == "(")
    return Status::error(where +
                         ": expected numbers, but got a structured type");
  auto parsed = parseString();
  if (!parsed)
    return expected("the element type");
  descr = *parsed;
  return {};
}

Status HeaderParser::parseExtent(std::vector<int64_t> &shape) {
  skipSpaces();
  size_t begin = position;
  int64_t value = 0;
  for (;
       position < text.size() && text[position] >= '0' && text[position] <= '9';
       ++position)
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, text[position] - '0', &value))
      return expected("a size below 2^63");
  // Python takes "0" and "00" but not "01".
  if (position == begin || (text[begin] == '0' && value != 0))
    return expected("a non-negative integer");
  // Python 2 wrote long integers so.
  if (position < text.size() && text[position] == 'L')
    ++position;
  if (shape.size() == kMaxRank)
    return Status::error(where + ": expected at most " +
                         std::to_string(kMaxRank) + " dimensions");
  shape.push_back(value);
  return {};
}

Status HeaderParser::parseShape(std::vector<int64_t> &shape) {
  if (!accept("("))
    return expected("a tuple");
  while (!accept(")")) {
    if (Status status = parseExtent(shape); !status.ok())
      return status;
    bool comma = accept(",");
    // "(3)" is a number.
    skipSpaces();
    bool last = text.substr(position, 1) == ")";
    if (!comma && (!last || shape.size() == 1))
      return expected("','");
  }
  return {};
}

Status HeaderParser::parseField(const std::string &key, NpyHeader &header) {
  if (key == "descr")
    return parseDescr(header.descr);
  if (key == "shape")
    return parseShape(header.shape);
  if (key != "fortran_order")
    return Status::error(where + ": unknown key " + quote(key) +
                         " in the header");
  header.fortranOrder = accept("True");
  if (!header.fortranOrder && !accept("False"))
    return expected("True or False");
  return {};
}

StatusOr<NpyHeader> HeaderParser::parse() {
  NpyHeader header;
  std::vector<std::string> seen;
  if (!accept("{"))
    return expected("'{'");
  while (!accept("}")) {
    auto key = parseString();
    if (!key)
      return expected("a key");
    for (const std::string &other : seen)
      if (*key == other)
        return Status::error(where + ": key " + quote(*key) +
                             " is in the header twice");
    seen.push_back(*key);
    if (!accept(":"))
      return expected("':'");
    if (Status status = parseField(*key, header); !status.ok())
      return status;
    skipSpaces();
    if (!accept(",") && text.substr(position, 1) != "}")
      return expected("','");
  }
  skipSpaces();
  if (position != text.size())
    return expected("spaces");
  for (const char *key : {"descr", "fortran_order", "shape"}) {
    bool found = false;
    for (const std::string &other : seen)
      found = found || other == key;
    if (!found)
      return Status::error(where + ": '" + key + "' is missing in the header");
  }
  return header;
}

static StatusOr<DType> parseDescr(const std::string &descr,
                                  const std::string &where) {
  std::string name = quote(descr);
  if (descr.empty())
    return Status::error(where + ": unknown element type " + name);
  std::string_view type = std::string_view(descr).substr(1);
  if (type == "O" || descr == "O")
    return Status::error(where + ": expected numbers, but got Python objects");
  for (const NpyType &known : kTypes) {
    if (known.name != type)
      continue;
    if (descr[0] == '>')
      return Status::error(where +
                           ": expected little-endian numbers, but got " + name);
    // Order means nothing for single bytes and for what numpy has no type for.
    bool anyOrder = getDTypeSize(known.dtype) == 1 || type[0] == 'V';
    if (descr[0] == '<' || (descr[0] == '|' && anyOrder))
      return known.dtype;
  }
  return Status::error(where +
                       ": expected integers, floats or booleans, but got "
                       "elements of type " +
                       name);
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// Copies a column-major array into row-major order.
static void transpose(const NpyHeader &header, size_t elementSize,
                      const uint8_t *source, std::vector<uint8_t> &target) {
  size_t rank = header.shape.size();
  std::vector<uint64_t> strides(rank, elementSize);
  for (size_t i = 1; i < rank; ++i)
    strides[i] = strides[i - 1] * header.shape[i - 1];
  std::vector<int64_t> index(rank, 0);
  uint64_t offset = 0;
  for (size_t done = 0; done < target.size(); done += elementSize) {
    std::memcpy(target.data() + done, source + offset, elementSize);
    for (size_t i = rank; i-- > 0;) {
      offset += strides[i];
      if (++index[i] < header.shape[i])
        break;
      offset -= strides[i] * header.shape[i];
      index[i] = 0;
    }
  }
}

/// The header's text, and the offset of the data behind it.
static StatusOr<std::string_view> findHeader(const MappedFile &file,
                                             const std::string &where) {
  std::string_view text(reinterpret_cast<const char *>(file.data()),
                        file.size());
  if (text.substr(0, kMagic.size()) != kMagic)
    return Status::error(where + ": expected a .npy file");
  // Version 1 has two bytes of length, later ones four.
  size_t begin = kMagic.size() + 2;
  if (text.size() < begin)
    return Status::error(where + ": file ends in the header");
  unsigned major = file.data()[kMagic.size()];
  unsigned minor = file.data()[kMagic.size() + 1];
  if (major < 1 || major > 3 || minor != 0)
    return Status::error(where +
                         ": expected version 1.0, 2.0 or 3.0, but got " +
                         std::to_string(major) + "." + std::to_string(minor));
  size_t lengthSize = major == 1 ? 2 : 4;
  if (text.size() - begin < lengthSize)
    return Status::error(where + ": file ends in the header");
  uint32_t length = 0;
  std::memcpy(&length, file.data() + begin, lengthSize);
  begin += lengthSize;
  if (length > kMaxNpyHeaderSize)
    return Status::error(where + ": expected a header of at most " +
                         std::to_string(kMaxNpyHeaderSize) +
                         " bytes, but got " + std::to_string(length));
  if (length > text.size() - begin)
    return Status::error(where + ": header ends at byte " +
                         std::to_string(begin + length) + " of a file of " +
                         std::to_string(text.size()) + " bytes");
  return text.substr(begin, length);
}

StatusOr<NpyArray> mlir::compress::store::readNpy(const std::string &path) {
  auto opened = MappedFile::open(path);
  if (!opened.ok())
    return opened.status();
  const MappedFile &file = **opened;
  std::string where = quote(path);
  auto text = findHeader(file, where);
  if (!text.ok())
    return text.status();
  auto header = HeaderParser(*text, where).parse();
  if (!header.ok())
    return header.status();
  auto dtype = parseDescr(header->descr, where);
  if (!dtype.ok())
    return dtype.status();
  std::optional<uint64_t> size = computeByteSize(*dtype, header->shape);
  if (!size)
    return Status::error(where +
                         ": expected a size below 2^63 bytes, but got "
                         "shape " +
                         stringifyShape(header->shape));
  const auto *data =
      reinterpret_cast<const uint8_t *>(text->data()) + text->size();
  uint64_t available = file.data() + file.size() - data;
  if (available != *size)
    return Status::error(where + ": expected " + std::to_string(*size) +
                         " bytes of data for shape " +
                         stringifyShape(header->shape) + ", but got " +
                         std::to_string(available));
  // A sparse file can be larger than memory, and allocation cannot fail without
  // ending the process.
  uint64_t memory =
      uint64_t(::sysconf(_SC_PHYS_PAGES)) * uint64_t(::sysconf(_SC_PAGESIZE));
  if (*size > memory)
    return Status::error(where + ": " + std::to_string(*size) +
                         " bytes of data do not fit into memory");
  NpyArray array{*dtype, header->shape, {}};
  if (!header->fortranOrder) {
    array.data.assign(data, data + *size);
  } else {
    array.data.resize(*size);
    transpose(*header, getDTypeSize(*dtype), data, array.data);
  }
  return array;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static std::string getDescr(DType dtype) {
  // numpy has no name for these; it gets bytes of the right number.
  std::string_view name = "V1";
  for (const NpyType &type : kTypes)
    if (type.dtype == dtype) {
      name = type.name;
      break;
    }
  bool hasOrder = getDTypeSize(dtype) > 1;
  return (hasOrder ? "<" : "|") + std::string(name);
}

/// Everything before the data: version 1.0, padded as numpy does, so that the
/// data are aligned.
static std::string buildHeader(const NpyArray &array) {
  std::string text = "{'descr': '" + getDescr(array.dtype) +
                     "', 'fortran_order': False, 'shape': (";
  for (size_t i = 0; i < array.shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(array.shape[i]);
  text += array.shape.size() == 1 ? ",), }" : "), }";
  size_t prefix = kMagic.size() + 4;
  // At most 64 sizes of 19 digits: the length fits two bytes.
  text.append(63 - (prefix + text.size()) % 64, ' ');
  text += '\n';
  auto length = static_cast<uint16_t>(text.size());
  std::string result(kMagic);
  result += '\1';
  result += '\0';
  result.append(reinterpret_cast<const char *>(&length), 2);
  return result + text;
}

Status mlir::compress::store::writeNpy(const std::string &path,
                                       const NpyArray &array) {
  std::string where = quote(path);
  if (array.shape.size() > kMaxRank)
    return Status::error(where + ": expected at most " +
                         std::to_string(kMaxRank) + " dimensions, but got " +
                         std::to_string(array.shape.size()));
  std::optional<uint64_t> size = computeByteSize(array.dtype, array.shape);
  if (!size || *size != array.data.size())
    return Status::error(where + ": expected " +
                         (size ? std::to_string(*size) : "2^63 or more") +
                         " bytes of data for shape " +
                         stringifyShape(array.shape) + ", but got " +
                         std::to_string(array.data.size()));
  auto staged = StagedFile::create(path);
  if (!staged.ok())
    return staged.status();
  auto descriptor = openForWriting((*staged)->path());
  if (!descriptor.ok())
    return descriptor.status();
  std::string header = buildHeader(array);
  Status status = writeBytes(*descriptor, path, header.data(), header.size());
  if (status.ok())
    status =
        writeBytes(*descriptor, path, array.data.data(), array.data.size());
  Status closed = closeWritten(*descriptor, path, /*sync=*/false);
  if (status.ok())
    status = closed;
  return status.ok() ? (*staged)->commit() : status;
}
