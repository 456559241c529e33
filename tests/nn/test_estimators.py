"""The estimators are scikit-learn's kind: its own checks, pipelines, searches and tables of pandas take them."""

import pickle
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

import nn
from nn import SGD, moons

pytest.importorskip("sklearn", reason="its estimators are made")

from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from nn import MLPClassifier, MLPRegressor

DATA = moons(40, rng=1)
X, Y = DATA.inputs, DATA.targets
NUMBERS = X[:, 0] - 2.0 * X[:, 1]
ESTIMATORS = [pytest.param(MLPClassifier(epochs=5), Y, id="classifier"),
              pytest.param(MLPRegressor(epochs=5), NUMBERS, id="regressor")]  # fmt: skip
both = pytest.mark.parametrize(("estimator", "y"), ESTIMATORS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_scikit_learns_own_checks_pass(kind):
    report = check_estimator(kind(), on_skip=None, on_fail=None)
    assert [(check["check_name"], check["exception"]) for check in report if check["status"] == "failed"] == []
    skipped = [check["check_name"] for check in report if check["status"] == "skipped"]
    assert skipped in ([], ["check_array_api_input"])  # which needs an option of SciPy's
    assert len(report) > 50


@pytest.mark.slow
def test_it_learns_flowers_in_a_pipeline():
    flowers, classes = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[classes]
    model = make_pipeline(StandardScaler(), MLPClassifier((8,), epochs=100))
    assert cross_val_score(model, flowers, names, cv=3).mean() > 0.93
    model.fit(flowers, names)
    assert {*model.predict(flowers)} == {*names}
    assert model.predict_proba(flowers).sum(axis=1) == pytest.approx(np.ones(150))


@pytest.mark.slow
def test_it_learns_the_progress_of_patients():
    patients, progress = load_diabetes(return_X_y=True)
    inner = make_pipeline(StandardScaler(), MLPRegressor((8,), epochs=60, weight_decay=0.01, batch_size=32))
    model = TransformedTargetRegressor(inner, transformer=StandardScaler())
    assert cross_val_score(model, patients, progress, cv=3).mean() > 0.35  # 0.45 is what linear regression reaches


def test_a_search_over_its_options_finds_the_better_one():
    options = {"hidden_layer_sizes": [(), (8,)], "learning_rate": [1e-6, 0.1]}
    halves = StratifiedKFold(2, shuffle=True, random_state=0)  # the moons are in order
    search = GridSearchCV(MLPClassifier(epochs=60), options, cv=halves).fit(X, Y)
    assert search.best_params_ == {"hidden_layer_sizes": (8,), "learning_rate": 0.1}
    assert search.best_score_ > 0.85


@both
def test_tables_of_pandas_are_taken_by_the_names_of_their_columns(estimator, y):
    pandas = pytest.importorskip("pandas", reason="its tables are given")
    table = pandas.DataFrame(X, columns=["left", "right"], index=range(100, 140))
    model = clone(estimator).fit(table, pandas.Series(y, index=table.index))
    assert model.feature_names_in_.tolist() == ["left", "right"]
    assert model.predict(table).tolist() == clone(estimator).fit(X, y).predict(X).tolist()
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(table[["right", "left"]])


@both
def test_the_same_seed_gives_the_same_model_and_none_is_the_seed_zero(estimator, y):
    def bits(random_state):
        return clone(estimator).set_params(random_state=random_state, batch_size=8).fit(X, y).model_.state_dict()

    assert bits(None) == bits(0) == bits(np.random.default_rng(0))
    assert bits(1) == bits(1) != bits(0)
    assert bits(np.random.RandomState(1)) == bits(np.random.RandomState(1))


@both
def test_it_is_pickled_and_goes_on_where_it_was(estimator, y):
    options = {} if estimator.__class__ is MLPRegressor else {"classes": [0, 1]}
    model = clone(estimator).partial_fit(X, y, **options)
    twin = pickle.loads(pickle.dumps(model))
    assert twin.predict(X).tolist() == model.predict(X).tolist()
    for each in (model, twin):
        each.partial_fit(X, y)
        each.partial_fit(X[:7], y[:7])
    assert twin.model_.state_dict() == model.model_.state_dict()
    assert model.optimizer_.steps == 3


@both
def test_as_many_partial_fits_as_epochs_are_a_fit(estimator, y):
    options = {} if estimator.__class__ is MLPRegressor else {"classes": [0, 1]}
    whole, parts = clone(estimator).fit(X, y), clone(estimator)
    for _ in range(5):
        parts.partial_fit(X, y, **options)
    assert parts.model_.state_dict() == whole.model_.state_dict()


@both
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", partial(SGD, momentum=0.9)])
def test_options_of_a_training_are_taken_along(estimator, y, optimizer):
    model = clone(estimator).set_params(optimizer=optimizer, learning_rate=0.05, weight_decay=0.1, epochs=50)
    model.set_params(patience=2, validation=0.25, clip_norm=1.0, batch_size=8).fit(X, y)
    assert len(model.history_.validation_losses) == model.history_.epochs
    assert (model.optimizer_.weight_decay, model.optimizer_.learning_rate) == (0.1, 0.05)
    assert model.score(X, y) > 0.5


def test_probabilities_do_not_overflow_and_agree_with_the_classes():
    model = MLPClassifier(()).fit(X, Y)
    for weight in model.model_.layers[0].neurons[0].weights:
        weight.data = 1e3
    probabilities = model.predict_proba(X)
    assert np.isfinite(probabilities).all()
    assert (model.predict(X) == (model.decision_function(X) > 0)).all()


@pytest.mark.parametrize("shape", [(40,), (40, 1), (40, 3)])
def test_predicted_numbers_have_the_shape_of_the_targets(shape):
    y = np.broadcast_to(NUMBERS.reshape(-1, *[1] * (len(shape) - 1)), shape)
    assert MLPRegressor(epochs=3).fit(X, y).predict(X[:7]).shape == (7, *shape[1:])
    if len(shape) == 1:
        model = MLPRegressor(epochs=400).fit(X, y)
        assert model.score(X, y) > 0.99


def test_classes_of_a_partial_fit_are_those_of_its_first_call():
    model = MLPClassifier()
    with pytest.raises(ValueError, match=r"needs all classes: write classes=numpy.unique\(y\)"):
        model.partial_fit(X, Y)
    model.partial_fit(X[:5], Y[:5], classes=[0, 1, 2])
    assert model.predict_proba(X).shape == (40, 3)
    with pytest.raises(ValueError, match="is none of them"):
        model.partial_fit(X, Y + 2)
    with pytest.raises(ValueError, match=r"the classes are \[0 1 2\] since the first call"):
        model.partial_fit(X, Y, classes=[0, 1])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: MLPClassifier(hidden_layers=(8,)), TypeError, "is called hidden_layer_sizes= here"),
        (lambda: MLPClassifier(max_iter=100), TypeError, "max_iter= is called epochs= here"),
        (lambda: MLPRegressor(alpha=0.1), TypeError, "alpha= is called weight_decay= here"),
        (lambda: MLPRegressor(early_stopping=True), TypeError, "patience= and validation="),
        (lambda: MLPClassifier().fit(X, [1] * 40), ValueError, "at least two classes"),
        (lambda: MLPClassifier().fit(X, NUMBERS), ValueError, "Unknown label type"),
        (lambda: MLPClassifier(8).fit(X, Y), TypeError, r"several numbers, such as \(16,\), not int 8"),
        (lambda: MLPClassifier(optimizer="lbfgs").fit(X, Y), ValueError, "must be one of 'sgd', 'adam', 'adamw', or"),
        (lambda: MLPClassifier(activation="rellu").fit(X, Y), ValueError, "did you mean 'relu'"),
        (lambda: MLPClassifier(epochs=0).fit(X, Y), ValueError, "epochs must be"),
        (lambda: MLPClassifier(validation=2).fit(X, Y), ValueError, "validation must be"),
        (lambda: MLPClassifier(random_state="a").fit(X, Y), TypeError, "must be an int"),
        (lambda: MLPRegressor().predict(X), NotFittedError, "not fitted yet"),
    ],
)
def test_bad_input_is_refused_with_what_was_given_and_what_is_allowed(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("name", "message"),
    [("ReLU", '"relu" in a Sequential'), ("MSELoss", "nn.squared_error"), ("Dense", "Linear"), ("LSTM", "GRUCell"),
     ("EarlyStopping", "patience="), ("optim", "nn.Adam"), ("nonsense", "module 'nn' has no nonsense$")],
)  # fmt: skip
def test_names_of_other_libraries_say_what_there_is_instead(name, message):
    with pytest.raises(AttributeError, match=message):
        getattr(nn, name)


def test_scikit_learn_is_loaded_when_an_estimator_is_used_and_named_where_it_is_missing():
    code = (
        "import sys, nn\n"
        "from nn import *\n"
        "assert not any(name.startswith(('sklearn', 'scipy', 'pandas')) for name in sys.modules)\n"
        "sys.modules['sklearn'] = sys.modules['sklearn.base'] = None\n"
        "try: nn.MLPClassifier\n"
        "except ImportError as error: print(error.name, error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == (
        "sklearn MLPClassifier and MLPRegressor need scikit-learn, from 1.6 on: pip install scikit-learn"
    )


@both
def test_after_a_fit_that_failed_it_predicts_nothing(estimator, y):
    model = clone(estimator).fit(X, y)
    with pytest.raises(ValueError, match=r"NaN|one class"):
        model.fit(X, np.zeros(40) if isinstance(model, MLPClassifier) else np.full(40, np.nan))
    with pytest.raises(NotFittedError):
        model.predict(X)
