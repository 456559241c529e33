"""Data of any kind is taken by place: the same rows in another container give the same model, to the bit."""

import importlib.util
import tempfile

import numpy as np
import pytest

from autodiff import Value, dot
from nn import (
    MLP,
    SGD,
    Module,
    absolute_error,
    accuracy,
    binary_cross_entropy,
    fit,
    hinge,
    loss_landscape,
    softmax_cross_entropy,
    squared_error,
)
from nn.observations import observations

ENGINES = ("compiled", "eager")
INPUTS = np.random.default_rng(3).normal(size=(12, 2))
TARGETS = np.arange(12) % 3
ORDER = np.random.default_rng(1).permutation(12)
"""That of the labels of the rows: none is at its place."""


class Labelled:
    """A table as pandas has it: ``[]`` and ``in`` go by labels, ``iter`` by columns, ``iloc`` by place."""

    def __init__(self, rows, labels=ORDER):
        self._rows, self._labels = rows, list(labels)

    @property
    def iloc(self):
        return self._rows

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, label):
        return self._rows[self._labels.index(label)]

    def __iter__(self):
        return iter(["column"])


class LabelledArray(Labelled):
    """The same, which knows how to become an array, as xarray's do."""

    iloc = property()

    def __array__(self, dtype=None, copy=None):
        return np.array(self._rows, dtype)


class ByIndex:
    """A sequence by ``len`` and ``[]`` alone, as data sets of other libraries are."""

    def __init__(self, rows):
        self._rows = rows

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, place):
        return self._rows[range(len(self._rows))[place]]


def mapped_file(rows):
    with tempfile.TemporaryFile() as file:
        mapped = np.memmap(file, dtype=rows.dtype, shape=rows.shape)
    mapped[:] = rows
    return mapped


def pandas_table(rows):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    kind = pandas.Series if rows.ndim == 1 else pandas.DataFrame
    return kind(rows, index=ORDER)


def shuffled_pandas(rows):
    """A table in another order of rows, brought back into the first one by place: its labels are shuffled."""
    table = pandas_table(rows[ORDER]).reset_index(drop=True)
    return table.iloc[np.argsort(ORDER)]


def nullable_pandas(rows):
    return pandas_table(rows).convert_dtypes()


def polars_table(rows):
    polars = pytest.importorskip("polars", reason="polars is not installed")
    return polars.Series(rows) if rows.ndim == 1 else polars.DataFrame(rows)


def xarray_array(rows):
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    return xarray.DataArray(rows, dims=["row", "column"][: rows.ndim], coords={"row": ORDER})


CONTAINERS = [
    np.asarray, list, tuple, np.ndarray.tolist, lambda rows: tuple(map(tuple, rows)) if rows.ndim > 1 else tuple(rows),
    mapped_file, Labelled, LabelledArray, ByIndex, pandas_table, shuffled_pandas, nullable_pandas, polars_table,
    xarray_array, lambda rows: np.ma.MaskedArray(rows), lambda rows: rows.astype(object), np.asfortranarray,
    lambda rows: np.repeat(rows, 2, axis=0)[::2], lambda rows: [np.asarray(row)[()] for row in rows],
    lambda rows: [Labelled(row, range(2)[::-1]) for row in rows] if rows.ndim > 1 else list(rows),
    lambda rows: [LabelledArray(row) for row in rows],
]  # fmt: skip


def trained(inputs, targets, engine, loss=softmax_cross_entropy, outputs=3, **options):
    model = MLP(2, [4, outputs], "tanh", rng=3)
    history = fit(model, inputs, targets, loss, engine=engine, progress=False,
                  **{"optimizer": SGD(model.parameters(), 0.1), "epochs": 3, "batch_size": 5, **options})  # fmt: skip
    return model.state_dict(), history.losses, history.validation_losses


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_gives_the_model_of_its_rows_by_place(container, engine):
    expected = trained(INPUTS, TARGETS, engine, validation=(INPUTS[:4], TARGETS[:4]))
    inputs, targets = container(INPUTS), container(TARGETS)
    assert trained(inputs, targets, engine, validation=(container(INPUTS)[:4], container(TARGETS)[:4])
                   if container in (np.asarray, list, tuple) else (INPUTS[:4], TARGETS[:4])) == expected  # fmt: skip


