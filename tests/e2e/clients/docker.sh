#!/bin/bash
# docker, with its credentials in a folder of its own, from login to denial.

source "$(dirname "$0")/../scenario.bash"
source "$(dirname "$0")/containerd.bash"

can_contain || skip_all "$reason"
start_containerd
start "$work/dockerd.log" dockerd --host "unix://$work/docker.sock" --data-root "$work/docker" \
    --exec-root "$work/docker-run" --pidfile "$work/docker.pid" --containerd "$containerd" \
    --storage-driver vfs --bridge none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
    --userland-proxy=false
dockerd_pid=$pid

end_docker() { # it unmounts what it mounted
    local status=$?
    stop "$dockerd_pid"
    (exit $status)
    finish
}
trap end_docker EXIT
export DOCKER_HOST=unix://$work/docker.sock DOCKER_CONFIG=$work/docker-config
check "dockerd runs" until_true 60 docker version
takes_one_platform=yes

login() { docker login --username ada@example.com --password-stdin "$storefront_address" <<<"$1"; }

pulling() { command=(docker pull --quiet ${3:+--platform "linux/$3"} "$storefront_address/$1"); }

has() {
    docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$storefront_address/$1" | grep -q "@$3"
}

forget() { docker image prune --all --force >/dev/null; }

scenario 'toomanyrequests'
