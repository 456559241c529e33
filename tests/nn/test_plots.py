"""Pictures carry what is needed to read them, and leave no global state."""

import subprocess
import sys

import numpy as np
import pytest

from nn import MLP, Dataset, History, iris, moons, plot_decision_boundary, plot_loss

RUN = History([1.0, 0.5, 0.7], [0.5, 0.8, 0.7], [1.1, 0.6, 0.8], [0.4, 0.7, 0.6], "accuracy", 2, True)


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
