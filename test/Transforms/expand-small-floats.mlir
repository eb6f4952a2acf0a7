// RUN: compress-opt %s --compress-expand-small-floats | FileCheck %s

// The values are those of test/Integration/small-floats.test.

// CHECK-LABEL: func @e4m3
// CHECK-SAME: %[[X:.*]]: vector<16xf8E4M3FN>
// CHECK: %[[BITS:.*]] = arith.bitcast %[[X]] : vector<16xf8E4M3FN> to vector<16xi8>
// CHECK: %[[WIDE:.*]] = arith.extui %[[BITS]] : vector<16xi8> to vector<16xi32>
// CHECK: %[[C24:.*]] = arith.constant dense<24> : vector<16xi32>
// CHECK: %[[TOP:.*]] = arith.shli %[[WIDE]], %[[C24]]
// CHECK: %[[C4:.*]] = arith.constant dense<4> : vector<16xi32>
// CHECK: %[[SHIFTED:.*]] = arith.shrsi %[[TOP]], %[[C4]]
// 0x87F00000
// CHECK: %[[FIELDS:.*]] = arith.constant dense<-2014314496> : vector<16xi32>
// CHECK: %[[PLACED:.*]] = arith.andi %[[SHIFTED]], %[[FIELDS]]
// 2^120
// CHECK-DAG: %[[FACTOR:.*]] = arith.constant dense<1.329228E+36> : vector<16xf32>
// CHECK-DAG: %[[F:.*]] = arith.bitcast %[[PLACED]] : vector<16xi32> to vector<16xf32>
// CHECK: %[[VALUE:.*]] = arith.mulf %[[F]], %[[FACTOR]]
// CHECK: %[[NAN:.*]] = arith.cmpi uge
// CHECK: %[[ONES:.*]] = arith.ori %[[PLACED]]
// CHECK: %[[Y:.*]] = arith.select %[[NAN]], %{{.*}}, %[[VALUE]]
// CHECK: return %[[Y]]
func.func @e4m3(%x: vector<16xf8E4M3FN>) -> vector<16xf32> {
  %0 = arith.extf %x : vector<16xf8E4M3FN> to vector<16xf32>
  return %0 : vector<16xf32>
}

// All codes are finite: nothing to select.
// CHECK-LABEL: func @e2m1
// CHECK: arith.bitcast %{{.*}} : f4E2M1FN to i4
// CHECK: arith.extui %{{.*}} : i4 to i32
// CHECK: %[[Y:.*]] = arith.mulf
// CHECK-NEXT: return %[[Y]]
func.func @e2m1(%x: f4E2M1FN) -> f32 {
  %0 = arith.extf %x : f4E2M1FN to f32
  return %0 : f32
}

// CHECK-LABEL: func @e8m0
// CHECK: arith.maxui
// CHECK: arith.select
// CHECK: %[[V:.*]] = arith.bitcast %{{.*}} : vector<2x[4]xi32> to vector<2x[4]xf32>
// CHECK-NEXT: %[[Y:.*]] = arith.truncf %[[V]] : vector<2x[4]xf32> to vector<2x[4]xbf16>
// CHECK-NEXT: return %[[Y]]
func.func @e8m0(%x: vector<2x[4]xf8E8M0FNU>) -> vector<2x[4]xbf16> {
  %0 = arith.extf %x : vector<2x[4]xf8E8M0FNU> to vector<2x[4]xbf16>
  return %0 : vector<2x[4]xbf16>
}

// CHECK-LABEL: func @narrow
// CHECK: %[[WIDE:.*]] = arith.extf %{{.*}} : f16 to f32
// CHECK: arith.bitcast %[[WIDE]] : f32 to i32
// CHECK: arith.minui
// CHECK: arith.addf
// CHECK: %[[CODE:.*]] = arith.trunci %{{.*}} : i32 to i8
// CHECK-NEXT: %[[Y:.*]] = arith.bitcast %[[CODE]] : i8 to f8E5M2
// CHECK-NEXT: return %[[Y]]
func.func @narrow(%x: f16) -> f8E5M2 {
  %0 = arith.truncf %x : f16 to f8E5M2
  return %0 : f8E5M2
}

// What it is not for: tensors, other formats, f64 (two roundings), other roundings.
// CHECK-LABEL: func @untouched
// CHECK: arith.extf %{{.*}} : tensor<4xf8E5M2> to tensor<4xf32>
// CHECK: arith.truncf %{{.*}} : f64 to f8E5M2
// CHECK: arith.truncf %{{.*}} toward_zero : f32 to f8E5M2
// CHECK: arith.truncf %{{.*}} : f32 to f4E2M1FN
// CHECK: arith.extf %{{.*}} : f8E4M3 to f32
func.func @untouched(%t: tensor<4xf8E5M2>, %d: f64, %f: f32, %s: f8E4M3)
    -> (tensor<4xf32>, f8E5M2, f8E5M2, f4E2M1FN, f32) {
  %0 = arith.extf %t : tensor<4xf8E5M2> to tensor<4xf32>
  %1 = arith.truncf %d : f64 to f8E5M2
  %2 = arith.truncf %f toward_zero : f32 to f8E5M2
  %3 = arith.truncf %f : f32 to f4E2M1FN
  %4 = arith.extf %s : f8E4M3 to f32
  return %0, %1, %2, %3, %4 : tensor<4xf32>, f8E5M2, f8E5M2, f4E2M1FN, f32
}
