//===- Target.cpp - what code is generated for, and how -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Compiler/Target.h"
#include "compress/Store/AtomicOutput.h"
#include "compress/Store/CpuFeatures.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/IPO/Internalize.h"
#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using namespace mlir::compress;

//===----------------------------------------------------------------------===//
// Target
//===----------------------------------------------------------------------===//

static const llvm::Target *lookupTarget(StringRef triple, std::string &error) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  llvm::InitializeNativeTargetAsmParser();
  return llvm::TargetRegistry::lookupTarget(llvm::Triple(triple), error);
}

FailureOr<Target> Target::parse(StringRef spec, Location loc) {
  auto [kind, cpu] = spec.split(':');
  if (kind != "cpu" || (spec.contains(':') && cpu.empty()))
    return emitError(loc) << "expected target cpu, cpu:native or cpu:NAME, but "
                             "got '"
                          << spec << "'";
  Target target;
  target.triple = llvm::sys::getProcessTriple();
  std::string error;
  const llvm::Target *found = lookupTarget(target.triple, error);
  if (!found)
    return emitError(loc) << "no code generator for this machine: " << error;
  if (cpu.empty() || cpu == "native") {
    target.cpu = llvm::sys::getHostCPUName().str();
    for (const auto &[name, enabled] : llvm::sys::getHostCPUFeatures())
      target.features += (target.features.empty() ? "" : ",") +
                         std::string(enabled ? "+" : "-") + name.str();
  } else {
    target.cpu = cpu.str();
  }
  llvm::Triple triple(target.triple);
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget(
      found->createMCSubtargetInfo(triple, "", ""));
  if (!subtarget->isCPUStringValid(target.cpu))
    return emitError(loc) << "unknown CPU '" << target.cpu << "' in target '"
                          << spec << "'";
  subtarget.reset(
      found->createMCSubtargetInfo(triple, target.cpu, target.features));
  for (std::string_view name : store::listKnownCpuFeatures())
    if (subtarget->checkFeatures("+" + std::string(name)))
      target.requiredFeatures.emplace_back(name);
  return target;
}

int64_t Target::getKernelRows() const {
  // 32 registers of 16 f32, or 16 of 8 or fewer.
  return llvm::is_contained(requiredFeatures, "avx512f") ? 16 : 4;
}

std::unique_ptr<llvm::TargetMachine> Target::createMachine() const {
  std::string error;
  const llvm::Target *found = lookupTarget(triple, error);
  llvm::TargetOptions options;
  return std::unique_ptr<llvm::TargetMachine>(found->createTargetMachine(
      llvm::Triple(triple), cpu, features, options, llvm::Reloc::PIC_,
      /*CM=*/std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

//===----------------------------------------------------------------------===//
// Code generation
//===----------------------------------------------------------------------===//

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::internalizeModule(module, [](const llvm::GlobalValue &value) {
    return value.getName().starts_with("compress_");
  });
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  // Kernels are unrolled by the passes that make them. Full unrolling of nested
  // loops of static size costs much time and gives little.
  llvm::PipelineTuningOptions tuning;
  tuning.LoopUnrolling = false;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
}

/// Calls the OpenMP runtime through a table of names and addresses that the
/// runtime library fills in: see lib/Runtime/OpenMP.h.
static void callOpenMPThroughTable(llvm::Module &module) {
  SmallVector<llvm::Function *> functions;
  for (llvm::Function &function : module)
    if (function.isDeclaration() && function.getName().starts_with("__kmpc_"))
      functions.push_back(&function);
  if (functions.empty())
    return;
  llvm::LLVMContext &context = module.getContext();
  auto *pointer = llvm::PointerType::get(context, 0);
  auto *entryType = llvm::StructType::get(context, {pointer, pointer});
  auto *null = llvm::ConstantPointerNull::get(pointer);
  SmallVector<llvm::Constant *> entries;
  for (llvm::Function *function : functions) {
    auto *text =
        llvm::ConstantDataArray::getString(context, function->getName());
    auto *name = new llvm::GlobalVariable(
        module, text->getType(), /*isConstant=*/true,
        llvm::GlobalValue::PrivateLinkage, text, "openmp_name");
    entries.push_back(llvm::ConstantStruct::get(entryType, {name, null}));
  }
  entries.push_back(llvm::ConstantStruct::get(entryType, {null, null}));
  auto *type = llvm::ArrayType::get(entryType, entries.size());
  auto *table = new llvm::GlobalVariable(
      module, type, /*isConstant=*/false, llvm::GlobalValue::ExternalLinkage,
      llvm::ConstantArray::get(type, entries), "compress_openmp_functions");
  for (auto [i, function] : llvm::enumerate(functions)) {
    for (llvm::User *user : llvm::make_early_inc_range(function->users())) {
      auto *call = cast<llvm::CallBase>(user);
      llvm::IRBuilder<> b(call);
      llvm::Value *slot = b.CreateConstInBoundsGEP2_32(
          entryType, b.CreateConstInBoundsGEP2_32(type, table, 0, i), 0, 1);
      call->setCalledOperand(b.CreateLoad(pointer, slot));
    }
    function->eraseFromParent();
  }
}

std::unique_ptr<llvm::Module> mlir::compress::translateAndOptimize(
    ModuleOp module, llvm::LLVMContext &context, llvm::TargetMachine &machine) {
  std::unique_ptr<llvm::Module> result =
      translateModuleToLLVMIR(module, context, "model");
  if (!result)
    return nullptr;
  result->setTargetTriple(machine.getTargetTriple());
  result->setDataLayout(machine.createDataLayout());
  for (llvm::Function &function : *result)
    if (!function.isDeclaration()) {
      function.addFnAttr("target-cpu", machine.getTargetCPU());
      function.addFnAttr("target-features", machine.getTargetFeatureString());
    }
  optimize(*result, machine);
  callOpenMPThroughTable(*result);
  return result;
}

FailureOr<SmallVector<char, 0>>
mlir::compress::emitCode(llvm::Module &module, llvm::TargetMachine &machine,
                         llvm::CodeGenFileType type, Location loc) {
  SmallVector<char, 0> code;
  llvm::raw_svector_ostream os(code);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, os, nullptr, type))
    return emitError(loc) << "the code generator cannot emit this file type";
  passes.run(module);
  return code;
}

