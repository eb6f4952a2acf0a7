// What cannot be decoded where it is read stays as it was, with nothing that was built for it; the decode says why, and so does the error of compress-check-fused.
// RUN: compress-opt %s --compress-inline-decode --split-input-file | FileCheck %s --implicit-check-not="linalg.generic {indexing_maps = [#map1" --implicit-check-not=scf.for
// RUN: compress-opt %s --compress-inline-decode --compress-check-fused=max-elements=0 --split-input-file --verify-diagnostics
// RUN: compress-opt %s --compress-inline-decode --remarks-filter="compress-inline-decode" --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=REMARK

// REMARK: remark: [Missed] InlineDecode | Category:compress-inline-decode | Reason="its user 'func.return' computes no single elements"
// CHECK-LABEL: func @returned
// CHECK: compress.decode %{{.*}} {compress.dense_reason = "its user 'func.return' computes no single elements"}
!w = !compress.tensor<128x64xf32, #compress.quant<i8, block = [1, 32], scale = f32>>
func.func @returned(%0: !w) -> tensor<128x64xf32> {
  // expected-error @below {{a compressed weight is decoded as a whole, to 'tensor<128x64xf32>': its user 'func.return' computes no single elements}}
  %w = compress.decode %0 : !w
  return %w : tensor<128x64xf32>
}

// -----
// CHECK-LABEL: func @matmul
// CHECK: %[[W:.*]] = compress.decode %{{.*}} {compress.dense_reason = "its user is a contraction, which is for kernels of its codec"}
// CHECK: linalg.matmul ins(%{{.*}}, %[[W]]
!w = !compress.tensor<32x16xf32, #compress.quant<i8, block = [1, 16], scale = f32>>
func.func @matmul(%0: !w, %x: tensor<1x32xf32>, %i: tensor<1x16xf32>) -> tensor<1x16xf32> {
  // expected-error @below {{its user is a contraction, which is for kernels of its codec}}
  %w = compress.decode %0 : !w
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf32>, tensor<32x16xf32>) outs(%i : tensor<1x16xf32>) -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// -----
// 16 outputs of each of 3 groups. With one less, they are decoded one by one.
// CHECK-LABEL: func @groups
// CHECK: compress.decode %{{.*}} {compress.dense_reason = "its user is a contraction, which is for kernels of its codec"}
!w = !compress.tensor<3x32x16xf32, #compress.quant<i8, block = [1, 1, 16], scale = f32>>
func.func @groups(%0: !w, %x: tensor<3x1x32xf32>, %i: tensor<3x1x16xf32>) -> tensor<3x1x16xf32> {
  // expected-error @below {{its user is a contraction}}
  %w = compress.decode %0 : !w
  %y = linalg.batch_matmul ins(%x, %w : tensor<3x1x32xf32>, tensor<3x32x16xf32>) outs(%i : tensor<3x1x16xf32>) -> tensor<3x1x16xf32>
  return %y : tensor<3x1x16xf32>
}

// -----
// What another pass knows of kernels is kept.
// CHECK-LABEL: func @known
// CHECK: compress.decode %{{.*}} {compress.dense_reason = "its codec has none"}
!w = !compress.tensor<32x16xf32, #compress.quant<i8, block = [1, 16], scale = f32>>
func.func @known(%0: !w, %x: tensor<1x32xf32>, %i: tensor<1x16xf32>) -> tensor<1x16xf32> {
  // expected-error @below {{its codec has none}}
  %w = compress.decode %0 {compress.dense_reason = "its codec has none"} : !w
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf32>, tensor<32x16xf32>) outs(%i : tensor<1x16xf32>) -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// -----
// A product of factors adds up, and so is no element of either.
// CHECK-LABEL: func @product
// CHECK: compress.decode %{{.*}} {compress.dense_reason = "its decode has 'linalg.generic', which makes no single elements"}
// CHECK-NEXT: linalg.exp
!w = !compress.tensor<8x6xf32, #compress.lowrank<2>>
func.func @product(%0: !w, %i: tensor<8x6xf32>) -> tensor<8x6xf32> {
  // expected-error @below {{its decode has 'linalg.generic', which makes no single elements}}
  %w = compress.decode %0 : !w
  %y = linalg.exp ins(%w : tensor<8x6xf32>) outs(%i : tensor<8x6xf32>) -> tensor<8x6xf32>
  return %y : tensor<8x6xf32>
}

// -----
// CHECK-LABEL: func @outside
// CHECK: compress.decode %{{.*}} {compress.dense_reason = "it is looked up outside of a linalg.generic"}
!w = !compress.tensor<8x6xf32, #compress.quant<i8, block = [1, 6], scale = f32>>
func.func @outside(%0: !w, %r: index) -> f32 {
  // expected-error @below {{it is looked up outside of a linalg.generic}}
  %w = compress.decode %0 : !w
  %v = tensor.extract %w[%r, %r] : tensor<8x6xf32>
  return %v : f32
}

// -----
// A lookup whose codec makes no elements leaves the body as it is.
// CHECK-LABEL: func @lookup
// CHECK: iterator_types = ["parallel"]
// CHECK-NEXT: ^bb0
// CHECK-NEXT: arith.index_cast
// CHECK-NEXT: tensor.extract
// CHECK-NEXT: linalg.yield
!w = !compress.tensor<8x6xf32, #compress.lowrank<2>>
func.func @lookup(%0: !w, %ids: tensor<4xi64>, %i: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{which makes no single elements}}
  %w = compress.decode %0 : !w
  %y = linalg.generic {indexing_maps = [affine_map<(n) -> (n)>, affine_map<(n) -> (n)>], iterator_types = ["parallel"]}
    ins(%ids : tensor<4xi64>) outs(%i : tensor<4xf32>) {
  ^bb0(%id: i64, %o: f32):
    %row = arith.index_cast %id : i64 to index
    %v = tensor.extract %w[%row, %row] : tensor<8x6xf32>
    linalg.yield %v : f32
  } -> tensor<4xf32>
  return %y : tensor<4xf32>
}
