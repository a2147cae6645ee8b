"""Loads a saved model knowing the zoo only, and runs it: python load_saved.py FOLDER."""

import sys
from pathlib import Path

import keras
import numpy as np

import zoo.layers  # noqa: F401  registers what the archive names


def main(folder):
    model = keras.saving.load_model(folder / "model.keras")
    outputs = model(np.load(folder / "inputs.npy"))
    np.savez(folder / "outputs.npz", *[keras.ops.convert_to_numpy(y) for y in outputs])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
