"""Small SavedModels of every kind of signature, written without the zoo."""

import tensorflow as tf

TEXTS = [
    "good",
    "",
    "a bad and long and slow and altogether much too long film, with a bad end",
    'wörds "unheard" of \U0001f622\n\\ \t',
    "  ",
    "good film!",
]


class _Model(tf.Module):
    """Answers that can be told beforehand; `version` is in them."""

    def __init__(self, version):
        super().__init__()
        self.version = tf.Variable(version, dtype=tf.int64)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def label(self, text):
        long = tf.strings.length(text) > 4
        probability = tf.where(long, 0.2, 0.9)
        return {
            "label": tf.where(long, "long", "short"),
            "probabilities": tf.stack([probability, 1 - probability], axis=1),
            "version": tf.fill(tf.shape(text), self.version),
        }

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.float32, name="x"),
            tf.TensorSpec([None], tf.int32, name="y"),
        ]
    )
    def add(self, x, y):
        return {"total": tf.reduce_sum(x, axis=1) + tf.cast(y, tf.float32)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="content")])
    def echo(self, content):
        return {
            "content_bytes": content + "",
            "text": content + "!",
            "size": tf.cast(tf.strings.length(content), tf.int64),
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def divide(self, x):
        return {"quotient": x / tf.zeros_like(x)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="digits")])
    def number(self, digits):
        return {"number": tf.strings.to_number(digits)}

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, name="x")])
    def scalar(self, x):
        return {"twice": 2 * x}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="steps")])
    def count(self, steps):
        most = tf.reduce_max(steps)
        end = tf.while_loop(lambda i: i < most, lambda i: (i + 1,), (0,))
        return {"end": tf.minimum(steps, end)}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.bool, name="flag"),
            tf.TensorSpec([None], tf.int64, name="big"),
            tf.TensorSpec([None], tf.uint8, name="small"),
            tf.TensorSpec([None], tf.float64, name="double"),
            tf.TensorSpec([None], tf.float16, name="half"),
        ]
    )
    def types(self, flag, big, small, double, half):
        return {
            "not_flag": ~flag,
            "big_": big + 0,
            "small_": small + 0,
            "double_": double + 0,
            "half_": half + 0,
        }


def write(folder, version):
    """Writes a SavedModel.

    Args:
        folder: where to.
        version: what it answers as its version.

    Returns:
        The folder.
    """
    model = _Model(version)
    signatures = {
        name: getattr(model, name)
        for name in ("add", "echo", "divide", "number", "scalar", "count", "types")
    }
    tf.saved_model.save(model, str(folder), {"serving_default": model.label, **signatures})
    return folder
