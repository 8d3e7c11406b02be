#!/bin/bash
# podman pulls a member's image; again with upstream gone.

source "$(dirname "$0")/../lib.bash"
source "$examples/demo/image.bash"

make_image "$layouts/acme/tool" 3000000 v1.0.0
start_double
start_storefront
member ada correct-horse

# pull STORE: into a store of its own.
pull() {
    podman --root "$work/$1" --runroot "$work/$1-run" --storage-driver vfs --cgroup-manager cgroupfs \
        --events-backend file pull --quiet --tls-verify=false --creds ada@example.com:correct-horse \
        "$storefront_address/tool:v1.0.0"
}

check "podman pulls" pull first
is "it has cost one pull" "$(control limits | grep -o '"used":[0-9]*')" '"used":1'
stop "$double_pid"
check "and pulls again with upstream gone" pull second
