#!/usr/bin/env bash
# Runs a command on the other stack: copies this tree into a Debian 13 root made by debootstrap,
# makes the environment there (`make env`) and runs the command in the copy.
#
#   requirements/debian13.sh [COMMAND...]        (default: make test)
#
# The root, the environment and the downloads stay in TUWEN_CACHE (default: the user's cache folder),
# so that the next run starts at once. TUWEN_MIRROR names another Debian mirror. Indexes, proxies and
# certificates of this machine hold inside too.
set -euo pipefail

project=$(cd "$(dirname "$0")/.." && pwd)
cache=${TUWEN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tuwen}
root=$cache/debian13
# Mounted at /srv: the copy of the tree with its .venv beside uv's downloads, so that uv can link them.
work=$cache/debian13-work
packages=ca-certificates,g++,git,make,python3,python3-dev,python3-venv

fail() {
  echo "error: $*" >&2
  exit 1
}

make_root() {
  command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
  echo "making a Debian 13 root (once)"
  local part=$root.part log=$cache/debootstrap.log
  rm -rf "$part"
  debootstrap --variant=minbase --include="$packages" trixie "$part" ${TUWEN_MIRROR:+"$TUWEN_MIRROR"} \
    >"$log" 2>&1 || { tail -n 5 "$log" >&2; fail "debootstrap failed; all it said is in $log"; }
  mv "$part" "$root"
}

# Whatever this machine needs to reach its package indexes: certificates, names, pip's and uv's settings.
copy_settings() {
  local file
  for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt /etc/pip.conf /etc/uv/uv.toml \
    "${PIP_CONFIG_FILE:-}" "${SSL_CERT_FILE:-}" "${PIP_CERT:-}" "${REQUESTS_CA_BUNDLE:-}" "${CURL_CA_BUNDLE:-}"; do
    copy_file "$file" "$root$file"
  done
  # A new home for each run: what a test leaves there must not help the next one.
  rm -rf "$work/home"
  mkdir -p "$work/home"
  for file in .config/pip/pip.conf .pip/pip.conf .config/uv/uv.toml; do
    copy_file "$HOME/$file" "$work/home/$file"
  done
}

copy_file() {
  if [ -f "$1" ]; then
    mkdir -p "$(dirname "$2")"
    cp -L "$1" "$2"
  fi
}

# The tracked files as they stand in the work tree; the copy keeps its environment.
copy_tree() {
  mkdir -p "$work/project"
  find "$work/project" -mindepth 1 -maxdepth 1 ! -name .venv ! -name .tools -exec rm -rf {} +
  (cd "$project" && git ls-files -z | xargs -0 -r sh -c 'for file; do [ -e "$file" ] && printf "%s\0" "$file"; done' sh) |
    tar -C "$project" --null -T - -cf - | tar -C "$work/project" -xf -
}

settings() {
  env | grep -E '^(CI|LANG|TERM|[A-Za-z]+_PROXY|[a-z]+_proxy|(PIP|UV|SSL|TUWEN)_[A-Z_]+|(REQUESTS|CURL)_CA_BUNDLE)=' |
    grep -vE '^(UV_CACHE_DIR|TUWEN_CACHE)=' || true
}

enter() {
  mount --rbind /proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount --bind "$work" "$root/srv"
  if [ -d "$project/../shared/data" ]; then
    mkdir -p "$work/shared/data"
    mount --bind -o ro "$project/../shared/data" "$root/srv/shared/data"
  fi
  local -a environment
  mapfile -t environment < <(settings)
  exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "${environment[@]}" \
    HOME=/srv/home UV_CACHE_DIR=/srv/uv sh -c 'cd /srv/project && make --no-print-directory env && exec "$@"' sh "$@"
}

[ "$(id -u)" = 0 ] || fail "a Debian 13 root needs the rights of root to be made and entered"
[ "$#" -gt 0 ] || set -- make --no-print-directory test
mkdir -p "$cache"
# One run at a time: they share the root.
exec 9>"$cache/debian13.lock"
flock 9
if [ ! -d "$root" ]; then make_root; fi
copy_settings
copy_tree
# In a mount name space of its own no mount outlives the command, however it ends.
export project root work
export -f enter settings
exec unshare --mount bash -euo pipefail -c 'enter "$@"' bash "$@"
