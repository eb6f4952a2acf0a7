// RUN: compress-opt %s --pass-pipeline='builtin.module(gpu.module(compress-lower-kernel-math))' --verify-diagnostics
gpu.module @kernels {
  func.func @power(%a: f32) -> f32 {
    // expected-error @below {{'math.powf' op is no instruction of a GPU}}
    %0 = math.powf %a, %a : f32
    return %0 : f32
  }
}
