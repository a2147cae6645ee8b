"""Every loss, metric and optimizer comes back from its configuration, and in a saved model."""

import keras
import pytest
from support import tiny_training as tiny

from zoo import training

OBJECTS = {
    "sequence_crossentropy": training.SequenceCrossentropy(
        "mean_per_step", label_smoothing=0.1, name="other"
    ),
    "sequence_crossentropy of probabilities": training.SequenceCrossentropy(from_logits=False),
    "binary_sequence_crossentropy": training.BinarySequenceCrossentropy(
        "mean_per_step", from_logits=False, name="other"
    ),
    "chain_crossentropy": training.ChainCrossentropy("mean_per_step", name="other"),
    "perplexity": training.Perplexity(name="surprise"),
    "f1": training.SpanF1(("O", "B-PER", "I-PER"), name="spans"),
    "ClippedAdam": training.ClippedAdam(0.02, clip_norm=3.0, norm_order=1, beta_1=0.8),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_configuration_round_trip(name):
    one = OBJECTS[name]
    serialized = keras.saving.serialize_keras_object(one)
    assert serialized["registered_name"] == f"zoo>{type(one).__name__}"
    again = keras.saving.deserialize_keras_object(serialized)
    assert type(again) is type(one)
    assert again.get_config() == one.get_config()
    assert again.name == one.name
    for attribute in ("reduction", "from_logits", "label_smoothing", "tag_names", "clip_norm"):
        assert getattr(again, attribute, None) == getattr(one, attribute, None)


def test_every_class_is_here_and_has_its_name_by_default():
    classes = [c for c in map(training.__dict__.get, training.__all__) if isinstance(c, type)]
    assert {*map(type, OBJECTS.values()), training.Interrupted} == set(classes)
    assert training.Perplexity().name == "perplexity"
    assert training.SpanF1(("O",)).name == "f1"


@pytest.mark.parametrize("loss", [c for c in training.__all__ if "rossentropy" in c])
def test_another_reduction_is_refused(loss):
    with pytest.raises(ValueError, match="sum_over_time"):
        getattr(training, loss)("sum")


def test_the_optimizer_is_saved_with_the_model(tmp_path):
    optimizer = OBJECTS["ClippedAdam"]
    model = tiny.network(optimizer=type(optimizer).from_config(optimizer.get_config()))
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras").optimizer
    assert type(again) is type(optimizer)
    assert again.get_config() == model.optimizer.get_config()
