"""The tagger in PyTorch: packed sequences for characters and words, tags by softmax or a CRF."""

import itertools

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from benchmarks.classification import lstm_weights
from benchmarks.torch_classifier import set_lstm_weights
from zoo.layers.crf import ILLEGAL
from zoo.text.special_tokens import END_ID, PADDING_ID, UNKNOWN_ID


class Tagger(torch.nn.Module):
    """Words, characters and shapes to logits: `zoo.networks.many_to_many`, as one writes it here.

    Args:
        sizes: `benchmarks.tagging.Sizes`.
        head: "crf" or "softmax".
    """

    def __init__(self, sizes, head):
        super().__init__()
        units = sizes.character_units
        self.word_dropout = sizes.word_dropout
        self.words = torch.nn.Embedding(sizes.words, sizes.embedding_dim, padding_idx=PADDING_ID)
        self.characters = torch.nn.Embedding(sizes.characters, units, padding_idx=PADDING_ID)
        self.character_lstm = torch.nn.LSTM(units, units, batch_first=True, bidirectional=True)
        self.shapes = torch.nn.Embedding(sizes.shapes, sizes.shape_dim)
        width = sizes.embedding_dim + 2 * units + sizes.shape_dim
        self.lstm = torch.nn.LSTM(width, sizes.units, batch_first=True, bidirectional=True)
        self.dropout = torch.nn.Dropout(sizes.dropout)
        self.elsewhere = sizes.elsewhere
        self.logits = torch.nn.Linear((2 + 2 * sizes.elsewhere) * sizes.units, sizes.tags)
        self.head = CRF(sizes.tags) if head == "crf" else Softmax()

    def forward(self, inputs):
        """Logits (batch, timesteps, tags), and which steps count."""
        words = inputs["words"]
        mask = words != PADDING_ID
        if self.training:
            draws = torch.rand(words.shape, device=words.device)
            words = words.masked_fill((draws < self.word_dropout) & (words > END_ID), UNKNOWN_ID)
        vectors = self.vectors(words, inputs["characters"], inputs["shapes"])
        same = equal_tokens(inputs["words"], inputs["characters"]) if self.elsewhere else None
        return self.read(vectors, mask, same), mask

    def vectors(self, words, characters, shapes):
        """What is known of each word by itself, (batch, timesteps, features)."""
        spelt = self.spelt(characters, words != PADDING_ID)
        return torch.cat([self.words(words), spelt, self.shapes(shapes)], dim=-1)

    def read(self, vectors, mask, same=None):
        """Logits of the vectors of sentences; `same` are the steps with the same token as each."""
        x = packed(self.dropout(vectors), mask.sum(dim=1))
        x, _ = pad_packed_sequence(self.lstm(x)[0], batch_first=True)
        if same is not None:
            others = same.to(x.dtype)
            x = torch.cat([x, others @ x / others.sum(dim=-1, keepdim=True).clamp(min=1)], dim=-1)
        return self.logits(self.dropout(x))

    def loss(self, inputs, tags):
        """-log p of the tags of a sentence, mean over the batch."""
        logits, mask = self(inputs)
        return self.head.loss(logits, tags, mask)

    def decode(self, inputs):
        """The likeliest tags, (batch, timesteps)."""
        return self.head.decode(*self(inputs))

    def spelt(self, ids, mask):
        """A vector for each word from its characters, (batch, timesteps, 2 * units)."""
        words = ids[mask]  # (words, characters), without padding
        lengths = (words != PADDING_ID).sum(dim=1)
        _, (last, _) = self.character_lstm(packed(self.characters(words), lengths))
        features = torch.cat([last[0], last[1]], dim=-1)
        spread = features.new_zeros(*mask.shape, features.shape[-1])
        spread[mask] = features
        return spread

    @torch.no_grad()
    def set_zoo_weights(self, model):
        """Takes over the weights of `zoo.networks.many_to_many`."""
        layer = model.get_layer
        reader = layer("character_features")
        kernel, bias = layer("logits").get_weights()
        pairs = [
            (self.words.weight, layer("embedding").embeddings.numpy()),
            (self.characters.weight, reader.embedding.embeddings.numpy()),
            (self.shapes.weight, layer("shape_embedding").embeddings.numpy()),
            (self.logits.weight, kernel.T),
            (self.logits.bias, bias),
        ]
        if isinstance(self.head, CRF):
            crf = layer("crf")
            weights = zip(crf.allowed, (crf.start, crf.transitions, crf.end), strict=True)
            scores = (np.where(allowed, weight, ILLEGAL) for allowed, weight in weights)
            pairs += zip(
                (self.head.start, self.head.transitions, self.head.end), scores, strict=True
            )
        for parameter, array in pairs:
            parameter.copy_(torch.tensor(array))
        for lstm, stack in (self.character_lstm, reader.stack), (self.lstm, layer("recurrence")):
            cells = [direction.cell for direction in stack.directions()]
            set_lstm_weights(lstm, [*itertools.chain(*map(lstm_weights, cells))])

    def parameter_count(self):
        """Number of weights, where an LSTM's two biases, which are added up, count as one."""
        sizes = {name: weight.numel() for name, weight in self.named_parameters()}
        return sum(size for name, size in sizes.items() if "bias_hh" not in name)


