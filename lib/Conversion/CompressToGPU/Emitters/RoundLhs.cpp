//===- RoundLhs.cpp - rows of lhs as bytes --------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RoundLhs.h"
#include "KernelBody.h"
#include "LhsSource.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::compress;
using algorithms::kWarpLanes;

static constexpr int64_t kPiece = RoundShape::kPiece;
/// Threads of a block, unless a row has more columns than these have registers
/// for: each keeps so many pieces.
static constexpr int64_t kThreads = 256, kMostThreads = 512, kMostPieces = 4;

bool mlir::compress::isLhsRounded(MmaKind kind) {
  return getMmaElementBits(kind) == 8;
}

RoundedLhs RoundedLhs::of(ContractOp op) {
  FragmentWeight weight = getFragmentWeight(op);
  FragmentFormat format = cast<FragmentDecoderInterface>(weight.codec.getBase())
                              .getFragmentFormat(weight, getMmaKind(op));
  int64_t columns = weight.logical.getDimSize(weight.getColumnDim());
  RoundedLhs rounded;
  rounded.blockColumns = format.tilesPerBlock
                             ? format.tilesPerBlock * weight.getTileColumns()
                             : llvm::alignTo(columns, weight.getTileColumns());
  rounded.numBlocks = llvm::divideCeilSigned(columns, rounded.blockColumns);
  rounded.parts = getScaleParts(format);
  auto lhs = cast<MemRefType>(op.getLhs().getType());
  SmallVector<int64_t> shape(lhs.getShape());
  OpBuilder b(op);
  if (op.getWindow()) {
    // Each image is a row.
    unsigned first = op.getNumBatch(), pixel = first + countImageDims(op);
    int64_t images =
        computeProduct(ArrayRef(shape).slice(first + 1, pixel - first - 1));
    rounded.blockColumns = computeProduct(ArrayRef(shape).drop_front(pixel));
    shape.truncate(first + 1);
    if (!ShapedType::isDynamic(shape.back()))
      shape.back() *= images;
    shape.push_back(0);
  }
  shape.back() = rounded.numBlocks * rounded.blockColumns;
  rounded.bytes = MemRefType::get(shape, b.getI8Type());
  int64_t &rows = shape[op.getNumBatch()];
  if (!ShapedType::isDynamic(rows))
    rows = llvm::divideCeilSigned(rows, kScaleRows);
  shape.back() = rounded.numBlocks * rounded.parts * kScaleRows;
  rounded.scales = MemRefType::get(shape, b.getF32Type());
  return rounded;
}

RoundShape RoundShape::of(const RoundedLhs &rounded) {
  RoundShape shape;
  int64_t all = llvm::divideCeilSigned(rounded.blockColumns, kPiece);
  shape.team = std::min(int64_t(llvm::PowerOf2Ceil(all)), kThreads);
  if (shape.team * kMostPieces < all)
    shape.team = kMostThreads;
  shape.pieces = llvm::divideCeilSigned(all, shape.team);
  shape.inRegisters = shape.pieces <= kMostPieces;
  int64_t threads = shape.team * kScaleRows * rounded.numBlocks;
  shape.threads = std::clamp(int64_t(llvm::PowerOf2Ceil(threads)), kWarpLanes,
                             std::max(shape.team, kThreads));
  shape.numBlocks = llvm::divideCeilSigned(threads, shape.threads);
  // What each warp has, of two numbers.
  shape.sharedBytes =
      shape.team > kWarpLanes ? 2 * 4 * shape.threads / kWarpLanes : 0;
  return shape;
}

namespace {
/// Emits the body of the kernel. A team of threads has a block of a row.
class RoundKernel : KernelBody {
public:
  RoundKernel(OpBuilder &builder, ContractOp op)
      : KernelBody(op.getLoc(), builder), op(op), weight(getFragmentWeight(op)),
        format(cast<FragmentDecoderInterface>(weight.codec.getBase())
                   .getFragmentFormat(weight, getMmaKind(op))),
        rounded(RoundedLhs::of(op)), shape(RoundShape::of(rounded)),
        isFloat(op.getCompute() == ComputeMode::F8) {}

