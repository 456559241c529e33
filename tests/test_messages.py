"""Mistakes that newcomers make: each is an error that says what to write instead. One table, a line for each mistake.

Those of optimizers' options and of names in ``nn`` are laws over the tables in ``nn/mistakes.py``, and stand with its
tests, as micrograd's names do in ``test_micrograd``.
"""

import json
import math
import random
import statistics
import subprocess
import sys

import numpy as np
import pytest

import autodiff
import nn
from autodiff import Value, lookup, mistakes
from autodiff.checking import OperationError

X = np.random.default_rng(0).normal(size=(8, 2))
Y = np.sign(X[:, 0])


def x():
    return Value(2.0, label="x")


def model():
    return nn.MLP(2, [3, 1], rng=0)


def fit(inputs=X, targets=Y, loss=nn.squared_error, **options):
    network = model()
    options = {"optimizer": nn.Adam(network.parameters()), "epochs": 1, **options}
    return nn.fit(network, inputs, targets, loss, **options)


def changed_in_between():
    w = x()
    y = w * w
    w.data = 5.0
    y.backward()


NUMBERS_OF_RULES = {
    "nothing": (lambda *numbers: None, "one number, not NoneType None: is its return missing?"),
    "nothing on a branch": (
        lambda *numbers: None if numbers[0] > 1.0 else 1.0,
        "NoneType None: is its return missing?",
    ),
    "a tuple": (lambda *numbers: (1.0, 2.0), "an operation has one output, and a rule for each operand"),
    "an array": (lambda *numbers: np.ones(2), "one number, not ndarray"),
    "a complex number": (lambda *numbers: 1j, "one number, not complex"),
}
"""What functions of an operation of one's own give in place of a number, and what is said."""
USES = {
    "backward()": lambda op, operands: op(*operands).backward(),
    "backward_steps()": lambda op, operands: [*op(*operands).backward_steps()],
    "grad": lambda op, operands: autodiff.grad(op)(*map(float, range(2, 2 + len(operands)))),
    "the second derivative": lambda op, operands: autodiff.grad(autodiff.grad(op))(*[2.0] * len(operands)),
    "jvp": lambda op, operands: autodiff.jvp(op, (2.0,) * len(operands), (1.0,) * len(operands)),
    "trace": lambda op, operands: autodiff.trace(op(*operands)),
    "a compiled gradient": lambda op, operands: autodiff.compile(autodiff.grad(op))(*[np.full(3, 2.0)] * len(operands)),
    "a compiled backward()": lambda op, operands: autodiff.compile(lambda a: op(*operands) * a).backward(np.ones(3)),
    "check_operation": lambda op, operands: autodiff.check_operation(op),
}  # fmt: skip


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize(("gives", "said"), NUMBERS_OF_RULES.values(), ids=NUMBERS_OF_RULES)
def test_a_rule_that_gives_no_number_is_an_error_that_names_the_operation(gives, said, count, use):
    op = autodiff.operation("an_operation_of_mine", lambda *numbers: sum(numbers), *[gives] * count, replace=True)
    with pytest.raises((TypeError, OperationError)) as caught:
        use(op, [Value(2.0, label=f"x{at}") for at in range(count)])
    assert "local derivative of the operation 'an_operation_of_mine' must give one number" in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(("gives", "said"), NUMBERS_OF_RULES.values(), ids=NUMBERS_OF_RULES)
def test_a_primal_that_gives_no_number_is_an_error_that_names_the_operation(gives, said):
    op = autodiff.operation("an_operation_of_mine", gives, lambda a, y: 1.0, replace=True)
    for number in (2.0, x()):
        with pytest.raises(
            TypeError, match="the primal of the operation 'an_operation_of_mine' must give one"
        ) as caught:
            op(number)
        assert said in str(caught.value)


@pytest.mark.parametrize(
    ("gives", "said"),
    [
        (lambda operands, y: None, "the rule of 'an_operation_of_mine' gave 1 derivatives for 2 operands: None"),
        (lambda operands, y: 1.0, "the rule of 'an_operation_of_mine' gave 1 derivatives for 2 operands: 1.0"),
        (lambda operands, y: [None] * 2, "of the operation 'an_operation_of_mine' must give one number, not NoneType"),
    ],
)
def test_a_rule_of_any_number_of_operands_gives_a_number_for_each(gives, said):
    op = autodiff.operation("an_operation_of_mine", lambda *numbers: sum(numbers), gives, variadic=True, replace=True)
    for use in (lambda: op(x(), 2.0).backward(), lambda: autodiff.grad(lambda a: op(a, 3.0))(2.0)):
        with pytest.raises((TypeError, ValueError), match=said):
            use()


