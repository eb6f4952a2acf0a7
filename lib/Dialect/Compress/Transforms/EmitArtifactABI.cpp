//===- EmitArtifactABI.cpp - compress-emit-artifact-abi -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "mlir/Analysis/CallGraph.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSEMITARTIFACTABI
#include "compress/Dialect/Compress/Transforms/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;

namespace {
struct EmitArtifactABIPass
    : compress::impl::CompressEmitArtifactABIBase<EmitArtifactABIPass> {
  void runOnOperation() override;

private:
  void collectReaders();
  void addTableArguments();
  void replaceReads();
  void lowerAsserts();
  LogicalResult emitEntry(func::FuncOp function);

  /// Weight globals and their place in the table.
  llvm::DenseMap<StringAttr, int64_t> table;
  /// Functions that read the table, or call one that does.
  llvm::SetVector<Operation *> readers;
};
} // namespace

/// On arguments that results are written to.
static constexpr llvm::StringLiteral kResultArgumentAttr = "bufferize.result";

/// The LLVM struct of a memref descriptor.
static Type getDescriptorType(MLIRContext *ctx, MemRefType type) {
  return LLVMTypeConverter(ctx).convertType(type);
}

static bool isWeight(memref::GlobalOp global) {
  return global.isExternal() && global.getConstant();
}

/// Pointer number `index` of an array of pointers.
static Value loadPointer(OpBuilder &b, Location loc, Value array,
                         int64_t index) {
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  Value slot = LLVM::GEPOp::create(b, loc, pointer, pointer, array,
                                   ArrayRef<LLVM::GEPArg>{int32_t(index)});
  return LLVM::LoadOp::create(b, loc, pointer, slot);
}

void EmitArtifactABIPass::collectReaders() {
  SmallVector<func::FuncOp> worklist;
  auto add = [&](Operation *op) {
    auto function = op->getParentOfType<func::FuncOp>();
    if (function && readers.insert(function))
      worklist.push_back(function);
  };
  getOperation().walk([&](memref::GetGlobalOp read) {
    if (table.contains(read.getNameAttr().getAttr()))
      add(read);
  });
  SymbolTableCollection symbols;
  SymbolUserMap users(symbols, getOperation());
  while (!worklist.empty())
    for (Operation *user : users.getUsers(worklist.pop_back_val()))
      if (isa<func::CallOp>(user))
        add(user);
}

void EmitArtifactABIPass::addTableArguments() {
  auto pointer = LLVM::LLVMPointerType::get(&getContext());
  for (Operation *op : readers)
    (void)cast<func::FuncOp>(op).insertArgument(0, pointer, {}, op->getLoc());
  getOperation().walk([&](func::CallOp call) {
    Operation *callee =
        SymbolTable::lookupNearestSymbolFrom(call, call.getCalleeAttr());
    if (!readers.contains(callee))
      return;
    Value array = call->getParentOfType<func::FuncOp>().getArgument(0);
    call.getOperandsMutable().assign([&] {
      SmallVector<Value> operands = {array};
      llvm::append_range(operands, call.getOperands());
      return operands;
    }());
  });
}

void EmitArtifactABIPass::replaceReads() {
  SmallVector<memref::GetGlobalOp> reads;
  getOperation().walk([&](memref::GetGlobalOp read) {
    if (table.contains(read.getNameAttr().getAttr()))
      reads.push_back(read);
  });
  for (memref::GetGlobalOp read : reads) {
    OpBuilder b(read);
    Location loc = read.getLoc();
    MemRefType type = read.getType();
    Value array = read->getParentOfType<func::FuncOp>().getArgument(0);
    Value data =
        loadPointer(b, loc, array, table[read.getNameAttr().getAttr()]);
    Type descriptorType = getDescriptorType(&getContext(), type);
    Value descriptor = LLVM::PoisonOp::create(b, loc, descriptorType);
    auto set = [&](Value value, ArrayRef<int64_t> position) {
      descriptor =
          LLVM::InsertValueOp::create(b, loc, descriptor, value, position);
    };
    auto constant = [&](int64_t value) -> Value {
      return LLVM::ConstantOp::create(b, loc, b.getI64IntegerAttr(value));
    };
    set(data, {0});
    set(data, {1});
    set(constant(0), {2});
    int64_t stride = 1;
    for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
      set(constant(type.getDimSize(dim)), {3, dim});
      set(constant(stride), {4, dim});
      stride *= type.getDimSize(dim);
    }
    Value memref = UnrealizedConversionCastOp::create(b, loc, type, descriptor)
                       .getResult(0);
    read.replaceAllUsesWith(memref);
    read.erase();
  }
}

