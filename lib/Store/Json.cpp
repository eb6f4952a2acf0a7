//===- Json.cpp - JSON from untrusted files -------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Json.h"
#include "Support.h"
#include <unordered_set>

using namespace mlir::compress::store;
using nlohmann::json;

namespace {
/// Builds the members of the outermost object one after the other. A callback
/// that returns false ends the parsing.
class ObjectBuilder : public nlohmann::json_sax<json> {
public:
  ObjectBuilder(
      const std::string &where, const JsonLimits &limits,
      const std::function<Status(const std::string &, json &)> &member)
      : where(where), limits(limits), member(member) {}

  const Status &getStatus() const { return status; }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(int64_t value) override { return add(value); }
  bool number_unsigned(uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string &) override {
    return add(value);
  }
  bool string(std::string &value) override { return add(std::move(value)); }
  bool binary(json::binary_t &) override { return fail("has binary data"); }
  bool start_object(size_t) override {
    if (!inside) {
      inside = true;
      return true;
    }
    return open(json::object());
  }
  bool end_object() override {
    // The end of the outermost object.
    if (stack.empty())
      return true;
    return close();
  }
  bool start_array(size_t) override { return open(json::array()); }
  bool end_array() override { return close(); }
  bool key(std::string &value) override {
    bool isNew = stack.empty() ? seen.insert(value).second
                               : stack.back()->emplace(value, nullptr).second;
    if (!isNew)
      return fail("has the key " + quote(value) + " twice");
    (stack.empty() ? memberName : memberKey) = std::move(value);
    return true;
  }
  bool parse_error(size_t position, const std::string &,
                   const json::exception &) override {
    return fail("is not valid JSON at byte " + std::to_string(position));
  }

private:
  bool fail(const std::string &text) {
    status = Status::error(where + " " + text);
    return false;
  }

  /// Puts a value where the text has it; null after an error.
  json *place(json value) {
    if (!inside) {
      fail("is not a JSON object");
      return nullptr;
    }
    if (++count > limits.values) {
      fail("has more than " + std::to_string(limits.values) + " values in " +
           quote(memberName));
      return nullptr;
    }
    if (stack.empty()) {
      root = std::move(value);
      return &root;
    }
    if (stack.back()->is_array()) {
      stack.back()->push_back(std::move(value));
      return &stack.back()->back();
    }
    // The key was checked and made by key().
    json &slot = *stack.back()->find(memberKey);
    slot = std::move(value);
    return &slot;
  }

  bool add(json value) {
    if (!place(std::move(value)))
      return false;
    return !stack.empty() || finishMember();
  }

  bool open(json container) {
    json *placed = place(std::move(container));
    if (!placed)
      return false;
    stack.push_back(placed);
    if (stack.size() + 1 > limits.depth)
      return fail("is nested deeper than " + std::to_string(limits.depth) +
                  " levels");
    return true;
  }

  bool close() {
    stack.pop_back();
    return !stack.empty() || finishMember();
  }

  bool finishMember() {
    status = member(memberName, root);
    root = nullptr;
    count = 0;
    return status.ok();
  }

  const std::string &where;
  const JsonLimits &limits;
  const std::function<Status(const std::string &, json &)> &member;
  Status status;
  bool inside = false;
  /// The member of the outermost object that is being built, the containers of
  /// it that are open, and the latest key among them.
  std::string memberName, memberKey;
  json root;
  std::vector<json *> stack;
  size_t count = 0;
  std::unordered_set<std::string> seen;
};
} // namespace

Status mlir::compress::store::readJsonObject(
    std::string_view text, const std::string &where, const JsonLimits &limits,
    const std::function<Status(const std::string &, json &)> &member) {
  // nlohmann's lexer takes a zero byte for the end and would not see what
  // follows it.
  if (size_t zero = text.find('\0'); zero != std::string_view::npos)
    return Status::error(where + " is not valid JSON at byte " +
                         std::to_string(zero + 1));
  ObjectBuilder builder(where, limits, member);
  bool parsed = json::sax_parse(text.begin(), text.end(), &builder);
  if (!parsed && builder.getStatus().ok())
    return Status::error(where + " is not valid JSON");
  return builder.getStatus();
}
