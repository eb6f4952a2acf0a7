// RUN: compress-opt %s --compress-protect-arguments | FileCheck %s

// CHECK: func.func @main(%{{.*}}: tensor<4xf32> {bufferization.writable = false}, %{{.*}}: index, %{{.*}}: tensor<?xf32> {bufferization.writable = false})
func.func @main(%x: tensor<4xf32>, %i: index, %y: tensor<?xf32>) {
  return
}

// CHECK: func.func private @helper(%{{.*}}: tensor<4xf32>) {
func.func private @helper(%x: tensor<4xf32>) {
  return
}

// What a caller said before does not count; buffers and declarations have no such attribute.
// CHECK: func.func @others(%{{.*}}: tensor<4xf32> {bufferization.writable = false}, %{{.*}}: tensor<*xf32> {bufferization.writable = false}, %{{.*}}: memref<4xf32>) {
func.func @others(%x: tensor<4xf32> {bufferization.writable = true}, %y: tensor<*xf32>, %z: memref<4xf32>) {
  return
}

// CHECK: func.func private @declared(tensor<4xf32>){{$}}
func.func private @declared(tensor<4xf32>)
