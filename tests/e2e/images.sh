#!/bin/bash
# A member pulls a container image with skopeo, from Debian's docker-registry (open, and behind a token server) and from
# Forgejo: for every platform, digest by digest; again with upstream off; and is denied as registries deny.

source "$(dirname "$0")/lib.bash"
source "$examples/demo/image.bash"

layout=$layouts/acme/tool
make_image "$layout" 3000000 v1.0.0
write_catalog
versions='versions = { { tag = "v1.1.0" }, { tag = "v1.2.0", yanked = true } },'
sed -i "s/pinned_tag = \"v1.0.0\",/& $versions/" "$work/catalog.lua"
export OCI_PULLS_PER_USER_PER_DAY=2

# blobs_of LAYOUT: what it holds, by digest, each checked against its name.
blobs_of() {
    (cd "$1/blobs/sha256" && sha256sum -- * | awk '$1 == $2 { print $1 }' | sort)
}

# start_registry [YAML of auth]: docker-registry, kept in $work/registry; its address is in $registry.
start_registry() {
    cat >"$work/registry.yml" <<YAML
version: 0.1
log: {level: info}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "127.0.0.1:${registry_port:-0}"}
${1-}
YAML
    start "$work/registry.log" docker-registry serve "$work/registry.yml"
    registry_pid=$pid
    until_true 20 grep -q 'listening on 127' "$work/registry.log" ||
        { not_ok "docker-registry starts" "$(tail "$work/registry.log")"; exit 1; }
    registry=$(sed -n 's/.*listening on \(127[0-9.:]*\).*/\1/p' "$work/registry.log" | head -n 1)
}

# pull NAME [skopeo's options]: all platforms through the storefront, into $work/pulled-NAME.
pull() {
    local name=$1
    shift
    rm -rf "$work/pulled-$name"
    skopeo copy --quiet --all --src-tls-verify=false --src-creds ada@example.com:correct-horse "$@" \
        "docker://$storefront_address/tool:v1.0.0" "oci:$work/pulled-$name:v1.0.0"
}

# has_given LOG DIGEST: the storage has.
has_given() { until_true 10 grep -q "path=/storage/.*/${2#sha256:} status=200" "$1"; }

same_as_made() { [[ "$(blobs_of "$work/pulled-$1")" == "$(blobs_of "$layout")" ]]; }

begin() { # fresh stores and members
    rm -rf "$data"
    start_storefront
    member ada correct-horse
    member bob battery-staple
}

# ---- an open docker-registry ----

start_double # downloads want an upstream, too
start_registry
check "the image is put into docker-registry" skopeo copy --quiet --all --dest-tls-verify=false \
    "oci:$layout:v1.0.0" "docker://$registry/acme/tool:v1.0.0"
export OCI_UPSTREAM_URL=http://$registry OCI_UPSTREAM_KIND=oci
begin
check "a member pulls it through the storefront" pull open
check "every manifest, configuration and layer is what was made" same_as_made open
is "the index is the one that was made" \
    "$(skopeo inspect --raw --tls-verify=false --creds ada@example.com:correct-horse \
        "docker://$storefront_address/tool@$image_digest" | sha256sum | cut -d' ' -f1)" "${image_digest#sha256:}"
check "a second member, too" skopeo copy --quiet --all --src-tls-verify=false \
    --src-creds bob@example.com:battery-staple "docker://$storefront_address/tool:v1.0.0" "dir:$work/second"

