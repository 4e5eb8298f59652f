"""Manifests for Kubernetes: of the form that a cluster takes, closed, without a secret, with commands that exist."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from tests.test_deploy import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "kubernetes"
MANIFESTS = sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")
JOBS = ["compact.yaml", "sweep-plan.yaml"]


def closed(required: str, optional: str = "", **properties: Any) -> dict[str, Any]:
    """Return the schema of an object with these fields and no other; those not described may hold anything."""
    names = [*required.split(), *optional.split()]
    return {
        "type": "object",
        "required": required.split(),
        "properties": {name: properties.get(name, True) for name in names},
        "additionalProperties": False,
    }


ENV = {"type": "array", "items": closed("name", "value valueFrom", valueFrom=closed("secretKeyRef"))}
CONTAINER = closed(
    "name image args env securityContext resources volumeMounts",
    args={"type": "array", "items": {"type": "string"}},
    env=ENV,
    resources=closed("requests limits"),
    volumeMounts={"type": "array", "items": closed("name mountPath")},
)
POD = closed(
    "automountServiceAccountToken securityContext containers volumes",
    "restartPolicy terminationGracePeriodSeconds",
    containers={"type": "array", "minItems": 1, "maxItems": 1, "items": CONTAINER},
    volumes={"type": "array", "items": closed("name", "persistentVolumeClaim emptyDir")},
)
JOB = closed("backoffLimit template", "podFailurePolicy", template=closed("spec", spec=POD))
SPECS = {
    "Deployment": closed("replicas selector template", template=closed("metadata spec", spec=POD)),
    "CronJob": closed(
        "schedule timeZone concurrencyPolicy jobTemplate",
        "startingDeadlineSeconds successfulJobsHistoryLimit failedJobsHistoryLimit",
        concurrencyPolicy={"const": "Forbid"},
        schedule={"type": "string", "pattern": r"^([0-9*]+ ){4}[0-9*]+$"},
        jobTemplate=closed("spec", spec=JOB),
    ),
    "Job": JOB,
    "PersistentVolumeClaim": closed("accessModes resources"),
}
"""The fields that the manifests use, as Kubernetes 1.27 and later has them: a misspelt one is none of these."""
VERSIONS = {"Deployment": "apps/v1", "CronJob": "batch/v1", "Job": "batch/v1", "PersistentVolumeClaim": "v1"}


def manifest(name: str) -> dict[str, Any]:
    """Read a manifest."""
    document = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name of each manifest that runs something, and its pod."""
    for name in MANIFESTS:
        spec = manifest(name)["spec"]
        spec = spec.get("jobTemplate", {"spec": spec})["spec"]
        if "template" in spec:
            yield name, spec["template"]["spec"]


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_have_known_fields_only(name: str) -> None:
    """Kind and version belong together, and every field down to the container is one that Kubernetes has."""
    document = manifest(name)
    assert document["apiVersion"] == VERSIONS[document["kind"]]
    jsonschema.validate(document, closed("apiVersion kind metadata spec", spec=SPECS[document["kind"]]))


def test_a_misspelt_field_is_noticed() -> None:
    """A field in the wrong case is refused."""
    document = manifest("sweep-plan.yaml")
    document["spec"]["concurrencypolicy"] = document["spec"].pop("concurrencyPolicy")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document["spec"], SPECS["CronJob"])


def test_containers_start_commands_that_exist() -> None:
    """The arguments are parsed by ebb, with their options."""
    started = {name: parse(pod["containers"][0]["args"]) for name, pod in pods()}
    assert started == {
        "compact.yaml": "ebb compact",
        "service-logs.yaml": "ebb run",
        "sweep-apply.yaml": "ebb sweep apply",
        "sweep-plan.yaml": "ebb sweep plan",
    }


def test_containers_run_as_nobody_in_particular_and_write_their_home_only() -> None:
    """Not root, no privileges, a file system that is read only; secrets by reference, volumes that exist."""
    for name, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        safe = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        assert container["securityContext"] == safe
        secrets = [one for one in container["env"] if one["name"] != "SUBSCRIPTION"]
        assert all("secretKeyRef" in one["valueFrom"] for one in secrets)
        assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}
        assert "/var/lib/ebb" in {one["mountPath"] for one in container["volumeMounts"]}


def test_what_plans_and_what_applies_have_the_keyring() -> None:
    """People whom an ending lists are found in a database with it alone."""
    named = {name: {one["name"] for one in pod["containers"][0]["env"]} for name, pod in pods()}
    for name in ("sweep-plan.yaml", "sweep-apply.yaml"):
        assert named[name] >= {"EBB_ROOT_KEY", "EBB_KEYRING_URL", "EBB_LEDGER_URL"}


def test_the_cluster_applies_no_plan_by_itself() -> None:
    """What is installed is planned and compacted on schedule; the job that applies is not among it."""
    resources = manifest("kustomization.yaml")["resources"]
    assert sorted([*resources, "sweep-apply.yaml"]) == MANIFESTS
    (rule,) = manifest("sweep-apply.yaml")["spec"]["podFailurePolicy"]["rules"]
    assert rule["onExitCodes"]["values"] == [2, 3]
    for name in JOBS:
        (container,) = manifest(name)["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        assert not {"apply", "approve"} & set(container["args"])


def test_kubectl_builds_them_all() -> None:
    """Where kubectl is installed, it puts the resources together."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("needs kubectl")
    done = subprocess.run([program, "kustomize", str(FOLDER)], capture_output=True, text=True, check=True)
    built = list(yaml.safe_load_all(done.stdout))
    assert len(built) == len(manifest("kustomization.yaml")["resources"])
    assert {one["metadata"]["namespace"] for one in built} == {"ebb"}
