//===- HuffmanEncoder.cpp - Length-limited prefix codes -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HuffmanCode.h"

#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Parallel.h"

#include <algorithm>
#include <numeric>
#include <vector>

using namespace mlir::compress::algorithms;
using Kind = HuffmanError::Kind;

/// Least elements of a parallel task.
static constexpr int64_t kTaskElements = 256 * 1024;

//===----------------------------------------------------------------------===//
// Shape
//===----------------------------------------------------------------------===//

bool HuffmanShape::isValid() const {
  if (shape.empty() || shape.size() != tile.size() ||
      maxLength < kMinHuffmanLength || maxLength > kMaxHuffmanLength)
    return false;
  int64_t elements = 1;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] < 0 || tile[i] < 1)
      return false;
    // Zeros do not hide an overflow of the other sizes.
    if (llvm::MulOverflow(elements, std::max<int64_t>(shape[i], 1), elements) ||
        elements > int64_t(UINT32_MAX))
      return false;
  }
  return true;
}

int64_t HuffmanShape::getNumElements() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t(1),
                         std::multiplies<int64_t>());
}

int64_t HuffmanShape::getNumStreams() const {
  int64_t streams = 1;
  for (size_t i = 0; i < shape.size(); ++i)
    streams *= llvm::divideCeil(uint64_t(shape[i]), uint64_t(tile[i]));
  return streams;
}

//===----------------------------------------------------------------------===//
// Code lengths
//===----------------------------------------------------------------------===//

std::array<uint8_t, 256> mlir::compress::algorithms::computeCodeLengths(
    llvm::ArrayRef<uint64_t> histogram, unsigned maxLength) {
  std::array<uint8_t, 256> lengths = {};
  std::vector<unsigned> used;
  for (size_t i = 0; i < histogram.size(); ++i)
    if (histogram[i])
      used.push_back(i);
  const size_t n = used.size();
  if (n < 2)
    return lengths;
  std::sort(used.begin(), used.end(), [&](unsigned a, unsigned b) {
    return std::pair(histogram[a], a) < std::pair(histogram[b], b);
  });
  // Package-merge: each list has the symbols and the pairs of the list before,
  // by weight. A symbol's length is the number of lists in which the items that
  // are chosen have it; of each list the first ones are, so counts are enough.
  struct Item {
    uint64_t weight;
    bool isSymbol;
  };
  std::vector<std::vector<Item>> lists(maxLength);
  for (unsigned level = 0; level < maxLength; ++level) {
    std::vector<Item> &list = lists[level];
    size_t symbol = 0, pair = 0;
    const size_t pairs = level ? lists[level - 1].size() / 2 : 0;
    auto getPair = [&](size_t i) {
      return lists[level - 1][2 * i].weight +
             lists[level - 1][2 * i + 1].weight;
    };
    while (symbol < n || pair < pairs) {
      if (pair == pairs ||
          (symbol < n && histogram[used[symbol]] <= getPair(pair)))
        list.push_back({histogram[used[symbol++]], true});
      else
        list.push_back({getPair(pair++), false});
    }
  }
  size_t chosen = 2 * n - 2;
  for (unsigned level = maxLength; level-- > 0 && chosen;) {
    size_t symbols = 0;
    for (size_t i = 0; i < chosen; ++i)
      symbols += lists[level][i].isSymbol;
    for (size_t i = 0; i < symbols; ++i)
      ++lengths[used[i]];
    chosen = 2 * (chosen - symbols);
  }
  return lengths;
}

namespace {
/// The bits of a symbol.
struct Codeword {
  uint16_t bits = 0, length = 0;
};

struct EncoderCode {
  CanonicalCode canonical;
  std::array<Codeword, 256> words = {};
};
} // namespace

