"""Scores and writes texts on the backend in KERAS_BACKEND: python write_texts.py FOLDER."""

import json
import sys
from pathlib import Path

import keras

import zoo

folder = Path(sys.argv[1])
texts = json.loads((folder / "texts.json").read_text())
prompts = ["The king", ""]
answer = {"backend": keras.backend.backend()}
for level in ("character", "word"):
    predictor = zoo.load(folder / level)
    answer[level] = {
        "scores": predictor.score(texts[level]),
        "loss": predictor.evaluate([texts["document"]])["loss"],
        "greedy": predictor.generate(prompts, length=8, greedy=True),
        "drawn": predictor.generate(prompts, length=8, seed=3, top_k=5),
        "beams": predictor.generate(prompts, length=8, beams=2),
        "stream": "".join(predictor.stream("The", length=8, seed=3)),
        "next": predictor.predict(prompts),
    }
(folder / "answer.json").write_text(json.dumps(answer))
