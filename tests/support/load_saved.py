"""What a process knows that has imported little, where matplotlib is absent: its exit code is 0."""

import json
import sys
import zipfile
from pathlib import Path

sys.modules["matplotlib"] = None  # as where it is not installed

import keras  # noqa: E402

import zoo.layers  # noqa: E402  (registers what an archive names)
import zoo.training  # noqa: E402
from zoo.cells import CELLS  # noqa: E402

SHIPPED = Path(__file__).parents[2] / "saved_models"


def registered_names(config):
    """The names under the package "zoo" in a configuration, at any depth."""
    if isinstance(config, dict):
        name = config.get("registered_name") or ""
        found = {name} if name.startswith("zoo>") else set()
        return found.union(*map(registered_names, config.values()))
    return set().union(*map(registered_names, config)) if isinstance(config, list) else set()


def assert_known(names):
    get = keras.saving.get_registered_object
    assert not [name for name in names if get(name) is None]


if __name__ == "__main__":
    assert_known(f"zoo>{CELLS.path(name).rpartition('.')[2]}" for name in CELLS)
    assert_known(f"zoo>{name}" for name in zoo.layers.__all__)
    assert callable(zoo.training.fit)

    import zoo.networks

    assert zoo.networks
    names = set()
    for archive in SHIPPED.glob("*/model.keras"):
        with zipfile.ZipFile(archive) as file:
            names |= registered_names(json.loads(file.read("config.json")))
    assert len(names) > 5
    assert_known(names)
