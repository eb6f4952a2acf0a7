//===- MseTest.cpp - Quantization of least squared error ------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Samples.h"
#include "compress/Algorithms/ErrorStats.h"

#include "llvm/Support/Parallel.h"
#include "gtest/gtest.h"

#include <cmath>
#include <limits>
#include <random>

using namespace mlir::compress::algorithms;
using reference::Encoded;
using reference::Generator;
using reference::kAllIsas;
using reference::Sample;
using Floats = std::vector<float>;
using Offset = QuantFormat::Offset;

namespace {

using Result = std::pair<Encoded, std::optional<QuantError>>;

Result encodeBy(decltype(quantizeRtn) *quantize, const Sample &sample,
                Isa isa = Isa::Auto, bool misaligned = false) {
  Result result{reference::allocate(sample), std::nullopt};
  std::vector<uint8_t> bytes = reference::toBytes(sample.kind, sample.values);
  if (misaligned)
    bytes.insert(bytes.begin(), 0xee);
  result.second =
      quantize(llvm::ArrayRef(bytes).drop_front(misaligned), sample.kind,
               sample.shape, sample.format, result.first.codes,
               result.first.scales, result.first.offsets, isa);
  return result;
}

Encoded encodeMse(const Sample &sample, Isa isa = Isa::Auto,
                  bool misaligned = false) {
  Result result = encodeBy(quantizeMse, sample, isa, misaligned);
  EXPECT_FALSE(result.second)
      << "error " << int(result.second->kind) << " at " << result.second->index;
  return result.first;
}

Encoded encodeRtn(const Sample &sample) {
  Result result = encodeBy(quantizeRtn, sample);
  EXPECT_FALSE(result.second)
      << "error " << int(result.second->kind) << " at " << result.second->index;
  return result.first;
}

/// Squared error of each block, by the reference decode.
std::vector<double> getErrors(const Sample &sample, const Encoded &encoded) {
  std::vector<int64_t> blocks = reference::getBlockIndices(sample.shape);
  Floats decoded =
      reference::dequantize(encoded, sample.shape, sample.format, sample.kind);
  std::vector<double> errors(blocks.empty() ? 0 : blocks.back() + 1);
  for (size_t i = 0; i < decoded.size(); ++i) {
    double error = double(decoded[i]) - double(sample.values[i]);
    errors[blocks[i]] += error * error;
  }
  return errors;
}

double getTotal(const std::vector<double> &errors) {
  double sum = 0;
  for (double error : errors)
    sum += error;
  return sum;
}

/// No block is worse than by round to nearest, and what is stored is valid.
void expectNeverWorse(const Sample &sample, Isa isa = Isa::Auto,
                      bool misaligned = false) {
  Encoded rtn = encodeRtn(sample), mse = encodeMse(sample, isa, misaligned);
  std::vector<double> old = getErrors(sample, rtn),
                      best = getErrors(sample, mse);
  // Sums of the library are in another order.
  for (size_t b = 0; b < old.size(); ++b)
    ASSERT_LE(best[b], old[b] * (1 + 1e-12)) << "block " << b;
  EXPECT_FALSE(validateStorage(sample.shape, sample.format, mse.codes,
                               mse.scales, mse.offsets));
}

/// All formats, with every type of scale and offset.
std::vector<QuantFormat> getFormats() {
  std::vector<QuantFormat> formats;
  std::vector<std::optional<FloatKind>> kinds = {
      std::nullopt, FloatKind::F32, FloatKind::F16, FloatKind::BF16};
  for (unsigned bits : {2u, 3u, 4u, 6u, 8u})
    for (bool isSigned : {true, false})
      for (bool narrow : {false, true})
        for (FloatKind scale :
             {FloatKind::F32, FloatKind::F16, FloatKind::BF16})
          for (Offset offset : {Offset::None, Offset::Zero, Offset::Min})
            for (std::optional<FloatKind> kind : kinds) {
              if (offset == Offset::None && kind)
                continue;
              QuantFormat format;
              format.bits = bits;
              format.isSigned = isSigned;
              format.narrow = narrow;
              format.scale = scale;
              format.offset = offset;
              format.offsetKind = kind;
              if (format.isValid())
                formats.push_back(format);
            }
  for (CodeKind codes :
       {CodeKind::Integer, CodeKind::Binary, CodeKind::F8E4M3FN,
        CodeKind::F8E5M2, CodeKind::F4E2M1FN})
    for (FloatKind scale : {FloatKind::F32, FloatKind::BF16,
                            FloatKind::F8E4M3FN, FloatKind::F8E8M0FNU}) {
      QuantFormat format;
      format.codes = codes;
      if (codes != CodeKind::Integer)
        format.bits = reference::getBits(codes);
      format.scale = scale;
      formats.push_back(format);
    }
  return formats;
}

QuantFormat makeFormat(unsigned bits, bool isSigned = true,
                       Offset offset = Offset::None,
                       std::optional<FloatKind> offsetKind = std::nullopt,
                       FloatKind scale = FloatKind::F16) {
  QuantFormat format;
  format.bits = bits;
  format.isSigned = isSigned;
  format.offset = offset;
  format.offsetKind = offsetKind;
  format.scale = scale;
  return format;
}

QuantFormat makeTernary() {
  QuantFormat format = makeFormat(2);
  format.narrow = true;
  return format;
}

QuantFormat makeFloats(CodeKind codes, FloatKind scale) {
  QuantFormat format;
  format.codes = codes;
  format.bits = reference::getBits(codes);
  format.scale = scale;
  return format;
}

} // namespace

