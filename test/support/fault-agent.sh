#!/bin/sh
# An agent CLI that does what no agent should. Its prompt is a shell script that may use the functions below.
# Where one takes a MARK, that is a duration which only the processes of one test sleep for.

# ignores MARK: is deaf to every polite signal.
ignores() {
  trap '' TERM INT HUP
  echo started
  while :; do sleep "$1"; done
}

# forks MARK COUNT
forks() {
  count=0
  while [ "$count" -lt "$2" ]; do
    sleep "$1" &
    count=$((count + 1))
  done
  echo started
  wait
}

# own_session MARK
own_session() {
  setsid sleep "$1" &
  echo started
  wait
}

# daemon MARK: forks twice, in a session of its own, so that it is nobody's child.
daemon() {
  setsid sh -c 'sleep "$1" >/dev/null 2>&1 &' sh "$1" &
  wait
  echo started
  while :; do sleep 0.2; done
}

# bare MARK: starts a child without an environment.
bare() {
  env -i /bin/sleep "$1" &
  echo started
  wait
}

# stranger MARK GATE: without environment, in a session of its own, and nobody's child once a file is there.
stranger() {
  env -i setsid sh -c 'sleep "$1" & until [ -e "$2" ]; do sleep 0.1; done' sh "$1" "$2" &
  echo started
  wait
  echo orphaned
  while :; do sleep 0.2; done
}

# holds_stdout MARK: leaves its pipes to a child in another session, and ends.
holds_stdout() {
  setsid sleep "$1" &
  echo started
}

# relay MARK: every process forks another one and ends at once; all are deaf to TERM and INT. Each leaves its
# number in outputs/baton, since none lives long enough to be looked at.
relay() {
  trap '' TERM INT
  echo started
  exec python3 -c 'import os
baton = os.open("outputs/baton", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
while True:
    os.write(baton, b"%d\n" % os.getpid())
    if os.fork(): os._exit(0)' "$1"
}

# lines COUNT WIDTH: numbered lines as fast as they are taken.
lines() {
  awk -v n="$1" -v w="$2" 'BEGIN {
    pad = sprintf("%" w "s", ""); gsub(" ", "x", pad)
    for (i = 1; i <= n; i += 1) print i " " pad
  }'
}

# paced PAUSE GATE: numbered lines, one each PAUSE, until a file is there.
paced() {
  i=0
  until [ -e "$2" ]; do
    i=$((i + 1))
    echo "line $i"
    sleep "$1"
  done
}

# one_line BYTES
one_line() {
  head -c "$1" /dev/zero | tr '\0' x
  echo
}

script=$(cat)
eval "$script"
