"""What a sequence of DNA is: many-to-one.

python -m tasks.dna                              train on splice junctions, test, save
python -m tasks.dna predict windows.fasta        use the model that ships
python -m tasks.dna predict windows.fasta --attribution logo.png
python -m tasks.dna train --data sites.fasta --reverse-complement
python -m tasks.dna --help
"""

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import zoo
from zoo.application import Card, ClassificationTask, Rows, TrainingOptions, option
from zoo.application.classification import LABELLED
from zoo.application.command_line import run
from zoo.application.options import ModelOptions
from zoo.errors import UserError

_MOST_DRAWN = 6  # records of an `--attribution`
_SHOWN = 40  # letters of a sequence without a name
_CODON = 3  # letters
_SEQUENCES = (".fasta", ".fa", ".fna", ".ffn", ".fastq", ".fq")
_BEGINNINGS = (">", "@")  # of FASTA and FASTQ


@dataclass
class Options(TrainingOptions):
    """What `train` takes."""

    units: int = 48
    epochs: int = 20
    patience: int = 8
    monitor: str = option("loss", choices=("loss", "accuracy"))
    learning_rate: float = 3e-3
    pooling: str | None = option(
        None,
        "How the steps become one vector; place reads one step.",
        choices=("place", "max", "mean", "mean-max", "last", "attention"),
        shown="place if all sequences are of one length, else max",
    )
    place: float = option(
        0.5, "Where `--pooling place` reads, as a part of the sequence.", least=0, most=1
    )
    convolution: int = option(
        9, "Letters, or k-mers, that a convolution before the recurrence sees; 0 for none.", least=0
    )
    filters: int = option(64, "Features of a step of the convolution.", least=1)
    stride: int = option(
        1, "Steps of the convolution at a time, for long sequences: 4 makes one of four.", least=1
    )
    k_mer: int = option(1, "Letters that are read together.", least=1, most=5)
    k_mer_stride: int = option(
        1, "Letters from one k-mer to the next; 3 with --k-mer 3 reads codons.", least=1
    )
    translate: bool = option(
        False, "Read the amino acids of codons, from the first letter on.", flag=True
    )
    embedding_dim: int = option(32, "Size of the vectors of k-mers.", least=1)
    letter_dropout: float = option(
        0.0, "Fraction of letters replaced by N in training.", least=0, below=1
    )
    shortest_part: float = option(
        1.0,
        "Train on fragments of sequences, of this part of the letters up to all, each time others; "
        "they begin between codons.",
        above=0,
        most=1,
    )
    input_dropout: float = option(
        0.2, "Fraction of the features of the steps set to 0 in training.", least=0, below=1
    )
    label_smoothing: float = option(
        0.1, "Share of a target spread over all labels in training.", least=0, below=1
    )
    reverse_complement: bool = option(
        False, "Read both strands with the same weights; wrong for splice junctions.", flag=True
    )
    max_length: int = option(
        6000, "Of longer training sequences so many letters are read.", least=1
    )

    def resolve(self) -> None:
        if self.stride > 1 and not self.convolution:
            raise UserError("--stride is of the convolution: give --convolution too")
        if self.translate:
            if self.k_mer not in (1, _CODON):
                raise UserError("--translate reads codons: leave --k-mer out")
            self.k_mer = _CODON
            self.k_mer_stride = max(self.k_mer_stride, _CODON)


@dataclass
class PredictOptions(ModelOptions):
    """What `predict` takes."""

    attribution: str | None = option(
        None,
        f"Draw which letters speak for the label, of the first {_MOST_DRAWN} sequences, as PNG.",
        file=True,
    )


