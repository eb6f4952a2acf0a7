//===- Mma.cpp - instructions of matrices, and who has them ---------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Conversion/CompressToGPU/Mma.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::compress;

static constexpr GpuChip kChips[] = {{"sm_75", 75, 63, 64 * 1024, 40, 1},
                                     {"sm_80", 80, 71, 163 * 1024, 108, 1},
                                     {"sm_86", 86, 71, 99 * 1024, 84, 1},
                                     {"sm_87", 87, 74, 163 * 1024, 16, 1},
                                     {"sm_89", 89, 78, 99 * 1024, 142, 1},
                                     {"sm_90", 90, 78, 227 * 1024, 132, 8},
                                     {"sm_90a", 90, 80, 227 * 1024, 132, 8},
                                     {"sm_100", 100, 86, 227 * 1024, 148, 8},
                                     {"sm_100a", 100, 86, 227 * 1024, 148, 8},
                                     {"sm_103", 103, 88, 227 * 1024, 148, 8},
                                     {"sm_103a", 103, 88, 227 * 1024, 148, 8},
                                     {"sm_120", 120, 87, 99 * 1024, 188, 1},
                                     {"sm_120a", 120, 87, 99 * 1024, 188, 1},
                                     {"sm_121", 121, 88, 99 * 1024, 48, 1},
                                     {"sm_121a", 121, 88, 99 * 1024, 48, 1}};

namespace {
/// What is said of an instruction, and of mma.sp.
struct MmaEntry {
  const char *name, *sparseName;
  /// The oldest chips that have it.
  unsigned capability;
  NVVM::MMATypes a, b;
  /// The first version of PTX that has it on all of these, times 10, if it is
  /// not older than they are.
  unsigned ptx = 0;
};
} // namespace

static MmaEntry getEntry(MmaKind kind) {
  switch (kind) {
  case MmaKind::F16:
    return {"mma.sync.m16n8k16 of f16", "mma.sp.m16n8k32 of f16", 80,
            NVVM::MMATypes::f16, NVVM::MMATypes::f16};
  case MmaKind::BF16:
    return {"mma.sync.m16n8k16 of bf16", "mma.sp.m16n8k32 of bf16", 80,
            NVVM::MMATypes::bf16, NVVM::MMATypes::bf16};
  case MmaKind::S8:
    return {"mma.sync.m16n8k32 of s8", "mma.sp.m16n8k64 of s8", 80,
            NVVM::MMATypes::s8, NVVM::MMATypes::s8};
  case MmaKind::U8:
    return {"mma.sync.m16n8k32 of u8", "mma.sp.m16n8k64 of u8", 80,
            NVVM::MMATypes::u8, NVVM::MMATypes::s8};
  case MmaKind::B1:
    return {"mma.sync.m16n8k256 of b1", nullptr, 80, NVVM::MMATypes::b1,
            NVVM::MMATypes::b1};
  case MmaKind::E4M3:
    return {"mma.sync.m16n8k32 of e4m3", "mma.sp.m16n8k64 of e4m3", 89,
            NVVM::MMATypes::e4m3,        NVVM::MMATypes::e4m3,      84};
  case MmaKind::E5M2:
    return {"mma.sync.m16n8k32 of e5m2", "mma.sp.m16n8k64 of e5m2", 89,
            NVVM::MMATypes::e5m2,        NVVM::MMATypes::e4m3,      84};
  }
  llvm_unreachable("unknown kind");
}

Type mlir::compress::getMmaElement(MLIRContext *context, MmaKind kind) {
  switch (kind) {
  case MmaKind::F16:
    return Float16Type::get(context);
  case MmaKind::BF16:
    return BFloat16Type::get(context);
  case MmaKind::S8:
  case MmaKind::U8:
  case MmaKind::B1:
  case MmaKind::E4M3:
  case MmaKind::E5M2:
    return IntegerType::get(context, 8);
  }
  llvm_unreachable("unknown kind");
}

Type mlir::compress::getMmaSum(MLIRContext *context, MmaKind kind) {
  if (kind == MmaKind::S8 || kind == MmaKind::U8 || kind == MmaKind::B1)
    return IntegerType::get(context, 32);
  return Float32Type::get(context);
}

static bool isFloat8(MmaKind kind) {
  return kind == MmaKind::E4M3 || kind == MmaKind::E5M2;
}

bool mlir::compress::isMmaConverted(MmaKind kind, const GpuChip &chip) {
  return isFloat8(kind) && chip.capability != 89 && chip.capability < 120;
}

static void listChips(InFlightDiagnostic &diag,
                      function_ref<bool(const GpuChip &)> has) {
  bool isFirst = true;
  for (const GpuChip &chip : kChips)
    if (has(chip)) {
      diag << (isFirst ? "" : ", ") << chip.name;
      isFirst = false;
    }
}