//===----------------------------------------------------------------------===//
// By hand
//===----------------------------------------------------------------------===//

TEST(Mse, FindsExactScales) {
  // Round to nearest takes -0.5, the largest magnitude over the lowest code,
  // and has no code for -1.
  Sample sample;
  sample.shape = {{4}, {4}};
  sample.format = makeFormat(2);
  sample.values = {1, -1, 1, 1};
  EXPECT_GT(getTotal(getErrors(sample, encodeRtn(sample))), 0);
  EXPECT_EQ(getTotal(getErrors(sample, encodeMse(sample))), 0);
  // Round to nearest stretches three values over four codes.
  sample.format =
      makeFormat(2, /*isSigned=*/false, Offset::Min, FloatKind::F16);
  sample.values = {5, 6, 7, 7};
  EXPECT_GT(getTotal(getErrors(sample, encodeRtn(sample))), 0);
  EXPECT_EQ(getTotal(getErrors(sample, encodeMse(sample))), 0);
}

TEST(Mse, KeepsWhatIsExact) {
  int numExact = 0;
  for (const QuantFormat &format : getFormats()) {
    Sample sample;
    sample.format = format;
    // A block of zeros, one that is exact, and zeros of both signs.
    int64_t count = int64_t(1) << format.bits;
    sample.shape = {{3, count}, {1, count}};
    sample.values.assign(3 * count, 0.0f);
    for (int64_t i = 0; i < count; ++i) {
      float value = 0.25f * reference::getValue(format, unsigned(i));
      sample.values[count + i] = std::isfinite(value) ? value : 0;
      sample.values[2 * count + i] = i % 2 ? 0.0f : -0.0f;
    }
    if (format.narrow) // the code that is not in use
      sample.values[count + count / 2] = 0;
    SCOPED_TRACE(sample.describe());
    Encoded rtn = encodeRtn(sample);
    if (getTotal(getErrors(sample, rtn)) == 0) {
      ++numExact;
      EXPECT_TRUE(encodeMse(sample) == rtn);
    }
  }
  EXPECT_GT(numExact, 100);
}

TEST(Mse, ClipsAnOutlier) {
  // 1023 values of magnitude 1 to 2 and one of 20: the error of the outlier is
  // less than what its range costs everyone else.
  Sample sample;
  sample.shape = {{1024}, {1024}};
  sample.format = makeFormat(2);
  std::mt19937 random(11);
  for (int i = 0; i < 1024; ++i)
    sample.values.push_back(float(random() % 1000 + 1000) / 1000 *
                            (i % 2 ? 1 : -1));
  sample.values[100] = 20;
  double rtn = getTotal(getErrors(sample, encodeRtn(sample)));
  double mse = getTotal(getErrors(sample, encodeMse(sample)));
  EXPECT_LT(mse, rtn / 3);
}

