#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Looks at the TCP sockets of a host twice and prints what it sees, as one text that 'netlab diagnose'
# reads. It needs a POSIX shell, and uses what else is there: it writes no file and changes nothing.
#
#   sh collect.sh > web1.txt                          -t SECONDS  between the looks (5; 0: one look)
#   ssh web1 sh -s < collect.sh > web1.txt            -n NAME     what diagnose calls this host
#   ssh web1 sh -s -- -t 10 < collect.sh > web1.txt

say() { printf '%s\n' "$*"; }

usage() {
    say "collect.sh: $1; usage: sh collect.sh [-t SECONDS] [-n NAME]" >&2
    exit 2
}

has() { command -v "$1" >/dev/null 2>&1; }

# Prints a file, with nothing but the shell where there is no cat: that is slow.
show() {
    if [ ! -r "$1" ]; then
        say "#: missing $1"
    elif has cat; then
        cat "$1" 2>/dev/null || say "#: failed cat $1"
    else
        while IFS= read -r line; do say "$line"; done <"$1"
    fi
}

# The first line of a file, or what else was given.
first() {
    line=
    if [ ! -r "$1" ]; then
        : # what was given will do
    elif has cat; then
        line=$(cat "$1" 2>/dev/null)
    else
        IFS= read -r line <"$1"
    fi
    printf '%s' "${line:-$2}"
}

# Seconds since 1970, those since the machine started, and when that was: '-' where nobody knows.
# BusyBox's date has no fraction of a second, and some containers have no date.
clock() {
    today=$(date +%s.%N 2>/dev/null || date +%s 2>/dev/null) || today=
    up=$(first /proc/uptime -)
    booted=-
    if [ -r /proc/stat ]; then
        while read -r key value _; do
            [ "$key" != btime ] || booted=$value
        done </proc/stat
    fi
    printf '%s' "date=${today:--} uptime=${up%% *} boot=$booted"
}

# Runs a program and prints its command line first; nothing here reads the script on standard input.
# ss fills every line with blanks up to the longest one: more than half of what it prints.
run() {
    say "\$ $*"
    if has sed; then
        run_only "$@" | sed 's/ *$//'
    else
        run_only "$@"
    fi
}

run_only() { "$@" 2>/dev/null </dev/null || say "#: failed $*: exit code $?"; }

# Sets `sockets` to the command that shows most of what runs here: '' for none. netstat without -o,
# BusyBox's, shows less than /proc/net/tcp.
choose_sockets() {
    sockets=
    for sockets in 'ss -tanoeip' 'ss -tanoei' 'ss -tanoe' \
        'netstat -tanopeW' 'netstat -tanope' 'netstat -tano'; do
        # shellcheck disable=SC2086  # a command and its options
        if has "${sockets%% *}" && $sockets -l >/dev/null 2>&1 </dev/null; then
            return
        fi
    done
    sockets=
    if [ ! -r /proc/net/tcp ] && has netstat; then
        sockets='netstat -tan'
    fi
}

show_sockets() {
    if [ -n "$sockets" ]; then
        # shellcheck disable=SC2086
        run $sockets
        return
    fi
    for file in /proc/net/tcp /proc/net/tcp6; do
        [ "$file" = /proc/net/tcp ] || [ -r "$file" ] || continue # a host without IPv6
        say "\$ cat $file"
        show "$file"
    done
}

# -s: without it nstat writes down what it has shown, and whoever counts from there is confused.
show_counters() {
    if has nstat && nstat -azs >/dev/null 2>&1 </dev/null; then
        run nstat -azs
        return
    fi
    for file in /proc/net/netstat /proc/net/snmp; do
        say "\$ cat $file"
        show "$file"
    done
}

look() {
    say "#: look $1 $(clock)"
    say '#: counters'
    show_counters
    say '#: sockets'
    show_sockets
}

