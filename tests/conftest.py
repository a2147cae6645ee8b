"""Settings for every test: a quiet TensorFlow and fixed seeds; and what many tests share."""

import functools
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import pytest

pytest.register_assert_rewrite("support.task_case", "support.command_lines")


LONGEST = ("test_backends.py", "test_fit.py", "test_hosts.py")  # files of few tests that take long


def pytest_collection_modifyitems(items):
    """What takes longest begins first, so that at the end no process waits for another."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


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
def trained_models(tmp_path_factory):
    """The tiny model of a task, by its name: a `task_case.Trained` that nobody may change."""
    from support import task_case

    @functools.cache
    def trained(name):
        folder = tmp_path_factory.mktemp(f"trained_{name}")
        return task_case.train(task_case.CASES[name], folder)

    return trained


@pytest.fixture(scope="session")
def loaded():
    """`zoo.load` of trained models, each once."""
    from zoo.predictors import presets

    return functools.cache(presets.load)


@pytest.fixture
def load_once(loaded, monkeypatch):
    """Calls in this process share predictors: to load one and trace its graphs takes seconds."""
    import zoo
    from zoo.predictors import presets

    load = presets.load

    def load_once(model):
        of_session = "/trained_" in str(model)
        return loaded(str(model)) if of_session else load(model)

    for module in (presets, zoo):
        monkeypatch.setattr(module, "load", load_once)


@pytest.fixture
def call(capfd):
    """Runs a task's command line in this process: `call(Task, *words)` is a `Result`."""
    from support.command_lines import Result, execute_task

    def run(task, *words):
        capfd.readouterr()
        return Result(execute_task(task, *words), *capfd.readouterr())

    return run


@pytest.fixture
def standard_input(monkeypatch, tmp_path):
    """Gives bytes as standard input."""

    def give(content):
        path = tmp_path / "standard_input"
        path.write_bytes(content)
        monkeypatch.setattr("sys.stdin", path.open(encoding="utf-8", newline=""))

    return give