/// What is gained on normal data, as a record of it.
TEST(Mse, GainOnNormalData) {
  struct Case {
    const char *name;
    QuantFormat format;
    double leastGain; // dB
  };
  const Case cases[] = {
      {"int4-b32", makeFormat(4), 0.5},
      {"int3-b32", makeFormat(3), 0.6},
      {"int2-b32", makeFormat(2), 0.74},
      {"int4-b32-asym",
       makeFormat(4, /*isSigned=*/false, Offset::Min, FloatKind::F16), 1.1},
      {"int4-b32-zero", makeFormat(4, /*isSigned=*/false, Offset::Zero), 0.45},
      {"int4-b32-real-zero",
       makeFormat(4, /*isSigned=*/false, Offset::Zero, FloatKind::F16), 1.35},
      {"ternary-b32", makeTernary(), 3.8},
      {"fp8-e4m3-b32", makeFloats(CodeKind::F8E4M3FN, FloatKind::F32), 2.5},
      {"mxfp8", makeFloats(CodeKind::F8E4M3FN, FloatKind::F8E8M0FNU), 0.8},
      {"mxfp4", makeFloats(CodeKind::F4E2M1FN, FloatKind::F8E8M0FNU), 0.23},
      {"f4E2M1FN-b32-e4m3", makeFloats(CodeKind::F4E2M1FN, FloatKind::F8E4M3FN),
       0.1}};
  Sample sample;
  sample.shape = {{64, 1024}, {1, 32}};
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (int i = 0; i < 64 * 1024; ++i)
    sample.values.push_back(normal(random));
  for (const Case &test : cases) {
    sample.format = test.format;
    double gain =
        10 * std::log10(getTotal(getErrors(sample, encodeRtn(sample))) /
                        getTotal(getErrors(sample, encodeMse(sample))));
    printf("  %s: +%.3f dB\n", test.name, gain);
    EXPECT_GE(gain, test.leastGain) << test.name;
  }
}

//===----------------------------------------------------------------------===//
// Against round to nearest
//===----------------------------------------------------------------------===//

TEST(Mse, NeverWorseForEveryFormat) {
  unsigned seed = 20000;
  for (const QuantFormat &format : getFormats()) {
    Generator generator(++seed);
    Sample sample;
    sample.format = format;
    sample.shape = {{7, 100}, {1, 32}};
    if (seed % 3 == 1)
      sample.shape.block = {3, 8};
    else if (seed % 3 == 2)
      sample.shape.block = {7, 1};
    sample.kind = generator.pickKind();
    sample.values = generator.makeValues(700, format, sample.kind);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + sample.describe());
    expectNeverWorse(sample);
  }
}

TEST(Mse, NeverWorseForAnyShape) {
  for (unsigned seed = 21000; seed < 21400; ++seed) {
    Generator generator(seed);
    Sample sample = generator.makeSample();
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + sample.describe());
    expectNeverWorse(sample, kAllIsas[seed % 4], seed % 3 == 0);
  }
}

TEST(Mse, NeverWorseForExtremeMagnitudes) {
  unsigned seed = 22000;
  for (const QuantFormat &base : getFormats()) {
    QuantFormat format = base;
    format.scale = FloatKind::F32;
    if (format.offsetKind)
      format.offsetKind = FloatKind::F32;
    Generator generator(++seed);
    Sample sample;
    sample.format = format;
    sample.shape = {{6, 32}, {1, 32}};
    sample.values = generator.makeValues(6 * 32, format, FloatKind::F32);
    // A magnitude for each block, to where nothing but zero and infinity is.
    constexpr int exponents[] = {-149, -126, -100, 60, 99, 115};
    for (size_t i = 0; i < sample.values.size(); ++i)
      sample.values[i] =
          std::ldexp(std::fmod(sample.values[i], 2.0f), exponents[i / 32]);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + sample.describe());
    expectNeverWorse(sample);
  }
}