const GpuChip *mlir::compress::findChip(StringRef name) {
  const GpuChip *chip = llvm::find_if(
      kChips, [&](const GpuChip &chip) { return chip.name == name; });
  return chip == std::end(kChips) ? nullptr : chip;
}

FailureOr<GpuChip>
mlir::compress::lookupChip(StringRef name,
                           function_ref<InFlightDiagnostic()> emitError) {
  if (const GpuChip *chip = findChip(name))
    return *chip;
  InFlightDiagnostic diag = emitError();
  diag << "expected a chip out of ";
  listChips(diag, [](const GpuChip &) { return true; });
  return diag << ", but got '" << name << "'";
}

LogicalResult
mlir::compress::checkMma(MmaKind kind, const GpuChip &chip,
                         function_ref<InFlightDiagnostic()> emitError,
                         bool isSparse) {
  MmaEntry entry = getEntry(kind);
  if (chip.capability >= entry.capability)
    return success();
  InFlightDiagnostic diag = emitError();
  diag << "expected a chip that has "
       << (isSparse ? entry.sparseName : entry.name) << ", one of ";
  listChips(diag, [&](const GpuChip &other) {
    return other.capability >= entry.capability;
  });
  return diag << ", but got '" << chip.name << "'";
}

/// Registers as operands: only f16 has those of its own type.
static SmallVector<Value> getOperands(ImplicitLocOpBuilder &b, MmaKind kind,
                                      ValueRange registers) {
  SmallVector<Value> operands(registers);
  if (kind == MmaKind::F16)
    for (Value &operand : operands)
      operand = LLVM::BitcastOp::create(b, VectorType::get(2, b.getF16Type()),
                                        operand);
  return operands;
}

/// Emits an instruction that adds to the elements of `c`.
static Value
addTo(ImplicitLocOpBuilder &b, Value c,
      function_ref<Value(Type result, ValueRange sums,
                         std::optional<NVVM::MMAIntOverflow> overflow)>
          emit) {
  auto vector = cast<VectorType>(c.getType());
  SmallVector<Value> sums;
  for (int64_t i = 0; i < vector.getNumElements(); ++i)
    sums.push_back(vector::ExtractOp::create(b, c, i));
  std::optional<NVVM::MMAIntOverflow> overflow;
  if (vector.getElementType().isInteger())
    overflow = NVVM::MMAIntOverflow::wrapped;
  Type result = LLVM::LLVMStructType::getLiteral(
      b.getContext(),
      SmallVector<Type>(vector.getNumElements(), vector.getElementType()));
  Value d = emit(result, sums, overflow);
  for (int64_t i = 0; i < vector.getNumElements(); ++i)
    sums[i] = LLVM::ExtractValueOp::create(b, d, i);
  return vector::FromElementsOp::create(b, vector, sums);
}

/// A register with two of a number.
static Value splatPair(ImplicitLocOpBuilder &b, MmaKind kind, APFloat number) {
  auto pair = VectorType::get(2, getMmaElement(b.getContext(), kind));
  return arith::ConstantOp::create(b, DenseElementsAttr::get(pair, number));
}

/// What `emit` makes of registers as pairs.
static Value onPairs(ImplicitLocOpBuilder &b, MmaKind kind,
                     SmallVector<Value> registers,
                     function_ref<Value(ArrayRef<Value>)> emit) {
  auto pair = VectorType::get(2, getMmaElement(b.getContext(), kind));
  for (Value &value : registers)
    value = LLVM::BitcastOp::create(b, pair, value);
  return LLVM::BitcastOp::create(b, b.getI32Type(), emit(registers));
}

Value mlir::compress::emitPairProduct(ImplicitLocOpBuilder &b, MmaKind kind,
                                      Value x, Value y) {
  return onPairs(b, kind, {x, y}, [&](ArrayRef<Value> pairs) -> Value {
    if (kind == MmaKind::F16)
      return arith::MulFOp::create(b, pairs[0], pairs[1]);
    // bf16 has no product of its own before sm_90. A sum with -0 changes none.
    Value zero = splatPair(
        b, kind, APFloat::getZero(APFloat::BFloat(), /*Negative=*/true));
    return LLVM::FMAOp::create(b, pairs[0], pairs[1], zero);
  });
}

Value mlir::compress::emitPairSum(ImplicitLocOpBuilder &b, MmaKind kind,
                                  Value x, Value y) {
  return onPairs(b, kind, {x, y}, [&](ArrayRef<Value> pairs) -> Value {
    if (kind == MmaKind::F16)
      return arith::AddFOp::create(b, pairs[0], pairs[1]);
    Value one = splatPair(b, kind, APFloat(APFloat::BFloat(), 1));
    return LLVM::FMAOp::create(b, pairs[0], one, pairs[1]);
  });
}

