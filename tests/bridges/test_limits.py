"""What is too large is refused with the line that makes it so, and what takes long shows how far it is."""

import time

import pytest

from autodiff.bridges import limits
from autodiff.bridges.limits import Part, TooLargeError, check_size, progress
from autodiff.sources import Source

LINE = Source("model.py", 7)


def test_operands_count_a_tenth_of_a_number_and_the_largest_part_is_named():
    parts = [Part("add", None, 5), Part("dot", LINE, 2, 200), Part("add", None, 5)]
    assert check_size(parts, 30, "f") == 30
    with pytest.raises(TooLargeError, match=r"(?s)f computes about 30 numbers.*20, come from 'dot'.*model\.py, line 7"):
        check_size(parts, 29, "f")


def test_what_could_not_be_counted_beforehand_is_stopped():
    with progress(10, 12, "f") as shown:
        shown.add(Part("add", LINE, 12))
        with pytest.raises(TooLargeError, match=r"model\.py, line 7"):
            shown.add(Part("add", LINE, 1))


@pytest.mark.parametrize("seconds", [0.02, 60.0])
def test_the_bar_is_shown_after_a_while(seconds, monkeypatch, capsys):
    monkeypatch.setattr(limits, "DELAY", seconds)
    with progress(3, 10, "model") as shown:
        for _ in range(3):
            time.sleep(0.15)
            shown.add(Part("add", None, 1))
    assert ("recording model" in capsys.readouterr().err) == (seconds < 1)
