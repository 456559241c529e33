"""The demo of two moons trains, says what it did, and writes its two pictures and nothing else."""

import os
import sys

import pytest

from demos.moons import main


@pytest.mark.slow
def test_the_demo_writes_its_two_pictures_and_leaves_other_files(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("kept")
    main(["--epochs", "2", "--seed", "1", "--out", str(tmp_path)])
    said = capsys.readouterr().out
    assert "before: loss" in said
    assert "after:  loss" in said
    assert str(tmp_path / "loss_curve.png") in said
    assert sorted(os.listdir(tmp_path)) == ["decision_boundary.png", "loss_curve.png", "mine.txt"]


def test_without_matplotlib_the_demo_still_trains_and_says_how_to_get_pictures(tmp_path, capsys, monkeypatch):
    for module in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, module, None)
    main(["--epochs", "1", "--out", str(tmp_path)])
    said = capsys.readouterr().out
    assert "after:  loss" in said
    assert "pip install matplotlib" in said
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("arguments", [["--epochs", "0"], ["--seed", "-1"], ["--epochs", "many"]])
def test_options_out_of_range_end_with_a_usage_message(arguments, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert "usage:" in capsys.readouterr().err
