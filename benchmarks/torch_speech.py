"""The recogniser of speech in PyTorch: packed sequences and its own loss."""

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence


class Recognizer(torch.nn.Module):
    """Features to logits: `zoo.networks.transcriber`, as one writes it here.

    Args:
        size: features of a frame.
        symbols: number of symbols, the blank included.
        settings: options of the task.
    """

    def __init__(self, size, symbols, settings):
        super().__init__()
        self.lstm = torch.nn.LSTM(
            size,
            settings.units,
            settings.layers,
            batch_first=True,
            bidirectional=True,
            dropout=settings.dropout,
        )
        self.dropout = torch.nn.Dropout(settings.dropout)
        self.logits = torch.nn.Linear(2 * settings.units, symbols)
        self.loss = torch.nn.CTCLoss(reduction="sum")

    def forward(self, features, lengths):
        """Logits (batch, frames, symbols); lengths have to be on the CPU."""
        x = pack_padded_sequence(features, lengths, batch_first=True, enforce_sorted=False)
        x, _ = pad_packed_sequence(self.lstm(x)[0], batch_first=True)
        return self.logits(self.dropout(x))

    def parameter_count(self):
        """Number of weights, where an LSTM's two biases, which are added up, count as one."""
        sizes = {name: weight.numel() for name, weight in self.named_parameters()}
        return sum(size for name, size in sizes.items() if "bias_hh" not in name)


def loader(features, labels, order):
    """A `DataLoader` of batches: features, their lengths, labels, and theirs.

    Args:
        features: list of arrays (frames, size).
        labels: list of lists of ids.
        order: list of the places of the utterances in each batch.
    """
    rows = [torch.as_tensor(one) for one in features]
    targets = [torch.as_tensor(one) for one in labels]

    def collate(places):
        lengths = torch.tensor([len(rows[i]) for i in places])
        of_labels = torch.tensor([len(targets[i]) for i in places])
        padded = pad_sequence([rows[i] for i in places], batch_first=True)
        return padded, lengths, pad_sequence([targets[i] for i in places], True), of_labels

    return torch.utils.data.DataLoader(range(len(rows)), batch_sampler=order, collate_fn=collate)


def as_numpy(batches):
    """The batches as dicts of arrays."""
    for features, lengths, labels, _ in batches:
        mask = np.int32(np.arange(features.shape[1]) < lengths.numpy()[:, None])
        yield {"features": features.numpy(), "mask": mask, "labels": labels.numpy()}


def train(network, optimizer, batches, clip_norm):
    """An epoch; returns its mean loss."""
    network.train()
    device, total = next(network.parameters()).device, 0.0
    for features, lengths, labels, of_labels in batches:
        optimizer.zero_grad()
        log_p = network(features.to(device), lengths).log_softmax(dim=-1).transpose(0, 1)
        loss = network.loss(log_p, labels.to(device), lengths, of_labels) / of_labels.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
        optimizer.step()
        total += loss.item()
    return total / len(batches)


@torch.inference_mode()
def paths(network, features, lengths):
    """The most probable symbols, (batch, frames) integers."""
    network.eval()
    device = next(network.parameters()).device
    logits = network(torch.as_tensor(features).to(device), torch.as_tensor(lengths))
    return logits.argmax(dim=-1).cpu().numpy()
