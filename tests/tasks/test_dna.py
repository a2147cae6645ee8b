"""The DNA task: files, lines and sequences to predict; logos; the network of its options."""

import gzip
from typing import ClassVar

import matplotlib.image
import pytest
from support.command_lines import assert_refused
from support.dna_windows import LABELS, windows, write_fasta
from support.parts import near, read_parts
from support.task_case import CASES, TaskTests

from tasks.dna import Dna
from zoo.evaluation import logos


class TestDna(TaskTests):
    case = CASES["dna"]
    refused: ClassVar = {
        "train --data={data} --stride=2 --convolution=0": "--stride is of the convolution",
        "train --data={data} --k-mer=6": "--k-mer",
        "train --data={data} --k-mer=2 --translate": "leave --k-mer out",
        "train --data={data} --place=1.5": "--place",
        "predict MKVLE": "'MKVLE': it has the letters E, L, as protein",
        "predict missing.fasta": "there is no such file",
        "predict ''": "there is no nucleotide in it",
        "predict empty.json": "empty.json: the file is empty",
        "predict 123": "'1', character 1, is no nucleotide",
        "predict ACGT --attribution nowhere/logo.png": "cannot be written",
        f"predict {'A' * 501} --attribution logo.png": "attributions are of 500 at most",
    }

    def test_each_record_of_a_file_has_a_prediction(self, verb, tmp_path, standard_input):
        pairs = windows(9)
        path = write_fasta(tmp_path / "some.fasta", pairs)
        found = verb("predict", path, "acgu", "--json").json["predictions"]
        assert [one.get("name") for one in found] == [*(f"window_{i}" for i in range(9)), None]
        assert {one["input"] for one in found[:9]} == {str(path)}
        sequences = [sequence for sequence, _ in pairs]
        alone = verb("predict", *sequences, "--json").json["predictions"]
        for one, other in zip(found[:9], alone, strict=True):
            assert one["label"] == other["label"]
            assert one["probability"] == pytest.approx(other["probability"], abs=1e-5)
        standard_input(path.read_bytes())
        shown = verb("predict", "-").out.splitlines()
        assert [line.split()[-1] for line in shown] == [f"window_{i}" for i in range(9)]
        standard_input(b"ACGT\nMKL\n")
        assert_refused(verb("predict", "-"), "line 2 of standard input: it has the letter")
        path.write_text(">a\nACGT\n>b\nAC!T\n")
        place = f"{path}: line 3: the record 'b': "
        assert_refused(verb("predict", path), f"{place}'!', character 3, is no nucleotide")

    def test_records_of_a_folder_are_predicted(self, verb, tmp_path):
        folder, pairs = tmp_path / "data", windows(9)
        folder.mkdir()
        fastq = "".join(f"@read {i}\n{s}\n+\n{'I' * len(s)}\n" for i, (s, _) in enumerate(pairs))
        (folder / "a.fastq.gz").write_bytes(gzip.compress(fastq.encode()))
        path = write_fasta(folder / "b.fasta", pairs)
        path.write_text(path.read_text() + ">protein\nMKVLE\n")
        result = verb("predict", "--data", folder, "--out", tmp_path / "out", "--part-rows=4")
        assert (result.code, result.out.count("19 rows, 1 of them with an error")) == (2, 1)
        rows = read_parts(tmp_path / "out")
        expected = verb("predict", write_fasta(path, pairs), "--json").json["predictions"]
        assert [row["prediction"] for row in rows[9:-1]] == [*map(near, expected)]
        assert "letters E, L" in rows[-1]["error"]
        labels = [row["prediction"]["label"] for row in rows[:-1]]
        assert labels[:9] == labels[9:]
        assert {row["name"] for row in rows[:9]} == {"read"}

    def test_the_letters_that_speak_for_a_label_are_drawn(self, verb, tmp_path, monkeypatch):
        drawn, draw = [], logos.sequence_logos
        monkeypatch.setattr(
            logos, "sequence_logos", lambda some, path: (drawn.extend(some), draw(some, path))
        )
        pairs = windows(9)[:8]
        path, picture = write_fasta(tmp_path / "some.fasta", pairs), tmp_path / "logo.png"
        found = verb("predict", path, "--attribution", picture, "--json").json["predictions"]
        assert matplotlib.image.imread(picture).ndim == 3
        assert [logo.sequence for logo in drawn] == [s for s, _ in pairs[:6] for _ in range(2)]
        assert drawn[0].title.startswith("window_0 ")
        for (sequence, label), one in zip(pairs[:6], found, strict=False):
            if label != "none" and one["label"] == label:  # the two letters that make it
                heights = one["attribution"]["importance"]
                best = sorted(range(len(sequence)), key=heights.__getitem__)[-2:]
                assert set(best) & {6, 7}, (sequence, heights)
        assert "attribution" not in found[6]

    def test_the_network_is_that_of_the_options(self, built):
        words = ("--k-mer=3", "--k-mer-stride=3", "--reverse-complement", "--stride=2")
        predictor, batches = built(*words, "--max-length=9", "--label-smoothing=0.2")
        layers = {layer.name: layer for layer in predictor.model.layers}
        assert (layers["letters"].k, layers["letters"].stride) == (3, 3)
        assert (layers["convolution"].width, layers["convolution"].stride) == (3, 2)
        assert {"both_strands", "mean_of_readings", "embedding"} < layers.keys()
        assert max(batches.lengths) == 9
        assert predictor.model.loss.label_smoothing == 0.2
        assert predictor.label_names == tuple(sorted(LABELS))

    def test_only_training_reads_fragments(self, trained, monkeypatch):
        task, options = Dna(), self.options(trained)
        data, sequences = task.load_data(options), ["ACG" * 20] * 4
        options.shortest_part, options.max_length = 0.2, 30
        predictor = task.build(data, options)
        some = type(data.train)(sequences, data.train.labels[:4])
        for shuffle in (True, False):
            batches = task.batches(predictor, some, options, shuffle).dataset()
            longest = max(ids.shape[1] for ids, _ in batches)
            assert longest <= 30 if shuffle else longest == 60
        monkeypatch.setattr(type(predictor), "most_together", 130)  # two of 60 letters
        batches = task.batches(predictor, some, options, shuffle=False).dataset()
        assert [ids.shape for ids, _ in batches] == [(2, 60)] * 2

    def test_pooling_follows_from_the_lengths(self, call, trained, tmp_path):
        task, options = Dna(), self.options(trained)
        for lengths, pooling in (((14,), "place"), ((14, 15), "max")):
            options.pooling = None
            pairs = [(s + "A" * (i % len(lengths)), x) for i, (s, x) in enumerate(windows(30))]
            options.data = str(write_fasta(tmp_path / f"{pooling}.fasta", pairs))
            options.validation = options.test = None
            task.build(task.load_data(options), options)
            assert options.pooling == pooling


def test_a_prediction_is_one_line():
    prediction = {"label": "EI", "probability": 0.98765, "input": "AC GT\n" * 30}
    shown = Dna().show(prediction)
    assert shown == f"      EI 0.988  {'ACGT' * 10}... (120 letters)"
    assert Dna().show(prediction | {"name": "one"}) == "      EI 0.988  one"
