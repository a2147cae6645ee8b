"""Labelled sequences: headers, tables and corpora; relatives stay together."""

import gzip
import re
from collections import Counter

import numpy as np
import pytest
import tensorflow_datasets as tfds
from support.corpus_case import SPLITS, tfds_corpus
from support.refusals import refused

from zoo import genomics
from zoo.datasets.corpora.gene_families import GeneFamilies
from zoo.datasets.corpora.splice_junctions import LABELS, SpliceJunctions, folds, read_junctions
from zoo.datasets.dna import LabelledSequences, carve, from_file, from_files, load

pytestmark = pytest.mark.more


def test_the_label_is_in_the_header(write):
    headers = {
        "a label=EI": "EI",
        "b human label=IE length=60": "IE",
        "c|chr1|EI": "EI",
        "d chr1 N": "N",
        "e\tchr1|N | ": "N",
    }
    records = "".join(f">{header}\r\nacgu-\r\nNN\r\n" for header in headers)
    data = from_file(write("a.fasta", records), ("EI", "IE", "N"))
    assert [("EI", "IE", "N")[i] for i in data.labels] == [*headers.values()]
    assert data.labels.dtype == "int32"
    assert data.sequences == ["ACGTNN"] * 5
    assert data.names == ["a", "b", "c|chr1|EI", "d", "e"]
    fastq = write("a.fq.gz", gzip.compress(b"@r1 N\nAC\n+\nII\n@r2 EI\nGT\n+\nII\n"))
    assert from_file(fastq).sequences == ["AC", "GT"]


def test_the_labels_are_in_a_table_beside_it(write):
    fasta = write("genes.fa.gz", gzip.compress(b">g1 of chr 1\nAC\n>g2\nGT\n"))
    refused(
        r"genes\.fa\.gz: line 3: the record 'g2' has no label: end the line with label=NAME, or "
        r"give it one in genes\.labels\.tsv, which has the columns name and label",
        from_file,
        fasta,
    )
    write("genes.labels.tsv", "label\tname\nio n\tg2\n kinase\tg1\nother\tg3\n")
    data = from_file(fasta)
    assert data.labels.tolist() == [1, 0]  # by alphabet
    assert from_file(fasta, ("kinase", "io n")).labels.tolist() == [0, 1]
    write("genes.labels.tsv", "name\tlabel\ng1\tkinase\n")
    refused("line 3: the record 'g2' has no label: give it one in", from_file, fasta)
    write("genes.labels.tsv", "name\tlabel\ng1\tkinase\ng2\tx\ng1\tx\n")
    refused(r"labels\.tsv: line 4 gives 'g1' another label", from_file, fasta)
    write("genes.labels.tsv", "gene\tlabel\ng1\tkinase\n")
    refused(r"labels\.tsv: no column 'name'", from_file, fasta)


def test_a_table_has_the_columns_sequence_and_label(write):
    table = write("a.tsv", "name\tsequence\tlabel\nx\tacg u\t10\ny\tN\t9\n")
    data = from_file(table)
    assert (data.sequences, data.labels.tolist(), data.names) == (["ACGT", "N"], [1, 0], ["x", "y"])
    lines = '{"sequence": "ac", "label": 1}\n{"sequence": "gt", "label": 2}\n'
    assert from_file(write("a.jsonl", lines)).names is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "sequence,label\nACG,x\nMKTLLE,y\n", "line 3: it has the letters E, L, as prot"),
        ("a.csv", "sequence,label\nACG,x\n,y\n", "line 3: there is no nucleotide in it"),
        ("a.csv", "text,label\nACG,x\nACG,y\n", "no column 'sequence'"),
        ("a.fa", ">a x\nACG\n>b y\n>c x\nA\n", "line 3: there is no nucleotide in it"),
        ("a.fa", ">a x\nACG\n>b y\nAC9\n", "line 3: '9', character 3, is no nucleotide"),
        ("a.fa", ">a label=\nACG\n>b y\nAC\n", "line 1: the record 'a' has no label"),
        ("a.fa", ">a x\nACG\n>b x\nAC\n", "every row has the label 'x'"),
        ("a.txt", "ACG x\n", "line 1 begins neither FASTA nor FASTQ"),
        (".csv", "ACG x\n", "line 1 begins neither FASTA nor FASTQ"),
    ],
)
def test_what_is_no_labelled_sequence(write, name, content, message):
    refused(rf"{re.escape(name)}: .*{message}", from_file, write(name, content))


