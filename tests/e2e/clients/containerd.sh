#!/bin/bash
# containerd pulls a member's image for all platforms; a layer that upstream breaks off in the middle is resumed.

source "$(dirname "$0")/../lib.bash"
source "$examples/demo/image.bash"

((EUID == 0)) || skip_all "containerd wants root"
make_image "$layouts/acme/tool" 20000000 v1.0.0
start_double
start_storefront
member ada correct-horse

cat >"$work/containerd.toml" <<TOML
version = 2
root = "$work/containerd"
state = "$work/containerd-state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.overlayfs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "$work/containerd.sock"
TOML
start "$work/containerd.log" containerd -c "$work/containerd.toml"
ctr=(ctr -a "$work/containerd.sock")
check "containerd runs" until_true 30 "${ctr[@]}" version

pull() {
    "${ctr[@]}" images pull --snapshotter native --plain-http --all-platforms --user ada@example.com:correct-horse \
        "$storefront_address/tool:v1.0.0"
}
forget() {
    "${ctr[@]}" images rm --sync "$storefront_address/tool:v1.0.0"
}

largest=$(cd "$layouts/acme/tool/blobs/sha256" && ls -S | head -n 1)
script "{\"path\":\"/v2/acme/tool/blobs/sha256:$largest\",\"times\":1,\"cut\":7000000}"
check "containerd pulls, though a layer breaks off once" pull
is "the image is the one that was made" "$("${ctr[@]}" images ls | awk '/tool:v1.0.0/ { print $3 }')" "$image_digest"
is "it was asked for twice, the second time for what was missing or all of it" \
    "$(upstream_count "/v2/acme/tool/blobs/sha256:$largest")" 2
is "a HEAD and a GET of the tag are one pull" "$(control limits | grep -o '"used":[0-9]*')" '"used":1'
forget >/dev/null 2>&1
stop "$double_pid"
check "and again with upstream gone" pull
