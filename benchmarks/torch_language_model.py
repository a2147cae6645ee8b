"""The language model in PyTorch: the state handed from piece to piece, detached."""

import torch

from zoo.text.special_tokens import PADDING_ID


class LanguageModel(torch.nn.Module):
    """`zoo.networks.language_model`, as one writes it here.

    Args:
        sizes: `benchmarks.language_model.Sizes`.
    """

    def __init__(self, sizes):
        super().__init__()
        self.embedding = torch.nn.Embedding(sizes.vocabulary, sizes.embedding_dim)
        self.dropout = torch.nn.Dropout(sizes.dropout)
        self.lstm = torch.nn.LSTM(
            sizes.embedding_dim,
            sizes.units,
            num_layers=sizes.layers,
            dropout=sizes.dropout,
            batch_first=True,
        )
        self.logits = torch.nn.Linear(sizes.units, sizes.vocabulary)
        if sizes.tie_weights:
            self.logits.weight = self.embedding.weight

    def forward(self, token_ids, state=None):
        """Logits (batch, timesteps, vocabulary) of ids (batch, timesteps), and the final state."""
        x, state = self.lstm(self.dropout(self.embedding(token_ids)), state)
        return self.logits(self.dropout(x)), state

    @property
    def device(self):
        return self.embedding.weight.device

    def parameter_count(self):
        """Number of weights, where an LSTM's two biases, which are added up, count as one."""
        sizes = {name: weight.numel() for name, weight in self.named_parameters()}
        return sum(size for name, size in sizes.items() if "bias_hh" not in name)


def train(network, optimizer, pieces, clip_norm):
    """An epoch on pieces of a stream, (ids, targets) each; returns the mean of their losses."""
    network.train()
    total, state = 0.0, None
    for token_ids, targets in pieces:
        optimizer.zero_grad()
        logits, state = network(token_ids.to(network.device), state)
        state = tuple(part.detach() for part in state)
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), targets.to(network.device).flatten(), ignore_index=PADDING_ID
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
        optimizer.step()
        total += loss.item()
    return total / len(pieces)


@torch.inference_mode()
def write(network, first, batch_size, length):
    """Draws sequences after the id `first`, step by step: ids (batch_size, length)."""
    network.eval()
    token_ids = torch.full((batch_size, 1), first, device=network.device)
    state, written = None, []
    for _ in range(length):
        logits, state = network(token_ids, state)
        token_ids = torch.multinomial(logits[:, 0].softmax(dim=-1), 1)
        written.append(token_ids)
    return torch.cat(written, dim=1).cpu().numpy()
