//===- CpuFeatures.cpp - what this processor can do -----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Not __builtin_cpu_supports: it does not know all of these names and differs
// between compilers.
//
//===----------------------------------------------------------------------===//

#include "compress/Store/CpuFeatures.h"
#include <algorithm>
#include <cstdint>

using namespace mlir::compress::store;

#if defined(__x86_64__)

namespace {
enum Register { EAX, EBX, ECX, EDX };

struct Feature {
  std::string_view name;
  uint32_t leaf, subleaf;
  Register reg;
  unsigned bit;
  /// Bits of XCR0: the registers that the system must save.
  uint64_t state;
};
} // namespace

static constexpr uint64_t kAvxState = 0x6;     // xmm, ymm
static constexpr uint64_t kAvx512State = 0xe6; // and k, zmm
static constexpr uint64_t kAmxState = 0x60000; // tile configuration and data
static constexpr uint32_t kExtended = 0x80000001;

/// Intel's and AMD's manuals, CPUID. Processes must also ask Linux for AMX
/// (arch_prctl) before they use it.
static constexpr Feature kFeatures[] = {
    // x86-64-v2
    {"cx16", 1, 0, ECX, 13, 0},
    {"sahf", kExtended, 0, ECX, 0, 0},
    {"sse3", 1, 0, ECX, 0, 0},
    {"ssse3", 1, 0, ECX, 9, 0},
    {"sse4.1", 1, 0, ECX, 19, 0},
    {"sse4.2", 1, 0, ECX, 20, 0},
    {"popcnt", 1, 0, ECX, 23, 0},
    {"sse4a", kExtended, 0, ECX, 6, 0},
    {"aes", 1, 0, ECX, 25, 0},
    {"pclmul", 1, 0, ECX, 1, 0},
    // x86-64-v3, and what AMD had beside it
    {"xsave", 1, 0, ECX, 26, kAvxState},
    {"avx", 1, 0, ECX, 28, kAvxState},
    {"xop", kExtended, 0, ECX, 11, kAvxState},
    {"fma4", kExtended, 0, ECX, 16, kAvxState},
    {"tbm", kExtended, 0, ECX, 21, 0},
    {"f16c", 1, 0, ECX, 29, kAvxState},
    {"avx2", 7, 0, EBX, 5, kAvxState},
    {"bmi", 7, 0, EBX, 3, 0},
    {"bmi2", 7, 0, EBX, 8, 0},
    {"fma", 1, 0, ECX, 12, kAvxState},
    {"lzcnt", kExtended, 0, ECX, 5, 0},
    {"movbe", 1, 0, ECX, 22, 0},
    {"sha", 7, 0, EBX, 29, 0},
    // x86-64-v4
    {"avx512f", 7, 0, EBX, 16, kAvx512State},
    {"avx512cd", 7, 0, EBX, 28, kAvx512State},
    {"avx512bw", 7, 0, EBX, 30, kAvx512State},
    {"avx512dq", 7, 0, EBX, 17, kAvx512State},
    {"avx512vl", 7, 0, EBX, 31, kAvx512State},
    // later
    {"avx512ifma", 7, 0, EBX, 21, kAvx512State},
    {"avx512vbmi", 7, 0, ECX, 1, kAvx512State},
    {"avx512vnni", 7, 0, ECX, 11, kAvx512State},
    {"avx512vbmi2", 7, 0, ECX, 6, kAvx512State},
    {"avx512bitalg", 7, 0, ECX, 12, kAvx512State},
    {"avx512vpopcntdq", 7, 0, ECX, 14, kAvx512State},
    {"gfni", 7, 0, ECX, 8, 0},
    {"vaes", 7, 0, ECX, 9, kAvxState},
    {"vpclmulqdq", 7, 0, ECX, 10, kAvxState},
    {"avx512bf16", 7, 1, EAX, 5, kAvx512State},
    {"avxvnni", 7, 1, EAX, 4, kAvxState},
    {"avx512fp16", 7, 0, EDX, 23, kAvx512State},
    {"amx-tile", 7, 0, EDX, 24, kAmxState},
    {"amx-int8", 7, 0, EDX, 25, kAmxState},
    {"amx-bf16", 7, 0, EDX, 22, kAmxState},
};

