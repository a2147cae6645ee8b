"""Nucleotide sequences with one label each, as texts of `text_classification` have it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from zoo import genomics
from zoo.datasets import corpora
from zoo.datasets.corpus import Corpus, Examples
from zoo.datasets.labelled import LabelledKind
from zoo.datasets.readers.left_out import ROWS, LeftOut
from zoo.datasets.readers.tables import SUFFIXES, Row, read_table
from zoo.errors import UserError

LONG = 100  # letters; of longer sequences relatives stay together

_FEATURES = ("sequence", "seq", "dna")  # what corpora call a text that is a sequence
_BETWEEN = re.compile(r"[\s|]+")  # the fields of a header
_LABEL = "label="


@dataclass(frozen=True)
class LabelledSequences(Examples):
    """Sequences, `zoo.genomics.normalized`, and for each the index of its label.

    `labels` is (examples,) int32; `names` are those of records, None where there are none.
    """

    sequences: list[str]
    labels: np.ndarray
    names: list[str] | None = None


@dataclass(frozen=True)
class DnaData(Corpus[LabelledSequences]):
    """A corpus of labelled sequences; `label_names` are in the order of the indices."""

    label_names: tuple[str, ...] = field(kw_only=True)


class _Dna(LabelledKind[LabelledSequences, DnaData]):
    """Corpora with a class label and a text that is called sequence, seq or dna.

    Such are "genomics_ood" and "genomic_benchmarks/human_nontata_promoters".

    Files are CSV, TSV or JSON Lines with the columns `sequence` and `label` (`readers.tables`), or
    FASTA or FASTQ (`zoo.genomics.read`). Of a record the label is in the header: the last word
    `label=NAME`, else the last field, as `|` and white space part them. Beside `genes.fasta.gz` may
    lie `genes.labels.tsv`, with the columns `name` and `label`, which has the labels of all
    records by the first words of their headers; then the headers have none.

    Sequences are `zoo.genomics.normalized`. Of those longer than 100 letters (`LONG`), relatives
    are set aside together: `zoo.genomics.clusters`. Of shorter ones equal ones are.
    """

    name = "dna"
    corpus = DnaData
    examples = LabelledSequences
    wanted = f"one text called {' or '.join(_FEATURES)} with one class label"
    too_small = (
        "too few examples to set a {} split aside, relatives being kept together: add some, or "
        "give a file for each split"
    )

    def _labelled(self, data: LabelledSequences) -> tuple[list[str], np.ndarray]:
        return data.sequences, data.labels

    def _groups(self, strings: list[str]) -> list[str]:
        long = [sequence for sequence in strings if len(sequence) > LONG]
        cluster_of = dict(zip(long, genomics.clusters(long), strict=True))
        return [cluster_of.get(sequence, sequence) for sequence in strings]

    def _is_string(self, key: str) -> bool:
        return key in _FEATURES

    def _decode(self, strings: Sequence[bytes], name: str) -> list[str]:
        place = f"the dataset '{name}'"
        found = corpora.tensorflow_datasets.decode(strings)
        return [genomics.normalized(sequence, place) for sequence in found]

    def _rows(self, path: str | Path) -> list[Row]:
        path = Path(path)
        stem = path.with_suffix("") if path.suffix.lower() == ".gz" else path
        if stem.suffix.lower() in SUFFIXES:
            return _checked(path, read_table(path, ("sequence", "label")))
        records = genomics.read(path)
        table = stem.with_suffix(".labels.tsv")
        label_of = _by_name(table) if table.is_file() else None
        known = f"give it one in {table.name}, which has the columns name and label"
        if label_of is None:
            known = f"end the line with {_LABEL}NAME, or {known}"
        rows = []
        for record in records:
            label = _in_header(record.header) if label_of is None else label_of.get(record.name)
            fields = {"name": record.name, "sequence": record.sequence, "label": label or ""}
            rows.append(Row(record.line, fields))
        return _checked(path, rows, known)

    def _of_rows(self, path: str | Path, rows: list[Row], labels: np.ndarray) -> LabelledSequences:
        sequences = [row.fields["sequence"] for row in rows]
        named = all("name" in row.fields for row in rows)
        return LabelledSequences(
            sequences, labels, [row.fields["name"] for row in rows] if named else None
        )


def _checked(path: Path, rows: list[Row], known: str = "") -> list[Row]:
    """The rows with their sequences normalised; those of use, the others being named.

    Of records without labels the remedy is `known`.
    """
    left_out, kept = LeftOut("sequences", len(rows), ROWS), []
    for row in rows:
        place = f"{path}: line {row.line}"
        try:
            if known and not row.fields["label"]:
                name = row.fields["name"]
                raise UserError(f"{place}: the record '{name}' has no label: {known}")
            sequence = genomics.normalized(row.fields["sequence"], place)
        except UserError as error:
            left_out.add(error)
        else:
            kept.append(replace(row, fields=row.fields | {"sequence": sequence}))
    left_out.tell()
    return kept


def _in_header(header: str) -> str | None:
    """The label in the header of a record; None if it is a name and no more."""
    fields = [text for text in _BETWEEN.split(header) if text]
    told = [text.removeprefix(_LABEL) for text in fields if text.startswith(_LABEL)]
    return (told or fields[1:] or [None])[-1]


def _by_name(table: Path) -> dict[str, str]:
    """The labels in a table of names and labels."""
    label_of: dict[str, str] = {}
    for row in read_table(table, ("name", "label")):
        name, label = (row.fields[column].strip() for column in ("name", "label"))
        if label_of.setdefault(name, label) != label:
            raise UserError(
                f"{table}: line {row.line} gives '{name}' another label than a line above: leave "
                "one of the two"
            )
    return label_of


_KIND = _Dna()
load, from_files, from_file, carve = _KIND.load, _KIND.from_files, _KIND.from_file, _KIND.carve
