//===- CodecRegistry.h - encoders and presets -----------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is attached to codecs from outside, so that no pass learns a codec's
// name: encoders, keyed by (codec, algorithm), and presets, keyed by name. A
// third party registers its own through a dialect extension:
//
//   registry.addExtension(+[](MLIRContext *, CompressDialect *compress,
//                             MyDialect *) {
//     compress->getCodecs().addEncoder<MyCodecAttr>(
//         std::make_unique<MyEncoder>());
//   });
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_IR_CODECREGISTRY_H
#define COMPRESS_DIALECT_COMPRESS_IR_CODECREGISTRY_H

#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <functional>
#include <memory>

namespace mlir::compress {
class CodecAttrInterface;

/// Statistics of what flows into a weight, for algorithms that use them.
struct WeightStatistics;

/// A dense weight, as an encoder sees it: little-endian elements in row-major
/// order, often mapped from a file, never copied.
struct WeightView {
  StringRef name;
  RankedTensorType type;
  ArrayRef<char> data;
  const WeightStatistics *statistics = nullptr;
};

/// Data of one storage component; `parts` instead of `data` when the component
/// is itself compressed.
struct EncodedComponent {
  Type type;
  AsmResourceBlob data;
  std::vector<EncodedComponent> parts;
};

/// Appends the leaves of encoded components, in order.
void collectEncodedLeaves(ArrayRef<EncodedComponent> components,
                          SmallVectorImpl<const EncodedComponent *> &leaves);

class CodecRegistry;

/// What encoders get besides the weight.
struct EncodeContext {
  /// For codecs that hand parts of a weight on to other codecs.
  const CodecRegistry &registry;
  /// The algorithm that was asked for; the codec's first when empty.
  StringRef algorithm;
  function_ref<InFlightDiagnostic()> emitError;
  /// Codecs of the components that will be compressed again, by name, for
  /// encoders that can choose what these are able to store; or null.
  DictionaryAttr nested = {};
};

/// Chooses the numbers for one codec by one algorithm.
class Encoder {
public:
  virtual ~Encoder();
  /// Name of the algorithm, e.g. "rtn".
  virtual StringRef getAlgorithm() const = 0;
  /// Whether it is for an algorithm that was asked for.
  virtual bool supports(StringRef algorithm) const {
    return algorithm.empty() || algorithm == getAlgorithm();
  }
  /// What chooses the numbers, for certificates.
  virtual std::string describe(CodecAttrInterface codec,
                               const EncodeContext &context) const;
  /// Encodes a weight whose type `codec` was verified for, into components in
  /// the order of the codec's storage. Reports bad values (non-finite, scale
  /// overflow) through the context. The result must not depend on the number of
  /// threads.
  virtual FailureOr<std::vector<EncodedComponent>>
  encode(const WeightView &weight, CodecAttrInterface codec,
         const EncodeContext &context) const = 0;
  /// Codes (the component of that role) of least error beside other components
  /// that are given: those that `encode` chose, or what is left of them when
  /// they are compressed again. `components` are dense bytes in the order of
  /// the codec's storage; those of the codes are not read. An empty blob, as
  /// here by default, where codes do not depend on other components.
  virtual FailureOr<AsmResourceBlob>
  encodeAgainst(const WeightView &weight, CodecAttrInterface codec,
                ArrayRef<ArrayRef<char>> components,
                const EncodeContext &context) const;
};

/// Encodes with the codec's encoder for the algorithm of the context; an error
/// when there is none.
FailureOr<std::vector<EncodedComponent>>
encodeTensor(const WeightView &weight, CodecAttrInterface codec,
             const EncodeContext &context);

/// Decodes a compressed tensor from the bytes of its stored leaves.
void decodeLeaves(Type compressed, ArrayRef<ArrayRef<char>> leaves,
                  MutableArrayRef<char> out);

/// Dense bytes of components, those that are compressed decoded.
class DenseComponents {
public:
  explicit DenseComponents(ArrayRef<EncodedComponent> components);
  ArrayRef<ArrayRef<char>> get() const { return views; }

private:
  std::vector<std::vector<char>> decoded;
  SmallVector<ArrayRef<char>> views;
};

/// How a weight's dimension is used by the op that consumes it: for its
/// results, or for what is summed up, which is the place in the window of a
/// convolution, or something else (channels, columns of a matrix).
enum class DimRole { Parallel, Reduction, Window };

/// A named way to store weights: the codec for a weight of the given type whose
/// dimensions have the given roles; null to leave the weight as it is.
struct Preset {
  StringRef name;
  StringRef summary;
  std::function<CodecAttrInterface(RankedTensorType type,
                                   ArrayRef<DimRole> roles)>
      build;
  /// What chooses the numbers; the codec's first algorithm when empty.
  StringRef algorithm = "";
  /// Instead of `build`, where the codec depends on the values of the weight.
  std::function<CodecAttrInterface(const WeightView &weight,
                                   ArrayRef<DimRole> roles)>
      buildFor = nullptr;
};

/// Encoders and presets. Filled by dialect extensions, then only read.
class CodecRegistry {
public:
  template <typename CodecT> void addEncoder(std::unique_ptr<Encoder> encoder) {
    encoders.emplace_back(TypeID::get<CodecT>(), std::move(encoder));
  }
  /// The encoder for a codec and an algorithm; an empty algorithm means the
  /// first that was registered for the codec. Null if there is none.
  const Encoder *lookupEncoder(CodecAttrInterface codec,
                               StringRef algorithm) const;
  /// Algorithms of a codec, the default first.
  SmallVector<StringRef> getAlgorithms(CodecAttrInterface codec) const;

  void addPreset(const Preset &preset) { presets.push_back(preset); }
  const Preset *lookupPreset(StringRef name) const;
  ArrayRef<Preset> getPresets() const { return presets; }
  /// Their names, for error messages.
  std::string listPresets() const;

private:
  std::vector<std::pair<TypeID, std::unique_ptr<Encoder>>> encoders;
  std::vector<Preset> presets;
};

} // namespace mlir::compress

#endif // COMPRESS_DIALECT_COMPRESS_IR_CODECREGISTRY_H
