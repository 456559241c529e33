"""PyTorch's operations, one by one: a function and its inputs, with what is singular among them."""

from math import inf, nan

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

GENERATOR = torch.Generator().manual_seed(1)


def normal(*shape):
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


def unit(*shape):
    return torch.rand(*shape, generator=GENERATOR, dtype=torch.float64) * 0.8 + 0.1


def numbers(*given):
    return torch.tensor(given, dtype=torch.float64)


KINKS = numbers(-25, -3, -2, -1, -0.5, -0.0, 0, 0.5, 1, 2, 3, 25)
TIES = numbers([1, 2, 2, 2], [3, 3, 1, 0])
ROWS = torch.tensor([[0, 1, 1, 0], [2, 2, 0, 0]])
ORDER = torch.tensor([[3, 1, 0, 2], [0, 2, 1, 3]])
CLASSES = torch.tensor([1, 0, 3])
X, Y = normal(3, 4), normal(3, 4)
IMAGE = normal(1, 2, 4, 5)
HEADS = normal(3, 2, 2, 3, 4)


def each(names, module, *inputs):
    return {name: (getattr(module, name), *inputs) for name in names.split()}


def reductions(names, *options):
    return {
        f"{name}{options}": (lambda x, name=name, options=options: getattr(torch, name)(x, *options), X)
        for name in names.split()
    }


def write_in_place(x, y):
    z = x * 1
    z[0] = y
    z[:, 1] += y[0]
    z.mul_(2)
    flat = z.view(-1)
    flat[3] = flat[2] * 2
    z.clamp_(-1, 1).sin_()
    z[z > 0.5] = 0.25
    return z


def write_into_new(x):
    z = torch.zeros(4, dtype=x.dtype)
    z[1:3] = x[:2]
    twice = z * 2
    z.zero_()
    z[0] = x[0]
    z.fill_(3.0)
    z[3].copy_(x[1])
    return twice, z


def write_into_input(x):
    x += 1
    x.exp_()
    return x


def write_unseen(x):
    y = x * 2
    with torch.no_grad():
        y.clamp_(min=0.5)
    y.data.add_(1)
    return y * y


def without_gradient(x):
    with torch.no_grad():
        y = x * 2
    return x * y + x * x.detach() + x * x.sum().item() + (x.round() - x).detach()


def slope_of_slope(x):
    y = (torch.tanh(x) ** 2 + torch.sigmoid(x) + F.gelu(x) + F.softplus(x)).sum()
    (slope,) = torch.autograd.grad(y, x, create_graph=True)
    return (slope**2).sum() + y


def powers(x):
    return x**3 + x**0.5 + 2**x + x**-1 + x**1