/// Encoding what was decoded, with the scales it was decoded with, gives the
/// same codes; with a minimum, values that are the same but for an ulp.
TEST(Mse, Projection) {
  for (unsigned seed = 23000; seed < 23300; ++seed) {
    Generator generator(seed);
    Sample sample = generator.makeSample();
    // F16 underflows, and BF16 does not count to 255.
    if (sample.kind == FloatKind::F16 || sample.format.bits == 8)
      sample.kind = FloatKind::F32;
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + sample.describe());
    Encoded first = encodeMse(sample);
    Floats decoded =
        reference::dequantize(first, sample.shape, sample.format, sample.kind);
    Encoded second = first;
    second.codes.assign(first.codes.size(), 0xee);
    ASSERT_FALSE(quantizeWithScales(reference::toBytes(sample.kind, decoded),
                                    sample.kind, sample.shape, sample.format,
                                    first.scales, first.offsets, second.codes));
    if (sample.format.offset != Offset::Min) {
      ASSERT_EQ(second.codes, first.codes);
      continue;
    }
    Floats again =
        reference::dequantize(second, sample.shape, sample.format, sample.kind);
    Floats minima =
        reference::fromBytes(*sample.format.offsetKind, first.offsets);
    std::vector<int64_t> blocks = reference::getBlockIndices(sample.shape);
    float ulp = sample.kind == FloatKind::F32 ? 0x1p-23f : 0x1p-7f;
    for (size_t i = 0; i < again.size(); ++i)
      ASSERT_LE(
          std::abs(again[i] - decoded[i]),
          ulp * std::max(std::abs(decoded[i]), std::abs(minima[blocks[i]])));
  }
}

static bool isSame(float a, float b) {
  return a == b || (std::isnan(a) && std::isnan(b));
}

/// Whatever round to nearest does not encode, this does not, and says the same.
TEST(Mse, ErrorsAreThoseOfRoundToNearest) {
  int numErrors = 0;
  for (unsigned seed = 24000; seed < 24400; ++seed) {
    Generator generator(seed);
    Sample sample = generator.makeSample();
    if (sample.values.empty())
      continue;
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const float offenders[] = {-1,        -1000,        3e38f, -3e38f,
                               65504,     -65504,       7e5f,  infinity,
                               -infinity, std::nanf("")};
    for (int64_t count = generator.pick(1, 3); count > 0; --count) {
      int64_t at = generator.pick(0, sample.values.size() - 1);
      sample.values[at] = reference::round(
          sample.kind, offenders[generator.pick(0, seed % 2 ? 9 : 6)]);
    }
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + sample.describe());
    std::optional<QuantError> rtn = encodeBy(quantizeRtn, sample).second;
    std::optional<QuantError> mse = encodeBy(quantizeMse, sample).second;
    ASSERT_EQ(rtn.has_value(), mse.has_value());
    if (!rtn) {
      expectNeverWorse(sample);
      continue;
    }
    ++numErrors;
    EXPECT_EQ(rtn->kind, mse->kind);
    EXPECT_EQ(rtn->index, mse->index);
    EXPECT_TRUE(isSame(rtn->value, mse->value));
    EXPECT_EQ(rtn->needed, mse->needed);
  }
  EXPECT_GT(numErrors, 100);
  Sample sample;
  sample.shape = {{4}, {0}};
  Encoded out;
  std::optional<QuantError> error =
      quantizeMse({}, FloatKind::F32, sample.shape, sample.format, out.codes,
                  out.scales, out.offsets);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, QuantError::Kind::InvalidArgument);
}

//===----------------------------------------------------------------------===//
// Against the best there is
//===----------------------------------------------------------------------===//

namespace {

/// Tries all scales and offsets of a fine grid on one block, in f64.
class BruteForce {
public:
  BruteForce(const Floats &values, const QuantFormat &format)
      : values(values), format(format) {
    for (float x : values) {
      lo = std::min(lo, double(x));
      hi = std::max(hi, double(x));
    }
  }

