#!/bin/bash
# skopeo, with its credentials in a file of its own: all platforms, from login to denial.

source "$(dirname "$0")/scenario.bash"

login() {
    skopeo login --authfile "$work/auth.json" --tls-verify=false --username ada@example.com --password-stdin \
        "$storefront_address" <<<"$1"
}

pulling() {
    command=(skopeo ${loud:+--debug} copy --all --authfile "$work/auth.json" --src-tls-verify=false
        "docker://$storefront_address/$1" "dir:$work/$2")
}

has() { [[ sha256:$(sum "$work/$2/manifest.json") == "$3" ]]; }

scenario 'too many requests'
