"""W1 and W2 as kernels of Warp and Taichi, which read the source of a function: they cannot be given one."""

# No annotations as text: Warp and Taichi read them.
from typing import Any

import numpy as np

from benchmarks.peers import Array, Job, silent_warp


def warp(is_tiny: bool, a: Array, b: Array) -> Job:
    """All points in one kernel on the processor, and its adjoint by a tape."""
    wp = silent_warp()

    @wp.kernel  # type: ignore[untyped-decorator]
    def tiny(a: wp.array(dtype=wp.float64), b: wp.array(dtype=wp.float64), out: wp.array(dtype=wp.float64)):  # type: ignore
        i = wp.tid()
        e = a[i] + b[i] - (a[i] * b[i] + b[i] * b[i] * b[i])
        out[i] = e * e / wp.float64(2.0)

    @wp.kernel  # type: ignore[untyped-decorator]
    def small(a: wp.array(dtype=wp.float64), b: wp.array(dtype=wp.float64), out: wp.array(dtype=wp.float64)):  # type: ignore
        i = wp.tid()
        x, y = a[i], b[i]
        none, one, two = wp.float64(0.0), wp.float64(1.0), wp.float64(2.0)
        c = x + y
        d = x * y + y * y * y
        c1 = c + (c + one)
        c2 = c1 + (one + c1 - x)
        d1 = d + (d * two + wp.max(none, y + x))
        d2 = d1 + (wp.float64(3.0) * d1 + wp.max(none, y - x))
        e = c2 - d2
        f = e * e
        out[i] = f / two + wp.float64(10.0) / f

    points = [wp.array(each, dtype=wp.float64, device="cpu", requires_grad=True) for each in (a, b)]
    out = wp.zeros(len(a), dtype=wp.float64, device="cpu", requires_grad=True)
    ones = wp.array(np.ones(len(a)), dtype=wp.float64, device="cpu")
    tape = wp.Tape()
    with tape:
        wp.launch(tiny if is_tiny else small, dim=len(a), inputs=points, outputs=[out], device="cpu")

    def job() -> tuple[Any, Any]:
        tape.zero()
        wp.launch(tiny if is_tiny else small, dim=len(a), inputs=points, outputs=[out], device="cpu")
        tape.backward(grads={out: ones})
        return out.numpy(), [point.grad.numpy() for point in points]

    return job


def taichi(is_tiny: bool, a: Array, b: Array) -> Job:
    """All points in one kernel on the processor, and its gradient."""
    import taichi as ti

    ti.init(arch=ti.cpu, default_fp=ti.f64, cpu_max_num_threads=1, log_level=ti.ERROR)
    x, y, out = (ti.field(ti.f64, shape=len(a), needs_grad=True) for _ in range(3))
    x.from_numpy(a)
    y.from_numpy(b)
    ones = np.ones(len(a))

    @ti.kernel  # type: ignore[untyped-decorator]
    def tiny():  # type: ignore[no-untyped-def]
        for i in x:
            e = x[i] + y[i] - (x[i] * y[i] + y[i] * y[i] * y[i])
            out[i] = e * e / 2.0

    @ti.kernel  # type: ignore[untyped-decorator]
    def small():  # type: ignore[no-untyped-def]
        for i in x:
            c = x[i] + y[i]
            d = x[i] * y[i] + y[i] * y[i] * y[i]
            c1 = c + (c + 1.0)
            c2 = c1 + (1.0 + c1 - x[i])
            d1 = d + (d * 2.0 + ti.max(0.0, y[i] + x[i]))
            d2 = d1 + (3.0 * d1 + ti.max(0.0, y[i] - x[i]))
            e = c2 - d2
            f = e * e
            out[i] = f / 2.0 + 10.0 / f

    kernel = tiny if is_tiny else small

    def job() -> tuple[Any, Any]:
        x.grad.fill(0.0)
        y.grad.fill(0.0)
        out.grad.from_numpy(ones)
        kernel()
        kernel.grad()
        return out.to_numpy(), [x.grad.to_numpy(), y.grad.to_numpy()]

    return job
