"""What music models and translators say on the backend in use: FILE.json."""

import json
import sys

from support.music_pieces import piece_of
from support.music_pieces import predictor_of as music_model_of
from support.translation_pairs import predictor_of as translator_of


def answers():
    """Numbers and texts by name."""
    found = {}
    for kind in ("ranked", "parts"):
        model = music_model_of(kind)
        found[kind] = model.evaluate([piece_of(kind, steps=5)])["nll_per_step"]
        (piece,) = model.generate("C5", length=5, seed=1)
        found[f"{kind} piece"] = piece["score"].pitches.tolist()
        found[f"{kind} log P"] = piece["log_probability"]
        found[f"{kind} next"] = [n["chord"] for n in model.predict(["C5 G4 E4 C3"])[0]["next"]]
    translator = translator_of("character")
    (text,) = translator.predict(["the cat."], beams=2, n_best=2)
    found["translations"] = [h["text"] for h in text["hypotheses"]]
    found["scores"] = [h["score"] for h in text["hypotheses"]]
    ((_, _, weights),) = translator.alignments(["the cat."], ["le chat."])
    found["weights"] = weights[0].tolist()
    return found


if __name__ == "__main__":
    with open(sys.argv[1], "w") as file:
        json.dump(answers(), file)
