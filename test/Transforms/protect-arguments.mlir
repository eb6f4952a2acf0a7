// RUN: compress-opt %s --compress-protect-arguments | FileCheck %s

// CHECK: func.func @main(%{{.*}}: tensor<4xf32> {bufferization.writable = false}, %{{.*}}: index, %{{.*}}: tensor<?xf32> {bufferization.writable = false})
func.func @main(%x: tensor<4xf32>, %i: index, %y: tensor<?xf32>) {
  return
}

// CHECK: func.func private @helper(%{{.*}}: tensor<4xf32>) {
func.func private @helper(%x: tensor<4xf32>) {
  return
}
