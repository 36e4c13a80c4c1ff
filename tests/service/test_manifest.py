"""docs/daemonset.yaml, which no test can apply: no cluster is at hand."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.service.image import recipe

MANIFEST = Path(__file__).parents[2] / "docs/daemonset.yaml"


@pytest.fixture
def manifest() -> Any:
    return yaml.safe_load(MANIFEST.read_text())


@pytest.mark.parametrize("version", ["1.25", "1.37"])
def test_it_has_the_schema_of_kubernetes(manifest: Any, version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_it_gives_the_same_as_the_line_for_docker(manifest: Any) -> None:
    pod = manifest["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    words = recipe()
    added = {words[n + 1] for n, word in enumerate(words) if word == "--cap-add"}
    context = container["securityContext"]
    assert set(context["capabilities"]["add"]) == added
    assert context["capabilities"]["drop"] == ["ALL"]
    assert context["readOnlyRootFilesystem"]
    assert not context["allowPrivilegeEscalation"]
    assert pod["hostPID"]
    assert pod["hostNetwork"]
    (mount,), (volume,) = container["volumeMounts"], pod["volumes"]
    assert f"{volume['hostPath']['path']}:{mount['mountPath']}" == words[words.index("-v") + 1]