  gpu::GPUFuncOp emit(StringRef name);

private:
  void emitBody(Block &body);
  void locate();
  /// Where a piece of a thread begins, and whether it has columns of the block.
  struct Piece {
    Value column, isInside;
  };
  Piece getPiece(Value number);
  SmallVector<Value> load(const Piece &piece);
  Value findLargest(ArrayRef<Value> values, Value largest);
  Value reduce(Value mine, NVVM::ReduxKind kind, int64_t number);
  Value combine(Value x, Value y, NVVM::ReduxKind kind);
  Value roundPair(Value x, Value y, Value factor);
  Value permute(Value x, Value y, int64_t selector);
  Value store(const Piece &piece, ArrayRef<Value> values, Value factor,
              Value sum);
  void storeApart(const Piece &piece, ArrayRef<Value> words);
  void storeScales(Value scale, Value sum);
  /// Calls `fill` for the pieces of the thread, which changes `state`.
  void forPieces(Value &state, function_ref<void(Value number)> fill);

  Value bits(int64_t value) {
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
  }
  Value number(float value) {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
  }

  ContractOp op;
  FragmentWeight weight;
  FragmentFormat format;
  RoundedLhs rounded;
  RoundShape shape;
  /// Whether bytes are f8E4M3FN, and not integers.
  bool isFloat;
  Value lhs, bytes, scales;
  int64_t columns = 0;
  SmallVector<Value> batch;
  /// The thread, its number in its team, and the row and block of that. The row
  /// that is read is the last one where there is none to write.
  Value thread, member, row, readRow, block, isWritten;
  /// 16 columns a piece, where they are kept.
  SmallVector<SmallVector<Value>> kept;
};
} // namespace

void RoundKernel::locate() {
  thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
  ArrayRef<int64_t> sizes =
      weight.getTiled().getShape().take_front(op.getNumBatch());
  Value rest = gpu::BlockIdOp::create(b, gpu::Dimension::z);
  for (int64_t size : llvm::reverse(sizes)) {
    batch.insert(batch.begin(), rem(rest, size));
    rest = div(rest, size);
  }
  // Neighbouring teams have neighbouring rows, whose scales lie side by side.
  int64_t teams = shape.threads / shape.team;
  member = rem(thread, shape.team);
  Value team = add(mul(gpu::BlockIdOp::create(b, gpu::Dimension::y), teams),
                   div(thread, shape.team));
  row = add(mul(gpu::BlockIdOp::create(b, gpu::Dimension::x), kScaleRows),
            rem(team, kScaleRows));
  block = div(team, kScaleRows);
  Value m = memref::DimOp::create(b, lhs, index(op.getNumBatch()));
  isWritten = isLess(row, m);
  readRow = arith::MinUIOp::create(b, row, add(m, index(-1)));
  if (kScaleRows * rounded.numBlocks % teams)
    isWritten = both(isWritten, isLess(block, index(rounded.numBlocks)));
}

RoundKernel::Piece RoundKernel::getPiece(Value number) {
  Piece piece;
  Value at = add(mul(number, shape.team), member);
  piece.column = add(mul(block, rounded.blockColumns),
                     arith::MulIOp::create(b, at, index(kPiece)));
  if (shape.pieces * shape.team * kPiece != rounded.blockColumns)
    piece.isInside = isLess(at, index(rounded.blockColumns / kPiece));
  return piece;
}