OPERATIONS = {
    # Numbers
    **each("abs neg exp exp2 expm1 sin cos tan atan sinh cosh tanh asinh sinc erf erfc sigmoid floor ceil trunc sign "
           "sgn relu deg2rad rad2deg square frac positive round", torch, normal(5)),
    **each("log log2 log10 log1p sqrt rsqrt reciprocal asin acos atanh erfinv lgamma logit", torch, unit(5)),
    "acosh": (torch.acosh, unit(4) + 2),
    **each("add sub mul div atan2 hypot logaddexp maximum minimum fmax fmin fmod remainder copysign rsub", torch,
           normal(2, 3), normal(3)),
    **each("relu silu gelu elu selu softplus tanh sigmoid leaky_relu hardtanh mish relu6 hardswish hardshrink "
           "softshrink tanhshrink softsign logsigmoid celu", F, KINKS),
    "threshold": (lambda x: F.threshold(x, 0.5, 20.0), KINKS),
    "gelu by tanh": (lambda x: F.gelu(x, approximate="tanh"), KINKS),
    "softplus beta": (lambda x: F.softplus(x, 2.0, 10.0), KINKS),
    "elu alpha": (lambda x: F.elu(x, 2.0), KINKS),
    "prelu": (F.prelu, normal(2, 3, 2), numbers(0.1, 0.2, 0.3)),
    "rrelu": (F.rrelu, KINKS),
    "glu": (F.glu, normal(2, 6)),
    "powers": (powers, unit(3)),
    "powers of 0": (lambda x: (x**2 + x**0 + x, x**1.5), numbers(0, 0)),
    "zero base and exponent": (torch.pow, numbers(0, 0, 0, 2), numbers(2, 1, 0, 0)),
    "pow": (torch.pow, unit(3), normal(3)),
    "xlogy": (torch.xlogy, numbers(0, 0, 0, 1, 2), numbers(0, 1, -1, 2, 0.5)),
    "xlog1py": (torch.special.xlog1py, unit(3), unit(3)),
    "ties of maximum": (lambda x, y: torch.maximum(x, y) + torch.minimum(x, y) * 2, KINKS, KINKS.clone()),
    "ties of fmax": (lambda x, y: torch.fmax(x, y) + torch.fmin(x, y) * 2, KINKS, KINKS.clone()),
    "nan of fmax": (lambda x, y: torch.fmax(x, y) + torch.fmin(x, y) * 2, numbers(nan, 1), numbers(1, nan)),
    "hypot of 0": (torch.hypot, numbers(0), numbers(0)),
    "atan2 of 0": (torch.atan2, numbers(0, 1), numbers(0, 0)),
    "roots of 0": (lambda x: (x.sqrt(), x.rsqrt()), numbers(0)),
    "alpha": (lambda x, y: torch.add(x, y, alpha=2) + torch.sub(x, y, alpha=3) + torch.rsub(x, y, alpha=0.5), X, Y),
    "rounding": (lambda x, y: torch.div(x, y, rounding_mode="floor") + torch.div(x, y, rounding_mode="trunc") + x % y
                 + torch.round(x, decimals=1), X, Y),
    "lerp": (lambda x, y: torch.lerp(x, y, 0.7) + torch.lerp(x, y, x) + torch.lerp(x, y, 0.2), X, Y),
    "addcmul": (lambda a, b, c: torch.addcmul(a, b, c, value=2) + torch.addcdiv(a, b, c), *normal(3, 2)),
    "clamp": (lambda x: torch.clamp(x, -1, 1) + x.clamp(min=0.5) + x.clamp_max(2.0) + x.clamp_min(-2), KINKS),
    "clamp by tensors": (torch.clamp, KINKS, KINKS.flip(0) - 1, KINKS.flip(0) + 1),
    "where": (lambda x, y: torch.where(x > 0, x, y) + torch.where(x > 0, x, 2.0), X, Y),
    "nan_to_num": (torch.nan_to_num, numbers(1, nan, inf, -inf)),
    "special": (lambda x: torch.special.ndtr(x) + torch.special.entr(x.abs()) + torch.special.erfcx(x)
                + torch.special.log_ndtr(x), normal(4)),
    # Reductions
    **reductions("sum mean prod amax amin max min std var norm median nanmedian nansum"),
    **reductions("sum mean prod amax amin max min std var logsumexp median mode nansum nanmean", 1),
    **reductions("sum mean prod amax amin max min std var", 0, True),
    **{f"norm {p}": (lambda x, p=p: torch.linalg.vector_norm(x, p, dim=1), X) for p in (1, 2, 3, inf, -inf, 0.5, -1)},
    "axes": (lambda x: x.sum((0, 2)) + x.mean((-1, 0)), normal(2, 3, 4)),
    "var_mean": (lambda x: (*torch.var_mean(x, 1), *torch.std_mean(x, 0, correction=0)), X),
    "std of equal": (lambda x: x.std(), numbers(1, 1, 1)),
    "ties of amax": (lambda x: (x.amax(1), x.amin(0), x.amax()), TIES),
    "ties of max": (lambda x: (x.max(), x.min(), *x.max(1), *x.min(0)), TIES),
    "ties of median": (lambda x: (x.median(), *x.median(1)), TIES),
    "products with 0": (lambda x: (x.prod(), x.cumprod(0)), numbers(1, 0, 3)),
    "norms of 0": (lambda x: x.norm(dim=1) + torch.linalg.vector_norm(x, 1, dim=1) + x.norm(p=3, dim=1),
                   numbers([0, 0], [1, 0])),
    "count of norm": (lambda x: (x, torch.linalg.vector_norm(x, 0)), X),
    "distances": (lambda x, y: (torch.cdist(x, y), torch.cdist(x, y, 1), F.pdist(x), torch.dist(x, y)), X, Y),
    "many distances": (torch.cdist, normal(27, 2), normal(2, 2)),
    "normalize": (lambda x: F.normalize(x) + torch.linalg.matrix_norm(x), X),
    "renorm": (lambda x: torch.renorm(x, 2, 0, 1.0), X),
    "order": (lambda x: (torch.kthvalue(x, 2, 0), torch.sort(x, dim=0, descending=True), torch.topk(x, 2),
                         torch.sort(x, stable=True, dim=1), x.gather(1, x.argsort(1))), X),
    "running extremes": (lambda x: (torch.cummax(x, 1), torch.cummin(x, 0)), TIES),
    "running sums": (lambda x: x.cumsum(0) + x.cumprod(1) + x.logcumsumexp(1), X),
    "statistics": (lambda x: (torch.quantile(x, 0.3, dim=1), torch.cov(x), torch.aminmax(x, dim=1), torch.diff(x)), X),
    # Moves
    "views": (lambda x: x.t().reshape(2, 6)[:, 1:4].unsqueeze(0).expand(2, 2, 3) * 2 + x.view(-1)[0], X),
    "cat": (lambda x, y: torch.cat([x, y], 0) * torch.stack([x, y], 1).reshape(6, 4), X, Y),
    "index": (lambda x: x[[0, 2, 2], [1, 1, 3]] * 2 + x[:, [0]].sum() + x[None, -1, ::2].sum() + x[x > 0].sum(), X),
    "turns": (lambda x: x.flip(0) * x.roll(1, 1) * x.rot90(2), X),
    "repeats": (lambda x: x.repeat(2, 1) * x.tile(2, 1) * x.repeat_interleave(2, 0), X),
    **{f"pad {mode}": (lambda x, mode=mode: F.pad(x, (1, 2, 1, 0), mode=mode), normal(1, 2, 4, 3))
       for mode in ("constant", "reflect", "replicate", "circular")},
    "pad with a number": (lambda x: F.pad(x, (1, -1), value=5.0), X),
    "pixels": (lambda x: (F.pixel_shuffle(x, 2), F.channel_shuffle(x, 2), F.pixel_unshuffle(x, 2)), normal(1, 4, 2, 2)),
    "triangles": (lambda x: x.tril() + x.triu(1) * 2 + torch.trace(x[:, :3]) + x.diagonal().sum(), X),
    "diagonals": (lambda x: torch.diag(x) + torch.diag_embed(x).sum(0), normal(3)),
    "gather": (lambda x: x.gather(0, ROWS) + torch.take_along_dim(x, ROWS, 0), X),
    "scatter": (lambda x, y: x.scatter(1, ORDER, y) + x.scatter(0, ROWS, 3.0) + x.scatter_add(0, ROWS, y), X, Y[:2]),
    **{f"scatter {how} {own}": (lambda x, y, how=how, own=own: x.scatter_reduce(0, ROWS, y, how, include_self=own),
                                X, Y[:2])
       for how in ("sum", "prod", "mean", "amax", "amin") for own in (True, False)},
    "index_put": (lambda x, y: x.index_put((torch.tensor([0, 0]),), y[:2], accumulate=True)
                  * x.index_put((torch.tensor([0, 1]), torch.tensor([0, 1])), y[0, 0]), X, Y),
    "index_put of a mask": (lambda x: x.index_put((x > 0,), numbers(0)[0]), X),
    "index_add": (lambda x, y: x.index_add(0, torch.tensor([0, 0]), y[:2], alpha=2)
                  + x.index_copy(0, torch.tensor([0, 1]), y[:2]) + x.index_fill(1, torch.tensor([1]), 2.0), X, Y),
    "masks": (lambda x, y: x.masked_scatter(x > 0, y).masked_fill(y > 0, 2) + torch.masked_select(x, x > 0).sum(),
              X, Y),
    "put": (lambda x, y: x.put(torch.tensor([1, 5]), y[0, :2]) + x.take(torch.tensor([1, 5, 5])).sum(), X, Y),
    "windows": (lambda x: x.unfold(1, 2, 1) * 2, X),
    "unfold": (lambda x: F.unfold(x, 2), normal(1, 2, 3, 3)),
    "fold": (lambda x: F.fold(x, (3, 3), 2), normal(1, 8, 4)),
    "parts": (lambda x: x.chunk(2, 1)[1] * x.split([1, 3], 1)[0] + sum(x.unbind(0))[:2], X),
    "blocks": (lambda x, y: (torch.block_diag(x, y), torch.kron(x, y)), normal(2, 2), normal(1, 3)),
    "scatters": (lambda x, y: torch.select_scatter(x, y[0], 0, 1) + torch.slice_scatter(x, y[:1], 0, 0, 1)
                 + torch.diagonal_scatter(x, y[0, :3]), X, Y),
    "axes moved": (lambda x: x.movedim(0, 1).swapaxes(0, 1).squeeze().flatten(), normal(2, 1, 3)),
    "one hot": (lambda x: F.one_hot(x.argmax(1), 4) * x * torch.searchsorted(numbers(0, 1), x), X),
    # Written in place; what autograd does not see
    "write in place": (write_in_place, X, normal(4)),
    "write into new": (write_into_new, normal(4)),
    "write into input": (write_into_input, normal(3)),
    "write by a decomposition": (lambda x: F.celu(x * 2, inplace=True) + F.mish(x * 3, inplace=True), normal(4)),
    "write unseen": (write_unseen, normal(4)),
    "without gradient": (without_gradient, normal(3)),
    "slope of slope": (slope_of_slope, normal(4)),
    "func": (lambda x: torch.func.vmap(torch.func.grad(lambda row: (row.sin() ** 3).sum()))(x), X),
    "checkpoint": (lambda x: checkpoint(lambda z: z.sin() * z, x, use_reentrant=False), normal(3)),
    # Products
    **{name: (torch.matmul, normal(*a), normal(*b)) for name, a, b in (
        ("mm", (2, 3), (3, 4)), ("mv", (2, 3), (3,)), ("dot", (3,), (3,)), ("bmm", (2, 2, 3), (2, 3, 2)),
        ("matmul", (2, 1, 2, 3), (3, 3, 2)))},
    "addmm": (lambda c, a, b: torch.addmm(c, a, b, beta=0.5, alpha=2), normal(2, 4), normal(2, 3), normal(3, 4)),
    "addmv": (torch.addmv, normal(2), normal(2, 3), normal(3)),
    "addbmm": (lambda c, a, b: torch.addbmm(c, a, b) + torch.baddbmm(c, a, b), normal(2, 2), normal(2, 2, 3),
               normal(2, 3, 2)),
    "outer": (lambda a, b: torch.outer(a, b) + torch.addr(torch.ones(2, 3), a, b), normal(2), normal(3)),
    "einsum": (lambda a, b: torch.einsum("bij,bjk->ik", a, b), normal(2, 2, 3), normal(2, 3, 2)),
    "products": (lambda a, b: (torch.inner(a, b), torch.tensordot(a, b.t(), 1), torch.linalg.cross(a[:, :3], b[:, 1:])),
                 X, Y),
    "chain": (lambda a, b: (torch.linalg.multi_dot([a, b.t(), a]), torch.linalg.matrix_power(a[:, 1:], 3)), X, Y),
    "determinant": (lambda a: (torch.det(a), torch.linalg.slogdet(a)), normal(3, 3)),
    "determinants": (torch.det, normal(2, 3, 3)),
    "solve": (lambda a, b: (torch.linalg.solve(a, b), torch.linalg.solve(a, b.t(), left=False), torch.inverse(a)),
              normal(3, 3), normal(3, 2)),
    "solve many": (torch.linalg.solve, normal(2, 3, 3), normal(2, 3)),
    "cholesky": (lambda a: torch.linalg.cholesky(a @ a.mT + torch.eye(3)), normal(2, 3, 3)),
    "triangular": (lambda a, b: torch.linalg.solve_triangular(a.tril(), b, upper=False)
                   + torch.linalg.solve_triangular(a.triu(), b.t(), upper=True, left=False, unitriangular=True).t(),
                   normal(3, 3), normal(3, 2)),
    # Windows
    "conv1d": (lambda x, w, b: F.conv1d(x, w, b, stride=2, padding=1, dilation=2), normal(2, 2, 7), normal(3, 2, 2),
               normal(3)),
    "conv2d": (lambda x, w: F.conv2d(x, w, padding="same"), normal(1, 2, 4, 4), normal(2, 2, 3, 3)),
    "groups": (lambda x, w: F.conv2d(x, w, groups=2), normal(1, 4, 4, 4), normal(4, 2, 2, 2)),
    "conv3d": (F.conv3d, normal(1, 1, 3, 3, 3), normal(2, 1, 2, 2, 2)),
    "one observation": (F.conv1d, normal(2, 5), normal(3, 2, 2)),
    "transposed 1d": (lambda x, w, b: F.conv_transpose1d(x, w, b, stride=2, padding=1, output_padding=1, dilation=2),
                      normal(2, 2, 4), normal(2, 3, 3), normal(3)),
    "transposed 2d": (lambda x, w: F.conv_transpose2d(x, w, stride=2, groups=2), normal(1, 4, 3, 3),
                      normal(4, 2, 2, 2)),
    "max_pool": (lambda x: (F.max_pool2d(x, 2, stride=1, padding=1), F.max_pool1d(x[0], 2), F.adaptive_max_pool2d(x, 2),
                            F.adaptive_max_pool1d(x[0], 3)), IMAGE),
    "max_pool3d": (lambda x: F.max_pool3d(x, 2), normal(1, 1, 4, 4, 4)),
    "ties of max_pool": (lambda x: F.max_pool2d(x, 2), torch.ones(1, 1, 4, 4, dtype=torch.float64)),
    "unpool": (lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2), normal(1, 1, 4, 4)),
    "avg_pool": (lambda x: (F.avg_pool2d(x, 2, stride=1, padding=1), F.avg_pool1d(x[0], 2), F.adaptive_avg_pool2d(x, 3),
                            F.adaptive_avg_pool1d(x[0], 2), F.adaptive_avg_pool2d(x, 1), F.lp_pool2d(x, 2, 2),
                            F.avg_pool2d(x, 3, padding=1, count_include_pad=False, ceil_mode=True)), IMAGE),
    "avg_pool3d": (lambda x: F.avg_pool3d(x, 2), normal(1, 1, 4, 4, 2)),
    **{f"interpolate {mode}": (lambda x, mode=mode: F.interpolate(x, scale_factor=2, mode=mode), normal(1, 2, 3, 3))
       for mode in ("nearest", "nearest-exact", "bilinear", "bicubic")},
    "interpolate linear": (lambda x: F.interpolate(x, size=5, mode="linear", align_corners=True), normal(1, 2, 3)),
    "interpolate trilinear": (lambda x: F.interpolate(x, scale_factor=2, mode="trilinear"), normal(1, 1, 2, 2, 2)),
    "grid_sample": (lambda x, grid: F.grid_sample(x, grid, align_corners=False), normal(1, 2, 3, 3),
                    normal(1, 2, 2, 2)),
    "affine_grid": (lambda a: F.affine_grid(a, (1, 1, 2, 2), align_corners=False), normal(1, 2, 3)),
    # Layers
    "softmax": (lambda x: F.softmax(x, 1) + F.log_softmax(x, 0) + F.softmin(x, 0), X),
    "softmax with -inf": (lambda x: F.softmax(x + numbers(0, -inf, 0, 0), 1), X),
    "softmax of -inf": (lambda x: F.softmax(x + numbers(-inf), 1), X),
    "dropout": (lambda x: F.dropout(x, 0.5) + F.alpha_dropout(x, 0.5, training=True) + F.dropout1d(x, 0.5), X),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, (4,), w, b), X, normal(4), normal(4)),
    "layer_norm of matrices": (lambda x: F.layer_norm(x, (3, 4)), normal(2, 3, 4)),
    "group_norm": (lambda x, w, b: F.group_norm(x, 2, w, b), normal(2, 4, 3), normal(4), normal(4)),
    "instance_norm": (F.instance_norm, normal(2, 3, 4)),
    "rms_norm": (lambda x, w: F.rms_norm(x, (4,), w), X, normal(4)),
    "local_response_norm": (lambda x: F.local_response_norm(x, 2), normal(1, 3, 2, 2)),
    "batch_norm": (lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), normal(4, 3, 2), normal(3),
                   normal(3)),
    "batch_norm evaluated": (lambda x, w, b: F.batch_norm(x, numbers(1, 2, 0), numbers(1, 2, 3), w, b), normal(4, 3, 2),
                             normal(3), normal(3)),
    "embedding": (lambda w: F.embedding(torch.tensor([[0, 2], [1, 1]]), w, padding_idx=1), normal(3, 2)),
    **{f"bag by {mode}": (lambda w, mode=mode: F.embedding_bag(
        torch.tensor([0, 2, 1, 1, 2]), w, torch.tensor([0, 2, 2]), mode=mode), normal(3, 2))
        for mode in ("sum", "mean", "max")},
    "weighted bag": (lambda w, a: F.embedding_bag(torch.tensor([0, 2, 1, 1]), w, torch.tensor([0, 2]), mode="sum",
                                                  per_sample_weights=a), normal(3, 2), normal(4)),
    "attention": (F.scaled_dot_product_attention, *HEADS),
    "causal attention": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), *HEADS),
    "attention with a bias": (lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m), *HEADS,
                              normal(3, 3)),
    "attention with a mask": (lambda q, k, v: F.scaled_dot_product_attention(
        q, k, v, attn_mask=torch.tensor([[1, 0, 0], [1, 1, 0], [0, 0, 0]]).bool()), *HEADS),
    # Losses
    **{f"{loss} {how}": (lambda x, y, loss=loss, how=how: getattr(F, loss)(x, y, reduction=how), X, Y)
       for loss in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss") for how in ("none", "mean", "sum")},
    **{f"losses of classes {how}": (lambda x, y, how=how: (
        F.cross_entropy(x, CLASSES, reduction=how), F.nll_loss(x, CLASSES, reduction=how)), X, Y)
       for how in ("none", "mean", "sum")},
    **{f"divergence {how}": (lambda x, y, how=how: (
        F.kl_div(F.log_softmax(x, 1), F.softmax(y, 1), reduction=how), F.kl_div(x, y, log_target=True, reduction=how)),
        X, Y) for how in ("none", "batchmean", "sum")},
    **{f"losses of two classes {how}": (lambda x, y, how=how: (
        F.binary_cross_entropy(x, y, reduction=how, weight=numbers(1, 2, 3)),
        F.binary_cross_entropy_with_logits(x, y, reduction=how, pos_weight=numbers(1, 2, 3)),
        F.binary_cross_entropy_with_logits(x, y, reduction=how)), unit(3), unit(3)) for how in ("none", "mean", "sum")},
    "weighted cross entropy": (lambda x: F.cross_entropy(x, torch.tensor([1, -100, 3]), weight=numbers(1, 2, 3, 4),
                                                         label_smoothing=0.1), X),
    "cross entropy of shares": (lambda x, y: F.cross_entropy(x, y.softmax(1)), X, Y),
    "cross entropy of pixels": (lambda x: F.cross_entropy(x, torch.tensor([[[0, 1], [2, 0]]])), normal(1, 3, 2, 2)),
    "ignored class": (lambda x: F.nll_loss(x, CLASSES, ignore_index=0, weight=numbers(1, 2, 3, 4)), X),
    "cross entropy of 0 and 1": (lambda x: F.binary_cross_entropy(x, numbers(0, 1, 1, 0), reduction="none"),
                                 numbers(0, 0, 1, 1)),
    "kinks of losses": (lambda x: (F.smooth_l1_loss(x, KINKS.flip(0), beta=0.5), F.huber_loss(x, KINKS, delta=0.4),
                                   F.smooth_l1_loss(x, KINKS, beta=0.0), F.l1_loss(x, KINKS)), KINKS),
    "losses with a margin": (lambda x, y: (
        F.hinge_embedding_loss(x, y.sign()), F.cosine_embedding_loss(x, y, numbers(1, -1, 1)),
        F.margin_ranking_loss(x, y, torch.ones(3, 4)), F.triplet_margin_loss(x, y, x * y),
        F.multi_margin_loss(x, CLASSES), F.soft_margin_loss(x, y.detach().sign())), X, Y),
    "losses of densities": (lambda x, y: (F.gaussian_nll_loss(x, y, y.exp()), F.poisson_nll_loss(x, y.exp()),
                                          F.multilabel_soft_margin_loss(x, y.sigmoid())), X, Y),
    "similarity": (lambda x, y: F.cosine_similarity(x, y) + F.pairwise_distance(x, y), X, Y),
}  # fmt: skip


