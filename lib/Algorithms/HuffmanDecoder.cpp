//===- HuffmanDecoder.cpp - Decoding and checking of prefix codes ---------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A table of 2^maxLength entries gives symbol and length. One read of 8 bytes
// serves four symbols. A symbol waits for the length of the one before, so
// four streams are decoded at a time.
//
//===----------------------------------------------------------------------===//

#include "HuffmanCode.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Parallel.h"

#include <utility>
#include <vector>

using namespace mlir::compress::algorithms;
using Kind = HuffmanError::Kind;

static bool haveSizes(const HuffmanShape &shape,
                      const HuffmanStorage &storage) {
  return shape.isValid() &&
         int64_t(storage.table.size()) == shape.getTableBytes() &&
         storage.symbols.size() == 256 &&
         int64_t(storage.offsets.size()) == 4 * shape.getNumStreams() &&
         int64_t(storage.rest.size()) ==
             shape.getNumElements() * (shape.getWidth() - 1) &&
         int64_t(storage.stream.size()) >= kHuffmanPadding &&
         storage.stream.size() <= UINT32_MAX;
}

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

namespace {
/// Symbol in the lower byte, length of its code in the upper one.
class DecodeTable {
public:
  explicit DecodeTable(const CanonicalCode &code)
      : entries(size_t(1) << code.maxLength) {
    const unsigned maxLength = code.maxLength;
    unsigned at = 0;
    for (unsigned length = 0; length <= maxLength; ++length) {
      const unsigned end =
          length == maxLength
              ? entries.size()
              : std::min<unsigned>(code.limits[length], entries.size());
      const unsigned unused = maxLength - length;
      while (at < end) {
        const unsigned word = at >> unused;
        const unsigned next = std::min(end, (word + 1) << unused);
        std::fill(entries.begin() + at, entries.begin() + next,
                  uint16_t(code.symbols[(code.bases[length] + word) & 0xFF] |
                           length << 8));
        at = next;
      }
    }
  }
  const uint16_t *data() const { return entries.data(); }

private:
  std::vector<uint16_t> entries;
};

/// Where a stream is read, by bits, and where its symbols go.
struct Cursor {
  uint64_t bit = 0;
  uint8_t *to = nullptr;
};
} // namespace

/// Decodes `count` symbols of each of `lanes` streams.
template <unsigned maxLength, unsigned lanes>
static void decodeLanes(llvm::ArrayRef<uint8_t> stream, const uint16_t *table,
                        Cursor *cursors, int64_t count) {
  const uint8_t *data = stream.data();
  const uint64_t last = stream.size() - 8;
  uint64_t bits[lanes];
  uint8_t *to[lanes];
  for (unsigned lane = 0; lane < lanes; ++lane) {
    bits[lane] = cursors[lane].bit;
    to[lane] = cursors[lane].to;
  }
  auto readWindow = [&](uint64_t bit) {
    return llvm::support::endian::read64be(data + std::min(bit / 8, last))
           << (bit % 8);
  };
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    uint64_t window[lanes], length[lanes];
    for (unsigned lane = 0; lane < lanes; ++lane) {
      window[lane] = readWindow(bits[lane]);
      length[lane] = 0;
    }
#pragma GCC unroll 4
    for (unsigned step = 0; step < 4; ++step)
#pragma GCC unroll 4
      for (unsigned lane = 0; lane < lanes; ++lane) {
        const unsigned entry = table[window[lane] >> (64 - maxLength)];
        window[lane] <<= entry >> 8;
        length[lane] += entry >> 8;
        to[lane][i + step] = uint8_t(entry);
      }
    for (unsigned lane = 0; lane < lanes; ++lane)
      bits[lane] += length[lane];
  }
  for (; i < count; ++i)
    for (unsigned lane = 0; lane < lanes; ++lane) {
      const unsigned entry = table[readWindow(bits[lane]) >> (64 - maxLength)];
      bits[lane] += entry >> 8;
      to[lane][i] = uint8_t(entry);
    }
  for (unsigned lane = 0; lane < lanes; ++lane)
    cursors[lane].bit = bits[lane];
}

