"""The tokens that stand at the beginning of every vocabulary, and their ids."""

PADDING, UNKNOWN, END = "<PAD>", "<UNK>", "<EOS>"
PADDING_ID, UNKNOWN_ID, END_ID = range(3)
