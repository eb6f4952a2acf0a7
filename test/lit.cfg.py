# Configuration of the lit tests. See docs/Testing.md for which test belongs where.
import glob
import os
import shutil

import lit.formats
import lit.llvm
from lit.llvm import llvm_config

lit.llvm.initialize(lit_config, config)

config.name = "compress"
config.test_format = lit.formats.ShTest(not llvm_config.use_lit_shell)
config.suffixes = [".mlir", ".test"]
config.excludes = ["FakeCuda", "Inputs", "Unit", "consumer", "lit.cfg.py"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.compress_obj_root, "test")

llvm_config.with_system_environment(
    ["HOME", "TMP", "TEMP", "TMPDIR", "COMPRESS_TEST_SEED", "COMPRESS_TEST_CASES"]
)
llvm_config.with_environment("PATH", config.compress_tools_dir, append_path=True)
llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)

plugin = os.path.join(config.compress_obj_root, "lib", "CompressPlugin.so")
config.substitutions += [
    (
        "%stock-mlir-opt",
        f"{config.llvm_tools_dir}/mlir-opt --load-dialect-plugin={plugin} --load-pass-plugin={plugin}",
    ),
    ("%python", f'"{config.python}"'),
    ("%inputs", os.path.join(config.test_source_root, "Inputs")),
    ("%examples", os.path.join(config.compress_src_root, "examples")),
    ("%fake-cuda", os.path.join(config.compress_obj_root, "test", "lib", "libFakeCuda.so")),
    ("%root", config.compress_src_root),
]

# NVIDIA's assembler: of a toolkit, or of the package that set-up installs beside Python.
toolkit = os.environ.get("CUDA_HOME", "/usr/local/cuda")
packages = os.path.join(os.path.dirname(os.path.dirname(config.python)), "lib", "python*", "site-packages")
ptxas = (
    shutil.which("ptxas")
    or shutil.which("ptxas", path=os.path.join(toolkit, "bin"))
    or next(iter(sorted(glob.glob(os.path.join(packages, "nvidia", "*", "bin", "ptxas")))), None)
)
if ptxas:
    config.available_features.add("ptxas")
    config.substitutions.append(("%ptxas", ptxas))
