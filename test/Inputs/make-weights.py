"""Writes a safetensors file: make-weights.py OUTPUT NAME=DTYPE:SHAPE:EXPRESSION...

EXPRESSION is Python: `n` is numpy, `r` a generator of random numbers, `s` the shape.
  make-weights.py w.safetensors 'fc=F32:128x256:r.standard_normal(s)' 'b=F16:40:n.arange(40)'
"""

import sys

import artifact
import numpy as np

rng = np.random.default_rng(0)
tensors = {}
for argument in sys.argv[2:]:
    name, _, rest = argument.partition("=")
    dtype, sizes, expression = rest.split(":", 2)
    shape = [int(size) for size in sizes.split("x") if size]
    values = eval(expression, {"n": np, "r": rng, "s": shape})
    with np.errstate(all="ignore"):
        array = np.broadcast_to(np.asarray(values), shape)
        if dtype == "BF16":
            array = (array.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
        tensors[name] = (dtype, array.astype(artifact.NUMPY[dtype]))
artifact.write_tensors(sys.argv[1], tensors)
