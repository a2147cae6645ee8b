"""The weights of trained networks as the beginning of others.

A language model has learnt vectors and a recurrence from text without labels. `take_over` gives
them to a network that reads the same tokens, so that each direction begins with exactly what its
language model computes (Dai & Le 2015, "Semi-supervised sequence learning"). `with_head` keeps a
whole network but for its last layers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from zoo.cells import RecurrentCell
from zoo.errors import UserError
from zoo.layers import Perturbation, RecurrentStack
from zoo.networks.adversarial import AdversarialModel
from zoo.networks.heads import layers_of

Weights = list[keras.Variable]


def vectors_of(model: keras.Model) -> np.ndarray | None:
    """The token vectors of a network, (tokens, width) float32; None if it reads one-hot ones."""
    embedding = layers_of(model).get("embedding")
    return None if embedding is None else np.array(embedding.embeddings)


def keep_vectors(model: keras.Model, source: keras.Model) -> None:
    """Gives a network the token vectors of another, which its training does not change."""
    embeddings = layers_of(model)["embedding"].embeddings
    embeddings.assign(layers_of(source)["embedding"].embeddings)
    embeddings.trainable = False


def take_over(
    model: keras.Model,
    forward: keras.Model | None,
    backward: keras.Model | None,
    rows: np.ndarray,
    embedding: str = "embedding",
    recurrence: str = "recurrence",
) -> list[Weights]:
    """Gives a network the vectors and the recurrence of one or two language models.

    Models with the same vectors share them. Those of others stand beside each other, and each
    direction reads its own: the rows of its kernel that belong to the other model begin at 0, and
    so do, from the second layer on, those that read the other direction. What the network reads
    besides, such as characters, keeps the weights that it has, and so does a direction without a
    language model.

    Args:
        model: a network with an embedding and a `RecurrentStack` of the cell, units and layers of
            the language models, and vectors of the width of `joined_vectors`.
        forward, backward: what `language_model` built; one of them may be None, and `backward` is
            if the network has one direction.
        rows: (tokens,) integers, for each id of the network that of the language models.
        embedding, recurrence: the names of these two layers.

    Returns:
        The weights that were given, a list for each layer from the lowest, the vectors, up.
    """
    given = [language_model for language_model in (forward, backward) if language_model]
    vectors, shared = joined_vectors(given)
    embeddings = model.get_layer(embedding).embeddings
    embeddings.assign(vectors[rows])
    stack: RecurrentStack = model.get_layer(recurrence)
    sides = 1 + stack.bidirectional
    layers: list[Weights] = [[embeddings]]
    for number in range(stack.number_of_layers):
        targets = stack.directions()[number * sides : (number + 1) * sides]
        taken: Weights = []
        for side, (source, target) in enumerate(zip((forward, backward), targets, strict=False)):
            if source is None:
                continue
            cell = layers_of(source)["recurrence"].recurrences[number].cell
            if number:
                read, first = sides * stack.units, side * stack.units
            else:
                read = vectors.shape[1]
                first = 0 if shared or side == 0 else read - cell.kernel.shape[0]
            _copy(cell, target.cell, read, first)
            taken += target.cell.trainable_variables
        layers.append(taken)
    return layers


def joined_vectors(models: Sequence[keras.Model]) -> tuple[np.ndarray, bool]:
    """The vectors of language models, (tokens, width), and whether they are the same ones."""
    vectors = [np.array(model.get_layer("embedding").embeddings) for model in models]
    shared = all(np.array_equal(vectors[0], other) for other in vectors[1:])
    return (vectors[0] if shared else np.concatenate(vectors, axis=1)), shared


def _copy(source: RecurrentCell, target: RecurrentCell, read: int, first: int) -> None:
    """Copies all weights; of the kernel's first `read` rows those from `first` on, 0 for others."""
    for old, new in zip(source.weights, target.weights, strict=True):
        value = np.array(old)
        if new is target.kernel:
            kernel = np.array(new)
            kernel[:read] = 0
            kernel[first : first + len(value)] = value
            value = kernel
        new.assign(value)


def with_head(model: keras.Model, head: Mapping[str, dict[str, Any]]) -> keras.Model:
    """The same network and weights, but for some layers, which are new.

    Args:
        model: a functional model.
        head: what is to be changed in the configuration of each of these layers, by name.
    """
    config = keras.Model(model.input, model.output, name=model.name).get_config()
    for layer in config["layers"]:
        if layer["name"] in head:
            layer["config"] |= head[layer["name"]]
            layer.pop("build_config", None)  # which has the old sizes
    made = keras.Model.from_config(config)
    for old, new in zip(model.layers, made.layers, strict=True):
        if old.name not in head:
            new.set_weights(old.get_weights())
    return made


def layers_from_below(model: keras.Model, head: Sequence[str]) -> list[Weights]:
    """The trainable weights of a network without its head, a list for each layer from below.

    All that is read by the recurrence is one layer, each layer of recurrence is another; what
    follows it is one more.
    """
    names = [layer.name for layer in model.layers]
    border = names.index("recurrence")
    below: Weights = []
    above: Weights = []
    for layer in model.layers[:border]:
        below += layer.trainable_variables
    for layer in model.layers[border + 1 :]:
        above += [] if layer.name in head else layer.trainable_variables
    stack: RecurrentStack = model.layers[border]
    layers = [below, *(recurrence.trainable_variables for recurrence in stack.recurrences), above]
    return [weights for weights in layers if weights]


def adversarial_like(model: keras.Model, size: float) -> keras.Model:
    """The same layers as a model that trains on changed vectors, as `AdversarialModel` does.

    With `size` 0 as a model that trains on the vectors as they are, whatever it did before.

    Raises:
        UserError: the network has no place for changes: it was built without.
    """
    if not size:
        adversarial = isinstance(model, AdversarialModel)
        return keras.Model(model.input, model.output, name=model.name) if adversarial else model
    if not any(isinstance(layer, Perturbation) for layer in model.layers):
        raise UserError(
            "the model has no place for the changes of adversarial training: give --adversarial 0"
        )
    return AdversarialModel(model.input, model.output, size=size, name=model.name)
