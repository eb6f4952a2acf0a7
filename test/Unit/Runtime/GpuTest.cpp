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
    void *function = find<void *(void *, const char *)>(
        "mgpuModuleGetFunction")(module, kernel);
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
  table[0].name = "mgpuTensorMapEncodeTiledMemref";
  EXPECT_EQ(resolve(table).message(),
            "the code calls a function for GPUs that this runtime has not: "
            "'mgpuTensorMapEncodeTiledMemref'");
}

} // namespace
