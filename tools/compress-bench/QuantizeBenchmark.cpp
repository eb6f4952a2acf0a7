//===- QuantizeBenchmark.cpp - Speed of block quantization ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One thread. "hot" encodes the same matrix again and again; "cold" rotates
// over half a gigabyte of them, as when a model is encoded weight by weight.
// Reading and copying the same matrices in the same run is the yardstick. What
// takes much longer than that is measured cold only, and a few times.
//
//===----------------------------------------------------------------------===//

#include "Benchmark.h"
#include "Measure.h"
#include "compress/Algorithms/ErrorStats.h"
#include "compress/Algorithms/Quantize.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Host.h"

#include <algorithm>
#include <cstring>
#include <random>

using namespace mlir::compress::algorithms;
using namespace mlir::compress::bench;
namespace cl = llvm::cl;

namespace {

/// A preset, and the block of it for a matrix of this shape.
struct Case {
  const char *name;
  QuantFormat format;
  QuantShape shape;
  /// Whether the search for scales is measured, too, and decode.
  bool isSearched = false, isDecoded = false;
};

class QuantizeBenchmark : public Benchmark {
public:
  QuantizeBenchmark()
      : Benchmark("quantize", "block quantization, one thread") {}
  int run() override;

private:
  std::vector<Case> getCases(int64_t rows, int64_t cols) const;

