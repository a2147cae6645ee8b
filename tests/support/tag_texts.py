"""Finds the entities of texts on the backend in KERAS_BACKEND: python tag_texts.py FOLDER."""

import json
import sys
from pathlib import Path

import keras

import zoo
from zoo.datasets.sequence_tagging import TaggedSentences
from zoo.text.token_spans import tokenize

folder = Path(sys.argv[1])
texts = json.loads((folder / "texts.json").read_text())
predictor = zoo.load(folder / "model")
tokens = [[token.decode() for token in row] for row in tokenize(texts[-1:]).tokens.to_list()]
answer = {
    "backend": keras.backend.backend(),
    "predictions": predictor.predict(texts),
    "tags": predictor.tag(TaggedSentences(tokens, [])),
}
(folder / "answer.json").write_text(json.dumps(answer))
