//===- Json.h - JSON from untrusted files ---------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// nlohmann's SAX parser with the rules that its DOM parser lacks: no key twice,
// bounded depth and size, no exceptions.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_STORE_JSON_H
#define COMPRESS_LIB_STORE_JSON_H

#include "compress/Store/Status.h"
#include <functional>
#include <nlohmann/json.hpp>
#include <string_view>

namespace mlir::compress::store {

struct JsonLimits {
  /// Of nested containers; the outermost object counts.
  size_t depth;
  /// Of values in one member of the outermost object. A value takes up to fifty
  /// times the memory of its text.
  size_t values;
};

/// Reads a JSON object and hands out its members in the order of the text. Only
/// one member is in memory at a time; `member` may move it away. Errors begin
/// with `where`; an error of `member` ends the reading and is returned as it
/// is.
Status readJsonObject(
    std::string_view text, const std::string &where, const JsonLimits &limits,
    const std::function<Status(const std::string &, nlohmann::json &)> &member);

} // namespace mlir::compress::store

#endif // COMPRESS_LIB_STORE_JSON_H
