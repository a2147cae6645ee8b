"""The sentiment task stands for all; models lie in a folder that is not the repository's."""

import functools
import shutil

import pytest
from support.review_texts import reviews, write_reviews

from tasks.sentiment import Sentiment
from zoo.predictors import catalogue


@pytest.fixture(autouse=True)
def saved_models(tmp_path, monkeypatch):
    """The folder of all models, those that ship and those that users train."""
    folder = tmp_path / "saved_models"
    monkeypatch.setattr(catalogue, "SHIPPED_MODELS", folder)
    monkeypatch.setenv("ZOO_MODELS", str(folder))
    return folder


@pytest.fixture
def sentiment(call):
    """Runs the command line of the sentiment task: `sentiment(*words)`."""
    return functools.partial(call, Sentiment)


@pytest.fixture
def data(tmp_path):
    return write_reviews(tmp_path / "reviews.tsv", reviews())


@pytest.fixture
def model(trained_models, tmp_path):
    """A copy of the trained model, to be changed."""
    return shutil.copytree(trained_models("sentiment").model, tmp_path / "model")
