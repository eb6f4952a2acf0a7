#!/bin/sh
# Installs mlir-compress, builds this project against it, runs its test.
# Usage: run.sh BUILD_DIR LLVM_TOOLS_DIR CXX_COMPILER
set -eu
here=$(cd "$(dirname "$0")" && pwd) build=$1 tools=$2 cxx=$3
prefix=$build/consumer/prefix
rm -rf "$build/consumer"
cmake --install "$build" --prefix "$prefix" >/dev/null
cmake -S "$here" -B "$build/consumer/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_PREFIX_PATH="$prefix;$tools/../lib/cmake/mlir" >/dev/null
ninja -C "$build/consumer/build"
PATH="$build/consumer/build:$tools:$PATH"
export PATH
encode='--compress-encode=codec=#toy.truncate<f16> min-elements=4'
toy-opt "$here/toy.mlir" "$encode" | FileCheck "$here/toy.mlir"
toy-opt "$here/toy.mlir" "$encode" --compress-lower-decode | FileCheck "$here/toy.mlir" --check-prefix=LOWER
