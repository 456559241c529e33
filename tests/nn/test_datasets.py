"""Data sets are seeded, balanced and of the shape they name."""

import sys

import numpy as np
import pytest

from nn import circles, digits, iris, moons, spirals


@pytest.mark.parametrize("make", [moons, circles, spirals])
def test_generated_data_has_its_shape_and_is_balanced_and_seeded(make):
    data = make(51)
    assert data.inputs.shape == (51, 2)
    assert np.bincount(data.targets).tolist() == [26, 25]
    assert len(data.feature_names) == len(data.class_names) == 2
    assert np.array_equal(data.inputs, make(51, rng=0).inputs)
    assert not np.array_equal(data.inputs, make(51, rng=1).inputs)


def test_circles_without_noise_lie_on_their_radii():
    data = circles(40, noise=0.0, factor=0.3)
    assert np.hypot(*data.inputs.T) == pytest.approx(np.where(data.targets == 0, 1.0, 0.3), rel=1e-14)


def test_spirals_may_be_more_than_two():
    assert set(spirals(30, classes=3).targets) == {0, 1, 2}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: moons(1), "samples must be at least 2"),
        (lambda: moons(noise=-0.1), "noise must be finite and at least 0"),
        (lambda: moons(noise=float("nan")), "noise must be finite"),
        (lambda: circles(factor=1.0), "factor must be between 0 and 1"),
        (lambda: spirals(classes=1), "classes must be at least 2"),
        (lambda: moons(4).split(0.0), "leaves one part"),
        (lambda: moons(4).split(1.0), "leaves one part"),
    ],
)
def test_options_out_of_range_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_split_shares_every_observation_out_once():
    data = moons(20)
    parts = data.split(0.75, rng=1)
    assert [len(part) for part in parts] == [15, 5]
    together = np.concatenate([part.inputs for part in parts])
    assert np.array_equal(np.sort(together, axis=0), np.sort(data.inputs, axis=0))


def test_real_data_has_its_names_and_can_be_standardized():
    assert iris().class_names == ("setosa", "versicolor", "virginica")
    data = digits().standardized()
    assert data.inputs.shape == (1797, 64)
    assert data.feature_names[0] == "pixel_0_0, standardized"
    assert np.abs(data.inputs.mean(axis=0)).max() < 1e-12
    assert set(data.inputs.std(axis=0).round(12)) == {0.0, 1.0}


@pytest.mark.parametrize("load", [iris, digits])
def test_without_scikit_learn_the_error_names_it_and_its_install_line(monkeypatch, load):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"scikit-learn: pip install scikit-learn"):
        load()
