//===- Checksum.cpp - XXH3 of stored bytes --------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Store/Checksum.h"
#include "Support.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace mlir::compress::store;

uint64_t mlir::compress::store::hash(const void *data, size_t size) {
  // No data may have no address.
  return XXH3_64bits(size ? data : "", size);
}

std::string mlir::compress::store::hashToHex(const void *data, size_t size) {
  return toHex(hash(data, size));
}
