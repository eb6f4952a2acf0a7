// Depthwise convolutions as loops of vectors: with odd sizes, strides and dilations, what numpy computes.
// RUN: rm -rf %t && mkdir %t
// RUN: %python %inputs/depthwise.py %t | FileCheck %s
// CHECK: none on cpu: 9 convolutions agree
// CHECK-NEXT: int8 on cpu: 9 convolutions agree
// CHECK-NEXT: int8 on cpu:x86-64-v3: 9 convolutions agree
