#!/bin/bash
# The keys and tokens, by other implementations: discovery and key set validated, our tokens verified, forged ones
# refused; keys made by openssl; rotation while clients ask.

source "$(dirname "$0")/lib.bash"

python=/usr/bin/python3 # the one that Debian's packages belong to
oidc() { "$python" "$here/oidc.py" "$@" || failures=$((failures + 1)); }

start_double
write_catalog
storefront_env
export OCI_REGISTRY_SERVICE=registry.example
member ada correct-horse
token_for_ci=$(control member token add ada --name rotation --expires never 2>/dev/null)
start_storefront --workers 2
stop "$storefront_pid"
export DUNITE_EXTERNAL_URL=$storefront
start_storefront --workers 2

take_token() { # [PASSWORD]
    curl -s -u "ada@example.com:${1:-$token_for_ci}" "$storefront/auth/token?service=registry.example&scope=repository:tool:pull" |
        sed 's/.*"token":"\([^"]*\)".*/\1/'
}

oidc check "$storefront" "$(take_token correct-horse)" "$(take_token)"
oidc attack "$storefront" "$(take_token)" "$data/keys"
oidc rotate "$storefront" "ada@example.com:$token_for_ci" 8 \
    "$DUNITE" keys new --dir "$examples/storefront" --data-dir "$data"

# ---- keys ----

kids() { control keys list | awk -v want="$1" 'NR > 1 && $2 == want { print $1 }'; }
signer() { kids true; }
kid_of() { cut -d. -f1 <<<"$1" | tr '_-' '/+' | "$python" -c 'import base64, json, sys
print(json.loads(base64.b64decode(sys.stdin.read().strip() + "=="))["kid"])'; }

before=$(signer) old=$(take_token)
openssl genpkey -algorithm ed25519 -out "$data/keys/own.pem" 2>/dev/null
chmod 600 "$data/keys/own.pem"
known=$(control keys list | awk 'NR > 1 { print $1 }' | sort)
check "a key made by openssl is read" control keys reload
own=$(comm -13 <(echo "$known") <(control keys list | awk 'NR > 1 { print $1 }' | sort))
is "by its thumbprint, as another tool computes it" "$own" "$("$python" -c 'import sys
from jwcrypto import jwk
print(jwk.JWK.from_pem(open(sys.argv[1], "rb").read()).thumbprint())' "$data/keys/own.pem")"
is "and signs nothing yet" "$(signer)" "$before"
check "until it is told to" control keys activate "$own"
new=$(take_token)
is "then it does" "$(kid_of "$new")" "$own"
oidc check "$storefront" "$new"
check "it is retired" control keys retire "$own"
ask /v2/ -H "Authorization: Bearer $new"
is "its tokens are still taken" "$status" 200
check "it is removed" control keys remove "$own"
ask /v2/ -H "Authorization: Bearer $new"
is "now they are not" "$status" 401
check "its file is gone" test ! -e "$data/keys/own.pem"
ask /v2/ -H "Authorization: Bearer $old"
is "those of others are" "$status" 200
control keys remove "$(signer)" >"$work/said" 2>&1
is "the one that signs is not removed" "$? $(<"$work/said")" "1 dunite: $(signer) is the active key: retire it first"
control keys retire nonsense >"$work/said" 2>&1
is "one that is not there is named" "$? $(<"$work/said")" "1 dunite: there is no key nonsense"
echo nonsense >"$data/keys/bad.pem"
control keys reload >"$work/said" 2>&1
is "a file that is no key is 1" $? 1
has "and named" "$(<"$work/said")" 'bad.pem is no Ed25519 private key'
ask /v2/ -H "Authorization: Bearer $old"
is "and changes nothing" "$status" 200
control keys >"$work/said" 2>&1
is "a call without what it needs is 2" $? 2
