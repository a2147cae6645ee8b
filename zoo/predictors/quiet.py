"""Loads TensorFlow without the notices that it prints before anybody can set a level for them.

It is imported first by what users import from Python, as the command line does by itself.
"""

import os
import sys

from zoo.predictors.silence import silence_stderr

if "tensorflow" not in sys.modules:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silence_stderr():
        import keras  # noqa: F401
        import tensorflow  # noqa: F401  # whatever backend Keras runs on: tokenizers are its graphs