STEEP = {
    "where": (lambda x: torch.where(x > 0, x.log(), 0.0), numbers(0, 1)),
    "where of one": (lambda x: torch.where(x > 0, x.sqrt(), 0.0), numbers(0)[0]),
    "a slice": (lambda x: x.sqrt()[1:], numbers(0, 1, 4)),
    "an index": (lambda x: x.sqrt()[torch.tensor([1, 1])], numbers(0, 2)),
    "a row of a view": (lambda x: x.sqrt().reshape(2, 2).t()[1].sum(), numbers(0, 2, 3, 4)),
    "parts": (lambda x: x.sqrt().unbind()[1], numbers(0, 2)),
    "another result": (lambda x: (x.sqrt(), x * 2)[1], numbers(0, 2)),
    "masked_fill": (lambda x: x.sqrt().masked_fill(x == 0, 0.0), numbers(0, 2)),
    "a product with a mask": (lambda x: (x.sqrt() * (x > 0)).sum(), numbers(0, 2)),
    "detached": (lambda x: x.sqrt().detach() + x, numbers(0, 2)),
    "far from it": (lambda x: torch.exp(-1 / x)[1:], numbers(0, 2)),
    "relu of a part": (lambda x: F.relu((x.sqrt() * 2)[1:]) + x[0], numbers(0, 2)),
    **{name: (lambda x, name=name: getattr(F, name)(x.log()), numbers(0, 2, 0.5))
       for name in ("relu", "leaky_relu", "elu", "hardtanh", "relu6", "softplus", "softshrink")},
    "clamp": (lambda x: x.log().clamp(min=-1), numbers(0, 2)),
    "maximum": (lambda x, y: torch.maximum(x.log(), y), numbers(0, 2), numbers(1, 2)),
    "minimum": (lambda x: torch.minimum(x.sqrt(), x), numbers(0, 4)),
    "max": (lambda x: (x.log().max(), x.log().amax(), x.log().max(0)), numbers(0, 2)),
    "order": (lambda x: (x.sqrt().sort()[0][1:], x.sqrt().topk(1), x.sqrt().kthvalue(2)), numbers(3, 0, 2)),
    "cummax": (lambda x: torch.cummax(1 / x, 0)[0][:1], numbers(1, 0)),
    "max_pool": (lambda x: F.max_pool1d(x.sqrt().reshape(1, 1, 4), 2), numbers(0, 2, 0, 3)),
    "cat": (lambda x, y: torch.cat([x.sqrt(), y])[2:], numbers(0, 2), numbers(1, 2)),
    "norm": (lambda x: x.norm() / x.norm(), numbers(0, 0)),
    "power": (lambda x: (x**0.5)[1:], numbers(0, 2)),
    "acos": (lambda x: torch.acos(x)[:1], numbers(0, 1)),
}  # fmt: skip
"""What is not used has an infinite slope: its gradient 0 becomes nan."""
