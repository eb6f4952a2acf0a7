//===- GpuTest.cpp - what compiled code calls of a GPU --------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The calls that gpu-to-llvm makes, against the fake driver of test/FakeCuda.
//
//===----------------------------------------------------------------------===//

#include "../../FakeCuda/FakeCuda.h"
#include "EntryPoints.h"
#include "Workspace.h"
#include <cstdlib>
#include <gtest/gtest.h>
#include <thread>

using namespace mlir::compress;
using namespace mlir::compress::runtime::gpu;

/// y = factor * x, in blocks of 32.
extern "C" __attribute__((visibility("default"))) void
gpu_test_scale(const unsigned *grid, const unsigned *block, unsigned,
               void **parameters) {
  auto *y = *static_cast<float **>(parameters[0]);
  auto *x = *static_cast<float **>(parameters[1]);
  float factor = *static_cast<float *>(parameters[2]);
  for (unsigned i = 0; i < grid[0] * block[0]; ++i)
    y[i] = factor * x[i];
}

namespace {

char kPtx[] = ".version 7.0\n.target sm_80\n"
              ".visible .entry gpu_test_scale(\n"
              ".visible .entry gpu_test_nowhere(\n";

template <typename Function> Function *find(const char *name) {
  void *address = findEntryPoint(name);
  EXPECT_NE(address, nullptr) << name;
  return reinterpret_cast<Function *>(address);
}

/// As compiled code does: loads a module, later runs y = 3 x.
class Scale {
public:
  explicit Scale(char *ptx = kPtx, const char *kernel = "gpu_test_scale")
      : kernel(kernel),
        module(find<void *(void *, int32_t)>("mgpuModuleLoadJIT")(ptx, 3)) {}
  ~Scale() { find<void(void *)>("mgpuModuleUnload")(module); }

  void *getKernel() {
    return find<void *(void *, const char *)>("mgpuModuleGetFunction")(module,
                                                                       kernel);
  }

