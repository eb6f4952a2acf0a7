// RUN: compress-opt %s --compress-emit-artifact-abi | FileCheck %s

// CHECK: llvm.mlir.global external constant @compress_model_abi_version(2 : i32)
// CHECK: llvm.mlir.global private constant @compress_message0("sizes differ\00")
// CHECK: llvm.mlir.global external @compress_assert_handler(#llvm.zero)
// The globals are gone; their order is the order of the table.
// CHECK-NOT: memref.global "private" constant @a :
memref.global "private" constant @a : memref<4xf32>
memref.global "private" constant @b : memref<2x3xi8>
// CHECK: memref.global "private" constant @inside
memref.global "private" constant @inside : memref<2xf32> = dense<[1.0, 2.0]>

// CHECK: func.func private @reads(%[[TABLE:.*]]: !llvm.ptr, %{{.*}}: index) -> i8
// CHECK: %[[SLOT:.*]] = llvm.getelementptr %[[TABLE]][1]
// CHECK: %[[DATA:.*]] = llvm.load %[[SLOT]] : !llvm.ptr -> !llvm.ptr
// CHECK: llvm.insertvalue %[[DATA]], %{{.*}}[0]
// CHECK: %[[MEMREF:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<2x3xi8>
// CHECK: memref.load %[[MEMREF]]
func.func private @reads(%i: index) -> i8 {
  %b = memref.get_global @b : memref<2x3xi8>
  %0 = memref.load %b[%i, %i] : memref<2x3xi8>
  return %0 : i8
}

// A caller passes the table on.
// CHECK: func.func private @main(%[[T:.*]]: !llvm.ptr, %[[X:.*]]: memref<?xf32>) -> memref<?xf32>
// CHECK: call @reads(%[[T]], %{{.*}})
func.func @main(%x: memref<?xf32>) -> memref<?xf32> {
  %c0 = arith.constant 0 : index
  %0 = call @reads(%c0) : (index) -> i8
  return %x : memref<?xf32>
}

// CHECK: func.func private @none()
func.func @none() {
  return
}

// Assertions with one text share it.
// CHECK: func.func private @asserts(%[[OK:.*]]: memref<i1>)
// CHECK: %[[FAILS:.*]] = arith.xori
// CHECK: scf.if %[[FAILS]]
// CHECK: %[[SLOT:.*]] = llvm.mlir.addressof @compress_assert_handler
// CHECK: %[[HANDLER:.*]] = llvm.load %[[SLOT]]
// CHECK: %[[TEXT:.*]] = llvm.mlir.addressof @compress_message0
// CHECK: llvm.call %[[HANDLER]](%[[TEXT]]) : !llvm.ptr, (!llvm.ptr) -> ()
// CHECK: scf.if
// CHECK: llvm.mlir.addressof @compress_message0
func.func @asserts(%m: memref<i1>) {
  %ok = memref.load %m[] : memref<i1>
  cf.assert %ok, "sizes differ"
  cf.assert %ok, "sizes differ"
  return
}

// CHECK: llvm.func @compress_entry_main(%[[W:.*]]: !llvm.ptr, %[[D:.*]]: !llvm.ptr)
// CHECK: llvm.getelementptr %[[D]][1]
// CHECK: %[[IN:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<?xf32>
// CHECK: %[[OUT:.*]] = func.call @main(%[[W]], %[[IN]])
// CHECK: llvm.getelementptr %[[D]][0]
// CHECK: llvm.store
// CHECK: llvm.func @compress_entry_none
// CHECK: call @none()
