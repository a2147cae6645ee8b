"""What a page that is used for long keeps in memory."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("gradio")

from support import browsers

_REQUESTS, _BEFORE = 1_000, 200
_MOST = 30  # MiB more after the requests


@pytest.mark.long
def test_memory_does_not_grow_over_a_thousand_requests():
    from gradio_client import Client

    port = browsers.free_port()
    words = [sys.executable, "-m", "zoo", "demo", "--port", str(port)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert f"http://127.0.0.1:{port}" in server.stdout.readline()
            client = Client(f"http://127.0.0.1:{port}", verbose=False)
            for number in range(_BEFORE + _REQUESTS):
                if number == _BEFORE:
                    before = _mebibytes(server.pid)
                text = "A film that is dull. " * (1 + number % 20)
                asked = (
                    ("sentiment_bilstm_movie_snippets", text, "sentiment_predict"),
                    ("ner_bilstm_conll2003", text + "Ann lives in Rome.", "ner_predict"),
                    ("language_model_lstm_shakespeare_character", text, "language_model_read"),
                    ("translation_bigru_dates", "12 mai 2019", "translation_predict"),
                )[number % 4]
                found = client.predict(*asked[:-1], api_name=f"/{asked[-1]}")
                assert "marks" in found[1]
            assert _mebibytes(server.pid) - before < _MOST
        finally:
            server.terminate()


def _mebibytes(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024
