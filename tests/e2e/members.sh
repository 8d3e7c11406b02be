#!/bin/bash
# Members as an operator has them: 300 from a file, brought along with the hashes of another system; access tokens for
# CI; a budget of failures; who is disabled is nobody at the next request.

source "$(dirname "$0")/lib.bash"

asset tool.bin 100000
start_double
write_catalog
storefront_env
people=$work/people.csv

# ---- a file of members ----

bcrypt='$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e' # of "correct horse", as the next
pbkdf2='pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso='
{
    printf '\xef\xbb\xbfid,email,password_hash,entitlements\r\n'
    printf 'ada,ada@example.com,%s,"vault;tool"\r\n' "$bcrypt"
    printf 'bob,bob@example.com,%s,\r\n' "$pbkdf2"
    for i in $(seq 298); do printf 'm%d,m%d@example.com,,\r\n' "$i" "$i"; done
} >"$people"

said=$(control member import "$people" --dry-run)
is "a dry run tells what would be done" "$said" \
    "$people: 300 added, 0 changed, 0 unchanged, 0 bad (a dry run: nothing was changed)"
is "and does nothing" "$(control member list | awk 'NR > 1' | wc -l)" 0
is "300 members are imported without an engine" "$(control member import "$people")" \
    "$people: 300 added, 0 changed, 0 unchanged, 0 bad"
start_storefront --workers 2
is "again, with one: nothing changes" "$(control member import - <"$people")" \
    "-: 0 added, 0 changed, 300 unchanged, 0 bad"
is "they are all there" "$(control member list | awk 'NR > 1' | wc -l)" 300

hash_of() { sqlite3 -readonly "$data/journal.db" "SELECT substr(password_hash, 1, 10) FROM members WHERE id = '$1'"; }
is_ours() { [[ $(hash_of "$1") == '$argon2id$' ]]; }
for name in ada bob; do
    ask "$downloads" -u "$name@example.com:wrong horse"
    is "$name with a wrong password: no" "$status" 401
    ask "$downloads" -u "$name@example.com:correct horse"
    is "$name signs in with the old system's hash" "$status" 200
    check "which is argon2id from then on" until_true 10 is_ours "$name"
    ask "$downloads" -u "$name@example.com:correct horse"
    is "and $name still signs in" "$status" 200
done

printf 'id,email,active\nm1,m1@example.com,no\nm2,m2\n,x@example.com,\nm3,"m3,\n' >"$work/bad.csv"
control member import "$work/bad.csv" >"$work/said" 2>&1
is "a file with findings is refused" $? 1
is "each with its line" "$(grep -c '^.*/bad.csv:[345]: ' "$work/said")" 3
has "and what to do" "$(<"$work/said")" 'nothing was imported; --skip-bad'
is "nobody was changed" "$(control member list | awk '$3 == "false"' | wc -l)" 0
check "but for the bad ones it is taken when so wanted" control member import "$work/bad.csv" --skip-bad
is "now one is disabled" "$(control member list | awk '$3 == "false" { print $1 }')" m1
control member import "$work/none.csv" >"$work/said" 2>&1
is "a file that is not there is 1" "$? $(<"$work/said")" "1 dunite: $work/none.csv: No such file or directory"
control member import >"$work/said" 2>&1
is "no file is 2" $? 2

# ---- access tokens ----

token=$(control member token add ada --name 'release job' --for downloads --app tool --expires 1d 2>"$work/said")
id=$(cut -d_ -f2 <<<"$token")
has "a token is shown, alone, on standard output" "$token" '^dut_[0-9a-f]{16}_[0-9a-f]{40}$'
has "what it is stands beside it" "$(<"$work/said")" "access token $id of ada; expires: 20.*not shown again"
ask "$downloads/tool.bin" -u "ada@example.com:$token"
is "a CI job downloads with it" "$status" 200
is "the audit names it" "$(sqlite3 -readonly "$data/journal.db" \
    "SELECT DISTINCT credential FROM audit WHERE member = 'ada'")" "access-token:$id"
ask /v1/applications/vault/downloads -u "ada@example.com:$token"
is "of the one application only" "$status" 404
puller=$(control member token add ada --name pulls --for pulls 2>/dev/null)
ask "$downloads/tool.bin" -u "ada@example.com:$puller"
is "one for pulls downloads nothing" "$status" 403
bearer=$(curl -s -u "ada@example.com:$puller" "$storefront/auth/token?scope=repository:tool:pull" |
    sed 's/.*"token":"\([^"]*\)".*/\1/')
ask /v2/tool/tags/list -H "Authorization: Bearer $bearer"
is "but pulls" "$status" 200
has "both are listed, the first as used" "$(control member token list ada)" \
    "^$id +ada +release job +\[\"downloads\"\] +\[\"tool\"\] +20[^ ]+ +20[^ ]+ +20"
lacks "without what is secret" "$(control member token list)" "$(cut -d_ -f3 <<<"$token")"
check "one is revoked" control member token revoke "$id"
ask "$downloads/tool.bin" -u "ada@example.com:$token"
is "and worth nothing at the next request" "$status" 401
check "so is the other" control member token revoke "$(cut -d_ -f2 <<<"$puller")"
ask /v2/tool/tags/list -H "Authorization: Bearer $bearer"
is "with what was had by it" "$status" 401
kept=$(control member token add ada --name kept --expires never 2>/dev/null)
gone=$(control member token add ada --name gone 2>/dev/null)
control member token revoke "$(cut -d_ -f2 <<<"$gone")" >/dev/null
kill -9 "$storefront_pid"
wait "$storefront_pid" 2>/dev/null
start_storefront --workers 2
ask "$downloads" -u "ada@example.com:$kept"
is "after a kill -9 a token is still good" "$status" 200
ask "$downloads" -u "ada@example.com:$gone"
is "and one that was revoked is not" "$status" 401
control member token add nobody --name x >"$work/said" 2>&1
is "nobody gets no token" "$? $(<"$work/said")" "1 dunite: there is no member nobody"
control member token >"$work/said" 2>&1
is "a call without what it needs is 2" $? 2

# ---- a budget of failures that is used up ----

bearer=$(curl -s -u "ada@example.com:correct horse" "$storefront/auth/token?scope=repository:tool:pull" |
    sed 's/.*"token":"\([^"]*\)".*/\1/')
for i in $(seq 12); do
    curl -s -o /dev/null -w '%{http_code}\n' -u "ada@example.com:wrong $i" "$storefront$downloads" &
    guesses+=($!)
done >"$work/codes"
wait "${guesses[@]}"
is "of twelve guesses at once as many are taken as the token that was revoked left of five" \
    "$(sort "$work/codes" | uniq -c | tr -s ' \n' ' ')" " 4 401 8 429 "
ask "$downloads" -u "ada@example.com:correct horse"
is "then even what is right is denied" "$status" 429
check "with the time to wait" test "$(header retry-after)" -le 60
ask "$downloads" -u "ada@example.com:$kept"
is "but an access token is good" "$status" 200
ask /v2/ -H "Authorization: Bearer $bearer"
is "and a bearer token" "$status" 200
check "the member is disabled" control member disable ada
ask "$downloads" -u "ada@example.com:$kept"
is "the access token is worth nothing then" "$status" 429
ask /v2/ -H "Authorization: Bearer $bearer"
is "nor the bearer token" "$status" 401
check "and enabled" control member enable ada
ask /v2/ -H "Authorization: Bearer $bearer"
is "all is as it was" "$status" 200
