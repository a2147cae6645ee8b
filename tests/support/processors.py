"""Precisions, and what TensorFlow cannot do on some processors."""

import contextlib
import os

import keras
import pytest

from zoo import native

NO_BFLOAT16 = (
    os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "1"
    and os.environ.get("ONEDNN_MAX_CPU_ISA") == "AVX2"
)


is_built = pytest.mark.skipif(
    not native.is_on(), reason="`make native` has not built the operation"
)


def skip_without(dtype):
    """Ends a test that is about to multiply in a precision, where that ends the process."""
    if NO_BFLOAT16 and "bfloat16" in dtype:
        pytest.skip("TensorFlow crashes in products of bfloat16 with oneDNN for AVX2")


@contextlib.contextmanager
def made_in(policy):
    """Within it layers are made in a precision, unless that would end the process."""
    skip_without(policy)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
