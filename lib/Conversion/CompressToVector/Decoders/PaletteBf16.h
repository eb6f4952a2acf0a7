//===- PaletteBf16.h - indices into codebooks for kernels of bf16 ---------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the tile decoder of #compress.palette does for bf16. Entries are rounded
// to bf16; codebooks belong to whole tiles.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_PALETTEBF16_H
#define COMPRESS_LIB_CONVERSION_PALETTEBF16_H

#include "compress/Conversion/CompressToVector/TileDecoder.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::compress::palette_bf16 {

std::optional<algorithms::TileLayout> getLayout(PaletteAttr codec,
                                                RankedTensorType logical,
                                                unsigned laneDim,
                                                unsigned stepDim);

Bf16Format getFormat(PaletteAttr codec, const TiledWeight &weight);

SmallVector<Bf16Pair> emitVector(ImplicitLocOpBuilder &b, PaletteAttr codec,
                                 const TiledWeight &weight,
                                 const TilePosition &position, int64_t vector,
                                 Bf16Form form);

BlockScales emitScales(ImplicitLocOpBuilder &b, PaletteAttr codec,
                       const TiledWeight &weight, const TilePosition &position);

} // namespace mlir::compress::palette_bf16

#endif // COMPRESS_LIB_CONVERSION_PALETTEBF16_H
