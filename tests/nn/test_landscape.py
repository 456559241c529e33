"""A landscape's heights are the loss, its gradients the engine's, and a descent is the optimizer's own path over it."""

import json

import numpy as np
import pytest

from autodiff import absolute, log
from nn import (
    MLP,
    SGD,
    Adam,
    absolute_error,
    binary_cross_entropy,
    descend,
    loss_landscape,
    mean_over,
    moons,
    principal_directions,
    random_directions,
    squared_error,
    sum_over,
)

ROUNDING = 1e-12  # sums over observations are taken in another order
DATA = moons(7, rng=3)
OPTIMIZERS = {
    "SGD": lambda values: SGD(values, 0.3),
    "momentum": lambda values: SGD(values, 0.1, momentum=0.8),
    "Adam": lambda values: Adam(values, 0.2),
    "schedule": lambda values: SGD(values, lambda step: 0.5 / (1 + step)),
}


def model():
    return MLP(2, [3, 1], activation="tanh", rng=1)


def eager(model, parameters, loss=binary_cross_entropy, over=mean_over):
    """The loss and its gradient, observation by observation, at those parameters."""
    values = model.parameters()
    before = [value.data for value in values]
    for value, number in zip(values, parameters):
        value.data, value.grad = number, 0.0
    result = over(loss, [model(x) for x in DATA.inputs], DATA.targets)
    result.backward()
    gradient = [value.grad for value in values]
    for value, number in zip(values, before):
        value.data, value.grad = number, 0.0
    return result.data, np.array(gradient)


def landscape(model, loss=binary_cross_entropy, **options):
    return loss_landscape(model, DATA.inputs, DATA.targets, loss, **{"resolution": 5} | options)


@pytest.mark.parametrize(("reduction", "over"), [("mean", mean_over), ("sum", sum_over)])
@pytest.mark.parametrize("loss", [binary_cross_entropy, absolute_error, squared_error])
def test_heights_and_gradients_are_those_of_the_eager_engine(loss, reduction, over):
    network = model()
    places = [1, 4]
    mountain = landscape(network, loss, weights=[network.parameters()[place] for place in places], reduction=reduction)
    for row, y in enumerate(mountain.ys):
        for column, x in enumerate(mountain.xs):
            parameters = np.array([value.data for value in network.parameters()])
            parameters[places] = x, y
            height, gradient = eager(network, parameters, loss, over)
            assert mountain.heights[row, column] == pytest.approx(height, rel=ROUNDING)
            assert mountain.gradients[row, column] == pytest.approx(gradient[places], rel=ROUNDING, abs=ROUNDING)


def test_a_projection_is_the_loss_along_its_directions_and_says_that_it_is_one():
    network = model()
    directions = random_directions(network, rng=5)
    mountain = landscape(network, directions=directions, projection="random directions", x_range=(-1.0, 1.0))
    start = np.array([value.data for value in network.parameters()])
    for row, column in ((0, 0), (2, 2), (4, 1)):
        here = start + mountain.xs[column] * directions[0] + mountain.ys[row] * directions[1]
        height, gradient = eager(network, here)
        assert mountain.heights[row, column] == pytest.approx(height, rel=ROUNDING)
        assert mountain.gradients[row, column] == pytest.approx(directions @ gradient, rel=1e-10)
    assert "projection (random directions)" in repr(mountain)
    assert landscape(network).projection == ""


def test_weights_are_chosen_by_name_by_label_or_themselves():
    network = model()
    value = network.layers[0].neurons[1].bias
    value.label = "b"
    other = "layers.1.neurons.0.weights.0"
    chosen = [landscape(network, weights=[each, other]) for each in (value, "b", "layers.0.neurons.1.bias")]
    assert {mountain.axis_names for mountain in chosen} == {("b", other)}
    assert np.array_equal(chosen[0].heights, chosen[1].heights)
    assert np.array_equal(chosen[0].heights, chosen[2].heights)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_descent_is_the_path_of_the_optimizer_itself(name):
    network = model()
    found = descend(network, DATA.inputs, DATA.targets, binary_cross_entropy, steps=12, name=name,
                    optimizer=OPTIMIZERS[name](network.parameters()))  # fmt: skip
    optimizer = OPTIMIZERS[name](network.parameters())
    for step in range(13):
        here = [value.data for value in network.parameters()]
        assert found.parameters[step] == pytest.approx(here, rel=1e-10)
        optimizer.zero_grad()
        loss = mean_over(binary_cross_entropy, [network(x) for x in DATA.inputs], DATA.targets)
        loss.backward()
        assert found.losses[step] == pytest.approx(loss.data, rel=1e-10)
        assert found.gradients[step] == pytest.approx([value.grad for value in network.parameters()], rel=1e-8)
        optimizer.step()
    assert (found.name, found.steps) == (name, 12)


