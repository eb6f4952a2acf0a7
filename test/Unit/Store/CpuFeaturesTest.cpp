//===- CpuFeaturesTest.cpp - processor features ---------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Store/CpuFeatures.h"
#include <algorithm>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <sstream>

using namespace mlir::compress::store;

TEST(CpuFeatures, NamesAreUnique) {
  const auto &names = listKnownCpuFeatures();
  std::set<std::string_view> unique(names.begin(), names.end());
  EXPECT_EQ(unique.size(), names.size());
}

TEST(CpuFeatures, UnknownNames) {
  EXPECT_FALSE(hasCpuFeature(""));
  EXPECT_FALSE(hasCpuFeature("AVX2"));
  EXPECT_FALSE(hasCpuFeature("avx2 "));
  EXPECT_FALSE(hasCpuFeature("telepathy"));
}

TEST(CpuFeatures, Missing) {
  EXPECT_TRUE(findMissingCpuFeatures({}).empty());
  EXPECT_EQ(findMissingCpuFeatures({"telepathy", "telekinesis"}),
            (std::vector<std::string>{"telepathy", "telekinesis"}));
  for (std::string_view name : listKnownCpuFeatures())
    EXPECT_EQ(findMissingCpuFeatures({std::string(name)}).empty(),
              hasCpuFeature(name))
        << name;
}

#if defined(__x86_64__)

TEST(CpuFeatures, TakenForAnOlderOne) {
  ASSERT_EQ(listCpuLevels(),
            (std::vector<std::string_view>{"x86-64", "x86-64-v2", "x86-64-v3",
                                           "x86-64-v4"}));
  std::vector<std::string> all;
  for (std::string_view name : listKnownCpuFeatures())
    if (hasCpuFeature(name))
      all.emplace_back(name);
  // Each level lacks what no level has, and what only higher ones have.
  for (std::string_view level : listCpuLevels()) {
    auto lacks = [&](const char *name) {
      return !findMissingCpuFeatures({name}, level).empty();
    };
    EXPECT_TRUE(lacks("avx512vnni"));
    EXPECT_TRUE(lacks("telepathy"));
    EXPECT_EQ(lacks("sse4.2"), level < "x86-64-v2" || !hasCpuFeature("sse4.2"));
    EXPECT_EQ(lacks("fma"), level < "x86-64-v3" || !hasCpuFeature("fma"));
    EXPECT_EQ(lacks("avx512vl"),
              level < "x86-64-v4" || !hasCpuFeature("avx512vl"));
  }
  EXPECT_EQ(findMissingCpuFeatures(all, "x86-64"), all);
  EXPECT_TRUE(findMissingCpuFeatures(all).empty());
}

TEST(CpuFeatures, Levels) {
  const auto &names = listKnownCpuFeatures();
  for (const char *name :
       {"cx16",     "sahf",     "popcnt",   "sse3",    "ssse3",   "sse4.1",
        "sse4.2",   "avx",      "avx2",     "bmi",     "bmi2",    "f16c",
        "fma",      "lzcnt",    "movbe",    "xsave",   "avx512f", "avx512bw",
        "avx512cd", "avx512dq", "avx512vl", "amx-int8"})
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
}

// Compilers' own detection, for what they know.
TEST(CpuFeatures, AgreesWithTheCompiler) {
#define CHECK_FEATURE(NAME, BUILTIN)                                           \
  EXPECT_EQ(hasCpuFeature(NAME), __builtin_cpu_supports(BUILTIN) != 0) << NAME
#define CHECK_SAME(NAME) CHECK_FEATURE(NAME, NAME)
  CHECK_SAME("sse3");
  CHECK_SAME("ssse3");
  CHECK_SAME("sse4.1");
  CHECK_SAME("sse4.2");
  CHECK_SAME("sse4a");
  CHECK_SAME("popcnt");
  CHECK_SAME("aes");
  CHECK_FEATURE("pclmul", "pclmul");
  CHECK_SAME("avx");
  CHECK_SAME("avx2");
  CHECK_SAME("bmi");
  CHECK_SAME("bmi2");
  CHECK_SAME("fma");
  CHECK_SAME("fma4");
  CHECK_SAME("xop");
  CHECK_SAME("avx512f");
  CHECK_SAME("avx512bw");
  CHECK_SAME("avx512cd");
  CHECK_SAME("avx512dq");
  CHECK_SAME("avx512vl");
  CHECK_SAME("avx512ifma");
  CHECK_SAME("avx512vbmi");
  CHECK_SAME("avx512vbmi2");
  CHECK_SAME("avx512vnni");
  CHECK_SAME("avx512bitalg");
  CHECK_SAME("avx512vpopcntdq");
  CHECK_SAME("avx512bf16");
  CHECK_SAME("gfni");
  CHECK_SAME("vpclmulqdq");
#undef CHECK_SAME
#undef CHECK_FEATURE
}

// The kernel's detection, which covers all of them, under its own names.
TEST(CpuFeatures, AgreesWithTheKernel) {
  std::ifstream file("/proc/cpuinfo");
  std::set<std::string> flags;
  for (std::string line; flags.empty() && std::getline(file, line);)
    if (line.compare(0, 5, "flags") == 0) {
      std::istringstream words(line);
      for (std::string word; words >> word;)
        flags.insert(word);
    }
  if (flags.empty())
    GTEST_SKIP() << "no /proc/cpuinfo";
  const std::pair<const char *, const char *> renamed[] = {
      {"sse3", "pni"},
      {"pclmul", "pclmulqdq"},
      {"bmi", "bmi1"},
      {"lzcnt", "abm"},
      {"sahf", "lahf_lm"},
      {"sha", "sha_ni"},
      {"sse4.1", "sse4_1"},
      {"sse4.2", "sse4_2"},
      {"avxvnni", "avx_vnni"},
      {"avx512vbmi2", "avx512_vbmi2"},
      {"amx-tile", "amx_tile"},
      {"avx512vnni", "avx512_vnni"},
      {"amx-int8", "amx_int8"},
      {"avx512bitalg", "avx512_bitalg"},
      {"amx-bf16", "amx_bf16"},
      {"avx512vpopcntdq", "avx512_vpopcntdq"},
      {"avx512bf16", "avx512_bf16"},
      {"avx512fp16", "avx512_fp16"}};
  for (std::string_view name : listKnownCpuFeatures()) {
    std::string flag(name);
    for (const auto &[ours, kernels] : renamed)
      if (name == ours)
        flag = kernels;
    EXPECT_EQ(hasCpuFeature(name), flags.count(flag) != 0) << name;
  }
}

#else

TEST(CpuFeatures, NoneOnOtherProcessors) {
  EXPECT_TRUE(listKnownCpuFeatures().empty());
}

#endif
