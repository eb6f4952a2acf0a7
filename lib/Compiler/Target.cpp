//===- Target.cpp - what code is generated for, and how -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Compiler/Target.h"
#include "compress/Conversion/CompressToGPU/Mma.h"
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

/// The CPUs of cpu:multi, best first, with what they have beyond LLVM's CPU.
static constexpr struct {
  const char *name, *cpu, *features;
} kMultiCpus[] = {
    // Zen 4, Sapphire Rapids
    {"x86-64-v4-bf16", "x86-64-v4",
     "+avx512bf16,+avx512vnni,+avx512vbmi,+avx512vbmi2,+avx512ifma,"
     "+avx512bitalg,+avx512vpopcntdq,+gfni"},
    // Cascade Lake, Ice Lake
    {"x86-64-v4-vnni", "x86-64-v4", "+avx512vnni"},
    {"x86-64-v4", "x86-64-v4", ""},
    {"x86-64-v3", "x86-64-v3", ""},
    {"x86-64", "x86-64", ""},
};

/// Checks features, each with a sign, and adds them.
static LogicalResult addFeatures(TargetCpu &cpu, ArrayRef<StringRef> features,
                                 const llvm::MCSubtargetInfo &subtarget,
                                 StringRef spec, Location loc) {
  const auto &checked = store::listKnownCpuFeatures();
  for (StringRef feature : features) {
    StringRef name = feature.drop_front();
    if (!feature.starts_with("+") && !feature.starts_with("-"))
      return emitError(loc) << "expected +FEATURE or -FEATURE in target '"
                            << spec << "', but got '" << feature << "'";
    bool known = llvm::any_of(
        subtarget.getAllProcessorFeatures(),
        [&](const llvm::SubtargetFeatureKV &kv) { return name == kv.Key; });
    if (!known)
      return emitError(loc) << "unknown CPU feature '" << name
                            << "' in target '" << spec << "'";
    if (feature.starts_with("+") &&
        llvm::find(checked, std::string_view(name)) == checked.end())
      return emitError(loc)
             << "CPU feature '" << name << "' in target '" << spec
             << "' is none that is checked when an artifact is loaded";
    cpu.features += (cpu.features.empty() ? "" : ",") + feature.str();
    cpu.name += feature;
  }
  return success();
}

/// Reads what follows `cpu:`, or adds `features` to a CPU of LLVM's.
static FailureOr<TargetCpu> parseCpu(StringRef triple, StringRef name,
                                     ArrayRef<StringRef> features,
                                     StringRef spec, Location loc) {
  std::string error;
  const llvm::Target *found = lookupTarget(triple, error);
  if (!found)
    return emitError(loc) << "no code generator for this machine: " << error;
  TargetCpu cpu;
  cpu.triple = triple.str();
  if (name == "native") {
    cpu.cpu = llvm::sys::getHostCPUName().str();
    for (const auto &[feature, enabled] : llvm::sys::getHostCPUFeatures())
      cpu.features += (cpu.features.empty() ? "" : ",") +
                      std::string(enabled ? "+" : "-") + feature.str();
  } else {
    cpu.cpu = name.str();
  }
  cpu.name = cpu.cpu;
  llvm::Triple parsed(triple);
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget(
      found->createMCSubtargetInfo(parsed, "", ""));
  if (!subtarget->isCPUStringValid(cpu.cpu))
    return emitError(loc) << "unknown CPU '" << cpu.cpu << "' in target '"
                          << spec << "'";
  if (failed(addFeatures(cpu, features, *subtarget, spec, loc)))
    return failure();
  subtarget.reset(found->createMCSubtargetInfo(parsed, cpu.cpu, cpu.features));
  // The code generator ends the process where these are missing.
  if (parsed.getArch() == llvm::Triple::x86_64)
    for (StringRef feature : {"64bit", "sse2"})
      if (!subtarget->checkFeatures("+" + feature.str()))
        return emitError(loc)
               << "expected a CPU with " << feature
               << ", which all x86-64 code needs, in target '" << spec << "'";
  for (std::string_view feature : store::listKnownCpuFeatures())
    if (subtarget->checkFeatures("+" + std::string(feature)))
      cpu.requiredFeatures.emplace_back(feature);
  return cpu;
}

/// Reads what follows `nvptx:`. There is little for a CPU to do, so code is for
/// all of this architecture.
static FailureOr<Target> parseGpu(StringRef triple, StringRef chip,
                                  StringRef spec, Location loc) {
  auto emitTargetError = [&] {
    InFlightDiagnostic diag = emitError(loc);
    diag << "target '" << spec << "': ";
    return diag;
  };
  FailureOr<GpuChip> known = lookupChip(chip, emitTargetError);
  // The oldest instruction that kernels need.
  if (failed(known) || failed(checkMma(MmaKind::F16, *known, emitTargetError)))
    return failure();
  bool isX86 = llvm::Triple(triple).getArch() == llvm::Triple::x86_64;
  auto cpu = parseCpu(triple, isX86 ? "x86-64" : "generic", {}, spec, loc);
  if (failed(cpu))
    return failure();
  Target target;
  target.triple = triple.str();
  target.cpus.push_back(std::move(*cpu));
  target.gpu = chip.str();
  return target;
}

