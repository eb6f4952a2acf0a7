//===- OneDnn.cpp - oneDNN as a peer --------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loaded at run time, without its headers. Declarations and numbers are from
// the public C headers of version 2.
//
//===----------------------------------------------------------------------===//

#include "Library.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"

#include <cstdlib>
#include <cstring>

using namespace mlir::compress::bench;

namespace {

/// Types of x and w, and of y.
struct Types {
  const char *name;
  int in, out;
};
constexpr int kBF16 = 2, kF32 = 3, kS32 = 4, kS8 = 5;
constexpr Types kTypes[] = {
    {"f32", kF32, kF32}, {"bf16", kBF16, kF32}, {"s8", kS8, kS32}};

/// dnnl_memory_desc_t and the descriptors of operations are plain data of less.
struct alignas(16) Descriptor {
  char bytes[8192];
};

class OneDnn : public Peer {
public:
  using Peer::Peer;
  bool load(const Types &types, Directories directories, std::string &missing);
  void run(size_t copy) override {
    Argument arguments[] = {
        {1, x}, {33, weights[copy % weights.size()]}, {17, y}};
    if (execute(primitive, stream, 3, arguments) != 0 || wait(stream) != 0)
      std::abort();
  }

private:
  using Memory = void *;
  /// dnnl_exec_arg_t: source, weights and destination are 1, 33 and 17.
  struct Argument {
    int number;
    Memory memory;
  };
  bool describe(const Library &library, const Types &types,
                Descriptor &operation);

  int (*execute)(void *, void *, int, const Argument *) = nullptr;
  int (*wait)(void *) = nullptr;
  void *primitive = nullptr, *stream = nullptr;
  Descriptor xDesc, yDesc;
  Memory x = nullptr, y = nullptr;
  std::vector<Memory> weights;
};

} // namespace

/// Fills in the descriptors; that of the weight leaves its layout open.
bool OneDnn::describe(const Library &library, const Types &types,
                      Descriptor &operation) {
  constexpr int anyLayout = 1, rowMajor = 3, channelsLast = 20;
  constexpr int forwardInference = 96, automatic = 3;
  int (*initMemory)(Descriptor *, int, const int64_t *, int, int);
  int (*initMatmul)(Descriptor *, const Descriptor *, const Descriptor *,
                    const Descriptor *, const Descriptor *);
  int (*initConvolution)(Descriptor *, int, int, const Descriptor *,
                         const Descriptor *, const Descriptor *,
                         const Descriptor *, const int64_t *, const int64_t *,
                         const int64_t *);
  if (!library.get("dnnl_memory_desc_init_by_tag", initMemory) ||
      !library.get("dnnl_matmul_desc_init", initMatmul) ||
      !library.get("dnnl_convolution_forward_desc_init", initConvolution))
    return false;
  const Problem &p = problem;
  Descriptor wDesc;
  if (!p.isConvolution()) {
    const int64_t xShape[] = {p.m, p.k}, wShape[] = {p.k, p.n},
                  yShape[] = {p.m, p.n};
    return !initMemory(&xDesc, 2, xShape, types.in, rowMajor) &&
           !initMemory(&wDesc, 2, wShape, types.in, anyLayout) &&
           !initMemory(&yDesc, 2, yShape, types.out, rowMajor) &&
           !initMatmul(&operation, &xDesc, &wDesc, nullptr, &yDesc);
  }
  const int64_t in = p.getInputSide();
  const int64_t xShape[] = {1, p.channels, in, in},
                wShape[] = {p.n, p.channels, p.taps, p.taps},
                yShape[] = {1, p.n, p.side, p.side}, ones[] = {1, 1},
                zeros[] = {0, 0};
  return !initMemory(&xDesc, 4, xShape, types.in, channelsLast) &&
         !initMemory(&wDesc, 4, wShape, types.in, anyLayout) &&
         !initMemory(&yDesc, 4, yShape, types.out, channelsLast) &&
         !initConvolution(&operation, forwardInference, automatic, &xDesc,
                          &wDesc, nullptr, &yDesc, ones, zeros, zeros);
}

bool OneDnn::load(const Types &types, Directories directories,
                  std::string &missing) {
  missing = "no libdnnl.so.2 (Debian package libdnnl2)";
  Library library("libdnnl.so.2", directories);
  constexpr int weightsQuery = 131;
  int (*createEngine)(void **, int, size_t);
  int (*createStream)(void **, void *, unsigned);
  int (*createDescriptor)(void **, const Descriptor *, void *, void *, void *);
  const Descriptor *(*query)(void *, int, int);
  int (*createPrimitive)(void **, void *);
  int (*createMemory)(Memory *, const Descriptor *, void *, void *);
  int (*getHandle)(Memory, void **);
  size_t (*getSize)(const Descriptor *);
  if (!library.get("dnnl_engine_create", createEngine) ||
      !library.get("dnnl_stream_create", createStream) ||
      !library.get("dnnl_primitive_desc_create", createDescriptor) ||
      !library.get("dnnl_primitive_desc_query_md", query) ||
      !library.get("dnnl_primitive_create", createPrimitive) ||
      !library.get("dnnl_memory_create", createMemory) ||
      !library.get("dnnl_memory_get_data_handle", getHandle) ||
      !library.get("dnnl_memory_desc_get_size", getSize) ||
      !library.get("dnnl_primitive_execute", execute) ||
      !library.get("dnnl_stream_wait", wait))
    return false;
  missing = "oneDNN cannot compute this";
  void *const allocate = reinterpret_cast<void *>(-1);
  void *engine = nullptr, *descriptor = nullptr;
  Descriptor operation;
  if (!describe(library, types, operation) ||
      createEngine(&engine, /*cpu*/ 1, 0) || createStream(&stream, engine, 1) ||
      createDescriptor(&descriptor, &operation, nullptr, engine, nullptr) ||
      createPrimitive(&primitive, descriptor) ||
      createMemory(&x, &xDesc, engine, allocate) ||
      createMemory(&y, &yDesc, engine, allocate))
    return false;
  const Descriptor *stored = query(descriptor, weightsQuery, 0);
  auto fill = [&](Memory memory, size_t bytes) {
    void *data = nullptr;
    getHandle(memory, &data);
    std::memset(data, 0x3c, bytes); // 60, or about 0.01
  };
  fill(x, getSize(&xDesc));
  weights.resize(problem.getNumCopies(getSize(stored)));
  for (Memory &memory : weights) {
    if (createMemory(&memory, stored, engine, allocate))
      return false;
    fill(memory, getSize(stored));
  }
  return true;
}

ContenderPtr mlir::compress::bench::loadOneDnn(Problem &problem,
                                               llvm::StringRef type,
                                               Directories directories,
                                               std::string &missing) {
  const Types *types = llvm::find_if(
      kTypes, [&](const Types &types) { return type == types.name; });
  if (types == std::end(kTypes)) {
    missing = ("no oneDNN type " + llvm::Twine(type)).str();
    return nullptr;
  }
  auto peer =
      std::make_unique<OneDnn>(problem, ("oneDNN " + llvm::Twine(type)).str());
  return peer->load(*types, directories, missing) ? std::move(peer) : nullptr;
}
