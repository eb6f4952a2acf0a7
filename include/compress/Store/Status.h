//===- Status.h - errors as values ----------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Store and Runtime know no LLVM, so they have no llvm::Error. Messages name
// the file and say what was expected; they are shown to users as they are.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_STORE_STATUS_H
#define COMPRESS_STORE_STATUS_H

#include <cassert>
#include <optional>
#include <string>
#include <utility>

namespace mlir::compress::store {

/// Success, or one error message.
class [[nodiscard]] Status {
public:
  /// Success.
  Status() = default;
  static Status error(std::string message) {
    Status status;
    status.text = std::move(message);
    return status;
  }
  bool ok() const { return !text; }
  /// The message; empty on success.
  const std::string &message() const {
    static const std::string none;
    return text ? *text : none;
  }

private:
  std::optional<std::string> text;
};

/// A value, or the Status that says why there is none.
template <typename T> class [[nodiscard]] StatusOr {
public:
  StatusOr(Status error) : failure(std::move(error)) {
    assert(!failure.ok() && "success without a value");
  }
  StatusOr(T result) : value(std::move(result)) {}
  bool ok() const { return value.has_value(); }
  const Status &status() const { return failure; }
  T &operator*() { return *value; }
  const T &operator*() const { return *value; }
  T *operator->() { return &*value; }
  const T *operator->() const { return &*value; }

private:
  Status failure;
  std::optional<T> value;
};

} // namespace mlir::compress::store

#endif // COMPRESS_STORE_STATUS_H
