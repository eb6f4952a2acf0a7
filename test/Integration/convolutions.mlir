// RUN: rm -rf %t && mkdir %t
// RUN: %python %inputs/convolutions.py %t | FileCheck %s
// CHECK: f32: 7 presets agree
// CHECK-NEXT: bf16: 4 presets agree
// CHECK-NEXT: int8: 5 presets agree