@pytest.mark.parametrize("container", CONTAINERS)
def test_predictions_go_by_place_too(container):
    for outputs in (1, 3):
        model = MLP(2, [4, outputs], "tanh", rng=3)
        for rows in (INPUTS, np.tile(INPUTS, (3, 1))):  # a few run eagerly, many compiled
            expected = np.array([[z.data for z in np.ravel(model(row))] for row in rows])
            found = model.predict(container(rows) if len(rows) == len(ORDER) else rows)
            assert found.dtype == np.float64
            np.testing.assert_array_equal(found, expected[:, 0] if outputs == 1 else expected)


def test_a_landscape_goes_by_place():
    options = {"resolution": 3, "loss": squared_error, "model": MLP(2, [1])}
    expected = loss_landscape(inputs=INPUTS, targets=TARGETS, **options).heights
    found = loss_landscape(inputs=Labelled(INPUTS), targets=Labelled(TARGETS), **options).heights
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", [float, np.int8, np.uint64, np.float32, np.int64, object])
def test_classes_may_be_numbers_of_any_type(kind, engine):
    assert trained(INPUTS, TARGETS.astype(kind), engine) == trained(INPUTS, TARGETS, engine)
    each = [np.asarray(target, kind)[()] for target in TARGETS]
    assert trained(INPUTS, each, engine) == trained(INPUTS, TARGETS, engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", [bool, np.bool_, float, int, object])
def test_two_classes_may_be_bools(kind, engine):
    targets = TARGETS == 1
    expected = trained(INPUTS, targets.astype(np.int64), engine, outputs=2)
    assert trained(INPUTS, targets.astype(kind), engine, outputs=2) == expected
    assert (
        trained(INPUTS, [kind(each) if kind is not object else each for each in targets], engine, outputs=2) == expected
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("bad", [3, -1, 0.5, np.nan, "cat", None])
def test_what_is_no_class_is_refused_by_both_engines(bad, engine):
    for targets in ([bad] * 12, [*TARGETS[:-1], bad]):
        with pytest.raises((ValueError, TypeError)) as caught:
            trained(INPUTS, targets, "auto" if engine == "compiled" else engine, batch_size=None)
        if isinstance(bad, (float, int)):
            assert f"the label {bad}" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (
            {"a": [1.0, 2.0]},
            TypeError,
            r"not be a dict .*: list\(zip\(\*inputs.values\(\)\)\) makes rows of its columns",
        ),
        ((x for x in [1.0]), TypeError, r"not be a generator .*: list\(inputs\) makes a list of an iterator"),
        (map(float, [1.0]), TypeError, r"not be a map .*: list\(inputs\)"),
        ({1.0, 2.0}, TypeError, r"not be a set .*: list\(inputs\)"),
        ("abc", TypeError, "not be a str 'abc': pass an array, a table or a list"),
        (3.0, TypeError, "not be a float 3.0: pass an array"),
        (None, TypeError, "not be a NoneType None: pass an array"),
        (Value(3.0), TypeError, "not be a Value"),
        (np.float64(3.0), TypeError, "not be a float64"),
        (np.array(3.0), TypeError, "not be a ndarray"),
        (np.ma.MaskedArray([1.0, 2.0], [True, False]), ValueError, "inputs are masked in places"),
        (type("Sparse", (), {"toarray": None})(), TypeError, r"sparse Sparse: write inputs.toarray\(\)"),
    ],
)
def test_what_has_no_observations_in_front_is_refused(data, error, message):
    with pytest.raises(error, match=message):
        observations(data, "inputs")


def test_objects_that_are_no_numbers_stay_what_they_are():
    assert observations(["ab", "cd"], "inputs") == ["ab", "cd"]
    assert observations(np.array([{"a": 1.0}, None]), "inputs") == [{"a": 1.0}, None]
    weight = Value(2.0)
    assert observations([[weight]], "inputs")[0][0] is weight


