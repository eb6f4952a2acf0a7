//===- CompressDialect.cpp - dialect, type, registry ----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Transforms/InliningUtils.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::compress;

//===----------------------------------------------------------------------===//
// Parsing helpers
//===----------------------------------------------------------------------===//

/// SHAPE x ELEM, codec
static ParseResult parseContents(AsmParser &parser,
                                 SmallVectorImpl<int64_t> &shape,
                                 Type &elementType, CodecAttrInterface &codec) {
  Attribute attr;
  SMLoc loc;
  if (parser.parseDimensionList(shape) || parser.parseType(elementType) ||
      parser.parseComma() || parser.getCurrentLocation(&loc) ||
      parser.parseAttribute(attr))
    return failure();
  codec = dyn_cast<CodecAttrInterface>(attr);
  if (!codec)
    return parser.emitError(loc) << "expected a codec, but got " << attr;
  return success();
}

static void printContents(AsmPrinter &printer, ArrayRef<int64_t> shape,
                          Type elementType, CodecAttrInterface codec) {
  printer.printDimensionList(shape);
  printer << (shape.empty() ? "" : "x") << elementType << ", " << codec;
}

#include "compress/Dialect/Compress/IR/CodecInterfaces.cpp.inc"
#include "compress/Dialect/Compress/IR/CompressDialect.cpp.inc"
#include "compress/Dialect/Compress/IR/CompressEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "compress/Dialect/Compress/IR/CompressAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "compress/Dialect/Compress/IR/CompressTypes.cpp.inc"

//===----------------------------------------------------------------------===//
// CompressDialect
//===----------------------------------------------------------------------===//

namespace {
struct CompressInlinerInterface : DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;
  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
};
} // namespace

void CompressDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "compress/Dialect/Compress/IR/CompressAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "compress/Dialect/Compress/IR/CompressTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "compress/Dialect/Compress/IR/CompressOps.cpp.inc"
      >();
  addInterfaces<CompressInlinerInterface>();
  getCodecs().addPreset({"none", "weights stay as they are",
                         [](RankedTensorType, ArrayRef<DimRole>) {
                           return CodecAttrInterface();
                         }});
}

LogicalResult CompressDialect::verifyOperationAttribute(Operation *op,
                                                        NamedAttribute attr) {
  if (attr.getName() == kCodecAttr &&
      !isa<CodecAttrInterface, StringAttr>(attr.getValue()))
    return op->emitOpError()
           << "expected '" << kCodecAttr
           << "' to be a codec or the name of a preset, but got "
           << attr.getValue();
  if (attr.getName() == kWeightAttr && !isa<StringAttr>(attr.getValue()))
    return op->emitOpError()
           << "expected '" << kWeightAttr
           << "' to be the name of a weight, but got " << attr.getValue();
  if (attr.getName() == kCertificateAttr &&
      !isa<CertificateAttr>(attr.getValue()))
    return op->emitOpError()
           << "expected '" << kCertificateAttr
           << "' to be a #compress.certificate, but got " << attr.getValue();
  return success();
}

//===----------------------------------------------------------------------===//
// CompressedTensorType
//===----------------------------------------------------------------------===//

/// How deep codecs nest in a codec.
static int64_t getDepth(Attribute codec) {
  int64_t depth = 0;
  codec.walkImmediateSubElements(
      [&](Attribute part) { depth = std::max(depth, getDepth(part)); },
      [](Type) {});
  return depth + isa<CodecAttrInterface>(codec);
}

LogicalResult
CompressedTensorType::verify(function_ref<InFlightDiagnostic()> emitError,
                             ArrayRef<int64_t> shape, Type elementType,
                             CodecAttrInterface codec) {
  bool isStored =
      elementType.isSignlessInteger(8) || elementType.isSignlessInteger(16) ||
      elementType.isSignlessInteger(32) ||
      (isa<FloatType>(elementType) &&
       (elementType.getIntOrFloatBitWidth() == 8 || elementType.isF16() ||
        elementType.isBF16() || elementType.isF32()));
  if (!isStored) // tensor_c1
    return emitError()
           << "expected elements of f32, f16, bf16, an 8-bit float, "
              "i8, i16 or i32, but got "
           << elementType;
  int64_t elements = 1;
  for (int64_t size : shape) // tensor_c2
    if (!ShapedType::isDynamic(size) &&
        (size < 0 || llvm::MulOverflow(elements, size, elements)))
      return emitError() << "expected a shape of less than 2^63 elements";
  if (getDepth(codec) > 8) // tensor_c3
    return emitError() << "expected codecs to nest at most 8 deep";
  // Stored bytes are counted in bits, of at most 64 an element.
  if (elements > std::numeric_limits<int64_t>::max() / 128)
    return emitError() << "expected a shape of less than 2^56 elements";
  return codec.verifyCodec(emitError,
                           RankedTensorType::get(shape, elementType));
}

