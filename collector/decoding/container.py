"""The id of the container that a cgroup belongs to, by its path (cgroups(7)). Pure."""

import re

# How the names of a path tell, the last one that does so first. Docker, podman, containerd and
# CRI-O name containers with 64 hexadecimal digits, with systemd as the driver in a scope.
_ID = r"(?P<id>[0-9a-f]{64})"
_NAME = r"(?P<id>[^/]+)"
_PATTERNS = tuple(
    re.compile(f"(?:^|/){pattern}(?:/|$)", re.ASCII)
    for pattern in (
        rf"(?:docker|libpod|cri-containerd|crio|nerdctl)-{_ID}\.scope",
        rf"libpod-{_ID}",  # podman with cgroupfs
        rf"crio-{_ID}",
        rf"(?:docker|libpod_parent|[^/]*\.slice)/{_ID}",
        rf"system\.slice:(?:docker|cri-containerd|crio):{_ID}",
        rf"[^/]*\.slice:cri-containerd:{_ID}",
        rf"kubepods(?:/besteffort|/burstable|/guaranteed)?/pod[^/]+/{_ID}",
        rf"(?:default|k8s\.io|moby)/{_ID}",  # ctr and nerdctl: containerd's namespaces
        rf"lxc\.payload\.{_NAME}",
        rf"lxc/{_NAME}",  # LXC before 4
        rf"machine\.slice/systemd-nspawn@{_NAME}\.service",
        rf"machine\.slice/machine-{_NAME}\.scope",
    )
)
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")


def container_of(cgroup: str | None) -> str | None:
    """The id, or the name where the runtime has only names; None outside of containers, or if the
    beginning of the path that would tell is missing. Of nested containers the innermost."""
    if cgroup is None:
        return None
    found = [match for pattern in _PATTERNS for match in pattern.finditer(cgroup)]
    if not found:
        return None
    name = max(found, key=lambda match: match.start("id"))["id"]
    # systemd writes some characters of a machine's name as \xNN (systemd.unit(5)).
    return _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), name)
