# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by the other scripts: makes the virtual environment and installs what is missing. Those
# that need the tools of the tests (linter, type checker, hypothesis) set `part=tests` before.
#
# NETLAB_VENV      where the environment is (default: .venv in the checkout)
# PYTHON           which Python makes it (default: the first of python3, python3.14 ... that is 3.11+)
# NETLAB_VERSIONS  locked: what requirements.lock says, checked by its hashes (default);
#                  newest, oldest: of what pyproject.toml allows
# NETLAB_AS        checkout: what is edited there is what runs (default); wheel: a copy, as a package is,
#                  of locked versions

say() { printf 'netlab: %s\n' "$*" >&2; }
stop() { say "$*"; exit 3; }

venv=${NETLAB_VENV:-.venv}
versions=${NETLAB_VERSIONS:-locked}
part=${part:-play}
case ${NETLAB_AS:-checkout} in
checkout) editable=--editable ;;
wheel) editable= ;;
*) stop "NETLAB_AS is checkout or wheel, not $NETLAB_AS" ;;
esac
tests_begin='# --- what the tests need besides'

# Installs system packages where this user may; says what to install where not.
# Arguments: Debian's name, Fedora's name (each may be several, in one word).
system_packages() {
    if [ "$(id -u)" -ne 0 ]; then
        return 1
    elif command -v apt-get >/dev/null; then
        # shellcheck disable=SC2086  # several names in one word are meant
        { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy $1; } >&2
    elif command -v dnf >/dev/null; then
        # shellcheck disable=SC2086
        dnf install -qy $2 >&2
    else
        return 1
    fi
}

# Installs what programs come in where one is missing: the programs, Debian's packages, Fedora's.
programs() {
    for program in $1; do
        command -v "$program" >/dev/null && continue
        say "installing what is needed: $program"
        system_packages "$2" "$3" || say "cannot install $program here: what asks it will fail"
        return
    done
}

# Installs a program that comes as a service, which nobody has asked for: it does not run.
resting() { # the program, its service, Debian's package, Fedora's
    ! command -v "$1" >/dev/null || return 0
    programs "$1" "$3" "$4"
    systemctl disable --now "$2" "$1" >/dev/null 2>&1 || :
}

python_is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if command -v "$python" >/dev/null && python_is_new_enough "$python"; then
            return
        fi
    done
    stop "needs Python 3.11 or newer. Install it, and name it if it is not called python3:" \
        "PYTHON=python3.12 ./scripts/run"
}

make_environment() {
    find_python
    say "making the virtual environment in $venv"
    if ! "$python" -m venv "$venv" 2>/dev/null; then
        # Debian and Ubuntu keep ensurepip in a package of its own.
        system_packages python3-venv python3-pip || stop "$python cannot make virtual" \
            "environments here. Install its venv module (Debian, Ubuntu: apt install python3-venv)"
        "$python" -m venv "$venv" || stop "$python -m venv $venv failed"
    fi
}

pip_install() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" ||
        stop "pip could not install netlab: see above"
}

# netlab itself comes last, built with what is installed by then: no registry is asked for more.
install_locked() {
    case $part in
    play) sed "/^$tests_begin/,\$d" requirements.lock ;;
    tests) cat requirements.lock ;;
    esac >"$venv/requirements.txt"
    pip_install --require-hashes --requirement "$venv/requirements.txt"
    # shellcheck disable=SC2086  # no word where it is empty
    pip_install --no-deps --no-build-isolation $editable .
}

# The environment is good while it holds what these files ask for.
install_netlab() {
    wanted="$versions $(cat pyproject.toml requirements.lock | cksum)"
    case $(cat "$venv/netlab-installed" 2>/dev/null) in
    "$part $wanted" | "tests $wanted") return ;;
    esac
    [ "$part" = play ] && extra=all || extra=dev
    # Before it had a name of its own on the package index, it was installed as netlab.
    ! "$venv/bin/python" -m pip --disable-pip-version-check show --quiet netlab 2>/dev/null ||
        "$venv/bin/python" -m pip uninstall --quiet --yes netlab
    say "installing netlab and what it needs into $venv"
    case $versions in
    locked) install_locked ;;
    newest) pip_install --upgrade --upgrade-strategy eager --editable ".[$extra]" ;;
    oldest) # pip has no word for it
        pip_install uv
        "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" \
            --resolution lowest-direct --editable ".[$extra]" ||
            stop "uv could not install netlab: see above"
        ;;
    *) stop "NETLAB_VERSIONS is locked, newest or oldest, not $versions" ;;
    esac
    printf '%s\n' "$part $wanted" >"$venv/netlab-installed"
}

if [ "$part" != none ]; then
    [ -x "$venv/bin/python" ] && python_is_new_enough "$venv/bin/python" || make_environment
    install_netlab
fi
