"""The translator in PyTorch: packed sources, attention of all steps at once."""

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from zoo.text.special_tokens import END_ID, PADDING_ID

# A direction in `weights_of`, and the layer and the end of the names that it has here.
_GRUS = (
    ("forward", "encoder", ""),
    ("backward", "encoder", "_reverse"),
    ("decoder", "decoder", ""),
)


class Translator(torch.nn.Module):
    """`zoo.networks.encoder_decoder` of one layer of GRU, as one writes it here.

    `torch.nn.GRU` has the reset behind the product, where the zoo's has it in front of it.

    Args:
        sizes: `benchmarks.zoo_translator.Sizes`.
    """

    def __init__(self, sizes):
        super().__init__()
        units, dim = sizes.units, sizes.embedding_dim
        self.target_embedding = torch.nn.Embedding(sizes.target_vocabulary, dim)
        self.source_embedding = self.target_embedding
        if not sizes.share_embeddings:
            self.source_embedding = torch.nn.Embedding(sizes.source_vocabulary, dim)
        self.encoder = torch.nn.GRU(dim, units, batch_first=True, bidirectional=True)
        self.bridge = torch.nn.Linear(2 * units, units)
        self.decoder = torch.nn.GRU(dim, units, batch_first=True)
        self.key_layer = torch.nn.Linear(2 * units, units, bias=False)
        self.query_layer = self.energy = self.projection = None
        if sizes.attention == "additive":
            self.query_layer = torch.nn.Linear(units, units, bias=False)
            self.energy = torch.nn.Linear(units, 1, bias=False)
        self.combination = torch.nn.Linear(3 * units, units)
        if sizes.tie_embeddings and units != dim:
            self.projection = torch.nn.Linear(units, dim)
        self.head = torch.nn.Linear(dim if sizes.tie_embeddings else units, sizes.target_vocabulary)
        if sizes.tie_embeddings:
            self.head.weight = self.target_embedding.weight
        self.dropout = torch.nn.Dropout(sizes.dropout)

    def forward(self, source_ids, target_ids):
        """Logits, (batch, target timesteps, target vocabulary)."""
        state, *source = self.encode(source_ids)
        # Not packed: padding is on the right, where no step that counts comes after it.
        x, _ = self.decoder(self.dropout(self.target_embedding(target_ids)), state)
        return self.logits(x, *source)

    def encode(self, ids):
        """The state of the decoder, (1, batch, units), and the memory, its keys and its mask."""
        mask = ids != PADDING_ID
        x = self.dropout(self.source_embedding(ids))
        lengths = mask.sum(dim=1).cpu()  # has to be there
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        memory, last = self.encoder(packed)
        memory, _ = pad_packed_sequence(memory, batch_first=True)
        state = self.bridge(torch.cat([last[0], last[1]], dim=-1)).tanh()
        return state[None], memory, self.key_layer(memory), mask

    def logits(self, x, memory, keys, mask):
        """Logits of what the decoder gave, (batch, target timesteps, units)."""
        if self.query_layer is None:
            energies = x @ keys.transpose(1, 2)  # (batch, target timesteps, source timesteps)
        else:
            hidden = (self.query_layer(x)[:, :, None] + keys[:, None]).tanh()
            energies = self.energy(hidden)[..., 0]
        weights = energies.masked_fill(~mask[:, None], -torch.inf).softmax(dim=-1)
        x = self.dropout(self.combination(torch.cat([weights @ memory, x], dim=-1)).tanh())
        return self.head(x if self.projection is None else self.projection(x))

    @property
    def device(self):
        return self.head.weight.device

    def parameter_count(self):
        """Number of weights without the second biases of the GRUs, which the zoo has not."""
        sizes = {name: weight.numel() for name, weight in self.named_parameters()}
        return sum(size for name, size in sizes.items() if "bias_hh" not in name)

    def set_zoo_weights(self, weights):
        """Takes over weights as `benchmarks.zoo_translator.weights_of` gives them.

        The second biases of the GRUs are 0.
        """
        own = {}
        for name, gru, suffix in _GRUS:
            gates = [np.split(weight, 3, axis=-1) for weight in weights[name]]
            kernel, recurrent, bias = (
                np.concatenate([reset, update, candidate], axis=-1)
                for update, reset, candidate in gates
            )
            own[f"{gru}.weight_ih_l0{suffix}"] = kernel.T
            own[f"{gru}.weight_hh_l0{suffix}"] = recurrent.T
            own[f"{gru}.bias_ih_l0{suffix}"] = bias
            own[f"{gru}.bias_hh_l0{suffix}"] = np.zeros_like(bias)
        for name in ("bridge", "combination", "projection", "head"):
            if getattr(self, name) is not None:
                own[f"{name}.weight"], own[f"{name}.bias"] = weights[name][0].T, weights[name][1]
        own["key_layer.weight"] = weights["key"].T
        if self.query_layer is not None:
            own["query_layer.weight"] = weights["query"].T
            own["energy.weight"] = weights["energy"][None]
        for name in ("source_embedding", "target_embedding"):
            own[f"{name}.weight"] = weights[name]
        self.load_state_dict({name: torch.tensor(array) for name, array in own.items()})


def loader(columns, order):
    """A `DataLoader` of batches: a dict of padded ids each.

    Args:
        columns: dict of lists of ids, a list for each sentence.
        order: list of the places of the sentences in each batch.
    """
    sentences = {name: [torch.tensor(ids) for ids in rows] for name, rows in columns.items()}

    def collate(places):
        return {
            name: pad_sequence([rows[place] for place in places], batch_first=True)
            for name, rows in sentences.items()
        }

    examples = range(len(next(iter(columns.values()))))
    return torch.utils.data.DataLoader(examples, batch_sampler=order, collate_fn=collate)


def train(network, optimizer, batches, *, clip_norm, label_smoothing):
    """An epoch; returns the mean loss of its batches."""
    network.train()
    total = 0.0
    for batch in batches:
        batch = {name: ids.to(network.device) for name, ids in batch.items()}
        targets = batch.pop("targets")
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(
            network(**batch).flatten(0, 1),
            targets.flatten(),
            ignore_index=PADDING_ID,
            label_smoothing=label_smoothing,
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
        optimizer.step()
        total += loss.item()
    return total / len(batches)


@torch.inference_mode()
def write(network, source_ids, limits):
    """Translates greedily, step by step.

    Args:
        network: a `Translator`.
        source_ids: (batch, source timesteps), a NumPy array.
        limits: (batch,), the most tokens that a row may have.

    Returns:
        Ids (batch, target timesteps), a NumPy array, padding after the end of a row.
    """
    network.eval()
    state, *source = network.encode(torch.tensor(source_ids, device=network.device))
    token_ids = torch.full((len(source_ids), 1), END_ID, device=network.device)
    limits = torch.tensor(limits, device=network.device)
    running, written = limits > 0, []
    while running.any():
        x, state = network.decoder(network.target_embedding(token_ids), state)
        token_ids = network.logits(x, *source)[:, -1].argmax(dim=-1, keepdim=True)
        written.append(torch.where(running, token_ids[:, 0], PADDING_ID))
        running = running & (written[-1] != END_ID) & (len(written) < limits)
    return torch.stack(written, dim=1).cpu().numpy()
