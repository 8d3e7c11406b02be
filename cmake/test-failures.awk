# Of a suite's log (read twice), what a person wants to see when it failed: from ctest's the lines of
# the programs that failed, from any other all lines.

function program_of(line) {
    return match(line, /^[0-9]+:/) ? substr(line, 1, RLENGTH - 1) : ""
}

FNR == 1 { pass++ }

pass == 1 && /^ *[0-9]+\/[0-9]+ Test +#[0-9]+:/ {
    ctest = 1
    match($0, /#[0-9]+/)
    if (!/ Passed +[0-9.]+ sec/) failing[substr($0, RSTART + 1, RLENGTH - 1)] = 1
}

pass == 2 && (!ctest || program_of($0) in failing || /\*\*\*/)
