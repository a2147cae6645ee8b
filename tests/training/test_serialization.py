"""Every loss, metric and optimizer comes back from its configuration."""

import keras
import pytest

from zoo import training

OBJECTS = (
    training.SequenceCrossentropy("mean_per_step", label_smoothing=0.1, name="other"),
    training.SequenceCrossentropy(from_logits=False),
    training.BinarySequenceCrossentropy("mean_per_step", from_logits=False, name="other"),
    training.ChainCrossentropy("mean_per_step", name="other"),
    training.CTC("mean_per_step", name="other"),
    training.LabelErrorRate(name="other"),
    training.Perplexity(name="surprise"),
    training.SpanF1(("O", "B-PER", "I-PER"), name="spans"),
    training.ClippedAdam(0.02, clip_norm=3.0, norm_order=1, beta_1=0.8),
)


@pytest.mark.parametrize("one", OBJECTS, ids=lambda one: type(one).__name__)
def test_configuration_round_trip(one):
    serialized = keras.saving.serialize_keras_object(one)
    assert serialized["registered_name"] == f"zoo>{type(one).__name__}"
    again = keras.saving.deserialize_keras_object(serialized)
    assert type(again) is type(one)
    assert again.get_config() == one.get_config()
    for name in ("name", "reduction", "from_logits", "label_smoothing", "tag_names", "clip_norm"):
        assert getattr(again, name, None) == getattr(one, name, None)


def test_every_class_is_here_and_has_its_name_by_default():
    classes = {c for c in map(training.__dict__.get, training.__all__) if isinstance(c, type)}
    assert {*map(type, OBJECTS), training.Interrupted} == classes
    assert training.Perplexity().name == "perplexity"
    assert training.SpanF1(("O",)).name == "f1"
    for loss in (c for c in classes if issubclass(c, keras.Loss)):
        with pytest.raises(ValueError, match="sum_over_time"):
            loss("sum")
