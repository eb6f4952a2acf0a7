// A codec in a dialect of its own: floats stored in a shorter float type.
#ifndef TOY_TD
#define TOY_TD

include "compress/Dialect/Compress/IR/CodecInterfaces.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"

def Toy_Dialect : Dialect {
  let name = "toy";
  let cppNamespace = "::toy";
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::compress::CompressDialect"];
}

def Toy_TruncateAttr : AttrDef<Toy_Dialect, "Truncate",
    [DeclareAttrInterfaceMethods<CodecAttrInterface>]> {
  let mnemonic = "truncate";
  let summary = "elements rounded to a shorter float type";
  let parameters = (ins "::mlir::Type":$storage);
  let assemblyFormat = "`<` $storage `>`";
}

#endif // TOY_TD
