// RUN: compress-opt %s --compress-loops-to-openmp | FileCheck %s
// RUN: compress-opt %s --compress-loops-to-openmp --convert-scf-to-cf --convert-openmp-to-llvm --finalize-memref-to-llvm --convert-func-to-llvm --convert-cf-to-llvm --convert-arith-to-llvm --reconcile-unrealized-casts | mlir-translate --mlir-to-llvmir | FileCheck %s --check-prefix=LLVM

// Chunks of four go to threads by turns; the buffer is the thread's, not the iteration's.
// CHECK-LABEL: func.func @shared(
// CHECK-SAME: %[[X:.*]]: memref<?xf32>, %[[N:.*]]: index)
// CHECK: omp.parallel {
// CHECK-NEXT: %[[CHUNK:.*]] = arith.constant 4 : index
// CHECK-NEXT: %[[BUFFER:.*]] = memref.alloca() : memref<4xf32>
// CHECK-NEXT: omp.wsloop nowait schedule(static = %[[CHUNK]] : index) {
// CHECK-NEXT: omp.loop_nest (%[[I:.*]]) : index = (%c0) to (%c256) step (%c2) {
// CHECK-NEXT: scf.for
// CHECK: memref.store %{{.*}}, %[[BUFFER]]
// CHECK: memref.store %{{.*}}, %[[X]][%[[I]]]
// CHECK: omp.yield
// CHECK: omp.terminator
// CHECK-NOT: omp.parallel

// By the runtime: 33 is a static schedule of chunks, of four here.
// LLVM-LABEL: define void @shared(
// LLVM: call void {{.*}}@__kmpc_fork_call(
// LLVM-LABEL: define internal void @shared..omp_par(
// LLVM: call void @__kmpc_for_static_init_8u(ptr @{{.*}}, i32 %{{.*}}, i32 33, {{.*}}, i64 1, i64 4)
// LLVM: call void @__kmpc_for_static_fini(
// LLVM-NOT: __kmpc_barrier(
func.func @shared(%x: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c256 = arith.constant 256 : index
  scf.parallel (%i) = (%c0) to (%c256) step (%c2) {
    %buffer = memref.alloca() : memref<4xf32>
    scf.for %j = %c0 to %n step %c1 {
      %v = memref.load %x[%j] : memref<?xf32>
      memref.store %v, %buffer[%c1] : memref<4xf32>
    }
    %v = memref.load %buffer[%c0] : memref<4xf32>
    memref.store %v, %x[%i] : memref<?xf32>
    scf.reduce
  } {compress.chunk = 4 : i64}
  return
}

// Nobody asked for threads.
// CHECK-LABEL: func.func @other(
// CHECK: scf.parallel
// CHECK-NOT: omp.
func.func @other(%x: memref<?xf32>, %v: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.parallel (%i) = (%c0) to (%c8) step (%c1) {
    memref.store %v, %x[%i] : memref<?xf32>
    scf.reduce
  }
  return
}

// A team of threads each is enough.
// CHECK-LABEL: func.func @nested(
// CHECK-COUNT-1: omp.parallel
// CHECK: scf.parallel
// CHECK-NOT: omp.parallel
// CHECK-LABEL: func.func @within(
// CHECK-COUNT-1: omp.parallel
// CHECK: scf.parallel
// CHECK-NOT: omp.wsloop
func.func @nested(%x: memref<8x8xf32>, %v: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.parallel (%i) = (%c0) to (%c8) step (%c1) {
    scf.parallel (%j) = (%c0) to (%c8) step (%c1) {
      memref.store %v, %x[%i, %j] : memref<8x8xf32>
      scf.reduce
    } {compress.chunk = 1 : i64}
    scf.reduce
  } {compress.chunk = 2 : i64}
  return
}
func.func @within(%x: memref<?xf32>, %v: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  omp.parallel {
    scf.parallel (%i) = (%c0) to (%c8) step (%c1) {
      memref.store %v, %x[%i] : memref<?xf32>
      scf.reduce
    } {compress.chunk = 1 : i64}
    omp.terminator
  }
  return
}
