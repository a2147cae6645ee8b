"""Words of a small language, each a tone, to learn; and tiny models of them."""

import shlex

import numpy as np

from support.recordings import tone
from support.sequences import randomize
from zoo.audio import Features, Normalization, features_of, write
from zoo.audio.features import UNBOUNDED
from zoo.datasets.speech import Utterances
from zoo.networks import Frames, encoder_decoder, transcriber
from zoo.predictors import SpeechRecognizer
from zoo.text.characters import CharacterTokenizer
from zoo.text.special_tokens import END_ID, UNKNOWN_ID

# A network and a training as small as can be.
TINY = shlex.split(
    "--units=8 --layers=1 --batch-size=4 --learning-rate=0.03 --dropout=0.1 --epochs=3 "
    "--patience=3 --no-augment --remember=2 --zoneout=0.05"
)
RATE = 8_000
HERTZ = {"la": 250, "mi": 600, "so": 1_200, "ti": 2_400}
SPEAKERS = {"ann": 0.2, "bob": 0.5}  # and how loud they are


def spoken(text, speaker="ann", seed=0):
    """What is said, (samples,) float32: a tone of 0.2 s for each word, in a breath; with gaps."""
    draw, loudness = np.random.default_rng(seed), SPEAKERS[speaker]
    pieces = [np.zeros(400)]
    for word in text.split():
        said = tone(0.2, RATE, HERTZ[word], loudness)
        pieces += [said + draw.normal(0, loudness / 10, len(said)), np.zeros(1_200)]
    sound = np.concatenate(pieces)
    return (sound + draw.normal(0, 0.001, len(sound))).astype("float32")


def sentences():
    """(text, speaker), each once."""
    texts = [*HERTZ, *(f"{one} {other}" for one in HERTZ for other in HERTZ)]
    return [(text, [*SPEAKERS][i % 2]) for i, text in enumerate(texts)]


def write_sentences(path, examples):
    """Writes (text, speaker) as a table with recordings beside it; returns the path."""
    rows = ["audio\ttext\tspeaker"]
    for i, (text, speaker) in enumerate(examples):
        name = f"{path.stem}_{i}.wav"
        write(spoken(text, speaker, seed=i), path.parent / name, RATE)
        rows.append(f"{name}\t{text}\t{speaker}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def utterances(number=12):
    """The first sentences as they are spoken."""
    texts, speakers = map(list, zip(*sentences()[:number], strict=True))
    recordings = [spoken(*one, seed=i) for i, one in enumerate(zip(texts, speakers, strict=True))]
    return Utterances(recordings, texts, speakers)


def predictor_of(head="ctc", scale=1.0, seed=3, subsampling=1, bidirectional=True, **options):
    """An untrained predictor, whose probabilities differ from letter to letter."""
    one_way = not bidirectional
    features = Features(bands=40, decibels=UNBOUNDED if one_way else 80)
    tokenizer = CharacterTokenizer.from_documents(utterances().texts)
    options = {"units": 5, "layers": 1, "cell": "gru", "bidirectional": bidirectional} | options
    frames, symbols = Frames(features.size, subsampling), len(tokenizer.vocabulary)
    if head == "ctc":
        model = transcriber(frames, symbols, **options)
    else:
        model = encoder_decoder(frames, symbols, embedding_dim=4, **options)
    randomize(model, seed, scale)
    bias = model.get_layer("logits").bias
    silent = [UNKNOWN_ID, tokenizer.start_id, *([END_ID] if head == "ctc" else [])]
    bias.assign(np.where(np.isin(np.arange(symbols), silent), -30, np.array(bias)))
    normalization = Normalization()
    if one_way:
        every = np.concatenate(features_of(utterances().recordings, features))
        of_training = (tuple(map(float, of)) for of in (every.mean(axis=0), every.std(axis=0)))
        normalization = Normalization("running", *of_training)
    return SpeechRecognizer(model, tokenizer, features, normalization)