/// The elements of a piece in f32, 0 behind the end of the row.
SmallVector<Value> RoundKernel::load(const Piece &piece) {
  auto type = cast<MemRefType>(lhs.getType());
  Type element = type.getElementType();
  int64_t bytesOf = element.getIntOrFloatBitWidth() / 8;
  // Rows begin at multiples of what one access reads.
  int64_t count = 1;
  if (type.getLayout().isIdentity())
    count = llvm::MinAlign(columns, kLaneBytes / bytesOf);
  auto vector = VectorType::get(count, element);
  bool isWhole = columns % kPiece == 0;
  int64_t teams = shape.threads / shape.team;
  bool isExact = columns == rounded.numBlocks * rounded.blockColumns &&
                 kScaleRows * rounded.numBlocks % teams == 0;
  SmallVector<Value> values;
  Value isInside;
  for (int64_t first = 0; first < kPiece; first += count) {
    Value column = add(piece.column, index(first));
    if (first == 0 || !isWhole)
      isInside = both(piece.isInside,
                      isExact ? Value() : isLess(column, index(columns)));
    if (isInside)
      column = arith::SelectOp::create(b, isInside, column, index(0));
    SmallVector<Value> place(batch);
    place.append({readRow, column});
    Value loaded =
        vector::LoadOp::create(b, vector, lhs, place, /*nontemporal=*/false,
                               llvm::MaybeAlign(count * bytesOf));
    if (isInside)
      loaded = arith::SelectOp::create(
          b, isInside, loaded,
          arith::ConstantOp::create(b, b.getZeroAttr(vector)));
    for (int64_t i = 0; i < count; ++i) {
      Value value = vector::ExtractOp::create(b, loaded, i);
      if (!element.isF32())
        value = arith::ExtFOp::create(b, b.getF32Type(), value);
      values.push_back(value);
    }
  }
  return values;
}

/// Bits of magnitudes are in the order of these, and NaN is behind infinity.
Value RoundKernel::findLargest(ArrayRef<Value> values, Value largest) {
  for (Value value : values) {
    Value magnitude = arith::AndIOp::create(
        b, arith::BitcastOp::create(b, b.getI32Type(), value),
        bits(0x7fffffff));
    largest = arith::MaxUIOp::create(b, largest, magnitude);
  }
  return largest;
}

void RoundKernel::forPieces(Value &state, function_ref<void(Value)> fill) {
  if (shape.inRegisters) {
    for (int64_t i = 0; i < shape.pieces; ++i)
      fill(index(i));
    return;
  }
  auto loop =
      scf::ForOp::create(b, index(0), index(shape.pieces), index(1), state);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  state = loop.getRegionIterArg(0);
  fill(loop.getInductionVar());
  scf::YieldOp::create(b, state);
  state = loop.getResult(0);
}

Value RoundKernel::combine(Value x, Value y, NVVM::ReduxKind kind) {
  if (kind == NVVM::ReduxKind::ADD)
    return add(x, y);
  return arith::MaxUIOp::create(b, x, y);
}

/// What a team has, for all of it. `number` says which part of shared memory is
/// used. Integers, so that the order does not count.
Value RoundKernel::reduce(Value mine, NVVM::ReduxKind kind, int64_t number) {
  Value everyone = bits(-1);
  if (shape.team < kWarpLanes) {
    for (int64_t by = 1; by < shape.team; by *= 2) {
      Value other = NVVM::ShflOp::create(b, b.getI32Type(), everyone, mine,
                                         bits(by), bits(kWarpLanes - 1),
                                         NVVM::ShflKind::bfly, UnitAttr());
      mine = combine(mine, other, kind);
    }
    return mine;
  }
  mine = NVVM::ReduxOp::create(b, b.getI32Type(), mine, kind, everyone);
  int64_t warps = shape.threads / kWarpLanes, others = shape.team / kWarpLanes;
  if (others == 1)
    return mine;
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  auto getType = [&](int64_t size, Type element) {
    return MemRefType::get(size, element, MemRefLayoutAttrInterface(), space);
  };
  Value shared = memref::ViewOp::create(
      b, getType(warps, b.getI32Type()),
      memref::GetGlobalOp::create(b, getType(0, b.getI8Type()), kSharedMemory),
      index(number * warps * 4), ValueRange());
  Value warp = div(thread, kWarpLanes);
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                        rem(thread, kWarpLanes), index(0));
  when(isFirst, [&] { memref::StoreOp::create(b, mine, shared, warp); });
  gpu::BarrierOp::create(b);
  Value first = mul(div(warp, others), others);
  for (int64_t i = 0; i < others; ++i) {
    Value other = memref::LoadOp::create(b, shared, add(first, index(i)));
    mine = i ? combine(mine, other, kind) : other;
  }
  return mine;
}

