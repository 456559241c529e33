"""Laws of recorded sources: the user's own line, for every way to a number, shown wherever the node is shown."""

import copy
import gc
import linecache
import pickle
import re
import tracemalloc

import numpy as np
import pytest

from autodiff import Value, draw, mean, record_sources, trace
from autodiff.tracing import compare, dumps, loads
from nn import MLP, SGD

DUPLICATES = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda node: pickle.loads(pickle.dumps(node))}
WAYS = {
    "leaf": lambda w: Value(1.0),
    "operator": lambda w: w * 2,
    "reflected operator": lambda w: 2 - w,
    "operator of NumPy": lambda w: np.float64(2) * w,
    "sign": lambda w: -w,
    "method of the engine": lambda w: w.tanh(),
    "method of the table": lambda w: w.cos(),
    "composite": lambda w: mean([w, 1.0]),
    "function of NumPy": lambda w: np.exp(w),
    "sum of an array": lambda w: np.array([w, w]).sum(),
    "mean of an array": lambda w: np.mean(np.array([w, w])),  # by Python code of NumPy
    "network": lambda w: MLP(1, [1], rng=0)([w]),
}


def line_of(program, line, **names):
    """Run a program as if it stood in a file; linecache knows its text."""
    linecache.cache[program] = (len(line), None, line.splitlines(keepends=True), program)
    exec(compile(line, program, "exec"), names)
    return names


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_a_number_has_the_line_of_the_user(way):
    w = Value(0.5)
    with record_sources():
        node = WAYS[way](w)
    assert node.source.file == __file__
    assert node.source.text.startswith(f'"{way}": lambda w:')


def test_nothing_is_recorded_outside():
    w = Value(2.0)
    with record_sources():
        inside = w * 3
    outside = inside * w
    assert (w.source, outside.source) == (None, None)
    assert inside.source.text == "inside = w * 3"


def test_a_leaf_has_the_line_that_gave_it_its_data():
    with record_sources():
        w = Value(2.0, label="w")
        assert w.source.text == 'w = Value(2.0, label="w")'
        w.data = 3.0
        assert w.source.text == "w.data = 3.0"
        w.grad = 1.0
        optimizer = SGD([w], 0.1)
        optimizer.step()
        assert w.source.text == "optimizer.step()"
    w.data = 4.0  # by nobody knows whom
    assert w.source is None


def test_it_prints_as_file_and_line_and_is_quoted_with_path_and_text():
    with record_sources():
        node = Value(1.0)
    source = node.source
    assert str(source) == f"test_sources.py:{source.line}"
    assert source.quoted == f"{__file__}, line {source.line}: node = Value(1.0)"
    assert repr(node) == f"Value(1.0) at {id(node):#x} (test_sources.py:{source.line})"


def test_a_file_that_is_gone_has_no_text():
    with record_sources():
        exec(compile("node = Value(1.0)", "gone.py", "exec"), names := {"Value": Value})
    assert (names["node"].source.text, names["node"].source.quoted) == ("", "gone.py, line 1")


def test_what_cannot_be_printed_is_escaped_in_quotes():
    with record_sources():
        names = line_of("bell.py", "node = Value(1.0)  # \x07", Value=Value)
    assert names["node"].source.quoted == "bell.py, line 1: node = Value(1.0)  # \\x07"


def test_a_cell_is_a_source_and_code_made_from_a_string_is_a_part_of_what_runs_it():
    with record_sources():
        cell = line_of("<ipython-input-1-abc>", "\nnode = Value(1.0)", Value=Value)["node"]
        made = eval("w * 2", {"w": cell})
    assert str(cell.source) == "<ipython-input-1-abc>:2"
    assert made.source.text == 'made = eval("w * 2", {"w": cell})'


@pytest.mark.parametrize("duplicate", DUPLICATES.values(), ids=DUPLICATES)
def test_copies_keep_it(duplicate):
    with record_sources():
        w = Value(2.0)
        node = w * w
    other = duplicate(node)
    assert other.source == node.source
    assert [parent.source for parent in other.parents] == [w.source] * 2
    other.backward()


def test_what_comes_after_a_pickle_has_no_source_of_it():
    with record_sources():
        saved = pickle.dumps(Value(2.0))
    assert pickle.loads(saved).source is not None
    w = Value(1.0)
    w.data = 3.0
    assert ((w * 2).source, w.source) == (None, None)


def test_stale_data_is_told_with_the_lines_that_changed_and_used_it():
    with record_sources():
        w, x = Value(2.0, label="w"), Value(1.0)
        y = w * x
        w.data = 3.0
        with pytest.raises(RuntimeError, match=r"'w' was changed to 3\.0") as found:
            (y + 1).backward()
    changed, computed = found.value.__notes__
    assert changed.endswith(": w.data = 3.0")
    assert changed.startswith("  changed in ")
    assert computed.endswith(": y = w * x")


def test_traces_have_a_column_for_it_and_keep_it_in_files():
    def run():
        w = Value(2.0, label="w")
        h = w * w
        return trace(h + 10.0)

    with record_sources():
        recorded = run()
    plain = run()
    first = run.__code__.co_firstlineno
    ends = [line.rpartition("   ")[2] for line in str(recorded).splitlines()[1:]]
    assert ends == [f"test_sources.py:{first + 3}", *[f"test_sources.py:{first + 2}"] * 2]
    assert len({line.index("test_sources.py") for line in str(recorded).splitlines()[1:]}) == 1
    assert "test_sources" not in str(plain)
    assert loads(dumps(recorded)) == recorded
    assert "test_sources" not in dumps(plain)
    assert compare(recorded, plain) is None


def test_a_damaged_source_in_a_file_is_refused():
    with record_sources():
        saved = dumps(trace(-Value(2.0)))
    with pytest.raises(ValueError, match="damaged: node 0"):
        loads(re.sub(r'"test_sources\.py:\d+"', "3.0", saved))


def test_drawings_have_it_as_tooltip_and_their_markup_is_safe():
    with record_sources():
        names = line_of("user.py", 'node = -w  # <b> & "\\N"', w=Value(1.0))
    assert 'user.py:1  node = -w  # &lt;b&gt; &amp; &quot;\\\\\\\\N&quot;"' in draw(names["node"]).source
    assert ".py" not in draw(-Value(1.0)).source


def test_nodes_take_no_more_memory_than_without():
    def chain(n):
        node = Value(0.5)
        for _ in range(n):
            node = node * 1.0
        return node

    def size(n):
        gc.collect()  # empties the free lists too: what comes from them is not counted
        tracemalloc.start()
        try:
            kept = chain(n)
            return tracemalloc.get_traced_memory()[0] if kept else 0
        finally:
            tracemalloc.stop()

    chain(10)
    plain = size(20_000)
    with record_sources():
        chain(10)
        recorded = size(20_000)
    assert recorded < plain + 20_000 * 2  # two bytes a node, where a slot would take eight or sixteen
