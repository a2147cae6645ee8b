"""Exported models, each written once; servers of this process; what they should answer."""

import functools

import pytest
from support.exports import KINDS, export
from support.servers import development_server, grpc_server, write_small_model


@pytest.fixture(scope="session")
def exports(tmp_path_factory):
    """A function of a kind to its `Export`."""

    @functools.cache
    def exported(kind):
        return export(kind, tmp_path_factory.mktemp("export"))

    return exported


@pytest.fixture(scope="session")
def served(exports):
    """The classifier's `Export`."""
    return exports(KINDS[0])


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """Folder of the versions 1 and 2 of a model with many signatures; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("small")
    for version in (1, 2):
        write_small_model(folder / str(version), version)
    return folder


@pytest.fixture(scope="session")
def rest_url(small):
    """Of a development server of "small"."""
    with development_server(small=small) as url:
        yield url


@pytest.fixture(scope="session")
def grpc_address(small):
    """Of the stock gRPC services on the same model."""
    with grpc_server(small=small) as address:
        yield address


@pytest.fixture(scope="session")
def exchanges(served):
    """Signature, inputs and outputs: what a server of the classifier should answer as Keras."""
    from support.classifiers import TEXTS

    from zoo.predictors.endpoints import request

    default, ids = served.predictor.endpoints()
    asked = [(default, request(text=TEXTS)), *((e, e.examples[1]) for e in (default, ids))]
    found = [(endpoint.name, inputs, endpoint.expected(inputs)) for endpoint, inputs in asked]
    assert len({*found[0][2]["label"]}) > 1, "or little shows"
    return found