/// The words of a piece in the order of getSparseWordColumn: every other word
/// of 32 columns, which have the words of two pieces in turns.
void RoundKernel::storeApart(const Piece &piece, ArrayRef<Value> words) {
  static_assert(getSparseWordColumn(1) == kPiece &&
                getSparseWordColumn(2) == 4 && getSparseWordColumn(8) == 32);
  Value first = add(mul(div(piece.column, 2 * kPiece), 2 * kPiece),
                    mul(rem(div(piece.column, kPiece), 2), 4));
  auto four = VectorType::get(4, b.getI8Type());
  for (auto [i, word] : llvm::enumerate(words)) {
    SmallVector<Value> place(batch);
    place.append({row, add(first, index(8 * i))});
    Value one = vector::BroadcastOp::create(
        b, VectorType::get(1, b.getI32Type()), word);
    vector::StoreOp::create(b, vector::BitCastOp::create(b, four, one), bytes,
                            place, /*nontemporal=*/false, llvm::MaybeAlign(4));
  }
}

/// Bytes of two words.
Value RoundKernel::permute(Value x, Value y, int64_t selector) {
  return NVVM::PermuteOp::create(b, b.getI32Type(), x, y, bits(selector),
                                 NVVM::PermuteMode::DEFAULT);
}

/// Two numbers times `factor`, as the two lower bytes of a word.
Value RoundKernel::roundPair(Value x, Value y, Value factor) {
  Value scaled[] = {arith::MulFOp::create(b, x, factor),
                    arith::MulFOp::create(b, y, factor)};
  if (isFloat)
    return arith::ExtUIOp::create(
        b, b.getI32Type(),
        NVVM::ConvertF32x2ToF8x2Op::create(
            b, b.getI16Type(), scaled[1], scaled[0], NVVM::FPRoundingMode::RN,
            NVVM::SaturationMode::SATFINITE, /*relu=*/false,
            Float8E4M3FNType::get(b.getContext())));
  // Numbers of up to 2^22 are rounded to integers, to nearest even, where 1.5 *
  // 2^23 is added: the lower bits are those of the integer.
  for (Value &value : scaled)
    value = arith::BitcastOp::create(
        b, b.getI32Type(),
        arith::AddFOp::create(b, value, number(12582912.0f)));
  return permute(scaled[0], scaled[1], /*selector=*/0x0040);
}

/// Rounds a piece times `factor`, and adds its elements to `sum`, if they are
/// wanted.
Value RoundKernel::store(const Piece &piece, ArrayRef<Value> values,
                         Value factor, Value sum) {
  SmallVector<Value> words;
  for (int64_t lane = 0; lane < kPiece / 4; ++lane) {
    auto getColumn = [&](int64_t byte) {
      return format.isSparse ? 4 * lane + byte : 2 * lane + getByteColumn(byte);
    };
    auto getPair = [&](int64_t byte) {
      return roundPair(values[getColumn(byte)], values[getColumn(byte + 1)],
                       factor);
    };
    Value lower = getPair(0);
    Value word = permute(lower, getPair(2), /*selector=*/0x5410);
    words.push_back(word);
    if (!format.hasOffset())
      continue;
    auto four = VectorType::get(4, b.getI8Type());
    auto toBytes = [&](Value value) -> Value {
      return vector::BitCastOp::create(
          b, four,
          vector::BroadcastOp::create(b, VectorType::get(1, b.getI32Type()),
                                      value));
    };
    sum = NVVM::DotAccumulate4WayOp::create(
        b, b.getI32Type(), toBytes(word), NVVM::DotAccumulateType::SIGNED,
        toBytes(bits(0x01010101)), NVVM::DotAccumulateType::SIGNED, sum);
  }
  when(both(isWritten, piece.isInside), [&] {
    if (format.isSparse)
      return storeApart(piece, words);
    Value all = vector::FromElementsOp::create(
        b, VectorType::get(4, b.getI32Type()), words);
    all = vector::BitCastOp::create(b, VectorType::get(kPiece, b.getI8Type()),
                                    all);
    SmallVector<Value> place(batch);
    place.append({row, piece.column});
    vector::StoreOp::create(b, all, bytes, place, /*nontemporal=*/false,
                            llvm::MaybeAlign(kPiece));
  });
  return sum;
}

