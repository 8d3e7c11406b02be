# What every client of the registry goes through, from login to denial, with upstream failing in between. Source it,
# define
#
#   pulling NAME STORE [ARCHITECTURE]   sets command: pulls NAME ("tool:v1.0.0", "tool@sha256:…") into that store;
#                                       says more where loud is not empty
#   has NAME STORE DIGEST               whether the store has it, and under that digest
#   login PASSWORD                      (where the client keeps credentials) as ada@example.com
#   forget                              (where there is but one store) all that was pulled
#   takes_one_platform                  (where it does) any text
#
# and call scenario WHAT-IT-SAYS-OF-A-DENIAL.

source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
source "$examples/demo/image.bash"

at_once=8
takes_one_platform='' loud=''
declare -A index_of=() # application -> the digest of its image

login() { true; }
forget() { true; }
fails() { ! "$@"; }

# image SLUG BYTES: an application with an image of two platforms.
image() {
    make_image "$layouts/acme/$1" "$2" v1.0.0
    index_of[$1]=$image_digest
    echo "{ slug = \"$1\", image = { owner = \"acme\", name = \"$1\" }, pinned_tag = \"v1.0.0\" }," >>"$work/entries"
}

# offer: what there is, and a storefront before it.
offer() {
    local i
    image tool 2000000
    for i in cut busy down; do image "$i" 1500000; done
    for ((i = 1; i <= at_once; i++)); do image "p$i" 50000; done
    (echo 'return {' && cat "$work/entries" && echo '}') >"$work/catalog.lua"
    start_double
    start_storefront
    member ada correct-horse
}

pull() { # NAME STORE [ARCHITECTURE]
    pulling "$@"
    timeout 60 "${command[@]}"
}

pulled() { # WHAT SLUG REFERENCE STORE: it goes well, and is what was made
    check "$1" pull "$2$3" "$4"
    check "and has what was made" has "$2$3" "$4" "${index_of[$2]}"
}

used_today() { control limits | grep -o '"used":[0-9]*'; }

# misbehaves SLUG WHAT SCRIPT: upstream does so once over the largest layer.
misbehaves() {
    local path
    path=/v2/acme/$1/blobs/sha256:$(first_layer "$1")
    script "{\"path\":\"$path\",\"times\":1,$3}"
    pulled "$2 is not noticed" "$1" :v1.0.0 "$1"
    check "though it came to pass" test "$(upstream_count "$path")" -gt 1
}

first_layer() { # SLUG: of this machine's platform, which every client takes
    python3 - "$layouts/acme/$1/blobs/sha256" "${index_of[$1]#sha256:}" <<'PYTHON'
import json, platform, sys
def read(digest): return json.load(open(sys.argv[1] + "/" + digest.split(":")[-1]))
here = "arm64" if platform.machine() == "aarch64" else "amd64"
images = {part["platform"]["architecture"]: part["digest"] for part in read(sys.argv[2])["manifests"]}
print(read(images[here])["layers"][0]["digest"].split(":")[1])
PYTHON
}

pull_together() {
    local i ids=() good=0
    for ((i = 1; i <= at_once; i++)); do
        pulling "p$i:v1.0.0" "p$i"
        start "$work/p$i.log" timeout 100 "${command[@]}"
        ids+=("$pid")
    done
    for pid in "${ids[@]}"; do wait "$pid" && good=$((good + 1)); done
    is "$at_once pulls at once go well, though two may run" "$good" "$at_once"
}

scenario() {
    offer
    check "a wrong password is refused" fails login_and_pull wrong
    check "the right one logs in" login correct-horse
    pulled "it pulls by tag" tool :v1.0.0 first
    is "which is one pull" "$(used_today)" '"used":1'
    pulled "it pulls by digest" tool "@${index_of[tool]}" second
    is "which is none" "$(used_today)" '"used":1'
    if [[ -n $takes_one_platform ]]; then check "it pulls for another platform" pull tool:v1.0.0 other arm64; fi
    check "what is not there is told" fails pull tool:v9.9.9 third

    misbehaves cut "a layer that breaks off upstream" '"cut":700000'
    misbehaves busy "an upstream that wants a layer asked for later" '"status":429,"retry_after":1'
    misbehaves down "an upstream that has a layer not just now" '"status":503'
    pull_together

    stop "$double_pid"
    stop "$storefront_pid"
    start_storefront
    forget
    pulled "with upstream gone, after a restart, it pulls again" tool :v1.0.0 again

    stop "$storefront_pid"
    OCI_PULLS_PER_USER_PER_DAY=1 start_storefront
    forget
    loud=yes
    pulling tool:v1.0.0 denied
    start "$work/denied.log" timeout 60 "${command[@]}"
    check "a denial is told" until_true 30 grep -Eqi -- "$1" "$work/denied.log"
    stop "$pid" || true # it is waiting, or has given up
}

login_and_pull() { login "$1" && pull tool:v1.0.0 none; }
