// Each rule of #compress.nm, by its number. Those of stored data are in test/Integration/weight-data.test.
// RUN: compress-opt %s --split-input-file --verify-diagnostics

// nm_c1
// expected-error @below {{expected N:M with 1 <= N < M <= 16, but got 0:4}}
func.func private @f(!compress.tensor<8x64xf32, #compress.nm<0:4, axis = 1>>)

// -----
// nm_c1
// expected-error @below {{expected N:M with 1 <= N < M <= 16, but got 4:4}}
func.func private @f(!compress.tensor<8x64xf32, #compress.nm<4:4, axis = 1>>)

// -----
// nm_c1
// expected-error @below {{expected N:M with 1 <= N < M <= 16, but got 2:17}}
func.func private @f(!compress.tensor<8x64xf32, #compress.nm<2:17, axis = 1>>)

// -----
// nm_c2
// expected-error @below {{expected an axis of 0 or more, but got -1}}
func.func private @f(!compress.tensor<8x64xf32, #compress.nm<2:4, axis = -1>>)

// -----
// nm_c9: not one after another
// expected-error @below {{expected positions to be different dimensions that follow each other, with 2 among them, but got [2, 0]}}
func.func private @f(!compress.tensor<8x4x64xf32, #compress.nm<2:4, axis = 2, positions = [2, 0]>>)

// -----
// nm_c9: one of them twice
// expected-error @below {{expected positions to be different dimensions that follow each other, with 2 among them, but got [2, 2]}}
func.func private @f(!compress.tensor<8x4x64xf32, #compress.nm<2:4, axis = 2, positions = [2, 2]>>)

// -----
// nm_c9: without the axis
// expected-error @below {{expected positions to be different dimensions that follow each other, with 0 among them, but got [2, 1]}}
func.func private @f(!compress.tensor<8x4x64xf32, #compress.nm<2:4, axis = 0, positions = [2, 1]>>)

// -----
// nm_c9: below 0
// expected-error @below {{expected positions to be different dimensions that follow each other, with 0 among them, but got [0, -1]}}
func.func private @f(!compress.tensor<8x4x64xf32, #compress.nm<2:4, axis = 0, positions = [0, -1]>>)

// -----
// nm_c10
// expected-error @below {{expected positions up to dimension 2, but got up to 1}}
func.func private @f(!compress.tensor<8x4x64xf32, #compress.nm<2:4, axis = 1, positions = [1, 0]>>)

// -----
// nm_c10
// expected-error @below {{expected a static dimension 1 in positions, but got 'tensor<8x?x64xf32>'}}
func.func private @f(!compress.tensor<8x?x64xf32, #compress.nm<2:4, axis = 2, positions = [2, 1]>>)

// -----
// nm_c3
// expected-error @below {{expected an axis below rank 2, but got 2}}
func.func private @f(!compress.tensor<8x64xf32, #compress.nm<2:4, axis = 2>>)

// -----
// nm_c3
// expected-error @below {{expected an axis below rank 0, but got 0}}
func.func private @f(!compress.tensor<f32, #compress.nm<2:4, axis = 0>>)

// -----
// nm_c4
// expected-error @below {{expected elements of f32, f16 or bf16 for #compress.nm, but got 'i8'}}
func.func private @f(!compress.tensor<8x64xi8, #compress.nm<2:4, axis = 1>>)

// -----
// nm_c5
// expected-error @below {{expected a static dimension 0 for #compress.nm, but got 'tensor<?x64xf32>'}}
func.func private @f(!compress.tensor<?x64xf32, #compress.nm<2:4, axis = 0>>)

// -----
// nm_c5
// expected-error @below {{expected a static dimension 1 for #compress.nm, but got 'tensor<64x?xf32>'}}
func.func private @f(!compress.tensor<64x?xf32, #compress.nm<2:4, axis = 0>>)

// -----
func.func @f(%v: tensor<8x32xf32>, %m: tensor<8x7xi8>) {
  // expected-error @below {{expected component 'metadata' of type 'tensor<8x8xi8>', but got 'tensor<8x7xi8>'}}
  %0 = compress.assemble %v, %m : tensor<8x32xf32>, tensor<8x7xi8> -> !compress.tensor<8x64xf32, #compress.nm<2:4, axis = 1>>
  return
}