def equal_tokens(words, characters):
    """Which steps of a row have the same token as each, but for itself: (batch, steps, steps)."""
    same = (words[:, :, None] == words[:, None]) & (words != PADDING_ID)[:, None]
    spelt = (characters[:, :, None] == characters[:, None]).all(dim=-1)
    same &= spelt | (words != UNKNOWN_ID)[:, None]
    return same & ~torch.eye(words.shape[1], dtype=torch.bool, device=words.device)


def packed(x, lengths):
    """Sequences without their padding; lengths have to be on the CPU."""
    return pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)


class Softmax(torch.nn.Module):
    """Each tag by itself."""

    def loss(self, logits, tags, mask):
        total = torch.nn.functional.cross_entropy(logits[mask], tags[mask], reduction="sum")
        return total / len(logits)

    def decode(self, logits, mask):
        return logits.argmax(dim=-1)


class CRF(torch.nn.Module):
    """A linear chain, step by step in Python, as PyTorch's CRFs are written.

    All tags may follow each other: what the zoo rules out costs it no time to speak of.
    """

    def __init__(self, tags):
        super().__init__()
        self.start, self.end = (torch.nn.Parameter(torch.zeros(tags)) for _ in range(2))
        self.transitions = torch.nn.Parameter(torch.zeros(tags, tags))  # from row to column

    def loss(self, logits, tags, mask):
        message = self.start + logits[:, 0]  # (batch, tags)
        for t in range(1, logits.shape[1]):
            paths = message[:, :, None] + self.transitions
            step = paths.logsumexp(dim=1) + logits[:, t]
            message = torch.where(mask[:, t, None], step, message)
        log_partition = (message + self.end).logsumexp(dim=1)
        return (log_partition - self.score(logits, tags, mask)).mean()

    def score(self, logits, tags, mask):
        """Scores of paths, (batch,)."""
        emissions = logits.gather(2, tags[:, :, None])[:, :, 0] * mask
        transitions = self.transitions[tags[:, :-1], tags[:, 1:]] * mask[:, 1:]
        last = tags.gather(1, mask.sum(dim=1, keepdim=True) - 1)[:, 0]
        ends = self.start[tags[:, 0]] + self.end[last]
        return emissions.sum(dim=1) + transitions.sum(dim=1) + ends

    def decode(self, logits, mask):
        """The tags of the highest score (Viterbi); padding repeats the last."""
        score = self.start + logits[:, 0]
        stay = torch.arange(len(self.start), device=logits.device)
        pointers = []
        for t in range(1, logits.shape[1]):
            best, before = (score[:, :, None] + self.transitions).max(dim=1)
            counted = mask[:, t, None]
            pointers.append(torch.where(counted, before, stay))
            score = torch.where(counted, best + logits[:, t], score)
        tags = [(score + self.end).argmax(dim=1)]
        for before in reversed(pointers):
            tags.append(before.gather(1, tags[-1][:, None])[:, 0])
        return torch.stack(tags[::-1], dim=1)


def loader(columns, lengths, order):
    """A `DataLoader` of batches: a dict of padded ids each.

    Args:
        columns: dict of the ids of all tokens, one after another.
        lengths: list of the tokens in each sentence.
        order: list of the places of the sentences in each batch.
    """
    split = {name: torch.as_tensor(ids).long().split(lengths) for name, ids in columns.items()}

    def collate(places):
        return {
            name: pad_sequence([sentences[place] for place in places], batch_first=True)
            for name, sentences in split.items()
        }

    return torch.utils.data.DataLoader(range(len(lengths)), batch_sampler=order, collate_fn=collate)


def train(network, optimizer, batches, clip_norm):
    """An epoch; returns its mean loss."""
    network.train()
    total = 0.0
    for batch in batches:
        batch = _on_device(batch, network)
        optimizer.zero_grad()
        loss = network.loss(batch, batch["tags"])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
        optimizer.step()
        total += loss.item()
    return total / len(batches)


@torch.inference_mode()
def decode(network, batches):
    """The tags of each batch, a list of arrays (batch, timesteps)."""
    network.eval()
    return [network.decode(_on_device(batch, network)).cpu().numpy() for batch in batches]


@torch.inference_mode()
def decode_once(network, columns, batches):
    """As `decode`, but the characters of each distinct word are read once.

    Args:
        columns: dict of the ids of the distinct words, one after another.
        batches: list of arrays (batch, timesteps), the places of words in them, from 1 on; 0 is
            padding.
    """
    network.eval()
    ids = _on_device(
        {name: torch.as_tensor(a).long()[None] for name, a in columns.items()}, network
    )
    (vectors,) = network.vectors(**ids)
    vectors = torch.nn.functional.pad(vectors, (0, 0, 1, 0))  # of padding, in front
    found = []
    for places in batches:
        places = torch.as_tensor(places, device=vectors.device).long()
        mask = places > 0
        found.append(network.head.decode(network.read(vectors[places], mask), mask).cpu().numpy())
    return found


def _on_device(batch, network):
    device = next(network.parameters()).device
    return {name: ids.to(device) for name, ids in batch.items()}
