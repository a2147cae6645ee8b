"""Words, and words only, become `<UNK>` in training, and only then."""

import numpy as np
import pytest

from zoo.layers import WordDropout
from zoo.text.special_tokens import END_ID, PADDING_ID, UNKNOWN_ID

IDS = np.array([[7, 8, 9, END_ID], [5, END_ID, PADDING_ID, PADDING_ID]] * 500, dtype="int32")


def test_the_rate_is_the_share_of_words_replaced():
    layer = WordDropout(0.3, seed=1)
    dropped, again = (np.array(layer(IDS, training=True)) for _ in range(2))
    words = IDS > END_ID
    replaced = dropped[words] == UNKNOWN_ID
    assert abs(replaced.mean() - 0.3) < 4 * (0.3 * 0.7 / replaced.size) ** 0.5
    np.testing.assert_array_equal(dropped[words][~replaced], IDS[words][~replaced])
    np.testing.assert_array_equal(dropped[~words], IDS[~words])
    assert (dropped != again).any()
    np.testing.assert_array_equal(layer(IDS), IDS)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_a_rate_outside_its_range_is_refused(rate):
    with pytest.raises(ValueError, match="rate"):
        WordDropout(rate)