# The kernel gives a number below /proc/sys to whoever reads all of it at once. cat does, and so do
# some shells; dash reads one character, and there it ends.
show_sysctls() {
    say '#: sysctls'
    number=$(first /proc/sys/kernel/pid_max '')
    if [ ${#number} -lt 2 ]; then # it has more digits
        say '#: note the settings below /proc/sys cannot be read here'
        return
    fi
    for name in \
        net.core.somaxconn \
        net.ipv4.ip_local_port_range \
        net.ipv4.tcp_abort_on_overflow \
        net.ipv4.tcp_fin_timeout \
        net.ipv4.tcp_keepalive_intvl \
        net.ipv4.tcp_keepalive_probes \
        net.ipv4.tcp_keepalive_time \
        net.ipv4.tcp_max_orphans \
        net.ipv4.tcp_max_syn_backlog \
        net.ipv4.tcp_max_tw_buckets \
        net.ipv4.tcp_mtu_probing \
        net.ipv4.tcp_orphan_retries \
        net.ipv4.tcp_retries2 \
        net.ipv4.tcp_rto_max_ms \
        net.ipv4.tcp_syn_linear_timeouts \
        net.ipv4.tcp_syn_retries \
        net.ipv4.tcp_synack_retries \
        net.ipv4.tcp_syncookies \
        net.ipv4.tcp_timestamps \
        net.ipv4.tcp_tw_reuse; do
        # net.core.somaxconn is in net/core/somaxconn: no name has a dot of its own.
        rest=${name#*.}
        value=$(first "/proc/sys/net/${rest%%.*}/${rest#*.}" '')
        [ -z "$value" ] || say "$name = $value"
    done
}

# Only where the kernel tracks connections already: to ask would make it load that.
show_conntrack() {
    if [ ! -r /proc/sys/net/netfilter/nf_conntrack_count ]; then
        say '#: conntrack none that can be seen here'
    elif ! has conntrack; then
        say '#: conntrack is not installed'
    elif ! conntrack -C >/dev/null 2>&1 </dev/null; then
        say '#: conntrack answers root only'
    else
        say '#: conntrack'
        run conntrack -L -p tcp
    fi
}

# What this host hands its packets to, and whether that answers.
show_neighbours() {
    if has ip; then
        say '#: neighbours'
        run ip route
        run ip -6 route
        run ip neigh
    else
        say '#: neighbours ip is not installed'
    fi
}

main() {
    set +e # a tool that fails costs what it would have shown, and nothing else
    seconds=5 name=
    while getopts t:n: option; do
        case $option in
        t) seconds=$OPTARG ;;
        n) name=$OPTARG ;;
        *) usage 'an option is not known' ;;
        esac
    done
    [ "$OPTIND" -gt $# ] || usage 'no more words were expected'
    case $seconds in
    '' | *[!0-9]*) usage "-t expects whole seconds, not '$seconds'" ;;
    esac
    if [ ! -c /dev/null ]; then # or what is thrown away would become a file
        say 'collect.sh: there is no /dev/null here' >&2
        exit 3
    fi
    LC_ALL=C
    export LC_ALL
    # What ss and conntrack are in is not where ordinary users look for programs.
    case :${PATH-}: in
    *:/usr/bin:* | *:/bin:*) PATH=$PATH:/usr/sbin:/sbin ;;
    esac
    choose_sockets

    say "# netlab collector 1: the TCP sockets of a host, to be read with 'netlab diagnose FILE'"
    say "#: host ${name:-$(first /proc/sys/kernel/hostname '')}"
    say "#: kernel $(first /proc/sys/kernel/ostype '?') $(first /proc/sys/kernel/osrelease '?')"
    for tool in ss netstat nstat conntrack ip date sleep cat; do
        if has "$tool"; then say "#: tool $tool"; else say "#: missing $tool"; fi
    done
    look 1
    if [ "$seconds" -gt 0 ] && has sleep; then
        sleep "$seconds"
        look 2
    else
        say '#: note one look: nothing in it can be seen to move'
    fi
    show_sysctls
    show_neighbours
    show_conntrack
    say '#: end'
    exit 0
}

main "$@"
