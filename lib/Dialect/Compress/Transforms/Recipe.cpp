//===- Recipe.cpp - which weight gets which codec, from a file ------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Recipe.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/GlobPattern.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/YAMLParser.h"

using namespace mlir;
using namespace mlir::compress;
namespace yaml = llvm::yaml;

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {
class RecipeReader {
public:
  RecipeReader(MLIRContext *context, StringRef path,
               const CodecRegistry &registry)
      : context(context), path(path), registry(registry) {}

  LogicalResult read(std::vector<RecipeRule> &rules,
                     std::optional<RecipeRule> &fallback);

private:
  LogicalResult readRule(yaml::Node *node, RecipeRule &rule, bool isDefault);
  LogicalResult readMatch(yaml::Node *node, RecipeRule &rule);
  LogicalResult readShape(yaml::Node *node, RecipeRule &rule);
  LogicalResult finishRule(yaml::Node *node, RecipeRule &rule);

  /// Calls `entry` for each key of a mapping; keys that occur twice are errors.
  LogicalResult
  readMapping(yaml::Node *node, StringRef what,
              function_ref<LogicalResult(StringRef, yaml::Node *)> entry);
  FailureOr<std::string> readText(yaml::Node *node, StringRef key);
  FailureOr<bool> readBool(yaml::Node *node, StringRef key);

  InFlightDiagnostic error(yaml::Node *node) { return emitError(getLoc(node)); }
  LocationAttr getLoc(yaml::Node *node) {
    auto [line, column] =
        sources.getLineAndColumn(node->getSourceRange().Start);
    return FileLineColLoc::get(context, path, line, column);
  }

  MLIRContext *context;
  StringRef path;
  const CodecRegistry &registry;
  llvm::SourceMgr sources;
};
} // namespace

LogicalResult RecipeReader::readMapping(
    yaml::Node *node, StringRef what,
    function_ref<LogicalResult(StringRef, yaml::Node *)> entry) {
  auto *mapping = dyn_cast_or_null<yaml::MappingNode>(node);
  if (!mapping)
    return error(node) << "expected " << what << " to be a mapping";
  llvm::StringSet<> seen;
  for (yaml::KeyValueNode &pair : *mapping) {
    auto *key = dyn_cast_or_null<yaml::ScalarNode>(pair.getKey());
    yaml::Node *value = pair.getValue();
    if (!key || !value)
      return error(node) << "expected " << what << " to have keys and values";
    SmallString<32> storage;
    StringRef name = key->getValue(storage);
    if (!seen.insert(name).second)
      return error(key) << "expected key '" << name << "' once";
    if (failed(entry(name, value)))
      return failure();
  }
  return success();
}

FailureOr<std::string> RecipeReader::readText(yaml::Node *node, StringRef key) {
  SmallString<64> storage;
  if (auto *scalar = dyn_cast<yaml::ScalarNode>(node))
    return scalar->getValue(storage).str();
  return error(node) << "expected '" << key << "' to be a text";
}

FailureOr<bool> RecipeReader::readBool(yaml::Node *node, StringRef key) {
  FailureOr<std::string> text = readText(node, key);
  if (failed(text))
    return failure();
  if (*text == "true" || *text == "false")
    return *text == "true";
  return error(node) << "expected '" << key
                     << "' to be true or false, but got '" << *text << "'";
}

LogicalResult RecipeReader::readShape(yaml::Node *node, RecipeRule &rule) {
  auto *list = dyn_cast<yaml::SequenceNode>(node);
  if (!list)
    return error(node) << "expected 'shape' to be a list of sizes and \"*\"";
  rule.shape.emplace();
  for (yaml::Node &item : *list) {
    FailureOr<std::string> text = readText(&item, "shape");
    if (failed(text))
      return failure();
    int64_t size = ShapedType::kDynamic;
    if (*text != "*" && (StringRef(*text).getAsInteger(10, size) || size < 0))
      return error(&item) << "expected a size or \"*\" in 'shape', but got '"
                          << *text << "'";
    rule.shape->push_back(size);
  }
  return success();
}