gets() { grep -c "http.request.method=GET.*/blobs/" "$work/registry.log"; }
is "each blob was asked for once" "$(gets)" "$(grep -o '"GET [^"]*/blobs/[^ ]*' "$work/registry.log" | sort -u | wc -l)"

stop "$registry_pid"
check "with docker-registry gone it is pulled again" pull again
check "the same" same_as_made again

# ---- denials ----

# skopeo waits for what Retry-After says (a minute at most) and asks again, five times.
start "$work/denied.log" skopeo --debug copy --src-tls-verify=false --src-creds ada@example.com:correct-horse \
    "docker://$storefront_address/tool:v1.1.0" "dir:$work/denied"
check "the third pull of the day is denied, and skopeo knows why" \
    until_true 20 grep -qi 'too many requests' "$work/denied.log"
stop "$pid"
token_of() { # MEMBER:PASSWORD
    curl -s -u "$1" "$storefront/auth/token?service=storefront&scope=repository:tool:pull" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])'
}
token=$(token_of ada@example.com:correct-horse)
ask /v2/tool/manifests/v1.1.0 -H "Authorization: Bearer $token"
is "which is 429" "$status" 429
has "TOOMANYREQUESTS" "$body" '"code":"TOOMANYREQUESTS"'
left=$((86400 - $(date +%s) % 86400)) retry=$(header retry-after)
check "with the seconds to the next day" test "$((retry - left))" -le 2 -a "$((left - retry))" -le 2
ask "/v2/tool/manifests/$image_digest" -H "Authorization: Bearer $token"
is "but nothing in the middle of an image is" "$status" 200
bob=$(token_of bob@example.com:battery-staple)
ask /v2/tool/manifests/v1.0.0 -I -H "Authorization: Bearer $bob"
is "another member's second pull begins with a HEAD, as docker's does" "$status" 200
ask /v2/tool/manifests/v1.0.0 -H "Authorization: Bearer $bob"
is "the GET after it is the same pull" "$status" 200
ask /v2/tool/manifests/v1.0.0 -H "Authorization: Bearer $bob"
is "the next is another" "$status" 429
ask /v2/tool/manifests/v9.9.9 -H "Authorization: Bearer $token"
is "a tag that is not offered is not there" "$status" 404
ask /v2/tool/manifests/v1.2.0 -H "Authorization: Bearer $token"
is "a yanked one neither" "$status" 404
has "MANIFEST_UNKNOWN" "$body" '"code":"MANIFEST_UNKNOWN"'

# ---- who may ----

ask /v2/
is "without a token 401" "$status" 401
has "with the challenge" "$(header www-authenticate)" 'Bearer realm="http[^"]*/auth/token",service="storefront"'
ask /v2/vault/manifests/v1.0.0 -H "Authorization: Bearer $token"
hidden=$status$body
ask /v2/nothing/manifests/v1.0.0 -H "Authorization: Bearer $token"
is "a hidden application looks like one that is not there" "$hidden" "$status$body"
has "NAME_UNKNOWN" "$body" '"code":"NAME_UNKNOWN"'
scopes_of() {
    curl -s -u ada@example.com:correct-horse "$storefront/auth/token?service=storefront&scope=repository:$1:pull" |
        python3 -c 'import base64, json, sys
part = json.load(sys.stdin)["token"].split(".")[1]
print(json.loads(base64.urlsafe_b64decode(part + "=="))["access"])'
}
is "also to the token endpoint" "$(scopes_of vault)" "$(scopes_of nothing)"
ask /v2/tool/tags/list -H "Authorization: Bearer $token"
is "the tags are those that may be pulled" "$body" '{"name":"tool","tags":["v1.0.0","v1.1.0"]}'
ask /v2/tool/blobs/uploads/ -X POST -H "Authorization: Bearer $token"
is "nothing is pushed" "$status" 405
has "UNSUPPORTED" "$body" '"code":"UNSUPPORTED"'
foreign=sha256:$(printf x | sha256sum | cut -d' ' -f1)
ask "/v2/tool/blobs/$foreign" -H "Authorization: Bearer $token"
check "a blob that nobody refers to is not given" test "$status" != 200
stop "$storefront_pid"

# ---- behind a password ----

