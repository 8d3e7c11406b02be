#!/bin/bash
# podman, with its credentials in a file of its own, from login to denial.

source "$(dirname "$0")/../scenario.bash"

takes_one_platform=yes
store() {
    options=(--root "$work/stores/$1" --runroot "$work/runs/$1" --storage-driver vfs --cgroup-manager cgroupfs
        --events-backend file)
}

login() {
    podman login --authfile "$work/auth.json" --tls-verify=false --username ada@example.com --password-stdin \
        "$storefront_address" <<<"$1"
}

pulling() {
    store "$2"
    command=(podman "${options[@]}" ${loud:+--log-level debug} pull --authfile "$work/auth.json" --tls-verify=false
        ${3:+--arch "$3"} "$storefront_address/$1")
}

has() {
    store "$2"
    podman "${options[@]}" image inspect --format '{{.RepoDigests}}' "$storefront_address/$1" | grep -q "$3"
}

scenario 'too many requests'
