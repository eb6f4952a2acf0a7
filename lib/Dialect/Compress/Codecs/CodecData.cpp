//===- CodecData.cpp - what codecs do with their data ---------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodecData.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace mlir::compress;

std::string mlir::compress::formatIndex(int64_t flat, ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "[";
  llvm::interleaveComma(delinearize(flat, computeStrides(shape)), os);
  os << "]";
  return text;
}

std::string mlir::compress::formatNumber(double number) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%g", number);
  return text;
}

void mlir::compress::decodeChunks(
    algorithms::FloatKind kind, int64_t begin, MutableArrayRef<char> out,
    function_ref<void(int64_t, MutableArrayRef<float>)> decode, int64_t most) {
  int64_t width = algorithms::getByteWidth(kind);
  std::vector<float> values(std::min<int64_t>(most, out.size() / width));
  while (!out.empty()) {
    int64_t count = std::min<int64_t>(most, out.size() / width);
    MutableArrayRef<float> chunk(values.data(), count);
    decode(begin, chunk);
    algorithms::narrowFromF32(kind, chunk,
                              asMutableBytes(out.take_front(count * width)));
    out = out.drop_front(count * width);
    begin += count;
  }
}

std::string mlir::compress::describeBase(CodecAttrInterface base,
                                         const EncodeContext &context) {
  const Encoder *encoder =
      context.registry.lookupEncoder(base, context.algorithm);
  return encoder ? encoder->describe(base, context) : "";
}

ComponentTile mlir::compress::getWholeTile(OpBuilder &b, Type component) {
  if (auto compressed = dyn_cast<CompressedTensorType>(component))
    component = compressed.getLogicalType();
  ComponentTile whole;
  for (int64_t size : cast<ShapedType>(component).getShape()) {
    whole.offsets.push_back(b.getIndexAttr(0));
    whole.sizes.push_back(b.getIndexAttr(size));
  }
  return whole;
}