  double run() {
    const double steps = format.getMaxCode() - format.getMinCode();
    if (format.offset == Offset::None) {
      double largest = std::max(-lo, hi);
      forEachScale(largest / (6 * steps), 1.5 * largest, 2500,
                   [&](double scale) {
                     tryOne(scale, 0);
                     if (format.isSigned)
                       tryOne(-scale, 0);
                   });
      return best;
    }
    if (format.offset == Offset::Zero) {
      lo = std::min(lo, 0.0);
      hi = std::max(hi, 0.0);
    }
    const double range = hi - lo;
    if (format.offset == Offset::Min) {
      forEachScale(range / steps / 3, range / steps * 1.8, 250,
                   [&](double scale) {
                     for (int i = 0; i <= 300; ++i)
                       tryOne(scale, lo + range * (i - 100) / 300.0);
                   });
      return best;
    }
    int zeros = format.offsetKind ? 300 : int(steps);
    forEachScale(range / steps / 3, range, format.offsetKind ? 300 : 1500,
                 [&](double scale) {
                   for (int i = 0; i <= zeros; ++i)
                     tryOne(scale, format.getMinCode() + steps * i / zeros);
                 });
    return best;
  }

private:
  template <typename Fn>
  static void forEachScale(double first, double last, int count, Fn use) {
    for (int i = 0; i <= count; ++i)
      use(first * std::pow(last / first, double(i) / count));
  }

  void tryOne(double wantedScale, double wantedOffset) {
    double scale = reference::round(format.scale, float(wantedScale));
    double offset = wantedOffset;
    if (format.offsetKind)
      offset = reference::round(*format.offsetKind, float(offset));
    if (scale == 0)
      return;
    bool isMin = format.offset == Offset::Min;
    double sum = 0;
    for (float x : values) {
      double position = isMin ? (x - offset) / scale : x / scale + offset;
      double code = std::min<double>(
          std::max<double>(std::nearbyint(position), format.getMinCode()),
          format.getMaxCode());
      double error =
          (isMin ? scale * code + offset : scale * (code - offset)) - x;
      sum += error * error;
    }
    best = std::min(best, sum);
  }

  const Floats &values;
  const QuantFormat &format;
  double lo = std::numeric_limits<double>::infinity(), hi = -lo;
  double best = std::numeric_limits<double>::infinity();
};

} // namespace

TEST(Mse, WithinOnePercentOfBruteForce) {
  const auto none = std::optional<FloatKind>();
  std::vector<QuantFormat> formats;
  for (unsigned bits : {2u, 3u}) {
    for (FloatKind scale : {FloatKind::F32, FloatKind::F16, FloatKind::BF16})
      for (bool isSigned : {true, false})
        formats.push_back(
            makeFormat(bits, isSigned, Offset::None, none, scale));
    formats.push_back(makeFormat(bits));
    formats.back().narrow = true;
    formats.push_back(makeFormat(bits, true, Offset::Zero));
    formats.push_back(makeFormat(bits, false, Offset::Zero));
    formats.push_back(makeFormat(bits, false, Offset::Zero, FloatKind::F16));
    formats.push_back(makeFormat(bits, true, Offset::Zero, FloatKind::BF16));
    formats.push_back(makeFormat(bits, false, Offset::Min, FloatKind::F16));
    formats.push_back(
        makeFormat(bits, false, Offset::Min, FloatKind::F32, FloatKind::BF16));
  }
  unsigned seed = 25000;
  for (const QuantFormat &format : formats) {
    std::mt19937_64 random(++seed);
    std::normal_distribution<float> normal;
    for (int64_t size : {8, 32}) {
      constexpr int64_t numBlocks = 18;
      Sample sample;
      sample.format = format;
      sample.shape = {{numBlocks, size}, {1, size}};
      // Normal, with long tails, and uniform.
      for (int64_t i = 0; i < numBlocks * size; ++i) {
        float x = normal(random);
        if (i / size % 3 == 1)
          x *= std::abs(normal(random));
        else if (i / size % 3 == 2)
          x = float(random() % 2001) / 1000 - 1;
        if (!format.isSigned && !format.hasOffset())
          x = std::abs(x);
        sample.values.push_back(x);
      }
      SCOPED_TRACE("seed " + std::to_string(seed) + ": " + sample.describe());
      std::vector<double> errors = getErrors(sample, encodeMse(sample));
      double total = 0, bruteTotal = 0;
      for (int64_t b = 0; b < numBlocks; ++b) {
        Floats block(sample.values.begin() + b * size,
                     sample.values.begin() + (b + 1) * size);
        bruteTotal += BruteForce(block, format).run();
        total += errors[b];
      }
      EXPECT_LE(total, 1.01 * bruteTotal);
    }
  }
}

