//===- MmaFragmentsCutlassTest.cpp - lane maps against CUTLASS ------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The same maps as MmaFragmentsTest.cpp, against numbers that somebody else
// wrote down: layouts of CUTLASS 4, whose kernels run on devices. The PTX ISA
// has metadata of mma.sp as pictures only, so this is what says which lane
// holds which positions. The names are those of headers in include/cute/atom:
// mma_traits_sm120_sparse.hpp has mma.sp.m16n8k64, and of wgmma in
// mma_traits_sm90_gmma_sparse.hpp a warp has A and metadata as of
// mma.sp.m16n8k32. TileLang's mma_sp_layout.py and MLIR's test
// SparseTensor/GPU/CUDA/sparse-mma-2-4-f16.mlir say the same.
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/MmaFragments.h"
#include "gtest/gtest.h"
#include <utility>

using namespace mlir::compress::algorithms;

namespace {
/// A digit, the fastest first, and what a step of it adds to the offset.
struct Digit {
  int64_t extent, stride;
};

/// "(T32,V) -> (M,K)": an offset, of a thread and the number of a value, in a
/// matrix whose rows (of B, columns n) are next to each other.
struct Layout {
  llvm::SmallVector<Digit> threads, values;

  static int64_t getOffset(llvm::ArrayRef<Digit> digits, int64_t number) {
    int64_t offset = 0;
    for (Digit digit : digits) {
      offset += number % digit.extent * digit.stride;
      number /= digit.extent;
    }
    return offset;
  }
  int64_t getOffset(int64_t thread, int64_t value) const {
    return getOffset(threads, thread) + getOffset(values, value);
  }
  int64_t getNumValues() const {
    int64_t size = 1;
    for (Digit digit : values)
      size *= digit.extent;
    return size;
  }
};

/// Of `step` values of the layout, which are as many columns, the fragment has
/// one: 2 where only two of four are stored. `height` is that of the layout's
/// matrix, of which the fragment may be the first rows.
void check(const MmaFragment &fragment, const Layout &layout, int64_t height,
           int64_t step = 1, bool isTransposed = false) {
  int64_t numElements = fragment.getNumElements();
  ASSERT_EQ(fragment.getNumRegisters() * numElements * step,
            layout.getNumValues());
  for (int64_t lane = 0; lane < kWarpLanes; ++lane)
    for (int64_t i = 0; i < fragment.getNumRegisters() * numElements; ++i) {
      MmaFragment::Place place =
          fragment.getPlace(lane, i / numElements, i % numElements);
      if (isTransposed)
        std::swap(place.row, place.column);
      int64_t offset = layout.getOffset(lane, i * step);
      EXPECT_EQ(place.row, offset % height) << "lane " << lane << ", " << i;
      EXPECT_EQ(place.column, offset / height / step)
          << "lane " << lane << ", " << i;
    }
}
} // namespace

/// SM80_16x8_Row.
static const Layout kRows{{{4, 32}, {8, 1}}, {{2, 16}, {2, 8}}};

TEST(MmaFragmentsCutlass, Dense16) {
  // SM80_16x8x16_F32F16F16F32_TN and ..BF16BF16..
  for (MmaKind kind : {MmaKind::F16, MmaKind::BF16}) {
    MmaShape shape = getMmaShape(kind);
    check(shape.a, {{{4, 32}, {8, 1}}, {{2, 16}, {2, 8}, {2, 128}}}, 16);
    check(shape.b, {{{4, 16}, {8, 1}}, {{2, 8}, {2, 64}}}, 8, 1, true);
    check(shape.d, kRows, 16);
  }
}

TEST(MmaFragmentsCutlass, Dense8) {
  // SM80_16x8x32_S32S8S8S32_TN, ..U8S8.., and SM89_16x8x32_F32E4M3E4M3F32_TN,
  // ..E5M2E4M3..
  for (MmaKind kind :
       {MmaKind::S8, MmaKind::U8, MmaKind::E4M3, MmaKind::E5M2}) {
    MmaShape shape = getMmaShape(kind);
    check(shape.a, {{{4, 64}, {8, 1}}, {{4, 16}, {2, 8}, {2, 256}}}, 16);
    check(shape.b, {{{4, 32}, {8, 1}}, {{4, 8}, {2, 128}}}, 8, 1, true);
    check(shape.d, kRows, 16);
  }
}

TEST(MmaFragmentsCutlass, Dense1) {
  // SM80_16x8x256_S32U1U1S32_TN_ANDPOPC.
  MmaShape shape = getMmaShape(MmaKind::B1);
  check(shape.a, {{{4, 512}, {8, 1}}, {{32, 16}, {2, 8}, {2, 2048}}}, 16);
  check(shape.b, {{{4, 256}, {8, 1}}, {{32, 8}, {2, 1024}}}, 8, 1, true);
  check(shape.d, kRows, 16);
}

TEST(MmaFragmentsCutlass, Sparse8) {
  // SM120_SPARSE_16x8x64_TN, of which the PTX ISA has one section for .u8, .s8,
  // .e4m3 and .e5m2.
  for (MmaKind kind :
       {MmaKind::S8, MmaKind::U8, MmaKind::E4M3, MmaKind::E5M2}) {
    SparseMmaShape shape = getSparseMmaShape(kind);
    EXPECT_EQ(shape.k, 64);
    EXPECT_EQ(shape.selectors, 1);
    check(shape.a, {{{4, 128}, {8, 1}}, {{8, 16}, {2, 8}, {2, 512}}}, 16, 2);
    check(shape.b, {{{4, 32}, {8, 1}}, {{4, 8}, {4, 128}}}, 8, 1, true);
    check(shape.metadata, {{{2, 8}, {2, 512}, {8, 1}}, {{32, 16}}}, 16, 2);
    check(shape.d, kRows, 16);
  }
}

TEST(MmaFragmentsCutlass, Sparse16) {
  for (MmaKind kind : {MmaKind::F16, MmaKind::BF16}) {
    SparseMmaShape shape = getSparseMmaShape(kind);
    EXPECT_EQ(shape.k, 32);
    EXPECT_EQ(shape.selectors, 2);
    // ALayout_64x32 and ELayout_64x32: warp 0 of four has the first 16 rows.
    check(shape.a, {{{4, 256}, {8, 1}}, {{4, 64}, {2, 8}, {2, 1024}}}, 64, 2);
    check(shape.metadata, {{{2, 1024}, {2, 0}, {8, 1}}, {{16, 64}, {2, 8}}}, 64,
          2);
    check(shape.d, kRows, 16);
  }
}

TEST(MmaFragmentsCutlass, Ldmatrix) {
  // SM75_U32x1_LDSM_N: from a thread and the bits of a register to bits of what
  // is loaded, of which the first eight threads have 128 each.
  MmaFragment matrix = getLdmatrixFragment();
  const Layout loaded{{{32, 32}}, {{32, 1}}}, addressed{{{8, 128}}, {{128, 1}}};
  for (int64_t lane = 0; lane < kWarpLanes; ++lane)
    for (int64_t element = 0; element < 2; ++element) {
      MmaFragment::Place place = matrix.getPlace(lane, 0, element);
      EXPECT_EQ(loaded.getOffset(lane, 16 * element),
                addressed.getOffset(place.row, 16 * place.column));
    }
}
