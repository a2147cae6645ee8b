"""A model that the command line trained, and a `saved_models/` that is not the repository's."""

import shutil

import pytest
from support.command_lines import TINY, execute_sentiment, write_reviews

from zoo.predictors import catalogue


@pytest.fixture(autouse=True)
def saved_models(tmp_path, monkeypatch):
    folder = tmp_path / "saved_models"
    monkeypatch.setattr(catalogue, "SHIPPED_MODELS", folder)
    monkeypatch.setenv("ZOO_MODELS", str(folder))
    return folder


@pytest.fixture
def data(tmp_path):
    return write_reviews(tmp_path / "reviews.tsv")


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The folder of a model, trained on `reviews.tsv` beside it; nobody may change it."""
    folder = tmp_path_factory.mktemp("trained")
    data = write_reviews(folder / "reviews.tsv")
    model = folder / "model"
    assert execute_sentiment("--data", data, "--out", model, *TINY) == 0
    return model


@pytest.fixture
def model(trained, tmp_path):
    """A copy of `trained`, to be damaged."""
    return shutil.copytree(trained, tmp_path / "model")
