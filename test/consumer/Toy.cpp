// All that a third-party codec needs: rules, storage, decode, tiles; and an
// encoder.
#include "Toy.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::compress;
using namespace toy;

#include "ToyDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "ToyAttrs.cpp.inc"

void ToyDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ToyAttrs.cpp.inc"
      >();
}

LogicalResult
TruncateAttr::verifyCodec(function_ref<InFlightDiagnostic()> emitError,
                          RankedTensorType logical) const {
  auto storage = dyn_cast<FloatType>(getStorage());
  if (!storage || storage.getWidth() >= logical.getElementTypeBitWidth())
    return emitError() << "expected a float type shorter than "
                       << logical.getElementType() << ", but got "
                       << getStorage();
  return success();
}

SmallVector<StorageComponent>
TruncateAttr::getStorage(RankedTensorType logical) const {
  return {{"values", ComponentRole::Values, logical.clone(getStorage())}};
}

FailureOr<Value> TruncateAttr::buildDecode(OpBuilder &b, Location loc,
                                           ValueRange components,
                                           RankedTensorType logical) const {
  Value values = getDense(b, loc, components[0]);
  return arith::ExtFOp::create(b, loc, logical, values).getResult();
}

void TruncateAttr::decodeData(RankedTensorType,
                              ArrayRef<ArrayRef<char>> components,
                              int64_t begin, MutableArrayRef<char> out) const {
  auto storage = cast<FloatType>(getStorage());
  auto *codes = reinterpret_cast<const uint16_t *>(components[0].data());
  for (; !out.empty(); out = out.drop_front(sizeof(float))) {
    llvm::APFloat value(storage.getFloatSemantics(),
                        llvm::APInt(16, codes[begin++]));
    bool loses;
    value.convert(llvm::APFloat::IEEEsingle(),
                  llvm::APFloat::rmNearestTiesToEven, &loses);
    float number = value.convertToFloat();
    memcpy(out.data(), &number, sizeof(float));
  }
}

FailureOr<SmallVector<ComponentTile>>
TruncateAttr::mapTile(OpBuilder &, Location, RankedTensorType, ValueRange,
                      ArrayRef<OpFoldResult> offsets,
                      ArrayRef<OpFoldResult> sizes) const {
  return SmallVector<ComponentTile>{
      {SmallVector<OpFoldResult>(offsets), SmallVector<OpFoldResult>(sizes)}};
}

SmallVector<TileGranularity>
TruncateAttr::getTileGranularity(RankedTensorType logical) const {
  return SmallVector<TileGranularity>(logical.getRank());
}

namespace {
/// Rounds f32 weights to f16, to nearest even.
class RoundEncoder : public Encoder {
public:
  StringRef getAlgorithm() const override { return "round"; }

  FailureOr<std::vector<EncodedComponent>>
  encode(const WeightView &weight, CodecAttrInterface codec,
         const EncodeContext &context) const override {
    if (!weight.type.getElementType().isF32())
      return context.emitError() << "expected f32 elements, but got "
                                 << weight.type.getElementType();
    auto storage = cast<FloatType>(cast<TruncateAttr>(codec).getStorage());
    if (storage.getWidth() != 16)
      return context.emitError()
             << "expected 16-bit storage, but got " << storage;
    int64_t count = weight.type.getNumElements();
    AsmResourceBlob blob = HeapAsmResourceBlob::allocate(2 * count, 16);
    auto *codes = reinterpret_cast<uint16_t *>(blob.getMutableData().data());
    auto *source = reinterpret_cast<const float *>(weight.data.data());
    bool loses;
    for (int64_t i = 0; i < count; ++i) {
      llvm::APFloat value(source[i]);
      value.convert(storage.getFloatSemantics(),
                    llvm::APFloat::rmNearestTiesToEven, &loses);
      codes[i] = value.bitcastToAPInt().getZExtValue();
    }
    std::vector<EncodedComponent> result;
    result.push_back({RankedTensorType::get(weight.type.getShape(), storage),
                      std::move(blob),
                      {}});
    return result;
  }
};
} // namespace

void toy::registerToy(DialectRegistry &registry) {
  registry.insert<ToyDialect>();
  registry.addExtension(
      +[](MLIRContext *, CompressDialect *compress, ToyDialect *) {
        compress->getCodecs().addEncoder<TruncateAttr>(
            std::make_unique<RoundEncoder>());
      });
}
