#!/usr/bin/env bash
# Copies the built extension (first argument: its directory) and the Python validators with what they import into
# the Postgres of PG_CONFIG, below DESTDIR if set. Quick when nothing changed. Uses the pip of VENV.
# Exit code 3: that server cannot have the full profile; one line on stderr says why.
set -euo pipefail
umask 022

say() { echo "install: $*"; }

cannot() {
    echo "install: no full profile in this Postgres: $*" >&2
    exit 3
}

extension=$1
[[ ${PG_CONFIG:-} ]] || cannot "there is none; make install PG_CONFIG=/path/to/pg_config names one"
: "${VENV:=.venv}"
share=$("$PG_CONFIG" --sharedir)
for needed in plpython3u vector; do
    [[ -e $share/extension/$needed.control ]] || cannot "extension $needed is not in $share/extension"
done
share=${DESTDIR:-}$share
ours=$share/pg_flywheel
python=$ours/python
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

as_owner() { # of the server's files
    if [[ -n ${DESTDIR:-} || -w $share ]]; then
        "$@"
    elif sudo -n true 2>/dev/null || [[ -t 0 && -x $(command -v sudo) ]]; then
        sudo "$@"
    else
        cannot "user $(id -un) cannot write to $share and cannot use sudo"
    fi
}

install_extension() {
    local file target changed=()
    # Somebody else's pgmq stays; ours is known by the mark that we leave.
    local skip_pgmq=
    [[ -e $share/extension/pgmq.control && ! -e $ours/pgmq-is-ours ]] && skip_pgmq=yes
    for file in "$extension"/*; do
        target=$share/extension/${file##*/}
        [[ $skip_pgmq && ${file##*/} == pgmq[.-]* ]] && continue
        cmp --silent "$file" "$target" || changed+=("$file")
    done
    ((${#changed[@]})) || return 0
    as_owner install -d "$share/extension" "$ours"
    [[ $skip_pgmq ]] || as_owner touch "$ours/pgmq-is-ours"
    as_owner install -m 644 "${changed[@]}" "$share/extension"
    say "${#changed[@]} files of the extension into $share/extension"
}

# Replaces the directory $2 by $1.
swap_in() {
    chmod -R a+rX "$1"
    as_owner rm -rf "$2"
    as_owner install -d "${2%/*}"
    as_owner cp -R --preserve=mode,timestamps "$1" "$2"
}

# The server cannot write byte code next to these files, and would compile them in every new connection.
compile() { # directory
    local interpreter=$VENV/bin/python
    [[ $("$interpreter" -c 'import sys; print("%d.%d" % sys.version_info[:2])') == "$version" ]] ||
        interpreter=$(command -v "python$version") || return 0
    "$interpreter" -m compileall -q "$1"
}

fetch() { # version of Python, what pip is to install into $scratch/python
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile \
        --target "$scratch/python" --implementation cp --python-version "$1" --only-binary=:all: "${@:2}"
}

install_validators() {
    local library version languages wanted
    library=$("$PG_CONFIG" --pkglibdir)/plpython3.so
    version=$(ldd "$library" | sed -nE 's/.*libpython(3\.[0-9]+).* => .*/\1/p')
    [[ $version ]] || cannot "$library links no libpython3"
    languages=$("$VENV/bin/python" -c 'import tomllib; from pathlib import Path
print(*tomllib.loads(Path("pyproject.toml").read_text())["project"]["optional-dependencies"]["language"], sep="\n")')
    wanted="Python $version"$'\n'$(<pyvalidators/requirements.txt)$'\n'$languages
    if [[ ! -e $python/requirements.txt || $(<"$python/requirements.txt") != "$wanted" ]]; then
        say "what the validators import, for the server's Python $version"
        # Wheels for the server's Python, which need not be ours.
        fetch "$version" --requirement pyvalidators/requirements.txt
        echo "$languages" >"$scratch/languages"
        fetch "$version" --requirement "$scratch/languages" ||
            say "no wheels of the extra language for Python $version: py:language will say that it is not installed"
        compile "$scratch/python"
        echo "$wanted" >"$scratch/python/requirements.txt"
        swap_in "$scratch/python" "$python"
    fi
    if ! diff -rq --exclude=__pycache__ pyvalidators "$python/pyvalidators" >/dev/null 2>&1; then
        say "the validators into $python"
        cp -R pyvalidators "$scratch/pyvalidators"
        find "$scratch/pyvalidators" -name __pycache__ -prune -exec rm -r {} +
        compile "$scratch/pyvalidators"
        swap_in "$scratch/pyvalidators" "$python/pyvalidators"
    fi
}

install_extension
install_validators
