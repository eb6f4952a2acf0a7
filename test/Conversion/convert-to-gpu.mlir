// A kernel: copies to shared memory that run ahead, matrices of lhs, codes unpacked in registers, and mma.
// RUN: compress-opt %s --convert-compress-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s
// RUN: compress-opt %s --convert-compress-to-gpu=chip=sm_80 --canonicalize --cse --split-input-file | FileCheck %s --check-prefix=AMPERE
// RUN: compress-opt %s --convert-compress-to-gpu='chip=sm_90a multiprocessors=1' --canonicalize --cse --split-input-file | FileCheck %s --check-prefix=ONE
// RUN: compress-opt %s --convert-compress-to-gpu=chip=sm_90a --remarks-filter="convert-compress-to-gpu" --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=REMARK
#tiled = #compress.tiled<#compress.quant<i4, block = [1, 128], scale = f16>, tile = [16, 64], order = [0, 1], split = [1, 2, 8, 4, 2, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 2, flip = 136>
#nk = affine_map<(m, n, k) -> (n, k)>

// 128 outputs are two blocks of 64, that is two warps of each; four warps share the 512 columns of a stage, a record of 128 each. As there are many more
// multiprocessors, four blocks share the columns: two stages each.
// CHECK: module attributes {gpu.container_module}
// CHECK: gpu.module @kernels [#nvvm.target<O = 3, chip = "sm_90a", features = "+ptx80">]
// CHECK: memref.global @shared_memory : memref<0xi8, #gpu.address_space<workgroup>> {alignment = 16 : i64}
// CHECK: gpu.func @static_contract0_m8_k4(%{{.*}}: memref<5x4096xf16>, %{{.*}}: memref<8x32x1056xi8>, %{{.*}}: memref<5x128xf32>) kernel attributes {known_block_size = array<i32: 256, 1, 1>, known_cluster_size = array<i32: 4, 1, 1>, nvvm.minctasm = 2 : i32}
// CHECK: %[[WARP:.*]] = arith.divui %{{.*}}, %c2
// CHECK: %[[X:.*]] = gpu.block_id x
// CHECK: %[[SPLIT:.*]] = arith.remui %[[X]], %c4
// CHECK: arith.muli %[[SPLIT]], %c2
// CHECK: scf.for
// CHECK:   nvgpu.device_async_copy {{.*}}, 16 {bypassL1} : memref<8x33792xi8> to memref<{{.*}}xi8, #gpu.address_space<workgroup>>
// CHECK:   nvgpu.device_async_copy {{.*}}, 8, %{{.*}} {bypassL1} : memref<20480xf16> to memref<{{.*}}x8x520xf16, #gpu.address_space<workgroup>>
// CHECK:   nvvm.cp.async.commit.group
// CHECK: %[[SUMS:.*]]:2 = scf.for
// CHECK:   nvvm.cp.async.wait.group
// CHECK:   gpu.barrier
// CHECK:   nvgpu.device_async_copy
// CHECK:   nvvm.cp.async.commit.group
// CHECK:   vector.load {{.*}} {alignment = 16 : i64} : memref<{{.*}}xi8, #gpu.address_space<workgroup>>, vector<16xi8>
// CHECK:   nvgpu.ldmatrix {{.*}} {numTiles = 4 : i32, transpose = false}
// CHECK:   llvm.inline_asm asm_dialect = att "lop3.b32 $0, $1, 0xf000f, 0x64006400, 0xea;"
// CHECK:   nvvm.mma.sync {{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 16>
// CHECK-COUNT-15: nvvm.mma.sync
// CHECK-NOT: nvvm.mma.sync
// Scales of the lane's two rows of each fragment, once a block, on four sums.
// CHECK:   vector.load {{.*}} {alignment = 4 : i64} : {{.*}}, vector<4xi8>
// CHECK:   llvm.intr.fma
// CHECK:   scf.yield
// Warps give their sums to each other: each adds up some, in order. Then blocks do; here one warp of each of two.
// CHECK: gpu.barrier
// CHECK: vector.store %[[SUMS]]#0, %[[BUFFER:.*]][%[[WARP]], %{{.*}}, %c0, %{{.*}}] {{.*}} : memref<4x2x2x128xf32, #gpu.address_space<workgroup>>
// CHECK: vector.store %[[SUMS]]#1
// CHECK: gpu.barrier
// CHECK: arith.cmpi ult, %[[WARP]], %c2
// CHECK: scf.if
// CHECK-COUNT-3: arith.addf
// CHECK: vector.store %{{.*}}, %[[BUFFER]][%c0
// CHECK: nvvm.cluster.arrive {aligned}
// CHECK: nvvm.cluster.wait {aligned}
// CHECK: arith.cmpi eq, %[[SPLIT]], %c0
// CHECK: scf.if
// CHECK: nvvm.mapa %{{.*}}, %c0_i32 : !llvm.ptr<3> -> !llvm.ptr<7>
// CHECK: nvvm.mapa %{{.*}}, %c1_i32
// CHECK: llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr<7> -> vector<4xf32>
// CHECK: arith.addf
// CHECK: nvvm.mapa %{{.*}}, %c2_i32
// CHECK: arith.addf
// CHECK: nvvm.mapa %{{.*}}, %c3_i32
// CHECK: arith.addf
// CHECK: memref.store
// CHECK: arith.cmpi eq, %[[SPLIT]], %c1
// CHECK: scf.if
// CHECK: memref.store
// CHECK: nvvm.cluster.arrive {aligned}
// CHECK: nvvm.cluster.wait {aligned}
// CHECK-NEXT: gpu.return
// Without clusters, blocks of 32 outputs: eight warps share the columns of a stage.
// AMPERE: gpu.func @static_contract0_m8({{.*}}) kernel attributes {known_block_size = array<i32: 256, 1, 1>, nvvm.minctasm = {{[12]}} : i32}
// AMPERE-NOT: cluster
// AMPERE: gpu.launch_func @kernels::@static_contract0_m8 blocks in (%c4,
// Where all multiprocessors have work, there is no need of either.
// ONE: gpu.launch_func @kernels::@static_contract0_m8 blocks in (%c2,
// CHECK-LABEL: func.func @static
// CHECK: gpu.launch_func @kernels::@static_contract0_m8_k4 blocks in (%c8, %c1, %c1) threads in (%c256, %c1, %c1) dynamic_shared_memory_size
func.func @static(%x: memref<5x4096xf16>, %s: memref<8x32x1056xi8>, %y: memref<5x128xf32>) {
  compress.contract ins(%x, %s : memref<5x4096xf16>, memref<8x32x1056xi8>) outs(%y : memref<5x128xf32>) overwrite
    weight(!compress.tensor<128x4096xf32, #tiled>, #nk) compute = f16
  return
}

// -----
// Any number of rows: the first kernel that is for as many, and none for no rows. The last one is for so many that its large blocks are about as many as
// multiprocessors (99 of 132). bf16 has a kind of its own.
#tiled = #compress.tiled<#compress.quant<i4, block = [1, 128], scale = f16>, tile = [16, 64], order = [0, 1], split = [1, 2, 8, 4, 2, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 2, flip = 136>
#nk = affine_map<(m, n, k) -> (n, k)>
// CHECK: llvm.inline_asm asm_dialect = att "lop3.b32 $0, $1, 0xf000f, 0x43004300, 0xea;"
// CHECK: nvvm.mma.sync {{.*}}multiplicandAPtxType = #nvvm.mma_type<bf16>
// CHECK-LABEL: func.func @dynamic
// CHECK: %[[ROWS:.*]] = memref.dim
// CHECK: arith.cmpi ugt, %[[ROWS]], %c0
// CHECK: arith.cmpi ule, %[[ROWS]], %c8
// CHECK: gpu.launch_func @kernels::@dynamic_contract0_m8
// CHECK: arith.cmpi ule, %[[ROWS]], %c16
// CHECK: gpu.launch_func @kernels::@dynamic_contract0_m16
// CHECK: arith.cmpi ule, %[[ROWS]], %c32
// CHECK: gpu.launch_func @kernels::@dynamic_contract0_m32
// CHECK: arith.cmpi ule, %[[ROWS]], %c6272
// CHECK: gpu.launch_func @kernels::@dynamic_contract0_m64 blocks in (%{{[0-9]+}}, %c1, %c1)
// CHECK: gpu.launch_func @kernels::@dynamic_contract0_m64_many blocks in (%{{[0-9]+}}, %c1, %c1)
// ONE-LABEL: func.func @dynamic
// ONE: arith.cmpi ule, %{{.*}}, %c64
// ONE: gpu.launch_func @kernels::@dynamic_contract0_m64 
// ONE: gpu.launch_func @kernels::@dynamic_contract0_m64_many
func.func @dynamic(%x: memref<?x256xbf16>, %s: memref<8x2x1056xi8>, %y: memref<?x128xf32>) {
  compress.contract ins(%x, %s : memref<?x256xbf16>, memref<8x2x1056xi8>) outs(%y : memref<?x128xf32>) overwrite
    weight(!compress.tensor<128x256xf32, #tiled>, #nk) compute = bf16
  return
}

// -----
// Of nothing there is nothing to launch, and without contractions no module of kernels.
#tiled = #compress.tiled<#compress.dense, tile = [16, 16], order = [0, 1], split = [1, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 4, 1, 6], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
// CHECK-LABEL: func.func @nothing
// CHECK-NEXT: return
func.func @nothing(%x: memref<0x256xf16>, %s: memref<8x16x512xi8>, %y: memref<0x128xf32>) {
  compress.contract ins(%x, %s : memref<0x256xf16>, memref<8x16x512xi8>) outs(%y : memref<0x128xf32>) overwrite
    weight(!compress.tensor<128x256xf16, #tiled>, #nk) compute = f16
  return
}

// -----
// Integers: a kernel rounds the rows of x first, continued to 64 columns, and gives each a scale.
#tiled = #compress.tiled<#compress.quant<i8, block = [1, 40], scale = f32>, tile = [16, 32], order = [0, 1], split = [1, 2, 8, 2, 2, 4, 2], inside = [2, 5, 3, 0, 1, 6, 4], record = 1, flip = 128>
#nk = affine_map<(m, n, k) -> (n, k)>
// Four threads have a row, 16 columns each, that they read once.
// CHECK: gpu.func @rounded_contract0_round(%[[X:.*]]: memref<5x40xf16>, %[[Q:.*]]: memref<5x64xi8>, %[[S:.*]]: memref<1x8xf32>) kernel attributes {known_block_size = array<i32: 32, 1, 1>}
// CHECK-COUNT-2: vector.load %[[X]][{{.*}}] {alignment = 16 : i64} : memref<5x40xf16>, vector<8xf16>
// CHECK-NOT: vector.load
// CHECK: arith.maxui
// CHECK-COUNT-2: nvvm.shfl.sync bfly
// CHECK-NOT: nvvm.shfl.sync
// CHECK-COUNT-12: nvvm.prmt
// CHECK: vector.store {{.*}}, %[[Q]][{{.*}}] {alignment = 16 : i64} : memref<5x64xi8>, vector<16xi8>
// CHECK: memref.store {{.*}}, %[[S]]
// CHECK: gpu.func @rounded_contract0_m8(%{{.*}}: memref<5x64xi8>, %{{.*}}: memref<1x2x512xi8>, %{{.*}}: memref<1x1x8x1x1x1x2x1x1xf32>, %{{.*}}: memref<5x16xf32>, %[[S:.*]]: memref<1x8xf32>)
// CHECK: nvgpu.device_async_copy {{.*}}, 16, %{{.*}} {bypassL1} : memref<320xi8>
// CHECK: nvvm.mma.sync {{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 32>
// CHECK: arith.sitofp {{.*}} : vector<4xi32> to vector<4xf32>
// CHECK: vector.load %[[S]]
// CHECK-LABEL: func.func @rounded
// CHECK: %[[Q:.*]] = memref.alloc() : memref<5x64xi8>
// CHECK: %[[S:.*]] = memref.alloc() : memref<1x8xf32>
// CHECK: gpu.launch_func @kernels::@rounded_contract0_round blocks in (%c1, %c1, %c1) {{.*}} args(%{{.*}} : memref<5x40xf16>, %[[Q]] : memref<5x64xi8>, %[[S]] : memref<1x8xf32>)
// CHECK: gpu.launch_func @kernels::@rounded_contract0_m8 {{.*}} args(%[[Q]] : memref<5x64xi8>, {{.*}}, %[[S]] : memref<1x8xf32>)
// CHECK: memref.dealloc %[[Q]]
// CHECK: memref.dealloc %[[S]]
func.func @rounded(%x: memref<5x40xf16>, %s: memref<1x2x512xi8>, %t: memref<1x1x8x1x1x1x2x1x1xf32>, %y: memref<5x16xf32>) {
  compress.contract ins(%x, %s, %t : memref<5x40xf16>, memref<1x2x512xi8>, memref<1x1x8x1x1x1x2x1x1xf32>) outs(%y : memref<5x16xf32>) overwrite
    weight(!compress.tensor<16x40xf32, #tiled>, #nk) compute = int8
  return
}

// -----
// Blocks with minima: of each, rows of x have a scale and a sum, which are copied as x is. A block's integers are converted by one subtraction.
#tiled = #compress.tiled<#compress.quant<u4, block = [1, 32], scale = f16, min = f16>, tile = [32, 32], order = [0, 1], split = [2, 2, 8, 2, 2, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
// CHECK: gpu.func @blocks_contract0_round(%[[X:.*]]: memref<?x256xf16>, %[[Q:.*]]: memref<?x256xi8>, %[[S:.*]]: memref<?x128xf32>) kernel attributes {known_block_size = array<i32: 128, 1, 1>}
// CHECK: nvvm.shfl.sync bfly
// CHECK: nvvm.dot.accumulate.4way
// CHECK: nvvm.shfl.sync bfly
// CHECK-COUNT-2: memref.store {{.*}}, %[[S]]
// CHECK: gpu.func @blocks_contract0_m8(%{{.*}}, %[[S:.*]]: memref<?x128xf32>)
// CHECK: arith.constant 1262485504 : i32
// CHECK: nvgpu.device_async_copy %[[S]]{{.*}}, 4, %{{.*}} {bypassL1} : memref<?x128xf32> to memref<{{.*}}xf32, #gpu.address_space<workgroup>>
// CHECK: nvvm.mma.sync {{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 32>
// CHECK: arith.subf {{.*}} : vector<4xf32>
// CHECK: vector.load {{.*}}xf32, #gpu.address_space<workgroup>>, vector<2xf32>
// CHECK-COUNT-2: llvm.intr.fma
// CHECK-LABEL: func.func @blocks
// CHECK: %[[GROUPS:.*]] = arith.ceildivui %{{.*}}, %c8
// CHECK: memref.alloc(%[[GROUPS]]) : memref<?x128xf32>
// CHECK: gpu.launch_func @kernels::@blocks_contract0_round blocks in (%[[GROUPS]], %c1, %c1) threads in (%c128,
// CHECK: gpu.launch_func @kernels::@blocks_contract0_m64
// CHECK: return
func.func @blocks(%x: memref<?x256xf16>, %s: memref<4x8x640xi8>, %y: memref<?x128xf32>) {
  compress.contract ins(%x, %s : memref<?x256xf16>, memref<4x8x640xi8>) outs(%y : memref<?x128xf32>) overwrite
    weight(!compress.tensor<128x256xf32, #tiled>, #nk) compute = int8
  return
}

// -----
// Signs: a kernel makes ballots of the rows of x first, 32 bytes of 256 columns, and counts them. Of the weight, bits of rows 0 to 7 and of those behind
// them take turns in the bytes of a word. What it has set is a product with ones.
#tiled = #compress.tiled<#compress.quant<binary, block = [1, 300], scale = f16>, tile = [16, 256], order = [0, 1], split = [1, 2, 8, 4, 8, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
// CHECK: gpu.func @signs_contract0_signs(%[[X:.*]]: memref<5x300xf16>, %[[Q:.*]]: memref<5x64xi8>, %[[S:.*]]: memref<5xi32>) kernel
// CHECK: %[[ROWS:.*]] = memref.collapse_shape %[[X]] {{\[\[}}0, 1]]
// CHECK: vector.load %[[ROWS]]{{.*}} {alignment = 8 : i64} : memref<1500xf16>, vector<4xf16>
// CHECK: arith.cmpf oge
// CHECK-COUNT-8: nvvm.vote.sync ballot
// CHECK: llvm.inline_asm {{.*}}"prmt.b32 $0, $1, $2, 0x5140;"
// CHECK: llvm.inline_asm {{.*}}"prmt.b32 $0, $1, $2, 0x7362;"
// CHECK: vector.store {{.*}}, %[[Q]][{{.*}}] {alignment = 16 : i64} : memref<5x64xi8>, vector<32xi8>
// CHECK: memref.store {{.*}}, %[[S]]
// CHECK: gpu.func @signs_contract0_m8(%{{.*}}: memref<5x64xi8>, %{{.*}}: memref<1x2x512xi8>, %{{.*}}: memref<1x1x8x1x1x1x1x2x1xf16>, %{{.*}}: memref<5x16xf32>, %[[S:.*]]: memref<5xi32>)
// CHECK: nvgpu.device_async_copy {{.*}}, 16, %{{.*}} {bypassL1} : memref<320xi8>
// CHECK: llvm.inline_asm {{.*}}"prmt.b32 $0, $1, $2, 0x6420;"
// CHECK: llvm.inline_asm {{.*}}"prmt.b32 $0, $1, $2, 0x7531;"
// CHECK: nvvm.mma.sync {{.*}} B[%[[ONES:.*]], %[[ONES]]] {{.*}}b1Op = #nvvm.mma_b1op<and_popc>{{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 256>
// CHECK: nvvm.mma.sync {{.*}}and_popc
// CHECK: memref.load %[[S]]
// CHECK: arith.sitofp {{.*}} : vector<4xi32> to vector<4xf32>
// CHECK-LABEL: func.func @signs
// CHECK: gpu.launch_func @kernels::@signs_contract0_signs blocks in (%c5, %c1, %c1) threads in (%c256, %c1, %c1)
// CHECK: gpu.launch_func @kernels::@signs_contract0_m8
func.func @signs(%x: memref<5x300xf16>, %s: memref<1x2x512xi8>, %t: memref<1x1x8x1x1x1x1x2x1xf16>, %y: memref<5x16xf32>) {
  compress.contract ins(%x, %s, %t : memref<5x300xf16>, memref<1x2x512xi8>, memref<1x1x8x1x1x1x1x2x1xf16>) outs(%y : memref<5x16xf32>) overwrite
    weight(!compress.tensor<16x300xf32, #tiled>, #nk) compute = xnor
  return
}

// -----
// Rows that are windows of an image: what a row and what a column adds to the offset in it, in 32 bits; 16 channels are two copies. Of the border
// nothing is read.
#tiled = #compress.tiled<#compress.dense, tile = [16, 16], order = [0, 1], split = [1, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 4, 1, 6], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
// CHECK: gpu.func @windows_contract0_m32(%[[IMAGE:.*]]: memref<2x3x5x16xf16>,
// CHECK: memref.collapse_shape %[[IMAGE]] {{\[\[}}0, 1, 2, 3]] : memref<2x3x5x16xf16> into memref<480xf16>
// CHECK: arith.remui %{{.*}}, %c15_i32 : i32
// CHECK: arith.cmpi ult, %{{.*}}, %c3_i32 : i32
// CHECK: arith.cmpi ult, %{{.*}}, %c5_i32 : i32
// CHECK: nvgpu.device_async_copy %{{.*}}, 8, %{{.*}} {bypassL1} : memref<480xf16> to
func.func @windows(%x: memref<2x3x5x16xf16>, %s: memref<1x9x512xi8>, %y: memref<30x16xf32>) {
  compress.contract ins(%x, %s : memref<2x3x5x16xf16>, memref<1x9x512xi8>) outs(%y : memref<30x16xf32>) overwrite
    weight(!compress.tensor<16x144xf16, #tiled>, #nk)
    window affine_map<(m, k) -> (m floordiv 15, (m mod 15) floordiv 5 + k floordiv 48 - 1, m mod 5 + (k mod 48) floordiv 16 - 1, k mod 16)>
    border compute = f16
  return
}

// -----
// Many rows of lhs: 128 of them in a block, that is two warps, and four warps of 64 outputs. Sixteen blocks of rows follow each other.
#tiled = #compress.tiled<#compress.dense, tile = [16, 16], order = [0, 1], split = [1, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 4, 1, 6], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
// CHECK: gpu.func @many_contract0_m128_many({{.*}}) kernel attributes {known_block_size = array<i32: 256, 1, 1>, nvvm.minctasm = 1 : i32}
// CHECK: %[[NUMBER:.*]] = gpu.block_id x
// CHECK: arith.divui %[[NUMBER]], %c128
// CHECK: %[[LEFT:.*]] = arith.subi %c16
// CHECK: arith.minui %[[LEFT]], %c16
// CHECK: arith.remui %[[NUMBER]], %c128
// 4 rows of tiles and 8 fragments of lhs, for each of the 4 steps of a stage.
// CHECK: %{{.*}}:32 = scf.for
// CHECK-COUNT-128: nvvm.mma.sync
// CHECK-NOT: nvvm.mma.sync
// CHECK-LABEL: func.func @many
// CHECK: gpu.launch_func @kernels::@many_contract0_m128_many blocks in (%c128, %c1, %c1) threads in (%c256, %c1, %c1) dynamic_shared_memory_size %c204800_i32
// AMPERE-LABEL: func.func @many
// AMPERE: gpu.launch_func @kernels::@many_contract0_m128_many blocks in (%c128, %c1, %c1) threads in (%c256, %c1, %c1) dynamic_shared_memory_size %c153600_i32
func.func @many(%x: memref<2048x1024xf16>, %s: memref<128x64x512xi8>, %y: memref<2048x2048xf32>) {
  compress.contract ins(%x, %s : memref<2048x1024xf16>, memref<128x64x512xi8>) outs(%y : memref<2048x2048xf32>) overwrite
    weight(!compress.tensor<2048x1024xf16, #tiled>, #nk) compute = f16
  return
}

// -----
// Other ops: a thread for each element of the results, of any number of them, with loops over what is reduced. Constants are made again.
// CHECK: gpu.func @between_pooling_nchw_max0(%[[X:.*]]: memref<?x4x6x8xf32>, %[[W:.*]]: memref<2x2xf32>, %[[Y:.*]]: memref<?x4x3x4xf32>) kernel attributes {known_block_size = array<i32: 256, 1, 1>}
// CHECK: %[[BLOCK:.*]] = gpu.block_id x
// CHECK: %[[FIRST:.*]] = arith.muli %[[BLOCK]], %c256
// CHECK: %[[AT:.*]] = arith.addi %[[FIRST]], %{{.*}} : index
// CHECK: %[[IS:.*]] = arith.cmpi ult, %[[AT]], %{{.*}} : index
// CHECK: scf.if %[[IS]]
// CHECK: %[[OLD:.*]] = memref.load %[[Y]]
// CHECK: %[[ALL:.*]] = scf.for %{{.*}} = %c0 to %c2 step %c1 iter_args(%{{.*}} = %[[OLD]]) -> (f32)
// CHECK:   scf.for {{.*}} iter_args
// CHECK:     arith.maximumf
// CHECK: memref.store %[[ALL]], %[[Y]]
// CHECK: gpu.func @between_fill1(%[[Z:.*]]: memref<4x3xf32>)
// CHECK-NOT: memref.load
// CHECK: memref.store %cst{{.*}}, %[[Z]]
// CHECK: gpu.return
// CHECK: gpu.func @between_generic2
// CHECK: math.exp %{{.*}} : vector<1xf32>
// CHECK-NOT: gpu.func
// CHECK-LABEL: func.func @between
// CHECK: %[[COUNT:.*]] = arith.muli %{{.*}}, %{{.*}} : index
// CHECK: %[[BLOCKS:.*]] = arith.ceildivui %[[COUNT]], %c256
// CHECK: arith.cmpi ugt, %[[COUNT]], %c0
// CHECK: scf.if
// CHECK: gpu.launch_func @kernels::@between_pooling_nchw_max0 blocks in (%[[BLOCKS]], %c1, %c1) threads in (%c256, %c1, %c1)  args(
// CHECK: gpu.launch_func @kernels::@between_fill1 blocks in (%c1, %c1, %c1)
// CHECK: gpu.launch_func @kernels::@between_generic2
func.func @between(%x: memref<?x4x6x8xf32>, %w: memref<2x2xf32>, %y: memref<?x4x3x4xf32>, %z: memref<4x3xf32>, %none: memref<0x3xf32>) {
  linalg.pooling_nchw_max {strides = dense<2> : tensor<2xi64>} ins(%x, %w : memref<?x4x6x8xf32>, memref<2x2xf32>) outs(%y : memref<?x4x3x4xf32>)
  %one = arith.constant 1.0 : f32
  linalg.fill ins(%one : f32) outs(%z : memref<4x3xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%z : memref<4x3xf32>) {
  ^bb0(%a: f32):
    %0 = linalg.index 1 : index
    %1 = arith.index_cast %0 : index to i32
    %2 = arith.sitofp %1 : i32 to f32
    %3 = arith.addf %a, %2 : f32
    %4 = math.exp %3 : f32
    linalg.yield %4 : f32
  }
  // Of no elements there is no kernel.
  linalg.fill ins(%one : f32) outs(%none : memref<0x3xf32>)
  return
}

// -----
// What the body loads by itself is an argument of the kernel. It is decoded once for four neighbours along the loop that it does not depend on; behind the last
// element there is none, and it is computed again.
// CHECK: gpu.func @decoding_generic0(%[[X:.*]]: memref<?x8xf32>, %{{.*}}: memref<3xi8>, %[[Y:.*]]: memref<?x8xf32>, %[[C:.*]]: memref<3x8xi8>, %[[S:.*]]: memref<8xf32>) kernel
// CHECK: %[[N:.*]] = memref.dim %[[Y]], %c0
// CHECK: %[[THREADS:.*]] = arith.ceildivui %[[N]], %c4
// CHECK: %[[D:.*]] = arith.remui %{{.*}}, %c8
// CHECK: %[[FIRST:.*]] = arith.muli %{{.*}}, %c4
// CHECK: %[[LAST:.*]] = arith.subi %[[N]], %c1
// CHECK: %[[N0:.*]] = arith.minui %[[FIRST]], %[[LAST]]
// CHECK: %[[AT1:.*]] = arith.addi %[[FIRST]], %c1
// CHECK: %[[N1:.*]] = arith.minui %[[AT1]], %[[LAST]]
// CHECK: %[[SUMS:.*]]:4 = scf.for %[[K:.*]] = %c0 to %c3 step %c1
// CHECK: memref.load %[[C]][%[[K]], %[[D]]]
// CHECK: %[[W:.*]] = arith.mulf
// CHECK-NOT: memref.load %[[C]]
// CHECK-COUNT-4: arith.mulf %{{.*}}, %[[W]]
// CHECK: memref.store %[[SUMS]]#0, %[[Y]][%[[N0]], %[[D]]]
// CHECK: %[[IS1:.*]] = arith.cmpi ult, %[[AT1]], %[[N]]
// CHECK: scf.if %[[IS1]]
// CHECK: memref.store %[[SUMS]]#1, %[[Y]][%[[N1]], %[[D]]]
// CHECK-LABEL: func.func @decoding
// CHECK: gpu.launch_func @kernels::@decoding_generic0 {{.*}} args(%arg2 : memref<?x8xf32>, %arg3 : memref<3xi8>, %arg4 : memref<?x8xf32>, %arg0 : memref<3x8xi8>, %arg1 : memref<8xf32>)
func.func @decoding(%c: memref<3x8xi8>, %s: memref<8xf32>, %x: memref<?x8xf32>, %sizes: memref<3xi8>, %y: memref<?x8xf32>) {
  linalg.generic {indexing_maps = [affine_map<(n, d, k) -> (n + k, d)>, affine_map<(n, d, k) -> (k)>, affine_map<(n, d, k) -> (n, d)>], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %sizes : memref<?x8xf32>, memref<3xi8>) outs(%y : memref<?x8xf32>) {
  ^bb0(%a: f32, %none: i8, %sum: f32):
    %d = linalg.index 1 : index
    %k = linalg.index 2 : index
    %code = memref.load %c[%k, %d] : memref<3x8xi8>
    %scale = memref.load %s[%d] : memref<8xf32>
    %number = arith.sitofp %code : i8 to f32
    %w = arith.mulf %scale, %number : f32
    %p = arith.mulf %a, %w : f32
    %r = arith.addf %sum, %p : f32
    linalg.yield %r : f32
  }
  return
}

// -----
// Two of four columns: mma.sp, whose metadata one word has for two tiles. It needs a later version of PTX. Zeros are the first two of four.
#tiled = #compress.tiled<#compress.nm<2:4, axis = 1>, tile = [16, 32], order = [0, 1], split = [1, 2, 8, 1, 2, 4, 4], inside = [2, 5, 3, 0, 4, 1, 6], positions = [0, 3, 2, 4, 1, 5, 6], record = 2>
#nk = affine_map<(m, n, k) -> (n, k)>
// CHECK: gpu.module @kernels [#nvvm.target<O = 3, chip = "sm_90a", features = "+ptx85">]
// CHECK: gpu.func @sparse_contract0_m8
// CHECK-DAG: %[[S0:.*]] = llvm.mlir.constant(0 : i32)
// CHECK-DAG: %[[S1:.*]] = llvm.mlir.constant(1 : i32)
// CHECK-DAG: %[[NUMBERS:.*]] = arith.constant 1145324612 : i32
// CHECK: nvgpu.ldmatrix {{.*}} {numTiles = 4 : i32, transpose = false}
// CHECK: vector.load {{.*}} {alignment = 4 : i64} : {{.*}}, vector<4xi8>
// CHECK: %[[WORD:.*]] = arith.xori %{{.*}}, %[[NUMBERS]]
// CHECK: nvvm.mma.sp.sync A[{{.*}}] B[{{.*}}] C[{{.*}}] sparseMetadata[%{{.*}}] selector[%[[S0]]] {orderedMetadata, shape = #nvvm.shape<m = 16, n = 8, k = 32>}
// CHECK: nvvm.mma.sp.sync {{.*}} selector[%[[S1]]]
// CHECK-NOT: nvvm.mma.sync
// CHECK-LABEL: func.func @sparse
// CHECK: return
func.func @sparse(%x: memref<5x4096xf16>, %s: memref<1x64x1152xi8>, %y: memref<5x16xf32>) {
  compress.contract ins(%x, %s : memref<5x4096xf16>, memref<1x64x1152xi8>) outs(%y : memref<5x16xf32>) overwrite
    weight(!compress.tensor<16x4096xf16, #tiled>, #nk) compute = f16
  return
}

// -----
// A matrix that does not fill a tile is continued by zeros.
#tiled = #compress.tiled<#compress.dense, tile = [16, 16], order = [0, 1], split = [1, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 4, 1, 6], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
// REMARK-NOT: remark
// REMARK: remark: [Missed] ConvertToGPU | Category:convert-compress-to-gpu | Reason="a weight of 5 x 24 does not fill a tile of 16 x 16, and kernels compute with whole ones"
// REMARK-NOT: remark
// CHECK: gpu.launch_func @kernels::@small_contract0_m8 
func.func @small(%x: memref<8x24xf16>, %s: memref<1x2x512xi8>, %y: memref<8x5xf32>) {
  compress.contract ins(%x, %s : memref<8x24xf16>, memref<1x2x512xi8>) outs(%y : memref<8x5xf32>) overwrite
    weight(!compress.tensor<5x24xf16, #tiled>, #nk) compute = f16
  return
}

// -----
// Few outputs, on a chip without clusters: four blocks store parts of sums to a buffer of the contraction, and a second kernel of the same blocks adds them
// up in one order, before anything is done with them.
#tiled = #compress.tiled<#compress.dense, tile = [16, 16], order = [0, 1], split = [1, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 4, 1, 6], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
// AMPERE: gpu.func @parts_contract0_m8_p4({{.*}}, %[[Y:.*]]: memref<?x32xf32>, %[[PARTS:.*]]: memref<?x1x1x4x1x2x128xf32>)
// AMPERE: llvm.inline_asm has_side_effects {{.*}} ".pragma \22nounroll\22;"
// AMPERE: vector.store %{{.*}}, %[[PARTS]][%{{.*}}, %{{.*}}, %c0, %[[PART:.*]], %c0, %{{.*}}, %{{.*}}] {alignment = 16 : i64}
// AMPERE-NOT: memref.store
// AMPERE: gpu.func @parts_contract0_m8_p4_sum({{.*}}, %[[Y:.*]]: memref<?x32xf32>, %[[PARTS:.*]]: memref<?x1x1x4x1x2x128xf32>)
// AMPERE-NOT: mma
// AMPERE: %[[SUM0:.*]] = vector.load %[[PARTS]][%{{.*}}, %{{.*}}, %c0, %c0, %c0, %c0, %{{.*}}]
// AMPERE: %[[SUM1:.*]] = vector.load %[[PARTS]][%{{.*}}, %{{.*}}, %c0, %c1, %c0, %c0, %{{.*}}]
// AMPERE: %[[TWO:.*]] = arith.addf %[[SUM0]], %[[SUM1]]
// AMPERE: %[[SUM2:.*]] = vector.load %[[PARTS]][%{{.*}}, %{{.*}}, %c0, %c2, %c0, %c0, %{{.*}}]
// AMPERE: %[[THREE:.*]] = arith.addf %[[TWO]], %[[SUM2]]
// AMPERE: %[[SUM3:.*]] = vector.load %[[PARTS]][%{{.*}}, %{{.*}}, %c0, %c3, %c0, %c0, %{{.*}}]
// AMPERE: %[[ALL:.*]] = arith.addf %[[THREE]], %[[SUM3]]
// AMPERE: %[[RESULT:.*]] = vector.extract %[[ALL]][0]
// AMPERE: memref.store %[[RESULT]], %[[Y]]
// AMPERE-LABEL: func.func @parts
// AMPERE: %[[ROWS:.*]] = arith.ceildivui %{{.*}}, %c8
// AMPERE: %[[BLOCKS:.*]] = arith.muli %[[ROWS]], %c4
// AMPERE: %[[BUFFER:.*]] = memref.alloc(%[[ROWS]])
// AMPERE-NEXT: gpu.launch_func @kernels::@parts_contract0_m8_p4 blocks in (%[[BLOCKS]], %c1, %c1) {{.*}}, %[[BUFFER]] : memref<?x1x1x4x1x2x128xf32>)
// AMPERE-NEXT: gpu.launch_func @kernels::@parts_contract0_m8_p4_sum blocks in (%[[BLOCKS]], %c1, %c1) {{.*}}, %[[BUFFER]] : memref<?x1x1x4x1x2x128xf32>)
// AMPERE-NEXT: memref.dealloc %[[BUFFER]]
// ONE-LABEL: func.func @parts
// ONE: gpu.launch_func @kernels::@parts_contract0_m8 blocks
// CHECK-LABEL: func.func @parts
// CHECK: gpu.launch_func @kernels::@parts_contract0_m8_k4
// CHECK: gpu.launch_func @kernels::@parts_contract0_m128_many
func.func @parts(%x: memref<?x4096xf16>, %s: memref<2x256x512xi8>, %y: memref<?x32xf32>) {
  compress.contract ins(%x, %s : memref<?x4096xf16>, memref<2x256x512xi8>) outs(%y : memref<?x32xf32>) overwrite
    weight(!compress.tensor<32x4096xf16, #tiled>, #nk) compute = f16
  return
}

// -----
// CHECK-NOT: gpu
func.func @others() {
  return
}
