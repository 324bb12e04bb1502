# Debian roots made by debootstrap, for scripts that source this file: debian13.sh, and image.py,
# which calls `bash -c '. root.sh; "$@"' bash FUNCTION ...`.

# debootstrap and chroot are there, where a user's PATH need not lead.
PATH=$PATH:/usr/sbin:/sbin

fail() {
  echo "error: $*" >&2
  exit 1
}

# make_root ROOT PACKAGES LOG: a whole root or none; PACKAGES are separated by commas, or "".
make_root() {
  local root=$1 packages=$2 log=$3 part=$1.part
  [ "$(id -u)" = 0 ] || fail "a Debian 13 root needs the rights of root to be made and entered"
  command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
  echo "making a Debian 13 root (once)"
  rm -rf "$part"
  debootstrap --variant=minbase ${packages:+"--include=$packages"} trixie "$part" ${TUWEN_MIRROR:+"$TUWEN_MIRROR"} \
    >"$log" 2>&1 || { tail -n 5 "$log" >&2; fail "debootstrap failed; all it said is in $log"; }
  mv "$part" "$root"
}

# copy_settings ROOT HOME: whatever this machine needs to reach its package indexes goes into a root
# and into the folder that will be home in it: certificates, names, pip's and uv's settings.
copy_settings() {
  local root=$1 home=$2 file
  for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt /etc/pip.conf /etc/uv/uv.toml \
    "${PIP_CONFIG_FILE:-}" "${SSL_CERT_FILE:-}" "${PIP_CERT:-}" "${REQUESTS_CA_BUNDLE:-}" "${CURL_CA_BUNDLE:-}"; do
    copy_file "$file" "$root$file"
  done
  mkdir -p "$home"
  for file in .config/pip/pip.conf .pip/pip.conf .config/uv/uv.toml; do
    copy_file "$HOME/$file" "$home/$file"
  done
}

copy_file() {
  if [ -f "$1" ]; then
    mkdir -p "$(dirname "$2")"
    cp -L "$1" "$2"
  fi
}

# Prints the variables that hold inside too, one NAME=value a line.
settings() {
  env | grep -E '^(CI|LANG|TERM|[A-Za-z]+_PROXY|[a-z]+_proxy|(PIP|UV|SSL|TUWEN)_[A-Z_]+|(REQUESTS|CURL)_CA_BUNDLE)=' |
    grep -vE '^(UV_CACHE_DIR|TUWEN_CACHE)=' || true
}

# tracked_files PROJECT: a tar stream of the tracked files as they stand in the work tree.
tracked_files() {
  cd "$1"
  git ls-files -z | xargs -0 -r sh -c 'for file; do [ -e "$file" ] && printf "%s\0" "$file"; done' sh |
    tar --null -T - -cf -
}
