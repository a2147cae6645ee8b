"""How probable music is, and new pieces drawn from the same distribution."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo import generation
from zoo.datasets.batches.by_length import BucketedBatches
from zoo.errors import UserError
from zoo.generation.states import State
from zoo.music import notes
from zoo.music.chords import END_ID, ChordEncoder
from zoo.music.score import Score
from zoo.music.transpositions import transpositions
from zoo.predictors.base import Predictor, list_of, map_by_length, texts_of
from zoo.predictors.chord_sequences import ChordSequences
from zoo.predictors.endpoints import Endpoint
from zoo.predictors.graphs import padded
from zoo.predictors.music_model_endpoints import endpoints
from zoo.predictors.sampling import check_length, check_seed, for_rows, sampling
from zoo.training import Perplexity, SequenceCrossentropy

_BATCH_SIZE = 32
_AT_ONCE = 64  # chords that are written before it is looked whether all pieces have ended
_LIKELIEST = 5  # next chords that `predict` gives
_UNKNOWN_KEY = 4  # one in so many training pieces is read as if its key were unknown


class MusicModel(Predictor):
    """A model of chords over time with its encoder: judges pieces, and writes new ones.

    Args:
        model: `keras.Model` of `zoo.networks.chord_model`.
        encoder: that of its symbols.

    Raises:
        ValueError: the model has other symbols or voices than the encoder.
    """

    kind = "music_model"

    def __init__(self, model: keras.Model, encoder: ChordEncoder):
        shape = (encoder.voices, encoder.symbols)
        if tuple(model.output.shape[-2:]) != shape:
            raise ValueError(f"{shape} voices and symbols for a model of {model.output.shape[-2:]}")
        self.model = model
        self.encoder = encoder
        self.sequences = ChordSequences(model, encoder.bar)

    def compile(self, optimizer: keras.optimizers.Optimizer) -> keras.Model:
        loss = SequenceCrossentropy("mean_per_step")
        self.model.compile(optimizer, loss, weighted_metrics=[Perplexity()])
        return self.model

    def batches(
        self,
        scores: Sequence[Score],
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        transpose: int = 0,
    ) -> BucketedBatches:
        """Batches of pieces, for `zoo.training.fit`.

        Args:
            scores: the pieces.
            batch_size: pieces in a batch.
            shuffle: whether for training: then one piece in four has an unknown key.
            seed: of the order, and of which these are.
            transpose: most semitones, up or down, by which a piece is transposed too; see
                `zoo.music.transpositions`.
        """
        scores = transpositions(scores, transpose) if transpose else list(scores)
        draw = np.random.default_rng(seed)
        hidden = draw.integers(_UNKNOWN_KEY, size=len(scores)) == 0
        hidden |= not shuffle  # a piece is judged by its notes alone
        rows = [self._row(s, None if h else s.key) for s, h in zip(scores, hidden, strict=True)]
        lengths = [len(row["chords"]) for row in rows]
        inputs = {
            name: tf.RaggedTensor.from_row_lengths(np.concatenate([r[name] for r in rows]), lengths)
            for name in self.model.input
        }
        return BucketedBatches(
            inputs, inputs["chords"], batch_size=batch_size, shuffle=shuffle, seed=seed
        )

    def _row(self, score: Score, key: str | None) -> dict[str, np.ndarray]:
        """The inputs of the network for one piece, with the end as the last step."""
        chords = self.encoder.encode(score)
        return {
            "chords": chords,
            "positions": self.encoder.positions(score),
            "keys": np.full(len(chords), self.encoder.key_id(key), "int32"),
        }

    def log_probabilities(
        self, scores: Sequence[Score], *, with_keys: bool = False
    ) -> list[np.ndarray]:
        """Log P of each symbol, given all before it, the voices above and, `with_keys`, the key.

        Returns a list of float32 arrays (steps + 1, voices), natural logarithms; the last row is
        the end. A UserError says that a piece is of another kind than those that the model knows.
        """

        def judge(some: list[Score]) -> list[np.ndarray]:
            rows = [self._row(score, score.key if with_keys else None) for score in some]
            longest = max(len(row["chords"]) for row in rows)
            inputs = {
                name: ops.convert_to_tensor(np.stack([padded(row[name], longest) for row in rows]))
                for name in self.model.input
            }
            values = ops.convert_to_numpy(self.sequences.log_probabilities(inputs))
            return [of[: len(row["chords"])] for of, row in zip(values, rows, strict=True)]

        return map_by_length(judge, scores, _BATCH_SIZE)

    def evaluate(self, scores: Sequence[Score]) -> dict[str, Any]:
        """Measures the model on pieces; neither their keys nor their ends count.

        Returns a dict of `nll_per_step`, the mean of -log P of a chord given all before it, in
        nats; `perplexity_per_note`, of the symbol of one voice; `steps`, `voices`,
        `steps_per_quarter`, and `examples`, the number of pieces. A UserError says that there are
        no pieces, or that they are of another kind.
        """
        if not len(scores):
            raise UserError("there are no pieces: nothing to measure")
        found = self.log_probabilities(scores)
        total = -sum(float(values[:-1].sum(dtype="float64")) for values in found)
        steps = sum(map(len, scores))
        return {
            "nll_per_step": total / steps,
            "perplexity_per_note": float(np.exp(total / steps / self.encoder.voices)),
            "steps": steps,
            "voices": self.encoder.voices,
            "steps_per_quarter": self.encoder.steps_per_quarter,
            "examples": len(scores),
        }

    def predict(self, chords: Iterable[str]) -> list[dict[str, Any]]:
        """What comes next.

        Args:
            chords: list of strings, each the chords of a beginning, " | " between them: "C5 G4 E4
                C3 | D5 G4 D4 B2", the highest note first; "" for what begins a piece.

        Returns:
            One dict per string, in order: `next`, the most probable next chords that a search with
            a few beams finds, a list of dicts of `chord`, as names, and `probability`. A UserError
            says that a chord has another number of notes, or what is no note.
        """
        return [{"next": self._next(text)} for text in texts_of(chords, self.longest)]

    def _next(self, text: str) -> list[dict[str, Any]]:
        seed, voices = self.seed(text), self.encoder.voices
        if not seed.all():
            raise UserError(f"'{text}': give the {voices} notes of each chord, - for silence")
        state = self._beginning(padded(seed, len(seed) + 1)[None], None, 0, None)
        symbols = ops.zeros((1,), dtype="int32")
        if len(seed):
            settings = for_rows(sampling(1.0, 0, 1.0), 1)
            written = self.sequences.write(symbols, state, ops.zeros((1, seed.size)), settings)
            symbols, state = written.token_ids, written.state
        found = self.sequences.likeliest(symbols, state)
        rows = ops.convert_to_numpy(found.tokens)[0][:_LIKELIEST]
        log_probabilities = ops.convert_to_numpy(found.log_probabilities)[0]
        return [
            {"chord": self.named(row), "probability": float(np.exp(value))}
            for row, value in zip(rows, log_probabilities, strict=False)
        ]

    def named(self, symbols: np.ndarray) -> str:
        """A chord of symbols as names, a held note in brackets; "end" after the last chord."""
        if symbols[0] == END_ID:
            return "end"
        score = self.encoder.decode(symbols[None])
        names = [notes.pitch_name(int(pitch)) for pitch in score.pitches[0]]
        held = (score.pitches[0] > 0) & ~self.encoder.struck(symbols)
        return " ".join(f"({n})" if h else n for n, h in zip(names, held, strict=True))

    def seed(self, text: str) -> np.ndarray:
        """Chords from their names, as symbols: (steps, voices) int32, 0 where a voice is free.

        " | " stands between chords; one with fewer notes leaves the lower voices free. A UserError
        says that a chord has too many notes, or what is no note, or cannot be.
        """
        chords = [notes.parse_chord(chord) for chord in text.split("|")] if text.strip() else []
        return self.encoder.given(chords)

    def generate(
        self,
        seed_chord: str = "",
        *,
        key: str | None = None,
        length: int | None = None,
        pieces: int = 1,
        melody: Score | None = None,
        rules: bool = False,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        seed: int = 0,
    ) -> list[dict[str, Any]]:
        """Writes pieces, voice by voice and chord by chord, until their end or a length.

        Args:
            seed_chord: the chord or chords that they begin with, as `seed` reads them: a note is
                enough, and "" leaves everything to the draw.
            key: one of `zoo.music.notes.KEYS`, or None for any.
            length: most steps of a piece; of a melody its length.
            pieces: how many.
            melody: a `Score` whose highest voice is that of the pieces, or None. The other voices
                are drawn given what came before and the note above, not what the melody does later.
            rules: whether what is drawn keeps the rules of counterpoint: no parallel fifths and
                octaves, and of four parts no note outside the range of its voice. What breaks them
                has probability 0, and the rest is drawn as the model has it; `seed_chord` and
                `melody` stay as they are.
            temperature, top_k, top_p: see `zoo.generation.truncated`.
            seed: integer; piece i draws with `seed + i`. The same seed gives the same piece.

        Returns:
            List of dicts: `score`, a `Score`; `log_probability` of the piece, its end included
            where it ended, by the model itself; of a melody `melody_log_probability`, that of its
            notes, each given what is before it; and `ended`, whether the model ended it.

        Raises:
            ValueError: a number is out of range, or there is neither length nor melody.
            UserError: the seed or the melody is of another kind than the model's music.
        """
        check_seed(seed)
        settings = sampling(temperature, top_k, top_p)
        if melody is None:
            check_length(length)
            begin, first, metre = self.seed(*list_of([seed_chord])), 0, None
            given = padded(begin, max(length or 0, len(begin)))[None]
        else:
            given = self.encoder.given_melody(melody)[None]
            first, metre = int(melody.positions[0]), melody.bars()[0].length
            key = key or melody.key
        given = np.repeat(given, pieces, axis=0)
        state = self._beginning(given, key, first, metre)
        symbols = self._write(given, state, seed, settings, rules)
        return [self._piece(row, key, first, metre, melody is not None) for row in symbols]

    def _write(
        self, given: np.ndarray, state: State, seed: int, settings: dict[str, Any], rules: bool
    ) -> np.ndarray:
        """The symbols of pieces, (pieces, steps, voices), some of which are given."""
        pieces, steps, voices = given.shape
        symbols = ops.zeros((pieces,), dtype="int32")
        write = self.sequences.write_by_rules if rules else self.sequences.write
        rows = for_rows(settings, pieces)
        seeds, found = seed + np.arange(pieces, dtype="int64"), []
        for start in range(0, steps, _AT_ONCE):
            number = voices * min(_AT_ONCE, steps - start)
            uniforms = generation.uniforms(seeds, voices * start, number).numpy()
            uniforms = ops.convert_to_tensor(uniforms)
            written = write(symbols, state, uniforms, rows)
            symbols, state = written.token_ids, written.state
            found.append(ops.convert_to_numpy(written.tokens))
            if (found[-1][:, -1] == END_ID).all():
                break
        return np.concatenate(found, axis=1).reshape(pieces, -1, voices)

    def _beginning(
        self, given: np.ndarray, key: str | None, first: int, metre: int | None
    ) -> State:
        """The state before pieces are written that are alike in key and metre."""
        pieces = len(given)
        values = (self.encoder.key_id(key), first, metre or self.encoder.bar)
        ids = (ops.convert_to_tensor(np.full(pieces, value, "int32")) for value in values)
        return self.sequences.beginning(ops.convert_to_tensor(given), *ids)

    def _piece(
        self, symbols: np.ndarray, key: str | None, first: int, metre: int | None, of_melody: bool
    ) -> dict[str, Any]:
        score = self.encoder.decode(symbols, key=key, first_position=first, metre=metre)
        (values,) = self.log_probabilities([score], with_keys=True)
        ended = bool((symbols[:, 0] == END_ID).any())
        values = values if ended else values[:-1]
        piece = {"score": score, "log_probability": float(values.sum(dtype="float64"))}
        if of_melody:
            piece["melody_log_probability"] = float(values[:, 0].sum(dtype="float64"))
        return piece | {"ended": ended}

    def endpoints(self) -> tuple[Endpoint, ...]:
        return endpoints(self)

    def save_assets(self, folder: Path) -> dict[str, Any]:
        return {"encoder": self.encoder.get_config()}

    @classmethod
    def load_assets(cls, folder: Path, config: dict[str, Any], model: keras.Model) -> Self:
        return cls(model, ChordEncoder(**config["encoder"]))
