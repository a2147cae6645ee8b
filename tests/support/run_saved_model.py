"""Runs signatures in a process that must not load TensorFlow's Python: `FOLDER REQUESTS ANSWERS`.

`REQUESTS` and `ANSWERS` are JSON: lists of [signature, dict of name -> nested lists].
"""

import json
import sys
from pathlib import Path

from zoo.serving.c_api import SavedModel

folder, requests, answers = map(Path, sys.argv[1:])

with SavedModel(folder) as model:
    results = [
        (signature, model.run(signature, inputs))
        for signature, inputs in json.loads(requests.read_text(encoding="utf-8"))
    ]
    names = list(model.signatures)

loaded = {name.partition(".")[0] for name in sys.modules}
unwanted = loaded & {"tensorflow", "keras", "jax", "torch"}
assert not unwanted, f"{unwanted} should not have been loaded"
assert not [name for name in sys.modules if name.startswith(("zoo.layers", "zoo.cells"))]


def listed(array):
    values = array.tolist()
    return [value.decode() for value in values] if array.dtype.kind == "O" else values


answers.write_text(
    json.dumps(
        {
            "signatures": names,
            "results": [
                [signature, {name: listed(array) for name, array in outputs.items()}]
                for signature, outputs in results
            ],
        }
    ),
    encoding="utf-8",
)
