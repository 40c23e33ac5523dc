#!/bin/sh
# Installs Debian packages that are missing. A package counts as installed if a command of the same name exists;
# `present` lists the exceptions.
# usage: scripts/packages.sh PACKAGE...
set -eu

has_library() { ldconfig -p 2>/dev/null | grep -q "$1" || /sbin/ldconfig -p 2>/dev/null | grep -q "$1"; }

present() {
    case $1 in
    python3-venv) "${PYTHON:-python3}" -c 'import ensurepip' 2>/dev/null ;;
    libzstd1) has_library libzstd.so ;;
    gcc) command -v cc >/dev/null ;;
    libwireshark-dev) pkg-config --exists wireshark 2>/dev/null || test -e /usr/include/wireshark/ws_version.h ;;
    libglib2.0-dev) pkg-config --exists glib-2.0 2>/dev/null ;;
    iproute2) command -v ip >/dev/null ;;
    iputils-ping) command -v ping >/dev/null ;;
    man-db) command -v man >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

missing=
for package in "$@"; do
    present "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "Error: install these packages with your package manager, then try again:$missing" >&2
    exit 1
fi
root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Error: as root, run: apt-get install$missing" >&2; exit 1; }
    root='sudo'
fi
echo "Installing$missing ..." >&2
$root apt-get update -qq
# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends $missing >/dev/null
