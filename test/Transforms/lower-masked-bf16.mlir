// RUN: compress-opt %s --compress-lower-masked-bf16 | FileCheck %s

// CHECK-LABEL: llvm.func @bf16(
// CHECK-SAME: %[[P:.*]]: !llvm.ptr, %[[M:.*]]: vector<16xi1>, %[[Z:.*]]: vector<16xbf16>)
// CHECK: %[[ZI:.*]] = llvm.bitcast %[[Z]] : vector<16xbf16> to vector<16xi16>
// CHECK: %[[L:.*]] = llvm.intr.masked.load %[[P]], %[[M]], %[[ZI]] {alignment = 2 : i32} : (!llvm.ptr, vector<16xi1>, vector<16xi16>) -> vector<16xi16>
// CHECK: %[[LF:.*]] = llvm.bitcast %[[L]] : vector<16xi16> to vector<16xbf16>
// CHECK: %[[LI:.*]] = llvm.bitcast %[[LF]] : vector<16xbf16> to vector<16xi16>
// CHECK: llvm.intr.masked.store %[[LI]], %[[P]], %[[M]] {alignment = 2 : i32} : vector<16xi16>, vector<16xi1> into !llvm.ptr
llvm.func @bf16(%p: !llvm.ptr, %m: vector<16xi1>, %z: vector<16xbf16>) {
  %0 = llvm.intr.masked.load %p, %m, %z {alignment = 2 : i32} : (!llvm.ptr, vector<16xi1>, vector<16xbf16>) -> vector<16xbf16>
  llvm.intr.masked.store %0, %p, %m {alignment = 2 : i32} : vector<16xbf16>, vector<16xi1> into !llvm.ptr
  llvm.return
}

// Other types stay.
// CHECK-LABEL: llvm.func @f16
// CHECK-NOT: llvm.bitcast
// CHECK: llvm.return
llvm.func @f16(%p: !llvm.ptr, %m: vector<16xi1>, %z: vector<16xf16>) {
  llvm.intr.masked.store %z, %p, %m {alignment = 2 : i32} : vector<16xf16>, vector<16xi1> into !llvm.ptr
  llvm.return
}