LogicalResult RecipeReader::readMatch(yaml::Node *node, RecipeRule &rule) {
  return readMapping(
      node, "'match'", [&](StringRef key, yaml::Node *value) -> LogicalResult {
        if (key == "shape")
          return readShape(value, rule);
        if (key != "name" && key != "op" && key != "dtype" &&
            key != "min-elements")
          return error(value)
                 << "unknown key '" << key
                 << "' in 'match', known are: name, op, shape, dtype, "
                    "min-elements";
        FailureOr<std::string> text = readText(value, key);
        if (failed(text))
          return failure();
        if (key == "name") {
          auto glob = llvm::GlobPattern::create(*text);
          if (!glob)
            return error(value)
                   << "expected a glob for 'name', but got '" << *text
                   << "': " << llvm::toString(glob.takeError());
          rule.name = *text;
        } else if (key == "op") {
          rule.op = symbolizeConsumerKind(*text);
          if (!rule.op)
            return error(value)
                   << "expected 'op' to be contraction, convolution or "
                      "gather, but got '"
                   << *text << "'";
        } else if (key == "dtype") {
          Builder b(context);
          rule.dtype = llvm::StringSwitch<Type>(*text)
                           .Case("f32", b.getF32Type())
                           .Case("f16", b.getF16Type())
                           .Case("bf16", b.getBF16Type())
                           .Default({});
          if (!rule.dtype)
            return error(value)
                   << "expected 'dtype' to be f32, f16 or bf16, but "
                      "got '"
                   << *text << "'";
        } else {
          int64_t number;
          if (StringRef(*text).getAsInteger(10, number) || number < 0)
            return error(value)
                   << "expected 'min-elements' to be 0 or more, but "
                      "got '"
                   << *text << "'";
          rule.minElements = number;
        }
        return success();
      });
}

LogicalResult RecipeReader::finishRule(yaml::Node *node, RecipeRule &rule) {
  if (rule.keep && rule.codec)
    return error(node) << "expected one of 'preset', 'codec' and 'keep', but "
                          "got several";
  if (!rule.keep && !rule.codec)
    return error(node) << "expected one of 'preset', 'codec' and 'keep'";
  if (rule.keep && (!rule.algorithm.empty() || rule.optional))
    return error(node)
           << "expected no 'algorithm' or 'optional' where 'keep' is true";
  return success();
}

LogicalResult RecipeReader::readRule(yaml::Node *node, RecipeRule &rule,
                                     bool isDefault) {
  rule.loc = getLoc(node);
  auto setCodec = [&](yaml::Node *value, Attribute codec) -> LogicalResult {
    if (rule.codec)
      return error(value)
             << "expected one of 'preset' and 'codec', but got both";
    rule.codec = codec;
    return success();
  };
  auto readKey = [&](StringRef key, yaml::Node *value) -> LogicalResult {
    if (key == "match" && !isDefault)
      return readMatch(value, rule);
    if (key == "keep" || key == "optional") {
      FailureOr<bool> flag = readBool(value, key);
      if (failed(flag))
        return failure();
      (key == "keep" ? rule.keep : rule.optional) = *flag;
      return success();
    }
    if (key != "preset" && key != "codec" && key != "algorithm")
      return error(value) << "unknown key '" << key << "' in "
                          << (isDefault ? "'default'" : "a rule")
                          << ", known are: " << (isDefault ? "" : "match, ")
                          << "preset, codec, algorithm, keep, optional";
    FailureOr<std::string> text = readText(value, key);
    if (failed(text))
      return failure();
    if (key == "algorithm") {
      rule.algorithm = *text;
      return success();
    }
    if (key == "preset") {
      if (!registry.lookupPreset(*text))
        return error(value) << "unknown preset '" << *text
                            << "', known are: " << registry.listPresets();
      return setCodec(value, StringAttr::get(context, *text));
    }
    Attribute codec;
    {
      // The parser's own error has no line of this file.
      ScopedDiagnosticHandler quiet(context,
                                    [](Diagnostic &) { return success(); });
      codec = parseAttribute(*text, context);
    }
    if (!isa_and_nonnull<CodecAttrInterface>(codec))
      return error(value)
             << "expected 'codec' to be a codec attribute, but got '" << *text
             << "'";
    return setCodec(value, codec);
  };
  if (failed(readMapping(node, isDefault ? "'default'" : "a rule", readKey)))
    return failure();
  return finishRule(node, rule);
}

