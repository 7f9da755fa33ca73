#!/usr/bin/env bash
# Puts Postgres with PL/Python, pgvector and pg_cron on a Debian or Ubuntu machine, and does nothing where they
# are already. Shared by the Makefile, CI and the Dockerfile. PG_MAJOR chooses the Postgres.
# Exit code 3: this machine cannot have them; one line on stderr says why.
set -euo pipefail
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

say() { echo "provision: $*"; }

cannot() {
    echo "provision: no full profile on this machine: $*" >&2
    exit 3
}

newest_server() {
    local postgres major newest=
    for postgres in /usr/lib/postgresql/*/bin/postgres; do
        [[ -x $postgres ]] || continue
        major=${postgres#/usr/lib/postgresql/}
        major=${major%%/*}
        ((major > ${newest:-14})) && newest=$major
    done
    echo "$newest"
}

has_extension() { # control name, library name
    [[ -e /usr/share/postgresql/$major/extension/$1.control && -e /usr/lib/postgresql/$major/lib/$2.so ]]
}

missing_packages() {
    [[ -x /usr/lib/postgresql/$major/bin/postgres ]] || echo "postgresql-$major"
    has_extension plpython3u plpython3 || echo "postgresql-plpython3-$major"
    has_extension pg_cron pg_cron || echo "postgresql-$major-cron"
    has_extension vector vector || echo "postgresql-$major-pgvector"
}

as_root() {
    if ((EUID == 0)); then "$@"; else sudo --preserve-env=DEBIAN_FRONTEND,LC_ALL "$@"; fi
}

logged() { # what it is for, command...
    local purpose=$1
    shift
    "$@" >"$scratch/log" 2>&1 ||
        cannot "$purpose failed: $(grep -m1 -E '^E:|rror' "$scratch/log" || tail -n1 "$scratch/log")"
}

in_archive() { [[ $(apt-cache policy "$1") == *"Candidate: "[0-9]* ]]; }

install_packages() {
    say "installing $*"
    logged "installing $*" as_root apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "$@"
}

# Debian starts a cluster of its own for a new server package; nobody asked us for one.
without_main_cluster() {
    local conf=/etc/postgresql-common/createcluster.d/pg_flywheel.conf
    as_root mkdir -p "${conf%/*}"
    echo "create_main_cluster = false" | as_root tee "$conf" >/dev/null
    trap 'as_root rm -f '"$conf"'; rm -rf "$scratch"' EXIT
    "$@"
    as_root rm -f "$conf"
}

# The archive of this release has no pgvector: compile the source package of the next release, fetched and
# verified by apt with a throw-away configuration, so that the machine's own sources stay as they are.
build_pgvector() {
    local next mirror
    case $(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release) in
    bookworm) next=trixie ;;
    *) cannot "its archive has no postgresql-$major-pgvector, and we know no later release to build it from" ;;
    esac
    # shellcheck disable=SC2016  # the $ is apt's
    mirror=$(apt-get indextargets --format '$(REPO_URI)' \
        "Origin: Debian" "Codename: bookworm" "Component: main" "Created-By: Packages" | sed -n 1p)
    [[ $mirror ]] || cannot "its apt sources name no Debian mirror to fetch pgvector's source from"

    # The keyring, because only its newer versions know the next release's keys.
    install_packages "postgresql-server-dev-$major" gcc libc6-dev make debian-archive-keyring

    say "building pgvector from the source package of $next at $mirror"
    mkdir -p "$scratch"/{sources,lists/partial,cache/archives/partial,source}
    printf '%s\n' "Types: deb-src" "URIs: $mirror" "Suites: $next" "Components: main" \
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg" >"$scratch/sources/next.sources"
    chmod -R a+rX "$scratch"
    if ((EUID == 0)) && getent passwd _apt >/dev/null; then chown _apt "$scratch/source"; fi
    local apt=(apt-get -o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$scratch/sources"
        -o "Dir::State::Lists=$scratch/lists" -o "Dir::Cache=$scratch/cache")
    logged "reading the package list of $next" "${apt[@]}" -o APT::Update::Error-Mode=any update
    cd "$scratch/source"
    logged "fetching pgvector's source" "${apt[@]}" source --download-only pgvector
    tar --extract --strip-components=1 --no-same-owner --file pgvector_*.orig.tar.*
    # OPTFLAGS is -march=native by default: a crash on the next machine that uses the same image.
    local make=(make PG_CONFIG="/usr/lib/postgresql/$major/bin/pg_config" OPTFLAGS='' with_llvm=no)
    logged "compiling pgvector" "${make[@]}" -j "$(nproc)"
    logged "installing pgvector" as_root "${make[@]}" install
    cd /
}

major=${PG_MAJOR:-$(newest_server)}
if [[ $major ]]; then
    mapfile -t missing < <(missing_packages)
    if ((${#missing[@]} == 0)); then
        say "Postgres $major has PL/Python, pgvector and pg_cron"
        exit 0
    fi
fi

command -v apt-get >/dev/null || cannot "it has no apt-get (Debian and Ubuntu only)"
if ((EUID != 0)); then
    command -v sudo >/dev/null || cannot "packages are missing, and user $(id -un) is not root and has no sudo"
    sudo -n true 2>/dev/null || [[ -t 0 ]] ||
        cannot "packages are missing, and sudo asks user $(id -un) for a password"
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

say "reading the package lists"
# One broken third-party source makes this fail while the packages we want are there.
as_root apt-get -o DPkg::Lock::Timeout=300 update >"$scratch/log" 2>&1 || say "$(grep -m1 '^E:' "$scratch/log" || true)"

if [[ -z $major ]]; then
    major=$(apt-cache depends postgresql | sed -nE 's/^ *Depends: postgresql-([0-9]+)$/\1/p')
    [[ $major ]] || cannot "its archive has no package postgresql"
    mapfile -t missing < <(missing_packages)
fi
((major >= 15)) || cannot "Postgres 15 or newer is needed, this is Postgres $major"

packages=() pgvector_from_source=
for package in "${missing[@]}"; do
    if in_archive "$package"; then
        packages+=("$package")
    elif [[ $package == *-pgvector ]]; then
        pgvector_from_source=yes
    else
        cannot "its archive has no package $package"
    fi
done
if ((${#packages[@]})); then without_main_cluster install_packages "${packages[@]}"; fi
if [[ $pgvector_from_source ]]; then build_pgvector; fi
mapfile -t missing < <(missing_packages)
((${#missing[@]} == 0)) || cannot "still without ${missing[*]} after installing"
say "Postgres $major now has PL/Python, pgvector and pg_cron"
