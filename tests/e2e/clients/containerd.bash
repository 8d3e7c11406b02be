# A containerd of the test's own, for those that need one. Source it after lib.bash.

# can_contain: whether it can run here; why not is in $reason.
can_contain() {
    reason=
    if ((EUID != 0)); then
        reason="containerd wants root"
    elif ! unshare --mount true; then
        reason="containerd mounts, which is not allowed here"
    fi
    [[ -z $reason ]]
}

# start_containerd [PLUGIN…]: without those plugins; it listens at $containerd.
start_containerd() {
    local plugins
    containerd=$work/containerd.sock
    plugins=$(printf '"io.containerd.%s", ' grpc.v1.cri "$@")
    cat >"$work/containerd.toml" <<TOML
version = 2
root = "$work/containerd"
state = "$work/containerd-state"
disabled_plugins = [${plugins%, }]
[grpc]
  address = "$containerd"
TOML
    start "$work/containerd.log" containerd -c "$work/containerd.toml"
    check "containerd runs" until_true 30 ctr -a "$containerd" version
}
