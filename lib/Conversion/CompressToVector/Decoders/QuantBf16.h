//===- QuantBf16.h - quantized codes for kernels of bf16 ------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the tile decoder of #compress.quant does for bf16. All of its codes have
// values that are numbers of bf16.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_QUANTBF16_H
#define COMPRESS_LIB_CONVERSION_QUANTBF16_H

#include "compress/Conversion/CompressToVector/TileDecoder.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::compress::quant_bf16 {

std::optional<algorithms::TileLayout> getLayout(QuantAttr codec,
                                                RankedTensorType logical,
                                                unsigned laneDim,
                                                unsigned stepDim);

Bf16Format getFormat(QuantAttr codec, const TiledWeight &weight);

SmallVector<Bf16Pair> emitVector(ImplicitLocOpBuilder &b, QuantAttr codec,
                                 const TiledWeight &weight,
                                 const TilePosition &position, int64_t vector,
                                 Bf16Form form);

BlockScales emitScales(ImplicitLocOpBuilder &b, QuantAttr codec,
                       const TiledWeight &weight, const TilePosition &position);

} // namespace mlir::compress::quant_bf16

#endif // COMPRESS_LIB_CONVERSION_QUANTBF16_H