  cl::opt<std::string> shape{"shape",
                             cl::desc("Rows and columns of the matrix"),
                             cl::value_desc("NxK"),
                             cl::init("4096x4096"),
                             cl::sub(command),
                             cl::cat(category)};
  cl::opt<unsigned> repeat{"repeat", cl::desc("Timed repetitions"), cl::init(9),
                           cl::sub(command), cl::cat(category)};
  cl::opt<Isa> isa{
      "isa",
      cl::desc("Instruction set of the inner loops"),
      cl::init(Isa::Auto),
      cl::values(
          clEnumValN(Isa::Auto, "auto", "the best one (default)"),
          clEnumValN(Isa::Baseline, "baseline", "the compiler's baseline"),
          clEnumValN(Isa::X86V3, "x86-64-v3", "AVX2"),
          clEnumValN(Isa::X86V4, "x86-64-v4", "AVX-512")),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<bool> json{"json", cl::desc("Print JSON"), cl::sub(command),
                     cl::cat(category)};
};

} // namespace

static bool parseShape(llvm::StringRef text, int64_t &rows, int64_t &cols) {
  auto [left, right] = text.split('x');
  int64_t size;
  return !left.getAsInteger(10, rows) && !right.getAsInteger(10, cols) &&
         rows > 0 && cols > 0 && !llvm::MulOverflow(rows, cols, size) &&
         size <= int64_t(1) << 30;
}

std::vector<Case> QuantizeBenchmark::getCases(int64_t rows,
                                              int64_t cols) const {
  QuantFormat int8, int4, uint4, int2;
  int8.narrow = true;
  int2.bits = 2;
  int2.scale = FloatKind::F16;
  int4.bits = uint4.bits = 4;
  int4.scale = uint4.scale = FloatKind::F16;
  uint4.isSigned = false;
  uint4.offset = QuantFormat::Offset::Min;
  uint4.offsetKind = FloatKind::F16;
  QuantFormat int8Zero;
  int8Zero.offset = QuantFormat::Offset::Zero;
  QuantFormat int6 = int4, ternary = int2;
  int6.bits = 6;
  ternary.narrow = true;
  QuantFormat fp8, mxfp8, mxfp4, nvfp4, binary;
  fp8.codes = mxfp8.codes = CodeKind::F8E4M3FN;
  mxfp8.scale = mxfp4.scale = FloatKind::F8E8M0FNU;
  mxfp4.codes = nvfp4.codes = CodeKind::F4E2M1FN;
  mxfp4.bits = nvfp4.bits = 4;
  nvfp4.scale = FloatKind::F8E4M3FN;
  binary.codes = CodeKind::Binary;
  binary.bits = 1;
  binary.scale = FloatKind::F16;
  auto cut = [&](int64_t blockRows, int64_t blockCols) {
    return QuantShape{{rows, cols}, {blockRows, blockCols}};
  };
  return {
      {"int8 per tensor", int8, cut(rows, cols)},
      {"int8-channel [1,K]", int8, cut(1, cols), true},
      {"int8-channel [N,1]", int8, cut(rows, 1)},
      {"int8 zero point [1,K]", int8Zero, cut(1, cols)},
      {"int4-b32 [1,32]", int4, cut(1, 32), true, true},
      {"int4-b128 [1,128]", int4, cut(1, 128)},
      {"int4-b32 [32,1]", int4, cut(32, 1), true},
      {"int4-b128 [128,1]", int4, cut(128, 1)},
      {"int4 [128,128]", int4, cut(128, 128)},
      {"int4 [1,27]", int4, cut(1, 27)},
      {"int4-b32-asym [1,32]", uint4, cut(1, 32), true},
      {"int4-b32-asym [32,1]", uint4, cut(32, 1)},
      {"int2-b32 [1,32]", int2, cut(1, 32), true},
      {"int6-b32 [1,32]", int6, cut(1, 32), true, true},
      {"ternary [1,K]", ternary, cut(1, cols), true, true},
      {"binary [1,K]", binary, cut(1, cols), false, true},
      {"fp8-e4m3-channel [1,K]", fp8, cut(1, cols), true, true},
      {"fp8-e4m3-channel [N,1]", fp8, cut(rows, 1)},
      {"mxfp8 [1,32]", mxfp8, cut(1, 32), true, true},
      {"mxfp4 [1,32]", mxfp4, cut(1, 32), true, true},
      {"nvfp4 [1,16]", nvfp4, cut(1, 16), true, true},
  };
}

int QuantizeBenchmark::run() {
  int64_t rows, cols;
  if (!parseShape(shape, rows, cols)) {
    llvm::errs()
        << "compress-bench: expected a shape like 4096x4096 of at most "
           "2^30 elements, but got '"
        << shape << "'\n";
    return kUsageError;
  }
  if (repeat == 0) {
    llvm::errs() << "compress-bench: expected at least one repetition\n";
    return kUsageError;
  }
  if (!isSupported(isa)) {
    llvm::errs() << "compress-bench: this processor has no " << getIsaName(isa)
                 << '\n';
    return kUsageError;
  }
  llvm::parallel::strategy = llvm::hardware_concurrency(1);

  // Different matrices, so that no branch learns one by heart; made of one
  // random pattern, since random numbers are slower than what is measured.
  constexpr int64_t coldBytes = int64_t(512) << 20;
  const int64_t bytes = rows * cols * 4;
  const size_t count = std::max<int64_t>(2, (coldBytes + bytes - 1) / bytes);
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  std::vector<float> pattern((1 << 20) + 7);
  for (float &x : pattern)
    x = normal(random);
  std::vector<std::vector<uint8_t>> matrices(count);
  size_t position = 0;
  for (auto &matrix : matrices) {
    matrix.resize(bytes);
    for (int64_t at = 0; at < bytes;) {
      int64_t n = std::min<int64_t>(bytes - at, (pattern.size() - position) *
                                                    sizeof(float));
      std::memcpy(matrix.data() + at, pattern.data() + position, n);
      at += n;
      position = (position + n / sizeof(float)) % pattern.size();
    }
  }

  Report report("quantize");
  report.addContext("shape", shape.getValue());
  report.addContext("repeat", int64_t(repeat));
  report.addContext("matrices when cold", int64_t(count));
  report.addContext("cpu", llvm::sys::getHostCPUName());
  report.addContext("isa", getIsaName(resolveIsa(isa)));
  report.addContext("bytes counted", "f32 input");
  size_t next = 0;
  auto measureBoth =
      [&](llvm::StringRef name,
          llvm::function_ref<void(llvm::ArrayRef<uint8_t>)> work) {
        report.add((name + ", hot").str(),
                   measure(repeat, bytes, [&] { work(matrices.front()); }));
        report.add((name + ", cold").str(), measure(repeat, bytes, [&] {
                     work(matrices[++next % count]);
                   }));
      };

  std::vector<uint8_t> copy(bytes);
  volatile uint64_t sink = 0;
  measureBoth("read", [&](llvm::ArrayRef<uint8_t> matrix) {
    uint64_t sums[4] = {};
    for (int64_t i = 0; i + 32 <= bytes; i += 32) {
      uint64_t words[4];
      std::memcpy(words, matrix.data() + i, 32);
      for (int lane = 0; lane < 4; ++lane)
        sums[lane] += words[lane];
    }
    sink = sink + sums[0] + sums[1] + sums[2] + sums[3];
  });
  measureBoth("memcpy", [&](llvm::ArrayRef<uint8_t> matrix) {
    std::memcpy(copy.data(), matrix.data(), bytes);
    sink = sink + copy[bytes / 2];
  });

  for (const Case &test : getCases(rows, cols)) {
    std::optional<QuantSizes> sizes = computeSizes(test.shape, test.format);
    std::vector<uint8_t> codes(sizes->codeBytes), scales(sizes->scaleBytes),
        offsets(sizes->offsetBytes);
    bool failed = false;
    std::string name = std::string("rtn ") + test.name;
    measureBoth(name, [&](llvm::ArrayRef<uint8_t> matrix) {
      failed |= quantizeRtn(matrix, FloatKind::F32, test.shape, test.format,
                            codes, scales, offsets, isa)
                    .has_value();
    });
    if (test.isDecoded) {
      measureBoth(
          std::string("decode ") + test.name, [&](llvm::ArrayRef<uint8_t>) {
            failed |= !dequantizeRange(
                test.shape, test.format, FloatKind::F32, codes, scales, offsets,
                0, {reinterpret_cast<float *>(copy.data()), size_t(bytes / 4)},
                isa);
          });
    }
    if (test.isSearched)
      report.add(std::string("mse ") + test.name + ", cold",
                 measure(std::min<unsigned>(repeat, 3), bytes, [&] {
                   failed |=
                       quantizeMse(matrices[++next % count], FloatKind::F32,
                                   test.shape, test.format, codes, scales,
                                   offsets, isa)
                           .has_value();
                 }));
    if (failed) {
      llvm::errs() << "compress-bench: " << test.name << " failed\n";
      return 1;
    }
  }
  measureBoth("error statistics", [&](llvm::ArrayRef<uint8_t> matrix) {
    ErrorStats stats =
        computeErrorStats(matrix, FloatKind::F32, copy, FloatKind::F32, isa);
    sink = sink + uint64_t(stats.count);
  });
  report.print(json);
  return 0;
}

std::unique_ptr<Benchmark> mlir::compress::bench::createQuantizeBenchmark() {
  return std::make_unique<QuantizeBenchmark>();
}