def set_inside(name, number):
    setattr(x(), name, number)


VALUES = [
    ("a text for a number", lambda: Value("3.0"), TypeError, "float() reads a number from a text"),
    ("None for a number", lambda: Value(None), TypeError, "a function without a return gives None"),
    ("a list for a number", lambda: Value([1.0, 2.0]), TypeError, "take one at a time"),
    ("an array for a number", lambda: Value(np.ones(2)), TypeError, "NumPy's functions of an array of Values"),
    ("a complex number", lambda: Value(1j), TypeError, ".real and .imag"),
    ("a Value of a Value", lambda: Value(x()), TypeError, "use it as it is, +value for a new node, or .detach()"),
    ("operands by hand", lambda: Value(1.0, (x(), x()), "+"), TypeError, "as in a + b"),
    ("a number for a label", lambda: Value(2.0, 3), TypeError, "a label must be a str"),
    ("requires_grad=", lambda: Value(2.0, requires_grad=True), TypeError, "every Value has a gradient; detach()"),
    ("micrograd's _children=", lambda: Value(1.0, _children=(x(), x())), TypeError, "as in a + b"),
    ("children=", lambda: Value(1.0, children=(x(), x())), TypeError, "as in a + b"),
    ("a misspelt label=", lambda: Value(1.0, lable="x"), TypeError, "did you mean 'label'?"),
    ("another keyword", lambda: Value(1.0, colour="red"), TypeError, "no colour=: it takes data=, label="),
    ("retain_graph=", lambda: (x() * 2).backward(retain_graph=True), TypeError, "nothing is freed"),
    ("gradient=", lambda: (x() * 2).backward(gradient=1.0), TypeError, "it is called seed="),
    ("create_graph=", lambda: (x() * 2).backward(create_graph=True), TypeError, "grad(loss, parameters)"),
    *(
        (f"PyTorch's .{name}", lambda name=name: getattr(x(), name), AttributeError, f"a Value has no {name}: ")
        for name in ("requires_grad_", "retain_grad", "register_hook", "grad_fn", "is_leaf", "cpu", "to", "clamp",
                     "abs", "pow")
    ),
    ("a name", lambda: set_inside("name", "w"), AttributeError, "it is called .label"),
    ("too many operands", lambda: x().tanh(3.0), TypeError, "Value.tanh() takes 1 positional argument"),
    ("math's functions", lambda: math.exp(x()), TypeError, "the functions of autodiff or NumPy in place of math's"),
    ("float()", lambda: float(x()), TypeError, "use .data for the number"),
    ("int()", lambda: int(x()), TypeError, "use .data for the number"),
    ("an index", lambda: [1, 2, 3][x()], TypeError, "use .data for the number"),
    ("range()", lambda: range(x()), TypeError, "use .data for the number"),
    ("statistics", lambda: statistics.mean([x(), x()]), TypeError, "mean, var and std of autodiff"),
    ("item()", lambda: x().item(), AttributeError, ".data is the number"),
    ("numpy()", lambda: x().numpy(), AttributeError, ".data is the number"),
    ("tolist()", lambda: x().tolist(), AttributeError, ".data is the number"),
    (".value", lambda: x().value, AttributeError, ".data is the number"),
    (".gradient", lambda: x().gradient, AttributeError, ".grad is the gradient"),
    (".requires_grad", lambda: set_inside("requires_grad", True), AttributeError, "detach() gives one without"),
    ("zero_grad()", lambda: x().zero_grad(), AttributeError, "write value.grad = 0.0"),
    ("clone()", lambda: x().clone(), AttributeError, "copy.copy(value)"),
    ("sum()", lambda: x().sum(), AttributeError, "total(values)"),
    ("mean()", lambda: x().mean(), AttributeError, "autodiff.mean takes a list"),
    ("a text for data", lambda: set_inside("data", "a"), TypeError, "a real number is needed"),
    ("data of a result", lambda: setattr(x() * 2, "data", 3.0), AttributeError, "set that of a leaf"),
    ("data changed before backward()", changed_in_between, RuntimeError, "run the forward pass again, then backward()"),
    ("an array for a seed", lambda: (x() * 2).backward(np.ones(2)), TypeError, "take one at a time"),
]  # fmt: skip
FUNCTIONS = [
    ("a list for an operand", lambda: autodiff.exp([x(), x()]), TypeError, "take one at a time"),
    ("an array for an operand", lambda: autodiff.exp(np.array([x(), x()])), TypeError, "NumPy's functions of an array"),
    *(
        (f"{each.__name__} of one number", lambda each=each: each(x()), TypeError,
         f"{each.__name__} takes lists of numbers, such as [a, b], not the one number Value")
        for each in (
            autodiff.mean, autodiff.total, autodiff.norm, autodiff.prod, autodiff.var, autodiff.std, autodiff.cumsum,
            autodiff.largest, autodiff.smallest, autodiff.softmax, autodiff.log_softmax, autodiff.log_sum_exp,
        )
    ),
    ("dot of two numbers", lambda: autodiff.dot(x(), x()), TypeError, "dot takes lists of numbers"),
    ("the mean of nothing", lambda: autodiff.mean([]), ValueError, "pass at least one"),
    ("a dot of other lengths", lambda: autodiff.dot([x()], [1.0, 2.0]), ValueError, "the same length, not of 1 and 2"),
    ("the gradient of a number", lambda: autodiff.grad(2.0), TypeError, "a function or a Value is needed"),
    ("the gradient by a Value", lambda: autodiff.grad(abs, x()), TypeError, "to be called with the arguments, grad(f)"),
    *(
        (f"{each.__name__} by JAX's argnums=", lambda each=each: each(abs, argnums=0), TypeError,
         f"{each.__name__}() takes no argnums=: it is called wrt=")
        for each in (autodiff.grad, autodiff.value_and_grad, autodiff.jacobian, autodiff.hessian)
    ),
    ("a misspelt option", lambda: autodiff.check_gradients(abs, 2.0, ordr=2), TypeError, "did you mean 'order'?"),
    ("micrograd's rankdir=", lambda: autodiff.draw(x() * 2, rankdir="LR"), TypeError, "it is called direction="),
    ("micrograd's format=", lambda: autodiff.draw(x() * 2, format="svg"), TypeError, 'render(draw(value), "picture'),
    ("a misspelt option of tree", lambda: autodiff.tree(x() * 2, max_node=3), TypeError, "did you mean 'max_nodes'?"),
    ("a picture by save()", lambda: autodiff.draw(x() * 2).save("picture.png"), ValueError,
     "save() writes DOT text: write render(drawing, 'picture.png')"),
    ("the gradient at a text", lambda: autodiff.grad(abs)("a"), TypeError, "a real number is needed"),
    ("the gradient of a list", lambda: autodiff.grad(lambda a: [a, a])(2.0), TypeError, "must return one number"),
    ("no return", lambda: autodiff.grad(lambda a: None)(2.0), TypeError, "a function without a return gives None"),
    ("the gradient of math's function", lambda: autodiff.grad(math.sin)(2.0), TypeError, "the functions of autodiff"),
    ("an operation without a name", lambda: autodiff.operation(abs, abs), ValueError, "must be a Python identifier"),
    ("an operation without rules", lambda: autodiff.operation("a_cube", lambda a: a**3), TypeError,
     "needs one local derivative for each operand"),
    ("a name that is taken", lambda: autodiff.operation("exp", abs, abs), ValueError, "choose another name"),
    ("a rule without the output", lambda: autodiff.operation("a_cube", lambda a: a**3, lambda a: 3 * a * a), TypeError,
     "operands, then the output y"),
    ("a misspelt operation", lambda: lookup("tahn"), ValueError, "did you mean 'tan'?"),
    ("a number is drawn", lambda: autodiff.draw(x().data), TypeError, "a plain number has no graph, as .data has none"),
    ("a number is traced", lambda: autodiff.trace(2.0), TypeError, "a plain number has no graph"),
    ("a list is drawn", lambda: autodiff.draw([x(), x()]), TypeError, "total(values)"),
    ("a function is traced", lambda: autodiff.trace(model().__call__), TypeError, "call it with Values first"),
    ("a fold of a page", lambda: autodiff.trace(x() * 2).to_html("page.html", fold="layer"), TypeError,
     "a page has every fold, of which its reader takes one"),
    ("a fold without labels", lambda: autodiff.draw(x() * 2, fold="layer"), ValueError, "no label tells of a module"),
    ("a picture of another kind", lambda: autodiff.render(autodiff.draw(x()), "picture.gif"), ValueError, ".svg, .png"),
    ("an unknown name is explained", lambda: autodiff.explain(x() * 2, "x"), TypeError, "must be a Value"),
    ("all arguments to be checked", lambda: autodiff.check_gradients(lambda a, b: a * b, [1.0, 2.0]), TypeError,
     "the tuple of all arguments: check_gradients(f, (x, y))"),
    ("a result is checked", lambda: autodiff.check_gradients(2.0, 1.0), TypeError, "f must be a function"),
    ("an operation's name", lambda: autodiff.check_operation("exp"), TypeError, "check_operation(lookup('exp'))"),
]  # fmt: skip
COMPILED = [
    ("a number is compiled", lambda: autodiff.compile(2.0), TypeError, "a function is needed"),
    (".data inside", lambda: autodiff.compile(lambda a: a.data * 2)(np.ones(3)), TypeError, "detach() for a number"),
    ("a branch on float()", lambda: autodiff.compile(lambda a: a if float(a) > 0 else -a)(np.ones(3)), TypeError,
     "maximum, where or softmax in place of a choice"),
    ("backward() inside", lambda: autodiff.compile(lambda a: (a * a).backward())(np.ones(3)), TypeError,
     "call the compiled function's own backward()"),
    ("random numbers inside", lambda: autodiff.compile(lambda a: a * random.random())(np.ones(3)), ValueError,
     "pass what changes as an argument"),
    ("batches of other lengths", lambda: autodiff.compile(lambda a, b: a * b)(np.ones(3), np.ones(4)), ValueError,
     "a has 3, b has 4"),
    ("a text as an argument", lambda: autodiff.compile(abs)("a"), TypeError, "passed by keyword, as a static option"),
    ("a text as the result", lambda: autodiff.compile(lambda a: "a")(np.ones(3)), TypeError, "must return a number"),
    ("an empty batch", lambda: autodiff.compile(lambda a: a)(np.ones(0)), ValueError, "at least one observation"),
    ("a batch by keyword", lambda: autodiff.compile(lambda a, b: a * b)(a=np.ones(3), b=np.ones(3)), TypeError,
     "pass a, b by position"),
    ("an unknown backend", lambda: autodiff.compile(abs, backend="cuda"), ValueError, "'native', 'numpy', 'jax'"),
]  # fmt: skip
NETWORKS = [
    ("sizes without a list", lambda: nn.MLP(2, 16, 1), TypeError, "a list of layer sizes such as [16, 1]"),
    ("all sizes in one list", lambda: nn.MLP([2, 16, 1]), TypeError, "write MLP(inputs, [16, 16, outputs])"),
    ("a float for a size", lambda: nn.MLP(2.0, [3, 1]), TypeError, "inputs must be an int"),
    ("target and prediction swapped", lambda: nn.binary_cross_entropy(1.0, model()([1.0, 2.0])), TypeError,
     "the prediction comes first, binary_cross_entropy(logit, target)"),
    ("score and label swapped", lambda: nn.hinge(1, model()([1.0, 2.0])), TypeError, "hinge(score, label)"),
    ("a misspelt activation", lambda: nn.MLP(2, [3, 1], activation="rleu"), ValueError, "did you mean 'relu'?"),
    ("too few inputs", lambda: model()([1.0]), ValueError, "2 inputs expected, 1 given"),
    ("a batch for one observation", lambda: model()(X), TypeError, "write model.predict(X)"),
    *(
        (f"inputs without a list, {name}", lambda make=make: make()(1.0, 2.0), TypeError, "model([x1, x2, …])")
        for name, make in {
            "MLP": model, "Neuron": lambda: nn.Neuron(2), "Layer": lambda: nn.Layer(2, 1),
            "Linear": lambda: nn.Linear(2, 1), "LayerNorm": lambda: nn.LayerNorm(2),
            "Sequential": lambda: nn.Sequential(nn.Linear(2, 1), "tanh"),
        }.items()
    ),
    ("a misspelt option", lambda: nn.MLP(2, [3, 1], activaton="tanh"), TypeError,
     "MLP() takes no activaton=: did you mean 'activation'?"),
    ("no such option", lambda: nn.Linear(2, 1, colour=1), TypeError,
     "Linear() takes no colour=: it takes inputs, outputs, bias, rng"),
    ("a misspelt option of an estimator", lambda: nn.MLPClassifier(hiden_layer_sizes=(3,)), TypeError,
     "MLPClassifier() takes no hiden_layer_sizes=: did you mean 'hidden_layer_sizes'?"),
    ("a misspelt option of fit()", lambda: fit(epoch=3), TypeError, "fit() takes no epoch=: did you mean 'epochs'?"),
    ("no inputs", lambda: model()(None), TypeError, "a sequence of 2 numbers is needed"),
    ("weights of a layer", lambda: model().layers[0].w, AttributeError, "neurons[…].weights"),
    ("an optimizer of a model", lambda: nn.Adam(model()), TypeError, "such as model.parameters()"),
    ("an optimizer of a method", lambda: nn.SGD(model().parameters), TypeError, "such as model.parameters()"),
    ("an optimizer of nothing", lambda: nn.Adam(), TypeError, "write Adam(model.parameters()"),
    ("a rate that is a text", lambda: nn.SGD(model().parameters(), "0.1"), TypeError, "learning_rate must be a number"),
    ("a rate below 0", lambda: nn.SGD(model().parameters(), -1), ValueError, "finite and positive"),
    ("the rate as .lr", lambda: setattr(nn.SGD(model().parameters()), "lr", 0.1), AttributeError, "learning_rate"),
    ("a limit by position", lambda: nn.clip_gradients(model().parameters(), 1.0), TypeError, "norm=1.0"),
    ("a step before backward()", lambda: nn.SGD(model().parameters()).step(), ValueError, "run backward() first"),
    ("backward() of an optimizer", lambda: nn.SGD(model().parameters()).backward(), AttributeError, "loss.backward()"),
    ("a loss by its name", lambda: fit(loss="mse"), TypeError, "write loss=squared_error"),
    ("an optimizer by its name", lambda: fit(optimizer="adam"), TypeError, "write Adam(model.parameters()"),
    ("an optimizer's class", lambda: fit(optimizer=nn.Adam), TypeError, "write Adam(model.parameters()"),
    ("the optimizer of another model", lambda: fit(optimizer=nn.Adam(model().parameters())), ValueError,
     "moves no parameter of the model"),
    ("a rate for fit()", lambda: fit(lr=0.1), TypeError, "it is the optimizer's"),
    ("half an epoch", lambda: fit(epochs=1.5), ValueError, "a whole number of at least 1"),
    ("too few targets", lambda: fit(targets=Y[:3]), ValueError, "8 inputs and 3 targets"),
    ("inputs in one row", lambda: fit(inputs=X[:, 0]), TypeError, "have the shape (observations, 2)"),
    ("targets in a column", lambda: fit(targets=Y[:, None]), ValueError, "targets[:, 0]"),
    ("names as targets", lambda: fit(targets=np.array(["a"] * 8)), TypeError, "number the classes"),
    ("missing numbers", lambda: fit(inputs=np.full((8, 2), np.nan)), ArithmeticError, "path to the loss"),
    ("no data", lambda: fit(X[:0], Y[:0]), ValueError, "the training data is empty"),
    ("model and data swapped", lambda: nn.fit(X, Y, model(), nn.squared_error), TypeError, "write fit(model, inputs"),
    ("classes of one output", lambda: fit(loss=nn.softmax_cross_entropy, targets=(Y > 0).astype(int)), TypeError,
     "a neuron for each class, or use binary_cross_entropy"),
    ("a model's file that is not there", lambda: model().load("nowhere.npz"), FileNotFoundError, "nowhere.npz"),
    ("half a sample", lambda: nn.moons(10.5), TypeError, "samples must be an int"),
    ("too few samples", lambda: nn.moons(1), ValueError, "at least 2, one for each class"),
]  # fmt: skip
TABLE = [*VALUES, *FUNCTIONS, *COMPILED, *NETWORKS]


