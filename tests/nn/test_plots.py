"""Pictures carry what is needed to read them, and leave no global state."""

import subprocess
import sys

import numpy as np
import pytest

from nn import (
    MLP,
    SGD,
    Dataset,
    History,
    descend,
    iris,
    loss_landscape,
    moons,
    plot_contour,
    plot_decision_boundary,
    plot_loss,
    plot_surface,
    random_directions,
    squared_error,
)
from nn.plots import new_figure

RUN = History([1.0, 0.5, 0.7], [0.5, 0.8, 0.7], [1.1, 0.6, 0.8], [0.4, 0.7, 0.6], "accuracy", 2, True)


DATA = moons(8)


def mountain(**options):
    return loss_landscape(MLP(2, [1]), DATA.inputs, DATA.targets, squared_error, **{"resolution": 9} | options)


def path(name="down"):
    line = MLP(2, [1])
    optimizer = SGD(line.parameters()[:2], 0.2)
    return descend(line, DATA.inputs, DATA.targets, squared_error, optimizer=optimizer, steps=5, name=name)


def legend(parent):
    return [text.get_text() for text in parent.get_texts()]


def test_the_loss_plot_has_labels_and_a_legend_for_every_curve():
    figure = plot_loss(RUN, title="A run", log=True)
    loss, metric = figure.axes
    assert (loss.get_ylabel(), metric.get_ylabel(), metric.get_xlabel()) == ("mean loss", "mean accuracy", "epoch")
    assert legend(loss.get_legend()) == ["training", "validation", "best epoch, 2"]
    assert list(loss.lines[1].get_ydata()) == RUN.validation_losses
    assert len({line.get_linestyle() for line in loss.lines}) == 3


def test_the_boundary_plot_tells_classes_apart_without_colour(tmp_path):
    data = moons(10)
    figure = plot_decision_boundary(MLP(2, [1]), data, resolution=5)
    assert legend(figure.legends[0]) == ["upper moon", "lower moon", "decision boundary"]
    axis = figure.axes[0]
    assert (axis.get_xlabel(), axis.get_ylabel(), axis.get_title()) == ("x₁", "x₂", "two moons")
    figure.savefig(tmp_path / "boundary.png")
    assert (tmp_path / "boundary.png").read_bytes().startswith(b"\x89PNG")


def test_more_than_two_classes_have_a_region_each():
    full = iris()
    data = Dataset("petals", full.inputs[:, 2:], full.targets, full.feature_names[2:], full.class_names)
    assert len(legend(plot_decision_boundary(MLP(2, [3]), data, resolution=5).legends[0])) == 4


@pytest.mark.parametrize("plot", [plot_contour, plot_surface])
@pytest.mark.parametrize("log", [False, True])
def test_a_landscape_names_its_axes_its_height_and_every_path_on_it(plot, log, tmp_path):
    figure = plot(mountain(), [path("first"), path("second")], title="A valley", log=log)
    axis = figure.axes[0]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("layers.0.neurons.0.weights.0", "layers.0.neurons.0.weights.1")
    assert axis.get_title() == "A valley"
    assert legend(figure.legends[0]) == ["first", "second"]
    height = figure.axes[-1].get_ylabel() if plot is plot_contour else axis.get_zlabel()
    assert height == "loss" + (", logarithmic" if log else "")
    figure.savefig(tmp_path / "landscape.png")
    assert (tmp_path / "landscape.png").stat().st_size


def test_a_projection_is_called_one_on_its_picture():
    line = MLP(2, [1])
    flat = mountain(directions=random_directions(line), projection="random directions")
    for plot in (plot_contour, plot_surface):
        assert plot(flat, title="A net").axes[0].get_title() == "A net\nprojection: random directions"


def test_the_way_is_drawn_above_the_mesh_it_is_taken_from_and_on_the_ground():
    surface, descent = mountain(), path()
    axis = plot_surface(surface, [descent]).axes[0]
    lines = [np.array(line.get_data_3d()) for line in axis.lines if len(line.get_data_3d()[0]) == descent.steps + 1]
    on_mesh = surface.height_at(surface.coordinates(descent.parameters))
    above = [line[2] - on_mesh for line in lines]
    ground = axis.get_zlim()[0]
    assert sum(np.allclose(line[2], ground) for line in lines) == 2  # its rim and itself
    assert sum(bool((offset > 0).all() and np.ptp(offset) < 1e-9) for offset in above) == 2


def test_on_a_logarithmic_scale_nothing_is_lower_than_the_floor():
    flat = mountain()
    lowest = flat.heights.min()
    figure = plot_contour(flat, log=True, floor=2 * lowest, filled=False)
    levels = figure.axes[0].collections[0].levels
    assert (levels < np.log10(2 * lowest)).sum() <= 1  # the round number below it
    with pytest.raises(ValueError, match="floor must be positive"):
        plot_contour(flat, log=True, floor=0.0)


def test_a_landscape_without_a_finite_height_cannot_be_drawn():
    from dataclasses import replace

    empty = replace(mountain(), heights=np.full((9, 9), np.nan))
    with pytest.raises(ValueError, match="no height of the landscape is finite"):
        plot_surface(empty)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="no epochs"):
        plot_loss(History([], [], [], [], "", 0, False))
    with pytest.raises(ValueError, match="2 features, and the data 4"):
        plot_decision_boundary(MLP(4, [3]), iris())
    with pytest.raises(ValueError, match="resolution"):
        plot_decision_boundary(MLP(2, [1]), moons(4), resolution=1)
    many = Dataset("many", np.zeros((9, 2)), np.arange(9), ("x", "y"), tuple("abcdefghi"))
    with pytest.raises(ValueError, match="at most 8 classes"):
        plot_decision_boundary(MLP(2, [9]), many)


def test_without_matplotlib_the_error_names_it_and_its_install_line(monkeypatch):
    for module in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"matplotlib: pip install matplotlib"):
        plot_loss(RUN)


def test_importing_nn_and_plotting_load_no_more_than_needed():
    code = (
        "import sys, nn; assert not {'matplotlib', 'sklearn'} & set(sys.modules);"
        "nn.plot_loss(nn.History([1.0], [], [], [], '', 1, False)); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_notebook_shows_a_figure_that_is_the_last_line_of_a_cell():
    shown = new_figure(2.0, 1.0)._repr_png_()
    assert shown.startswith(b"\x89PNG")