def test_a_descent_of_the_two_weights_lies_on_the_surface():
    network = model()
    weights = network.parameters()[:2]
    path = descend(network, DATA.inputs, DATA.targets, squared_error, optimizer=SGD(weights, 0.2), steps=20)
    mountain = landscape(network, squared_error, weights=weights, resolution=201)
    points = mountain.coordinates(path.parameters)
    assert np.array_equal(points, path.parameters[:, :2])
    assert np.array_equal(path.parameters[:, 2:], np.tile(path.parameters[0, 2:], (21, 1)))
    curvature = 1e-3  # between the points of the grid the surface is drawn straight
    assert mountain.height_at(points) == pytest.approx(path.losses, abs=curvature)
    assert (np.diff(path.losses) < 0).all()


def test_along_no_direction_is_a_slope_greater_than_the_length_of_the_gradient():
    mountain = landscape(model(), resolution=21)
    angles = np.linspace(0, 2 * np.pi, 90)
    slopes = mountain.gradients @ np.array([np.cos(angles), np.sin(angles)])
    lengths = np.linalg.norm(mountain.gradients, axis=-1)
    assert (slopes <= lengths[..., None] * (1 + ROUNDING)).all()


def test_nothing_is_changed():
    network = model()
    network.parameters()[3].grad = 7.0
    before = [(value.data, value.grad, value.label) for value in network.parameters()]
    landscape(network)
    optimizer = Adam(network.parameters())
    path = descend(network, DATA.inputs, DATA.targets, squared_error, optimizer=optimizer, steps=2)
    assert [(value.data, value.grad, value.label) for value in network.parameters()] == before
    assert path.parameters[0].tolist() == [value.data for value in network.parameters()]


def test_a_filter_of_a_random_direction_is_as_long_as_its_weights_and_biases_stay():
    network = model()
    network.parameters()[2].data = 0.7  # a bias
    directions = random_directions(network, rng=2)
    numbers = np.array([value.data for value in network.parameters()])
    for filter_ in ([0, 1], [3, 4], [6, 7], [9, 10, 11]):
        assert np.linalg.norm(directions[:, filter_], axis=1) == pytest.approx(
            [np.linalg.norm(numbers[filter_])] * 2, rel=ROUNDING
        )
    assert not directions[:, [2, 5, 8, 12]].any()
    assert np.array_equal(directions, random_directions(network, rng=2))


def test_principal_directions_hold_a_run_that_stays_in_a_plane():
    network = model()
    weights = network.parameters()[:2]
    path = descend(network, DATA.inputs, DATA.targets, squared_error, optimizer=Adam(weights, 0.1), steps=15)
    directions, parts = principal_directions(path)
    assert parts.sum() == pytest.approx(1.0)
    assert parts[0] >= parts[1]
    assert directions @ directions.T == pytest.approx(np.eye(2), abs=ROUNDING)
    for value, number in zip(network.parameters(), path.parameters[-1]):
        value.data = number
    mountain = landscape(network, squared_error, directions=directions)
    back = mountain.origin + mountain.coordinates(path.parameters) @ directions
    assert back == pytest.approx(path.parameters, abs=1e-12)


def test_a_straight_run_has_no_plane():
    network = model()
    path = descend(network, DATA.inputs, DATA.targets, squared_error, optimizer=SGD(network.parameters(), 0.1), steps=1)
    with pytest.raises(ValueError, match="turns at least once"):
        principal_directions(path)


