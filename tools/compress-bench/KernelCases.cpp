//===- KernelCases.cpp - What kernels are measured against ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelCases.h"

using namespace mlir::compress;
using namespace mlir::compress::bench;

llvm::ArrayRef<WeightShape> mlir::compress::bench::getWeightShapes() {
  static const WeightShape shapes[] = {
      {4096, 4096}, {11008, 4096}, {768, 3072}, {1000, 2048}};
  return shapes;
}

llvm::ArrayRef<int64_t> mlir::compress::bench::getAllRows() {
  static const int64_t rows[] = {1, 4, 16, 128, 512};
  return rows;
}

llvm::ArrayRef<ImageShape> mlir::compress::bench::getImageShapes() {
  static const ImageShape shapes[] = {{56, 64}, {28, 128}, {14, 256}};
  return shapes;
}

llvm::ArrayRef<KernelCase> mlir::compress::bench::getKernelCases() {
  constexpr ComputeRequest F32 = ComputeRequest::F32,
                           BF16 = ComputeRequest::BF16,
                           Int8 = ComputeRequest::Int8,
                           Auto = ComputeRequest::Auto;
  static const std::vector<KernelCase> cases = {
      {"int4-b32 int8",
       "int4-b32",
       Int8,
       {1},
       {{"ggml q4_K", 2.8, 1}, {"ggml q4_0", 3.3, 1}, {"read", 0, 0.95}}},
      {"int4-b32 int8", "int4-b32", Int8, {4}, {{"ggml q4_K", 2, 1}}},
      {"int4-b32 int8",
       "int4-b32",
       Int8,
       {16, 128, 512},
       {{"ggml q4_K", 2, 0}}},
      {"int4-b32 bf16", "int4-b32", BF16, {1}, {{"ggml q4_K", 1.2, 1}}},
      {"int4-b32 f32", "int4-b32", F32, {1}, {{"OpenBLAS", 1, 1}}},
      {"int4-b32 f32", "int4-b32", F32, {128}, {{"OpenBLAS", 1, 0}}},

      {"int8-channel int8",
       "int8-channel",
       Int8,
       {1},
       {{"ggml q8_0", 2, 1}, {"read", 0, 0.95}}},
      {"int8-channel int8",
       "int8-channel",
       Int8,
       {128, 512},
       {{"oneDNN s8", 1, 0}, {"ggml q8_0", 4, 0}}},

      {"dense f32", "none", F32, {1}, {{"OpenBLAS", 1, 1}, {"read", 0, 0.9}}},
      {"dense f32",
       "none",
       F32,
       {128, 512},
       {{"oneDNN f32", 1, 0}, {"OpenBLAS", 1, 0}}},
      {"dense bf16", "none", BF16, {128}, {{"oneDNN bf16", 1, 0}}},

      {"palette4 int8",
       "palette4",
       Int8,
       {1},
       {{"ggml iq4_nl", 2.7, 1}, {"read", 0, 0.9}}},
      {"nf4 int8",
       "nf4",
       Int8,
       {1},
       {{"ggml iq4_nl", 2.7, 1}, {"read", 0, 0.9}}},
      {"mxfp4 int8",
       "mxfp4",
       Int8,
       {1},
       {{"ggml mxfp4", 2.7, 1}, {"read", 0, 0.9}}},
      {"nf4 bf16", "nf4", BF16, {1}, {{"ggml iq4_nl", 1.2, 1}}},

      {"ternary int8",
       "ternary",
       Int8,
       {1},
       {{"ggml tq2_0", 3, 1}, {"read", 0, 0.85}}},
      {"ternary-base3 int8",
       "ternary-base3",
       Int8,
       {1},
       {{"ggml tq1_0", 4, 1}, {"read", 0, 0.85}}},
      {"int2-b32 int8",
       "int2-b32",
       Int8,
       {1},
       {{"ggml q2_K", 2.3, 1}, {"read", 0, 0.9}}},

      {"fp8-e4m3 bf16", "fp8-e4m3-channel", BF16, {1}, {{"read", 0, 0.95}}},
      {"fp8-e4m3 f32", "fp8-e4m3-channel", F32, {1}, {{"read", 0, 0.9}}},
      {"fp8-e5m2 bf16", "fp8-e5m2-channel", BF16, {1}, {{"read", 0, 0.95}}},
      {"fp8-e5m2 f32", "fp8-e5m2-channel", F32, {1}, {{"read", 0, 0.9}}},

      {"nm2:4 f32", "nm2:4", F32, {1}, {{"own none f32", 0, 1.8}}},
      {"nm2:4 f32", "nm2:4", F32, {128}, {{"own none f32", 1.45, 0}}},
      {"sparse-int4 int8",
       "sparse-int4",
       Int8,
       {1},
       {{"own int4-b32 int8", 1.2, 1.2}}},
      {"bitmask50 f32", "bitmask50", F32, {1}, {{"own none f32", 0, 1.5}}},
      {"bitmask75 f32", "bitmask75", F32, {1}, {{"own none f32", 0, 2}}},
      {"bitmask90 f32", "bitmask90", F32, {1}, {{"own none f32", 0, 3}}},

      {"binary xnor",
       "binary",
       Auto,
       {128, 512},
       {{"popcount", 0.95, 0}},
       0,
       /*isBinary=*/true},
      {"conv 3x3 xnor",
       "binary",
       Auto,
       {},
       {{"popcount", 0, 0}},
       3,
       /*isBinary=*/true},
      {"conv 3x3 int8", "int8-channel", Int8, {}, {{"oneDNN s8", 1, 0}}, 3},
      {"conv 1x1 int8", "int8-channel", Int8, {}, {{"oneDNN s8", 1, 0}}, 1},
      {"lowrank f32",
       "#compress.lowrank<RANK>",
       F32,
       {128},
       {{"own none f32", 3, 0}}},

      {"int4-b32 auto",
       "int4-b32",
       Auto,
       {1, 16, 128},
       {{"own best", 0.95, 0}}},
      {"int8-channel auto",
       "int8-channel",
       Auto,
       {1, 16, 128},
       {{"own best", 0.95, 0}}},
      {"nf4 auto", "nf4", Auto, {1, 128}, {{"own best", 0.95, 0}}},
      {"fp8-e4m3 auto",
       "fp8-e4m3-channel",
       Auto,
       {1, 128},
       {{"own best", 0.95, 0}}},
      {"dense auto", "none", Auto, {1, 128}, {{"own best", 0.95, 0}}},
  };
  return cases;
}
