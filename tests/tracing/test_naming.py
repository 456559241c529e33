"""Laws of labels from names."""

import pytest

from autodiff import Value, constant
from autodiff.tracing import name_values, trace


def test_locals_become_labels() -> None:
    w, x = Value(2.0), Value(3.0)
    out = w * x
    assert name_values(locals()) == {"w": w, "x": x, "out": out}
    assert str(trace(out)[0]).startswith("∂L/∂w += ∂out/∂w · ∂L/∂out")


def test_a_label_given_by_hand_stays() -> None:
    w = Value(2.0, label="weight")
    assert name_values({"w": w}) == {}
    assert w.label == "weight"


def test_lists_and_dicts_give_indexed_names() -> None:
    nested = {"bias": Value(1.0), 3: [Value(2.0), (Value(3.0), "no value")]}
    names = list(name_values({"p": nested, "w": [Value(4.0)]}))
    assert names == ["p['bias']", "p[3][0]", "p[3][1][0]", "w[0]"]
    assert nested["bias"].label == "p['bias']"  # type: ignore[union-attr]


def test_the_first_of_two_names_wins_and_naming_again_changes_nothing() -> None:
    a = Value(2.0)
    variables = {"first": a, "second": a, "all": [a]}
    assert list(name_values(variables)) == ["first"]
    assert name_values(variables) == {}


def test_no_two_values_get_the_same_name() -> None:
    by_hand, other = Value(1.0, label="w"), Value(2.0)
    assert name_values({"w": other, "x": by_hand}) == {}
    assert other.label == ""


def test_what_is_no_variable_of_the_user_is_left_alone() -> None:
    hidden, number = Value(1.0), constant(2.0)
    assert name_values({"_hidden": hidden, "number": number, "text": "x", "f": len}) == {}
    assert hidden.label == number.label == ""


def test_containers_that_hold_themselves_and_deep_ones_end() -> None:
    loop: list[object] = [Value(1.0)]
    loop.append(loop)
    assert list(name_values({"loop": loop})) == ["loop[0]"]
    deep: object = Value(1.0)
    for _ in range(3000):
        deep = [deep]
    assert len(name_values({"deep": deep})) == 1


def test_only_mappings_of_names_are_taken() -> None:
    with pytest.raises(TypeError, match=r"such as locals\(\)"):
        name_values([Value(1.0)])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"such as locals\(\)"):
        name_values({1: Value(1.0)})  # type: ignore[dict-item]
