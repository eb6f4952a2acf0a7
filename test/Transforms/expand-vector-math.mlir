// RUN: compress-opt %s --compress-expand-vector-math | FileCheck %s

// Functions of vectors become arithmetic; those of scalars, and what needs no approximation, stay.
// CHECK-LABEL: func @functions
// CHECK-NOT: math.tanh
// CHECK-NOT: math.exp %{{.*}} : vector
// CHECK-NOT: math.erf
// CHECK-DAG: math.exp %{{.*}} : f32
// CHECK-DAG: math.sqrt %{{.*}} : vector<16xf32>
// CHECK: return
func.func @functions(%v: vector<16xf32>, %s: f32) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, f32) {
  %0 = math.tanh %v : vector<16xf32>
  %1 = math.exp %v : vector<16xf32>
  %2 = math.erf %v : vector<16xf32>
  %3 = math.sqrt %v : vector<16xf32>
  %4 = math.exp %s : f32
  return %0, %1, %2, %3, %4 : vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, f32
}
