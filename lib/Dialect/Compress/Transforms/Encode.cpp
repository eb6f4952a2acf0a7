//===- Encode.cpp - compress-encode ---------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights -> decode(assemble(compressed constants)). Which codec a preset means
// and how its numbers are chosen is asked of the registry; no codec is named
// here.
//
//===----------------------------------------------------------------------===//

#include "Recipe.h"
#include "compress/Algorithms/ErrorStats.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/IR/FloatKind.h"
#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "compress/Dialect/Compress/Transforms/Weights.h"
#include "compress/Store/Checksum.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/GlobPattern.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSENCODE
#include "compress/Dialect/Compress/Transforms/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

namespace {

/// Attributes of an encoded weight, ready to be loaded in any function.
struct EncodedTree {
  Type type;
  ElementsAttr data;           // a leaf
  ml_program::GlobalOp global; // that holds the leaf, if the weight was one
  std::vector<EncodedTree> parts;
};

/// What is to be done with one weight.
struct Request {
  CodecAttrInterface codec; // null: leave the weight as it is
  StringRef algorithm;      // empty: the codec's first
  std::string reason;       // why it is left
};

struct EncodePass : compress::impl::CompressEncodeBase<EncodePass> {
  using Base::Base;

  void runOnOperation() override;

private:
  LogicalResult parseOptions();
  FailureOr<Request> resolve(const Weight &weight, Attribute requested,
                             StringRef algorithm);
  FailureOr<Request> select(const Weight &weight, bool &optional);
  LogicalResult checkEncodable(const Weight &weight);
  LogicalResult encode(Weight &weight, const Request &request);
  LogicalResult evaluate(EncodeOp op, StringRef name);
  FailureOr<EncodedTree> run(StringRef name, RankedTensorType type,
                             ArrayRef<char> data, CodecAttrInterface codec,
                             StringRef algorithm, Operation *anchor,
                             CertificateAttr &certificate);
  EncodedTree buildTree(EncodedComponent &&component, const Twine &name);
  void makeGlobals(EncodedTree &tree, ml_program::GlobalOp source,
                   const Twine &name);
  Value load(OpBuilder &b, Location loc, const EncodedTree &tree);
  void countBlobs();
  void releaseBlob(ElementsAttr attr, unsigned users);

  const CodecRegistry *registry = nullptr;
  CodecAttrInterface codecOption;
  SmallVector<llvm::GlobPattern> includes, excludes;
  SmallVector<ConsumerKind> kinds;
  std::optional<Recipe> rules; // of option 'recipe'
  llvm::StringMap<unsigned> blobUsers;
  unsigned numEncoded = 0;
};

} // namespace

static remark::RemarkOpts remarkOptions() {
  return remark::RemarkOpts::name("Encode").category("compress-encode");
}

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

static LogicalResult parseGlobs(ModuleOp module, StringRef option,
                                ArrayRef<std::string> texts,
                                SmallVectorImpl<llvm::GlobPattern> &globs) {
  for (const std::string &text : texts) {
    auto glob = llvm::GlobPattern::create(text);
    if (!glob)
      return emitError(module.getLoc())
             << "expected a glob for option '" << option << "', but got '"
             << text << "': " << llvm::toString(glob.takeError());
    globs.push_back(std::move(*glob));
  }
  return success();
}

