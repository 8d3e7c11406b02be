# Prints "PASSED FAILED" for one suite's output, which may speak as ctest -V with cmocka programs,
# as busted, or in lines "ok NAME" and "not ok NAME". -v status=N is the suite's exit status: one
# that failed without a failure to show for it (it crashed, it hung) counts as one failure.

function number_before(word,    i) {
    for (i = 2; i <= NF; i++) if (index($i, word) == 1) return $(i - 1) + 0
    return 0
}

# A program that ctest ran: its lines begin "7: ", its verdict reads " 3/12 Test  #7: name … Passed".
/^[0-9]+: \[  PASSED  \] [0-9]+ test/      { good[$1 + 0] += number_before("test(s)") }
/^[0-9]+: \[  FAILED  \].* [0-9]+ test\(s\)/ { bad[$1 + 0] += number_before("test(s)") }
/^ *[0-9]+\/[0-9]+ Test +#[0-9]+:/ {
    match($0, /#[0-9]+/)
    program = substr($0, RSTART + 1, RLENGTH - 1) + 0
    if (/ Passed +[0-9.]+ sec/) {
        passed += good[program] ? good[program] : 1
    } else {
        passed += good[program]
        failed += bad[program] ? bad[program] : 1
    }
}

# busted: "12 successes / 0 failures / 0 errors / 1 pending : 0.1 seconds", perhaps in colours.
/success(es)? .*\/.* failures? .*\/.* errors? / {
    gsub(/\033\[[0-9;]*m/, "")
    passed += number_before("success")
    failed += number_before("failure") + number_before("error")
}

/^ok /     { passed++ }
/^not ok / { failed++ }

END {
    if (status != 0 && failed == 0) failed = 1
    print passed + 0, failed + 0
}