def test_the_json_of_a_landscape_is_its_record_and_a_missing_height_is_null():
    def loss(prediction, target):
        return absolute(log(prediction) - target)

    network = MLP(2, [1])
    mountain = landscape(network, loss)
    assert not np.isfinite(mountain.heights).all()
    read = json.loads(mountain.to_json())
    heights = np.array(read["heights"], dtype=float)
    finite = np.isfinite(mountain.heights)
    assert np.array_equal(heights[finite], mountain.heights[finite])
    assert np.isnan(heights[~finite]).all()
    assert read["axis_names"] == list(mountain.axis_names)
    assert read["xs"] == mountain.xs.tolist()


def test_the_surface_between_grid_points_is_interpolated_and_outside_it_is_nothing():
    mountain = landscape(model())
    middle = mountain.height_at([(mountain.xs[1] + mountain.xs[2]) / 2, mountain.ys[3]])
    assert middle == pytest.approx(mountain.heights[3, 1:3].mean())
    assert mountain.height_at([mountain.xs[4], mountain.ys[4]]) == pytest.approx(mountain.heights[4, 4])
    assert np.isnan(mountain.height_at([99.0, 0.0]))


def test_a_point_of_the_grid_has_its_own_height_whatever_stands_beside_it():
    mountain = landscape(model())
    mountain.heights[:, 1] = mountain.heights[0] = np.inf
    mountain.heights[3, 3] = np.nan
    points = np.stack(np.meshgrid(mountain.xs, mountain.ys), axis=-1)
    assert np.array_equal(mountain.height_at(points), mountain.heights, equal_nan=True)


def test_a_landscape_without_any_height_says_so():
    mountain = landscape(model(), lambda prediction, target: log(prediction * 0 - 1))
    assert repr(mountain).endswith("loss nan)")


def test_a_descent_ends_before_the_first_loss_that_is_not_finite():
    network = MLP(2, [1])
    path = descend(
        network, DATA.inputs, DATA.targets, squared_error, optimizer=SGD(network.parameters(), 1e60), steps=9
    )
    assert 0 < path.steps < 9
    assert np.isfinite(path.losses).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": ["nothing", "b"]}, "no parameter 'nothing'"),
        ({"weights": ["layers.0.neurons.0.bias"] * 2}, "two different weights"),
        ({"weights": ["layers.0.neurons.0.bias"]}, "two different weights"),
        ({"directions": np.ones((2, 13))}, "two different rows of 13"),
        ({"directions": np.ones((2, 3))}, "two different rows of 13"),
        ({"x_range": (1.0, 1.0)}, "x_range"),
        ({"y_range": (0.0, np.inf)}, "y_range"),
        ({"resolution": 1}, "resolution"),
        ({"reduction": "max"}, "'mean' or 'sum'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        landscape(model(), **options)


def test_the_former_name_of_the_reduction_is_refused_with_its_present_one():
    with pytest.raises(TypeError, match="reduce= is called reduction= here"):
        landscape(model(), reduce="sum")
    with pytest.raises(TypeError, match="reduce= is called reduction= here"):
        descend(model(), DATA.inputs, DATA.targets, squared_error, optimizer=None, steps=1, reduce="sum")


def test_bad_data_is_refused():
    with pytest.raises(ValueError, match="one target for each observation"):
        loss_landscape(model(), DATA.inputs, DATA.targets[:-1], squared_error)
    with pytest.raises(ValueError, match="steps"):
        descend(model(), DATA.inputs, DATA.targets, squared_error, optimizer=SGD(model().parameters()), steps=0)
    with pytest.raises(ValueError, match="whole number of at least 1"):
        descend(model(), DATA.inputs, DATA.targets, squared_error, optimizer=SGD(model().parameters()), steps=2.5)
    with pytest.raises(ValueError, match="moves others"):
        descend(model(), DATA.inputs, DATA.targets, squared_error, optimizer=SGD(model().parameters()), steps=1)


def test_a_loss_that_uses_a_moved_parameter_itself_is_refused():
    network = model()
    penalty = network.parameters()[0]
    with pytest.raises(ValueError, match="only the model may use its parameters"):
        landscape(network, lambda prediction, target: (prediction - target) ** 2 + penalty**2)