@pytest.mark.parametrize(("mistake", "error", "instead"), [pytest.param(*rest, id=name) for name, *rest in TABLE])
def test_a_mistake_is_an_error_that_says_what_to_write(mistake, error, instead):
    with pytest.raises(error) as caught:
        mistake()
    assert instead in "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])


@pytest.mark.parametrize("name", mistakes.ELSEWHERE)
def test_a_name_of_other_packages_says_what_serves(name, monkeypatch):
    monkeypatch.delattr(autodiff, name, raising=False)  # another test may have written import autodiff.nn
    with pytest.raises(AttributeError) as caught:
        getattr(autodiff, name)
    assert mistakes.ELSEWHERE[name] in str(caught.value)


def test_python_suggests_the_nearest_name_for_a_misspelt_one():
    run = subprocess.run([sys.executable, "-c", "import autodiff; autodiff.tanhh"], capture_output=True, text=True)
    assert "Did you mean: 'tanh'?" in run.stderr


def test_an_unknown_name_stays_a_plain_error():
    with pytest.raises(AttributeError, match=r"has no attribute 'nonsense'$"):
        autodiff.nonsense  # noqa: B018
    assert not hasattr(x(), "nonsense")


def test_a_subclass_may_have_names_that_a_value_has_not():
    class Named(Value):
        pass

    named = Named(2.0)
    with pytest.raises(AttributeError, match=r"a Value has no name: it is called \.label"):
        named.name  # noqa: B018
    named.name = "w"
    assert (named.name, named.label) == ("w", "")


def test_a_value_is_no_number_of_json():
    with pytest.raises(TypeError, match="Value is not JSON serializable"):
        json.dumps(x())
