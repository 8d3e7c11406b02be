# Makes a small real image for two platforms, offline, as an OCI image layout: a folder of blobs named by their digests,
# and an index that names the tag. Source it.

# blob LAYOUT FILE: moves the file among the layout's blobs; its digest and size are in $digest and $size.
blob() {
    digest=$(sha256sum "$2" | cut -d' ' -f1)
    size=$(stat -c %s "$2")
    mv "$2" "$1/blobs/sha256/$digest"
    digest=sha256:$digest
}

# layer LAYOUT BYTES TEXT: a gzipped tar with a program that says the text, and that many bytes that do not shrink.
# Adds to $layers and $diffs.
layer() {
    local files=$1/files
    mkdir -p "$files/bin" "$files/share"
    printf '#!/bin/sh\necho %q\n' "$3" >"$files/bin/hello"
    chmod 755 "$files/bin/hello"
    head -c "$2" /dev/urandom >"$files/share/data-$RANDOM$RANDOM"
    tar -C "$files" --owner=0 --group=0 -cf "$1/layer" .
    rm -r "$files"
    diffs+=${diffs:+,}\"sha256:$(sha256sum "$1/layer" | cut -d' ' -f1)\"
    gzip -1 "$1/layer"
    blob "$1" "$1/layer.gz"
    layers+=${layers:+,}'{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip",'
    layers+='"digest":"'$digest'","size":'$size'}'
}

# platform LAYOUT ARCHITECTURE BYTES: an image of two layers; its manifest is in $digest and $size.
platform() {
    local layers='' diffs='' config manifest=application/vnd.oci.image.manifest.v1+json
    layer "$1" "$3" "hello from $2"
    layer "$1" $(($3 / 4 + 1)) "hello again from $2"
    printf '{"architecture":"%s","os":"linux","config":{"Cmd":["/bin/hello"]},' "$2" >"$1/part"
    printf '"rootfs":{"type":"layers","diff_ids":[%s]}}' "$diffs" >>"$1/part"
    blob "$1" "$1/part"
    config='{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"'$digest'","size":'$size'}'
    printf '{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]}' "$manifest" "$config" "$layers" >"$1/part"
    blob "$1" "$1/part"
}

# make_image LAYOUT BYTES TAG…: all the tags are one image; its digest is in $image_digest.
make_image() {
    local list='' tags='' architecture tag index=application/vnd.oci.image.index.v1+json
    mkdir -p "$1/blobs/sha256"
    for architecture in amd64 arm64; do
        platform "$1" "$architecture" "$2"
        list+=${list:+,}'{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"'$digest'","size":'$size','
        list+='"platform":{"architecture":"'$architecture'","os":"linux"}}'
    done
    printf '{"schemaVersion":2,"mediaType":"%s","manifests":[%s]}' "$index" "$list" >"$1/part"
    blob "$1" "$1/part"
    image_digest=$digest
    for tag in "${@:3}"; do
        tags+=${tags:+,}'{"mediaType":"'$index'","digest":"'$digest'","size":'$size','
        tags+='"annotations":{"org.opencontainers.image.ref.name":"'$tag'"}}'
    done
    printf '{"schemaVersion":2,"manifests":[%s]}' "$tags" >"$1/index.json"
    echo '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
}