FailureOr<Target> Target::parse(StringRef spec, Location loc) {
  auto [kind, rest] = spec.split(':');
  if (kind == "nvptx" && !rest.empty())
    return parseGpu(llvm::sys::getProcessTriple(), rest, spec, loc);
  if (kind != "cpu" || (spec.contains(':') && rest.empty()))
    return emitError(loc) << "expected target cpu, cpu:native, cpu:multi, "
                             "cpu:NAME or nvptx:CHIP, but got '"
                          << spec << "'";
  Target target;
  target.triple = llvm::sys::getProcessTriple();
  SmallVector<StringRef> parts;
  rest.split(parts, ',');
  StringRef name = "native";
  ArrayRef<StringRef> features = parts;
  if (rest.empty() || (!rest.starts_with("+") && !rest.starts_with("-"))) {
    name = rest.empty() ? name : parts.front();
    features = features.drop_front();
  }
  if (name != "multi") {
    auto cpu = parseCpu(target.triple, name, features, spec, loc);
    if (failed(cpu))
      return failure();
    target.cpus.push_back(std::move(*cpu));
    return target;
  }
  if (!features.empty())
    return emitError(loc) << "expected no features after cpu:multi, but got '"
                          << spec << "'";
  if (llvm::Triple(target.triple).getArch() != llvm::Triple::x86_64)
    return emitError(loc) << "cpu:multi is for x86-64, but this machine is "
                          << target.triple;
  for (const auto &version : kMultiCpus) {
    SmallVector<StringRef> added;
    StringRef(version.features)
        .split(added, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
    auto cpu = parseCpu(target.triple, version.cpu, added, spec, loc);
    if (failed(cpu))
      return failure();
    cpu->name = version.name;
    target.cpus.push_back(std::move(*cpu));
  }
  return target;
}

std::vector<std::string> Target::getCommonFeatures() const {
  std::vector<std::string> common;
  for (const std::string &feature : cpus.front().requiredFeatures)
    if (llvm::all_of(cpus, [&](const TargetCpu &cpu) {
          return llvm::is_contained(cpu.requiredFeatures, feature);
        }))
      common.push_back(feature);
  return common;
}

std::unique_ptr<llvm::TargetMachine> TargetCpu::createMachine() const {
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

/// Calls functions whose names begin so through a table of names and addresses
/// that the runtime library fills in: see lib/Runtime/OpenMP.h, and
/// lib/Runtime/Gpu/EntryPoints.h.
static void callThroughTable(llvm::Module &module, StringRef prefix,
                             StringRef tableName) {
  SmallVector<llvm::Function *> functions;
  for (llvm::Function &function : module)
    if (function.isDeclaration() && function.getName().starts_with(prefix))
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
        llvm::GlobalValue::PrivateLinkage, text, "function_name");
    entries.push_back(llvm::ConstantStruct::get(entryType, {name, null}));
  }
  entries.push_back(llvm::ConstantStruct::get(entryType, {null, null}));
  auto *type = llvm::ArrayType::get(entryType, entries.size());
  auto *table = new llvm::GlobalVariable(
      module, type, /*isConstant=*/false, llvm::GlobalValue::ExternalLinkage,
      llvm::ConstantArray::get(type, entries), tableName);
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

/// Gives kernels to a function that the runtime library calls: the system would
/// call it before there is a table.
static void exportConstructors(llvm::Module &module, StringRef list,
                               StringRef name) {
  llvm::GlobalVariable *global = module.getNamedGlobal(list);
  if (!global)
    return;
  llvm::LLVMContext &context = module.getContext();
  auto *function = llvm::Function::Create(
      llvm::FunctionType::get(llvm::Type::getVoidTy(context), false),
      llvm::GlobalValue::ExternalLinkage, name, module);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "", function));
  for (llvm::Value *entry : global->getInitializer()->operands())
    b.CreateCall(cast<llvm::Function>(
        cast<llvm::Constant>(entry)->getAggregateElement(1)));
  b.CreateRetVoid();
  global->eraseFromParent();
}

std::unique_ptr<llvm::Module> mlir::compress::translateAndOptimize(
    ModuleOp module, llvm::LLVMContext &context, llvm::TargetMachine &machine,
    StringRef symbolSuffix) {
  std::unique_ptr<llvm::Module> result =
      translateModuleToLLVMIR(module, context, "model");
  if (!result)
    return nullptr;
  result->setTargetTriple(machine.getTargetTriple());
  result->setDataLayout(machine.createDataLayout());
  exportConstructors(*result, "llvm.global_ctors", "compress_gpu_load");
  exportConstructors(*result, "llvm.global_dtors", "compress_gpu_unload");
  for (llvm::Function &function : *result)
    if (!function.isDeclaration()) {
      function.addFnAttr("target-cpu", machine.getTargetCPU());
      function.addFnAttr("target-features", machine.getTargetFeatureString());
    }
  optimize(*result, machine);
  callThroughTable(*result, "__kmpc_", "compress_openmp_functions");
  callThroughTable(*result, "mgpu", "compress_gpu_functions");
  for (llvm::GlobalValue &value : result->global_values())
    if (!value.isDeclaration() && value.hasExternalLinkage())
      value.setName(value.getName() + symbolSuffix);
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

LogicalResult mlir::compress::linkSharedObject(ArrayRef<std::string> objects,
                                               StringRef output, Location loc) {
  llvm::ErrorOr<std::string> linker = llvm::sys::findProgramByName("ld.lld-22");
  if (!linker)
    linker = llvm::sys::findProgramByName("ld.lld", {COMPRESS_LLVM_TOOLS_DIR});
  if (!linker)
    return emitError(loc)
           << "expected the linker ld.lld-22 on PATH (Debian package lld-22)";
  SmallVector<std::string> args = {*linker,       "-shared", "--build-id=none",
                                   "--strip-all", "-z",      "defs",
                                   "-o",          "-"};
  llvm::append_range(args, objects);
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
