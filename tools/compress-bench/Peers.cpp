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

#include "Contraction.h"

#include "llvm/ADT/STLExtras.h"

#include <cstring>
#include <dlfcn.h>

using namespace mlir::compress::bench;

namespace {
/// A shared library; functions of it by name.
class Library {
public:
  Library(const std::string &name, Directories directories) {
    for (const std::string &directory : directories)
      if ((handle = dlopen((directory + "/" + name).c_str(),
                           RTLD_NOW | RTLD_GLOBAL)))
        return;
    handle = dlopen(name.c_str(), RTLD_NOW | RTLD_GLOBAL);
  }
  explicit operator bool() const { return handle; }
  template <typename Function>
  bool get(const char *name, Function &function) const {
    function =
        handle ? reinterpret_cast<Function>(dlsym(handle, name)) : nullptr;
    return function;
  }

private:
  void *handle = nullptr;
};

class Peer : public Contender {
public:
  Peer(Problem &problem, std::string name)
      : problem(problem), name(std::move(name)) {}
  const std::string &getName() const override { return name; }

protected:
  Problem &problem;
  std::string name;
};
} // namespace

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
  Library library("libopenblas.so.0", directories);
  void (*setThreads)(int);
  const char *(*getCore)();
  if (!library.get("cblas_sgemm", gemm) || !library.get("cblas_sgemv", gemv) ||
      !library.get("openblas_set_num_threads", setThreads) ||
      !library.get("openblas_get_corename", getCore)) {
    missing = "no libopenblas.so.0 (Debian package libopenblas0-pthread)";
    return false;
  }
  setThreads(1);
  name += std::string(" (") + getCore() + ")";
  copies.assign(getNumCopies(problem.w.size() * 4), problem.w);
  return true;
}

std::unique_ptr<Contender>
mlir::compress::bench::loadOpenBlas(Problem &problem, Directories directories,
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

private:
  using Backend = void *;
  using Graph = void *;
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
      !cpu.get("ggml_backend_cpu_reg", getRegistry))
    return false;
  if (setLog)
    setLog([](int, const char *, void *) {}, nullptr);
  backend = initBackend();
  setThreads(backend, 1);
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
      copies = getNumCopies(stored.size());
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

std::unique_ptr<Contender>
mlir::compress::bench::loadGgml(Problem &problem, const std::string &type,
                                Directories directories, std::string &missing) {
  struct Type {
    const char *name;
    int number; // enum ggml_type
    bool isRepacked;
  };
  constexpr Type types[] = {
      {"q4_0", 2, true}, {"q8_0", 8, false}, {"q4_K", 12, true}};
  const Type *known = llvm::find_if(
      types, [&](const Type &known) { return type == known.name; });
  if (known == std::end(types)) {
    missing = "no ggml type " + type;
    return nullptr;
  }
  auto peer = std::make_unique<Ggml>(problem, "ggml " + type);
  return peer->load(known->number, known->isRepacked, directories, missing)
             ? std::move(peer)
             : nullptr;
}

//===----------------------------------------------------------------------===//
// oneDNN
//===----------------------------------------------------------------------===//

namespace {
class OneDnn : public Peer {
public:
  using Peer::Peer;
  bool load(Directories directories, std::string &missing);
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
  int (*execute)(void *, void *, int, const Argument *) = nullptr;
  int (*wait)(void *) = nullptr;
  void *primitive = nullptr, *stream = nullptr;
  Memory x = nullptr, y = nullptr;
  std::vector<Memory> weights;
};
} // namespace

bool OneDnn::load(Directories directories, std::string &missing) {
  missing = "no libdnnl.so.2 (Debian package libdnnl2)";
  Library library("libdnnl.so.2", directories);
  // dnnl_memory_desc_t and dnnl_matmul_desc_t are plain data of less.
  struct alignas(16) Descriptor {
    char bytes[8192];
  };
  constexpr int s32 = 4, s8 = 5, anyLayout = 1, rowMajor = 3,
                weightsQuery = 131;
  int (*createEngine)(void **, int, size_t);
  int (*createStream)(void **, void *, unsigned);
  int (*initMemory)(Descriptor *, int, const int64_t *, int, int);
  int (*initMatmul)(Descriptor *, const Descriptor *, const Descriptor *,
                    const Descriptor *, const Descriptor *);
  int (*createDescriptor)(void **, const Descriptor *, void *, void *, void *);
  const Descriptor *(*query)(void *, int, int);
  int (*createPrimitive)(void **, void *);
  int (*createMemory)(Memory *, const Descriptor *, void *, void *);
  int (*getHandle)(Memory, void **);
  size_t (*getSize)(const Descriptor *);
  if (!library.get("dnnl_engine_create", createEngine) ||
      !library.get("dnnl_stream_create", createStream) ||
      !library.get("dnnl_memory_desc_init_by_tag", initMemory) ||
      !library.get("dnnl_matmul_desc_init", initMatmul) ||
      !library.get("dnnl_primitive_desc_create", createDescriptor) ||
      !library.get("dnnl_primitive_desc_query_md", query) ||
      !library.get("dnnl_primitive_create", createPrimitive) ||
      !library.get("dnnl_memory_create", createMemory) ||
      !library.get("dnnl_memory_get_data_handle", getHandle) ||
      !library.get("dnnl_memory_desc_get_size", getSize) ||
      !library.get("dnnl_primitive_execute", execute) ||
      !library.get("dnnl_stream_wait", wait))
    return false;
  missing = "oneDNN cannot multiply these matrices";
  const int64_t xShape[] = {problem.m, problem.k},
                wShape[] = {problem.k, problem.n},
                yShape[] = {problem.m, problem.n};
  void *const allocate = reinterpret_cast<void *>(-1);
  void *engine = nullptr, *descriptor = nullptr;
  Descriptor xDesc, wDesc, yDesc, matmul;
  if (createEngine(&engine, /*cpu*/ 1, 0) || createStream(&stream, engine, 1) ||
      initMemory(&xDesc, 2, xShape, s8, rowMajor) ||
      initMemory(&wDesc, 2, wShape, s8, anyLayout) ||
      initMemory(&yDesc, 2, yShape, s32, rowMajor) ||
      initMatmul(&matmul, &xDesc, &wDesc, nullptr, &yDesc) ||
      createDescriptor(&descriptor, &matmul, nullptr, engine, nullptr) ||
      createPrimitive(&primitive, descriptor) ||
      createMemory(&x, &xDesc, engine, allocate) ||
      createMemory(&y, &yDesc, engine, allocate))
    return false;
  const Descriptor *stored = query(descriptor, weightsQuery, 0);
  auto fill = [&](Memory memory, size_t bytes) {
    void *data = nullptr;
    getHandle(memory, &data);
    std::memset(data, 1, bytes);
  };
  fill(x, getSize(&xDesc));
  weights.resize(getNumCopies(getSize(stored)));
  for (Memory &memory : weights) {
    if (createMemory(&memory, stored, engine, allocate))
      return false;
    fill(memory, getSize(stored));
  }
  return true;
}

std::unique_ptr<Contender>
mlir::compress::bench::loadOneDnn(Problem &problem, Directories directories,
                                  std::string &missing) {
  auto peer = std::make_unique<OneDnn>(problem, "oneDNN s8s8s32");
  return peer->load(directories, missing) ? std::move(peer) : nullptr;
}
