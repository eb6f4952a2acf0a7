"""Takes the trained checkpoints through torch.export and IREE's importer to linalg.

The IR comes from public tools only and is not edited:

    torch.export -> FxImporter (torch dialect) -> iree-opt (linalg on tensors)
    -> compressc externalize (moves the embedded weights to a safetensors file)

What this file adds is one hook: weights keep their PyTorch names.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import sysconfig
from pathlib import Path

import torch
from iree.compiler.extras.fx_importer import (
    FxImporter,
    FxImporterHooks,
    GraphNodeImporter,
    InputInfo,
)
from iree.compiler.ir import (
    DenseResourceElementsAttr,
    F32Type,
    Operation,
    RankedTensorType,
    Value,
)
from safetensors.torch import load_file

from models import IMAGE_SHAPE, MODELS

# torch dialect -> linalg on tensors, as torch-mlir's own driver does it. Locations are
# stripped: they hold the paths of this machine.
PIPELINE = (
    "builtin.module("
    "func.func(torch-match-quantized-custom-ops),"
    "torchdynamo-export-to-torch-backend-pipeline,"
    "torch-backend-to-linalg-on-tensors-backend-pipeline,"
    "strip-debuginfo)"
)


class NamedWeights(FxImporterHooks):
    """Imports each parameter as a resource that carries its PyTorch name."""

    def resolve_input(
        self, gni: GraphNodeImporter, value: torch.Tensor, info: InputInfo
    ) -> Value | None:
        """Gives the literal that stands for a parameter."""
        name = info.input_spec.target
        if name is None or value.dtype != torch.float32:
            return None
        resource = DenseResourceElementsAttr.get_from_buffer(
            value.detach().contiguous().numpy(),
            name,
            RankedTensorType.get(list(value.shape), F32Type.get()),
        )
        return Operation.create(
            "torch.vtensor.literal",
            results=[info.ir_type],
            attributes={"value": resource},
        ).result


def import_to_torch_dialect(name: str, checkpoint: Path) -> bytes:
    """Exports one model with a free batch size; returns bytecode."""
    model = MODELS[name]().eval()
    model.load_state_dict(load_file(checkpoint))
    program = torch.export.export(
        model,
        (torch.zeros(2, *IMAGE_SHAPE),),
        dynamic_shapes=({0: torch.export.Dim("batch")},),
    ).run_decompositions()
    importer = FxImporter(hooks=NamedWeights())
    importer.import_program(program, func_name="main")
    importer.module_op.verify()
    return importer.module_op.get_asm(binary=True)


def lower_to_linalg(module: bytes, out: Path) -> None:
    """Runs torch-mlir's passes as they come with IREE."""
    iree_opt = Path(sysconfig.get_path("scripts")) / "iree-opt"
    subprocess.run(
        [iree_opt, f"--pass-pipeline={PIPELINE}", "--emit-bytecode", "-", "-o", out],
        input=module,
        check=True,
    )


def externalize(compressc: Path, embedded: Path, out: Path, weights: Path) -> None:
    """Moves the weights out of the module."""
    subprocess.run(
        [compressc, "externalize", embedded, "-o", out, "--weights", weights],
        check=True,
    )


def main() -> int:
    """Imports the models asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--checkpoints",
        type=Path,
        required=True,
        help="directory of MODEL.safetensors, as train.py wrote them (the committed "
        "weights do as well: they hold the same tensors)",
    )
    parser.add_argument("--out", type=Path, required=True, help="output directory")
    parser.add_argument(
        "--compressc",
        type=Path,
        help="compressc; without it the weights stay embedded (MODEL.embedded.mlirbc)",
    )
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.models:
        embedded = arguments.out / f"{name}.embedded.mlirbc"
        module = import_to_torch_dialect(
            name, arguments.checkpoints / f"{name}.safetensors"
        )
        lower_to_linalg(module, embedded)
        if arguments.compressc:
            externalize(
                arguments.compressc.resolve(),
                embedded,
                arguments.out / f"{name}.mlirbc",
                arguments.out / f"{name}.safetensors",
            )
            embedded.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
