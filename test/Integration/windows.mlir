// Contractions whose rows are windows of an image: in every mode and layout what numpy makes of the decoded weight.
// RUN: rm -rf %t && mkdir %t
// RUN: %python %inputs/windows.py %t | FileCheck %s
// CHECK: f32: nhwc, 8 channels: agrees
// CHECK-NEXT: f32: nchw, 3 channels: agrees
// CHECK-NEXT: f32: nhwc, 64 channels: agrees
// CHECK-NEXT: int8: nhwc, 8 channels: agrees
// CHECK-NEXT: int8: nchw, 3 channels: agrees
// CHECK-NEXT: int8: nhwc, 64 channels: agrees