template <unsigned lanes>
static void decodeSymbols(unsigned maxLength, llvm::ArrayRef<uint8_t> stream,
                          const uint16_t *table, Cursor *cursors,
                          int64_t count) {
  switch (maxLength) {
  case 8:
    return decodeLanes<8, lanes>(stream, table, cursors, count);
  case 9:
    return decodeLanes<9, lanes>(stream, table, cursors, count);
  case 10:
    return decodeLanes<10, lanes>(stream, table, cursors, count);
  case 11:
    return decodeLanes<11, lanes>(stream, table, cursors, count);
  case 12:
    return decodeLanes<12, lanes>(stream, table, cursors, count);
  case 13:
    return decodeLanes<13, lanes>(stream, table, cursors, count);
  case 14:
    return decodeLanes<14, lanes>(stream, table, cursors, count);
  default:
    return;
  }
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// Puts symbols and the other bytes of floats together.
template <typename Word>
static void joinRun(const uint8_t *symbols, const uint8_t *rest, int64_t n,
                    uint8_t *to) {
  constexpr int64_t width = sizeof(Word);
  for (int64_t i = 0; i < n; ++i) {
    Word word = Word(Word(symbols[i]) << (8 * (width - 1)));
    for (int64_t byte = 0; byte + 1 < width; ++byte)
      word |= Word(Word(rest[i * (width - 1) + byte]) << (8 * byte));
    llvm::support::endian::write<Word, llvm::endianness::little>(
        to + i * width, turnRight(word));
  }
}

namespace {
/// Decodes a range of elements.
class Decoder {
public:
  Decoder(const HuffmanShape &shape, const HuffmanStorage &storage,
          int64_t begin, llvm::MutableArrayRef<uint8_t> out)
      : shape(shape), storage(storage), merged(shape), boxes(merged.get()),
        table(makeTable(shape, storage)), begin(begin),
        end(begin + out.size() / shape.getWidth()), out(out) {}
  void run();

private:
  struct Box {
    int64_t index, elements;
    uint64_t first; // byte behind the header
    uint8_t *symbols;
  };
  static DecodeTable makeTable(const HuffmanShape &shape,
                               const HuffmanStorage &storage) {
    CanonicalCode code;
    code.maxLength = shape.maxLength;
    code.load(storage.table, storage.symbols);
    return DecodeTable(code);
  }
  /// Elements of the box, or 0 when it has none of the range.
  int64_t countElements(int64_t box) const;
  void decode(llvm::MutableArrayRef<Box> some);
  void place(const Box &box);

  const HuffmanShape &shape;
  const HuffmanStorage &storage;
  HuffmanBoxes merged;
  Boxes boxes;
  DecodeTable table;
  int64_t begin, end;
  llvm::MutableArrayRef<uint8_t> out;
};
} // namespace

int64_t Decoder::countElements(int64_t box) const {
  int64_t elements = 0;
  bool overlaps = false;
  boxes.forEachRun(box, [&](int64_t first, int64_t n) {
    elements += n;
    overlaps |= first < end && first + n > begin;
    return true;
  });
  return overlaps ? elements : 0;
}

void Decoder::decode(llvm::MutableArrayRef<Box> some) {
  Cursor cursors[4];
  for (auto [i, box] : llvm::enumerate(some))
    cursors[i] = {box.first * 8, box.symbols};
  if (some.size() == 4)
    return decodeSymbols<4>(shape.maxLength, storage.stream, table.data(),
                            cursors, some[0].elements);
  for (size_t i = 0; i < some.size(); ++i)
    decodeSymbols<1>(shape.maxLength, storage.stream, table.data(), &cursors[i],
                     some[i].elements);
}

/// Copies the symbols of a box to where its elements are in the range.
void Decoder::place(const Box &box) {
  const uint8_t *symbols = box.symbols;
  const int64_t width = shape.getWidth();
  boxes.forEachRun(box.index, [&](int64_t first, int64_t n) {
    const int64_t from = std::max(first, begin), to = std::min(first + n, end);
    if (from < to) {
      const uint8_t *some = symbols + (from - first);
      uint8_t *at = out.data() + (from - begin) * width;
      const uint8_t *rest = storage.rest.data() + from * (width - 1);
      if (!shape.split) {
        if (at != some)
          std::memcpy(at, some, to - from);
      } else if (*shape.split == FloatKind::F32) {
        joinRun<uint32_t>(some, rest, to - from, at);
      } else {
        joinRun<uint16_t>(some, rest, to - from, at);
      }
    }
    symbols += n;
    return true;
  });
}

void Decoder::run() {
  auto [first, last] = merged.getBoxes(begin, end);
  const int64_t maxElements = merged.getMaxElements();
  std::vector<uint8_t> buffer;
  llvm::SmallVector<Box, 4> waiting;
  auto flush = [&] {
    decode(waiting);
    for (const Box &box : waiting)
      place(box);
    waiting.clear();
  };
  for (int64_t index = first; index < last; ++index) {
    const int64_t elements = countElements(index);
    if (elements == 0)
      continue;
    // Bytes of whole boxes in one piece go where they belong at once.
    const int64_t at = index * maxElements;
    const bool isDirect = !shape.split && merged.shape.size() == 1 &&
                          at >= begin && at + elements <= end;
    if (!isDirect && buffer.empty())
      buffer.resize(4 * maxElements);
    if (!waiting.empty() && waiting.front().elements != elements)
      flush();
    const uint64_t offset =
        llvm::support::endian::read32le(storage.offsets.data() + 4 * index);
    Box box = {index, elements, offset + kHuffmanHeader,
               isDirect ? out.data() + (at - begin)
                        : buffer.data() + waiting.size() * maxElements};
    // What is raw, and may not be inside of the stream, is not decoded.
    const bool isRaw = offset < storage.stream.size() && storage.stream[offset];
    if (isRaw) {
      const uint64_t size = storage.stream.size();
      const uint64_t from = std::min(box.first, size);
      const uint64_t some = std::min<uint64_t>(elements, size - from);
      std::memcpy(box.symbols, storage.stream.data() + from, some);
      std::memset(box.symbols + some, 0, elements - some);
      place(box);
      continue;
    }
    waiting.push_back(box);
    if (waiting.size() == 4)
      flush();
  }
  flush();
}

bool mlir::compress::algorithms::decodeHuffman(
    const HuffmanShape &shape, const HuffmanStorage &storage, int64_t begin,
    llvm::MutableArrayRef<uint8_t> out) {
  if (!haveSizes(shape, storage) || begin < 0 || out.size() % shape.getWidth())
    return false;
  const int64_t elements = shape.getNumElements();
  const int64_t count = out.size() / shape.getWidth();
  if (begin > elements || count > elements - begin)
    return false;
  if (count > 0)
    Decoder(shape, storage, begin, out).run();
  return true;
}

//===----------------------------------------------------------------------===//
// Validation
//===----------------------------------------------------------------------===//

/// Checks that the code is the canonical one of its lengths, and complete.
/// `count` becomes the number of its symbols.
static std::optional<HuffmanError> validateCode(const CanonicalCode &code,
                                                unsigned &count) {
  const unsigned maxLength = code.maxLength, full = 1u << maxLength;
  unsigned limit = 0;
  count = 0;
  for (unsigned length = 0; length <= maxLength; ++length) {
    const unsigned unused = maxLength - length, next = code.limits[length];
    if (next < limit || next > full || (next - limit) & ((1u << unused) - 1) ||
        code.bases[length] != uint16_t(count - (limit >> unused)))
      return HuffmanError{Kind::Table, length};
    count += (next - limit) >> unused;
    if (count > 256)
      return HuffmanError{Kind::Table, length};
    limit = next;
  }
  if (limit != full && count) // Kraft sum 1, or no code at all
    return HuffmanError{Kind::Table, maxLength};
  std::array<bool, 256> seen = {};
  for (unsigned i = 0; i < 256; ++i) {
    const uint8_t symbol = code.symbols[i];
    if (i >= count ? symbol != 0 : std::exchange(seen[symbol], true))
      return HuffmanError{Kind::Symbols, i};
  }
  return std::nullopt;
}

namespace {
/// Checks streams one by one.
class StreamChecker {
public:
  StreamChecker(const HuffmanShape &shape, const HuffmanStorage &storage,
                const CanonicalCode &code, bool hasCode)
      : shape(shape), storage(storage), merged(shape), boxes(merged.get()),
        table(code), hasCode(hasCode) {}
  std::optional<HuffmanError> check();

private:
  uint64_t getOffset(int64_t index) const {
    return index == boxes.size() ? storage.stream.size() - kHuffmanPadding
                                 : llvm::support::endian::read32le(
                                       storage.offsets.data() + 4 * index);
  }
  bool isRaw(int64_t index) const {
    return storage.stream[getOffset(index)] == 1;
  }
  std::optional<Kind> checkStream(int64_t index,
                                  llvm::ArrayRef<uint8_t> symbols,
                                  uint64_t lastBit) const;
  std::optional<HuffmanError> checkStreams(int64_t begin, int64_t end) const;

  const HuffmanShape &shape;
  const HuffmanStorage &storage;
  HuffmanBoxes merged;
  Boxes boxes;
  DecodeTable table;
  bool hasCode;
};
} // namespace

/// Checks one stream that was decoded to `symbols`, up to `lastBit`.
std::optional<Kind> StreamChecker::checkStream(int64_t index,
                                               llvm::ArrayRef<uint8_t> symbols,
                                               uint64_t lastBit) const {
  const uint64_t begin = getOffset(index), end = getOffset(index + 1);
  const uint8_t *data = storage.stream.data();
  if (data[begin] > 1 || (data[begin] == 0 && !hasCode) ||
      (lastBit + 7) / 8 != end ||
      (lastBit % 8 && uint8_t(data[end - 1] << (lastBit % 8))))
    return Kind::Stream;
  const unsigned nonFinite = getFirstNonFinite(shape.split);
  if (nonFinite < 256 &&
      llvm::any_of(
          symbols, [&](uint8_t symbol) { return symbol >= nonFinite; }))
    return Kind::NonFinite;
  if (computeStreamChecksum(symbols) !=
      llvm::support::endian::read32le(data + begin + 1))
    return Kind::Checksum;
  return std::nullopt;
}

std::optional<HuffmanError> StreamChecker::checkStreams(int64_t begin,
                                                        int64_t end) const {
  constexpr int64_t kLanes = 4;
  const int64_t maxElements = merged.getMaxElements();
  std::vector<uint8_t> buffer(kLanes * maxElements);
  for (int64_t first = begin; first < end; first += kLanes) {
    const int64_t count = std::min(kLanes, end - first);
    int64_t elements[kLanes];
    Cursor cursors[kLanes];
    bool together = count == kLanes;
    for (int64_t lane = 0; lane < count; ++lane) {
      elements[lane] = getBoxElements(boxes, first + lane);
      cursors[lane] = {(getOffset(first + lane) + kHuffmanHeader) * 8,
                       buffer.data() + lane * maxElements};
      together &= elements[lane] == elements[0] && !isRaw(first + lane);
    }
    // Codes that go on into the next stream decode to something; they end too
    // late then.
    if (together)
      decodeSymbols<kLanes>(shape.maxLength, storage.stream, table.data(),
                            cursors, elements[0]);
    for (int64_t lane = 0; lane < count; ++lane) {
      llvm::ArrayRef<uint8_t> symbols(buffer.data() + lane * maxElements,
                                      elements[lane]);
      if (isRaw(first + lane)) {
        cursors[lane].bit += uint64_t(elements[lane]) * 8;
        const uint64_t from = getOffset(first + lane) + kHuffmanHeader;
        if (elements[lane] > int64_t(storage.stream.size() - from))
          return HuffmanError{Kind::Stream, first + lane};
        symbols = storage.stream.slice(from, elements[lane]);
      } else if (!together) {
        decodeSymbols<1>(shape.maxLength, storage.stream, table.data(),
                         &cursors[lane], elements[lane]);
      }
      if (auto kind = checkStream(first + lane, symbols, cursors[lane].bit))
        return HuffmanError{*kind, first + lane};
    }
  }
  return std::nullopt;
}

std::optional<HuffmanError> StreamChecker::check() {
  const uint64_t size = storage.stream.size() - kHuffmanPadding;
  for (int64_t i = 0; i < boxes.size(); ++i) {
    const uint64_t begin = getOffset(i), end = getOffset(i + 1);
    if ((i == 0 && begin != 0) || begin > size || end > size ||
        end < begin + kHuffmanHeader)
      return HuffmanError{Kind::Offset, i};
  }
  constexpr int64_t kTaskElements = 256 * 1024;
  const int64_t perTask =
      std::max<int64_t>(1, kTaskElements / merged.getMaxElements());
  const int64_t numTasks = (boxes.size() + perTask - 1) / perTask;
  std::vector<std::optional<HuffmanError>> errors(numTasks);
  llvm::parallelFor(0, numTasks, [&](size_t task) {
    errors[task] =
        checkStreams(int64_t(task) * perTask,
                     std::min(boxes.size(), int64_t(task + 1) * perTask));
  });
  for (const std::optional<HuffmanError> &error : errors)
    if (error)
      return error;
  return std::nullopt;
}

std::optional<HuffmanError>
mlir::compress::algorithms::validateHuffman(const HuffmanShape &shape,
                                            const HuffmanStorage &storage) {
  if (!haveSizes(shape, storage))
    return HuffmanError{Kind::InvalidArgument};
  CanonicalCode code;
  code.maxLength = shape.maxLength;
  code.load(storage.table, storage.symbols);
  unsigned count;
  if (auto error = validateCode(code, count))
    return error;
  for (uint8_t byte : storage.stream.take_back(kHuffmanPadding))
    if (byte)
      return HuffmanError{Kind::Offset, shape.getNumStreams()};
  if (shape.getNumElements() == 0) {
    if (count || int64_t(storage.stream.size()) != kHuffmanPadding)
      return HuffmanError{Kind::Offset, 0};
    return std::nullopt;
  }
  return StreamChecker(shape, storage, code, count != 0).check();
}
