#!/bin/bash
# containerd's ctr, all platforms, from login to denial. It keeps no credentials: they come with each pull.

source "$(dirname "$0")/../scenario.bash"
source "$(dirname "$0")/containerd.bash"

can_contain || skip_all "$reason"
start_containerd snapshotter.v1.{overlayfs,btrfs,zfs,aufs,devmapper}
ctr=(ctr -a "$containerd")

login() { echo "$1" >"$work/password"; }

pulling() {
    command=("${ctr[@]}" images pull --snapshotter native --plain-http --all-platforms
        --user "ada@example.com:$(cat "$work/password")" "$storefront_address/$1")
}

has() { [[ $("${ctr[@]}" images ls | awk -v name="$storefront_address/$1" '$1 == name { print $3 }') == "$3" ]]; }

forget() { "${ctr[@]}" images ls -q | xargs "${ctr[@]}" images rm --sync >/dev/null; }

scenario '429|too ?many ?requests'
