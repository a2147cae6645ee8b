"""The classifiers of DNA, of video and of texts in PyTorch."""

import torch
from torch import nn

from zoo.genomics.alphabet import ONE_HOT


class Classifier(nn.Module):
    """Steps to logits: a bidirectional LSTM, one vector of all that it gives, and a layer.

    Args:
        settings: options of the task.
        width: size of a step.
        pooled: size of the vector, in units of the LSTM.
        classes: number of classes.
    """

    def __init__(self, settings, width, pooled, classes):
        super().__init__()
        self.lstm = nn.LSTM(width, settings.units, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(settings.dropout)
        self.logits = nn.Linear(pooled * settings.units, classes)

    def forward(self, inputs):
        """Logits (batch, classes) of ids or clips, all of one length."""
        return self.logits(self.dropout(self.pool(self.lstm(self.steps(inputs))[0])))

    def parameter_count(self):
        """Number of weights, where an LSTM's two biases, which are added up, count as one."""
        trained = {n: weight for n, weight in self.named_parameters() if weight.requires_grad}
        return sum(weight.numel() for name, weight in trained.items() if "bias_hh" not in name)

    @torch.no_grad()
    def set_zoo_weights(self, weights):
        """Takes over weights as `benchmarks.classification.weights_of` gives them."""
        *encoder, lstm, logits = weights
        pairs = dict(zip((*self.encoder_layers(), self.logits), (*encoder, logits), strict=True))
        for layer, (kernel, bias) in pairs.items():
            turned = self.turned(kernel) if kernel.ndim > 1 else kernel  # that of a norm as it is
            layer.weight.copy_(torch.tensor(turned))
            layer.bias.copy_(torch.tensor(bias))
        set_lstm_weights(self.lstm, lstm)

    def turned(self, kernel):
        """A kernel of Keras, (*places, inputs, outputs), as one of PyTorch."""
        *places, inputs, outputs = range(kernel.ndim)
        return kernel.transpose(outputs, inputs, *places)


@torch.no_grad()
def set_lstm_weights(lstm, weights):
    """Gives a bidirectional LSTM what `benchmarks.classification.lstm_weights` has of each cell."""
    for way, (kernel, recurrent, bias) in (("l0", weights[:3]), ("l0_reverse", weights[3:])):
        getattr(lstm, f"weight_ih_{way}").copy_(torch.tensor(kernel.T))
        getattr(lstm, f"weight_hh_{way}").copy_(torch.tensor(recurrent.T))
        getattr(lstm, f"bias_ih_{way}").copy_(torch.tensor(bias))
        getattr(lstm, f"bias_hh_{way}").zero_()


class TextClassifier(Classifier):
    """Ids of words to logits: the network of `tasks.sentiment`, the maximum of the steps.

    Args:
        settings: `units` and `dropout`.
        vocabulary: number of ids, of which 0 is padding, on the right.
        width: size of the vectors.
        classes: number of logits.
    """

    def __init__(self, settings, vocabulary, width, classes):
        super().__init__(settings, width, 2, classes)
        self.words = nn.Embedding(vocabulary, width, padding_idx=0)

    def set_zoo_weights(self, weights):
        (vectors,), *others = weights
        self.words.weight.data.copy_(torch.tensor(vectors))
        super().set_zoo_weights(others)

    def encoder_layers(self):
        return []

    def forward(self, ids):
        """Logits (batch, classes); what has padding is packed, which else takes longer."""
        counted = ids != 0
        x = self.words(ids)
        if counted.all():
            x = self.lstm(x)[0]
        else:
            lengths = counted.sum(dim=1)
            x = nn.utils.rnn.pack_padded_sequence(
                x, lengths, batch_first=True, enforce_sorted=False
            )
            x, _ = nn.utils.rnn.pad_packed_sequence(
                self.lstm(x)[0], batch_first=True, padding_value=-torch.inf
            )
        return self.logits(self.dropout(x.amax(dim=1)))


class DnaClassifier(Classifier):
    """Ids to logits: the network of `tasks.dna`, as one writes it here.

    Args:
        settings: options of the task.
        shape: of a sequence.
        classes: number of classes.
    """

    def __init__(self, settings, shape, classes):
        super().__init__(settings, settings.filters, 2, classes)
        self.letters = nn.Embedding.from_pretrained(torch.tensor(ONE_HOT))  # is not trained
        self.convolution = nn.Conv1d(
            ONE_HOT.shape[1], settings.filters, settings.convolution, padding="same"
        )
        self.input_dropout = nn.Dropout1d(settings.input_dropout)

    def encoder_layers(self):
        return [self.convolution]

    def steps(self, ids):
        x = self.convolution(self.letters(ids).transpose(1, 2)).relu()  # (batch, filters, steps)
        return self.input_dropout(x).transpose(1, 2)

    def pool(self, x):
        return x[:, x.shape[1] // 2]


class VideoClassifier(Classifier):
    """Clips to logits: the network of `tasks.video`; the frames of a batch are read together.

    Args:
        settings: options of the task.
        shape: of a clip, (timesteps, height, width, channels).
        classes: number of classes.
    """

    def __init__(self, settings, shape, classes):
        super().__init__(settings, settings.width, 4, classes)
        _, height, width, channels = shape
        channels += 1  # what has changed
        frame = []
        for filters in map(int, settings.filters.split(",")):
            # As TensorFlow has it: even sizes are padded at their ends alone.
            frame += [nn.ZeroPad2d((width % 2, 1, height % 2, 1))]
            frame += [nn.Conv2d(channels, filters, 3, stride=2), nn.ReLU()]
            height, width, channels = -(-height // 2), -(-width // 2), filters
        self.places = channels, height, width
        frame += [nn.Flatten(), nn.Linear(channels * height * width, settings.width)]
        self.frame = nn.Sequential(*frame, nn.LayerNorm(settings.width, eps=1e-3), nn.ReLU())
        size = settings.width
        self.convolution = nn.Conv1d(size, size, settings.convolution, padding="same")

    def encoder_layers(self):
        return [*(one for one in self.frame if hasattr(one, "weight")), self.convolution]

    def turned(self, kernel):
        channels, height, width = self.places
        if kernel.shape[:-1] == (height * width * channels,):  # what follows `Flatten`
            kernel = kernel.reshape(height, width, channels, -1).transpose(2, 0, 1, 3)
            kernel = kernel.reshape(channels * height * width, -1)
        return super().turned(kernel)

    def steps(self, clips):
        x = clips / 255
        light = x.mean(dim=-1, keepdim=True)
        changes = light.diff(dim=1, prepend=light[:, :1])
        frames = torch.cat([x, changes], dim=-1).flatten(0, 1).permute(0, 3, 1, 2)
        x = self.frame(frames).unflatten(0, clips.shape[:2])  # (batch, steps, width)
        return self.convolution(x.transpose(1, 2)).relu().transpose(1, 2)

    def pool(self, x):
        return torch.cat([x.mean(dim=1), x.amax(dim=1)], dim=-1)


def loader(inputs, labels, order):
    """A `DataLoader` of the batches, ids or clips and labels.

    Args:
        inputs: array (examples, timesteps, ...).
        labels: (examples,) integers.
        order: list of the places of the examples in each batch.
    """
    data = torch.utils.data.TensorDataset(torch.as_tensor(inputs), torch.as_tensor(labels).long())
    return torch.utils.data.DataLoader(data, batch_sampler=order)


def as_numpy(batches):
    """The batches as dicts of arrays."""
    return ({"inputs": inputs.numpy(), "labels": labels.numpy()} for inputs, labels in batches)


def train(network, optimizer, batches, *, clip_norm, label_smoothing):
    """An epoch; returns its mean loss."""
    network.train()
    device, total = network.logits.weight.device, 0.0
    of = nn.CrossEntropyLoss(label_smoothing=label_smoothing)
    for inputs, labels in batches:
        optimizer.zero_grad()
        loss = of(network(inputs.to(device)), labels.to(device))
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
        optimizer.step()
        total += loss.item()
    return total / len(batches)


@torch.inference_mode()
def probabilities(network, inputs, batch_size):
    """Of arrays in memory, (examples, classes) float32."""
    network.eval()
    device = network.logits.weight.device
    parts = torch.as_tensor(inputs).split(batch_size)
    return torch.cat([network(part.to(device)).softmax(dim=-1) for part in parts]).cpu().numpy()