SmallVector<Type> CompressedTensorType::getStorageTypes() const {
  return llvm::map_to_vector(
      getStorage(), [](const StorageComponent &part) { return part.type; });
}

//===----------------------------------------------------------------------===//
// CodecRegistry
//===----------------------------------------------------------------------===//

Encoder::~Encoder() = default;

std::string Encoder::describe(CodecAttrInterface, const EncodeContext &) const {
  return getAlgorithm().str();
}

FailureOr<AsmResourceBlob> Encoder::encodeAgainst(const WeightView &,
                                                  CodecAttrInterface,
                                                  ArrayRef<ArrayRef<char>>,
                                                  const EncodeContext &) const {
  return AsmResourceBlob();
}

const Encoder *CodecRegistry::lookupEncoder(CodecAttrInterface codec,
                                            StringRef algorithm) const {
  for (const auto &[id, encoder] : encoders)
    if (id == codec.getTypeID() && encoder->supports(algorithm))
      return encoder.get();
  return nullptr;
}

SmallVector<StringRef>
CodecRegistry::getAlgorithms(CodecAttrInterface codec) const {
  SmallVector<StringRef> names;
  for (const auto &[id, encoder] : encoders)
    if (id == codec.getTypeID())
      names.push_back(encoder->getAlgorithm());
  return names;
}

FailureOr<std::vector<EncodedComponent>>
mlir::compress::encodeTensor(const WeightView &weight, CodecAttrInterface codec,
                             const EncodeContext &context) {
  const Encoder *encoder =
      context.registry.lookupEncoder(codec, context.algorithm);
  if (encoder)
    return encoder->encode(weight, codec, context);
  std::string known = llvm::join(context.registry.getAlgorithms(codec), ", ");
  return context.emitError()
         << "no algorithm '" << context.algorithm << "' for " << codec
         << (known.empty() ? "" : ", known are: ") << known;
}

void mlir::compress::decodeLeaves(Type compressed,
                                  ArrayRef<ArrayRef<char>> leaves,
                                  MutableArrayRef<char> out) {
  auto type = cast<CompressedTensorType>(compressed);
  std::vector<std::vector<char>> decoded;
  SmallVector<ArrayRef<char>> views;
  SmallVector<Type> parts = type.getStorageTypes();
  decoded.reserve(parts.size());
  for (Type part : parts) {
    SmallVector<Type> types;
    getLeafTypes(part, types);
    if (auto nested = dyn_cast<CompressedTensorType>(part)) {
      RankedTensorType logical = nested.getLogicalType();
      decoded.emplace_back(logical.getNumElements() *
                           logical.getElementTypeBitWidth() / 8);
      decodeLeaves(nested, leaves.take_front(types.size()), decoded.back());
      views.push_back(decoded.back());
    } else {
      views.push_back(leaves.front());
    }
    leaves = leaves.drop_front(types.size());
  }
  type.getCodec().decodeData(type.getLogicalType(), views, 0, out);
}

void mlir::compress::collectEncodedLeaves(
    ArrayRef<EncodedComponent> components,
    SmallVectorImpl<const EncodedComponent *> &leaves) {
  for (const EncodedComponent &component : components) {
    if (isa<CompressedTensorType>(component.type))
      collectEncodedLeaves(component.parts, leaves);
    else
      leaves.push_back(&component);
  }
}

DenseComponents::DenseComponents(ArrayRef<EncodedComponent> components) {
  decoded.reserve(components.size());
  for (const EncodedComponent &component : components) {
    auto type = dyn_cast<CompressedTensorType>(component.type);
    if (!type) {
      views.push_back(component.data.getData());
      continue;
    }
    DenseComponents parts(component.parts);
    RankedTensorType logical = type.getLogicalType();
    std::vector<char> &bytes = decoded.emplace_back(
        logical.getNumElements() * logical.getElementTypeBitWidth() / 8);
    type.getCodec().decodeData(logical, parts.get(), 0, bytes);
    views.push_back(bytes);
  }
}

std::string CodecRegistry::listPresets() const {
  return llvm::join(
      llvm::map_range(presets,
                      [](const Preset &preset) { return preset.name; }),
      ", ");
}

const Preset *CodecRegistry::lookupPreset(StringRef name) const {
  for (const Preset &preset : presets)
    if (preset.name == name)
      return &preset;
  return nullptr;
}
