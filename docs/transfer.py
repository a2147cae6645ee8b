"""Accuracy by the number of labelled texts, with and without an encoder: docs/transfer.md.

python docs/transfer.py run --encoder FORWARD,BACKWARD    trains and adds to docs/transfer.json
python docs/transfer.py run                               the same without an encoder
python docs/transfer.py draw                              draws docs/transfer.png
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
RESULTS, PICTURE = HERE / "transfer.json", HERE / "transfer.png"
SETTINGS = {50: (10, 30), 200: (16, 20), 1000: (32, 12)}  # batch size and epochs
SEEDS = (1, 2, 3)
SHARED = ["--patience=30", "--learning-rate=0.002", "--warm-up=0.05"]
OF_ENCODER = ["--pooling=mean-max", "--adversarial=0.01"]
OF_ENCODER += ["--word-dropout=0.1", "--embedding-dropout=0.3"]
NAMES = {"encoder": "with the encoder", "none": "without", "linear": "linear baseline"}


def write(split, order, path):
    """Writes some texts of a split and their labels as a table."""
    names = ("neg", "pos")
    rows = [f"{' '.join(split.texts[i].split())}\t{names[split.labels[i]]}\n" for i in order]
    path.write_text("text\tlabel\n" + "".join(rows), encoding="utf-8")


def train(data, size, seed, encoder, folder):
    """The test figures of a network trained on so many texts, drawn by the seed."""
    files = {}
    for name, split in (("data", data.train), ("validation", data.validation), ("test", data.test)):
        order = np.random.default_rng(seed if name == "data" else 0).permutation(len(split))
        files[name] = folder / f"{name}.tsv"
        write(split, order if name == "test" else order[:size], files[name])
    batch, epochs = SETTINGS[size]
    words = [f"--{name}={path}" for name, path in files.items()]
    words += [
        f"--batch-size={batch}",
        f"--epochs={epochs}",
        f"--seed={seed}",
        *SHARED,
    ]
    words += [f"--encoder={encoder}", *OF_ENCODER] if encoder else []
    command = [sys.executable, "-m", "tasks.sentiment", "train", *words]
    made = subprocess.run(
        [*command, f"--out={folder / 'model'}", "--overwrite", "--json"],
        stdout=subprocess.PIPE, check=True, cwd=HERE.parent,
    )  # fmt: skip
    return json.loads(made.stdout.splitlines()[-1])


def results():
    """The accuracies that there are, by kind of network, number of texts and seed."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def run(encoder, sizes):
    """Trains for every size and seed; what is there already is kept."""
    import zoo

    data = zoo.datasets.text_classification.load("movie_snippets")
    for size in sizes:
        for seed in SEEDS:
            key = f"{'encoder' if encoder else 'none'}/{size}/{seed}"
            if key in results():
                continue
            with tempfile.TemporaryDirectory() as folder:
                found = train(data, size, seed, encoder, Path(folder))
            new = {key: found["accuracy"], f"linear/{size}/{seed}": found["baseline_accuracy"]}
            known = results() | {name: round(value, 4) for name, value in new.items()}
            RESULTS.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
            print(new, flush=True)


def draw():
    """Draws mean and standard deviation, and prints them as a table."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = {}
    for key, value in results().items():
        kind, size, _ = key.split("/")
        found.setdefault(kind, {}).setdefault(int(size), []).append(value)
    figure, axes = pyplot.subplots(figsize=(5.5, 3.4), layout="constrained")
    for kind, label in NAMES.items():
        sizes = sorted(found[kind])
        means, deviations = (
            [function(found[kind][size]) for size in sizes] for function in (np.mean, np.std)
        )
        axes.errorbar(sizes, means, deviations, marker="o", capsize=3, label=label)
        told = (f"{m:.3f} ± {d:.3f}" for m, d in zip(means, deviations, strict=True))
        print(f"| {label} | {' | '.join(told)} |")
    axes.set(xscale="log", xlabel="labelled texts to train on", ylabel="accuracy on the test split")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=("run", "draw"))
    parser.add_argument("--encoder")
    parser.add_argument("--sizes", type=int, nargs="+", default=[*SETTINGS])
    arguments = parser.parse_args()
    draw() if arguments.verb == "draw" else run(arguments.encoder, arguments.sizes)
