#ifndef TOY_H
#define TOY_H

#include "compress/Dialect/Compress/IR/Compress.h"

#include "ToyDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "ToyAttrs.h.inc"

namespace toy {
/// The dialect, and the encoder of its codec.
void registerToy(mlir::DialectRegistry &registry);
} // namespace toy

#endif // TOY_H