class Product(Module):
    """The product of two arrays, however the structure that holds them is made."""

    def __init__(self):
        self.scale = Value(1.0)

    def __call__(self, pair):
        left, right = pair.values() if isinstance(pair, dict) else pair
        return self.scale * dot(left, right)


@pytest.mark.parametrize("pair", [lambda *two: [*two], lambda *two: two, lambda *two: dict(enumerate(two)), np.array])
@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_observations_that_hold_several_arrays_are_several_observations(pair, engine):
    count = 17  # as many as each array has numbers: the axes cannot be told apart by their lengths
    numbers = np.random.default_rng(0).normal(size=(count, 2, count))
    products = (numbers[:, 0] * numbers[:, 1]).sum(axis=1)
    inputs = [pair(*two) if pair is not np.array else two for two in numbers]
    np.testing.assert_allclose(Product().predict(inputs), products, rtol=1e-12)
    model = Product()
    history = fit(model, inputs, np.zeros(count), squared_error, optimizer=SGD([model.scale], 1e-300), epochs=1,
                  progress=False, engine=engine)  # fmt: skip
    assert history.losses == [pytest.approx(np.mean(products**2))]


def test_a_table_of_floats_and_bools_is_one_of_numbers():
    mixed = np.array([[0.5, True], [1.5, False]], object)
    assert observations(mixed, "inputs").tolist() == [[0.5, 1.0], [1.5, 0.0]]


@pytest.mark.skipif(not importlib.util.find_spec("pandas"), reason="pandas is not installed")
def test_a_table_with_what_is_missing_or_text_is_refused_by_the_model():
    import pandas

    table = pandas.DataFrame({"a": pandas.array([1, None], "Int64"), "b": ["x", "y"]})
    for columns in (["a"], ["b"]):
        model = MLP(1, [1])
        before = model.state_dict()
        with pytest.raises((TypeError, FloatingPointError)):
            fit(model, table[columns], [1.0, 2.0], squared_error, optimizer=SGD(model.parameters()), epochs=1,
                progress=False)  # fmt: skip
        assert model.state_dict() == before


KINDS = [bool, np.bool_, int, float, np.int8, np.uint8, np.int64, np.float16, np.float32, object]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", [binary_cross_entropy, squared_error, absolute_error])
def test_numbers_to_be_predicted_may_be_of_any_type(loss, kind, engine):
    targets = TARGETS == 1
    expected = trained(INPUTS, targets.astype(np.float64), engine, loss, 1)
    assert trained(INPUTS, targets.astype(kind), engine, loss, 1) == expected
    each = [kind(target) if kind is not object else target for target in targets]
    assert trained(INPUTS, each, engine, loss, 1) == expected
    rows = [[kind(number) if kind is not object else number for number in row] for row in INPUTS > 0]
    assert trained(rows, each, engine, loss, 1) == trained(
        (INPUTS > 0).astype(float), targets.astype(float), engine, loss, 1
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", [int, float, np.int8, np.int64, np.float32, object])
def test_sides_of_the_hinge_may_be_of_any_type(kind, engine):
    sides = np.where(TARGETS == 1, 1, -1)
    expected = trained(INPUTS, sides.astype(np.float64), engine, hinge, 1, metric=accuracy)
    assert trained(INPUTS, sides.astype(kind), engine, hinge, 1, metric=accuracy) == expected
    each = [kind(side) if kind is not object else side for side in sides]
    assert trained(INPUTS, each, engine, hinge, 1, metric=accuracy) == expected


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("kind", [bool, np.bool_])
def test_bools_of_the_hinge_are_refused_with_what_to_write(kind, engine):
    with pytest.raises(ValueError, match=r"not False \(for 0 and 1, or False and True, pass 2 \* label - 1\)"):
        trained(INPUTS, (TARGETS == 1).astype(kind), engine, hinge, 1, batch_size=None)
    sides = 2 * (TARGETS == 1) - 1
    assert trained(INPUTS, sides, engine, hinge, 1) == trained(INPUTS, sides.astype(float), engine, hinge, 1)
