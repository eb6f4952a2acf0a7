//===- MmaFragmentsTest.cpp - lane maps against the PTX ISA ---------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The formulas are those of the PTX ISA, "Matrix Fragments for mma.m16n8k16
// with floating point type", "... for mma.m16n8k32", "... for mma.m16n8k256"
// and "ldmatrix", written down as they stand there: for a0, a1, .. by the
// number of the element in the fragment. Those of mma.sp are of "Matrix
// Fragments for sparse mma.m16n8k32 with .f16 and .bf16 types" and "...
// mma.m16n8k64 with .u8 / .s8 integer type"; what its figures say of metadata
// is written down for each lane.
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/MmaFragments.h"
#include "gtest/gtest.h"
#include <functional>
#include <set>

using namespace mlir::compress::algorithms;

namespace {
using Formula = std::function<MmaFragment::Place(
    int64_t groupID, int64_t threadInGroup, int64_t i)>;

/// Checks all elements, and that each place belongs to exactly one lane.
void check(const MmaFragment &fragment, int64_t rows, int64_t columns,
           int64_t numRegisters, int64_t numElements, const Formula &formula) {
  ASSERT_EQ(fragment.rows, rows);
  ASSERT_EQ(fragment.columns, columns);
  ASSERT_EQ(fragment.getNumRegisters(), numRegisters);
  ASSERT_EQ(fragment.getNumElements(), numElements);
  ASSERT_EQ(MmaFragment::getSize(fragment.lanes), kWarpLanes);
  std::set<std::pair<int64_t, int64_t>> places;
  for (int64_t lane = 0; lane < kWarpLanes; ++lane)
    for (int64_t i = 0; i < numRegisters * numElements; ++i) {
      MmaFragment::Place place =
          fragment.getPlace(lane, i / numElements, i % numElements);
      MmaFragment::Place expected = formula(lane >> 2, lane % 4, i);
      EXPECT_EQ(place.row, expected.row) << "lane " << lane << " element " << i;
      EXPECT_EQ(place.column, expected.column)
          << "lane " << lane << " element " << i;
      places.insert({place.row, place.column});
    }
  EXPECT_EQ(int64_t(places.size()), rows * columns);
}
} // namespace

TEST(MmaFragments, A16) {
  for (MmaKind kind : {MmaKind::F16, MmaKind::BF16})
    check(getMmaShape(kind).a, 16, 16, 4, 2,
          [](int64_t groupID, int64_t threadInGroup, int64_t i) {
            // row = groupID for ai where 0 <= i < 2 || 4 <= i < 6, else
            // groupID + 8; col = (threadInGroup * 2) + (i & 0x1) for ai where
            // i < 4, else that + 8.
            bool upper = (0 <= i && i < 2) || (4 <= i && i < 6);
            int64_t row = upper ? groupID : groupID + 8;
            int64_t col = threadInGroup * 2 + (i & 0x1) + (i < 4 ? 0 : 8);
            return MmaFragment::Place{row, col};
          });
}

TEST(MmaFragments, B16) {
  for (MmaKind kind : {MmaKind::F16, MmaKind::BF16})
    check(getMmaShape(kind).b, 16, 8, 2, 2,
          [](int64_t groupID, int64_t threadInGroup, int64_t i) {
            // row = (threadInGroup * 2) + (i & 0x1) for bi where i < 2, else
            // that + 8; col = groupID.
            int64_t row = threadInGroup * 2 + (i & 0x1) + (i < 2 ? 0 : 8);
            return MmaFragment::Place{row, groupID};
          });
}

TEST(MmaFragments, A8) {
  check(getMmaShape(MmaKind::S8).a, 16, 32, 4, 4,
        [](int64_t groupID, int64_t threadInGroup, int64_t i) {
          // row = groupID for ai where 0 <= i < 4 || 8 <= i < 12, else groupID
          // + 8; col = (threadInGroup * 4) + (i & 0x3) for ai where i < 8, else
          // that + 16.
          bool upper = (0 <= i && i < 4) || (8 <= i && i < 12);
          int64_t row = upper ? groupID : groupID + 8;
          int64_t col = threadInGroup * 4 + (i & 0x3) + (i < 8 ? 0 : 16);
          return MmaFragment::Place{row, col};
        });
}

TEST(MmaFragments, B8) {
  check(getMmaShape(MmaKind::S8).b, 32, 8, 2, 4,
        [](int64_t groupID, int64_t threadInGroup, int64_t i) {
          // row = (threadInGroup * 4) + (i & 0x3) for bi where i < 4, else that
          // + 16; col = groupID.
          int64_t row = threadInGroup * 4 + (i & 0x3) + (i < 4 ? 0 : 16);
          return MmaFragment::Place{row, groupID};
        });
}

