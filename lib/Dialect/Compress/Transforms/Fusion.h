//===- Fusion.h - tiles of weights in the loops of their users ------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_DIALECT_COMPRESS_TRANSFORMS_FUSION_H
#define COMPRESS_LIB_DIALECT_COMPRESS_TRANSFORMS_FUSION_H

#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::compress {

/// Whether a dense tensor is a tile: of at most `maxElements`, for certain.
bool isTile(Type type, int64_t maxElements);

/// Whether nothing but the size of a value is asked for.
bool isOnlyMeasured(Operation *op);

/// An op that only moves or casts the elements of its one input: each loop is
/// parallel, the body yields the input, perhaps cast.
bool isMovement(linalg::LinalgOp op);

/// Erases a decode, or a movement of one, that only movements without users
/// use. Returns whether it did.
bool eraseUnused(RewriterBase &rewriter, Operation *op);

/// The indexing map of `use`, as seen from the dimensions of what the movement
/// that made it moves: loops of the user -> dimensions of the movement's input.
AffineMap composeMovement(linalg::LinalgOp movement, AffineMap map);

/// Sizes to cut the dimensions of a decoded tensor into, so that the codec
/// allows every tile and a tile has at most `maxElements`. Dimensions are cut
/// in the order given. Sizes need not divide the dimensions: the rest is a tile
/// of its own. Fails when even the smallest tile is too large.
FailureOr<SmallVector<int64_t>> chooseTile(CompressedTensorType type,
                                           ArrayRef<unsigned> order,
                                           int64_t maxElements);

/// Lets one use of a decoded weight decode a tile at a time. `reason` says why
/// not, and the IR is untouched then.
LogicalResult fuseDecode(RewriterBase &rewriter, OpOperand &use,
                         int64_t maxElements, std::string &reason);

/// The same for an op that looks rows of a weight up (a tensor.extract in the
/// body of a linalg.generic).
LogicalResult fuseGather(RewriterBase &rewriter, OpOperand &use,
                         int64_t maxElements, std::string &reason);

} // namespace mlir::compress

#endif // COMPRESS_LIB_DIALECT_COMPRESS_TRANSFORMS_FUSION_H