python3 -W ignore -c 'import crypt
print("robot:" + crypt.crypt("robot-secret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))' >"$work/htpasswd"
rm -rf "$work/registry"
start_registry "auth: {htpasswd: {realm: e2e, path: $work/htpasswd}}"
check "the image is put behind a password" skopeo copy --quiet --all --dest-tls-verify=false \
    --dest-creds robot:robot-secret "oci:$layout:v1.0.0" "docker://$registry/acme/tool:v1.0.0"
export OCI_UPSTREAM_URL=http://$registry OCI_UPSTREAM_USERNAME=robot OCI_UPSTREAM_PASSWORD=robot-secret
begin
check "a member pulls it, who knows nothing of that password" pull basic
check "the same image" same_as_made basic
stop "$storefront_pid"
stop "$registry_pid"

# ---- behind a token server ----

start "$work/tokens.log" python3 "$here/token_server.py" "$work/tokens.pem" robot robot-secret
until_true 20 listens "$work/tokens.log" || not_ok "the token server starts" "$(cat "$work/tokens.log")"
tokens=$(sed -n 's/^listening on //p' "$work/tokens.log")
rm -rf "$work/registry"
start_registry "auth: {token: {realm: \"http://$tokens/token\", service: e2e, issuer: end-to-end,
  rootcertbundle: $work/tokens.pem}}"
check "the image is put behind the token server" skopeo copy --quiet --all --dest-tls-verify=false \
    --dest-creds robot:robot-secret "oci:$layout:v1.0.0" "docker://$registry/acme/tool:v1.0.0"
export OCI_UPSTREAM_URL=http://$registry
export OCI_UPSTREAM_CREDENTIAL_HOSTS=$tokens UPSTREAM_ALLOW_PRIVATE=127.0.0.0/8
asked=$(wc -l <"$work/tokens.log")
begin
check "a member pulls it, with a token for the storefront" pull token
check "the same image" same_as_made token
is "one token does for all of it" "$(($(wc -l <"$work/tokens.log") - asked))" 1
stop "$storefront_pid"
CACHE_MAX_BYTES=500000 begin
check "one whose layers are larger than the cache is pulled, too" pull uncached
check "the same image" same_as_made uncached
check "which passed through" test "$(metric 'dunite_cache_results_total{result="bypass"}')" -ge 2
check "and left no more than the cache may hold" test "$(metric dunite_cache_bytes)" -le 500000
stop "$storefront_pid"
export OCI_UPSTREAM_PASSWORD=wrong
begin
pull wrong >"$work/said" 2>&1
is "with wrong credentials of ours it fails" $? 1
check "as our upstream's fault" until_true 10 has_logged 'path=/v2/tool/manifests/v1.0.0 status=502' 1
stop "$storefront_pid"
stop "$registry_pid"

# ---- Forgejo ----

unset OCI_UPSTREAM_URL OCI_UPSTREAM_KIND OCI_UPSTREAM_USERNAME OCI_UPSTREAM_PASSWORD OCI_UPSTREAM_CREDENTIAL_HOSTS
export OCI_PULLS_PER_USER_PER_DAY=50
begin
check "a member pulls it from Forgejo" pull forgejo
check "the same image" same_as_made forgejo
check "for one platform" skopeo copy --quiet --src-tls-verify=false --src-creds ada@example.com:correct-horse \
    --override-arch arm64 "docker://$storefront_address/tool:v1.0.0" "oci:$work/one:v1.0.0"
check "it unpacks" umoci unpack --rootless --image "$work/one:v1.0.0" "$work/bundle"
is "and runs" "$(sh "$work/bundle/rootfs/bin/hello")" 'hello again from arm64'
storage=(--root "$work/storage" --runroot "$work/run" --storage-driver vfs)
check "buildah pulls it, too" buildah "${storage[@]}" pull --quiet --tls-verify=false \
    --creds bob@example.com:battery-staple "docker://$storefront_address/tool:v1.0.0"
check "and has it" buildah "${storage[@]}" images "$storefront_address/tool:v1.0.0"

# Its blobs and manifests may be served by another.
DOUBLE_ROOT=$work/upstream DUNITE_DATA_DIR=$work/storage-data DOUBLE_LISTEN=127.0.0.1:0 \
    engine "$work/storage.log" "$examples/forgejo"
curl -sf "$double/double/storage" -d "{\"url\":\"http://$address\"}" >/dev/null
stop "$storefront_pid"
begin
check "Forgejo serves directly from a storage, which takes no credentials, and it is pulled" pull stored
check "the same image" same_as_made stored
check "from there" has_given "$work/storage.log" "$image_digest"
stop "$double_pid"
check "and again with Forgejo gone" pull forgejo-again
check "the same" same_as_made forgejo-again