LogicalResult RecipeReader::read(std::vector<RecipeRule> &rules,
                                 std::optional<RecipeRule> &fallback) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return emitError(UnknownLoc::get(context))
           << "cannot read '" << path << "': " << buffer.getError().message();
  // Syntax errors come with a line, too.
  bool reported = false;
  std::pair<RecipeReader *, bool *> state = {this, &reported};
  sources.setDiagHandler(
      [](const llvm::SMDiagnostic &diag, void *pointer) {
        auto [reader, reported] =
            *static_cast<std::pair<RecipeReader *, bool *> *>(pointer);
        if (!std::exchange(*reported, true))
          emitError(FileLineColLoc::get(reader->context, reader->path,
                                        diag.getLineNo(),
                                        diag.getColumnNo() + 1))
              << "expected YAML: " << diag.getMessage();
      },
      &state);
  yaml::Stream stream((*buffer)->getMemBufferRef(), sources);
  yaml::document_iterator document = stream.begin();
  if (document == stream.end() || stream.failed() || !document->getRoot())
    return reported ? failure()
                    : LogicalResult(emitError(UnknownLoc::get(context))
                                    << "expected '" << path
                                    << "' to be a YAML file");
  LogicalResult result = readMapping(
      document->getRoot(), "a recipe",
      [&](StringRef key, yaml::Node *value) -> LogicalResult {
        if (key == "default")
          return readRule(value, fallback.emplace(), /*isDefault=*/true);
        if (key != "rules")
          return error(value) << "unknown key '" << key
                              << "' in a recipe, known are: rules, default";
        auto *list = dyn_cast<yaml::SequenceNode>(value);
        if (!list)
          return error(value) << "expected 'rules' to be a list";
        for (yaml::Node &item : *list)
          if (failed(
                  readRule(&item, rules.emplace_back(), /*isDefault=*/false)))
            return failure();
        return success();
      });
  return failure(failed(result) || reported || stream.failed());
}

//===----------------------------------------------------------------------===//
// Recipe
//===----------------------------------------------------------------------===//

bool RecipeRule::matches(const Weight &weight) const {
  // A pattern refers to the text that it is made of, so rules keep the text.
  if (name &&
      !llvm::cantFail(llvm::GlobPattern::create(*name)).match(weight.name))
    return false;
  if (op && *op != weight.kind)
    return false;
  if (dtype && dtype != weight.type.getElementType())
    return false;
  if (minElements && weight.type.getNumElements() < *minElements)
    return false;
  if (!shape)
    return true;
  return int64_t(shape->size()) == weight.type.getRank() &&
         succeeded(verifyCompatibleShape(*shape, weight.type.getShape()));
}

FailureOr<Recipe> Recipe::load(MLIRContext *context, StringRef path,
                               const CodecRegistry &registry) {
  Recipe recipe;
  if (failed(RecipeReader(context, path, registry)
                 .read(recipe.rules, recipe.fallback)))
    return failure();
  return recipe;
}

const RecipeRule *Recipe::decide(const Weight &weight) {
  RecipeRule *decided = nullptr;
  for (RecipeRule &rule : rules) {
    if (!rule.matches(weight))
      continue;
    ++rule.numMatched;
    if (!decided) {
      decided = &rule;
      ++rule.numDecided;
    }
  }
  if (decided || !fallback)
    return decided;
  bool isUsual =
      weight.kind != ConsumerKind::None && weight.type.getRank() >= 2;
  return isUsual ? &*fallback : nullptr;
}

LogicalResult Recipe::checkUsed() const {
  LogicalResult result = success();
  for (const RecipeRule &rule : rules)
    if (rule.numDecided == 0)
      result = emitError(rule.loc)
               << (rule.numMatched
                       ? "every weight that this rule matches is decided by an "
                         "earlier one"
                       : "this rule matches no weight");
  return result;
}
