"""A language model of characters beside a recogniser of speech: shallow fusion."""

from collections.abc import Sequence

import numpy as np
from keras import ops
from scipy.special import log_softmax

from zoo.errors import UserError
from zoo.networks import initial_states
from zoo.predictors.language_model import LanguageModel
from zoo.predictors.token_sequences import FORBIDDEN
from zoo.text.special_tokens import END_ID
from zoo.text.vocabularies import Vocabulary

_UNKNOWN = -20.0  # log P of a letter that the language model does not know
_LINE_BREAK = r"\n"


class Fusion:
    """What `zoo.generation.ctc.prefix_beam_search` asks: log P of each letter after a prefix.

    A text is a line of what the language model was trained on, so that its end is a line break.

    Args:
        language_model: of characters.
        alphabet: that of the recogniser, the blank first.

    Raises:
        UserError: the language model is one of words.
    """

    def __init__(self, language_model: LanguageModel, alphabet: Vocabulary):
        if language_model.level != "character":
            raise UserError("letters are fused with a language model of characters: give such one")
        self._sequences, self._model = language_model.sequences, language_model.model
        self._start = language_model.tokenizer.start_id
        known = language_model.tokenizer.vocabulary
        self._ids = [known.ids([token])[0] for token in alphabet.tokens]
        self._ids[0] = known.ids([_LINE_BREAK])[0]  # what ends a text stands in the blank's column
        self._hidden = [
            i
            for i, token in enumerate(alphabet.tokens)
            if i and (i <= END_ID or token not in known)
        ]
        self._read: dict[tuple[int, ...], list[np.ndarray]] = {}  # the states after a prefix

    def __call__(self, prefixes: Sequence[tuple[int, ...]]) -> np.ndarray:
        """Log P of each symbol after each prefix, (prefixes, symbols) float64."""
        names = list(initial_states(self._model, 1))
        if () in prefixes:  # another recording
            self._read = {}
        zeros = [ops.convert_to_numpy(s)[0] for s in initial_states(self._model, 1).values()]
        before = [self._read[prefix[:-1]] if prefix else zeros for prefix in prefixes]
        tokens = [self._ids[prefix[-1]] if prefix else self._start for prefix in prefixes]
        states = {
            name: ops.convert_to_tensor(np.stack([state[i] for state in before]))
            for i, name in enumerate(names)
        }
        logits, new = self._sequences.next_logits(
            ops.convert_to_tensor(np.array(tokens, "int32")), states
        )
        after = [ops.convert_to_numpy(new[name]) for name in names]
        for i, prefix in enumerate(prefixes):
            self._read[prefix] = [state[i] for state in after]
        values = ops.convert_to_numpy(logits).astype("float64")
        values[:, list(FORBIDDEN)] = -np.inf
        found = log_softmax(values, axis=1)[:, self._ids]
        found[:, self._hidden] = _UNKNOWN
        return found
