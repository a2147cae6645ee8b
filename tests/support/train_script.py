"""Trains in a process of its own: python train_script.py FOLDER EPOCHS [resume]."""

import sys

from support import tiny_training as tiny
from zoo.training import fit


def train(folder, epochs, *, resume=False):
    """The weights after training the recurrent network with its dropout."""
    model = tiny.network(recurrent=True)
    data = tiny.Batches(), tiny.validation()
    fit(model, *data, epochs=epochs, seed=3, run_folder=folder, resume=resume)
    return model.get_weights()


if __name__ == "__main__":
    train(sys.argv[1], int(sys.argv[2]), resume="resume" in sys.argv[3:])
