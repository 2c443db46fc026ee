# shellcheck shell=bash disable=SC2034 # its variables are used where it is sourced
# Where the machine itself gets packages of its distribution; sourced by `install` and by tests, never run.

# Prints `URI SUITE COMPONENT` for each source of packages below /etc/apt, or below $1: both of apt's formats, one line
# each and deb822.
sources() {
  local etc=${1:-/etc/apt}
  cat "$etc"/sources.list "$etc"/sources.list.d/*.list 2>/dev/null | sed 's/\[[^]]*\]//' |
    awk '$1 == "deb" { for (at = 4; at <= NF && $at !~ /^#/; at++) print $2, $3, $at }'
  # A paragraph is a source; a comment or a blank may stand anywhere in it, and names have any case.
  cat "$etc"/sources.list.d/*.sources 2>/dev/null | awk '
    function flush_source(  u, s, c, uris, suites, components) {
      if (field["types"] ~ /(^| )deb( |$)/ && field["enabled"] !~ /no|false|off/)
        for (u = 1; u <= split(field["uris"], uris, " "); u++)
          for (s = 1; s <= split(field["suites"], suites, " "); s++)
            for (c = 1; c <= split(field["components"], components, " "); c++)
              print uris[u], suites[s], components[c]
      delete field
    }
    /^#/ { next }
    /^[ \t]*$/ { flush_source(); next }
    /^[^ \t]/ { name = tolower($0); sub(/:.*/, "", name); sub(/^[^:]*:/, "") }
    { sub(/^[ \t]+/, ""); field[name] = field[name] " " $0 }
    END { flush_source() }'
}

# Fills archive_id (debian, ubuntu), archive_codename, archive_uri, archive_keys and archive_keyring, the package of
# those keys. Fails where apt has no such archive. Takes the folders of apt and of os-release, for tests.
find_archive() {
  local etc=${1:-/etc/apt} release=${2:-/etc}/os-release
  archive_id=$(sed -n 's/^ID=//p' "$release")
  archive_codename=$(sed -n 's/^VERSION_CODENAME=//p' "$release")
  case $archive_id in
    debian) archive_keyring=debian-archive-keyring ;;
    ubuntu) archive_keyring=ubuntu-keyring ;;
    *) return 1 ;;
  esac
  archive_keys=/usr/share/keyrings/$archive_id-archive-keyring.gpg
  # By its suite, since its address may say nothing, such as mirror+file:/etc/apt/mirrors.txt; or, where the suite is
  # named "testing", by its address.
  archive_uri=$(sources "$etc" | awk -v suite="$archive_codename" -v end="/$archive_id/?$" \
    '$3 == "main" && ($2 == suite || $1 ~ end) && !uri { uri = $1 } END { print uri }')
  [[ -n $archive_uri ]]
}

# Prints apt sources: Debian's suite $1, from the machine's own mirror, which has all; or Ubuntu's own suites.
archive_sources() {
  local from="deb [signed-by=$archive_keys] $archive_uri"
  case $archive_id in
    debian) echo "$from $1 main" ;;
    ubuntu) printf '%s main universe\n' "$from $archive_codename"{-updates,} ;;
  esac
}

# Of the package names on standard input, those meant by the arguments: Ubuntu's may carry a version, as in
# mysql-server-core-8.0 and docker-compose-v2.
archive_names() {
  local known name
  known=$(cat)
  for name in "$@"; do
    if [[ $archive_id == ubuntu ]]; then
      grep -xE "$name(-v?[0-9.]+)?" <<<"$known" | sort -V | tail -n 1
    else
      echo "$name"
    fi
  done
}
