//===- BitmaskCodec.td - a bit per element, and the values that are left --===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_CODECS_BITMASKCODEC_TD
#define COMPRESS_DIALECT_COMPRESS_CODECS_BITMASKCODEC_TD

include "compress/Dialect/Compress/IR/CompressDialect.td"

def Compress_BitmaskAttr : Compress_Codec<"Bitmask", "bitmask",
    ["verifyData", "getComponentRatios", "isLossless", "getTiledCodec",
     "relayout"]> {
  let summary = "one bit per element and the values whose bit is set";
  let description = [{
    Unstructured sparsity (magnitude pruning: Han et al., "Learning both Weights
    and Connections for Efficient Neural Networks", 2015). An element whose bit is
    clear is zero; the others are stored row after row in order. A row is the
    innermost dimension.

    * `keep = k`: every row has exactly k values. So `values` is a tensor of
      static shape, [rows.., k], and may be compressed again.
    * otherwise rows have as many values as they need. `density` says which
      fraction of all elements the magnitude encoder leaves at most, by one
      threshold for the tensor. Without it no value is lost: what is stored is
      all that differs from (positive) zero.

    Stored components:
    * `mask`: the bits along the rows, lower index in the lower bits, rows padded
      to whole bytes with zero bits
    * `values`: [rows.., k] with `keep`; else one dimension of at least 1 (one zero
      if there is nothing to store)
    * `offsets`, without `keep`: for each row, where its values begin, i32 in
      [rows.., 1]. Where they end follows from the mask. A tile of rows keeps the
      offsets as they are, and all values.

    With `rows = r` an offset is for r rows, neighbours along the last dimension
    but one, which r must divide. In tiles of kernels rows are short: they lie
    along whatever dimension is the innermost one then.

    Decode moves values and does not compute with them.

    ```mlir
    #rows   = #compress.bitmask<keep = 64>
    #tensor = #compress.bitmask<density = 5.000000e-01 : f64>
    #exact  = #compress.bitmask<>
    ```

    Rules of the attribute:
    * bitmask_c1: keep is not negative
    * bitmask_c2: density is an f64 from 0 to 1
    * bitmask_c3: keep and density exclude each other
    * bitmask_c12: rows is positive, and 1 with keep

    Rules with the logical tensor:
    * bitmask_c4: it has at least one dimension
    * bitmask_c5: the innermost dimension is static
    * bitmask_c6: keep is at most the innermost dimension
    * bitmask_c7: without keep, it has less than 2^31 elements
    * bitmask_c8: its elements are f32, f16 or bf16, or i8, i16 or i32 when no
      value is lost
    * bitmask_c13: rows divides the last dimension but one, which is static if it
      is not 1

    Rules of stored data:
    * bitmask_c9: padding bits are zero
    * bitmask_c10: a row has as many bits set as it has values
    * bitmask_c11: values are finite
  }];
  let parameters = (ins OptionalParameter<"::std::optional<int64_t>">:$keep,
                        OptionalParameter<"::mlir::FloatAttr">:$density,
                        DefaultValuedParameter<"int64_t", "1">:$rows);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

#endif // COMPRESS_DIALECT_COMPRESS_CODECS_BITMASKCODEC_TD
