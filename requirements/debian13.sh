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

. "$project/requirements/root.sh"

# The copy keeps its environment.
copy_tree() {
  mkdir -p "$work/project"
  find "$work/project" -mindepth 1 -maxdepth 1 ! -name .venv ! -name .tools -exec rm -rf {} +
  (tracked_files "$project") | tar -C "$work/project" -xf -
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
if [ ! -d "$root" ]; then make_root "$root" "$packages" "$cache/debootstrap.log"; fi
# A new home for each run: what a test leaves there must not help the next one.
rm -rf "$work/home"
copy_settings "$root" "$work/home"
copy_tree
# In a mount name space of its own no mount outlives the command, however it ends.
export project root work
export -f enter settings
exec unshare --mount bash -euo pipefail -c 'enter "$@"' bash "$@"
