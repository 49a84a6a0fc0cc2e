#!/bin/sh
# Installs the programs that tests of the project start, where apt-get and root are at hand.
# Without them those tests are skipped, so this never fails: it prints what is missing and goes on.
set -u
PATH=$PATH:/usr/sbin:/sbin # Debian keeps debootstrap there, where the path of a user may not look

# command:package, for each program that tests look up
tools='
prometheus:prometheus
promtool:prometheus
prometheus-alertmanager:prometheus-alertmanager
amtool:prometheus-alertmanager
chromium:chromium
debootstrap:debootstrap
buildah:buildah
openssl:openssl
'

missing=''
for tool in $tools; do
    package=${tool#*:}
    case " $missing " in
        *" $package "*) continue ;;
    esac
    command -v "${tool%%:*}" >/dev/null 2>&1 || missing="${missing:+$missing }$package"
done

if [ -z "$missing" ]; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "install-tools: not installed, for want of root or apt-get: $missing"
    exit 0
fi

log=$(mktemp)
made_policy=''
trap 'rm -f "$log" $made_policy' EXIT
trap 'exit 0' INT TERM

# Debian starts a daemon as soon as its package is there. The tests start their own, on ports of their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ] && printf '#!/bin/sh\nexit 101\n' >"$policy"; then
    made_policy=$policy
    chmod +x "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update >"$log" 2>&1
installed=''
failed=''
for package in $missing; do # one by one: a package that this distribution lacks must not cost the others
    if apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$package" >>"$log" 2>&1; then
        installed="${installed:+$installed }$package"
    else
        failed="${failed:+$failed }$package"
    fi
done

if [ -n "$failed" ]; then
    echo "install-tools: could not install $failed: $(grep '^E:' "$log" | tail -n 1)"
else
    echo "install-tools: installed $installed"
fi
exit 0
