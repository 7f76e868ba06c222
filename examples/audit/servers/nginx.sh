#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# nginx (Debian: nginx-light), which says hello: nginx.sh PORT FOLDER
set -eu
cat >"$2/nginx.conf" <<END
daemon off; master_process off; user root; pid nginx.pid; error_log stderr; events {}
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server { listen [::]:$1 ipv6only=off; return 200 hello; }
}
END
PATH=$PATH:/usr/sbin exec nginx -e stderr -c "$2/nginx.conf" -p "$2"