void RoundKernel::storeScales(Value scale, Value sum) {
  Value isFirst =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, member, index(0));
  when(both(isWritten, isFirst), [&] {
    auto store = [&](Value value, int64_t part) {
      Value at =
          add(mul(block, rounded.parts * kScaleRows), index(part * kScaleRows));
      SmallVector<Value> place(batch);
      place.append({div(row, kScaleRows), add(at, rem(row, kScaleRows))});
      memref::StoreOp::create(b, value, scales, place);
    };
    // Products have bytes of the weight that are shifted.
    Value unshifted = arith::MulFOp::create(
        b, scale, number(std::ldexp(1.0f, -format.byteShift)));
    store(format.byteShift ? unshifted : scale, 0);
    if (format.hasOffset())
      store(arith::MulFOp::create(
                b, scale, arith::SIToFPOp::create(b, b.getF32Type(), sum)),
            1);
  });
}

void RoundKernel::emitBody(Block &body) {
  lhs = body.getArgument(0);
  columns = weight.logical.getDimSize(weight.getColumnDim());
  if (op.getWindow()) {
    columns = rounded.blockColumns;
    SmallVector<ReassociationIndices> groups;
    int64_t rank = cast<MemRefType>(lhs.getType()).getRank(),
            first = op.getNumBatch(), pixel = first + countImageDims(op);
    for (int64_t i = 0; i < first; ++i)
      groups.push_back({i});
    groups.push_back(llvm::to_vector<2>(llvm::seq(first, pixel)));
    groups.push_back(llvm::to_vector<2>(llvm::seq(pixel, rank)));
    lhs = memref::CollapseShapeOp::create(b, lhs, groups);
  }
  bytes = body.getArgument(1);
  scales = body.getArgument(2);
  locate();
  Value largest = bits(0);
  forPieces(largest, [&](Value number) {
    SmallVector<Value> values = load(getPiece(number));
    largest = findLargest(values, largest);
    if (shape.inRegisters)
      kept.push_back(values);
  });
  largest = reduce(largest, NVVM::ReduxKind::UMAX, 0);
  Value a = arith::BitcastOp::create(b, b.getF32Type(), largest);
  // What the largest one becomes.
  Value most = number(isFloat ? 448 : 127);
  // 2^-100, below which the quotient could be infinite.
  Value isSmall = isLess(largest, bits((127 - 100) << 23));
  Value factor = arith::SelectOp::create(b, isSmall, number(0),
                                         arith::DivFOp::create(b, most, a));
  Value isFinite = isLess(largest, bits(0x7f800000));
  Value scale =
      arith::SelectOp::create(b, isFinite, arith::DivFOp::create(b, a, most),
                              number(std::numeric_limits<float>::quiet_NaN()));
  Value sum = bits(0);
  int64_t next = 0;
  forPieces(sum, [&](Value number) {
    Piece piece = getPiece(number);
    sum = store(piece, shape.inRegisters ? kept[next++] : load(piece), factor,
                sum);
  });
  if (format.hasOffset())
    sum = reduce(sum, NVVM::ReduxKind::ADD, 1);
  storeScales(scale, sum);
}

gpu::GPUFuncOp RoundKernel::emit(StringRef name) {
  Type types[] = {op.getLhs().getType(), rounded.bytes, rounded.scales};
  return makeKernel(name, types, shape.threads, [&](gpu::GPUFuncOp kernel) {
    emitBody(kernel.getBody().front());
    gpu::ReturnOp::create(b);
  });
}

gpu::GPUFuncOp mlir::compress::emitRoundLhs(OpBuilder &b, ContractOp op,
                                            StringRef name) {
  return RoundKernel(b, op).emit(name);
}