/// The features that each level adds.
static constexpr std::pair<std::string_view, std::string_view>
    kLevelFeatures[] = {{"x86-64-v2", "cx16"},     {"x86-64-v2", "sahf"},
                        {"x86-64-v2", "sse3"},     {"x86-64-v2", "ssse3"},
                        {"x86-64-v2", "sse4.1"},   {"x86-64-v2", "sse4.2"},
                        {"x86-64-v2", "popcnt"},   {"x86-64-v3", "xsave"},
                        {"x86-64-v3", "avx"},      {"x86-64-v3", "avx2"},
                        {"x86-64-v3", "bmi"},      {"x86-64-v3", "bmi2"},
                        {"x86-64-v3", "f16c"},     {"x86-64-v3", "fma"},
                        {"x86-64-v3", "lzcnt"},    {"x86-64-v3", "movbe"},
                        {"x86-64-v4", "avx512f"},  {"x86-64-v4", "avx512cd"},
                        {"x86-64-v4", "avx512bw"}, {"x86-64-v4", "avx512dq"},
                        {"x86-64-v4", "avx512vl"}};

static bool levelHasFeature(std::string_view level, std::string_view name) {
  // Names of levels are in the order of the alphabet.
  for (const auto &[owner, feature] : kLevelFeatures)
    if (feature == name)
      return owner <= level;
  return false;
}

static void readCpuid(uint32_t leaf, uint32_t subleaf, uint32_t (&regs)[4]) {
  asm volatile("cpuid"
               : "=a"(regs[EAX]), "=b"(regs[EBX]), "=c"(regs[ECX]),
                 "=d"(regs[EDX])
               : "a"(leaf), "c"(subleaf));
}

/// Which registers the system saves.
static uint64_t readSavedState() {
  uint32_t regs[4];
  readCpuid(1, 0, regs);
  // Without OSXSAVE there is no xgetbv, and nothing beyond SSE is saved.
  if (!((regs[ECX] >> 27) & 1))
    return 0;
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

static bool isSupported(const Feature &feature, uint64_t savedState) {
  uint32_t regs[4];
  // Leaves beyond the last one repeat the data of another leaf.
  readCpuid(feature.leaf & 0x80000000, 0, regs);
  if (regs[EAX] < feature.leaf)
    return false;
  if (feature.subleaf) {
    readCpuid(feature.leaf, 0, regs);
    if (regs[EAX] < feature.subleaf)
      return false;
  }
  readCpuid(feature.leaf, feature.subleaf, regs);
  return ((regs[feature.reg] >> feature.bit) & 1) &&
         (savedState & feature.state) == feature.state;
}

/// Names of the table's features, all or those that this processor has.
static std::vector<std::string_view> collectFeatures(bool supportedOnly) {
  uint64_t savedState = readSavedState();
  std::vector<std::string_view> names;
  for (const Feature &feature : kFeatures)
    if (!supportedOnly || isSupported(feature, savedState))
      names.push_back(feature.name);
  return names;
}

#else

static std::vector<std::string_view> collectFeatures(bool) { return {}; }

static bool levelHasFeature(std::string_view, std::string_view) {
  return false;
}

#endif

const std::vector<std::string_view> &
mlir::compress::store::listKnownCpuFeatures() {
  static const std::vector<std::string_view> names =
      collectFeatures(/*supportedOnly=*/false);
  return names;
}

bool mlir::compress::store::hasCpuFeature(std::string_view name) {
  static const std::vector<std::string_view> names =
      collectFeatures(/*supportedOnly=*/true);
  return std::find(names.begin(), names.end(), name) != names.end();
}

const std::vector<std::string_view> &mlir::compress::store::listCpuLevels() {
#if defined(__x86_64__)
  static const std::vector<std::string_view> levels = {
      "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"};
#else
  static const std::vector<std::string_view> levels;
#endif
  return levels;
}

std::vector<std::string> mlir::compress::store::findMissingCpuFeatures(
    const std::vector<std::string> &required, std::string_view level) {
  std::vector<std::string> missing;
  for (const std::string &name : required)
    if (!hasCpuFeature(name) ||
        (!level.empty() && !levelHasFeature(level, name)))
      missing.push_back(name);
  return missing;
}
