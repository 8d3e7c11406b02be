#!/bin/bash
# docker logs in and pulls a member's image: HEAD and GET of the tag are one pull; again with upstream gone.

source "$(dirname "$0")/../lib.bash"
source "$examples/demo/image.bash"

((EUID == 0)) || skip_all "dockerd wants root"
make_image "$layouts/acme/tool" 3000000 v1.0.0
start_double
start_storefront
member ada correct-horse

cat >"$work/containerd.toml" <<TOML
version = 2
root = "$work/containerd"
state = "$work/containerd-state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$work/containerd.sock"
TOML
start "$work/containerd.log" containerd -c "$work/containerd.toml"
check "containerd runs" until_true 30 ctr -a "$work/containerd.sock" version
start "$work/dockerd.log" dockerd --host "unix://$work/docker.sock" --data-root "$work/docker" \
    --exec-root "$work/docker-run" --pidfile "$work/docker.pid" --containerd "$work/containerd.sock" \
    --storage-driver vfs --bridge none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
    --userland-proxy=false
export DOCKER_HOST=unix://$work/docker.sock DOCKER_CONFIG=$work/docker-config
check "dockerd runs" until_true 60 docker version
trap 'stop "$pid"; finish' EXIT # it unmounts what it mounted

docker login --username ada@example.com --password-stdin "$storefront_address" <<<wrong >"$work/said" 2>&1
is "a wrong password does not log in" $? 1
docker login --username ada@example.com --password-stdin "$storefront_address" <<<correct-horse >"$work/said" 2>&1
is "the right one does" $? 0
check "docker pulls" docker pull --quiet "$storefront_address/tool:v1.0.0"
is "the index is the one that was made" \
    "$(docker image inspect --format '{{index .RepoDigests 0}}' "$storefront_address/tool:v1.0.0")" \
    "$storefront_address/tool@$image_digest"
is "a HEAD and a GET of the tag are one pull" "$(control limits | grep -o '"used":[0-9]*')" '"used":1'
docker image rm "$storefront_address/tool:v1.0.0" >/dev/null
stop "$double_pid"
check "and again with upstream gone" docker pull --quiet "$storefront_address/tool:v1.0.0"
