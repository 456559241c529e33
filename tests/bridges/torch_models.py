"""Small models as people write them in PyTorch: each function gives a module, or a function, and its inputs."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Categorical, MixtureSameFamily, Normal
from torch.nn.utils import parametrizations, rnn

MODELS = {}


def model(function):
    MODELS[function.__name__] = function
    return function


def parameter(*shape):
    return nn.Parameter(torch.randn(*shape))


class Of(nn.Module):
    """A module of named parts, and what is computed of them."""

    def __init__(self, compute, **parts):
        super().__init__()
        self.compute = compute
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs):
        return self.compute(self, *inputs)


# ── Perceptrons ──────────────────────────────────────────────────────────────────────────────────


@model
def perceptron():
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), torch.randn(2, 3)


@model
def activations():
    some = [nn.Mish(), nn.SELU(), nn.CELU(), nn.Softsign(), nn.Hardtanh(), nn.LogSigmoid(), nn.PReLU(3), nn.Softmin(1)]
    layers = [part for activation in some for part in (nn.Linear(3, 3), activation)]
    return nn.Sequential(*layers), torch.randn(2, 3)


@model
def gated_linear_units():
    return nn.Sequential(nn.Linear(3, 6), nn.GLU(), nn.Linear(3, 2), nn.SiLU()), torch.randn(2, 3)


@model
def swiglu():
    def compute(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))

    gate, up, down = (nn.Linear(3, 3, bias=False) for _ in range(3))
    return Of(compute, gate=gate, up=up, down=down), torch.randn(2, 3)


@model
def highway():
    def compute(self, x):
        share = torch.sigmoid(self.gate(x))
        return share * F.relu(self.layer(x)) + (1 - share) * x

    return Of(compute, gate=nn.Linear(3, 3), layer=nn.Linear(3, 3)), torch.randn(2, 3)


@model
def fourier_features():
    frequencies, layer = torch.randn(2, 3), nn.Linear(6, 1)

    def compute(x):
        angles = 2 * math.pi * x @ frequencies
        return layer(torch.cat([angles.sin(), angles.cos()], -1))

    return compute, torch.randn(2, 2)


@model
def sinusoidal_network():
    first, last = nn.Linear(2, 4), nn.Linear(4, 1)
    return lambda x: last(torch.sin(30 * first(x))), torch.randn(2, 2)


@model
def chebyshev_network():
    coefficients = parameter(2, 3, 4)

    def compute(x):
        terms = [torch.ones_like(x), x]
        for _ in range(2):
            terms.append(2 * x * terms[-1] - terms[-2])
        return torch.einsum("bik,iok->bo", torch.stack(terms, -1), coefficients)

    return compute, torch.rand(2, 2)


@model
def hypernetwork():
    maker = nn.Linear(2, 6)
    return lambda z, x: F.linear(x, maker(z).view(2, 3)), torch.randn(2), torch.randn(2, 3)


@model
def bilinear():
    return nn.Bilinear(2, 3, 2), torch.randn(2, 2), torch.randn(2, 3)


@model
def mixture_of_experts():
    gate, experts = nn.Linear(3, 3), nn.ModuleList(nn.Linear(3, 2) for _ in range(3))

    def compute(x):
        weights, chosen = gate(x).topk(2, -1)
        weights, out = weights.softmax(-1), torch.zeros(len(x), 2)
        for place in range(2):
            for number, expert in enumerate(experts):
                taken = chosen[:, place] == number
                if taken.any():
                    out[taken] += weights[taken, place : place + 1] * expert(x[taken])
        return out

    return compute, torch.randn(3, 3)


@model
def wide_and_deep():
    def compute(self, item, x):
        return torch.sigmoid(self.wide(x) + self.deep(torch.cat([self.table(item), x], 1)))

    deep = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Dropout(0.2), nn.Linear(3, 1))
    return (
        Of(compute, wide=nn.Linear(2, 1), deep=deep, table=nn.Embedding(4, 2, padding_idx=0)),
        torch.tensor([0, 3]),
        torch.randn(2, 2),
    )


@model
def deep_sets():
    each, whole = nn.Sequential(nn.Linear(2, 3), nn.ReLU()), nn.Linear(3, 1)
    return lambda x: whole(each(x).max(1).values + each(x).sum(1)), torch.randn(2, 3, 2)


# ── Convolution ──────────────────────────────────────────────────────────────────────────────────


@model
def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
        nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 3), nn.LogSoftmax(1),
    ), torch.randn(2, 1, 8, 8)  # fmt: skip


@model
def vgg_block():
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.Conv2d(3, 3, 3, padding=1),
        nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.MaxPool2d(2, 2), nn.Dropout(0.5), nn.Flatten(), nn.Linear(12, 2),
    ), torch.randn(2, 2, 4, 4)  # fmt: skip


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(2, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2)
        self.conv2, self.bn2 = nn.Conv2d(2, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2)
        self.down = nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        y += self.down(x)
        return F.relu(y)


@model
def residual_block():
    return Residual(), torch.randn(2, 2, 4, 4)


@model
def residual_block_evaluated():
    return Residual().eval(), torch.randn(1, 2, 4, 4)


@model
def squeeze_and_excite():
    squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 2, 1), nn.ReLU(), nn.Conv2d(2, 4, 1), nn.Sigmoid())
    return Of(lambda self, x: x * self.squeeze(x), squeeze=squeeze), torch.randn(1, 4, 3, 3)


@model
def separable_convolution():
    return nn.Sequential(
        nn.Conv2d(2, 4, 1, bias=False), nn.BatchNorm2d(4), nn.Hardswish(),
        nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False), nn.BatchNorm2d(4), nn.ReLU6(), nn.Conv2d(4, 2, 1),
    ), torch.randn(2, 2, 3, 3)  # fmt: skip


@model
def u_net():
    def compute(self, x):
        wide = F.relu(self.down(x))
        narrow = F.relu(self.middle(F.max_pool2d(wide, 2)))
        return self.out(torch.cat([self.up(narrow), wide], 1))

    down, middle, out = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(4, 1, 1)
    return Of(compute, down=down, middle=middle, up=nn.ConvTranspose2d(2, 2, 2, stride=2), out=out), torch.randn(
        1, 1, 4, 4
    )


@model
def dense_block():
    layers = [nn.Conv1d(channels, 2, 3, padding=1) for channels in (2, 4, 6)]

    def compute(x):
        for layer in layers:
            x = torch.cat([x, F.elu(layer(x))], 1)
        return x.mean(-1)

    return compute, torch.randn(1, 2, 4)


@model
def inception_block():
    a, b, c = nn.Conv2d(2, 1, 1), nn.Conv2d(2, 1, 3, padding=1), nn.Conv2d(2, 1, 1)
    return lambda x: torch.cat([a(x), b(x), c(F.avg_pool2d(x, 3, 1, 1))], 1), torch.randn(1, 2, 3, 3)


@model
def causal_convolution():
    layer = parametrizations.weight_norm(nn.Conv1d(2, 2, 2, dilation=2))
    return lambda x: F.relu(layer(F.pad(x, (2, 0)))) + x, torch.randn(1, 2, 5)


@model
def super_resolution():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.PixelShuffle(2), nn.Upsample(scale_factor=2, mode="bilinear"),
    ), torch.randn(1, 1, 2, 2)  # fmt: skip


@model
def convolutional_autoencoder():
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(2, 1, 3, stride=2, padding=1, output_padding=1), nn.Sigmoid(),
    ), torch.randn(1, 1, 4, 4)  # fmt: skip


# ── Recurrence ───────────────────────────────────────────────────────────────────────────────────


@model
def elman_network():
    return nn.RNN(2, 3, num_layers=2, nonlinearity="relu"), torch.randn(4, 2, 2)


@model
def lstm():
    return nn.LSTM(2, 3, batch_first=True, bidirectional=True), torch.randn(2, 3, 2)


@model
def lstm_with_projection():
    return nn.LSTM(2, 3, proj_size=2, num_layers=2, dropout=0.3), torch.randn(3, 2, 2)


@model
def gru():
    return nn.GRU(2, 3), torch.randn(3, 2, 2)


@model
def recurrent_cells():
    def compute(self, x, h):
        h1, c1 = self.lstm(x, (h, h))
        return self.rnn(x, self.gru(x, h1)) * c1

    return (
        Of(compute, lstm=nn.LSTMCell(2, 3), gru=nn.GRUCell(2, 3), rnn=nn.RNNCell(2, 3)),
        torch.randn(2, 2),
        torch.randn(2, 3),
    )


@model
def packed_sequences():
    net = nn.GRU(2, 3, batch_first=True)

    def compute(x):
        packed = rnn.pack_padded_sequence(x, torch.tensor([3, 2]), batch_first=True)
        out, last = net(packed)
        return rnn.pad_packed_sequence(out, batch_first=True)[0], last

    return compute, torch.randn(2, 3, 2)


@model
def character_model():
    def compute(self, text):
        hidden, _ = self.lstm(self.table(text))
        return F.cross_entropy(self.out(hidden)[:, :-1].reshape(-1, 5), text[:, 1:].reshape(-1))

    net = Of(compute, table=nn.Embedding(5, 3), lstm=nn.LSTM(3, 4, batch_first=True), out=nn.Linear(4, 5))
    return net, torch.tensor([[0, 3, 2, 4], [1, 1, 0, 2]])


@model
def sequence_to_sequence():
    encoder, decoder, out = nn.GRU(2, 3, batch_first=True), nn.GRUCell(2, 3), nn.Linear(3, 2)

    def compute(x):
        hidden, y, found = encoder(x)[1][0], torch.zeros(len(x), 2), []
        for _ in range(2):
            hidden = decoder(y, hidden)
            y = out(hidden)
            found.append(y)
        return torch.stack(found, 1)

    return compute, torch.randn(2, 3, 2)


@model
def state_space_model():
    a, b, c = (parameter(2) for _ in range(3))

    def compute(u):
        state, found = torch.zeros(2), []
        for each in u:
            state = torch.exp(-a.abs()) * state + b * each
            found.append((c * state).sum())
        return torch.stack(found)

    return compute, torch.randn(4)


# ── Attention ────────────────────────────────────────────────────────────────────────────────────


@model
def masked_attention():
    net, mask = nn.MultiheadAttention(4, 2, batch_first=True), torch.ones(3, 3).triu(1).bool()
    return lambda x: net(x, x, x, attn_mask=mask), torch.randn(2, 3, 4)


@model
def additive_attention():
    score, out = nn.Linear(4, 3), nn.Linear(3, 1, bias=False)

    def compute(query, keys):
        pairs = torch.cat([query[:, None].expand(-1, 3, -1), keys], -1)
        return (out(torch.tanh(score(pairs))).softmax(1) * keys).sum(1)

    return compute, torch.randn(2, 2), torch.randn(2, 3, 2)


@model
def encoder_layer():
    return nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), torch.randn(2, 3, 4)


@model
def encoder_layer_evaluated():
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, norm_first=True, activation="gelu")
    return layer.eval(), torch.randn(2, 3, 4)


@model
def encoder_with_masks():
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)
    net = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    padding = torch.tensor([[False, False, True], [False, False, False]])
    padding = torch.zeros(2, 3).masked_fill(padding, -math.inf)
    return lambda x: net(x, mask=mask, src_key_padding_mask=padding), torch.randn(2, 3, 4)


@model
def decoder_layer():
    return nn.TransformerDecoderLayer(4, 2, 8, batch_first=True), torch.randn(2, 3, 4), torch.randn(2, 2, 4)


class GptBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.qkv, self.proj, self.ln2 = nn.LayerNorm(4), nn.Linear(4, 12), nn.Linear(4, 4), nn.LayerNorm(4)
        self.mlp = nn.Sequential(nn.Linear(4, 8), nn.GELU(approximate="tanh"), nn.Linear(8, 4))
        self.register_buffer("mask", torch.ones(8, 8).tril())

    def forward(self, x):
        count, length, width = x.shape
        parts = self.qkv(self.ln1(x)).split(width, 2)
        q, k, v = (part.view(count, length, 2, width // 2).transpose(1, 2) for part in parts)
        scores = (q @ k.transpose(-2, -1)) / math.sqrt(width // 2)
        weights = scores.masked_fill(self.mask[:length, :length] == 0, -math.inf).softmax(-1)
        x = x + self.proj((weights @ v).transpose(1, 2).contiguous().view(count, length, width))
        return x + self.mlp(self.ln2(x))


@model
def gpt_block():
    return GptBlock(), torch.randn(2, 3, 4)


@model
def vision_transformer():
    def compute(self, x):
        patches = self.patch(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), patches], 1) + self.position
        return self.head(self.block(tokens)[:, 0])

    block = nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True, norm_first=True)
    parts = {"patch": nn.Conv2d(1, 4, 2, stride=2), "block": block, "head": nn.Linear(4, 2)}
    return Of(compute, token=parameter(1, 1, 4), position=parameter(1, 5, 4), **parts), torch.randn(1, 1, 4, 4)


@model
def rotary_positions():
    query = nn.Linear(4, 4)

    def compute(x):
        angles = torch.outer(torch.arange(x.shape[1]), 100 ** (-torch.arange(2) / 2)).repeat_interleave(2, -1)
        q = query(x)
        turned = torch.stack([-q[..., 1::2], q[..., ::2]], -1).flatten(-2)
        return q * angles.cos() + turned * angles.sin()

    return compute, torch.randn(1, 3, 4)


# ── Texts, graphs, tables ────────────────────────────────────────────────────────────────────────


@model
def bag_of_words():
    def compute(self, words, starts):
        return self.out(self.bag(words, starts)).log_softmax(1)

    net = Of(compute, bag=nn.EmbeddingBag(6, 3, mode="mean"), out=nn.Linear(3, 2))
    return net, torch.tensor([1, 2, 4, 5, 4]), torch.tensor([0, 2])


@model
def matrix_factorization():
    users, items = nn.Embedding(3, 2), nn.Embedding(3, 2)

    def compute(rating):
        return F.mse_loss((users(torch.tensor([0, 2])) * items(torch.tensor([1, 1]))).sum(1), rating)

    return compute, torch.randn(2)


NEIGHBOURS = [[1, 1, 0], [1, 1, 1], [0, 1, 1]]


@model
def graph_convolution():
    neighbours = torch.tensor(NEIGHBOURS) * 1.0
    root = neighbours.sum(1).rsqrt()
    scaled, first, last = root[:, None] * neighbours * root, nn.Linear(2, 3, bias=False), nn.Linear(3, 2, bias=False)
    return lambda x: scaled @ last(F.relu(scaled @ first(x))), torch.randn(3, 2)


@model
def graph_attention():
    layer, score, near = nn.Linear(2, 3, bias=False), parameter(6), torch.tensor(NEIGHBOURS) > 0

    def compute(x):
        h = layer(x)
        count = len(h)
        pairs = torch.cat([h.repeat_interleave(count, 0), h.repeat(count, 1)], 1)
        scores = F.leaky_relu(pairs @ score, 0.2).view(count, count)
        return scores.masked_fill(~near, -9e15).softmax(1) @ h

    return compute, torch.randn(3, 2)


@model
def message_passing():
    message, source, target = nn.Linear(4, 3), torch.tensor([0, 1, 1, 2]), torch.tensor([1, 0, 2, 1])

    def compute(x):
        messages = F.relu(message(torch.cat([x[source], x[target]], 1)))
        return torch.zeros(3, 3).index_add_(0, target, messages)

    return compute, torch.randn(3, 2)


# ── Densities and flows ──────────────────────────────────────────────────────────────────────────


@model
def autoencoder():
    net = nn.Sequential(nn.Linear(4, 2), nn.Sigmoid(), nn.Linear(2, 4))
    return lambda x: F.mse_loss(net(x), x), torch.randn(3, 4)


@model
def variational_autoencoder():
    def compute(self, x):
        mean, logarithm = self.encoder(x).chunk(2, 1)
        code = mean + torch.randn_like(mean) * (0.5 * logarithm).exp()
        loss = F.binary_cross_entropy_with_logits(self.decoder(code), x.sigmoid(), reduction="sum")
        return loss - 0.5 * (1 + logarithm - mean.pow(2) - logarithm.exp()).sum()

    return Of(compute, encoder=nn.Linear(4, 4), decoder=nn.Linear(2, 4)), torch.randn(2, 4)


@model
def quantized_autoencoder():
    encoder, codes = nn.Linear(2, 2), nn.Embedding(3, 2)

    def compute(x):
        z = encoder(x)
        nearest = codes(torch.cdist(z, codes.weight).argmin(1))
        passed = z + (nearest - z).detach()
        loss = F.mse_loss(nearest, z.detach()) + 0.25 * F.mse_loss(z, nearest.detach())
        return (passed - x).pow(2).mean() + loss

    return compute, torch.randn(3, 2)


@model
def coupling_flow():
    nets = [nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 2)) for _ in range(2)]

    def compute(x):
        logarithm = 0
        for net in nets:
            kept, moved = x.chunk(2, 1)
            scale, shift = net(kept).chunk(2, 1)
            scale = torch.tanh(scale)
            logarithm = logarithm + scale.sum(1)
            x = torch.cat([moved * scale.exp() + shift, kept], 1)
        return -(Normal(0.0, 1.0).log_prob(x).sum(1) + logarithm).mean()

    return compute, torch.randn(3, 2)


@model
def planar_flow():
    w, u, b = parameter(2), parameter(2), parameter(1)

    def compute(z):
        height = torch.tanh(z @ w + b)
        along = u + (F.softplus(w @ u) - 1 - w @ u) * w / (w @ w)
        return z + height[:, None] * along, torch.log(torch.abs(1 + (1 - height**2) * (w @ along)))

    return compute, torch.randn(3, 2)


@model
def invertible_convolution():
    w = parameter(3, 3)
    return lambda x: (F.conv2d(x, w[:, :, None, None]), torch.linalg.slogdet(w)[1] * 4), torch.randn(1, 3, 2, 2)


@model
def mixture_density():
    net = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 9))

    def compute(x, y):
        weights, means, widths = net(x).chunk(3, 1)
        parts = Normal(means, F.softplus(widths) + 1e-3)
        return -MixtureSameFamily(Categorical(logits=weights), parts).log_prob(y).mean()

    return compute, torch.randn(3, 1), torch.randn(3)


@model
def gaussian_process():
    length, noise = nn.Parameter(torch.tensor(0.1)), nn.Parameter(torch.tensor(-1.0))

    def compute(x, y):
        near = torch.exp(-0.5 * torch.cdist(x, x) ** 2 / length.exp() ** 2)
        root = torch.linalg.cholesky(near + noise.exp() * torch.eye(3))
        return 0.5 * (y @ torch.cholesky_solve(y[:, None], root)[:, 0]) + root.diagonal().log().sum()

    return compute, torch.randn(3, 1), torch.randn(3)


@model
def straight_through_choice():
    layer = nn.Linear(2, 3)
    return lambda x: F.gumbel_softmax(layer(x), tau=0.7, hard=True) @ torch.arange(3.0), torch.randn(2, 2)


# ── Norms ────────────────────────────────────────────────────────────────────────────────────────


def _norms():
    return nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 4), nn.LayerNorm(4), nn.GroupNorm(2, 4), nn.ReLU())


@model
def norms():
    return _norms(), torch.randn(3, 4)


@model
def norms_evaluated():
    return _norms().eval(), torch.randn(3, 4)


@model
def instance_norm():
    return nn.Sequential(nn.InstanceNorm2d(2, affine=True), nn.ReLU6(), nn.RMSNorm(3)), torch.randn(2, 2, 3, 3)


@model
def spectral_norm():
    return parametrizations.spectral_norm(nn.Linear(3, 2)).eval(), torch.randn(2, 3)


# ── Losses ───────────────────────────────────────────────────────────────────────────────────────


@model
def masked_loss():
    layer, mask = nn.Linear(3, 1), torch.tensor([True, False, True])

    def compute(x, y):
        losses = (layer(x).squeeze(1) - y) ** 2
        return (losses * mask).sum() / mask.sum() + losses[mask].mean()

    return compute, torch.randn(3, 3), torch.randn(3)


@model
def triplet_loss():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    return lambda a, p, n: F.triplet_margin_loss(net(a), net(p), net(n)), *torch.randn(3, 2, 3)


@model
def contrastive_loss():
    layer = nn.Linear(3, 2)

    def compute(x, y):
        similar = F.normalize(layer(x)) @ F.normalize(layer(y)).t() / 0.1
        return F.cross_entropy(similar, torch.arange(3))

    return compute, torch.randn(3, 3), torch.randn(3, 3)


@model
def focal_loss():
    layer = nn.Linear(3, 4)

    def compute(x):
        losses = F.cross_entropy(layer(x), torch.tensor([0, 3]), reduction="none")
        return ((1 - torch.exp(-losses)) ** 2 * losses).mean()

    return compute, torch.randn(2, 3)


@model
def dice_loss():
    layer = nn.Conv2d(1, 1, 3, padding=1)

    def compute(x, y):
        share = layer(x).sigmoid()
        return 1 - (2 * (share * y).sum() + 1) / (share.sum() + y.sum() + 1)

    return compute, torch.randn(1, 1, 3, 3), torch.rand(1, 1, 3, 3)


@model
def policy_gradient():
    layer = nn.Linear(3, 2)

    def compute(x):
        policy = Categorical(logits=layer(x))
        taken = policy.log_prob(policy.sample())
        return -(taken * torch.tensor([1.0, -0.5])).mean() - 0.01 * policy.entropy().mean()

    return compute, torch.randn(2, 3)


@model
def clipped_policy_gradient():
    layer, before, gain = nn.Linear(3, 2), torch.randn(2), torch.tensor([1.0, -1.0])

    def compute(x):
        ratio = (layer(x).log_softmax(-1)[:, 0] - before).exp()
        return -torch.min(ratio * gain, ratio.clamp(0.8, 1.2) * gain).mean()

    return compute, torch.randn(2, 3)


@model
def squashed_gaussian_policy():
    layer = nn.Linear(2, 2)

    def compute(x):
        mean, logarithm = layer(x).chunk(2, -1)
        policy = Normal(mean, logarithm.clamp(-2, 2).exp())
        action = policy.rsample()
        return (policy.log_prob(action) - torch.log(1 - torch.tanh(action) ** 2 + 1e-6)).sum()

    return compute, torch.randn(2, 2)


@model
def q_learning():
    net, frozen = nn.Linear(2, 3), nn.Linear(2, 3)

    def compute(state, after):
        value = net(state).gather(1, torch.tensor([[0], [2]])).squeeze(1)
        with torch.no_grad():
            wanted = 1 + 0.9 * frozen(after).max(1).values
        return F.smooth_l1_loss(value, wanted)

    return compute, torch.randn(2, 2), torch.randn(2, 2)


@model
def conditional_random_field():
    change = parameter(3, 3)

    def compute(scores):
        whole = scores[0]
        for each in scores[1:]:
            whole = torch.logsumexp(whole[:, None] + change, 0) + each
        return torch.logsumexp(whole, 0) - scores[0, 1] - scores[1, 2] - change[1, 2]

    return compute, torch.randn(2, 3)


@model
def soft_time_warping():
    def compute(x, y):
        apart, table = (x[:, None] - y) ** 2, torch.full((4, 4), 1e8)
        table[0, 0] = 0.0
        for i in range(1, 4):
            for j in range(1, 4):
                before = torch.stack([table[i - 1, j - 1], table[i - 1, j], table[i, j - 1]])
                table[i, j] = apart[i - 1, j - 1] - torch.logsumexp(-before, 0)
        return table[3, 3]

    return compute, torch.randn(3), torch.randn(3)


# ── Derivatives inside, and equations ────────────────────────────────────────────────────────────


@model
def neural_ode():
    net = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))

    def compute(y):
        for _ in range(4):
            y = y + 0.25 * net(y)
        return y

    return compute, torch.randn(1, 2)


@model
def runge_kutta():
    net, h = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2)), 0.5

    def compute(y):
        k1 = net(y)
        k2 = net(y + h / 2 * k1)
        k3 = net(y + h / 2 * k2)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + net(y + h * k3))

    return compute, torch.randn(2)


@model
def equilibrium():
    layer = nn.Linear(2, 2)

    def compute(x):
        z = torch.zeros_like(x)
        for _ in range(5):
            z = torch.tanh(0.3 * layer(z) + x)
        return z

    return compute, torch.randn(1, 2)


@model
def gradient_penalty():
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))

    def compute(x):
        (slope,) = torch.autograd.grad(net(x).sum(), x, create_graph=True)
        return ((slope.norm(dim=1) - 1) ** 2).mean()

    return compute, torch.randn(2, 2)


@model
def differential_equation():
    net = nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1))

    def compute(x):
        u = net(x)
        (first,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
        return ((second + u) ** 2).mean()

    return compute, torch.randn(3, 1)


@model
def hamiltonian_network():
    net = nn.Sequential(nn.Linear(2, 3), nn.Softplus(), nn.Linear(3, 1))
    return torch.func.vmap(torch.func.grad(lambda z: net(z)[0])), torch.randn(2, 2)


@model
def meta_learning():
    w = parameter(2)

    def compute(x):
        (slope,) = torch.autograd.grad(((x @ w - 1) ** 2).mean(), w, create_graph=True)
        return ((x @ (w - 0.1 * slope) - 2) ** 2).mean()

    return compute, torch.randn(3, 2)
