//===- Verify.cpp - compressc verify --------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tool.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace compressc;
using namespace mlir;
namespace cl = llvm::cl;

static cl::SubCommand verifyCommand(
    "verify", "recompute the certificates of an artifact from its original");
static cl::OptionCategory category("Options of verify");
static cl::opt<std::string> artifact(cl::Positional, cl::Required,
                                     cl::desc("ARTIFACT"),
                                     cl::sub(verifyCommand), cl::cat(category));
static cl::opt<std::string>
    originalPath("original", cl::Required, cl::value_desc("file"),
                 cl::desc("The module that the artifact was compiled from"),
                 cl::sub(verifyCommand), cl::cat(category));
static cl::list<std::string>
    weights("weights", cl::value_desc("file"),
            cl::desc("Its safetensors files or *.index.json"),
            cl::sub(verifyCommand), cl::cat(category));
static cl::opt<bool> json("json", cl::desc("Print the result as JSON"),
                          cl::sub(verifyCommand), cl::cat(category));
static cl::opt<unsigned> jobs("j", cl::init(0), cl::value_desc("n"),
                              cl::desc("Threads (default: all)"),
                              cl::sub(verifyCommand), cl::cat(category));

static int run() {
  Session session(jobs);
  OwningOpRef<ModuleOp> original =
      session.load(originalPath, {weights.begin(), weights.end()});
  if (!original)
    return session.fail();
  progress("verifying " + artifact);
  FailureOr<mlir::compress::VerifyReport> report =
      mlir::compress::verifyArtifact(artifact, *original);
  if (failed(report))
    return session.fail();
  if (json) {
    llvm::outs() << llvm::formatv(
        "{0:2}\n",
        llvm::json::Value(llvm::json::Object{
            {"compressed_weights", report->compressedWeights},
            {"dense_weights", report->denseWeights},
            {"worst_relative_frobenius_error", report->worstRelativeError}}));
    return 0;
  }
  llvm::outs() << "verified: " << report->compressedWeights
               << " compressed weights, " << report->denseWeights
               << " dense weights, worst relative error "
               << llvm::format("%.3e", report->worstRelativeError) << "\n";
  return 0;
}

Command compressc::getVerifyCommand() { return {verifyCommand, run}; }
