// Convolutions in groups: kernels in every mode compute exactly what numpy does, where all numbers are integers.
// RUN: rm -rf %t && mkdir %t
// RUN: %python %inputs/grouped.py %t | FileCheck %s
// CHECK: none: 3 forms are exact
// CHECK-NEXT: int8-channel: 3 forms are exact
// CHECK-NEXT: int4-b32: 1 forms are exact
