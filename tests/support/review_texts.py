"""Reviews to classify."""

import random
import shlex

# A network and a training as small as can be; adversarial training would take twice as long.
TINY = shlex.split(
    "--units=3 --embedding-dim=4 --batch-size=8 --learning-rate=0.05 --dropout=0.3 "
    "--adversarial=0 --epochs=15 --patience=15"
)

_WORDS = {
    "neg": ("bad", "awful", "dull", "poor"),
    "pos": ("good", "great", "fine", "moving"),
    "none": ("long", "French", "recent", "silent"),
}
_AROUND = ("the", "film", "was", "a", "story", "and", "it", "plot", ",", ".")


def reviews(rows=60, labels=("neg", "pos")):
    """(text, label) pairs whose label shows in every other word or so."""
    draw = random.Random(1)
    pairs = []
    for i in range(rows):
        label = labels[i % len(labels)]
        words = draw.choices(_WORDS[label], k=2) + draw.choices(_AROUND, k=draw.randint(1, 5))
        draw.shuffle(words)
        pairs.append((" ".join(words), label))
    return pairs


def write_reviews(path, pairs):
    """Writes (text, label) pairs as TSV; returns the path."""
    lines = [f"{text}\t{label}\n" for text, label in pairs]
    path.write_text("text\tlabel\n" + "".join(lines), encoding="utf-8")
    return path
