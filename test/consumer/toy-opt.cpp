#include "Toy.h"
#include "compress/InitCompress.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<mlir::arith::ArithDialect, mlir::func::FuncDialect,
                  mlir::linalg::LinalgDialect,
                  mlir::ml_program::MLProgramDialect>();
  mlir::compress::registerDialect(registry);
  mlir::compress::registerPassesAndPipelines();
  toy::registerToy(registry);
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "toy optimizer\n", registry));
}
