#!/bin/sh
# Runs as root while the image is built: the writable environment, and what the family has no packages for.
set -eu
# shellcheck disable=SC1091 # there in the image
. /usr/local/share/codexctl/authorities.sh
here=${0%/*}

sh /usr/local/share/codexctl/venv.sh
if command -v apk >/dev/null 2>&1; then
    /opt/venv/bin/pip install --no-cache-dir --no-deps --disable-pip-version-check --require-hashes -r "$here/requirements.txt"
fi
# The family's own pytest belongs to the family's Python, which does not see what is installed into the environment.
# shellcheck disable=SC2016 # the script that is written expands it
printf '%s\n' '#!/bin/sh' 'exec /opt/venv/bin/python3 -m pytest "$@"' >/opt/venv/bin/pytest
chmod -R a+rwX /opt/venv
chmod 755 /opt/venv/bin/pytest

# Debian has another program named fd.
command -v fd >/dev/null || ln -s "$(command -v fdfind)" /usr/local/bin/fd
fc-cache --system-only
