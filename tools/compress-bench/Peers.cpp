//===- Peers.cpp - Other libraries that multiply matrices -----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loaded at run time, without their headers: nothing here needs them to be
// installed. Declarations are from their public C headers.
//
//===----------------------------------------------------------------------===//

#include "Library.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"

#include <cstdlib>

using namespace mlir::compress::bench;

//===----------------------------------------------------------------------===//
// OpenBLAS
//===----------------------------------------------------------------------===//

namespace {
class OpenBlas : public Peer {
public:
  using Peer::Peer;
  bool load(Directories directories, std::string &missing);
  void run(size_t copy) override {
    constexpr int rowMajor = 101, plain = 111, transposed = 112;
    const float *w = copies[copy % copies.size()].data();
    const Problem &p = problem;
    if (p.m == 1)
      gemv(rowMajor, plain, p.n, p.k, 1, w, p.k, p.x.data(), 1, 0,
           problem.y.data(), 1);
    else
      gemm(rowMajor, plain, transposed, p.m, p.n, p.k, 1, p.x.data(), p.k, w,
           p.k, 0, problem.y.data(), p.n);
  }

private:
  void (*gemm)(int, int, int, int, int, int, float, const float *, int,
               const float *, int, float, float *, int) = nullptr;
  void (*gemv)(int, int, int, int, float, const float *, int, const float *,
               int, float, float *, int) = nullptr;
  std::vector<std::vector<float>> copies;
};
} // namespace

bool OpenBlas::load(Directories directories, std::string &missing) {
  if (problem.isConvolution()) {
    missing = "OpenBLAS has no convolutions";
    return false;
  }
  Library library("libopenblas.so.0", directories);
  void (*setThreads)(int);
  const char *(*getCore)();
  if (!library.get("cblas_sgemm", gemm) || !library.get("cblas_sgemv", gemv) ||
      !library.get("openblas_set_num_threads", setThreads) ||
      !library.get("openblas_get_corename", getCore)) {
    missing = "no libopenblas.so.0 (Debian package libopenblas0-pthread)";
    return false;
  }
  setThreads(problem.threads);
  name += std::string(" (") + getCore() + ")";
  copies.assign(problem.getNumCopies(problem.w.size() * 4), problem.w);
  return true;
}

ContenderPtr mlir::compress::bench::loadOpenBlas(Problem &problem,
                                                 Directories directories,
                                                 std::string &missing) {
  auto peer = std::make_unique<OpenBlas>(problem, "OpenBLAS f32");
  return peer->load(directories, missing) ? std::move(peer) : nullptr;
}

//===----------------------------------------------------------------------===//
// ggml
//===----------------------------------------------------------------------===//

namespace {
class Ggml : public Peer {
public:
  using Peer::Peer;
  bool load(int type, bool isRepacked, Directories directories,
            std::string &missing);
  void run(size_t copy) override {
    if (compute(backend, graphs[copy % graphs.size()]) != 0)
      std::abort();
  }
  /// The next run wakes them.
  void rest() override { pauseThreads(threads); }

private:
  using Backend = void *;
  using Graph = void *;
  void (*pauseThreads)(void *) = nullptr;
  void *threads = nullptr;
  int (*compute)(Backend, Graph) = nullptr;
  Backend backend = nullptr;
  std::vector<Graph> graphs;
};

/// struct ggml_init_params.
struct GgmlInitParams {
  size_t bytes;
  void *buffer;
  bool noAlloc;
};

/// struct ggml_threadpool_params, and more room than it takes.
struct alignas(16) GgmlThreadParams {
  char bytes[1024];
};
} // namespace

