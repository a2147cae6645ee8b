"""Beam search against exhaustive search, and against a slow one in plain Python."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from support.step_models import END, VOCABULARY, Recurrent, take

from zoo.generation import beam_search

BATCH = 8
MODEL = Recurrent(end_bias=1.0)
START = np.arange(BATCH, dtype="int32") % VOCABULARY


def run(model=MODEL, rows=tuple(range(BATCH)), **arguments):
    start, state = take(START, rows), take(model.state(BATCH), rows)
    arguments = {"beams": 3, "length": 7, "end_id": END} | arguments
    return beam_search(model.step, start, state, **arguments)


def score(log_p, tokens, penalty):
    return log_p / len(tokens) ** penalty


def everything(model, row, length, end_id, allowed):
    """[(log P, tokens)] of all sequences that end in `end_id` or have the full length."""
    complete, prefixes = [], [(0.0, [], model.row(row))]
    for t in range(length):
        continued = [
            (log_p + steps[token], [*tokens, token], state)
            for log_p, tokens, before in prefixes
            for steps, state in [model.numpy_step(tokens[-1] if tokens else START[row], before)]
            for token in allowed
        ]
        prefixes = [c for c in continued if c[1][-1] != end_id and t + 1 < length]
        complete += [c[:2] for c in continued if c[1][-1] == end_id or t + 1 == length]
    return complete


def plain_beam_search(model, row, beams, length, end_id, forbidden, penalty):
    """[(score, log P, tokens)] of a row: lists, sorting, no early stop."""
    running, finished = [(0.0, [], model.row(row))], []
    for _ in range(length):
        candidates = []
        for log_p, tokens, state in running:
            steps, new_state = model.numpy_step(tokens[-1] if tokens else START[row], state)
            candidates += [
                (log_p + steps[token], [*tokens, token], new_state)
                for token in range(len(steps))
                if token not in forbidden
            ]
        candidates.sort(key=lambda candidate: -candidate[0])
        values = [log_p for log_p, *_ in candidates[: 2 * beams + 1]]
        assert (np.diff(values) < -1e-5).all(), "or rounding would choose"
        finished += [c for c in candidates[:beams] if c[1][-1] == end_id]
        running = [c for c in candidates if c[1][-1] != end_id][:beams]
    scored = [(score(p, y, penalty), p, y) for p, y, _ in finished + running]
    return sorted(scored, key=lambda hypothesis: -hypothesis[0])[:beams]


def assert_row(result, row, expected):
    """Row `row` of the result begins with `expected`: [(score, log P, tokens)]."""
    of_row = [np.asarray(values)[row][: len(expected)] for values in result]
    scores, log_p, sequences = zip(*expected, strict=True)
    assert (np.diff(scores) < -1e-5).all(), "or rounding would choose"
    lengths = [len(tokens) for tokens in sequences]
    padding = [[0] * (of_row[0].shape[1] - length) for length in lengths]
    padded = [[*tokens, *zeros] for tokens, zeros in zip(sequences, padding, strict=True)]
    np.testing.assert_array_equal(of_row[0], padded)
    np.testing.assert_allclose(of_row[1], log_p, atol=1e-4)
    np.testing.assert_allclose(of_row[2], scores, atol=1e-4)
    np.testing.assert_array_equal(of_row[3], lengths)


@pytest.mark.parametrize(
    ("penalty", "end_id", "forbidden"),
    [(0.0, END, ()), (0.6, None, (3, 5)), (1.0, END, (0, 1)), (2.5, END, ())],
)
def test_wide_enough_it_finds_the_best_of_all(penalty, end_id, forbidden):
    length = 4
    allowed = [token for token in range(VOCABULARY) if token not in forbidden]
    running = len([token for token in allowed if token != end_id])
    # Wide enough that no prefix is cut off, and all that ends before the last step is ranked.
    beams = max(running ** (length - 1), running ** (length - 2) * len(allowed))
    settings = {"end_id": end_id, "forbidden": forbidden, "length_penalty": penalty}
    result = run(rows=(0, 1), beams=beams, length=length, **settings)
    for row in range(2):
        sequences = everything(MODEL, row, length, end_id, allowed)
        assert len(sequences) > 2 * beams
        scored = [(score(p, y, penalty), p, y) for p, y in sequences]
        scored.sort(key=lambda hypothesis: -hypothesis[0])
        assert_row(result, row, scored[:20])
        scores = [value for value, *_ in scored[:beams]]  # of which some are nearly the same
        np.testing.assert_allclose(result.scores[row], scores, atol=1e-4)


@pytest.mark.parametrize(
    ("penalty", "beams", "forbidden", "limits"),
    [
        (0.0, 2, (), None),
        (0.6, 1, (), None),
        (1.0, 4, (), None),
        (2.5, 2, (0,), None),
        (0.0, 3, (), [1, 2, 3, 4, 5, 6, 7, 7]),
        (1.0, 3, (0,), [1, 2, 3, 4, 5, 6, 7, 7]),
    ],
)
def test_against_plain_python_each_row_to_its_own_limit(beams, forbidden, penalty, limits):
    arguments = {} if limits is None else {"limits": np.array(limits)}
    result = run(beams=beams, forbidden=forbidden, length_penalty=penalty, **arguments)
    lengths, cut_off = set(), 0
    for row, limit in enumerate(limits or [7] * BATCH):
        expected = plain_beam_search(MODEL, row, beams, limit, END, forbidden, penalty)
        assert_row(result, row, expected)
        lengths |= {len(tokens) for *_, tokens in expected}
        cut_off += sum(len(tokens) == limit and tokens[-1] != END for *_, tokens in expected)
    assert len(lengths) > 1
    assert cut_off > 1 or limits is None


def test_fewer_sequences_than_beams():
    result = run(beams=5, length=1, forbidden=(0, 1, 3))
    for row in range(BATCH):
        assert_row(result, row, plain_beam_search(MODEL, row, 5, 1, END, (0, 1, 3), 0.0))
    assert (result.scores.numpy()[:, 3:] == -np.inf).all()
    assert not np.any(result.tokens[:, 3:])
    assert not np.any(result.lengths[:, 3:])


@pytest.mark.parametrize("limits", [None, [1, 2, 3, 4, 5, 6, 7, 7]])
def test_one_beam_is_greedy_choice(limits):
    """Which is made without ranking; the least of penalties asks for ranks."""
    arguments = {"beams": 1, "forbidden": (0,)} | ({} if limits is None else {"limits": limits})
    greedy, ranked = run(**arguments), run(**arguments, length_penalty=1e-9)
    np.testing.assert_array_equal(greedy.tokens, ranked.tokens)
    np.testing.assert_array_equal(greedy.lengths, ranked.lengths)
    for name in ("log_probabilities", "scores"):
        np.testing.assert_allclose(getattr(greedy, name), getattr(ranked, name), atol=1e-5)


@pytest.mark.parametrize("vocabulary", [VOCABULARY, 1031, 2000])  # whole, padded, in blocks
@pytest.mark.parametrize("beams", [1, 4])
def test_among_equals_the_lowest_id_goes_first(vocabulary, beams):
    logits = np.random.default_rng(0).integers(0, 9, size=(BATCH, vocabulary)).astype("float32")
    expected = logits.copy()
    expected[:, [0, 2]] = -1  # forbidden
    expected = np.argsort(-expected, axis=1, kind="stable")[:, :beams]
    found = beam_search(
        lambda token_ids, state: (tf.repeat(logits, beams, axis=0), state),
        np.zeros(BATCH, "int32"),
        (),
        beams=beams,
        length=1,
        forbidden=(0, 2),
    )
    np.testing.assert_array_equal(found.tokens[..., 0], expected)


def steps_until_stopped(model, **arguments):
    """The calls of `step`, and the result."""
    calls = tf.Variable(0)

    def step(token_ids, state):
        calls.assign_add(1)
        return model.step(token_ids, state)

    counted = SimpleNamespace(step=step, state=model.state)
    result = tf.function(lambda: run(counted, **arguments), autograph=False)()
    return calls.numpy(), result


@pytest.mark.parametrize("penalty", [0.0, 0.4])
def test_stops_when_nothing_can_win(penalty):
    model = Recurrent(end_bias=4.0)
    for row in range(2):
        arguments = {"rows": (row,), "length": 60, "length_penalty": penalty}
        steps, result = steps_until_stopped(model, **arguments)
        expected = plain_beam_search(model, row, 3, 60, END, (), penalty)
        assert_row(result, 0, expected)
        assert max(len(tokens) for *_, tokens in expected) <= steps < 60


@pytest.mark.parametrize(("penalty", "length"), [(0.0, 1), (1.0, 16)])
def test_runs_on_while_a_longer_hypothesis_can_win(penalty, length):
    # `<EOS>` at once has log P -0.69 by token; another token has less, -0.92, but from then on each
    # step costs 0.03 only.
    chain = np.full((4, 4), 0.01)
    chain[3] = [0.4, 0.05, 0.5, 0.05]
    chain[0, 0] = 0.97
    logits = np.log(chain).astype("float32")

    def step(token_ids, state):
        return tf.gather(logits, token_ids), state

    options = {"beams": 1, "length": 16, "end_id": END, "length_penalty": penalty}
    assert beam_search(step, np.array([3]), (), **options).lengths[0, 0] == length


def test_a_tensor_that_was_changed_once_moves_with_its_beam():
    def search(keep):
        calls = []

        def step(token_ids, state):
            calls.append(1)
            logits, recurrent = MODEL.step(token_ids, state["model"])
            marks = state["marks"]
            if len(calls) < 4:  # what the tokens of the first steps leave behind
                marks = marks + tf.one_hot(token_ids * len(calls) % VOCABULARY, VOCABULARY)
            elif not keep:
                marks = marks + 0
            return logits + marks, {"model": recurrent, "marks": marks}

        state = {"model": MODEL.state(BATCH), "marks": np.zeros((BATCH, VOCABULARY), "float32")}
        return beam_search(step, START, state, beams=4, length=9)

    for kept, changed in zip(search(keep=True), search(keep=False), strict=True):
        np.testing.assert_allclose(kept, changed, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beams": 0}, "beams"),
        ({"length": 0}, "length"),
        ({"length_penalty": -0.1}, "length_penalty"),
        ({"forbidden": (-1,)}, "forbidden"),
    ],
    ids=str,
)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        run(**arguments)
