//===- Recipe.h - which weight gets which codec, from a file --------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   rules:                      # the first one that matches a weight decides
//     - match: {name: "blocks.*.attn.*", op: contraction, shape: ["*", 64]}
//       preset: int4-b32
//       algorithm: rtn
//     - match: {name: "head.*"}
//       keep: true              # leave as it is
//   default:                    # for all others that a contraction, a
//     preset: int8-channel      # convolution or a gather consumes
//     optional: true            # warn where a weight cannot be compressed
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_DIALECT_COMPRESS_TRANSFORMS_RECIPE_H
#define COMPRESS_LIB_DIALECT_COMPRESS_TRANSFORMS_RECIPE_H

#include "compress/Dialect/Compress/Transforms/Weights.h"

namespace mlir::compress {

/// What a recipe says of a weight.
struct RecipeRule {
  LocationAttr loc;
  // All that are given must match.
  std::optional<std::string> name; // a glob
  std::optional<ConsumerKind> op;
  std::optional<SmallVector<int64_t>> shape; // kDynamic for "*"
  Type dtype;
  std::optional<int64_t> minElements;
  // What to do: a codec attribute, the name of a preset, or null to keep.
  Attribute codec;
  std::string algorithm;
  bool keep = false;
  bool optional = false;
  // Weights that it matched, and those that it decided.
  unsigned numMatched = 0, numDecided = 0;

  bool matches(const Weight &weight) const;
};

class Recipe {
public:
  /// Reads a file. Unknown keys, values of the wrong kind and rules that say
  /// two things are errors, at their line.
  static FailureOr<Recipe> load(MLIRContext *context, StringRef path,
                                const CodecRegistry &registry);

  /// The rule for a weight, or null.
  const RecipeRule *decide(const Weight &weight);

  /// After all weights: an error for every rule that decided none.
  LogicalResult checkUsed() const;

private:
  std::vector<RecipeRule> rules;
  std::optional<RecipeRule> fallback;
};

} // namespace mlir::compress

#endif // COMPRESS_LIB_DIALECT_COMPRESS_TRANSFORMS_RECIPE_H