bool Ggml::load(int type, bool isRepacked, Directories directories,
                std::string &missing) {
  missing = "no libggml-base.so and libggml-cpu.so (package llama-cpp-python; "
            "its directory by --peers)";
  Library base("libggml-base.so", directories),
      cpu("libggml-cpu.so", directories);
  using Context = void *;
  using Tensor = void *;
  using BufferType = void *;
  Context (*init)(GgmlInitParams);
  Tensor (*newTensor)(Context, int, int64_t, int64_t);
  Tensor (*mulMat)(Context, Tensor, Tensor);
  Graph (*newGraph)(Context);
  void (*expand)(Graph, Tensor);
  void *(*allocate)(Context, BufferType);
  void (*setTensor)(Tensor, const void *, size_t, size_t);
  size_t (*quantize)(int, const float *, void *, int64_t, int64_t, int64_t,
                     const float *);
  size_t (*getBytes)(Tensor);
  BufferType (*getPlainBuffers)();
  Backend (*initBackend)();
  void (*setThreads)(Backend, int);
  void *(*getRegistry)();
  void *(*getDevice)(void *, size_t);
  void *(*getFunction)(void *, const char *);
  void (*initThreads)(GgmlThreadParams *, int);
  void *(*newThreads)(GgmlThreadParams *);
  void (*useThreads)(Backend, void *);
  void (*setLog)(void (*)(int, const char *, void *), void *);
  base.get("ggml_log_set", setLog);
  if (!base.get("ggml_init", init) ||
      !base.get("ggml_new_tensor_2d", newTensor) ||
      !base.get("ggml_mul_mat", mulMat) ||
      !base.get("ggml_new_graph", newGraph) ||
      !base.get("ggml_build_forward_expand", expand) ||
      !base.get("ggml_backend_alloc_ctx_tensors_from_buft", allocate) ||
      !base.get("ggml_backend_tensor_set", setTensor) ||
      !base.get("ggml_quantize_chunk", quantize) ||
      !base.get("ggml_nbytes", getBytes) ||
      !base.get("ggml_backend_cpu_buffer_type", getPlainBuffers) ||
      !base.get("ggml_backend_graph_compute", compute) ||
      !base.get("ggml_backend_reg_dev_get", getDevice) ||
      !base.get("ggml_backend_reg_get_proc_address", getFunction) ||
      !cpu.get("ggml_backend_cpu_init", initBackend) ||
      !cpu.get("ggml_backend_cpu_set_n_threads", setThreads) ||
      !base.get("ggml_threadpool_params_init", initThreads) ||
      !cpu.get("ggml_threadpool_new", newThreads) ||
      !cpu.get("ggml_threadpool_pause", pauseThreads) ||
      !cpu.get("ggml_backend_cpu_set_threadpool", useThreads) ||
      !cpu.get("ggml_backend_cpu_reg", getRegistry))
    return false;
  if (setLog)
    setLog([](int, const char *, void *) {}, nullptr);
  backend = initBackend();
  setThreads(backend, problem.threads);
  // Threads that stay. It would make new ones for every run.
  GgmlThreadParams params;
  initThreads(&params, problem.threads);
  threads = newThreads(&params);
  useThreads(backend, threads);
  // Buffers that store weights in the order of ggml's fastest kernels.
  BufferType weightBuffers = getPlainBuffers();
  void *registry = getRegistry();
  auto getExtra = reinterpret_cast<BufferType *(*)(void *)>(
      getFunction(registry, "ggml_backend_dev_get_extra_bufts"));
  BufferType *extra = getExtra ? getExtra(getDevice(registry, 0)) : nullptr;
  if (isRepacked && extra && *extra)
    weightBuffers = *extra;

  const Problem &p = problem;
  std::vector<char> stored;
  for (size_t i = 0, copies = 1; i < copies; ++i) {
    Context weights = init({size_t(1) << 16, nullptr, true});
    Context others = init({size_t(1) << 20, nullptr, true});
    Tensor w = newTensor(weights, type, p.k, p.n);
    Tensor x = newTensor(others, /*f32*/ 0, p.k, p.m);
    Tensor y = mulMat(others, w, x);
    if (stored.empty()) {
      stored.resize(getBytes(w));
      quantize(type, p.w.data(), stored.data(), 0, p.n, p.k, nullptr);
      copies = p.getNumCopies(stored.size());
    }
    if (!allocate(weights, weightBuffers) ||
        !allocate(others, getPlainBuffers())) {
      missing = "ggml has no memory";
      return false;
    }
    setTensor(w, stored.data(), 0, stored.size());
    setTensor(x, p.x.data(), 0, p.x.size() * 4);
    graphs.push_back(newGraph(others));
    expand(graphs.back(), y);
  }
  return true;
}

ContenderPtr mlir::compress::bench::loadGgml(Problem &problem,
                                             llvm::StringRef type,
                                             Directories directories,
                                             std::string &missing) {
  struct Type {
    const char *name;
    int number; // enum ggml_type
    int64_t block;
    bool isRepacked;
  };
  constexpr Type types[] = {
      {"q4_0", 2, 32, true},     {"q8_0", 8, 32, false},
      {"q2_K", 10, 256, true},   {"q4_K", 12, 256, true},
      {"iq4_nl", 20, 32, true},  {"tq1_0", 34, 256, false},
      {"tq2_0", 35, 256, false}, {"mxfp4", 39, 32, true}};
  const Type *known = llvm::find_if(
      types, [&](const Type &known) { return type == known.name; });
  if (known == std::end(types)) {
    missing = ("no ggml type " + llvm::Twine(type)).str();
    return nullptr;
  }
  if (problem.isConvolution() || problem.k % known->block != 0) {
    missing = ("ggml " + llvm::Twine(type) + " cannot store this weight").str();
    return nullptr;
  }
  auto peer =
      std::make_unique<Ggml>(problem, ("ggml " + llvm::Twine(type)).str());
  return peer->load(known->number, known->isRepacked, directories, missing)
             ? std::move(peer)
             : nullptr;
}
