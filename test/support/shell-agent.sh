#!/bin/sh
# An agent CLI for tests: its prompt is the shell script that it runs. Its arguments are in "$@".
script=$(cat)
eval "$script"
