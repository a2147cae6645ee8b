"""Many clients at once, for longer."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.servers import model_config, running

from zoo.serving.client import Client

CLIENTS, REQUESTS = 16, 1000


@pytest.mark.long
def test_a_thousand_requests_of_sixteen_clients(served):
    """Half over REST, half over gRPC: none is lost, and each gets the answer that is its own."""
    name = served.version.parent.name
    texts = [f"good film number {i} " + "bad " * (i % 40) for i in range(REQUESTS)]
    local = served.predictor.probabilities(texts)
    with running(model_config(name, served.version.parent)) as server:
        addresses = {
            "grpc": f"127.0.0.1:{server.port}",
            "rest": f"http://127.0.0.1:{server.rest_port}",
        }

        def ask(client):
            protocol = ("grpc", "rest")[client % 2]
            mine = range(client, REQUESTS, CLIENTS)
            with Client(addresses[protocol], name, protocol, timeout=120) as connection:
                return {i: connection.predict({"text": [texts[i]]}) for i in mine}

        with ThreadPoolExecutor(CLIENTS) as clients:
            answers = {}
            for part in clients.map(ask, range(CLIENTS)):
                answers |= part
    assert answers.keys() == set(range(REQUESTS))
    for i, rows in answers.items():
        (row,) = rows
        assert row["probabilities"] == pytest.approx(local[i], abs=1e-5)
        assert row["label"] == served.predictor.label_names[local[i].argmax()]
