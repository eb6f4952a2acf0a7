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
// of the library in FAKE_CUDA_KERNELS, or of one that the process has, and can
// be found if the PTX has an .entry of that name.
//
// Other variables of the environment:
//   FAKE_CUDA_DEVICES     number of GPUs (1)
//   FAKE_CUDA_CAPABILITY  10 times the compute capability (90)
//   FAKE_CUDA_FAIL        FUNCTION=RESULT or FUNCTION=RESULT@N: each call, or
//                         the N-th one, fails. Commas between several.
//   FAKE_CUDA_LOG         file that a line is added to for each call
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_TEST_FAKECUDA_H
#define COMPRESS_TEST_FAKECUDA_H

extern "C" {
/// How often a function was called.
int fakeCudaCountCalls(const char *function);
/// What is there now.
int fakeCudaCountAllocations();
int fakeCudaCountStreams();
int fakeCudaCountModules();
/// Forgets calls, so that those of FAKE_CUDA_FAIL are counted anew.
void fakeCudaReset();
}

#endif // COMPRESS_TEST_FAKECUDA_H