//===----------------------------------------------------------------------===//
// Linking
//===----------------------------------------------------------------------===//

LogicalResult mlir::compress::linkSharedObject(StringRef object,
                                               StringRef output, Location loc) {
  llvm::ErrorOr<std::string> linker = llvm::sys::findProgramByName("ld.lld-22");
  if (!linker)
    linker = llvm::sys::findProgramByName("ld.lld", {COMPRESS_LLVM_TOOLS_DIR});
  if (!linker)
    return emitError(loc)
           << "expected the linker ld.lld-22 on PATH (Debian package lld-22)";
  SmallVector<std::string> args = {*linker,       "-shared", "--build-id=none",
                                   "--strip-all", "-z",      "defs",
                                   "-o",          "-",       object.str()};
  // Code calls memory and math functions of libc, and, for f16 on CPUs without
  // conversions, the compiler's support library.
  for (StringRef name : {"libc.so.6", "libm.so.6", "libgcc_s.so.1"})
    for (StringRef directory :
         {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64",
          "/usr/lib64", "/lib/aarch64-linux-gnu"}) {
      std::string path = (directory + "/" + name).str();
      if (llvm::sys::fs::exists(path)) {
        args.push_back("--as-needed");
        args.push_back(path);
        break;
      }
    }
  // All that the linker writes stays in memory: it would map its output, and
  // dies where the disk is full; and there is nothing to remove after a signal.
  int code = ::memfd_create("linked", 0), text = ::memfd_create("errors", 0);
  llvm::scope_exit close([&] {
    ::close(code);
    ::close(text);
  });
  if (code < 0 || text < 0)
    return emitError(loc) << "cannot create a file in memory: "
                          << std::strerror(errno);
  std::string codePath = "/proc/self/fd/" + std::to_string(code);
  std::string textPath = "/proc/self/fd/" + std::to_string(text);
  SmallVector<StringRef> argv(args.begin(), args.end());
  std::string message;
  int status = llvm::sys::ExecuteAndWait(
      *linker, argv, std::nullopt,
      {StringRef(), StringRef(codePath), StringRef(textPath)},
      /*SecondsToWait=*/0, /*MemoryLimit=*/0, &message);
  if (status != 0) {
    if (auto errors = llvm::MemoryBuffer::getFile(textPath))
      message += (*errors)->getBuffer();
    // The first line says what is wrong.
    return emitError(loc) << "linking failed: "
                          << StringRef(message).ltrim().split('\n').first;
  }
  auto linked = llvm::MemoryBuffer::getFile(codePath);
  if (!linked)
    return emitError(loc) << "cannot read the linked code: "
                          << linked.getError().message();
  store::Status written = store::writeFile(
      output.str(), (*linked)->getBufferStart(), (*linked)->getBufferSize());
  if (!written.ok())
    return emitError(loc) << written.message();
  return success();
}
