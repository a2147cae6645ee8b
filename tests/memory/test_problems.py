"""Sentences and sequences, and what has to be said of them."""

import re

import numpy as np
import pytest

from zoo.memory import agreement, explosion, problems, readers

GENERATOR = 3


def drawn(problem, examples=64):
    return problem.sample(np.random.default_rng(GENERATOR), examples)


@pytest.mark.parametrize("steps", [2, 7, 50])
def test_adding_asks_for_the_two_marked_numbers(steps):
    x, y = drawn(problems.adding(steps))
    assert (x.shape, y.shape) == ((64, steps, 2), (64, 1))
    assert ((x[..., 0] >= 0) & (x[..., 0] < 1)).all()
    for (numbers, marks), (total,) in zip(x.transpose(0, 2, 1), y, strict=True):
        first, second = np.flatnonzero(marks)
        assert first < steps // 2 <= second
        assert total == pytest.approx(numbers[first] + numbers[second], abs=1e-6)
    _, many = drawn(problems.adding(steps), 20_000)
    assert np.mean((many - 1) ** 2) == pytest.approx(problems.adding(steps).chance, abs=0.01)


def test_copying_asks_for_the_letters_after_the_blanks():
    x, y = drawn(problems.copying(5, letters=4, length=3))
    assert (x.shape, y.shape) == ((64, 11, 6), (64, 3))
    assert (x.sum(axis=-1) == 1).all()
    ids = x.argmax(axis=-1)
    np.testing.assert_array_equal(ids[:, :3], y)
    assert (ids[:, 3:8] == 4).all()
    assert (ids[:, 8:] == 5).all()
    assert {*y.ravel()} == {0, 1, 2, 3}


def test_recall_asks_for_the_first_letter_and_has_no_other_of_its_alphabet():
    x, y = drawn(problems.recall(9, letters=4))
    ids = x.argmax(axis=-1)
    np.testing.assert_array_equal(ids[:, :1], y)
    assert (ids[:, 1:] >= 4).all()


def test_figures_and_goals():
    adding, copying, spoken = problems.adding(4), problems.copying(4), agreement.agreement([6])
    assert adding.figure(np.array([[1.0], [2.0]]), np.array([[[1.5]], [[2.0]]])) == 0.125
    letters = np.array([[2, 0, 1]])
    said = np.eye(8)[[[2, 0, 3]]]
    assert copying.figure(letters, said) == pytest.approx(2 / 3)
    assert spoken.figure(np.array([[1], [0]]), np.array([[[0.3]], [[0.1]]])) == 0.5
    assert adding.solved(0.009)
    assert not adding.solved(0.02)
    assert spoken.solved(0.995)
    assert not spoken.solved(0.5)
    with pytest.raises(ValueError, match="two numbers"):
        problems.adding(1)
    with pytest.raises(ValueError, match="no clause of 5 words"):
        agreement.agreement([6, 5])


NOUN = rf"(?:{'|'.join((*agreement.SINGULAR, *agreement.PLURAL))})"
PHRASE = rf"the (?:(?:very )?(?:old|small) )?{NOUN}"
CLAUSE = rf", (?:which|who) {PHRASE}(?: (?:near|beside) {PHRASE})? (?:saw|liked)"


@pytest.mark.parametrize("between", [0, *range(6, 30), 84, 168])
def test_sentences_have_their_length_their_clauses_and_agree(between):
    for seed in range(20):
        one = agreement.sentence(seed, between)
        the, subject, *rest = one.words
        assert the == "the"
        assert len(rest) == between
        assert one.plural == (subject in agreement.PLURAL)
        assert re.fullmatch(rf"(?:{CLAUSE}(?: {CLAUSE})* ,)?", " ".join(rest))
        assert str(one).endswith(f" {'were' if one.plural else 'was'} full.")


def test_attractors_lie_between_of_both_numbers_and_say_nothing_of_the_verb():
    sentences = [agreement.sentence(seed, 21) for seed in range(800)]
    lasts = []
    for one in sentences:
        nouns = [word for word in one.words[2:] if word in agreement.SINGULAR + agreement.PLURAL]
        assert nouns
        lasts.append((nouns[-1] in agreement.PLURAL) == one.plural)
    assert np.mean(lasts) == pytest.approx(0.5, abs=0.06)
    assert np.mean([one.plural for one in sentences]) == pytest.approx(0.5, abs=0.06)


def test_a_sample_holds_the_words_of_its_sentences():
    problem = agreement.agreement([6, 9])
    lengths = set()
    for seed in range(8):
        x, y = problem.sample(np.random.default_rng(seed), 5)
        lengths.add(x.shape[1])
        words = [[agreement.WORDS[i] for i in row] for row in x.argmax(axis=-1)]
        assert (x.sum(axis=-1) == 1).all()
        assert [row[1] in agreement.PLURAL for row in words] == y[:, 0].tolist()
    assert lengths == {8, 11}
    assert not problem.one_length
    assert agreement.agreement([9]).one_length


def test_a_network_learns_a_short_problem_and_stops():
    problem = problems.recall(2, letters=2)
    model = readers.build(problem, "gru", 4, seed=1)
    run = readers.train(model, problem, updates=200, learning_rate=0.05, every=20)
    assert run.solved
    assert run.looks[-1][0] < 200
    assert run.figure >= problem.goal
    assert not any(problem.solved(figure) for _, figure in run.looks[:-1])


@pytest.fixture(scope="module")
def descents():
    ways = (None, explosion.Clipping(2, 1.0), explosion.Clipping(1, 50.0))
    return [explosion.descend(problems.adding(100), way, updates=5) for way in ways]


def test_without_clipping_it_explodes_and_with_it_it_does_not(descents):
    free, *clipped = descents
    assert free.broken_at is not None
    assert not np.isfinite(free.losses[free.broken_at - 1 :]).any()
    assert not np.isfinite(free.last_loss)
    for run in clipped:
        assert run.broken_at is None
        assert np.isfinite(run.norms).all()
    # The first gradient is the same, and it is measured before it is clipped.
    assert {round(float(run.norms[0]), 3) for run in descents} == {round(float(free.norms[0]), 3)}
    assert free.norms[0] > 1