//===----------------------------------------------------------------------===//
// Large weights
//===----------------------------------------------------------------------===//

/// Blocks that are gathered and blocks that are streamed, in all orientations;
/// all threads and all instruction sets give one result.
TEST(Mse, LargeWeightsForAnyThreadsAndIsa) {
  struct Shape {
    QuantShape shape;
    unsigned bits;
    CodeKind codes = CodeKind::Integer;
  };
  const Shape shapes[] = {
      {{{300, 1000}, {1, 32}}, 4},
      {{{300, 1000}, {32, 1}}, 2},
      {{{300, 1001}, {300, 1001}}, 4}, // streamed, tiles of rows
      {{{300000}, {300000}}, 8},       // streamed, tiles of a row
      {{{70001, 4}, {70001, 1}}, 4},   // streamed, several columns at once
      {{{23000, 13}, {23000, 3}}, 3},  // the same, ragged
      {{{40, 7000}, {20, 3500}}, 3},   // streamed, many blocks
      {{{300, 1000}, {300, 1}}, 8},    // gathered columns
      {{{60, 150, 3, 3}, {1, 32, 3, 3}}, 4},
      {{{60, 150, 3, 3}, {60, 32, 1, 3}}, 4},
      {{{300, 1000}, {1, 32}}, 4, CodeKind::F4E2M1FN},
      {{{300, 1001}, {300, 1001}}, 4, CodeKind::F4E2M1FN},
      {{{300, 1000}, {300, 1}}, 8, CodeKind::F8E4M3FN},
      {{{300000}, {300000}}, 8, CodeKind::F8E5M2},
  };
  unsigned seed = 26000;
  for (const Shape &shape : shapes) {
    const bool isInteger = shape.codes == CodeKind::Integer;
    for (int variant = 0; variant < (isInteger ? 2 : 1); ++variant) {
      Generator generator(++seed);
      Sample sample;
      sample.shape = shape.shape;
      sample.format = generator.makeFormat();
      while ((sample.format.codes == CodeKind::Integer) != isInteger ||
             sample.format.hasOffset() != (variant == 1) ||
             (!sample.format.isSigned && !sample.format.hasOffset()))
        sample.format = generator.makeFormat();
      sample.format.codes = shape.codes;
      sample.format.bits = shape.bits;
      sample.format.scale = FloatKind::F32;
      sample.kind = generator.pickKind();
      int64_t count = computeSizes(sample.shape, sample.format)->numElements;
      std::normal_distribution<float> normal;
      for (int64_t i = 0; i < count; ++i)
        sample.values.push_back(
            reference::round(sample.kind, normal(generator.random)));
      SCOPED_TRACE("seed " + std::to_string(seed) + ": " + sample.describe());
      llvm::parallel::strategy = llvm::hardware_concurrency(5);
      Encoded expected = encodeMse(sample);
      std::vector<double> old = getErrors(sample, encodeRtn(sample)),
                          best = getErrors(sample, expected);
      for (size_t b = 0; b < old.size(); ++b)
        ASSERT_LE(best[b], old[b] * (1 + 1e-11)) << "block " << b;
      if (shape.bits < 8) {
        EXPECT_LT(getTotal(best), 0.95 * getTotal(old));
      }
      for (Isa isa : {Isa::Baseline, Isa::X86V3, Isa::X86V4})
        EXPECT_TRUE(encodeMse(sample, isa) == expected)
            << getIsaName(isa).str();
      llvm::parallel::strategy = llvm::hardware_concurrency(1);
      EXPECT_TRUE(encodeMse(sample) == expected) << "one thread";
    }
  }
}
