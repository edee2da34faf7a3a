#!/usr/bin/env bash
# Builds an image of the Dockerfile with what the machine has: docker, podman or buildah. Where the
# Dockerfile's base cannot be pulled, a base of the same shape is made from Debian's packages.
#
#   k8s/image/build.sh TARGET NAME [ARCHIVE]    e.g. k8s/image/build.sh cpu rayscribe:0.1.0-cpu
#
# ARCHIVE, if named, is written as `docker save` does, for a cluster without a registry.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${1:?TARGET} name=${2:?NAME} archive=${3:-}

builder() {
    for each in docker podman; do
        if $each info >/dev/null 2>&1; then echo $each; return; fi
    done
    if command -v buildah >/dev/null; then echo buildah; return; fi
    echo "Nothing here builds images: start docker, or install podman or buildah" >&2
    echo "(Debian: apt-get install buildah debootstrap)" >&2
    return 1
}
builder=$(builder)

# Debian with Python, wget and bash, as the base in the Dockerfile; see there. That one has Python's headers,
# with which Triton compiles, and keeps nothing of what apt downloads.
make_base() { # NAME
    command -v debootstrap >/dev/null || {
        echo "The base image cannot be pulled, and debootstrap, which could make one, is missing" >&2
        return 1
    }
    root=$(mktemp --directory)
    debootstrap --variant=minbase --include="$packages" bookworm "$root" >"$root.log" ||
        { tail "$root.log" >&2; return 1; }
    cat >"$root/etc/apt/apt.conf.d/docker-clean" <<'END'
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
END
    rm --force "$root/usr/lib/python3.11/EXTERNALLY-MANAGED" "$root"/var/cache/apt/{archives/*.deb,*.bin} \
        "$root"/usr/lib/python3.11/config-*/*.a
    rm --recursive --force "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/*
    ln --symbolic python3 "$root/usr/bin/python"
    if [ "$builder" = buildah ]; then
        container=$(buildah from scratch)
        buildah add --quiet "$container" "$root" / >/dev/null
        buildah commit --quiet --rm "$container" "$1" >/dev/null
    else
        tar --create --directory "$root" . | $builder import --quiet - "$1" >/dev/null
    fi
    rm --recursive --force "$root" "$root.log"
}

options=()
base=$(sed --quiet 's/^ARG BASE=//p' Dockerfile)
if ! timeout 60 $builder pull "${base%:*@*}@${base#*@}" >/dev/null 2>&1; then
    base=localhost/rayscribe-base:bookworm-clean packages=python3,python3-pip,ca-certificates,bash,wget
    case $target in gpu*) base+=-headers packages+=,libpython3.11-dev ;; esac
    echo "The registry of the Dockerfile's base is not reached: Debian's packages instead" >&2
    $builder inspect "$base" >/dev/null 2>&1 || make_base "$base"
    options+=(--build-arg "BASE=$base")
fi
if [ "$builder" = buildah ]; then
    # As in a container that may not make containers. The machine's certificates are lent to the
    # build and are not part of the image.
    certificates=/etc/ssl/certs/ca-certificates.crt
    options+=(--isolation chroot --network host --layers)
    [ ! -e $certificates ] || options+=(--volume "$certificates:$certificates:ro")
    buildah bud --quiet "${options[@]}" --target "$target" --tag "$name" .
else
    $builder build --quiet "${options[@]}" --target "$target" --tag "$name" .
fi

[ -z "$archive" ] || {
    mkdir --parents "$(dirname "$archive")"
    if [ "$builder" = buildah ]; then
        buildah push --quiet "$name" "docker-archive:$archive.part:$name"
    else
        $builder save --output "$archive.part" "$name"
    fi
    mv "$archive.part" "$archive"
}