Value mlir::compress::emitPairFMA(ImplicitLocOpBuilder &b, MmaKind kind,
                                  Value x, Value y, Value z) {
  return onPairs(b, kind, {x, y, z}, [&](ArrayRef<Value> pairs) -> Value {
    return LLVM::FMAOp::create(b, pairs[0], pairs[1], pairs[2]);
  });
}

static Value emitAsm(ImplicitLocOpBuilder &b, Twine text, Twine constraints,
                     ValueRange operands) {
  return LLVM::InlineAsmOp::create(
             b, b.getI32Type(), operands, text.str(), constraints.str(),
             /*has_side_effects=*/false, /*is_align_stack=*/false,
             LLVM::TailCallKind::None,
             LLVM::AsmDialectAttr::get(b.getContext(),
                                       LLVM::AsmDialect::AD_ATT),
             ArrayAttr())
      .getResult(0);
}

Value mlir::compress::emitPermute(ImplicitLocOpBuilder &b, Value low,
                                  Value high, ArrayRef<unsigned> bytes) {
  unsigned selector = 0;
  for (auto [i, byte] : llvm::enumerate(bytes))
    selector |= byte << (4 * i);
  return emitAsm(b,
                 llvm::formatv("prmt.b32 $0, $1, $2, {0:x};", selector).str(),
                 "=r,r,r", {low, high});
}

Value mlir::compress::emitPermute(ImplicitLocOpBuilder &b, Value low,
                                  Value high, Value selector) {
  return emitAsm(b, "prmt.b32 $0, $1, $2, $3;", "=r,r,r,r",
                 {low, high, selector});
}

Value mlir::compress::emitMma(ImplicitLocOpBuilder &b, MmaKind kind,
                              ValueRange a, ValueRange bRegisters, Value c) {
  MmaEntry entry = getEntry(kind);
  algorithms::MmaShape shape = algorithms::getMmaShape(kind);
  std::optional<NVVM::MMAB1Op> products;
  if (kind == MmaKind::B1)
    // From sm_90 on, others are converted to it.
    products = NVVM::MMAB1Op::and_popc;
  return addTo(b, c, [&](Type result, ValueRange sums, auto overflow) -> Value {
    if (products)
      overflow = std::nullopt;
    if (isFloat8(kind)) {
      // The op has no floats of 8 bits.
      SmallVector<Value> operands(a);
      llvm::append_range(operands, bRegisters);
      llvm::append_range(operands, sums);
      std::string name = ("llvm.nvvm.mma.m16n8k32.row.col.f32." +
                          NVVM::stringifyMMATypes(entry.a) + "." +
                          NVVM::stringifyMMATypes(entry.b) + ".f32")
                             .str();
      return LLVM::CallIntrinsicOp::create(b, result, b.getStringAttr(name),
                                           operands)
          .getResult(0);
    }
    return NVVM::MmaOp::create(
        b, result, getOperands(b, kind, a), getOperands(b, kind, bRegisters),
        sums, ArrayRef<int64_t>{shape.m, shape.n, shape.k}, products, overflow,
        std::array<NVVM::MMATypes, 2>{entry.a, entry.b},
        std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                       NVVM::MMALayout::col});
  });
}

Value mlir::compress::emitSparseMma(ImplicitLocOpBuilder &b, MmaKind kind,
                                    ValueRange a, ValueRange bRegisters,
                                    Value c, Value metadata, int64_t selector) {
  MmaEntry entry = getEntry(kind);
  algorithms::SparseMmaShape shape = algorithms::getSparseMmaShape(kind);
  Value number = LLVM::ConstantOp::create(b, b.getI32Type(),
                                          b.getI32IntegerAttr(selector));
  return addTo(b, c, [&](Type result, ValueRange sums, auto overflow) -> Value {
    auto op = NVVM::MmaSpOp::create(
        b, result, getOperands(b, kind, a), getOperands(b, kind, bRegisters),
        sums, metadata, number, ArrayRef<int64_t>{shape.m, shape.n, shape.k},
        overflow, std::array<NVVM::MMATypes, 2>{entry.a, entry.b});
    op.setOrderedMetadata(true);
    return op;
  });
}

unsigned mlir::compress::getMmaPtx(MmaKind kind, bool isSparse,
                                   const GpuChip &chip) {
  // That of ordered metadata; in any order it is slow on some chips.
  unsigned least = isSparse ? 85 : getEntry(kind).ptx;
  return std::max(chip.ptx, least);
}

void mlir::compress::emitCommit(ImplicitLocOpBuilder &b) {
  NVVM::CpAsyncCommitGroupOp::create(b);
}

void mlir::compress::emitWait(ImplicitLocOpBuilder &b, int64_t groups) {
  NVVM::CpAsyncWaitGroupOp::create(b, groups);
}
