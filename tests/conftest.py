"""Settings for every test: a quiet TensorFlow and fixed seeds."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import pytest


@pytest.fixture(autouse=True)
def fixed_seed():
    """Draws of Python, NumPy and Keras are the same in every run and in any order of tests."""
    import keras

    keras.utils.set_random_seed(1)


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory):
    """One cache for all tests that read a packaged corpus, so that it is fetched once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def trained_tagger(tmp_path_factory):
    """The folder of a model of entities, with its data beside it; nobody may change it."""
    from support.entity_tagging import train

    return train(tmp_path_factory.mktemp("tagger"))


@pytest.fixture(scope="session")
def trained_language_model(tmp_path_factory):
    """The folder of a model of characters, with its text beside it; nobody may change it."""
    from support.language_modelling import train

    return train(tmp_path_factory.mktemp("language_model"))


@pytest.fixture(scope="session")
def trained_music(tmp_path_factory):
    """The folder of a model of chords, with its chorales beside it; nobody may change it."""
    from support.music_pieces import train

    return train(tmp_path_factory.mktemp("music"))
