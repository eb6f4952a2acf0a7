// RUN: compress-opt %s --pass-pipeline='builtin.module(gpu.module(compress-lower-kernel-math))' | FileCheck %s
gpu.module @kernels {
  // CHECK-LABEL: func.func @functions
  // CHECK-SAME: %[[A:.*]]: vector<1xf32>
  func.func @functions(%a: vector<1xf32>) -> vector<1xf32> {
    // CHECK-NEXT: %[[V0:.*]] = llvm.call_intrinsic "llvm.fabs"(%[[A]]) : (vector<1xf32>) -> vector<1xf32>
    %0 = math.absf %a : vector<1xf32>
    // CHECK-NEXT: %[[V1:.*]] = llvm.call_intrinsic "llvm.fma"(%[[V0]], %[[A]], %[[A]])
    %1 = math.fma %0, %a, %a : vector<1xf32>
    // CHECK-NEXT: %[[V2:.*]] = llvm.call_intrinsic "llvm.copysign"(%[[V1]], %[[A]])
    %2 = math.copysign %1, %a : vector<1xf32>
    // CHECK-NEXT: %[[V3:.*]] = llvm.call_intrinsic "llvm.floor"(%[[V2]])
    %3 = math.floor %2 : vector<1xf32>
    // CHECK-NEXT: %[[V4:.*]] = llvm.call_intrinsic "llvm.ceil"(%[[V3]])
    %4 = math.ceil %3 : vector<1xf32>
    // CHECK-NEXT: %[[V5:.*]] = llvm.call_intrinsic "llvm.roundeven"(%[[V4]])
    %5 = math.roundeven %4 : vector<1xf32>
    // CHECK-NEXT: %[[V6:.*]] = llvm.call_intrinsic "llvm.trunc"(%[[V5]])
    %6 = math.trunc %5 : vector<1xf32>
    // CHECK-NEXT: %[[V7:.*]] = llvm.call_intrinsic "llvm.sqrt"(%[[V6]])
    %7 = math.sqrt %6 : vector<1xf32>
    // CHECK-NEXT: %[[ROOT:.*]] = llvm.call_intrinsic "llvm.sqrt"(%[[V7]])
    // CHECK-NEXT: %[[ONE:.*]] = arith.constant dense<1.000000e+00> : vector<1xf32>
    // CHECK-NEXT: %[[V8:.*]] = arith.divf %[[ONE]], %[[ROOT]]
    %8 = math.rsqrt %7 : vector<1xf32>
    // CHECK-NEXT: return %[[V8]]
    return %8 : vector<1xf32>
  }
  // CHECK-LABEL: func.func @bits
  // CHECK: llvm.call_intrinsic "llvm.ctpop"(%{{.*}}) : (i32) -> i32
  func.func @bits(%a: i32) -> i32 {
    %0 = math.ctpop %a : i32
    return %0 : i32
  }
}
