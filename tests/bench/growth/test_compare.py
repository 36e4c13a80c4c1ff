"""The whole of it on small histories."""

from pathlib import Path

import pytest

from tests.bench.growth.compare import compare


@pytest.mark.thorough
def test_each_history_is_asked_and_put_into_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    only = "nowhere|coverage|prune"
    compare([4_001, 2_003], turns=1, runs=23, only=only, keep=tmp_path, write=page)
    text = page.read_text()
    assert text.startswith("# Performance\n\n<!-- growth: begin -->")
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines() if "|" in line]
    found = {name.strip(): [cell.strip() for cell in cells] for name, *cells in rows}
    assert found["what"] == ["", "0.002 M", "0.004 M"]
    assert {"`--arg nowhere-to-be-found`", "`coverage`", "`prune`"} <= {*found}
    assert "`--comm gcc`" not in found
    assert all(cell.endswith("(0)") for cell in found["`--arg nowhere-to-be-found`"][1:])
    periods = 2 + 2 * 23  # of each run, and the time before the next one
    assert all(cell.endswith(f"({periods + 2})") for cell in found["`coverage`"][1:])
    assert not list(tmp_path.glob("copy*"))
