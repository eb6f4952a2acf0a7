//===- Mutations.cpp - Stored data that are damaged -----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Mutations.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace stored_data;

std::vector<float> Random::normals(int64_t count) {
  std::vector<float> values(count);
  for (float &value : values)
    value = normal();
  return values;
}

static int64_t getEnvironment(const char *name, int64_t otherwise) {
  const char *text = std::getenv(name);
  return text ? std::strtoll(text, nullptr, 10) : otherwise;
}

namespace {
/// Counts what becomes of damaged data.
class Tally {
public:
  bool read(const Sample &sample, const std::vector<Bytes> &parts) {
    ++count;
    const bool accepted = sample.read(parts);
    refused += !accepted;
    return accepted;
  }
  int64_t count = 0, refused = 0;
};
} // namespace

/// Every truncation, and every bit.
static void damageEverywhere(const Sample &sample, Tally &tally) {
  for (size_t part = 0; part < sample.parts.size(); ++part) {
    const Bytes &whole = sample.parts[part];
    for (size_t size = 0; size < whole.size(); ++size) {
      std::vector<Bytes> parts = sample.parts;
      parts[part] = Bytes(whole.begin(), whole.begin() + size);
      ASSERT_FALSE(tally.read(sample, parts))
          << "component " << part << " is cut to " << size << " of "
          << whole.size() << " bytes";
    }
    for (size_t bit = 0; bit < 8 * whole.size(); ++bit) {
      std::vector<Bytes> parts = sample.parts;
      parts[part][bit / 8] ^= 1u << bit % 8;
      tally.read(sample, parts);
    }
  }
}

/// Bits, bytes, what means something in JSON and in Python, and sizes.
static void damage(Bytes &part, Random &random) {
  static const char kMarks[] = "{}[]():,\"'0987654321-.eE \\\n";
  if (part.empty()) {
    part.resize(random.pick(0, 9));
    return;
  }
  const int64_t at = random.pick(0, part.size() - 1);
  const int64_t end = std::min<int64_t>(part.size(), at + random.pick(1, 16));
  switch (random.pick(0, 9)) {
  case 0:
    part.resize(at);
    break;
  case 1:
    part.erase(part.begin() + at, part.begin() + end);
    break;
  case 2: {
    const Bytes piece(part.begin() + at, part.begin() + end);
    part.insert(part.begin() + at, piece.begin(), piece.end());
    break;
  }
  case 3:
    part[at] = kMarks[random.pick(0, sizeof(kMarks) - 2)];
    break;
  case 4:
    part[at] = random.pick(0, 1) ? 0 : 255;
    break;
  case 5:
  case 6:
    part[at] = random.pick(0, 255);
    break;
  default:
    part[at] ^= 1u << random.pick(0, 7);
  }
}

static void damageAtRandom(const Sample &sample, Random &random, Tally &tally) {
  std::vector<Bytes> parts = sample.parts;
  for (int64_t times = random.pick(1, 4); times > 0; --times)
    damage(parts[random.pick(0, parts.size() - 1)], random);
  for (Bytes &part : parts)
    part.shrink_to_fit();
  tally.read(sample, parts);
}

void stored_data::testMutations(
    const std::function<Sample(Random &)> &makeSample) {
  const unsigned seed = getEnvironment("COMPRESS_TEST_SEED", 1);
  const int64_t wanted =
      std::max<int64_t>(100000, 20 * getEnvironment("COMPRESS_TEST_CASES", 0));
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  Tally tally;
  while (tally.count < wanted) {
    const Sample sample = makeSample(random);
    ASSERT_TRUE(sample.read(sample.parts));
    damageEverywhere(sample, tally);
    for (int i = 0; i < 500; ++i)
      damageAtRandom(sample, random, tally);
    if (::testing::Test::HasFailure())
      return;
  }
  std::printf("seed %u: %lld damaged, %lld refused\n", seed,
              (long long)tally.count, (long long)tally.refused);
  // Something else than refusals, and something else than values.
  EXPECT_GT(tally.refused, tally.count / 10);
  EXPECT_GT(tally.count, tally.refused);
}
