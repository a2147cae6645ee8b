"""The program of the documentation that holds an export behind Ray Serve."""

import concurrent.futures
import functools
import json
import os
import socket
import sys
import urllib.request

import pytest
from support.pages import ROOT, blocks

TEXTS = ["good film", "", "a bad and much too long film", "good"]


@pytest.mark.long
def test_ray_serve_answers_as_the_predictor_does(exports, tmp_path, monkeypatch):
    pytest.importorskip("ray.serve")
    import ray
    from ray import serve

    export = exports("classifier of 3")
    pages = ROOT.glob("docs/*.md")
    (block,) = (b for page in pages for b in blocks(page) if b.title == "serve_model.py")
    (tmp_path / block.title).write_text(block.code)
    monkeypatch.syspath_prepend(tmp_path)
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ray.init(
        num_cpus=4,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": paths}},
    )
    try:
        import serve_model

        serve.start(http_options={"port": port})
        serve.run(serve_model.Sentiment.bind(str(export.version)), route_prefix="/sentiment")
        ask = functools.partial(_ask, f"http://127.0.0.1:{port}/sentiment")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            found = [*pool.map(ask, TEXTS * 5)]
    finally:
        serve.shutdown()
        ray.shutdown()
    expected = export.predictor.probabilities(TEXTS)
    for answer, probabilities in zip(found, [*expected] * 5, strict=True):
        assert answer["probabilities"] == pytest.approx(probabilities.tolist(), abs=1e-5)
        assert answer["label"] == export.predictor.label_names[probabilities.argmax()]


def _ask(url, text):
    request = urllib.request.Request(url, json.dumps({"text": text}).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)
