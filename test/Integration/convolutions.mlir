// RUN: rm -rf %t && mkdir %t
// RUN: %python %inputs/convolutions.py %t | FileCheck %s
// CHECK: f32: 5 presets agree
// CHECK-NEXT: bf16: 4 presets agree
// CHECK-NEXT: int8: 3 presets agree
