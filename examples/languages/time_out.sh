#!/bin/sh
# A connect time-out, in the shell: netlab exec -- sh time_out.sh
curl -s --connect-timeout 1 "http://$NETLAB_BLACKHOLE/"
test $? -eq 28 || exit 1
curl -s --abstract-unix-socket netlab http://lab/cut -d '{}' >/dev/null
curl -s --connect-timeout 1 "http://$NETLAB_SILENT/"
test $? -eq 28 && echo "timed out"