void EmitArtifactABIPass::lowerAsserts() {
  SmallVector<cf::AssertOp> asserts;
  getOperation().walk([&](cf::AssertOp op) { asserts.push_back(op); });
  MLIRContext *ctx = &getContext();
  OpBuilder b(ctx);
  auto pointer = LLVM::LLVMPointerType::get(ctx);
  auto addGlobal = [&](Type type, bool isConstant, LLVM::Linkage linkage,
                       StringRef name, Attribute value) {
    b.setInsertionPointToStart(getOperation().getBody());
    return LLVM::GlobalOp::create(b, getOperation().getLoc(), type, isConstant,
                                  linkage, name, value);
  };
  auto handler =
      addGlobal(pointer, /*isConstant=*/false, LLVM::Linkage::External,
                "compress_assert_handler", LLVM::ZeroAttr::get(ctx));
  llvm::StringMap<LLVM::GlobalOp> messages;
  auto handlerType =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(ctx), pointer);
  for (cf::AssertOp op : asserts) {
    LLVM::GlobalOp &message = messages[op.getMsg()];
    if (!message) {
      std::string text = op.getMsg().str();
      text.push_back('\0');
      message =
          addGlobal(LLVM::LLVMArrayType::get(b.getI8Type(), text.size()),
                    /*isConstant=*/true, LLVM::Linkage::Private,
                    "compress_message" + std::to_string(messages.size() - 1),
                    b.getStringAttr(text));
    }
    Location loc = op.getLoc();
    b.setInsertionPoint(op);
    Value fails = arith::XOrIOp::create(
        b, loc, op.getArg(),
        arith::ConstantOp::create(b, loc, b.getBoolAttr(true)));
    scf::IfOp::create(b, loc, fails, [&](OpBuilder &b, Location loc) {
      Value slot = LLVM::AddressOfOp::create(b, loc, handler);
      Value function = LLVM::LoadOp::create(b, loc, pointer, slot);
      Value text = LLVM::AddressOfOp::create(b, loc, message);
      LLVM::CallOp::create(b, loc, handlerType, ValueRange{function, text});
      scf::YieldOp::create(b, loc);
    });
    op.erase();
  }
}

LogicalResult EmitArtifactABIPass::emitEntry(func::FuncOp function) {
  MLIRContext *ctx = &getContext();
  Location loc = function.getLoc();
  bool reads = readers.contains(function);
  auto check = [&](TypeRange types, StringRef what) -> LogicalResult {
    for (auto [i, type] : llvm::enumerate(types)) {
      auto memref = dyn_cast<MemRefType>(type);
      if (!memref || !memref.getLayout().isIdentity() ||
          !memref.getElementType().isIntOrFloat())
        return emitError(function.getLoc())
               << "expected " << what << " " << i << " of function '"
               << function.getName()
               << "' to be a contiguous memref of integers or floats, but got "
               << type;
    }
    return success();
  };
  TypeRange arguments =
      TypeRange(function.getArgumentTypes()).drop_front(reads);
  TypeRange results = function.getResultTypes();
  if (failed(check(arguments, "argument")) || failed(check(results, "result")))
    return failure();
  // Where results are written is behind what they are made of.
  int64_t numGiven = llvm::count_if(
      llvm::seq<unsigned>(function.getNumArguments()), [&](unsigned i) {
        return function.getArgAttr(i, kResultArgumentAttr) != nullptr;
      });
  int64_t numInputs = arguments.size() - numGiven;
  int64_t numOutputs = numGiven + results.size();

  OpBuilder b(ctx);
  b.setInsertionPointToEnd(getOperation().getBody());
  auto pointer = LLVM::LLVMPointerType::get(ctx);
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(ctx),
                                          {pointer, pointer});
  std::string name = "compress_entry_" + function.getName().str();
  auto entry = LLVM::LLVMFuncOp::create(b, loc, name, type);
  Block *body = entry.addEntryBlock(b);
  b.setInsertionPointToStart(body);
  Value weights = body->getArgument(0), descriptors = body->getArgument(1);

  SmallVector<Value> operands;
  if (reads)
    operands.push_back(weights);
  for (auto [i, argument] : llvm::enumerate(arguments)) {
    int64_t place = int64_t(i) - numInputs;
    Value slot =
        loadPointer(b, loc, descriptors, place < 0 ? numOutputs + i : place);
    Value descriptor = LLVM::LoadOp::create(
        b, loc, getDescriptorType(ctx, cast<MemRefType>(argument)), slot);
    operands.push_back(
        UnrealizedConversionCastOp::create(b, loc, argument, descriptor)
            .getResult(0));
  }
  auto call = func::CallOp::create(b, loc, function, operands);
  for (auto [i, result] : llvm::enumerate(call.getResults())) {
    Value descriptor =
        UnrealizedConversionCastOp::create(
            b, loc, getDescriptorType(ctx, cast<MemRefType>(result.getType())),
            result)
            .getResult(0);
    LLVM::StoreOp::create(b, loc, descriptor,
                          loadPointer(b, loc, descriptors, numGiven + i));
  }
  LLVM::ReturnOp::create(b, loc, ValueRange());
  return success();
}

void EmitArtifactABIPass::runOnOperation() {
  ModuleOp module = getOperation();
  table.clear();
  readers.clear();
  SmallVector<memref::GlobalOp> globals;
  for (auto global : module.getOps<memref::GlobalOp>())
    if (isWeight(global)) {
      table[global.getSymNameAttr()] = globals.size();
      globals.push_back(global);
    }
  SmallVector<func::FuncOp> entries;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isExternal()) {
      emitError(function.getLoc())
          << "expected function '" << function.getName() << "' to have a body";
      return signalPassFailure();
    }
    if (function.isPublic())
      entries.push_back(function);
  }
  lowerAsserts();
  collectReaders();
  addTableArguments();
  replaceReads();
  for (memref::GlobalOp global : globals)
    global.erase();
  for (func::FuncOp function : entries)
    if (failed(emitEntry(function)))
      return signalPassFailure();
  // The entries are all that is left to call from outside.
  for (func::FuncOp function : entries)
    function.setPrivate();
  OpBuilder b(&getContext());
  b.setInsertionPointToStart(module.getBody());
  LLVM::GlobalOp::create(b, module.getLoc(), b.getI32Type(),
                         /*isConstant=*/true, LLVM::Linkage::External,
                         "compress_model_abi_version", b.getI32IntegerAttr(2));
}
