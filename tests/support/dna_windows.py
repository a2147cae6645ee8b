"""Windows of DNA whose middle tells their label, and tiny untrained classifiers of them."""

import random
import shlex

import keras
import numpy as np

from support.sequences import randomize
from zoo import genomics
from zoo.networks import Nucleotides, many_to_one
from zoo.predictors import DnaClassifier

TINY = shlex.split(
    "--units=3 --filters=4 --convolution=3 --batch-size=8 --learning-rate=0.05 --dropout=0.1 "
    "--epochs=8 --patience=8 --pooling=place"
)
LABELS = ("donor", "none", "acceptor")
SEQUENCES = [
    "ACGTTGCAGGTAAGT",
    "n",
    "acguNRYSWKMBDHVn - .\n",
    "GATTACA" * 30,
    "TTTTTTTTTTTTNCAGGT",
    "A",
    "CCCCAGGTRAGT",
]


def windows(rows=60):
    """(sequence, label) pairs: GT or AG in the middle, or neither, among other letters."""
    draw, pairs = random.Random(1), []
    for i in range(rows):
        label = LABELS[i % 3]
        around = ["".join(draw.choices("ACGT", k=6)) for _ in range(2)]
        pairs.append(({"donor": "GT", "none": "CC", "acceptor": "AG"}[label].join(around), label))
    return pairs


def write_fasta(path, pairs):
    """Writes (sequence, label) pairs as FASTA; returns the path."""
    lines = (f">window_{i} label={label}\n{s}\n" for i, (s, label) in enumerate(pairs))
    path.write_text("".join(lines))
    return path


def dna_classifier(labels=LABELS, lengths=None, pooling="place", **encoder):
    """One that gives several labels to `SEQUENCES`."""
    encoder = Nucleotides(**{"filters": 4, "embedding_dim": 3, **encoder})
    model = many_to_one(encoder, len(labels), units=3, pooling=pooling)
    randomize(model, seed=2, scale=1)
    predictor = DnaClassifier(model, labels, lengths)
    bias = model.get_layer("logits").bias
    rows = [genomics.ids(genomics.normalized(sequence)) for sequence in SEQUENCES]
    logits = [np.array(model(row[None]))[0] for row in rows]
    bias.assign(bias - keras.ops.convert_to_tensor(np.mean(logits, axis=0)))
    return predictor
