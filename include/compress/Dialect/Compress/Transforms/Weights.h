//===- Weights.h - weights of a module, and how they are used -------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which constants are weights, what they are called, where their data are, and
// which of their dimensions the consumer reduces. Nothing here knows a codec.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_TRANSFORMS_WEIGHTS_H
#define COMPRESS_DIALECT_COMPRESS_TRANSFORMS_WEIGHTS_H

#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::compress {

/// The kind of op that consumes a weight. `None`: no op that we know.
enum class ConsumerKind { None, Gather, Convolution, Contraction };

/// Name of a kind as in the options of passes.
StringRef stringifyConsumerKind(ConsumerKind kind);
/// The kind of such a name but "none".
std::optional<ConsumerKind> symbolizeConsumerKind(StringRef name);

/// A constant tensor with all places that load it. Tied weights, loaded by
/// several ops, are one weight.
struct Weight {
  /// Symbol of the global, else resource key, else the `compress.weight`
  /// attribute, else `function#ordinal`.
  std::string name;
  RankedTensorType type;
  /// Null for a global without initial value.
  ElementsAttr data;
  /// Null for a constant.
  ml_program::GlobalOp global;
  /// arith.constant or ml_program.global_load(_const) ops.
  SmallVector<Operation *> loads;
  ConsumerKind kind = ConsumerKind::None;
  /// Per dimension, what the most telling consumer does with it.
  SmallVector<DimRole> roles;
  /// The `compress.codec` attribute of the constant or the global, or null.
  Attribute requested;
  /// Another one, of a constant with the same data, or null.
  Attribute otherRequest;

  /// Where to report about it.
  Operation *getAnchor() const {
    return global ? ml_program::GlobalOp(global).getOperation() : loads.front();
  }
};

/// On a constant that a pass made of others: it is no weight, has no name, and
/// stays in the code.
inline constexpr llvm::StringLiteral kDerivedAttr = "compress.derived";

/// All ranked tensor constants and globals of a module, in order of appearance.
SmallVector<Weight> collectWeights(ModuleOp module);

/// Little-endian row-major bytes of a weight, borrowed from the attribute, or
/// nothing: splats and attributes without a blob have none. A blob of the wrong
/// size, which the parser accepts, is nothing too.
std::optional<ArrayRef<char>> getRawData(ElementsAttr attr);

/// The certificate of an assembled value, or of the one that it is a part of;
/// null if there is none.
CertificateAttr findCertificate(Value compressed);

/// The name of the weight that an assembled value is, or is a part of; empty
/// where nothing says so.
StringRef findWeightName(Value compressed);

/// The attribute behind a constant or the load of an initialized global, or
/// null.
ElementsAttr getConstantData(Value value, SymbolTableCollection &symbols);

} // namespace mlir::compress

#endif // COMPRESS_DIALECT_COMPRESS_TRANSFORMS_WEIGHTS_H