TEST(MmaFragments, A1) {
  check(getMmaShape(MmaKind::B1).a, 16, 256, 4, 32,
        [](int64_t groupID, int64_t threadInGroup, int64_t i) {
          // row = groupID for ai where 0 <= i < 32 || 64 <= i < 96, else
          // groupID + 8; col = (threadInGroup * 32) + (i & 0x1F) for ai where i
          // < 64, else that + 128.
          bool upper = (0 <= i && i < 32) || (64 <= i && i < 96);
          int64_t row = upper ? groupID : groupID + 8;
          int64_t col = threadInGroup * 32 + (i & 0x1F) + (i < 64 ? 0 : 128);
          return MmaFragment::Place{row, col};
        });
}

TEST(MmaFragments, B1) {
  check(getMmaShape(MmaKind::B1).b, 256, 8, 2, 32,
        [](int64_t groupID, int64_t threadInGroup, int64_t i) {
          // row = (threadInGroup * 32) + (i & 0x1F) for bi where i < 32, else
          // that + 128; col = groupID.
          int64_t row = threadInGroup * 32 + (i & 0x1F) + (i < 32 ? 0 : 128);
          return MmaFragment::Place{row, groupID};
        });
}

TEST(MmaFragments, D) {
  for (MmaKind kind :
       {MmaKind::F16, MmaKind::BF16, MmaKind::S8, MmaKind::U8, MmaKind::B1})
    check(getMmaShape(kind).d, 16, 8, 4, 1,
          [](int64_t groupID, int64_t threadInGroup, int64_t i) {
            // row = groupID for ci where i < 2, else groupID + 8;
            // col = (threadInGroup * 2) + (i & 0x1).
            int64_t row = i < 2 ? groupID : groupID + 8;
            return MmaFragment::Place{row, threadInGroup * 2 + (i & 0x1)};
          });
}

/// Of A, the four neighbours that a stored element is one of the two of.
using Chunk = std::function<MmaFragment::Place(
    int64_t groupID, int64_t threadInGroup, int64_t i)>;

static void checkSparseA(const MmaFragment &a, int64_t columns,
                         int64_t numElements, const Chunk &chunk) {
  ASSERT_EQ(a.columns, columns);
  ASSERT_EQ(a.getNumRegisters(), 4);
  ASSERT_EQ(a.getNumElements(), numElements);
  for (int64_t lane = 0; lane < kWarpLanes; ++lane)
    for (int64_t i = 0; i < 4 * numElements; ++i) {
      MmaFragment::Place place =
          a.getPlace(lane, i / numElements, i % numElements);
      MmaFragment::Place expected = chunk(lane >> 2, lane % 4, i);
      EXPECT_EQ(place.row, expected.row) << "lane " << lane << " element " << i;
      EXPECT_EQ(place.column / 2 * 4, expected.column)
          << "lane " << lane << " element " << i;
      // The first of the two comes first.
      EXPECT_EQ(place.column % 2, i % 2);
    }
}

TEST(MmaFragments, SparseA) {
  for (MmaKind kind : {MmaKind::F16, MmaKind::BF16})
    checkSparseA(getSparseMmaShape(kind).a, 16, 2,
                 [](int64_t groupID, int64_t threadInGroup, int64_t i) {
                   // row as for m16n8k16; col = [firstcol ... firstcol + 3],
                   // firstcol = threadID_in_group * 4 for ai where i < 4, else
                   // that + 16.
                   bool upper = (0 <= i && i < 2) || (4 <= i && i < 6);
                   return MmaFragment::Place{upper ? groupID : groupID + 8,
                                             threadInGroup * 4 +
                                                 (i < 4 ? 0 : 16)};
                 });
  checkSparseA(getSparseMmaShape(MmaKind::S8).a, 32, 4,
               [](int64_t groupID, int64_t threadInGroup, int64_t i) {
                 // row = groupID for ai where 0 <= i < 4 || 8 <= i < 12; of the
                 // four elements of a register, out of 8 columns from
                 // threadID_in_group * 8 on (i < 8, else + 32), two are in each
                 // four.
                 bool upper = (0 <= i && i < 4) || (8 <= i && i < 12);
                 return MmaFragment::Place{
                     upper ? groupID : groupID + 8,
                     threadInGroup * 8 + (i < 8 ? 0 : 32) + i / 2 % 2 * 4};
               });
}

