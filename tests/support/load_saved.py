"""What a process knows that has imported little: python load_saved.py FOLDER.

It loads and runs the model in the folder, knowing the layers only, and says which classes shipped
models name that are not registered.
"""

import json
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np

import zoo.layers  # registers what an archive names

SHIPPED = Path(__file__).parents[2] / "saved_models"


def run(folder):
    model = keras.saving.load_model(folder / "model.keras")
    outputs = model(np.load(folder / "inputs.npy"))
    np.savez(folder / "outputs.npz", *[keras.ops.convert_to_numpy(y) for y in outputs])


def registered_names(config):
    """The names under the package "zoo" in a configuration, at any depth."""
    if isinstance(config, dict):
        name = config.get("registered_name") or ""
        found = {name} if name.startswith("zoo>") else set()
        return found.union(*map(registered_names, config.values()))
    return set().union(*map(registered_names, config)) if isinstance(config, list) else set()


def unknown_names():
    """What shipped archives name and this process does not know; how many they name."""
    import zoo.networks

    assert zoo.networks
    names = set()
    for archive in SHIPPED.glob("*/model.keras"):
        with zipfile.ZipFile(archive) as file:
            names |= registered_names(json.loads(file.read("config.json")))
    registered = keras.saving.get_registered_object
    return sorted(name for name in names if registered(name) is None), len(names)


if __name__ == "__main__":
    assert zoo.layers
    folder = Path(sys.argv[1])
    run(folder)
    unknown, number = unknown_names()
    (folder / "names.json").write_text(json.dumps({"unknown": unknown, "number": number}))
