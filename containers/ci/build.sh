#!/usr/bin/env bash
# Build containers/Dockerfile with podman on a machine that may reach no image registry; prints the image's name.
# usage: containers/ci/build.sh [--build-arg NAME=VALUE]...
# The name carries a hash of all that goes into the image, so nothing is built when nothing has changed.
set -euo pipefail
cd "$(dirname "$0")/../.."
cache=${UNMIX_CONTAINER_CACHE:-$PWD/.cache/containers}
base=$(sed -n 's/^ARG BASE=//p' containers/Dockerfile)
stand_in=localhost/unmix-base:bookworm
mkdir -p "$cache"

say() { echo "build: $*" >&2; }
die() { say "$*"; exit 1; }
cannot() { say "$*"; exit 69; } # this machine cannot run containers

install_engine() {
    command -v podman >/dev/null && command -v runc >/dev/null && return
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || cannot "podman and runc are not installed, and only root with apt can install them here"
    say "installing podman, buildah, runc and debootstrap with apt"
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends podman buildah runc debootstrap; } >"$cache/apt.log" 2>&1 ||
        die "apt could not install the container engine: $(tail -n 3 "$cache/apt.log")"
}

# Engine settings that ask no more of the kernel than this machine grants (podman's own defaults do).
configure_engine() {
    local files
    files=$(ulimit -Hn)
    [ "$files" = unlimited ] && files=1048576
    cat >"$cache/containers.conf" <<-CONF
	[containers]
	default_ulimits = ["nofile=$files:$files", "nproc=4096:4096"]
	netns = "host"
	[engine]
	runtime = "runc"
	cgroup_manager = "cgroupfs"
	events_logger = "file"
	CONF
    export CONTAINERS_CONF="$cache/containers.conf"
}

# The official base, by its digest, where a registry answers; else a stand-in made from Debian's own packages (for tests,
# never pushed).
find_base() {
    podman image exists "$base" && return
    timeout 120 podman pull -q "$base" >/dev/null 2>&1 && return
    base=$stand_in
    podman image exists "$base" && return
    [ "$(id -u)" = 0 ] && command -v debootstrap >/dev/null || cannot "the base image cannot be pulled, and only root with debootstrap can make a stand-in"
    say "making a stand-in for the base image from Debian packages"
    local root mirror
    root=$(mktemp -d)
    mirror=$(awk '/^URIs:|^deb /{print $2; exit}' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true)
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv bookworm "$root" ${mirror:+"$mirror"} \
        >"$cache/debootstrap.log" 2>&1 || die "debootstrap failed: $(tail -n 3 "$cache/debootstrap.log")"
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/*
    chroot "$root" python3 -m venv /usr/local
    tar -C "$root" -c . | podman import -q --change 'CMD ["python3"]' - "$base" >/dev/null
    rm -rf "$root"
}

# What lets apt, pip and uv inside the build use this machine's certificates and uv cache: mounted, never in a layer.
mounts=()
mount_machine() {
    local bundle=/etc/ssl/certs/ca-certificates.crt uv_cache
    if [ -f "$bundle" ]; then
        printf '[global]\ncert = %s\n' "$bundle" >"$cache/pip.conf"
        echo 'system-certs = true' >"$cache/uv.toml"
        mounts+=(-v /etc/ssl/certs:/etc/ssl/certs:ro -v "$cache/pip.conf:/etc/pip.conf:ro" -v "$cache/uv.toml:/etc/uv/uv.toml:ro")
    fi
    uv_cache=$(PATH="$PATH:$PWD/.cache/uv/bin" uv cache dir 2>/dev/null || true)
    if [ -d "${uv_cache:-}" ]; then mounts+=(-v "$uv_cache:/root/.cache/uv"); fi
}

content_hash() {
    { printf '%s\n' "$@"
      find src bin -name __pycache__ -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
      sha256sum containers/Dockerfile containers/sitecustomize.py containers/ci/build.sh pyproject.toml README.md LICENSE \
          requirements/{build,runtime,torch}.lock
    } | sha256sum | cut -c 1-12
}

install_engine
configure_engine
tag=localhost/unmix:ci-$(content_hash "$@")
if ! podman image exists "$tag"; then
    find_base
    mount_machine
    version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' src/unmix/__init__.py)
    podman build --network=host --pull=never "${mounts[@]}" --build-arg "VERSION=$version" --build-arg "BASE=$base" "$@" \
        -f containers/Dockerfile -t "$tag" . >"$cache/build.log" 2>&1 || die "podman build failed: $(tail -n 20 "$cache/build.log")"
    podman images --format '{{.Repository}}:{{.Tag}}' | grep '^localhost/unmix:ci-' | grep -vxF "$tag" |
        xargs -r podman rmi >/dev/null 2>&1 || true # images of earlier sources
    { grep '^torch: ' "$cache/build.log" || true; } | sed 's/^/build: /' >&2
fi
echo "$tag"
