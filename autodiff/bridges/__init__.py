"""Bridges: functions and networks of other frameworks as graphs of ``Value``s, to be traced, drawn, explained, checked.

``autodiff.bridges.jax.record(f, *inputs)`` takes a function of JAX, and ``autodiff.bridges.torch.record(f, *inputs)`` a
module or function of PyTorch. Neither framework is loaded before its module is.

What the bridges share, from the bottom up:

- ``arrays``: operations on arrays of ``Value``s that become one node for each number of their results;
- ``windows``: what slides over an array: convolution and pooling;
- ``labels``: the names of inputs, such as ``layers[0].w[3,1]``;
- ``limits``: what is refused before anything is run, how large a graph may be, and the progress bar.
"""
