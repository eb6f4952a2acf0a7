//===- FakeCuda.h - a CUDA driver without a GPU, for tests ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// libFakeCuda.so has the functions of libcuda.so.1 that the runtime calls.
// Memory of its GPU is memory of the host, of which it knows the bounds; all
// work is done when it is asked for. A kernel NAME is the C function
//   void NAME(const unsigned grid[3], const unsigned block[3],
//             unsigned sharedBytes, void **parameters)
// of the process, and can be found if the PTX has an .entry of that name. Code
// that is compiled is taken to have all kernels.
//
// Variables of the environment:
//   FAKE_CUDA_DEVICES     number of GPUs (1)
//   FAKE_CUDA_CAPABILITY  10 times the compute capability (90)
//   FAKE_CUDA_FAIL        FUNCTION=RESULT or FUNCTION=RESULT@N: each call, or
//                         the N-th one, fails. Commas between several.
//   FAKE_CUDA_LOG         file that a line is added to for each call
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_TEST_FAKECUDA_H
#define COMPRESS_TEST_FAKECUDA_H

#include <cstddef>

extern "C" {
/// How often a function was called.
int fakeCudaCountCalls(const char *function);
/// What is there now.
int fakeCudaCountAllocations();
int fakeCudaCountStreams();
int fakeCudaCountModules();
/// Parts of the host's memory that are registered.
int fakeCudaCountRegistered();
/// From a place in memory of the GPU to the end of the allocation; 0 elsewhere.
size_t fakeCudaCountBytesFrom(const void *pointer);
/// Launches kernels in place of the functions that are called so.
using FakeCudaLauncher = void (*)(const char *ptx, const char *kernel,
                                  const unsigned *grid, unsigned sharedBytes,
                                  void **parameters);
void fakeCudaSetLauncher(FakeCudaLauncher launcher);
/// Forgets calls, so that those of FAKE_CUDA_FAIL are counted anew.
void fakeCudaReset();
}

#endif // COMPRESS_TEST_FAKECUDA_H
