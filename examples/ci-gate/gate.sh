#!/bin/sh
# Judges a shadow and lets the pipeline go on only when the verdict is PASS.
#
# usage: gate.sh [flags of `umbra report`]
#   gate.sh --wait --admin 127.0.0.1:9090     asks a running sidecar, and waits for its verdict
#   gate.sh --samples monday.ndjson           judges what was recorded
#
# Writes umbra-report.html, umbra-report.md and umbra-report.xml (JUnit) into the current folder.
# Exit status: 0 PASS, 10 FAIL, 11 INCONCLUSIVE, 12 INVALID, as `umbra report --gate` gives it; 1 and 2 are errors.
set -u
umbra=${UMBRA:-npx --no-install umbra}

# A report of an earlier run would be taken for this one's where the report can't be made.
rm -f umbra-report.html umbra-report.md umbra-report.xml

$umbra report --gate --html umbra-report.html --markdown umbra-report.md --junit umbra-report.xml "$@"
status=$?

# GitHub shows this file on the page of the run.
if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -f umbra-report.md ]; then
  cat umbra-report.md >>"$GITHUB_STEP_SUMMARY"
fi

case $status in
  0) echo "gate: PASS, the candidate can be released" >&2 ;;
  10) echo "gate: FAIL, the candidate is worse than the primary: see umbra-report.html" >&2 ;;
  11) echo "gate: INCONCLUSIVE, there is no verdict yet: umbra-report.md says what is missing" >&2 ;;
  12) echo "gate: INVALID, the comparison itself is not sound: umbra-report.md says why" >&2 ;;
  *) echo "gate: the report could not be made" >&2 ;;
esac
exit $status
