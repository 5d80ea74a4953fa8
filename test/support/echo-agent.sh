#!/bin/sh
# An agent CLI for tests that says how it was started: its arguments, its stdin, the file that is its
# last argument, and its variables whose names begin with ACME_. With "hang" it waits until it is asked
# to end, and says by which signal.
for argument in "$@"; do
  echo "argument: $argument"
  last=$argument
done
echo "stdin: $(cat)"
[ -f "$last" ] && echo "file: $(cat "$last")"
env | grep '^ACME_' | sort
case " $* " in
*' hang '*)
  trap 'echo "asked by INT"; exit 0' INT
  trap 'echo "asked by TERM"; exit 0' TERM
  echo waiting
  while :; do sleep 0.05; done
  ;;
esac
