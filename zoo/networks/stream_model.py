"""Training and evaluation of a language model on one long stream of tokens."""

from typing import Any

import keras
from keras import ops

from zoo.cells.typing import Tensor
from zoo.errors import UserError


@keras.saving.register_keras_serializable(package="zoo")
class StreamModel(keras.Model):
    """A language model that reads a stream piece by piece and carries its states along.

    Row j of a batch goes on where row j of the batch before ended. The final states of a piece are
    the initial ones of the next, as values: the gradient ends where the piece begins, which is
    backpropagation through time truncated to the length of the pieces (Williams & Peng 1990;
    Zaremba et al. 2014). A row that says `fresh` starts from zero states, so what was read before,
    in training or in validation, does not matter to a stream whose first batch is fresh.

    The weights are those of `network`, which can be saved and used by itself. The states are
    variables of this model that no optimizer changes.

    Args:
        network: what `language_model` built.
        batch_size: rows of every batch.

    Call arguments:
        inputs: dict of `token_ids` (batch_size, timesteps), int32, and `fresh` (batch_size,),
            boolean: what `zoo.datasets.batches.streams.StreamBatches` gives.
        training: whether dropout applies.

    Returns:
        Logits, (batch_size, timesteps, vocabulary_size), float32.

    Raises:
        UserError: under a `tf.distribute` strategy with several replicas, which would each read a
            part of every batch and carry states of their own.
        ValueError: for a batch of another size.
    """

    def __init__(
        self, network: keras.Model, batch_size: int, name: str = "stream_model", **kwargs: Any
    ):
        _refuse_replicas()
        super().__init__(name=name, **kwargs)
        self.network = network
        self.batch_size = batch_size
        self.states = {
            state: self.add_weight(
                shape=(batch_size, tensor.shape[-1]),
                initializer="zeros",
                dtype=tensor.dtype,
                trainable=False,
                autocast=False,  # a state keeps its digits from batch to batch
                name=state,
            )
            for state, tensor in network.input.items()
            if state != "token_ids"
        }
        self.built = True

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> Tensor:
        token_ids = inputs["token_ids"]
        if token_ids.shape[0] != self.batch_size:
            raise ValueError(
                f"the states are those of {self.batch_size} rows, so every batch must have as "
                f"many. Received: token_ids of shape {tuple(token_ids.shape)}"
            )
        fresh = ops.cast(inputs["fresh"], "bool")[:, None]
        states = {
            name: ops.where(fresh, 0.0, ops.convert_to_tensor(state))
            for name, state in self.states.items()
        }
        outputs = self.network({"token_ids": token_ids, **states}, training=training)
        for name, state in self.states.items():
            state.assign(outputs[name])
        return outputs["logits"]

    def get_config(self) -> dict[str, Any]:
        return {
            "network": keras.saving.serialize_keras_object(self.network),
            "batch_size": self.batch_size,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "StreamModel":
        network = keras.saving.deserialize_keras_object(
            config["network"], custom_objects=custom_objects
        )
        return cls(**{**config, "network": network})


def _refuse_replicas() -> None:
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas > 1:
        raise UserError(
            f"a language model trains on one GPU, not on {replicas}: choose one, for example with "
            "CUDA_VISIBLE_DEVICES=0"
        )
