"""Development servers for tests, in this process."""

import contextlib
import time

import pytest
from zoo.serving.protobufs import model_server_config_pb2

WAIT = 60  # seconds for what takes a moment, on a machine with other work


def model_config(name, folder):
    """A `ModelConfig` that serves all versions of a folder."""
    config = model_server_config_pb2.ModelConfig(name=name, base_path=str(folder))
    config.model_version_policy.all.SetInParent()
    return config


def wait_until(condition, seconds=WAIT):
    """Waits until a function returns something true, which is returned."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)
    return result


@contextlib.contextmanager
def running(*configs, **limits):
    """Context of a server on free ports, with all its models loaded."""
    from zoo.serving.server.development import DevelopmentServer, Limits

    server = DevelopmentServer(configs, port=0, rest_port=0, limits=Limits(**limits))
    server.start()
    try:
        wait_until(lambda: server.manager.ready)
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def small_models(tmp_path_factory):
    """Folder of the versions 1 and 2 of a model with many signatures; tests leave it as it is."""
    from support import served_models

    folder = tmp_path_factory.mktemp("small")
    for version in (1, 2):
        served_models.write(folder / str(version), version)
    return folder


@pytest.fixture(scope="session")
def server(small_models):
    """A server of both versions, as "small" (of which 1 is "stable") and as "other"."""
    small = model_config("small", small_models)
    small.version_labels["stable"] = 1
    with running(small, model_config("other", small_models)) as server:
        yield server
