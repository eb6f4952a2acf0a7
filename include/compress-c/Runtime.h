/*===- compress-c/Runtime.h - load and run artifacts ----------------------===*\
|*
|* Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===-----------------------------------------------------------------------===*|
|*
|* The C interface of libCompressRuntime.so, which needs no LLVM.
|*
|*   char error[512];
|*   CompressModel *model = compressModelOpen("m.artifact", NULL, error, sizeof
error);
|*   int32_t f = compressModelFindFunction(model, "main");
|*   int64_t shape[] = {1, 784};
|*   CompressTensor x = {data, COMPRESS_F32, 2, shape, NULL, COMPRESS_HOST};
|*   CompressTensor y = {0}; // allocate it for me
|*   if (compressModelRun(model, f, &x, 1, &y, 1) != COMPRESS_OK)
|*     puts(compressModelGetError(model));
|*   compressTensorRelease(&y);
|*   compressModelClose(model);
|*
|* Functions that can fail return COMPRESS_ERROR, NULL or -1, and change nothing
|* but the error text. A model may be used from several threads at a time.
|*
\*===----------------------------------------------------------------------===*/

#ifndef COMPRESS_C_RUNTIME_H
#define COMPRESS_C_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define COMPRESS_C_EXPORT
#else
#define COMPRESS_C_EXPORT __attribute__((visibility("default")))
#endif

/** Changes when a caller must be compiled again. */
#define COMPRESS_RUNTIME_ABI_VERSION 3

/** COMPRESS_RUNTIME_ABI_VERSION of the library that is loaded. */
COMPRESS_C_EXPORT int32_t compressRuntimeGetABIVersion(void);

typedef enum CompressStatus {
  COMPRESS_OK = 0,
  COMPRESS_ERROR = 1
} CompressStatus;

/** Element types. */
typedef enum CompressDType {
  COMPRESS_BOOL = 0,
  COMPRESS_U8 = 1,
  COMPRESS_I8 = 2,
  COMPRESS_U16 = 3,
  COMPRESS_I16 = 4,
  COMPRESS_U32 = 5,
  COMPRESS_I32 = 6,
  COMPRESS_U64 = 7,
  COMPRESS_I64 = 8,
  COMPRESS_F16 = 9,
  COMPRESS_BF16 = 10,
  COMPRESS_F32 = 11,
  COMPRESS_F64 = 12,
  COMPRESS_F8_E4M3 = 13,
  COMPRESS_F8_E5M2 = 14,
  COMPRESS_F8_E8M0 = 15
} CompressDType;

/** In the shape of a signature: a size that is known when the function runs. */
#define COMPRESS_DYNAMIC (-1)

/** Where memory is. */
typedef enum CompressPlacement {
  COMPRESS_HOST = 0,
  /** Memory of a GPU, for models that are compiled for GPUs: a pointer of the
   * CUDA driver, of the GPU that the model uses. */
  COMPRESS_GPU = 1
} CompressPlacement;

/** A tensor in memory of the caller. */
typedef struct CompressTensor {
  void *data;
  int32_t dtype; /**< CompressDType */
  int32_t rank;
  const int64_t *shape;   /**< `rank` sizes */
  const int64_t *strides; /**< `rank` strides in elements, not negative; NULL
                             for row-major */
  int32_t placement;      /**< CompressPlacement of `data` */
} CompressTensor;

/** What a function takes or gives. Pointers live as long as the model. */
typedef struct CompressTensorInfo {
  const char *name;
  int32_t dtype;
  int32_t rank;
  const int64_t *shape; /**< COMPRESS_DYNAMIC where known at run time only */
} CompressTensorInfo;

typedef struct CompressOpenOptions {
  size_t structSize; /**< sizeof(CompressOpenOptions) */
  /** Nonzero: do not read all weights to compare their checksums. The manifest,
   *  the code and the header of the weights are checked all the same. */
  int32_t skipWeightChecksums;
  /** See compressModelSetNumThreads; 0 for the default. */
  int32_t numThreads;
  /** Nonzero: copy the weights into memory of this process, in huge pages where
   *  the system has them, instead of mapping their file. They take memory of
   * their own and longer to load, and then are read faster. */
  int32_t copyWeights;
  /** Take this processor for another one, which is not newer: "x86-64",
   * "x86-64-v2", "x86-64-v3" or "x86-64-v4" with their features only, or
   * "native" for all that it has. NULL or "" for COMPRESS_CPU from the
   * environment, or "native". For tests, and to choose among the versions of an
   * artifact. */
  const char *cpu;
  /** Which GPU models use that are compiled for GPUs, by the driver's numbers.
   * It is looked for, and the weights are copied to it, at the first run. */
  int32_t gpu;
} CompressOpenOptions;

