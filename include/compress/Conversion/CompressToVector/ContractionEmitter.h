//===- ContractionEmitter.h - loops around decoded tiles ------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One half of a kernel, one class per instruction family. An emitter knows no
// codec: it asks the weight's TileDecoderInterface for vectors.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_CONVERSION_COMPRESSTOVECTOR_CONTRACTIONEMITTER_H
#define COMPRESS_CONVERSION_COMPRESSTOVECTOR_CONTRACTIONEMITTER_H

#include "compress/Dialect/Compress/IR/Compress.h"

namespace mlir::compress {

class ContractionEmitter {
public:
  virtual ~ContractionEmitter();
  /// Emits the loops of a compress.contract on buffers in front of it. Fails,
  /// and emits nothing, when this is not for the emitter.
  virtual LogicalResult emit(OpBuilder &b, ContractOp op) const = 0;
};

/// f32 multiply-add on vectors, for any machine. The features say how many
/// registers there are, and of which size.
std::unique_ptr<ContractionEmitter>
createFmaEmitter(ArrayRef<std::string> features);

/// f32 multiply-add with the elements that are stored, by AVX-512, if the
/// features have it.
std::unique_ptr<ContractionEmitter>
createSparseEmitter(ArrayRef<std::string> features);

/// Whether kernels that compute with integers can be the fastest ones on a CPU
/// with such features.
bool prefersIntegers(ArrayRef<std::string> features);

/// Products of 8-bit integers, by the best instructions that the features have.
std::unique_ptr<ContractionEmitter>
createIntegerEmitter(ArrayRef<std::string> features);

/// Whether kernels that compute in bf16 can be the fastest ones on a CPU with
/// such features.
bool prefersBf16(ArrayRef<std::string> features);

/// Products of bf16, added in f32: by AVX-512 BF16 if the features have it (and
/// VBMI, for the tables of decoders), else in f32, for any machine.
std::unique_ptr<ContractionEmitter>
createBf16Emitter(ArrayRef<std::string> features);

/// Products of signs, counted as bits: by AVX-512 VPOPCNTDQ if the features
/// have it, else by what counts the bits of bytes.
std::unique_ptr<ContractionEmitter>
createXnorEmitter(ArrayRef<std::string> features);

} // namespace mlir::compress

#endif // COMPRESS_CONVERSION_COMPRESSTOVECTOR_CONTRACTIONEMITTER_H
