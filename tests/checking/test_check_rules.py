"""Laws of ``check_rules``: a table of verdicts over our rows, and over those of other frameworks."""

import math
import re
import types

import pytest

from autodiff import OPERATIONS, operation
from autodiff.checking import check_rules
from autodiff.registry import BUILT_IN
from docs import rules


@pytest.mark.slow
def test_no_row_of_the_table_is_wrong():
    table = check_rules([row for row in OPERATIONS.values() if row.name in BUILT_IN])
    assert table.failed == []


def test_a_wrong_rule_is_found_and_the_table_says_where():
    right = operation("listed_sine", math.sin, lambda x, y: math.cos(x), replace=True)
    wrong = operation("listed_cosine", math.cos, lambda x, y: math.sin(x), replace=True)
    table = check_rules({"right": right, "wrong": wrong}, order=1)
    assert [each.rule for each in table.failed] == ["listed_cosine"]
    head, first, second = str(table).splitlines()
    assert head.split() == ["rule", "domain", "order", "worst", "error", "verdict"]
    assert first.endswith("pass")
    assert "fail at" in second


def test_a_modules_functions_are_checked_by_their_own_autograd():
    torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.sin()

        @staticmethod
        def backward(ctx, upstream):
            return ctx.saved_tensors[0].sin() * upstream

    module = types.ModuleType("torch.of_a_user")
    module.tanh, module.sin = torch.tanh, Wrong.apply
    assert [(each.rule, each.verdict) for each in check_rules(module, order=1, points=4).results] == [
        ("torch.of_a_user.sin", "fail"),
        ("torch.of_a_user.tanh", "pass"),
    ]


@pytest.mark.parametrize(
    ("checked", "options", "message"),
    [
        (math, {}, "check_rules knows modules of torch, jax, autograd, not math"),
        ([], {"order": 3}, "order must be 1 or 2, not 3"),
        ([], {"points": 0}, "points must be an int of at least 1, not 0"),
    ],
)
def test_options_out_of_range_are_refused(checked, options, message):
    with pytest.raises(ValueError, match=message):
        check_rules(checked, **options)


def test_the_page_of_the_rules_of_others_names_what_is_wrong(monkeypatch):
    wrong = operation("paged_cosine", math.cos, lambda x, y: math.sin(x), replace=True)
    monkeypatch.setattr(rules, "MODULES", ("numpy",))
    page = rules.page({"numpy": check_rules([wrong], order=1)})
    assert "and\n1 fail." in page
    assert re.search(r"^- `paged_cosine`: the derivative at .* is .*, and should be .* ± ", page, re.MULTILINE)
    assert "paged_cosine" in page.rpartition("## All of them")[2]
