#!/bin/bash
# What the OCI distribution specification asks of a registry that is pulled from, asked of the storefront; and an upstream
# that lies at length.

source "$(dirname "$0")/lib.bash"
source "$examples/demo/image.bash"

layout=$layouts/acme/tool
make_image "$layout" 40000 v1.0.0 v1.1.0 v1.2.0 v2.0.0

# artifact TYPE TEXT: something that refers to the image.
artifact() {
    local kind=application/vnd.oci.image.manifest.v1+json config
    printf '{}' >"$layout/part" && blob "$layout" "$layout/part"
    config='{"mediaType":"application/vnd.oci.empty.v1+json","digest":"'$digest'","size":'$size'}'
    printf '%s' "$2" >"$layout/part" && blob "$layout" "$layout/part"
    printf '{"schemaVersion":2,"mediaType":"%s","artifactType":"%s","config":%s,"layers":[{"mediaType":"%s",' "$kind" \
        "$1" "$config" "$1" >"$layout/part"
    printf '"digest":"%s","size":%s}],"subject":{"mediaType":"%s","digest":"%s","size":1}}' "$digest" "$size" \
        application/vnd.oci.image.index.v1+json "$image_digest" >>"$layout/part"
    blob "$layout" "$layout/part"
}
artifact application/vnd.example.signature one
artifact application/vnd.example.signature another
artifact application/vnd.example.bill three

# A manifest that no socket's buffer takes.
mkdir -p "$layouts/acme/large/blobs/sha256"
python3 -c 'import json
print(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [],
                  "annotations": {f"a{i}": "x" * 10000 for i in range(390)}}))' >"$layouts/acme/large/part"
blob "$layouts/acme/large" "$layouts/acme/large/part"
printf '{"manifests":[{"digest":"%s","annotations":{"org.opencontainers.image.ref.name":"v1.0.0"}}]}' "$digest" \
    >"$layouts/acme/large/index.json"

# expected REFERRERS: what conformance.py is told, of all that the layout has below its tags.
expected() {
    python3 - "$layout" "$1" <<'PYTHON'
import json, os, sys
folder, referrers = sys.argv[1], json.loads(sys.argv[2])
def path(digest): return os.path.join(folder, "blobs", *digest.split(":"))
def read(name): return json.load(open(name))
told = {"tags": {}, "manifests": {}, "blobs": {}, "referrers": referrers}
def look(digest):
    document = read(path(digest))
    told["manifests"][digest] = {"type": document["mediaType"], "size": os.path.getsize(path(digest))}
    for part in document.get("manifests", []): look(part["digest"])
    for part in document.get("layers", []) + [p for p in [document.get("config")] if p]:
        told["blobs"][part["digest"]] = os.path.getsize(path(part["digest"]))
for entry in read(folder + "/index.json")["manifests"]:
    told["tags"][entry["annotations"]["org.opencontainers.image.ref.name"]] = entry["digest"]
    look(entry["digest"])
told["subject"] = entry["digest"]
json.dump(told, sys.stdout)
PYTHON
}

conforms() { # WHAT REFERRERS
    local output
    echo "# $1"
    expected "$2" >"$work/expected.json"
    output=$(timeout 100 python3 "$here/conformance.py" "$storefront" tool ada@example.com correct-horse \
        <"$work/expected.json" 2>&1)
    local status=$?
    echo "$output"
    is "$1 conforms" "$status" 0
}

{
    echo 'return {'
    for name in tool large huge promised header bomb; do
        owner=lies
        if [[ -d $layouts/acme/$name ]]; then owner=acme; fi
        echo "{ slug = \"$name\", image = { owner = \"$owner\", name = \"$name\" }, pinned_tag = \"v1.0.0\","
        echo ' versions = { { tag = "v1.1.0" }, { tag = "v1.2.0" }, { tag = "v2.0.0" }, { tag = "v3", yanked = true } } },'
    done
    echo '}'
} >"$work/catalog.lua"

start_double
start_storefront
member ada correct-horse
conforms "the storefront before Forgejo" '{}'
stop "$storefront_pid"
rm -rf "$data"

start "$work/registry.log" python3 "$here/registry.py" "$layouts"
until_true 20 listens "$work/registry.log" || not_ok "the registry starts" "$(cat "$work/registry.log")"
OCI_UPSTREAM_URL=http://$(sed -n 's/^listening on //p' "$work/registry.log")
export OCI_UPSTREAM_URL OCI_UPSTREAM_KIND=oci
start_storefront
member ada correct-horse
conforms "the storefront before a registry with referrers" \
    '{"application/vnd.example.signature": 2, "application/vnd.example.bill": 1}'

# ---- who does not read ----

scopes=$(printf '&scope=repository:%s:pull' tool large huge promised header bomb)
token=$(curl -s -u ada@example.com:correct-horse "$storefront/auth/token?service=storefront$scopes" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])')
stop "$storefront_pid"
OCI_CONCURRENT_MANIFESTS_PER_USER=1 start_storefront
ask /v2/large/manifests/v1.0.0 -H "Authorization: Bearer $token"
is "a manifest of 3.9 MB is given" "$status $(stat -c %s "$work/body")" "200 $(stat -c %s "$layouts"/acme/large/blobs/*/*)"
exec {slow}<>"/dev/tcp/${storefront_address/:/\/}"
printf 'GET /v2/large/manifests/v1.0.0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n' "$token" >&"$slow"
IFS= read -r line <&"$slow"
is "to one who then reads no more, too" "${line%$'\r'}" "HTTP/1.1 200 OK"
ask /v2/tool/manifests/v1.0.0 -H "Authorization: Bearer $token"
is "and who holds no slot the while" "$status" 200
exec {slow}>&-

# ---- lies ----

memory() { awk '/^VmHWM/ { print $2 }' "/proc/$storefront_pid/status"; }
for name in huge promised bomb; do
    before=$(memory)
    ask "/v2/$name/manifests/v1.0.0" -H "Authorization: Bearer $token"
    is "a manifest that is $name is upstream's fault" "$status" 502
    has "and is said to be" "$body" '"code":"UNAVAILABLE"'
    check "and costs no more memory than a few of those that are allowed" test "$(($(memory) - before))" -lt 60000
done
poured() { [[ $(grep -c '^poured' "$work/registry.log") -ge 2 ]]; }
check "who pours without an end is hung up on" until_true 20 poured
check "soon" test "$(awk '$1 == "poured" && $2 > most { most = $2 } END { print most + 0 }' "$work/registry.log")" \
    -lt $((32 << 20))
ask /v2/header/manifests/v1.0.0 -H "Authorization: Bearer $token"
check "of headers that are none nothing comes through" test "$(grep -ci 'set-cookie\|x-odd' <<<"$headers")" = 0
check "and the answer is one of ours" test "$status" = 200 -o "$status" = 502