  /// The result is copied to `y`, `shared` bytes are asked for.
  void run(float *y, float *x, int64_t blocks, int32_t shared = 0) {
    void *stream = find<void *()>("mgpuStreamCreate")();
    auto *allocate = find<void *(uint64_t, void *, bool)>("mgpuMemAlloc");
    auto *copy = find<void(void *, void *, size_t, void *)>("mgpuMemcpy");
    auto *free = find<void(void *, void *)>("mgpuMemFree");
    size_t bytes = blocks * 32 * sizeof(float);
    void *from = allocate(bytes, stream, false);
    void *to = allocate(bytes, stream, false);
    copy(from, x, bytes, stream);
    void *function = getKernel();
    float factor = 3;
    void *parameters[] = {&to, &from, &factor};
    find<void(void *, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t,
              intptr_t, int32_t, void *, void **, void **, size_t)>(
        "mgpuLaunchKernel")(function, blocks, 1, 1, 32, 1, 1, shared, stream,
                            parameters, nullptr, 3);
    copy(y, to, bytes, stream);
    free(from, stream);
    free(to, stream);
    find<void(void *)>("mgpuStreamSynchronize")(stream);
    find<void(void *)>("mgpuStreamDestroy")(stream);
  }

private:
  const char *kernel;
  void *module;
};

class Gpu : public ::testing::Test {
protected:
  Gpu() {
    ::setenv("COMPRESS_LIBCUDA", FAKE_CUDA, 1);
    ::unsetenv("FAKE_CUDA_FAIL");
    ::unsetenv("FAKE_CUDA_DEVICES");
    fakeCudaReset();
    for (int i = 0; i < 96; ++i)
      x[i] = float(i) - 7.5f;
  }
  ~Gpu() override {
    ::unsetenv("FAKE_CUDA_FAIL");
    ::unsetenv("FAKE_CUDA_DEVICES");
  }
  std::unique_ptr<Workspace> create() {
    auto workspace = Workspace::create(0);
    EXPECT_TRUE(workspace.ok()) << workspace.status().message();
    return std::move(*workspace);
  }
  /// The error of a run.
  std::string run(Workspace &workspace, Scale &code, int64_t blocks = 3,
                  int32_t shared = 0) {
    Call call(workspace);
    code.run(y, x, blocks, shared);
    return call.finish().message();
  }
  void expectResult() {
    for (int i = 0; i < 96; ++i)
      EXPECT_EQ(y[i], 3 * x[i]) << i;
  }
  float x[96], y[96] = {};
};

TEST_F(Gpu, NoDriver) {
  auto driver = Driver::open("libno-such-driver.so.1");
  ASSERT_FALSE(driver.ok());
  EXPECT_EQ(driver.status().message(),
            "no CUDA driver (libno-such-driver.so.1), which code for GPUs "
            "needs");
  driver = Driver::open("libm.so.6");
  ASSERT_FALSE(driver.ok());
  EXPECT_EQ(driver.status().message(),
            "the CUDA driver libm.so.6 has no function 'cuInit'");
}

TEST_F(Gpu, NoDevice) {
  ::setenv("FAKE_CUDA_DEVICES", "0", 1);
  auto driver = Driver::open(FAKE_CUDA);
  ASSERT_FALSE(driver.ok());
  EXPECT_EQ(driver.status().message(), "no CUDA device: the driver " FAKE_CUDA
                                       " finds no GPU in this machine");
  ::unsetenv("FAKE_CUDA_DEVICES");
  ::setenv("FAKE_CUDA_FAIL", "cuInit=803", 1);
  driver = Driver::open(FAKE_CUDA);
  ASSERT_FALSE(driver.ok());
  EXPECT_EQ(driver.status().message(),
            "cannot initialize the CUDA driver: unknown error (?)");
}

TEST_F(Gpu, Number) {
  auto workspace = Workspace::create(1);
  ASSERT_FALSE(workspace.ok());
  EXPECT_EQ(workspace.status().message(),
            "expected the number of a GPU below 1, but got 1");
  EXPECT_EQ(create()->getCapability(), 90);
}

TEST_F(Gpu, Runs) {
  auto workspace = create();
  {
    Scale code;
    // Nothing happens to the GPU before the first run.
    EXPECT_EQ(fakeCudaCountModules(), 0);
    EXPECT_EQ(run(*workspace, code), "");
    expectResult();
    EXPECT_EQ(fakeCudaCountModules(), 1);
    EXPECT_EQ(fakeCudaCountAllocations(), 2);
    std::fill(std::begin(y), std::end(y), 0.0f);
    EXPECT_EQ(run(*workspace, code), "");
    expectResult();
    // Memory, stream and kernel are those of the first run.
    EXPECT_EQ(fakeCudaCountCalls("cuMemAlloc_v2"), 2);
    EXPECT_EQ(fakeCudaCountCalls("cuStreamCreate"), 1);
    EXPECT_EQ(fakeCudaCountCalls("cuModuleLoadDataEx"), 1);
    EXPECT_EQ(fakeCudaCountCalls("cuModuleGetFunction"), 1);
    EXPECT_EQ(fakeCudaCountCalls("cuLaunchKernel"), 2);
    // An empty tensor is no error.
    EXPECT_EQ(run(*workspace, code, 0), "");
    EXPECT_EQ(fakeCudaCountCalls("cuLaunchKernel"), 2);
  }
  EXPECT_EQ(fakeCudaCountModules(), 0);
  workspace.reset();
  EXPECT_EQ(fakeCudaCountAllocations(), 0);
  EXPECT_EQ(fakeCudaCountStreams(), 0);
}

TEST_F(Gpu, ReusesMemoryWithinACall) {
  auto workspace = create();
  Call call(*workspace);
  DevicePointer first = call.allocate(1000);
  call.free(first);
  EXPECT_EQ(call.allocate(600), first);
  EXPECT_NE(call.allocate(600), first);
  EXPECT_TRUE(call.finish().ok());
  call.free(first + 1);
  EXPECT_EQ(call.finish().message(),
            "memory is freed that is no buffer of the call");
}

TEST_F(Gpu, Fills) {
  auto workspace = create();
  Call call(*workspace);
  DevicePointer buffer = call.allocate(32);
  auto *pointer = reinterpret_cast<void *>(buffer);
  find<void(void *, uint32_t, size_t, void *)>("mgpuMemset32")(
      pointer, 0x01020304, 4, nullptr);
  find<void(void *, uint16_t, size_t, void *)>("mgpuMemset16")(
      static_cast<char *>(pointer) + 4, 0x0506, 1, nullptr);
  unsigned host[4];
  call.copy(reinterpret_cast<DevicePointer>(host), buffer, sizeof(host));
  EXPECT_TRUE(call.finish().ok());
  EXPECT_EQ(host[0], 0x01020304u);
  EXPECT_EQ(host[1], 0x01020506u);
  EXPECT_EQ(host[3], 0x01020304u);
}

TEST_F(Gpu, SharedMemory) {
  auto workspace = create();
  Scale code;
  EXPECT_EQ(run(*workspace, code, 3, 48 * 1024), "");
  EXPECT_EQ(fakeCudaCountCalls("cuFuncSetAttribute"), 0);
  EXPECT_EQ(run(*workspace, code, 3, 100 * 1024), "");
  EXPECT_EQ(fakeCudaCountCalls("cuFuncSetAttribute"), 1);
  expectResult();
  EXPECT_EQ(run(*workspace, code, 3, 300 * 1024),
            "kernel 'gpu_test_scale' cannot have 307200 bytes of shared "
            "memory: invalid argument (CUDA_ERROR_INVALID_VALUE)");
}

TEST_F(Gpu, Errors) {
  auto workspace = create();
  Scale code;
  auto fail = [&](const char *failure, Scale &code) {
    ::setenv("FAKE_CUDA_FAIL", failure, 1);
    fakeCudaReset();
    std::string message = run(*workspace, code);
    ::unsetenv("FAKE_CUDA_FAIL");
    return message;
  };
  EXPECT_EQ(fail("cuMemAlloc_v2=2@2", code),
            "cannot allocate 512 bytes of memory of the GPU: out of memory "
            "(CUDA_ERROR_OUT_OF_MEMORY)");
  // After an error the GPU is asked for nothing more.
  EXPECT_EQ(fakeCudaCountCalls("cuMemcpyAsync"), 0);
  EXPECT_EQ(fakeCudaCountCalls("cuModuleLoadDataEx"), 0);
  EXPECT_EQ(fail("cuLaunchKernel=400", code),
            "cannot launch kernel 'gpu_test_scale': invalid resource handle "
            "(CUDA_ERROR_INVALID_HANDLE)");
  EXPECT_EQ(fail("cuStreamSynchronize=700", code),
            "the GPU failed: an illegal memory access was encountered "
            "(CUDA_ERROR_ILLEGAL_ADDRESS)");
  EXPECT_EQ(fail("cuMemcpyAsync=1", code),
            "cannot copy to or from the GPU: invalid argument "
            "(CUDA_ERROR_INVALID_VALUE)");
  // The next run is not concerned.
  EXPECT_EQ(run(*workspace, code), "");
  expectResult();

  char bad[] = "not PTX";
  Scale badCode(bad);
  EXPECT_EQ(run(*workspace, badCode),
            "the driver does not take the code for the GPU: a PTX JIT "
            "compilation failed (CUDA_ERROR_INVALID_PTX): ptxas fatal : "
            "Missing .version directive");
  Scale unknown(kPtx, "gpu_test_unknown");
  EXPECT_EQ(run(*workspace, unknown),
            "cannot find kernel 'gpu_test_unknown': named symbol not found "
            "(CUDA_ERROR_NOT_FOUND)");
}

TEST_F(Gpu, Grids) {
  auto workspace = create();
  Scale code;
  auto launch = [&](int64_t x, int64_t y, int64_t z, bool inClusters) {
    Call call(*workspace);
    void *kernel = code.getKernel();
    if (inClusters)
      find<void(void *, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t,
                intptr_t, intptr_t, intptr_t, intptr_t, int32_t, void *,
                void **, void **, size_t)>("mgpuLaunchClusterKernel")(
          kernel, 1, 1, 1, x, y, z, 32, 1, 1, 0, call.getStream(), nullptr,
          nullptr, 0);
    else
      find<void(void *, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t,
                intptr_t, int32_t, void *, void **, void **, size_t)>(
          "mgpuLaunchKernel")(kernel, x, y, z, 32, 1, 1, 0, call.getStream(),
                              nullptr, nullptr, 0);
    return call.finish().message();
  };
  std::string expected =
      "cannot launch kernel 'gpu_test_scale': expected a grid of up to "
      "2147483647 x 65535 x 65535 blocks, but got ";
  for (bool inClusters : {false, true}) {
    EXPECT_EQ(launch(1, 65536, 1, inClusters), expected + "1 x 65536 x 1");
    EXPECT_EQ(launch(1, 1, 65536, inClusters), expected + "1 x 1 x 65536");
    // Of this the lower 32 bits are 1.
    EXPECT_EQ(launch(int64_t(1) << 32 | 1, 1, 1, inClusters),
              expected + "4294967297 x 1 x 1");
  }
  EXPECT_EQ(fakeCudaCountCalls("cuLaunchKernel"), 0);
}

/// What MLIR passes of a buffer, of up to 5 dimensions.
struct Descriptor {
  void *allocated, *aligned;
  int64_t offset, rest[10];
};

TEST_F(Gpu, Clusters) {
  auto workspace = create();
  auto launch = [&](int64_t cluster, int32_t shared) {
    Scale code;
    Call call(*workspace);
    void *function = code.getKernel();
    DevicePointer from = call.allocate(sizeof(x)),
                  to = call.allocate(sizeof(y));
    call.copy(from, reinterpret_cast<DevicePointer>(x), sizeof(x));
    float factor = 3;
    void *parameters[] = {&to, &from, &factor};
    find<void(void *, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t,
              intptr_t, intptr_t, intptr_t, intptr_t, int32_t, void *, void **,
              void **, size_t)>("mgpuLaunchClusterKernel")(
        function, cluster, 1, 1, 3, 1, 1, 32, 1, 1, shared, call.getStream(),
        parameters, nullptr, 3);
    call.copy(reinterpret_cast<DevicePointer>(y), to, sizeof(y));
    return call.finish().message();
  };
  EXPECT_EQ(launch(3, 100 * 1024), "");
  EXPECT_EQ(fakeCudaCountCalls("cuLaunchKernelEx"), 1);
  EXPECT_EQ(fakeCudaCountCalls("cuFuncSetAttribute"), 1);
  expectResult();
  EXPECT_EQ(launch(2, 0),
            "cannot launch kernel 'gpu_test_scale' in clusters: invalid "
            "argument (CUDA_ERROR_INVALID_VALUE)");
  EXPECT_EQ(launch(1, 300 * 1024),
            "kernel 'gpu_test_scale' cannot have 307200 bytes of shared "
            "memory: invalid argument (CUDA_ERROR_INVALID_VALUE)");
}

TEST_F(Gpu, TensorMaps) {
  auto workspace = create();
  auto *encode =
      find<void *(int64_t, Descriptor *, int32_t, int32_t, int32_t, int32_t,
                  int32_t, int64_t *)>("mgpuTensorMapEncodeTiledMemref");
  uint64_t words[16];
  auto run = [&](int64_t rank, int32_t type, Descriptor buffer) {
    Call call(*workspace);
    int64_t box[] = {8, 16, 64, 1, 1};
    if (void *map = encode(rank, &buffer, type, 0, 3, 2, 0, box))
      call.copy(reinterpret_cast<DevicePointer>(words),
                reinterpret_cast<DevicePointer>(map), sizeof(words));
    return call.finish().message();
  };
  // 4 x 6 x 64 elements of f16, of rows of 80, from element 8 on.
  alignas(16) static char data[64];
  Descriptor buffer = {data, data, 8, {4, 6, 64, 480, 80, 1}};
  EXPECT_EQ(run(3, 6, buffer), "");
  uint64_t expected[] = {
      6, 3, reinterpret_cast<uintptr_t>(data) + 16, 64, 6, 4, 0, 0, 160, 960};
  for (size_t i = 0; i < std::size(expected); ++i)
    EXPECT_EQ(words[i], expected[i]) << i;
  auto *box = reinterpret_cast<uint32_t *>(words + 12);
  EXPECT_EQ(box[0], 64u);
  EXPECT_EQ(box[1], 16u);
  EXPECT_EQ(box[2], 8u);

  const char *what = "expected a tensor of rank 1 to 5, of a known type, with "
                     "neighbouring elements along its last dimension, for a "
                     "tensor map, but got rank ";
  EXPECT_EQ(run(6, 6, buffer), std::string(what) + "6, type 6");
  EXPECT_EQ(run(3, 13, buffer), std::string(what) + "3, type 13");
  Descriptor strided = buffer;
  strided.rest[5] = 2;
  EXPECT_EQ(run(3, 6, strided), std::string(what) + "3, type 6");
  Descriptor odd = buffer;
  odd.rest[4] = 81;
  EXPECT_EQ(run(3, 6, odd), "cannot make a tensor map: invalid argument "
                            "(CUDA_ERROR_INVALID_VALUE)");
  ::setenv("FAKE_CUDA_FAIL", "cuMemAlloc_v2=2", 1);
  Call other(*workspace);
  other.allocate(512);
  EXPECT_EQ(run(3, 6, buffer), "cannot allocate 512 bytes of memory of the "
                               "GPU: out of memory (CUDA_ERROR_OUT_OF_MEMORY)");
}

TEST_F(Gpu, OldDrivers) {
  auto workspace = create();
  auto &driver = const_cast<Driver &>(workspace->getDriver());
  Driver whole = driver;
  driver.cuTensorMapEncodeTiled = nullptr;
  driver.cuLaunchKernelEx = nullptr;
  {
    Call call(*workspace);
    Descriptor buffer = {x, x, 0, {8, 1}};
    int64_t box = 8;
    EXPECT_EQ(
        (find<void *(int64_t, Descriptor *, int32_t, int32_t, int32_t, int32_t,
                     int32_t, int64_t *)>("mgpuTensorMapEncodeTiledMemref")(
            1, &buffer, 7, 0, 0, 0, 0, &box)),
        nullptr);
    EXPECT_EQ(call.finish().message(),
              "the code needs 'cuTensorMapEncodeTiled', which the CUDA driver "
              "has not: expected one of CUDA 12 or later");
  }
  {
    Scale code;
    Call call(*workspace);
    find<void(void *, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t,
              intptr_t, intptr_t, intptr_t, intptr_t, int32_t, void *, void **,
              void **, size_t)>("mgpuLaunchClusterKernel")(
        code.getKernel(), 1, 1, 1, 1, 1, 1, 32, 1, 1, 0, call.getStream(),
        nullptr, nullptr, 0);
    EXPECT_EQ(call.finish().message(),
              "the code needs 'cuLaunchKernelEx', which the CUDA driver has "
              "not: expected one of CUDA 11.8 or later");
  }
  driver = whole;
}

TEST_F(Gpu, RegistersMemory) {
  auto workspace = create();
  auto *add =
      find<void(int64_t, Descriptor *, int64_t)>("mgpuMemHostRegisterMemRef");
  auto *drop =
      find<void(int64_t, Descriptor *, int64_t)>("mgpuMemHostUnregisterMemRef");
  Descriptor buffer = {x, x, 4, {2, 8, 8, 1}};
  Descriptor none = {y, y, 0, {0, 8, 8, 1}};
  auto run = [&](auto body) {
    Call call(*workspace);
    body();
    return call.finish().message();
  };
  EXPECT_EQ(run([&] {
              add(2, &buffer, 4);
              add(2, &none, 4);
              EXPECT_EQ(fakeCudaCountRegistered(), 1);
              drop(2, &none, 4);
              drop(2, &buffer, 4);
            }),
            "");
  EXPECT_EQ(fakeCudaCountRegistered(), 0);
  // What is left, the end of the call lets go.
  EXPECT_EQ(run([&] { add(2, &buffer, 4); }), "");
  EXPECT_EQ(fakeCudaCountRegistered(), 0);
  EXPECT_EQ(run([&] {
              add(2, &buffer, 4);
              add(2, &buffer, 4);
            }),
            "cannot register memory of the host for the GPU: invalid argument "
            "(CUDA_ERROR_INVALID_VALUE)");
  EXPECT_EQ(fakeCudaCountRegistered(), 0);
  EXPECT_EQ(run([&] { drop(2, &buffer, 4); }),
            "memory of the host is let go that is not registered");
  ::setenv("FAKE_CUDA_FAIL", "cuMemHostUnregister=700@1", 1);
  fakeCudaReset();
  EXPECT_EQ(run([&] {
              add(2, &buffer, 4);
              drop(2, &buffer, 4);
            }),
            "cannot let memory of the host go: an illegal memory access was "
            "encountered (CUDA_ERROR_ILLEGAL_ADDRESS)");
  buffer.rest[2] = 9;
  EXPECT_EQ(run([&] { add(2, &buffer, 4); }),
            "memory of the host is registered that is not contiguous");
}

TEST_F(Gpu, OtherDevice) {
  auto workspace = create();
  auto run = [&](int32_t number) {
    Call call(*workspace);
    find<void(int32_t)>("mgpuSetDefaultDevice")(number);
    return call.finish().message();
  };
  EXPECT_EQ(run(0), "");
  EXPECT_EQ(run(2), "the code is for GPU 2, but the model is on GPU 0");
}

TEST_F(Gpu, FreesUnusedMemoryBeforeItFails) {
  auto workspace = create();
  auto small = workspace->allocate(100);
  workspace->release(*small);
  ::setenv("FAKE_CUDA_FAIL", "cuMemAlloc_v2=2@2", 1);
  auto large = workspace->allocate(10000);
  ASSERT_TRUE(large.ok()) << large.status().message();
  EXPECT_EQ(fakeCudaCountCalls("cuMemFree_v2"), 1);
  EXPECT_EQ(fakeCudaCountAllocations(), 1);
}

TEST_F(Gpu, Pointers) {
  auto workspace = create();
  auto buffer = workspace->allocate(100);
  auto isOnDevice = [&](void *pointer) {
    return *workspace->isOnDevice(pointer);
  };
  EXPECT_TRUE(isOnDevice(reinterpret_cast<void *>(*buffer)));
  EXPECT_TRUE(isOnDevice(reinterpret_cast<void *>(*buffer + 99)));
  EXPECT_FALSE(isOnDevice(x));
  ::setenv("FAKE_CUDA_FAIL", "cuPointerGetAttribute=700", 1);
  EXPECT_EQ(workspace->isOnDevice(x).status().message(),
            "cannot look a pointer up: an illegal memory access was "
            "encountered (CUDA_ERROR_ILLEGAL_ADDRESS)");
}

TEST_F(Gpu, OutsideOfACall) {
  Scale code;
  code.run(y, x, 3);
  EXPECT_EQ(y[0], 0);
  EXPECT_EQ(fakeCudaCountCalls("cuLaunchKernel"), 0);
}

TEST_F(Gpu, Threads) {
  auto workspace = create();
  Scale code;
  auto work = [&] {
    float mine[96], result[96];
    for (int round = 0; round < 50; ++round) {
      for (int i = 0; i < 96; ++i)
        mine[i] = float(i * round);
      Call call(*workspace);
      code.run(result, mine, 3);
      EXPECT_EQ(call.finish().message(), "");
      for (int i = 0; i < 96; ++i)
        EXPECT_EQ(result[i], 3 * mine[i]);
    }
  };
  std::thread other(work);
  work();
  other.join();
  EXPECT_LE(fakeCudaCountStreams(), 2);
  EXPECT_LE(fakeCudaCountAllocations(), 4);
  EXPECT_EQ(fakeCudaCountCalls("cuModuleLoadDataEx"), 1);
}

TEST_F(Gpu, Table) {
  EntryPoint table[] = {{"mgpuMemFree", nullptr}, {nullptr, nullptr}};
  EXPECT_TRUE(resolve(table).ok());
  EXPECT_EQ(table[0].address, findEntryPoint("mgpuMemFree"));
  // Of cuSPARSE, no function is there.
  table[0].name = "mgpuSpMM";
  EXPECT_EQ(resolve(table).message(),
            "the code calls a function for GPUs that this runtime has not: "
            "'mgpuSpMM'");
}

} // namespace
