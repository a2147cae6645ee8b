"""Exported models, each written once; a development server; what is asked of servers."""

import pytest
from support.servers import development_server, grpc_server, write_small_model

NAME = "tiny"


@pytest.fixture(scope="session")
def exports(tmp_path_factory):
    """A function of a kind to its `Export`."""
    from support.exports import export

    made = {}

    def exported(kind):
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind.replace(" ", "_"))
            made[kind] = export(kind, folder)
        return made[kind]

    return exported


@pytest.fixture(scope="session")
def served(exports):
    """The classifier's `Export`."""
    return exports("classifier")


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """Folder of the versions 1 and 2 of a model with many signatures; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("small")
    for version in (1, 2):
        write_small_model(folder / str(version), version)
    return folder


@pytest.fixture(scope="session")
def rest_url(small, served):
    """Of a development server of "small" and of the classifier, "tiny"."""
    with development_server(small=small, tiny=served.version.parent) as url:
        yield url


@pytest.fixture(scope="session")
def grpc_address(small, served):
    """Of the stock gRPC services on the same models."""
    with grpc_server(small=small, tiny=served.version.parent) as address:
        yield address


@pytest.fixture(scope="session")
def expected(served):
    """What a server of the classifier should answer: what Keras does."""
    from support.classifiers import TEXTS
    from support.conformance import Exchange, Expected

    from zoo.predictors.endpoints import request

    texts = [request(text=TEXTS), request(text=TEXTS[:1])]
    exchanges = [
        Exchange(endpoint.name, inputs, endpoint.expected(inputs))
        for endpoint in served.predictor.endpoints()
        for inputs in (*endpoint.examples, *(texts if endpoint.name == "serving_default" else ()))
    ]
    assert len({label for e in exchanges for label in e.outputs["label"]}) > 1, "or little shows"
    return Expected(NAME, (int(served.version.name),), exchanges)
