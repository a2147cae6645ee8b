"""What holds of every tokenizer: in Python, in graphs and in exports, and kept by its config."""

import numpy as np
import pytest
import tensorflow as tf
from support.tokenizer_case import CASES, TEXTS, decoded

from zoo.text.special_tokens import END_ID, PADDING_ID, UNKNOWN_ID
from zoo.text.vocabularies import Vocabulary


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture(scope="module")
def tokenizer(case):
    return case.make(TEXTS)


def test_ids_are_int32_and_none_is_padding_or_depends_on_the_batch(tokenizer):
    ids = tokenizer.ragged(TEXTS)
    assert ids.dtype == tf.int32
    assert ids.shape.as_list() == [len(TEXTS), None]
    assert ids.flat_values.numpy().min() > PADDING_ID
    known = [UNKNOWN_ID not in row for row in ids.to_list()]
    assert all(known[i] for i, text in enumerate(TEXTS) if "<UNK>" not in text), "its vocabulary's"
    assert 0 <= tokenizer.start_id < len(tokenizer.vocabulary)
    assert ids.to_list() == [tokenizer.ragged([text]).to_list()[0] for text in TEXTS]
    assert tokenizer.ragged([]).to_list() == []
    broken, replaced = tokenizer.ragged([b"to \xff be", "to \ufffd be"]).to_list()
    assert broken == replaced
    assert UNKNOWN_ID in broken
    assert UNKNOWN_ID in tokenizer.ragged(["to ж be"]).to_list()[0]


def test_joined_ids_are_texts_again(case, tokenizer):
    ids = tokenizer.ragged(TEXTS)
    again = tokenizer.ragged(tokenizer.join(ids))
    if case is not CASES["words"]:  # whose texts are classified and never joined
        assert again.to_list() == ids.to_list()
    special = [[PADDING_ID, END_ID, PADDING_ID]] * 2
    assert decoded(tokenizer.join(np.array(special, np.int64))) == ["", ""]
    assert tokenizer.join(tf.zeros([0, 3], tf.int32)).shape == (0,)
    assert decoded(tokenizer.join(tf.zeros([2, 0], tf.int32))) == ["", ""]


def test_options_and_vocabulary_are_kept(case, tokenizer, tmp_path):
    tokenizer = case.kind(tokenizer.vocabulary, **case.options)
    assert tokenizer.get_config() == case.options
    tokenizer.vocabulary.save(tmp_path / "vocabulary.txt")
    vocabulary = Vocabulary.load(tmp_path / "vocabulary.txt")
    assert vocabulary == tokenizer.vocabulary
    again = case.kind.from_config(case.options, vocabulary, tmp_path / "vocabulary.txt")
    assert again.ragged(TEXTS).to_list() == tokenizer.ragged(TEXTS).to_list()
    assert (again.get_config(), again.start_id) == (case.options, tokenizer.start_id)


def test_same_results_from_graphs_and_exports(case, tokenizer, tmp_path):
    file, as_asset = tmp_path / "vocabulary.txt", case is not CASES["words"]
    tokenizer.vocabulary.save(file)
    exported = case.kind(tokenizer.vocabulary, vocabulary_file=file if as_asset else None)
    module = tf.Module()
    module.tokenizer = exported

    def there_and_back(texts):
        ids = exported.ragged(texts).to_tensor()
        return {"ids": ids, "texts": exported.join(ids)}

    signature = [tf.TensorSpec([None], tf.string)]
    module.there_and_back = tf.function(there_and_back, input_signature=signature)
    tf.saved_model.save(module, str(tmp_path / "export"))
    file.unlink()  # the export has its own
    assert (tmp_path / "export" / "assets" / "vocabulary.txt").exists() == as_asset
    served = tf.saved_model.load(str(tmp_path / "export")).there_and_back
    for texts in (TEXTS, TEXTS[:1], [""]):
        expected = tokenizer.ragged(texts).to_tensor()
        for function in (module.there_and_back, served):
            found = function(tf.constant(texts))
            np.testing.assert_array_equal(found["ids"], expected)
            assert decoded(found["texts"]) == decoded(tokenizer.join(expected))
    graph = module.there_and_back.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    assert not [node.op for node in nodes if node.op.startswith(("Py", "Eager", "Sentencepiece"))]