class Dna(ClassificationTask):
    """Classification of nucleotide sequences with a recurrent network; any number of classes."""

    name = "dna"
    summary = "What a sequence of DNA is: a recurrent classifier, many-to-one."
    corpus = "dna"
    files = "FASTA, FASTQ, CSV, TSV or JSON Lines"
    dataset = "splice_junctions"
    predictor = "dna_classifier"
    preset = "dna_bilstm_splice_junctions"
    options = Options
    predict_options = PredictOptions
    rows = Rows("sequence", {**LABELLED, "name": ""}, sequences=_SEQUENCES)
    card = Card(
        limits=(
            "Tested on sequences like those it was trained on: of the same species, cut in the "
            "same way, of similar length. `familiar` tells which are of another length, or have "
            "more ambiguous letters.",
            "Every sequence gets one of the labels, any other DNA too, and most of a genome is "
            "none of what a corpus was made of: in a scan nearly all that is found is wrong.",
            "Where relatives of a test sequence were trained on, figures flatter.",
            "Research and teaching only: no means of diagnosis.",
        ),
        examples=(
            "CCAGCTGCATCACAGGAGGCCAGCGAGCAGGTCTGTTCCAAGGGCCTTCGAGCCAGTCTG",
            "CCTTTCTCACCACCGACCCCTTTCACCCAGCTTGCGTGGCTGAACTTTGGTTTCTGCGGA",
        ),
    )

    def build(self, data: Any, options: Options) -> Any:
        lengths = {len(sequence) for sequence in data.train.sequences}
        options.pooling = options.pooling or ("place" if len(lengths) == 1 else "max")
        encoder = zoo.networks.Nucleotides(
            k=options.k_mer,
            k_stride=options.k_mer_stride,
            translate=options.translate,
            embedding_dim=options.embedding_dim,
            width=options.convolution,
            filters=options.filters,
            stride=options.stride,
            letter_dropout=options.letter_dropout,
            reverse_complement=options.reverse_complement,
        )
        model = zoo.networks.many_to_one(
            encoder,
            len(data.label_names),
            **options.recurrence(),
            bidirectional=options.bidirectional,
            pooling=options.pooling,
            place=options.place,
            embedding_dropout=options.input_dropout,
            dropout=options.dropout,
            name=self.name,
        )
        return zoo.predictors.DnaClassifier(model, data.label_names)

    def compile(self, predictor: Any, optimizer: Any, options: Options) -> Any:
        return predictor.compile(optimizer, options.label_smoothing)

    def batches(self, predictor: Any, examples: Any, options: Options, shuffle: bool) -> Any:
        if shuffle:
            size = options.batch_size
            changes = {"max_length": options.max_length, "shortest_part": options.shortest_part}
        else:  # whole sequences, but no more steps together than `predict` takes
            longest = max(map(len, examples.sequences))
            size, changes = min(options.batch_size, predictor.most_together // longest or 1), {}
        return predictor.batches(
            examples.sequences,
            examples.labels,
            size,
            shuffle=shuffle,
            seed=options.seed,
            **changes,
        )

    def evaluate(self, predictor: Any, examples: Any) -> dict[str, Any]:
        return predictor.evaluate(examples.sequences, examples.labels)

    def details(self, metrics: dict[str, Any]) -> str:
        head = ("| label | area under ROC | area under precision and recall | examples |",)
        rows = [
            f"| {name} | {_figure(row['auroc'])} | {_figure(row['auprc'])} | {row['examples']:,} |"
            for name, row in metrics["per_label"].items()
        ]
        table = "\n".join((*head, "|---|---|---|---|", *rows))
        return f"Matthews' correlation {metrics['mcc']:.4f}.\n\n{table}"

    def fit_baseline(self, data: Any, options: Options) -> Any:
        train = data.train
        return zoo.evaluation.baselines.SequenceBaseline.fit(train.sequences, train.labels)

    def load_baseline(self, path: Path, predictor: Any) -> Any:
        return zoo.evaluation.baselines.SequenceBaseline.load(path)

    def expand(self, inputs: Iterable[str]) -> Iterable[Any]:
        """The records of files, or sequences; so for lines, which may be those of a file."""
        if isinstance(inputs, Sequence):
            return [record for word in inputs for record in _records(word)]
        return _of_lines(iter(inputs))

    def of_row(self, predictor: Any, row: Any) -> Any:
        if "name" not in row.columns:
            return row.text
        return _Record(row.file, row.columns["name"], row.text)

    def predict(self, predictor: Any, inputs: list[Any], options: Any) -> list[dict[str, Any]]:
        records = [one if isinstance(one, _Record) else _Record(one, None, one) for one in inputs]
        found = predictor.predict([record.sequence for record in records])
        for record, prediction in zip(records, found, strict=True):
            named = {} if record.name is None else {"name": record.name}
            prediction |= {"input": record.input, **named}
        if options is not None and options.attribution:
            drawn = [record.sequence for record in records[:_MOST_DRAWN]]
            explained = zoo.predictors.attributions(predictor, drawn)
            for prediction, one in zip(found, explained, strict=False):  # of the first ones
                prediction["attribution"] = _as_lists(one)
        return found

    def finish(self, predictions: Iterable[Any], options: PredictOptions) -> Iterable[Any]:
        return _drawn(predictions, options.attribution) if options.attribution else predictions

    def show(self, prediction: dict[str, Any]) -> str:
        text = prediction.get("name") or "".join(prediction["input"].split())
        if "name" not in prediction and len(text) > _SHOWN:
            text = f"{text[:_SHOWN]}... ({len(text):,} letters)"
        return f"{prediction['label']:>8} {prediction['probability']:.3f}  {text}"


class _Record(NamedTuple):
    """A sequence to predict: what the user gave, its name in a file, and its letters."""

    input: str
    name: str | None
    sequence: str


def _records(word: str) -> Iterator[_Record]:
    """Those of a file, or the one that a word of a command line is itself."""
    if os.path.isfile(word):
        yield from _of_file(word, zoo.genomics.read(word))
        return
    try:
        yield _Record(word, None, _checked(word, f"'{word:.30}'"))
    except UserError as error:
        raise UserError(f"{error}; and there is no such file") from error


def _of_lines(lines: Iterator[str]) -> Iterator[_Record]:
    first = next(lines, "")
    lines = itertools.chain([first] if first else [], lines)
    if first.startswith(_BEGINNINGS):
        name, text = "standard input", "\n".join(lines)
        yield from _of_file(name, zoo.genomics.decode(text.encode(), name))
        return
    for number, line in enumerate(lines, 1):
        yield _Record(line, None, _checked(line, f"line {number} of standard input"))


def _of_file(name: str, records: Iterable[Any]) -> Iterator[_Record]:
    for record in records:
        place = f"{name}: line {record.line}: the record '{record.name:.30}'"
        sequence = _checked(record.sequence, place)
        yield _Record(name, record.name, sequence)


def _checked(sequence: str, name: str) -> str:
    return zoo.predictors.DnaClassifier.checked(sequence, name)


def _as_lists(attribution: Any) -> dict[str, Any]:
    """What JSON can hold of an attribution."""
    return {
        "sequence": attribution.sequence,
        "gradient": attribution.gradient.tolist(),
        "mutation": attribution.mutation.tolist(),
        "importance": attribution.importance.tolist(),
    }


def _drawn(predictions: Iterable[dict[str, Any]], path: str) -> Iterator[dict[str, Any]]:
    """The predictions; at their end, the attributions of the first ones are drawn."""
    logos: list[Any] = []
    for prediction in predictions:
        found = prediction.get("attribution")
        if found and len(logos) < 2 * _MOST_DRAWN:
            of = f"{prediction.get('name', '')} {prediction['label']}".strip()
            for title, kind in (("gradient", "gradient"), ("mutation", "importance")):
                title = f"{of} {prediction['probability']:.3f}, by {title}"
                logos.append(zoo.evaluation.logos.Logo(title, found["sequence"], found[kind]))
        yield prediction
    if logos:
        zoo.evaluation.logos.sequence_logos(logos, path)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


if __name__ == "__main__":
    run(Dna())
