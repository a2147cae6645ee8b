"""The zoo's translator as a candidate: how it translates, and what its peers take over from it."""

from typing import NamedTuple

import numpy as np

from zoo.predictors import translator
from zoo.text.special_tokens import END_ID, PADDING_ID, UNKNOWN_ID

_NEVER = -100.0  # a bias of logits that no training of the benchmark is long enough to raise


class Sizes(NamedTuple):
    """Sizes of the network."""

    source_vocabulary: int
    target_vocabulary: int
    embedding_dim: int
    units: int
    attention: str
    tie_embeddings: bool
    share_embeddings: bool
    dropout: float


def translate(predictor, texts, beams=1):
    """The translations of the task; one beam is greedy if length is not rewarded."""
    penalty = {"length_penalty": 0.0} if beams == 1 else {}
    return [one["translation"] for one in predictor.predict(texts, beams=beams, **penalty)]


def in_batches(predictor, write):
    """What translates texts in the batches of the zoo, and to its limits, for a peer.

    Args:
        predictor: the zoo's, for its tokenizers.
        write: see `benchmarks.keras_translator.writer`.
    """

    def translate(texts):
        translations = [None] * len(texts)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for first in range(0, len(order), translator._BATCH_SIZE):
            places = order[first : first + translator._BATCH_SIZE]
            ids = predictor.source_ids([texts[i] for i in places]).numpy()
            limits = np.clip(
                translator._TARGETS_PER_SOURCE * (ids != PADDING_ID).sum(axis=1),
                translator._LEAST_TOKENS,
                translator._MOST_TOKENS,
            )
            found = predictor.join(write(ids, limits).astype("int32")).numpy()
            for i, text in zip(places, found, strict=True):
                translations[i] = text.decode()
        return translations

    return translate


def sizes_of(predictor, settings):
    """Sizes of the zoo's network, for its peers."""
    return Sizes(
        source_vocabulary=len(predictor.source_tokenizer.vocabulary),
        target_vocabulary=len(predictor.target_tokenizer.vocabulary),
        embedding_dim=settings.embedding_dim,
        units=settings.units,
        attention=settings.attention,
        tie_embeddings=settings.tie_embeddings,
        share_embeddings=settings.share_embeddings,
        dropout=settings.dropout,
    )


def make_comparable(model):
    """Changes the weights of the zoo's network to those that all candidates begin with.

    The product of the reset state is with the identity, and special tokens are never the most
    probable: `benchmarks.translation` says what for.
    """
    for cell in _cells(model).values():
        recurrent = cell.recurrent_kernel.numpy()
        recurrent[:, cell.columns("candidate")] = np.eye(cell.units)
        cell.recurrent_kernel.assign(recurrent)
    names = [layer.name for layer in model.layers]
    head = model.get_layer("logits" if "logits" in names else "target_embedding")
    bias = np.zeros(head.bias.shape)
    bias[[PADDING_ID, UNKNOWN_ID, END_ID]] = _NEVER
    head.bias.assign(bias)


def weights_of(model):
    """The weights of the zoo's network, for its peers.

    Returns:
        dict of arrays, or lists of them. `forward`, `backward` and `decoder`: kernel, recurrent
        kernel and bias of a GRU, with the blocks (update, reset, candidate) and, as in Keras and
        PyTorch, an update near 1 to keep the memory. `bridge`, `combination`, `head` and, if there
        is one, `projection`: kernel and bias. `key`, and if additive `query`: kernels; `energy`,
        (units,). `source_embedding`, `target_embedding`: vectors.
    """
    weights = {}
    for name, cell in _cells(model).items():
        gates = [cell.columns(gate) for gate in ("update", "relevance", "candidate")]
        signs = np.repeat(np.float32([-1, 1, 1]), cell.units)
        order = np.concatenate([np.r_[columns] for columns in gates])
        variables = (cell.kernel, cell.recurrent_kernel, cell.bias)
        weights[name] = [variable.numpy()[..., order] * signs for variable in variables]
    layers = {layer.name: layer for layer in model.layers}
    decoder, target = layers["decoder"], layers["target_embedding"]
    weights["bridge"] = layers["bridge"].get_weights()
    weights["combination"] = decoder.combination.get_weights()
    weights["key"] = decoder.attention.memory_layer.kernel.numpy()
    if decoder.attention.query_layer is not None:
        weights["query"] = decoder.attention.query_layer.kernel.numpy()
        weights["energy"] = decoder.attention.energy.numpy()[:, 0]
    weights["source_embedding"] = layers.get("source_embedding", target).embeddings.numpy()
    weights["target_embedding"] = target.embeddings.numpy()
    if "projection" in layers:
        weights["projection"] = layers["projection"].get_weights()
    if "logits" in layers:
        weights["head"] = layers["logits"].get_weights()
    else:
        weights["head"] = [target.embeddings.numpy().T, target.bias.numpy()]
    return weights


def _cells(model):
    """The cells of the zoo's network: of the two directions of the encoder, and of the decoder."""
    both, *_ = model.get_layer("encoder").recurrences
    decoder, *_ = model.get_layer("decoder").recurrence.recurrences
    layers = {"forward": both.forward_layer, "backward": both.backward_layer, "decoder": decoder}
    return {name: layer.cell for name, layer in layers.items()}
