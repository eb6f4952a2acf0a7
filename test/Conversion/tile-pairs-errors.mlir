// RUN: not compress-opt %s --compress-tile-pairs=bytes=0 2>&1 | FileCheck %s
// CHECK: error: expected option 'bytes' to be 1 or more, but got 0
