// Contractions whose rows are windows of an image: in every mode and layout what numpy makes of the decoded weight.
// RUN: rm -rf %t && mkdir %t
// RUN: %python %inputs/windows.py %t | FileCheck %s
// CHECK: f32: nhwc, strides and dilations: agrees
// CHECK-NEXT: f32: nchw: agrees
// CHECK-NEXT: int8: nhwc, strides and dilations: agrees
// CHECK-NEXT: int8: nchw: agrees
