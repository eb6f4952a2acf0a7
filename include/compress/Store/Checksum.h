//===- Checksum.h - XXH3 of stored bytes ----------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_STORE_CHECKSUM_H
#define COMPRESS_STORE_CHECKSUM_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace mlir::compress::store {

/// XXH3-64 (seed 0).
uint64_t hash(const void *data, size_t size);

/// The same as 16 lower-case hex digits.
std::string hashToHex(const void *data, size_t size);

} // namespace mlir::compress::store

#endif // COMPRESS_STORE_CHECKSUM_H