def test_other_labels_than_those_of_training(write):
    fasta = write("a.fa", ">a x\nACG\n>b y\nACT\n")
    other = write("b.fa", ">a x\nACG\n\n>b z\nACT\n")
    refused(
        r"b\.fa: line 4 has the label 'z', which is not one of 'x', 'y'", from_files, fasta, other
    )


def genes(families, members, length=400):
    """Sequences of families, each with the middle of an ancestor and ends of its own."""
    draw = np.random.default_rng(0)

    def new(number):
        return "".join(draw.choice([*"ACGT"], number))

    middles = [new(length // 4) for _ in range(families)]
    sequences = [new(length // 2) + m + new(length // 4) for m in middles for _ in range(members)]
    return LabelledSequences(sequences, np.arange(len(sequences)) // members % 2, sequences)


def test_relatives_are_on_one_side():
    data = genes(families=40, members=5)
    rest, aside = carve(data)
    assert (len(rest), len(aside)) == (180, 20)
    assert Counter(aside.labels.tolist()) == {0: 10, 1: 10}
    assert aside.names == aside.sequences
    assert len({*genomics.clusters(data.sequences)}) == 40
    middles = [{s[200:300] for s in part.sequences} for part in (rest, aside)]
    assert not middles[0] & middles[1]
    order = np.random.default_rng(1).permutation(200)
    assert {*carve(data.take(order))[1].sequences} == {*aside.sequences}


def test_a_family_that_is_too_large_stays_in_training():
    data, few = genes(families=2, members=30), genes(families=2, members=1)
    assert [len(part) for part in carve(data)] == [60, 0]
    both = LabelledSequences(
        [*data.sequences, "ACGT", "CCGT"], np.append(data.labels, [0, 1]).astype("int32")
    )
    assert [len(part) for part in carve(both)] == [60, 2]
    assert [len(part) for part in carve(few)] == [2, 0]


def test_of_short_sequences_relatives_are_not_looked_for():
    windows = [
        f"{'A' * 50}{one}{other}" for one in "ACGT" for other in ("CC", "GT", "TA", "GG", "CT")
    ]
    rest, aside = carve(LabelledSequences(windows, np.zeros(20, "int32")))
    assert (len(rest), len(aside)) == (18, 2)


LABEL = tfds.features.ClassLabel(names=["no", "yes"])
ROWS = [{"seq": f"acg{'ACGT'[i % 4]}{'N' * i}", "label": i % 2, "info": "x"} for i in range(100)]
TEXT = tfds.features.Text()
tfds_corpus("DnaOfTests", {"seq": TEXT, "label": LABEL, "info": TEXT}, {"train": ROWS})
tfds_corpus("WordsOfTests", {"text": TEXT, "label": LABEL}, {"train": []})
tfds_corpus(
    "ProteinOfTests",
    {"sequence": TEXT, "label": LABEL},
    {"train": [{"sequence": "MLE", "label": 0}]},
)


def test_tfds_names_with_a_sequence_and_a_class(tfds_folder):
    data = load("dna_of_tests")
    assert data.label_names == ("no", "yes")
    assert [len(getattr(data, split)) for split in SPLITS] == [80, 10, 10]
    assert {*data.train.sequences} < {row["seq"].upper() for row in ROWS}
    refused(
        "'words_of_tests' is not one text called sequence or seq or dna", load, "words_of_tests"
    )
    refused("the dataset 'protein_of_tests': it has the letters E, L", load, "protein_of_tests")


def told(corpus, *numbers):
    """The description has the numbers."""
    words = re.findall(r"[\d,]*\d", corpus.__doc__)
    assert {f"{number:,}" for number in numbers} <= {*words}


def test_junctions_are_what_is_told(packaged, shared_cache):
    junctions, data = read_junctions(), packaged("splice_junctions")
    letters = Counter("".join(one.sequence for one in junctions))
    ambiguous = sum(count for letter, count in letters.items() if letter not in "ACGT")
    told(SpliceJunctions, len(junctions), ambiguous, *(len(getattr(data, s)) for s in SPLITS))
    assert {len(one.sequence) for one in junctions} == {60}
    assert data.label_names == LABELS
    for label, place, pair in (("EI", slice(30, 32), "GT"), ("IE", slice(28, 30), "AG")):
        share = Counter(one.sequence[place] == pair for one in junctions if one.label == label)
        assert share[True] > 30 * share[False], label
    known = np.array([[*s] for s in data.train.sequences + data.validation.sequences])
    fewest = [(known != np.array([*s])).sum(axis=1).min() for s in data.test.sequences]
    near = [(np.array(fewest) <= most).sum() for most in (12, 1)]
    assert near == [45, 7]
    told(SpliceJunctions, *near)


def test_each_junction_is_in_the_test_of_one_fold(shared_cache):
    junctions = read_junctions()
    parts = folds(junctions)
    assert sorted(one.sequence for part in parts for one in part) == sorted(
        one.sequence for one in junctions
    )
    for label in LABELS:
        sizes = [sum(one.label == label for one in part) for part in parts]
        assert max(sizes) - min(sizes) <= 1
    data = load("splice_junctions/fold_9")
    assert {*data.test.sequences} == {one.sequence for one in parts[9]}
    assert {*data.validation.sequences} == {one.sequence for one in parts[0]}
    assert len(data.train) == len(junctions) - len(parts[9]) - len(parts[0])


def test_genes_of_different_splits_share_no_50_letters(packaged, shared_cache):
    data = packaged("gene_families")
    mers = {}
    for split, step in (
        ("train", 7),
        ("validation", 1),
        ("test", 1),
    ):  # for speed, not all of train
        found = getattr(data, split).sequences
        mers[split] = {hash(s[i : i + 50]) for s in found for i in range(0, len(s) - 49, step)}
    assert not mers["train"] & (mers["validation"] | mers["test"])
    assert not mers["validation"] & mers["test"]
    sequences = [s for split in SPLITS for s in getattr(data, split).sequences]
    names = genomics.clusters(sequences)
    sizes = sorted(Counter(names).values())
    lengths = sorted(map(len, sequences))
    told(GeneFamilies, len(sequences), len(sizes), sizes[-1], lengths[0], lengths[-1])
    assert np.median(lengths) == 786
    labels = np.concatenate([getattr(data, split).labels for split in SPLITS])
    assert len({*zip(names, labels.tolist(), strict=True)}) == len(sizes)
    assert np.bincount(labels).min() > 100


def test_a_corpus_of_genomic_benchmarks(write, tmp_path, monkeypatch):
    """Of an archive as the collection has it: a folder for each split, in these for each label."""
    name, asked = "human_ensembl_regulatory", []
    for split, windows in (("train", 20), ("test", 2)):
        for label in ("enhancer", "ocr", "promoter"):
            for i in range(windows):
                place = tmp_path / name / split / label / f"{i}.txt"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(f"acgtN{'ACGT'[i % 4] * (i + 1)}")
    manager = tfds.download.DownloadManager
    monkeypatch.setattr(
        manager, "download_and_extract", lambda self, url: (asked.append(url), tmp_path)[1]
    )
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "prepared"))
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / "prepared"))
    data = load(f"genomic_benchmarks/{name}")
    assert asked == [f"https://zenodo.org/records/16605299/files/{name}_v0.zip?download=1"]
    assert data.label_names == ("enhancer", "ocr", "promoter")
    assert sum(map(len, (data.train, data.validation))) == 60
    assert Counter(data.test.labels.tolist()) == {0: 2, 1: 2, 2: 2}
    assert {*data.test.sequences} == {"ACGTNA", "ACGTNCC"}
    refused(
        "'genomic_benchmarks' has the configurations .*human_or_worm", load, "genomic_benchmarks/x"
    )
