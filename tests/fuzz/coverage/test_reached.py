"""What a campaign reached, in memory and in the store; and the command that shows it."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from misfold.fuzz.cli import make_app
from misfold.fuzz.coverage.reached import Reached, histories
from misfold.fuzz.coverage.sources import check_name, chosen, families_of
from misfold.fuzz.store import Store
from misfold.programs.errors import UsageError


def answer(*points: int, name: str = "json-lines", key: str = "k", size: int = 100) -> dict:
    return {"coverage": {name: {"key": key, "size": size, "points": np.array(points, np.uint32).tobytes()}}}


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path / "campaign", create=True)
    yield found
    found.close()


def test_each_point_is_new_once_and_survives_the_campaign(store):
    campaign = store.begin(1, {}, {}, 0.0)
    now = [1.0]
    reached = Reached(store, campaign, lambda: now[0])
    assert reached.add(answer(3, 5)) == {"json-lines": [3, 5]}
    now[0] = 4000.0
    assert reached.add(answer(5, 7)) == {"json-lines": [7]}
    assert reached.add(answer(3)) == {}
    assert reached.add({}) == {}
    reached.flush()
    reached.flush()
    (history,) = histories(store, campaign)
    assert (history.key, history.size) == ("k", 100)
    assert list(zip(history.points.tolist(), history.seconds.tolist())) == [(3, 1.0), (5, 1.0), (7, 4000.0)]
    again = Reached(store, campaign, lambda: 9.0)
    assert again.totals() == {"json-lines": 3}
    assert again.add(answer(7, 9)) == {"json-lines": [9]}
    again.flush()
    assert len(histories(store, campaign)[0].points) == 4


def test_why_a_source_does_not_work_is_kept(store):
    reached = Reached(store, store.begin(1, {}, {}, 0.0), lambda: 0.0)
    reached.add({"no_coverage": {"tvm-functions": "forbidden here"}})
    assert reached.unavailable == {"tvm-functions": "forbidden here"}


def test_the_command_shows_and_compares(tmp_path):
    from misfold.fuzz.coverage.python_source import PythonSource

    key = PythonSource("json").key
    for name, points in (("one", (10, 11, 400)), ("two", (11, 12))):
        store = Store(tmp_path / name, create=True)
        reached = Reached(store, store.begin(1, {}, {}, 0.0), lambda: 5.0)
        reached.add(answer(*points, key=key, size=2000))
        reached.flush()
        store.close()
    run = CliRunner().invoke(
        make_app(), ["coverage", "-f", str(tmp_path / "one"), "--against", str(tmp_path / "two"), "--json"]
    )
    assert run.exit_code == 0
    (data,) = json.loads(run.stdout)
    assert (data["source"], data["size"], data["reached"], data["per_hour"]) == ("json-lines", 2000, 3, [3])
    assert data["over_time"][-1]["reached"] == 3
    assert len(data["only_here"]) == 2
    assert len(data["only_there"]) == 1
    assert data["components"] == {"json": 3}
    plain = CliRunner().invoke(make_app(), ["coverage", "-f", str(tmp_path / "one")])
    assert "json-lines  3 of 2,000" in plain.stdout


def test_campaigns_on_other_versions_are_not_compared(tmp_path):
    for name, key in (("one", "k1"), ("two", "k2")):
        store = Store(tmp_path / name, create=True)
        reached = Reached(store, store.begin(1, {}, {}, 0.0), lambda: 5.0)
        reached.add(answer(1, key=key))
        reached.flush()
        store.close()
    run = CliRunner().invoke(
        make_app(), ["coverage", "-f", str(tmp_path / "one"), "--against", str(tmp_path / "two"), "--json"]
    )
    assert isinstance(run.exception, UsageError)


def test_sources_by_name():
    assert chosen(["tvm", "inductor"], ["auto"]) == {"tvm": ["tvm-functions"], "inductor": ["torch._inductor-lines"]}
    assert chosen(["tvm"], ["tvm-blocks", "torch_cpu-functions"]) == {"tvm": ["tvm-blocks"]}
    assert chosen(["tvm-kernels"], ["tvm-blocks"]) == {"tvm-kernels": ["tvm-blocks"]}
    assert families_of("misfold.compiler-lines") == ("misfold",)
    for wrong in ("tvm", "llvm-functions", "tvm-edges", "-lines"):
        with pytest.raises(UsageError, match="no source of coverage"):
            check_name(wrong)
