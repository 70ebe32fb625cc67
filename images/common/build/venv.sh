#!/bin/sh
# Runs as root while an image is built: /opt/venv, a Python environment that `pip install` can write to, first on PATH.
set -eu

python3 -m venv --system-site-packages /opt/venv
# A box gives `coder` the ids of the person outside; whoever that is may write here. Nobody else is in the box.
chmod -R a+rwX /opt/venv
# Login shells build a PATH of their own.
# shellcheck disable=SC2016 # the shell that reads it expands it
printf '%s\n' 'PATH=/opt/venv/bin:$PATH' >/etc/profile.d/codexctl-venv.sh
