"""The development server is held to what `tensorflow_model_server` is held to."""

import pytest
from support.conformance import CHECKS
from support.servers import model_config, running


@pytest.fixture(scope="module")
def conforming(served):
    """(host, gRPC port, REST port) of a development server of the exported classifier."""
    with running(model_config(served.version.parent.name, served.version.parent)) as server:
        yield "127.0.0.1", server.port, server.rest_port


@pytest.mark.parametrize(
    "check", CHECKS, ids=lambda check: f"{check.__module__.rpartition('.')[2]} {check.__name__}"
)
def test_conformance(check, conforming, expected):
    check(*conforming, expected)