typedef struct CompressModel CompressModel;

/** Loads an artifact directory. `options` may be NULL. On failure returns NULL
 * and writes the reason to `error` (cut to `errorSize`, always terminated). */
COMPRESS_C_EXPORT CompressModel *
compressModelOpen(const char *path, const CompressOpenOptions *options,
                  char *error, size_t errorSize);

/** Frees a model that no thread uses any more. NULL is fine. */
COMPRESS_C_EXPORT void compressModelClose(CompressModel *model);

/** Why the last call of this thread on this model failed; "" if none did. Valid
 *  until the next call of this thread on it. */
COMPRESS_C_EXPORT const char *compressModelGetError(const CompressModel *model);

/** Threads that a run of this model computes on: 1 to 1024, the calling one
 * among them. Results do not depend on it, bit by bit.
 *
 *  A model begins with the number that it was opened with. By default that is
 *  COMPRESS_NUM_THREADS from the environment, or the number of processors, and
 * then runs that are in progress at the same time, of any models and threads of
 * the process, share it: one that begins as the n-th takes an n-th of it. A
 * number that is set here, or was given to compressModelOpen, is taken as it
 * is.
 *
 *  Threads are LLVM's OpenMP's. They obey its variables (OMP_PROC_BIND,
 *  KMP_BLOCKTIME, OMP_THREAD_LIMIT, ...), and a run that is called within a
 * parallel region of that runtime has one thread. Artifacts that were compiled
 * without threads, and small contractions, always have one. */
COMPRESS_C_EXPORT CompressStatus
compressModelSetNumThreads(CompressModel *model, int32_t numThreads);
COMPRESS_C_EXPORT int32_t
compressModelGetNumThreads(const CompressModel *model);

/** The CPU that the code is for which was chosen when the model was opened: of
 * the versions in the artifact, the best one that the processor can run. */
COMPRESS_C_EXPORT const char *compressModelGetCpu(const CompressModel *model);

COMPRESS_C_EXPORT int32_t
compressModelGetNumFunctions(const CompressModel *model);
/** NULL when out of range. */
COMPRESS_C_EXPORT const char *
compressModelGetFunctionName(const CompressModel *model, int32_t function);
/** -1 if there is none of that name. */
COMPRESS_C_EXPORT int32_t compressModelFindFunction(const CompressModel *model,
                                                    const char *name);
COMPRESS_C_EXPORT int32_t compressModelGetNumInputs(const CompressModel *model,
                                                    int32_t function);
COMPRESS_C_EXPORT int32_t compressModelGetNumOutputs(const CompressModel *model,
                                                     int32_t function);
COMPRESS_C_EXPORT CompressStatus
compressModelGetInput(const CompressModel *model, int32_t function,
                      int32_t index, CompressTensorInfo *info);
COMPRESS_C_EXPORT CompressStatus
compressModelGetOutput(const CompressModel *model, int32_t function,
                       int32_t index, CompressTensorInfo *info);

/** Runs a function. Inputs are read only, with any strides and alignment. An
 * output with data is written in place; its dtype, rank and shape must be those
 * of the result, and each element must have a place of its own. An output whose
 * data is NULL is allocated: data, dtype, rank, shape and strides are set, and
 * compressTensorRelease frees it. After an error, no output is allocated, and
 * those with data may be partly written.
 *
 *  Models that are compiled for GPUs take tensors of the host and of the GPU,
 * mixed at will. Those of the GPU are row-major; what writes an input there
 * must be done, and an output with data is complete when the function returns.
 * An output that is allocated is of the host. */
COMPRESS_C_EXPORT CompressStatus compressModelRun(
    CompressModel *model, int32_t function, const CompressTensor *inputs,
    int32_t numInputs, CompressTensor *outputs, int32_t numOutputs);

/** Frees an output that compressModelRun allocated, and clears it. */
COMPRESS_C_EXPORT void compressTensorRelease(CompressTensor *tensor);

#ifdef __cplusplus
}
#endif

#endif /* COMPRESS_C_RUNTIME_H */
