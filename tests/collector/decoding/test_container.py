"""The container of a cgroup, by the names that runtimes give."""

import pytest

from execdb.collector.decoding.container import container_of

ID, POD = "4f6e" * 16, "0b1c" * 16


@pytest.mark.parametrize(
    ("cgroup", "container"),
    [
        (f"/system.slice/docker-{ID}.scope", ID),
        (f"/docker/{ID}", ID),
        (f"/docker/{ID}/init.scope", ID),
        (f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope", ID),
        (f"/machine.slice/libpod-{ID}.scope/container", ID),
        (f"/libpod_parent/libpod-{ID}", ID),
        (f"/kubepods.slice/kubepods-burstable.slice/kubepods-pod1_2.slice/crio-{ID}.scope", ID),
        (f"/kubepods.slice/kubepods-pod1_2.slice/cri-containerd-{ID}.scope", ID),
        (f"/kubepods/besteffort/pod1-2/{ID}", ID),
        (f"/kubepods-besteffort-pod1.slice:cri-containerd:{ID}", ID),
        (f"/k8s.io/{ID}", ID),
        (f"/default/{ID}", ID),
        (f"/system.slice/docker-{POD}.scope/kubepods/pod1-2/{ID}", ID),
        ("/lxc.payload.web-1", "web-1"),
        ("/lxc.payload.web-1/system.slice/ssh.service", "web-1"),
        ("/lxc/web-1", "web-1"),
        ("/machine.slice/systemd-nspawn@web.service/payload", "web"),
        (r"/machine.slice/machine-web\x2d1.scope", "web-1"),
    ],
)
def test_a_container_is_known_by_its_cgroup(cgroup: str, container: str) -> None:
    assert container_of(cgroup) == container


@pytest.mark.parametrize(
    "cgroup",
    [
        None,
        "/",
        "/init.scope",
        "/system.slice/docker.service",
        "/system.slice/containerd.service",
        "/user.slice/user-1000.slice/session-3.scope",
        "/lxc.monitor.web-1",
        "/lxc.payload.",
        "/lxc",
        f"/system.slice/docker-{ID[1:]}.scope",
        f"/system.slice/docker-{ID.upper()}.scope",
        f"/system.slice/mydocker-{ID}.scope",
        f"/home/{ID}",
        f"/machine.slice/libpod-conmon-{ID}.scope",
        "/machine.slice/machine-.scope",
    ],
)
def test_others_are_in_none(cgroup: str | None) -> None:
    assert container_of(cgroup) is None