static EncoderCode makeCode(llvm::ArrayRef<uint64_t> histogram,
                            unsigned maxLength) {
  const auto lengths = computeCodeLengths(histogram, maxLength);
  EncoderCode code;
  code.canonical.maxLength = maxLength;
  unsigned next = 0, place = 0;
  for (unsigned length = 0; length <= maxLength; ++length) {
    next <<= length > 0;
    code.canonical.bases[length] = uint16_t(place - next);
    for (unsigned symbol = 0; symbol < 256; ++symbol)
      if (histogram[symbol] && lengths[symbol] == length) {
        code.words[symbol] = {uint16_t(next++), uint16_t(length)};
        code.canonical.symbols[place++] = uint8_t(symbol);
      }
    code.canonical.limits[length] = uint16_t(next << (maxLength - length));
  }
  return code;
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

namespace {
/// Encodes one tensor.
class Encoder {
public:
  Encoder(llvm::ArrayRef<uint8_t> source, const HuffmanShape &shape)
      : source(source), shape(shape), merged(shape), boxes(merged.get()) {}

  std::optional<HuffmanError> countSymbols();
  std::optional<HuffmanError> placeStreams(llvm::MutableArrayRef<uint8_t> out);
  int64_t getStreamBytes() const { return streamBytes; }
  void write(llvm::MutableArrayRef<uint8_t> stream,
             llvm::MutableArrayRef<uint8_t> rest) const;
  const CanonicalCode &getCode() const { return code.canonical; }

private:
  struct Placed {
    int64_t begin;
    int64_t elements;
    bool isRaw;
  };
  template <typename Body> void forBoxes(Body body) const;
  template <typename Word>
  void splitRun(int64_t begin, int64_t n, uint8_t *to, uint8_t *rest) const;
  llvm::ArrayRef<uint8_t> gather(int64_t box, std::vector<uint8_t> &buffer,
                                 uint8_t *rest) const;
  HuffmanError findNonFinite() const;

  llvm::ArrayRef<uint8_t> source;
  const HuffmanShape &shape;
  HuffmanBoxes merged;
  Boxes boxes;
  EncoderCode code;
  std::vector<Placed> placed;
  int64_t streamBytes = 0;
};
} // namespace

/// Runs `body(task, begin, end)` on ranges of boxes, in parallel.
template <typename Body> void Encoder::forBoxes(Body body) const {
  const int64_t perTask =
      std::max<int64_t>(1, kTaskElements / merged.getMaxElements());
  llvm::parallelFor(0, (boxes.size() + perTask - 1) / perTask,
                    [&](size_t task) {
                      body(task, int64_t(task) * perTask,
                           std::min(boxes.size(), int64_t(task + 1) * perTask));
                    });
}

template <typename Word>
void Encoder::splitRun(int64_t begin, int64_t n, uint8_t *to,
                       uint8_t *rest) const {
  constexpr int64_t width = sizeof(Word);
  const uint8_t *from = source.data() + begin * width;
  if (rest)
    rest += begin * (width - 1);
  for (int64_t i = 0; i < n; ++i) {
    const Word word =
        turnLeft(llvm::support::endian::read<Word, llvm::endianness::little>(
            from + i * width));
    to[i] = uint8_t(word >> (8 * (width - 1)));
    if (!rest)
      continue;
    for (int64_t byte = 0; byte + 1 < width; ++byte)
      rest[i * (width - 1) + byte] = uint8_t(word >> (8 * byte));
  }
}

/// The symbols of a box, in `buffer` where they are not in one piece. Also
/// writes what is not coded, unless `rest` is null.
llvm::ArrayRef<uint8_t> Encoder::gather(int64_t box,
                                        std::vector<uint8_t> &buffer,
                                        uint8_t *rest) const {
  if (!shape.split && merged.shape.size() == 1) {
    const int64_t begin = box * merged.tile[0];
    return source.slice(begin,
                        std::min(merged.tile[0], merged.shape[0] - begin));
  }
  buffer.resize(merged.getMaxElements());
  uint8_t *to = buffer.data();
  boxes.forEachRun(box, [&](int64_t begin, int64_t n) {
    if (!shape.split)
      std::memcpy(to, source.data() + begin, n);
    else if (*shape.split == FloatKind::F32)
      splitRun<uint32_t>(begin, n, to, rest);
    else
      splitRun<uint16_t>(begin, n, to, rest);
    to += n;
    return true;
  });
  return llvm::ArrayRef(buffer).take_front(to - buffer.data());
}

HuffmanError Encoder::findNonFinite() const {
  const unsigned first = getFirstNonFinite(shape.split);
  const int64_t width = shape.getWidth();
  for (int64_t i = 0; i < shape.getNumElements(); ++i) {
    const uint8_t *top = source.data() + (i + 1) * width - 2;
    const unsigned symbol = (top[1] << 1 | top[0] >> 7) & 0xFF;
    if (symbol >= first)
      return {Kind::NonFinite, i};
  }
  return {Kind::InvalidArgument};
}

std::optional<HuffmanError> Encoder::countSymbols() {
  using Histogram = std::array<uint32_t, 256>;
  std::vector<Histogram> counts(boxes.size() ? size_t(boxes.size()) : 1);
  forBoxes([&](size_t task, int64_t begin, int64_t end) {
    std::vector<uint8_t> buffer;
    // Equal symbols that follow one another do not wait for each other.
    std::array<Histogram, 4> partial = {};
    for (int64_t box = begin; box < end; ++box) {
      llvm::ArrayRef<uint8_t> symbols = gather(box, buffer, nullptr);
      size_t i = 0;
      for (; i + 4 <= symbols.size(); i += 4)
        for (size_t lane = 0; lane < 4; ++lane)
          ++partial[lane][symbols[i + lane]];
      for (; i < symbols.size(); ++i)
        ++partial[0][symbols[i]];
    }
    for (const Histogram &part : partial)
      for (size_t i = 0; i < 256; ++i)
        counts[task][i] += part[i];
  });
  std::array<uint64_t, 256> histogram = {};
  for (const Histogram &part : counts)
    for (size_t i = 0; i < 256; ++i)
      histogram[i] += part[i];
  for (unsigned i = getFirstNonFinite(shape.split); i < 256; ++i)
    if (histogram[i])
      return findNonFinite();
  code = makeCode(histogram, shape.maxLength);
  return std::nullopt;
}

std::optional<HuffmanError>
Encoder::placeStreams(llvm::MutableArrayRef<uint8_t> out) {
  placed.resize(boxes.size());
  forBoxes([&](size_t, int64_t begin, int64_t end) {
    std::vector<uint8_t> buffer;
    for (int64_t box = begin; box < end; ++box) {
      llvm::ArrayRef<uint8_t> symbols = gather(box, buffer, nullptr);
      uint64_t bits = 0;
      for (uint8_t symbol : symbols)
        bits += code.words[symbol].length;
      const int64_t elements = symbols.size(), bytes = (bits + 7) / 8;
      // The size for now; the place is known when all sizes are.
      placed[box] = {std::min(bytes, elements), elements, bytes >= elements};
    }
  });
  bool allRaw = true;
  for (int64_t box = 0; box < boxes.size(); ++box) {
    if (streamBytes > int64_t(UINT32_MAX))
      return HuffmanError{Kind::TooLarge};
    llvm::support::endian::write32le(out.data() + 4 * box,
                                     uint32_t(streamBytes));
    const int64_t size = kHuffmanHeader + placed[box].begin;
    placed[box].begin = streamBytes;
    streamBytes += size;
    allRaw &= placed[box].isRaw;
  }
  streamBytes += kHuffmanPadding;
  if (streamBytes > int64_t(UINT32_MAX))
    return HuffmanError{Kind::TooLarge};
  if (allRaw) {
    code.canonical = {};
    code.canonical.maxLength = shape.maxLength;
  }
  return std::nullopt;
}

/// Writes the codes of symbols to `to`, which has room for them and no more.
static void writeCodes(llvm::ArrayRef<uint8_t> symbols,
                       const std::array<Codeword, 256> &words, uint8_t *to,
                       const uint8_t *end) {
  uint64_t bits = 0;
  unsigned count = 0; // of bits, of which less than 8 stay
  auto flush = [&] {
    const uint64_t upper = count ? bits << (64 - count) : 0;
    if (end - to >= 8) {
      llvm::support::endian::write64be(to, upper);
    } else {
      for (unsigned i = 0; i < (count + 7) / 8; ++i)
        to[i] = uint8_t(upper >> (56 - 8 * i));
    }
    to += count / 8;
    count %= 8;
  };
  size_t i = 0;
  for (; i + 4 <= symbols.size(); i += 4) {
    const Codeword a = words[symbols[i]], b = words[symbols[i + 1]],
                   c = words[symbols[i + 2]], d = words[symbols[i + 3]];
    const uint64_t ab = uint64_t(a.bits) << b.length | b.bits;
    const uint64_t cd = uint64_t(c.bits) << d.length | d.bits;
    const unsigned low = c.length + d.length, both = a.length + b.length + low;
    bits = bits << both | ab << low | cd;
    count += both;
    flush();
  }
  for (; i < symbols.size(); ++i) {
    const Codeword word = words[symbols[i]];
    bits = bits << word.length | word.bits;
    count += word.length;
    flush();
  }
}

void Encoder::write(llvm::MutableArrayRef<uint8_t> stream,
                    llvm::MutableArrayRef<uint8_t> rest) const {
  forBoxes([&](size_t, int64_t begin, int64_t end) {
    std::vector<uint8_t> buffer;
    for (int64_t box = begin; box < end; ++box) {
      llvm::ArrayRef<uint8_t> symbols = gather(box, buffer, rest.data());
      uint8_t *to = stream.data() + placed[box].begin;
      *to = placed[box].isRaw;
      llvm::support::endian::write32le(to + 1, computeStreamChecksum(symbols));
      to += kHuffmanHeader;
      const uint8_t *next =
          stream.data() + (box + 1 < boxes.size()
                               ? placed[box + 1].begin
                               : streamBytes - kHuffmanPadding);
      if (placed[box].isRaw)
        std::memcpy(to, symbols.data(), symbols.size());
      else
        writeCodes(symbols, code.words, to, next);
    }
  });
  std::memset(stream.data() + streamBytes - kHuffmanPadding, 0,
              kHuffmanPadding);
}

std::optional<HuffmanError> mlir::compress::algorithms::encodeHuffman(
    llvm::ArrayRef<uint8_t> source, const HuffmanShape &shape,
    llvm::MutableArrayRef<uint8_t> table,
    llvm::MutableArrayRef<uint8_t> symbols,
    llvm::MutableArrayRef<uint8_t> offsets, llvm::MutableArrayRef<uint8_t> rest,
    llvm::function_ref<llvm::MutableArrayRef<uint8_t>(int64_t)>
        allocateStream) {
  if (!shape.isValid())
    return HuffmanError{Kind::InvalidArgument};
  const int64_t elements = shape.getNumElements();
  const int64_t width = shape.getWidth();
  if (int64_t(source.size()) != elements * width ||
      int64_t(table.size()) != shape.getTableBytes() || symbols.size() != 256 ||
      int64_t(offsets.size()) != 4 * shape.getNumStreams() ||
      int64_t(rest.size()) != elements * (width - 1))
    return HuffmanError{Kind::InvalidArgument};
  if (elements == 0) {
    std::fill(table.begin(), table.end(), 0);
    std::fill(symbols.begin(), symbols.end(), 0);
    llvm::MutableArrayRef<uint8_t> stream = allocateStream(kHuffmanPadding);
    std::fill(stream.begin(), stream.end(), 0);
    return std::nullopt;
  }
  Encoder encoder(source, shape);
  if (auto error = encoder.countSymbols())
    return error;
  if (auto error = encoder.placeStreams(offsets))
    return error;
  encoder.getCode().store(table, symbols);
  llvm::MutableArrayRef<uint8_t> stream =
      allocateStream(encoder.getStreamBytes());
  if (int64_t(stream.size()) != encoder.getStreamBytes())
    return HuffmanError{Kind::InvalidArgument};
  encoder.write(stream, rest);
  return std::nullopt;
}