TEST(MmaFragments, SparseB) {
  for (MmaKind kind : {MmaKind::F16, MmaKind::BF16})
    check(getSparseMmaShape(kind).b, 32, 8, 4, 2,
          [](int64_t groupID, int64_t threadInGroup, int64_t i) {
            // row = (threadInGroup * 2) + (i & 0x1), + 8 for each two of bi.
            return MmaFragment::Place{threadInGroup * 2 + (i & 0x1) + i / 2 * 8,
                                      groupID};
          });
  check(getSparseMmaShape(MmaKind::S8).b, 64, 8, 4, 4,
        [](int64_t groupID, int64_t threadInGroup, int64_t i) {
          // row = (threadInGroup * 4) + (i & 0x3), + 16 for each four of bi.
          return MmaFragment::Place{threadInGroup * 4 + (i & 0x3) + i / 4 * 16,
                                    groupID};
        });
}

/// Of a lane of a group: the row of each half of its word, and the first of the
/// columns of A whose positions the half has, four bits for each four columns.
struct MetadataWord {
  int64_t lowRow, lowColumn, highRow, highColumn;
};

static void checkMetadata(const MmaFragment &metadata,
                          llvm::ArrayRef<MetadataWord> lanes) {
  ASSERT_EQ(MmaFragment::getSize(metadata.lanes), kWarpLanes);
  ASSERT_EQ(metadata.getNumRegisters(), 1);
  ASSERT_EQ(metadata.getElementBits(), 2);
  for (int64_t lane = 0; lane < kWarpLanes; ++lane)
    for (int64_t i = 0; i < 16; ++i) {
      const MetadataWord &word = lanes[lane % 4];
      MmaFragment::Place place = metadata.getPlace(lane, 0, i);
      EXPECT_EQ(place.row, lane / 4 + (i < 8 ? word.lowRow : word.highRow));
      // Values, of which there are two for each four columns.
      EXPECT_EQ(place.column,
                (i < 8 ? word.lowColumn : word.highColumn) / 2 + i % 8)
          << "lane " << lane << " position " << i;
    }
}

TEST(MmaFragments, Metadata) {
  // Selector 0 has T0 and T1 of each four, 1 has T2 and T3. Bits 0 to 15 of T0
  // are of row groupID and columns 0 to 15, 16 to 31 of row groupID + 8; T1 has
  // columns 16 to 31.
  for (MmaKind kind : {MmaKind::F16, MmaKind::BF16}) {
    SparseMmaShape shape = getSparseMmaShape(kind);
    EXPECT_EQ(shape.selectors, 2);
    checkMetadata(shape.metadata,
                  {{0, 0, 8, 0}, {0, 16, 8, 16}, {0, 0, 8, 0}, {0, 16, 8, 16}});
  }
  // T0 has columns 0 to 31 of row groupID, T1 of row groupID + 8, and T2 and T3
  // have columns 32 to 63.
  SparseMmaShape shape = getSparseMmaShape(MmaKind::S8);
  EXPECT_EQ(shape.selectors, 1);
  checkMetadata(shape.metadata,
                {{0, 0, 0, 16}, {8, 0, 8, 16}, {0, 32, 0, 48}, {8, 32, 8, 48}});
}

TEST(MmaFragments, Ldmatrix) {
  // Each row of 8 elements is held by a group of four lanes, two elements each.
  check(getLdmatrixFragment(), 8, 8, 1, 2,
        [](int64_t groupID, int64_t threadInGroup, int64_t i) {
          return MmaFragment::Place{groupID, threadInGroup * 2 + i};
        });
}

/// Kernels load B from rows of activations: matrix i of ldmatrix has, of rows
/// n, the elements k of register i.
TEST(MmaFragments, LdmatrixGivesB) {
  MmaFragment matrix = getLdmatrixFragment();
  for (MmaKind kind : {MmaKind::F16, MmaKind::S8, MmaKind::U8, MmaKind::B1}) {
    MmaFragment b = getMmaShape(kind).b;
    // Two elements of 8 bits are one of 16, and so are 16 bits.
    int64_t packed = b.getNumElements() / 2;
    for (int64_t lane = 0; lane < kWarpLanes; ++lane)
      for (int64_t reg = 0; reg < 2; ++reg)
        for (int64_t element = 0; element < b.getNumElements(); ++element) {
          MmaFragment::Place loaded =
              matrix.getPlace(lane, 0, element / packed);
          MmaFragment::Place wanted = b.getPlace(lane, reg, element);
          EXPECT_EQ(loaded.row, wanted.column);
          EXPECT_EQ(loaded.column * packed + element % packed +
                        reg * b.rows / 2,
                    wanted.row);
        }
  }
}