LogicalResult EncodePass::parseOptions() {
  ModuleOp module = getOperation();
  registry = &getContext().getLoadedDialect<CompressDialect>()->getCodecs();
  codecOption = {};
  includes.clear();
  excludes.clear();
  kinds.clear();
  rules.reset();
  if (!preset.empty() + !codec.empty() + !recipe.empty() > 1)
    return emitError(module.getLoc())
           << "expected one of the options 'preset', "
              "'codec' and 'recipe', but got several";
  if (!recipe.empty()) {
    FailureOr<Recipe> loaded = Recipe::load(&getContext(), recipe, *registry);
    if (failed(loaded))
      return failure();
    rules = std::move(*loaded);
  }
  if (!preset.empty() && !registry->lookupPreset(preset))
    return emitError(module.getLoc())
           << "unknown preset '" << preset
           << "', known are: " << registry->listPresets();
  if (!codec.empty()) {
    Attribute attr = parseAttribute(codec, &getContext());
    codecOption = dyn_cast_or_null<CodecAttrInterface>(attr);
    if (!codecOption)
      return emitError(module.getLoc())
             << "expected option 'codec' to be a codec attribute, but got '"
             << codec << "'";
  }
  if (minElements < 0)
    return emitError(module.getLoc())
           << "expected option 'min-elements' to be 0 or "
              "more, but got "
           << int64_t(minElements);
  for (const std::string &text : ops) {
    std::optional<ConsumerKind> found = symbolizeConsumerKind(text);
    if (!found)
      return emitError(module.getLoc())
             << "expected option 'ops' to name contraction, "
                "convolution or gather, but got '"
             << text << "'";
    kinds.push_back(*found);
  }
  if (failed(parseGlobs(module, "include", include, includes)) ||
      failed(parseGlobs(module, "exclude", exclude, excludes)))
    return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Selection
//===----------------------------------------------------------------------===//

/// What an attribute or a preset's name asks for.
FailureOr<Request> EncodePass::resolve(const Weight &weight,
                                       Attribute requested,
                                       StringRef algorithm) {
  Operation *anchor = weight.getAnchor();
  StringRef chosen = algorithm;
  auto wanted = dyn_cast<CodecAttrInterface>(requested);
  if (!wanted) {
    StringRef name = cast<StringAttr>(requested).getValue();
    const Preset *found = registry->lookupPreset(name);
    if (!found)
      return emitError(anchor->getLoc())
             << "weight '" << weight.name << "': unknown preset '" << name
             << "', known are: " << registry->listPresets();
    if (!found->buildFor) {
      wanted = found->build(weight.type, weight.roles);
    } else {
      if (failed(checkEncodable(weight)))
        return failure();
      wanted = found->buildFor(
          {weight.name, weight.type, *getRawData(weight.data)}, weight.roles);
    }
    if (!wanted)
      return Request{nullptr, "", "its preset leaves weights as they are"};
    if (chosen.empty())
      chosen = found->algorithm;
  }
  if (failed(checkEncodable(weight)))
    return failure();
  auto emit = [&] {
    return emitError(anchor->getLoc()) << "weight '" << weight.name << "': ";
  };
  if (!CompressedTensorType::getChecked(emit, &getContext(),
                                        weight.type.getShape(),
                                        weight.type.getElementType(), wanted))
    return failure();
  return Request{wanted, chosen, ""};
}

/// `optional` says whether the weight may stay dense where it cannot be
/// encoded.
FailureOr<Request> EncodePass::select(const Weight &weight, bool &optional) {
  auto leave = [](const Twine &reason) -> FailureOr<Request> {
    return Request{nullptr, "", reason.str()};
  };
  Attribute requested = weight.requested;
  if (weight.otherRequest)
    return emitError(weight.getAnchor()->getLoc())
           << "weight '" << weight.name << "': expected one '"
           << CompressDialect::kCodecAttr
           << "' for constants of equal data, but got " << requested << " and "
           << weight.otherRequest;
  if (!requested && rules) {
    if (!isa<FloatType>(weight.type.getElementType()))
      return leave("its elements are not floating-point");
    const RecipeRule *rule = rules->decide(weight);
    if (!rule)
      return leave("the recipe has no rule for it");
    if (rule->keep)
      return leave("the recipe keeps it");
    optional |= rule->optional;
    return resolve(weight, rule->codec, rule->algorithm);
  }
  if (!requested) {
    if (preset.empty() && !codecOption)
      return leave("no preset or codec is asked for");
    if (!isa<FloatType>(weight.type.getElementType()))
      return leave("its elements are not floating-point");
    if (weight.kind == ConsumerKind::None)
      return leave("no contraction, convolution or gather consumes it");
    if (!kinds.empty() && !llvm::is_contained(kinds, weight.kind))
      return leave("option 'ops' leaves out its consumer");
    if (weight.type.getRank() < 2)
      return leave("it has less than two dimensions");
    if (weight.type.getNumElements() < minElements)
      return leave("it has fewer elements than option 'min-elements'");
    auto matches = [&](const llvm::GlobPattern &glob) {
      return glob.match(weight.name);
    };
    if (!includes.empty() && llvm::none_of(includes, matches))
      return leave("option 'include' does not match its name");
    if (llvm::any_of(excludes, matches))
      return leave("option 'exclude' matches its name");
    if (auto dense = dyn_cast_or_null<DenseElementsAttr>(weight.data))
      if (dense.isSplat())
        return leave("all its elements are the same");
    requested = codecOption ? Attribute(codecOption)
                            : StringAttr::get(&getContext(), preset);
  }
  return resolve(weight, requested, algorithm);
}

LogicalResult EncodePass::checkEncodable(const Weight &weight) {
  Operation *anchor = weight.getAnchor();
  auto error = [&] {
    return emitError(anchor->getLoc()) << "weight '" << weight.name << "': ";
  };
  if (!getFloatKind(weight.type.getElementType()))
    return error() << "expected elements of type f32, f16 or bf16, but got "
                   << weight.type.getElementType();
  ml_program::GlobalOp global = weight.global;
  if (global && global.getIsMutable())
    return error() << "expected an immutable global";
  if (global && !global.isPrivate())
    return error() << "expected a private global, whose type may change";
  if (!weight.data || isa<ml_program::ExternAttr>(weight.data) ||
      !getRawData(weight.data)) {
    auto resource = dyn_cast_or_null<DenseResourceElementsAttr>(weight.data);
    AsmResourceBlob *blob =
        resource ? resource.getRawHandle().getBlob() : nullptr;
    if (blob)
      return error() << "expected "
                     << weight.type.getNumElements() *
                            weight.type.getElementTypeBitWidth() / 8
                     << " bytes in its resource, but got "
                     << blob->getData().size();
    return error() << "expected its data in the module, but there are none "
                      "(weights from a file are bound by compressc --weights)";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

EncodedTree EncodePass::buildTree(EncodedComponent &&component,
                                  const Twine &name) {
  EncodedTree tree;
  tree.type = component.type;
  if (auto type = dyn_cast<CompressedTensorType>(component.type)) {
    for (auto [part, storage] :
         llvm::zip_equal(component.parts, type.getStorage()))
      tree.parts.push_back(
          buildTree(std::move(part), name + "." + storage.name));
    return tree;
  }
  auto type = cast<RankedTensorType>(component.type);
  // A resource cannot be empty; a dense attribute can.
  if (type.getNumElements() == 0)
    tree.data = DenseElementsAttr::get(type, ArrayRef<Attribute>());
  else
    tree.data = DenseResourceElementsAttr::get(type, name.str(),
                                               std::move(component.data));
  return tree;
}

static CertificateAttr makeCertificate(MLIRContext *ctx, StringRef name,
                                       StringRef algorithm,
                                       ArrayRef<char> source,
                                       const algorithms::ErrorStats &stats) {
  Builder b(ctx);
  auto number = [&](double value) { return b.getF64FloatAttr(value); };
  return CertificateAttr::get(
      ctx, name, algorithm, store::hashToHex(source.data(), source.size()),
      /*bits=*/0, number(stats.maxAbsError), number(stats.getRelativeError()),
      number(stats.getSqnr()));
}

/// What encoding cost, by the codec's reference decode.
static algorithms::ErrorStats computeStats(RankedTensorType type,
                                           ArrayRef<char> source,
                                           CodecAttrInterface codec,
                                           ArrayRef<EncodedComponent> encoded) {
  algorithms::FloatKind kind = *getFloatKind(type.getElementType());
  DenseComponents components(encoded);
  return algorithms::computeErrorStats(
      asBytes(source), kind, [&](int64_t begin, MutableArrayRef<float> out) {
        std::vector<char> bytes(out.size() * algorithms::getByteWidth(kind));
        codec.decodeData(type, components.get(), begin, bytes);
        algorithms::widenToF32(kind, asBytes(bytes), out);
      });
}

FailureOr<EncodedTree> EncodePass::run(StringRef name, RankedTensorType type,
                                       ArrayRef<char> data,
                                       CodecAttrInterface codec,
                                       StringRef algorithm, Operation *anchor,
                                       CertificateAttr &certificate) {
  auto emit = [&] {
    return emitError(anchor->getLoc()) << "weight '" << name << "': ";
  };
  EncodeContext context = {*registry, algorithm, emit};
  FailureOr<std::vector<EncodedComponent>> encoded =
      encodeTensor({name, type, data, nullptr}, codec, context);
  if (failed(encoded))
    return failure();
  certificate = makeCertificate(
      &getContext(), name,
      registry->lookupEncoder(codec, algorithm)->describe(codec, context), data,
      computeStats(type, data, codec, *encoded));

  EncodedComponent root;
  root.type = CompressedTensorType::get(type, codec);
  root.parts = std::move(*encoded);
  return buildTree(std::move(root), name);
}

void EncodePass::makeGlobals(EncodedTree &tree, ml_program::GlobalOp source,
                             const Twine &name) {
  if (auto type = dyn_cast<CompressedTensorType>(tree.type)) {
    for (auto [part, storage] : llvm::zip_equal(tree.parts, type.getStorage()))
      makeGlobals(part, source, name + "." + storage.name);
    return;
  }
  std::string symbol = name.str();
  for (unsigned i = 1; SymbolTable::lookupSymbolIn(getOperation(), symbol); ++i)
    symbol = (name + "_" + Twine(i)).str();
  OpBuilder b(source);
  tree.global = ml_program::GlobalOp::create(
      b, source.getLoc(), symbol, tree.type, /*is_mutable=*/false, tree.data,
      b.getStringAttr("private"));
}

Value EncodePass::load(OpBuilder &b, Location loc, const EncodedTree &tree) {
  if (isa<CompressedTensorType>(tree.type)) {
    SmallVector<Value> parts;
    for (const EncodedTree &part : tree.parts)
      parts.push_back(load(b, loc, part));
    return AssembleOp::create(b, loc, tree.type, parts);
  }
  if (ml_program::GlobalOp global = tree.global)
    return ml_program::GlobalLoadConstOp::create(
        b, loc, tree.type, FlatSymbolRefAttr::get(global.getSymNameAttr()));
  return arith::ConstantOp::create(b, loc, tree.data);
}

/// Puts the certificate, with the stored bits, on the assemble of a weight.
static void certify(Value compressed, CertificateAttr &certificate) {
  auto assemble = compressed.getDefiningOp<AssembleOp>();
  certificate = CertificateAttr::get(
      certificate.getContext(), certificate.getWeight(),
      certificate.getAlgorithm(), certificate.getSource(),
      getStoredBits(compressed).value_or(0), certificate.getMaxError(),
      certificate.getRelativeError(), certificate.getSqnr());
  assemble->setAttr(CompressDialect::kCertificateAttr, certificate);
}

LogicalResult EncodePass::encode(Weight &weight, const Request &request) {
  CertificateAttr certificate;
  FailureOr<EncodedTree> tree =
      run(weight.name, weight.type, *getRawData(weight.data), request.codec,
          request.algorithm, weight.getAnchor(), certificate);
  if (failed(tree))
    return failure();
  if (weight.global)
    makeGlobals(*tree, weight.global, weight.name);
  for (Operation *op : weight.loads) {
    OpBuilder b(op);
    Value compressed = load(b, op->getLoc(), *tree);
    certify(compressed, certificate);
    Value decoded = DecodeOp::create(b, op->getLoc(), compressed);
    op->replaceAllUsesWith(ValueRange(decoded));
    op->erase();
  }
  unsigned users = weight.loads.size();
  weight.loads.clear();
  if (weight.global) {
    users = 1;
    weight.global.erase();
  }
  releaseBlob(weight.data, users);
  ++numEncoded;
  remark::passed(tree->global ? tree->global.getLoc() : getOperation().getLoc(),
                 remarkOptions())
      << "encoded '" + weight.name + "'"
      << remark::metric("bits", certificate.getBits());
  return success();
}

LogicalResult EncodePass::evaluate(EncodeOp op, StringRef name) {
  ElementsAttr data;
  if (!matchPattern(op.getInput(), m_Constant(&data)))
    return success();
  std::optional<ArrayRef<char>> raw = getRawData(data);
  if (!raw)
    return emitError(op.getLoc()) << "weight '" << name
                                  << "': expected its data in the module, but "
                                     "there are none";
  CertificateAttr certificate;
  FailureOr<EncodedTree> tree =
      run(name, op.getType().getLogicalType(), *raw, op.getType().getCodec(),
          op.getAlgorithm().value_or(""), op, certificate);
  if (failed(tree))
    return failure();
  OpBuilder b(op);
  Value compressed = load(b, op.getLoc(), *tree);
  certify(compressed, certificate);
  op.replaceAllUsesWith(compressed);
  Operation *constant = op.getInput().getDefiningOp();
  op.erase();
  if (constant->use_empty()) {
    constant->erase();
    releaseBlob(data, 1);
  }
  ++numEncoded;
  return success();
}

//===----------------------------------------------------------------------===//
// Resources
//===----------------------------------------------------------------------===//

/// Counts the ops that hold each resource, at any depth of their attributes.
void EncodePass::countBlobs() {
  blobUsers.clear();
  getOperation().walk([&](Operation *op) {
    AttrTypeWalker walker;
    walker.addWalk([&](DenseResourceElementsAttr attr) {
      ++blobUsers[attr.getRawHandle().getKey()];
    });
    walker.walk(op->getAttrDictionary());
  });
}

/// The blob manager keeps data until the context dies: frees those of a weight
/// that has gone, unless something else holds them.
void EncodePass::releaseBlob(ElementsAttr attr, unsigned users) {
  auto resource = dyn_cast<DenseResourceElementsAttr>(attr);
  if (!resource)
    return;
  StringRef key = resource.getRawHandle().getKey();
  unsigned &left = blobUsers[key];
  left -= std::min(left, users);
  if (left == 0)
    DenseResourceElementsHandle::getManagerInterface(&getContext())
        .update(key, AsmResourceBlob());
}

/// The ordinals of constants change when others go: those that stay keep their
/// names. Encoded ones have no loads any more.
static void keepNames(ArrayRef<Weight> weights) {
  for (const Weight &weight : weights) {
    if (weight.global || isa<DenseResourceElementsAttr>(weight.data))
      continue;
    for (Operation *op : weight.loads)
      op->setAttr(CompressDialect::kWeightAttr,
                  StringAttr::get(op->getContext(), weight.name));
  }
}

//===----------------------------------------------------------------------===//
// Pass
//===----------------------------------------------------------------------===//

void EncodePass::runOnOperation() {
  ModuleOp module = getOperation();
  numEncoded = 0;
  if (failed(parseOptions()))
    return signalPassFailure();
  countBlobs();

  SmallVector<Weight> weights = collectWeights(module);
  bool wantsAll = codecOption || rules || (!preset.empty() && preset != "none");
  for (Weight &weight : weights) {
    Location loc = weight.getAnchor()->getLoc();
    FailureOr<Request> request = failure();
    std::string why;
    bool done = false, optional = allowDense;
    {
      // With allow-dense an error about one weight becomes a warning.
      ScopedDiagnosticHandler handler(&getContext(), [&](Diagnostic &diag) {
        if (!optional || diag.getSeverity() != DiagnosticSeverity::Error)
          return failure();
        why = diag.str();
        return success();
      });
      request = select(weight, optional);
      done = succeeded(request) &&
             (!request->codec || succeeded(encode(weight, *request)));
    }
    if (!done) {
      if (!optional)
        return signalPassFailure();
      emitWarning(loc) << why << "; it stays dense";
      wantsAll = false;
    } else if (!request->codec) {
      remark::missed(loc, remarkOptions())
          << "left '" + weight.name + "' dense"
          << remark::reason(request->reason.c_str());
    }
  }

  if (numEncoded)
    keepNames(weights);
  if (rules && failed(rules->checkUsed()))
    return signalPassFailure();

  SmallVector<std::pair<EncodeOp, std::string>> explicitOps;
  for (const Weight &weight : collectWeights(module))
    for (Operation *load : weight.loads)
      for (Operation *user : load->getUsers())
        if (auto op = dyn_cast<EncodeOp>(user))
          explicitOps.emplace_back(op, weight.name);
  for (auto &[op, name] : explicitOps)
    if (failed(evaluate(op, name)))
      return signalPassFailure();

  if (wantsAll && numEncoded == 0) {
    emitError(module.getLoc())
        << "found no weight to encode among " << weights.size()
        << " constants (see options 'min-elements', 'include', 'exclude' and "
           "'ops')";
    return signalPassFailure();
  }
}
